"""The loops behind `Sequential.fit`, `evaluate` and `predict`: one call into the core a batch, and what Python does around it. Private.

Where the batches come from is in `batches.py`, callbacks are in `callbacks/`, what is printed in `progress.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastcnn._warnings import warn
from fastcnn.batches import Batch, Batches
from fastcnn.callbacks import CallbackList
from fastcnn.progress import Progress, values

if TYPE_CHECKING:
    from fastcnn.models import Sequential
    from fastcnn.optimizers import Optimizer
    from fastcnn.plan import Plan, Totals

__all__: list[str] = []


class Validation(NamedTuple):
    """What is evaluated after an epoch, and after which: every `every`-th, or those whose numbers (from 1) are in `epochs`."""

    batches: Batches
    every: int
    epochs: frozenset[int] | None

    def is_due(self, epoch: int) -> bool:
        """epoch : counts from 0."""
        return (epoch + 1) % self.every == 0 if self.epochs is None else epoch + 1 in self.epochs


class Run(NamedTuple):
    """What all epochs of one `fit` share."""

    model: Sequential
    plan: Plan
    optimizer: Optimizer
    batches: Batches
    validation: Validation | None
    callbacks: CallbackList


def fit(run: Run, initial_epoch: int, epochs: int, verbose: int) -> None:
    """Trains from `initial_epoch` up to `epochs`; the History among the callbacks keeps what came of it."""
    model, callbacks, batches = run.model, run.callbacks, run.batches
    model.stop_training = False
    callbacks.call("on_train_begin")
    logs: dict[str, Any] | None = None
    finite = Finite()
    with batches.holding(batches.step(run.plan)):
        for epoch in range(initial_epoch, epochs):
            if not batches.begin(epoch, run.optimizer.iterations):
                warn(f"fit: x has no more batches, so the training ends before epoch {epoch + 1}")
                break
            callbacks.call("on_epoch_begin", epoch)
            progress = Progress(f"Epoch {epoch + 1}/{epochs}", batches.steps, verbose)
            try:
                logs = _train_epoch(run, epoch, progress, finite)
                validation = run.validation
                if validation is not None and validation.is_due(epoch):
                    logs = {**logs, **_validate(run, validation.batches, epoch)}
                    logs = dict(sorted(logs.items()))  # all names in order, as in Keras: val_loss before weighted_mse
            finally:
                progress.close()
            model.epochs_done = epoch + 1
            shown = dict(logs)  # what callbacks add is shown and in the history, but, as in Keras, not in on_train_end
            callbacks.call("on_epoch_end", epoch, shown)
            progress.finish(values(shown))
            if model.stop_training:
                break
    if epochs > 0:
        run.optimizer.finalize_variable_values(model.trainable_weights)
    callbacks.call("on_train_end", logs)


def _validate(run: Run, batches: Batches, epoch: int) -> dict[str, Any]:
    """What the epoch's logs have of the validation. Nothing, and a warning, where its batches have run out: so much training is not thrown away."""
    if not batches.begin():
        warn(f"fit: validation_data has no more batches, so epoch {epoch + 1} has no validation")
        return {}
    seen = evaluate(run.model, run.plan, batches, run.callbacks, "fit: validation_data")
    return {f"val_{name}": value for name, value in seen.items()}


class Finite:
    """Warns once in a training of a loss that is not finite."""

    def __init__(self) -> None:
        self._warned = False

    def look(self, totals: Totals, epoch: int) -> None:
        if self._warned or not totals.not_finite:
            return
        self._warned = True
        warn(
            f"fit: the loss is {totals.loss} in epoch {epoch + 1}, step {totals.not_finite}; a smaller learning rate may help, or x holds "
            "NaN or infinity (this is said once)",
            RuntimeWarning,
        )


def _model_at_rest(
    plan: Plan, *hooks: Sequence[Any], when_lost: Callable[[], None] = lambda: None
) -> AbstractContextManager[None]:
    """The model stays on the device for many batches, unless somebody is called between them, who may look at it."""
    return nullcontext() if any(hooks) else plan.holding_model(when_lost)


def _train_epoch(run: Run, epoch: int, progress: Progress, finite: Finite) -> dict[str, Any]:
    """One pass over the batches. Returns the epoch's loss and metrics."""
    optimizer, callbacks = run.optimizer, run.callbacks
    before = optimizer.iterations

    def forget_steps() -> None:
        optimizer.iterations = before

    with _model_at_rest(run.plan, callbacks.train_batch_begin, callbacks.train_batch_end, when_lost=forget_steps):
        return _train_steps(run, epoch, progress, finite)


