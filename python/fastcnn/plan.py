"""From layers to one C++ plan, which is carried out with one call a step.

`Plan` flattens the layers into stages (`stage.py`) and has them described (`description.py`, which decides what fuses with what and lays out the
buffers); `_core.Plan` carries the description out. What a layer contributes is its own business (`layers`); the loop over the batches is
`training.py`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastcnn import _core
from fastcnn.description import describe
from fastcnn.errors import DeviceError
from fastcnn.folding import fold_batch_norms
from fastcnn.stage import Stage
from fastcnn.variables import VariableStore, aligned_zeros

if TYPE_CHECKING:
    from fastcnn.augmentation import Mixing
    from fastcnn.layers import Layer
    from fastcnn.losses import Loss
    from fastcnn.optimizers import Optimizer

__all__ = ["Plan", "Stage", "Totals"]

Array = NDArray[Any]


class Totals(NamedTuple):
    """What `evaluate_step` and `train_step` have added up since `reset_totals`.

    loss : the sum over the samples. correct : how many of them were right. not_finite : the first step whose loss was not finite, counted
    from 1; 0 if none was.
    """

    loss: float
    correct: int
    not_finite: int


class Plan:
    """The stages of a model with all their buffers, for any batch size.

    Parameters
    ----------
    layers : the layers in order, each built; their variables lie in one `VariableStore` (without a store, they are put into one).
    input_shape : of one sample.
    loss : needed by `evaluate_step` and `train_step`. optimizer : needed by `train_step`; built for the same store.
    seed : of the random numbers that layers draw in training.
    prepared_for : for inference alone, by `answer`: the plan keeps a copy of the variables, laid out for batches of up to so
        many samples, batch normalization folded into the layers before it.
    mixings : one of them mixes each batch of a `train_step`, images and targets, before the first layer; where there are several, at random.

    The plan reads the variables in place, and the optimizer writes them in place. If they are moved to another store, or another device is
    chosen, make a new plan: it runs on the device that `config.get_device()` names when it is made, `device`.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        input_shape: tuple[int, ...],
        loss: Loss | None = None,
        optimizer: Optimizer | None = None,
        seed: int = 0,
        prepared_for: int = 0,
        mixings: Sequence[Mixing] = (),
    ) -> None:
        stages = [stage for layer in layers for stage in layer.stages()]
        self.output_shape = tuple(layers[-1].output_shape or ()) if layers else tuple(input_shape)
        self.mixes = bool(mixings)  # whether a `train_step` does
        self._seed = seed
        self._store = _common_store(stages)
        parameters = self._store.buffer
        if prepared_for:
            parameters = aligned_zeros(parameters.size)
            parameters[:] = self._store.buffer
            stages = fold_batch_norms(stages, self._store, parameters)
        description = describe(stages, tuple(input_shape), self._store, loss, optimizer, mixings)
        slots: list[Array] = []
        gradients = aligned_zeros(0)
        if optimizer is not None:
            gradients = aligned_zeros(self._store.buffer.size)
            slots = list(optimizer.slots.values())
        self._gradients = gradients
        self.device: str = _core.device()
        self._plan = _core.Plan(description, parameters, gradients, slots)
        if prepared_for:
            self._plan.prepare(prepared_for, self.output_shape)
            self.answer = self._plan.answer

    answer: Callable[[object], NDArray[np.float32] | None]
    """The outputs for all samples of an array, (n, *output_shape); None for what is none, or would have to be converted first."""

    @property
    def gradients(self) -> NDArray[np.float32]:
        """The gradients that the last `train_step` computed, laid out as the store's buffer is."""
        self._plan.fetch_gradients()
        return self._gradients

    @contextmanager
    def holding_data(self, x: Array, y: Array, weights: Array | None = None) -> Iterator[None]:
        """Within the block, batches of x and y are gathered on the device, where they lie as they are (float64 as float32). Nothing happens on the CPU.

        x, y, weights : as for `evaluate_step`; they must not change. Where the device has no room for them, each batch is sent there by itself.
        """
        try:
            self._plan.hold_data(x, y, weights)
            yield
        finally:
            self._plan.release_data()

    def hold_order(self, rows: NDArray[np.int64]) -> None:
        """While data are held: keeps this order of them on the device, so that a step on a part of it (a view) sends nothing there."""
        self._plan.hold_order(rows)

    @contextmanager
    def holding_model(self, when_lost: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Within the block, the variables and the optimizer's state stay on the device from step to step; outside, each step brings them there and back.

        Nobody may look at them within. when_lost : called where they cannot be brought back at the end, because the device no longer works;
        the variables are then what they were before. Nothing happens on the CPU.
        """
        try:
            self._plan.hold_model()
            yield
        finally:
            try:
                self._plan.release_model()
            except DeviceError:
                when_lost()
                raise

    def forward(self, x: Array, rows: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """Inference: (n, *output_shape) for the samples `rows` of x, or all of them.

        x : (N, *input_shape) uint8, float32 or float64; each sample dense, in C order. rows : (n,) int64.
        """
        rows = np.arange(len(x)) if rows is None else rows
        return self._plan.forward(x, rows).reshape(len(rows), *self.output_shape)

    def evaluate_step(self, x: Array, y: Array, rows: NDArray[np.int64], weights: Array | None = None) -> None:
        """Adds the loss of the samples `rows`, and how many of them were right, to the totals.

        x : as for `forward`. y : (N,) int32 class numbers for a sparse loss, else float32 of the outputs' shape, (N, *output_shape).
        weights : (N,) float32, how much each sample's loss counts; None for 1.
        """
        self._plan.evaluate(x, y, rows, weights)

    def train_step(
        self,
        x: Array,
        y: Array,
        rows: NDArray[np.int64],
        weights: Array | None = None,
        *,
        learning_rate: float,
        step: int,
    ) -> None:
        """One step of training on the samples `rows`: forward, loss, backward, optimizer. Adds what `evaluate_step` does, from before the step.

        step : counts from 1; it is Adam's t, and with the seed it determines what layers draw. KeyboardInterrupt on Ctrl-C, before the optimizer.
        A GPU may still be busy when this returns; `totals` waits for it.
        """
        self._plan.train(x, y, rows, weights, self._seed, step, learning_rate)

    def outputs(self) -> NDArray[np.float32]:
        """The model's outputs, (n, *output_shape), for the batch of the last `evaluate_step` or `train_step`, from before its step. Waits for the device.

        ValueError where there was no such step, or a `forward` since.
        """
        outputs = self._plan.outputs()
        return outputs.reshape(len(outputs), *self.output_shape)

    def mixed_targets(self) -> NDArray[np.float32]:
        """The targets of the batch of the last `train_step`, (n, *output_shape), as its loss took them, where it was mixed. Waits for the device.

        ValueError where the last batch was not.
        """
        return self._plan.mixed_targets()

    def begin_timing(self) -> None:
        """From now on each stage's seconds are added up; on a GPU, those of the calls alone. For benchmarks."""
        self._plan.begin_timing()

    def stage_times(self) -> list[tuple[str, float, float]]:
        """The operation and the seconds forward and backward of each stage since `begin_timing`, then of the loss and the optimizer."""
        return self._plan.stage_times()

    def totals(self) -> Totals:
        """The totals since `reset_totals`. They lie on the device: asking for them waits for all steps there, but costs nothing on the CPU."""
        return Totals(*self._plan.totals())

    def reset_totals(self) -> None:
        """Sets them to 0."""
        self._plan.reset_totals()


def _common_store(stages: Sequence[Stage]) -> VariableStore:
    variables = [variable for stage in stages for variable in stage.variables]
    stores = {id(variable.store): variable.store for variable in variables}
    store = next(iter(stores.values()), None)
    return store if store is not None and len(stores) == 1 else VariableStore(variables)
