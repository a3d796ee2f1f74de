"""`Sequential`, a stack of layers that can be trained, and `load_model`; Keras 3's names, defaults and behaviour.

The layers and weights are in `stack.py`, the loops in `training.py`, the checks of what a user passes in `arrays.py`, and what is computed
how in `plan.py`. Files are `formats/`' business.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcnn import arrays, config, formats, losses, optimizers, training
from fastcnn._arguments import number, positive_integer
from fastcnn.callbacks import Callback, CallbackList, History
from fastcnn.layers import Layer
from fastcnn.metrics import CompiledMetrics, Metric
from fastcnn.plan import Plan, Totals
from fastcnn.progress import Progress, values, verbosity
from fastcnn.stack import Stack
from fastcnn.training import Data, Run, Validation

__all__ = ["Sequential", "load_model"]

Callbacks = Callback | Sequence[Any] | None
Results = float | list[float] | dict[str, float]


class Sequential(Stack):
    """A stack of layers, each with one input and one output, that can be trained.

    Parameters
    ----------
    layers : the layers, in order; the first may be `Input(shape)`, or be given `input_shape=`. Without either, the model is built, that is
        gets its weights, when it first sees data, or by `build`.
    name : None means "sequential", "sequential_1", ... as in Keras.

    All weights lie in one buffer. Two models may share layers, as in transfer learning, and so their weights.

    Attributes: `name`, `layers`, `optimizer`, `loss`, `metrics`, `compiled`, `history` (that of the last `fit`; AttributeError before),
    `stop_training`, which a callback sets to end `fit`, `seed`, of shuffling and dropout: from `set_seed`, or else from the system; and
    `epochs_done`, the number of the last epoch that `fit` has finished: with `initial_epoch=model.epochs_done` it goes on from there.
    """

    history: History

    def __init__(self, layers: Sequence[Layer] | None = None, *, name: str | None = None) -> None:
        self.optimizer: optimizers.Optimizer | None = None
        self.loss: losses.Loss | None = None
        self._measured = CompiledMetrics()
        self.compiled = False
        self.stop_training = False
        self._plan: Plan | None = None
        self._planned: tuple[Any, ...] = ()
        self.seed = config.draw_seed()
        self.epochs_done = 0
        super().__init__(layers, name)

    def save(self, filepath: str | os.PathLike[str]) -> None:
        """Writes the model, its weights and its optimizer's state into a file, whole or not at all.

        filepath : ends in .keras, or in .h5 for Keras's legacy format, which Keras reads too; or in .safetensors for a checkpoint, from which a
            training goes on bit for bit. ValueError otherwise. Folders that are missing are made.
        """
        formats.chosen(filepath, "save").save(self, filepath)

    def save_weights(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Writes the weights and, of a compiled model, the optimizer's state into a file that Keras reads, whole or not at all.

        filepath : ends in .weights.h5. overwrite : False raises FileExistsError where there is such a file (Keras asks). Raises ValueError for
        another ending, and before the model is built.
        """
        self._built("save_weights")
        writer = formats.chosen(filepath, "save_weights")
        if not overwrite and os.path.exists(filepath):
            raise FileExistsError(
                f"save_weights: there is a file {os.fspath(filepath)!r} already, and overwrite is False"
            )
        writer.save_weights(self, filepath)

    def load_weights(self, filepath: str | os.PathLike[str], skip_mismatch: bool = False) -> None:
        """Reads the weights of a model with the same layers in the same order; their names do not matter.

        filepath : ends in .weights.h5, or in .keras or .h5 (also Keras 2's) for those of a whole model. From all but the .h5, a compiled model that
        has been trained takes the optimizer's state too, where it fits; otherwise the optimizer stays as it is, with a warning, as in Keras.
        skip_mismatch : True leaves layers as they are, with a warning, whose arrays have another number or shape in the file.

        Raises ValueError before the model is built and for another ending, FileNotFoundError where there is no file, and FormatError where it is
        something else or does not fit; then nothing has changed.
        """
        self._built("load_weights")
        reader = formats.chosen(filepath, "load_weights")
        for left_out in reader.load_weights(self, filepath, skip_mismatch=skip_mismatch):
            warnings.warn(f"load_weights: {left_out}", stacklevel=2)

    # Training.

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

    def fit(
        self,
        x: Any,
        y: Any,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Callbacks = None,
        validation_split: float = 0.0,
        validation_data: tuple[Any, Any] | None = None,
        shuffle: bool = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        *,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
    ) -> History:
        """Trains the model.

        Parameters
        ----------
        x : (N, ...) images, uint8, float32 or float64, of the model's input shape. They are converted batch by batch, scaled by nothing, and
            never copied as a whole (but to a GPU, where they fit). Other integers and any strides work too. Nothing may change them meanwhile.
        y : their labels: class numbers (N,) or (N, 1) for a sparse loss, (N, classes) for a categorical one, as the outputs for others. All
            are checked first.
        batch_size : images a step; default 32. The last batch of an epoch may be smaller.
        epochs : the number of the last epoch, so `epochs - initial_epoch` are trained.
        verbose : 0 silent; 1 a bar on a terminal and a line an epoch elsewhere; 2 the line alone; "auto" is 1.
        callbacks : a list of `callbacks.Callback`.
        validation_split : the part in [0, 1) that is held out at the end of the data, before shuffling. `validation_data` overrides it.
        validation_data : (x, y) or (x, y, sample_weight), evaluated after each epoch, or as `validation_freq` says: after every so many, or
            after those that it lists (counting from 1); in batches of `validation_batch_size` images, by default as in training.
        shuffle : a new order each epoch. It follows from the seed and the number of steps done, so a training in two parts equals one in one.
        class_weight : how much the images of a class count in the loss, by class number; 1 where it says nothing.
        sample_weight : (N,), how much each image counts; not together with `class_weight`.
        initial_epoch : where to begin to count, when a training goes on.

        Returns the History, which is also `self.history`: `history.history["loss"]` and so on, one value an epoch. The values of the training
        are means over the epoch, each from before its step.

        Raises ValueError and TypeError for what does not fit, before anything is trained. Ctrl-C raises KeyboardInterrupt at once: the model is
        then as after the last step, `self.history` as after the last epoch, and both can be used. A loss that stops being finite is a
        RuntimeWarning, once.
        """
        size = _batch_size(batch_size, "fit")
        first, last = _count(initial_epoch, "initial_epoch"), _count(epochs, "epochs")
        held_out = number("fit", "validation_split", validation_split, least=0, below=1)
        level = verbosity(verbose, "fit")
        data, held = self._data(x, y, "fit", sample_weight=sample_weight, class_weight=class_weight), None
        if validation_data is not None:
            held_x, held_y, weights = _triple(validation_data)
            held = self._data(held_x, held_y, "fit", "validation_data's ", sample_weight=weights)
        elif held_out:
            data, held = _split(data, held_out)
        size_held = (
            size
            if validation_batch_size is None
            else _batch_size(validation_batch_size, "fit", "validation_batch_size")
        )
        frequency = _frequency(validation_freq)
        validation = None if held is None else Validation(held, size_held, *frequency)
        plan = self._ready(data.x, "fit", train=True)
        steps = math.ceil(len(data.x) / size)
        hooks = CallbackList(callbacks, self, "fit", verbose=level, epochs=last, steps=steps)
        training.fit(Run(self, plan, data, validation, size, bool(shuffle), hooks), first, last, level)
        return self.history

    def evaluate(
        self,
        x: Any,
        y: Any,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Any = None,
        *,
        callbacks: Callbacks = None,
        return_dict: bool = False,
    ) -> Results:
        """The loss and the metrics over the images; arguments as for `fit`.

        Returns the loss alone if there are no metrics, else [loss, *metrics] in the order of `metrics_names`, or a dict if `return_dict`.
        """
        size = _batch_size(batch_size, "evaluate")
        data = self._data(x, y, "evaluate", sample_weight=sample_weight)
        level = verbosity(verbose, "evaluate")
        hooks = CallbackList(callbacks, self, "evaluate", verbose=level, epochs=1, steps=math.ceil(len(data.x) / size))
        plan = self._ready(data.x, "evaluate")
        progress = Progress("Evaluate", len(data.x), level)
        try:
            logs = training.evaluate(self, plan, data, size, hooks, progress)
            progress.finish(values(logs))
        finally:
            progress.close()
        return logs if return_dict else self._in_order(logs)

    def predict(
        self, x: Any, batch_size: int | None = None, verbose: int | str = "auto", *, callbacks: Callbacks = None
    ) -> NDArray[np.float32]:
        """The outputs for the images, (N, ...) float32; arguments as for `fit`. No images give an array of length 0."""
        size = _batch_size(batch_size, "predict")
        images = arrays.images(x, self._sample_shape(), "predict", empty=True)
        level = verbosity(verbose, "predict")
        hooks = CallbackList(callbacks, self, "predict", verbose=level, epochs=1, steps=math.ceil(len(images) / size))
        plan = self._ready(images, "predict")
        progress = Progress("Predict", len(images), level)
        try:
            outputs = training.predict(plan, images, size, hooks, progress)
            progress.finish(f"{len(images):,} images")
        finally:
            progress.close()
        return outputs

    def __call__(self, x: Any) -> NDArray[np.float32]:
        """The outputs for a batch, computed at once: `predict_on_batch`."""
        return self.predict_on_batch(x)

    def predict_on_batch(self, x: Any) -> NDArray[np.float32]:
        """The outputs for a batch, computed at once."""
        images = arrays.images(x, self._sample_shape(), "predict_on_batch", empty=True)
        return arrays.step_function(self._ready(images, "predict_on_batch"), images).forward(images)

    def train_on_batch(
        self,
        x: Any,
        y: Any,
        sample_weight: Any = None,
        class_weight: dict[int, float] | None = None,
        *,
        return_dict: bool = False,
    ) -> Results:
        """One step on a batch; arguments as for `fit`. Returns what `evaluate` returns, for this batch and from before the step."""
        data = self._data(x, y, "train_on_batch", sample_weight=sample_weight, class_weight=class_weight)
        plan = self._ready(data.x, "train_on_batch", train=True)
        optimizer = self.optimizer
        assert optimizer is not None  # _data has seen that the model is compiled
        step = arrays.step_function(plan, data.x).train_step
        training.begin_pass(self, plan)
        rate, rows = training.step_size(optimizer), np.arange(len(data.x))
        step(data.x, data.y, rows, data.weights, learning_rate=rate, step=optimizer.iterations + 1)
        optimizer.iterations += 1
        training.measure(self, plan, data, rows)
        logs = self._logs(plan.totals(), len(data.x))
        return logs if return_dict else self._in_order(logs)

    def test_on_batch(self, x: Any, y: Any, sample_weight: Any = None, *, return_dict: bool = False) -> Results:
        """What `evaluate` returns, for a batch, computed at once."""
        data = self._data(x, y, "test_on_batch", sample_weight=sample_weight)
        plan = self._ready(data.x, "test_on_batch")
        training.begin_pass(self, plan)
        rows = np.arange(len(data.x))
        arrays.step_function(plan, data.x).evaluate_step(data.x, data.y, rows, data.weights)
        training.measure(self, plan, data, rows)
        logs = self._logs(plan.totals(), len(data.x))
        return logs if return_dict else self._in_order(logs)

    # What the methods above share.

    def __getstate__(self) -> dict[str, Any]:
        return {
            **self.__dict__,
            "_plan": None,
        }  # a plan cannot be copied or pickled, and is made again by the next call

    def _built(self, where: str) -> None:
        if not self.built:
            raise ValueError(
                f"{where}: the model '{self.name}' has no weights before it is built: give it an Input, or call build(input_shape)"
            )

    def _sample_shape(self) -> tuple[int, ...] | None:
        return self._input.input_shape if self._input is not None else None

    def _settle(self, where: str) -> None:
        self._plan = None
        super()._settle(where)

    def _data(
        self, x: Any, y: Any, where: str, of: str = "", *, sample_weight: Any = None, class_weight: Any = None
    ) -> Data:
        """Images, labels and weights, checked; a model that waits for its first data is built for them."""
        if not self.compiled:
            raise ValueError(f"{where}: the model '{self.name}' is not compiled: call compile(loss=...) first")
        if self.loss is None:
            raise ValueError(f"{where}: the model '{self.name}' was compiled without a loss: call compile(loss=...)")
        images = arrays.images(x, self._sample_shape(), where, f"{of}x")
        if not self.built:
            self._build(images.shape[1:], where)
        outputs = tuple(size for size in self.output_shape[1:] if size is not None)
        if self.loss.classes and len(outputs) != 1:
            shape = f"(N, {', '.join(map(str, outputs))})"
            raise ValueError(
                f"{where}: the model's outputs have shape {shape}, but {type(self.loss).__name__} takes (N, classes)"
            )
        self._measured.settle(outputs[-1] if outputs else 1)
        labels = arrays.targets(y, len(images), outputs, self.loss, where, f"{of}y")
        if class_weight is not None:
            if sample_weight is not None:
                raise ValueError(f"{where}: class_weight and sample_weight cannot be given together")
            return Data(images, labels, arrays.class_weights(class_weight, labels, where))
        if sample_weight is None:
            return Data(images, labels)
        return Data(images, labels, arrays.sample_weights(sample_weight, len(images), where, f"{of}sample_weight"))

    def _ready(self, images: arrays.Array, where: str, *, train: bool = False) -> Plan:
        """The plan for images that have been checked: the last one, unless something has changed or it cannot train and must."""
        if not self.built:
            self._build(images.shape[1:], where)
        store = self.store
        frozen = (self.seed, tuple(self.optimizer.settings().items())) if train and self.optimizer is not None else None
        learns = tuple((variable.trainable, variable.regularizer) for variable in store.variables)
        place = (store, config.get_device(), learns)
        moved = self._plan is None or self._planned[0][0] is not store or self._planned[0][1:] != place[1:]
        if self._plan is None or moved or (train and self._planned[1] != frozen):
            self._build(images.shape[1:], where)  # a model that shares layers may have left them with its own shapes
            optimizer = self.optimizer if train else None
            if optimizer is not None:
                optimizer.build(store)
            self._plan = Plan(self._layers, images.shape[1:], self.loss, optimizer, self.seed if train else 0)
            self._planned = place, frozen
        return self._plan

    def _logs(self, totals: Totals, count: int) -> dict[str, Any]:
        """The loss and the metrics over `count` samples by name; in the order of the names, as in Keras."""
        results = {**self._measured.results(totals.correct, count), "loss": totals.loss / count}
        return {name: results[name] for name in sorted(results)}

    def _in_order(self, logs: dict[str, float]) -> float | list[float]:
        values = [logs[name] for name in self.metrics_names]
        return values if len(values) > 1 else values[0]