def _train_steps(run: Run, epoch: int, progress: Progress, finite: Finite) -> dict[str, Any]:
    model, plan, optimizer, batches = run.model, run.plan, run.optimizer, run.batches
    step = batches.step(plan)
    begin, end = run.callbacks.train_batch_begin, run.callbacks.train_batch_end
    asking = bool(end) or plan.device == "cpu"  # after each step, where somebody wants it or where it costs nothing
    now = time.perf_counter
    begin_pass(model, plan)
    done = steps = 0
    for steps, batch in enumerate(batches.epoch(step), 1):
        for hook in begin:
            hook(steps - 1)
        x, y, rows, weights = batch
        step.train_step(x, y, rows, weights, learning_rate=step_size(optimizer), step=optimizer.iterations + 1)
        optimizer.iterations += 1
        measure(model, plan, batch, mixed=plan.mixes)
        done += len(rows)
        drawing = now() >= progress.next_drawing
        if asking or drawing:
            totals = plan.totals()
            finite.look(totals, epoch)
            for hook in end:
                hook(steps - 1, model._logs(totals, done))
            if drawing:
                progress.draw(steps, done, model._logs(totals, done))
        if model.stop_training:
            break
    else:
        _tell_of_lack(batches, steps, f"fit: epoch {epoch + 1} has")
    totals = plan.totals()
    finite.look(totals, epoch)
    return model._logs(totals, done)


def _tell_of_lack(batches: Batches, steps: int, who: str) -> None:
    """Warns where there were fewer batches than the user has asked for."""
    if batches.asked and batches.steps is not None and steps < batches.steps:
        had = "1 step" if steps == 1 else f"{steps} steps"
        warn(f"{who} {had} instead of {batches.steps}: there were no more batches")


def begin_pass(model: Sequential, plan: Plan) -> None:
    """Before the first step over data: what the core adds up and what the metrics know begin at 0."""
    plan.reset_totals()
    model._measured.reset()


def measure(model: Sequential, plan: Plan, batch: Batch, *, mixed: bool = False) -> None:
    """After a step on this batch: tells the metrics that the core does not count what the model said. Nothing where there are none.

    mixed : whether the step's labels were mixed; in place of a class number then comes that of the largest share.
    """
    if model._measured.watching:
        weights = None if batch.weights is None else batch.weights[batch.rows]
        labels = plan.mixed_targets() if mixed else batch.y[batch.rows]
        if mixed and batch.y.ndim == 1:
            labels = labels.argmax(axis=1)
        model._measured.update(labels, plan.outputs(), weights)


def step_size(optimizer: Optimizer) -> float:
    """The learning rate of the next step, see `Optimizer.step_size`."""
    return optimizer.step_size


def evaluate(
    model: Sequential,
    plan: Plan,
    batches: Batches,
    callbacks: CallbackList,
    who: str,
    progress: Progress | None = None,
) -> dict[str, float]:
    """The loss and the metrics over the batches, which have begun, by name. who : has how many, in a warning."""
    step = batches.step(plan)
    done = steps = 0
    callbacks.call("on_test_begin")
    with _model_at_rest(plan, callbacks.test_batch_begin, callbacks.test_batch_end):
        begin_pass(model, plan)
        for steps, batch in enumerate(batches.epoch(), 1):
            for hook in callbacks.test_batch_begin:
                hook(steps - 1)
            step.evaluate_step(*batch)
            measure(model, plan, batch)
            done += len(batch.rows)
            for hook in callbacks.test_batch_end:
                hook(steps - 1, model._logs(plan.totals(), done))
            if progress is not None and time.perf_counter() >= progress.next_drawing:
                progress.draw(steps, done, model._logs(plan.totals(), done))
        logs = model._logs(plan.totals(), done)
    _tell_of_lack(batches, steps, f"{who} has")
    callbacks.call("on_test_end", logs)
    return logs


def predict(plan: Plan, batches: Batches, callbacks: CallbackList, progress: Progress) -> NDArray[np.float32]:
    """The model's outputs for all images of the batches, which have begun, (N, *output_shape)."""
    forward = batches.step(plan).forward
    outputs: list[NDArray[np.float32]] = []
    done = steps = 0
    callbacks.call("on_predict_begin")
    with _model_at_rest(plan, callbacks.predict_batch_begin, callbacks.predict_batch_end):
        for steps, (x, _, rows, _) in enumerate(batches.epoch(), 1):
            for hook in callbacks.predict_batch_begin:
                hook(steps - 1)
            outputs.append(forward(x, rows))
            done += len(rows)
            for hook in callbacks.predict_batch_end:
                hook(steps - 1, {"outputs": outputs[-1]})
            if time.perf_counter() >= progress.next_drawing:
                progress.draw(steps, done, {})
    _tell_of_lack(batches, steps, "predict: x has")
    callbacks.call("on_predict_end")
    return np.concatenate(outputs) if outputs else np.empty((0, *plan.output_shape), np.float32)
