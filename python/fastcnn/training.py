"""The loops behind `Sequential.fit`, `evaluate` and `predict`: one call into the core a batch, and what Python does around it. Private.

What goes in has been checked by `models.py` and `arrays.py`; callbacks are in `callbacks/`, what is printed in `progress.py`.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastcnn import _core
from fastcnn.arrays import Array, step_function
from fastcnn.callbacks import CallbackList
from fastcnn.progress import Progress, values

if TYPE_CHECKING:
    from fastcnn.models import Sequential
    from fastcnn.optimizers import Optimizer
    from fastcnn.plan import Plan, Totals

__all__: list[str] = []

_SHUFFLE = (
    2  # of Philox's (seed, step, purpose): the order of an epoch. 1 is that of the initial weights, see initializers.py
)


class Data(NamedTuple):
    """Images, their labels and, if not all count the same, their weights, checked and converted."""

    x: Array
    y: Array
    weights: Array | None = None


class Validation(NamedTuple):
    """What is evaluated after an epoch, and after which: every `every`-th, or those whose numbers (from 1) are in `epochs`."""

    data: Data
    batch_size: int
    every: int
    epochs: frozenset[int] | None

    def is_due(self, epoch: int) -> bool:
        """epoch : counts from 0."""
        return (epoch + 1) % self.every == 0 if self.epochs is None else epoch + 1 in self.epochs


class Run(NamedTuple):
    """What all epochs of one `fit` share."""

    model: Sequential
    plan: Plan
    data: Data
    validation: Validation | None
    batch_size: int
    shuffle: bool
    callbacks: CallbackList


def fit(run: Run, initial_epoch: int, epochs: int, verbose: int) -> None:
    """Trains from `initial_epoch` up to `epochs`; the History among the callbacks keeps what came of it."""
    model, callbacks = run.model, run.callbacks
    model.stop_training = False
    callbacks.call("on_train_begin")
    logs: dict[str, Any] | None = None
    finite = Finite()
    with step_function(run.plan, run.data.x).holding_data(*run.data):
        for epoch in range(initial_epoch, epochs):
            callbacks.call("on_epoch_begin", epoch)
            progress = Progress(f"Epoch {epoch + 1}/{epochs}", len(run.data.x), verbose)
            try:
                logs = _train_epoch(run, epoch, progress, finite)
                validation = run.validation
                if validation is not None and validation.is_due(epoch):
                    seen = evaluate(model, run.plan, validation.data, validation.batch_size, callbacks)
                    logs.update({f"val_{name}": value for name, value in seen.items()})
                    logs = dict(sorted(logs.items()))  # all names in order, as in Keras: val_loss before weighted_mse
            finally:
                progress.close()
            model.epochs_done = epoch + 1
            shown = dict(logs)  # what callbacks add is shown and in the history, but, as in Keras, not in on_train_end
            callbacks.call("on_epoch_end", epoch, shown)
            progress.finish(values(shown))
            if model.stop_training:
                break
    callbacks.call("on_train_end", logs)


class Finite:
    """Warns once in a training of a loss that is not finite."""

    def __init__(self) -> None:
        self._warned = False

    def look(self, totals: Totals, epoch: int) -> None:
        if self._warned or not totals.not_finite:
            return
        self._warned = True
        warnings.warn(
            f"fit: the loss is {totals.loss} in epoch {epoch + 1}, step {totals.not_finite}; a smaller learning rate may help "
            "(this is said once)",
            RuntimeWarning,
            stacklevel=6,
        )


def _model_at_rest(
    plan: Plan, *hooks: Sequence[Any], when_lost: Callable[[], None] = lambda: None
) -> AbstractContextManager[None]:
    """The model stays on the device for many batches, unless somebody is called between them, who may look at it."""
    return nullcontext() if any(hooks) else plan.holding_model(when_lost)


def _train_epoch(run: Run, epoch: int, progress: Progress, finite: Finite) -> dict[str, Any]:
    """One pass over the data. Returns the epoch's loss and metrics."""
    optimizer, callbacks = run.model.optimizer, run.callbacks
    assert optimizer is not None
    before = optimizer.iterations

    def forget_steps() -> None:
        optimizer.iterations = before

    with _model_at_rest(run.plan, callbacks.train_batch_begin, callbacks.train_batch_end, when_lost=forget_steps):
        return _train_steps(run, optimizer, epoch, progress, finite)