def load_model(filepath: str | os.PathLike[str], *, compile: bool = True) -> Sequential:
    """Reads a model that `Sequential.save` or Keras has written, with its weights and, if it was compiled, its optimizer's state.

    filepath : ends in .keras, or in .h5 for Keras's legacy format, Keras 2's too. ValueError otherwise. Nothing in the file is run: a Lambda or an
    unknown class is an error that names it. compile : False leaves out what concerns training, so that a model with an optimizer that we lack can
    be read.

    Raises FileNotFoundError where there is no file, FormatError where it is something else.
    """
    model: Sequential = formats.chosen(filepath, "load_model").load(filepath, compile=compile)
    return model


def _batch_size(batch_size: int | None, where: str, argument: str = "batch_size") -> int:
    return 32 if batch_size is None else positive_integer(where, argument, batch_size)


def _frequency(validation_freq: Any) -> tuple[int, frozenset[int] | None]:
    """Every how many epochs to validate, or after which."""
    if isinstance(validation_freq, (list, tuple, set, frozenset)):
        return 1, frozenset(positive_integer("fit", "validation_freq's entry", epoch) for epoch in validation_freq)
    return positive_integer("fit", "validation_freq", validation_freq), None


def _count(value: Any, argument: str) -> int:
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 0:
        raise ValueError(f"fit: {argument} must be an integer of at least 0, but is {value!r}")
    return int(value)


def _triple(validation_data: Any) -> tuple[Any, Any, Any]:
    if not isinstance(validation_data, (tuple, list)) or len(validation_data) not in (2, 3):
        came = (
            f"{len(validation_data)} entries"
            if isinstance(validation_data, (tuple, list))
            else f"a {type(validation_data).__name__}"
        )
        raise ValueError(f"fit: validation_data must be (x, y) or (x, y, sample_weight), but is {came}")
    return validation_data[0], validation_data[1], validation_data[2] if len(validation_data) == 3 else None


def _split(data: Data, part: float) -> tuple[Data, Data]:
    """The first part for training and the last for validation."""
    count = len(data.x)
    kept = math.floor(count * (1 - part))
    if kept == 0 or kept == count:
        raise ValueError(
            f"fit: validation_split={part} of {count} images leaves none for {'training' if kept == 0 else 'validation'}"
        )
    first, last = (
        Data(data.x[part], data.y[part], None if data.weights is None else data.weights[part])
        for part in (slice(None, kept), slice(kept, None))
    )
    return first, last
