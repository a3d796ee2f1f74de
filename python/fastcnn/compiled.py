"""`Compiled`, a stack of layers that knows how it is trained: what `Sequential` has beside its loops and files. Private.

What a user passes becomes batches here, and the layers a plan. The checks themselves are in `arrays.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastcnn import arrays, config, losses, optimizers
from fastcnn.augmentation import Augment
from fastcnn.batches import ArrayBatches, Batches, Data, Given, GivenBatches, parts
from fastcnn.metrics import CompiledMetrics, Metric
from fastcnn.plan import Plan, Totals
from fastcnn.stack import Part, Stack
from fastcnn.variables import VariableStore

__all__: list[str] = []


class Compiled(Stack):
    """The optimizer, the loss and the metrics of a stack, and its plan, which is made anew when something of it has changed."""

    def __init__(self, layers: Sequence[Part] | None, name: str | None = None) -> None:
        self.optimizer: optimizers.Optimizer | None = None
        self.loss: losses.Loss | None = None
        self._measured = CompiledMetrics()
        self.compiled = False
        self._plan: Plan | None = None
        self._planned: tuple[Any, ...] = ()
        self.seed = config.draw_seed()
        super().__init__(layers, name)

    def __getstate__(self) -> dict[str, Any]:
        return {
            **self.__dict__,
            "_plan": None,
        }  # a plan cannot be copied or pickled, and is made again by the next call

    def compile(
        self, optimizer: Any = "adam", loss: Any = None, metrics: Any = None, weighted_metrics: Any = None
    ) -> None:
        """Says how to train.

        optimizer : a name or an Optimizer; default "adam". Keras's default, "rmsprop", is not in this package yet.
        loss : a name or a Loss; needed by `fit` and `evaluate`.
        metrics : a list of names, functions and Metrics, such as ["accuracy", "auc"]; None for none. Names that are not the class's, and which
            accuracy is meant by "accuracy", are in `metrics.get`.
        weighted_metrics : the same; in these an image counts as much as its sample or class weight says.

        Each `compile` replaces all four. Raises ValueError for unknown names, with the nearest known one.
        """
        new_optimizer = optimizers.get(optimizer, owner="compile")
        new_loss = None if loss is None else losses.get(loss, owner="compile")
        if new_loss is None and (metrics or weighted_metrics):
            raise ValueError(
                "compile: metrics without a loss are not possible: which labels they count follows from the loss"
            )
        self._measured = CompiledMetrics(metrics, weighted_metrics, new_loss)
        self.optimizer, self.loss = new_optimizer, new_loss
        self.compiled = True
        self._plan = None

    @property
    def metrics(self) -> list[Metric]:
        """The metrics of the last `compile`, then its weighted ones."""
        return self._measured.all

    @property
    def metrics_names(self) -> list[str]:
        """The names of what `evaluate` and `train_on_batch` return, in that order."""
        return ["loss", *self._measured.names]

    # What the loops are given.

    def _batches(self, given: Given, *, training: bool = False, shuffle: bool = False) -> Batches:
        """What was given as batches with labels; a model that waits for its first data is built for them. Of an iterable, the first batch is checked."""
        self._needs_loss(given.where)
        seed = self.seed if shuffle else None
        if not given.are_batches:
            data = self._data(given.where, given.of, given.x, given.y, given.sample_weight, given.class_weight)
            return ArrayBatches(data, given.checked_size(), given.checked_steps(), seed)
        given.refuse_beside_batches()

        def check(entry: Any, number: int) -> Data:
            of = f"{given.called}, batch {number}: "
            x, y, weights = (*parts(entry, f"{given.where}: {of}it"), None, None)[:3]
            return self._data(given.where, of, x, y, weights, given.class_weight)

        return GivenBatches(given, check, seed, goes_on=training)

    def _images(self, given: Given) -> Batches:
        """What was given as batches of images alone; labels beside them are passed over."""
        if not given.are_batches:
            images = arrays.images(given.x, self._sample_shape(), given.where, empty=True)
            return ArrayBatches(Data(images), given.checked_size(), given.checked_steps())
        given.refuse_beside_batches()

        def check(entry: Any, number: int) -> Data:
            of = f"x, batch {number}: "
            x = parts(entry, f"{given.where}: {of}it")[0] if isinstance(entry, (tuple, list)) else entry
            return Data(arrays.images(x, self._sample_shape(), given.where, f"{of}x"))

        return GivenBatches(given, check)

    def _needs_loss(self, where: str) -> None:
        if not self.compiled:
            raise ValueError(f"{where}: the model '{self.name}' is not compiled: call compile(loss=...) first")
        if self.loss is None:
            raise ValueError(f"{where}: the model '{self.name}' was compiled without a loss: call compile(loss=...)")

    def _data(self, where: str, of: str, x: Any, y: Any, sample_weight: Any = None, class_weight: Any = None) -> Data:
        """Images, labels and weights, checked. of : goes before their names in errors."""
        loss = self.loss
        assert loss is not None
        images = arrays.images(x, self._sample_shape(), where, f"{of}x")
        if not self.built:
            self._build(images.shape[1:], where)
        outputs = tuple(size for size in self.output_shape[1:] if size is not None)
        if loss.classes and len(outputs) != 1:
            shape = f"(N, {', '.join(map(str, outputs))})"
            raise ValueError(
                f"{where}: the model's outputs have shape {shape}, but {type(loss).__name__} takes (N, classes)"
            )
        self._measured.settle(outputs[-1] if outputs else 1)
        labels = arrays.targets(y, len(images), outputs, loss, where, f"{of}y")
        if class_weight is not None:
            if sample_weight is not None:
                raise ValueError(f"{where}: {of}class_weight and sample_weight cannot be given together")
            return Data(images, labels, arrays.class_weights(class_weight, labels, where))
        if sample_weight is None:
            return Data(images, labels)
        return Data(images, labels, arrays.sample_weights(sample_weight, len(images), where, f"{of}sample_weight"))

    # What carries them out, and what comes of it.

    def _sample_shape(self) -> tuple[int, ...] | None:
        return self._input.input_shape if self._input is not None else None

    def _settle(self, where: str) -> None:
        self._plan = None
        super()._settle(where)

    def _ready(
        self, shape: tuple[int, ...], where: str, *, train: bool = False, augment: Augment | None = None
    ) -> Plan:
        """The plan for images of that shape, which has been checked: the last one, unless something has changed or it cannot train and must.

        augment : what changes the images of the training before the first layer. In inference it does nothing, so any plan will do there.
        """
        augment = augment or Augment()
        if not self.built:
            self._build(shape, where)
        store = self.store
        frozen = (augment, self._frozen(store)) if train else None
        learns = tuple((variable.trainable, variable.regularizer) for variable in store.variables)
        frozen_layers = tuple(layer.trainable for layer in self.leaves)
        place = (store, config.get_device(), learns, frozen_layers, tuple(self.leaves))
        moved = self._plan is None or self._planned[0][0] is not store or self._planned[0][1:] != place[1:]
        if self._plan is None or moved or (train and self._planned[1] != frozen):
            self._build(shape, where)  # a model that shares layers may have left them with its own shapes
            optimizer = self.optimizer if train else None
            if optimizer is not None:
                optimizer.build(store)
            seed = self.seed if train else 0
            self._plan = Plan(
                [*augment.front(shape), *self.leaves], shape, self.loss, optimizer, seed, mixings=augment.mixings
            )
            self._planned = place, frozen
        return self._plan

    def _frozen(self, store: VariableStore) -> tuple[Any, ...] | None:
        """What a plan that trains cannot be told later."""
        optimizer = self.optimizer
        if optimizer is None:
            return None
        ways = [(optimizer.decay_of(variable), optimizer.rate_scale_of(variable)) for variable in store.variables]
        return self.seed, optimizer.settings(), optimizer.clipping, optimizer.averaging, ways

    def _logs(self, totals: Totals, count: int) -> dict[str, Any]:
        """The loss and the metrics over `count` samples by name; in the order of the names, as in Keras."""
        results = {**self._measured.results(totals.correct, count), "loss": totals.loss / count}
        return {name: results[name] for name in sorted(results)}

    def _in_order(self, logs: dict[str, float]) -> float | list[float]:
        values = [logs[name] for name in self.metrics_names]
        return values if len(values) > 1 else values[0]