def _train_steps(run: Run, optimizer: Optimizer, epoch: int, progress: Progress, finite: Finite) -> dict[str, Any]:
    model, plan = run.model, run.plan
    x, y, weights = run.data
    step = step_function(plan, x)
    begin, end = run.callbacks.train_batch_begin, run.callbacks.train_batch_end
    asking = bool(end) or plan.device == "cpu"  # after each step, where somebody wants it or where it costs nothing
    now = time.perf_counter
    order = _order(model, len(x), run.shuffle)
    step.hold_order(order)
    begin_pass(model, plan)
    done = 0
    for batch, start in enumerate(range(0, len(x), run.batch_size)):
        for hook in begin:
            hook(batch)
        rows = order[start : start + run.batch_size]
        step.train_step(x, y, rows, weights, learning_rate=step_size(optimizer), step=optimizer.iterations + 1)
        optimizer.iterations += 1
        measure(model, plan, run.data, rows)
        done += len(rows)
        drawing = now() >= progress.next_drawing
        if asking or drawing:
            totals = plan.totals()
            finite.look(totals, epoch)
            for hook in end:
                hook(batch, model._logs(totals, done))
            if drawing:
                progress.draw(done, model._logs(totals, done))
        if model.stop_training:
            break
    totals = plan.totals()
    finite.look(totals, epoch)
    return model._logs(totals, done)


def begin_pass(model: Sequential, plan: Plan) -> None:
    """Before the first step over data: what the core adds up and what the metrics know begin at 0."""
    plan.reset_totals()
    model._measured.reset()


def measure(model: Sequential, plan: Plan, data: Data, rows: NDArray[np.int64]) -> None:
    """After a step on these rows: tells the metrics that the core does not count what the model said. Nothing where there are none."""
    if model._measured.watching:
        weights = None if data.weights is None else data.weights[rows]
        model._measured.update(data.y[rows], plan.outputs(), weights)


def step_size(optimizer: Optimizer) -> float:
    """The learning rate of the next step, see `Optimizer.step_size`."""
    return optimizer.step_size


def _order(model: Sequential, count: int, shuffle: bool) -> NDArray[np.int64]:
    """The order of an epoch. It hangs on the steps done so far, so that a training in two parts shuffles as one in a single part does."""
    if not shuffle:
        return np.arange(count)
    assert model.optimizer is not None
    order: NDArray[np.int64] = _core.random_permutation(count, model.seed, model.optimizer.iterations, _SHUFFLE)
    return order


def evaluate(
    model: Sequential,
    plan: Plan,
    data: Data,
    batch_size: int,
    callbacks: CallbackList,
    progress: Progress | None = None,
) -> dict[str, float]:
    """The loss and the metrics over the data, by name."""
    x, y, weights = data
    step = step_function(plan, x)
    order = np.arange(len(x))
    done = 0
    callbacks.call("on_test_begin")
    with _model_at_rest(plan, callbacks.test_batch_begin, callbacks.test_batch_end):
        begin_pass(model, plan)
        for batch, start in enumerate(range(0, len(x), batch_size)):
            for hook in callbacks.test_batch_begin:
                hook(batch)
            rows = order[start : start + batch_size]
            step.evaluate_step(x, y, rows, weights)
            measure(model, plan, data, rows)
            done += len(rows)
            for hook in callbacks.test_batch_end:
                hook(batch, model._logs(plan.totals(), done))
            if progress is not None and time.perf_counter() >= progress.next_drawing:
                progress.draw(done, model._logs(plan.totals(), done))
        logs = model._logs(plan.totals(), done)
    callbacks.call("on_test_end", logs)
    return logs


def predict(plan: Plan, x: Array, batch_size: int, callbacks: CallbackList, progress: Progress) -> NDArray[np.float32]:
    """The model's outputs, (N, *output_shape)."""
    forward = step_function(plan, x).forward
    outputs = np.empty((len(x), *plan.output_shape), np.float32)
    callbacks.call("on_predict_begin")
    with _model_at_rest(plan, callbacks.predict_batch_begin, callbacks.predict_batch_end):
        for batch, start in enumerate(range(0, len(x), batch_size)):
            for hook in callbacks.predict_batch_begin:
                hook(batch)
            part = slice(start, min(start + batch_size, len(x)))
            outputs[part] = forward(x[part])
            for hook in callbacks.predict_batch_end:
                hook(batch, {"outputs": outputs[part]})
            if time.perf_counter() >= progress.next_drawing:
                progress.draw(part.stop, {})
    callbacks.call("on_predict_end")
    return outputs
