"""The callbacks that change the learning rate between epochs: `LearningRateScheduler` by its number, `ReduceLROnPlateau` by what came of it.

Both write the rate into the logs as "learning_rate", so that the history has it. A rate that changes from step to step is a schedule of the
optimizer, see `optimizers/schedules.py`, and these callbacks cannot set it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from fastcnn._warnings import warn
from fastcnn.callbacks.base import Callback, Logs
from fastcnn.callbacks.monitor import Monitor

if TYPE_CHECKING:
    from fastcnn.optimizers import Optimizer

__all__ = ["LearningRateScheduler", "ReduceLROnPlateau"]

LEARNING_RATE = "learning_rate"  # its name in the logs


class LearningRateScheduler(Callback):
    """Sets the learning rate before each epoch to what a function says.

    Parameters
    ----------
    schedule : called with the epoch (from 0) and the learning rate so far (as the float32 that the optimizer computes with), or with the epoch
        alone where it takes one argument. Returns the new rate as a float, numpy's included.
    verbose : 1 prints a line an epoch. Default 0.

    Raises ValueError where schedule returns something else, an int included, as in Keras, and where the rate is negative or not finite; TypeError
    where the optimizer's learning rate follows a schedule of its own.
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        super().__init__()
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        optimizer = _optimizer(self)
        rate = self._rate(epoch, optimizer.step_size)
        if not isinstance(rate, (float, np.float32)):
            raise ValueError(
                f"LearningRateScheduler: schedule must return a float, but for epoch {epoch} it returned {rate!r}"
            )
        optimizer.learning_rate = float(rate)
        if self.verbose > 0:
            print(f"Epoch {epoch + 1}: LearningRateScheduler setting learning rate to {rate}.", flush=True)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs[LEARNING_RATE] = _optimizer(self).step_size

    def _rate(self, epoch: int, rate: float) -> Any:
        try:
            return self.schedule(epoch, rate)
        except TypeError:
            if _takes(self.schedule, epoch, rate):  # then the error is one within the schedule
                raise
            return self.schedule(epoch)


class ReduceLROnPlateau(Monitor):
    """Multiplies the learning rate by a factor when a value has stopped improving.

    Parameters
    ----------
    monitor : the value watched. Default "val_loss". If it is missing in the logs: a warning, and nothing happens.
    factor : below 1 (ValueError otherwise). Default 0.1.
    patience : how many epochs without improvement in a row lead to a reduction. Default 10.
    verbose : 1 prints a line a reduction. Default 0.
    mode : "min", "max" or "auto" (a loss or an error falls, an accuracy rises).
    min_delta : how much better a value must be to count. Default 1e-4.
    cooldown : how many epochs after a reduction are not counted. Default 0.
    min_lr : the learning rate is not reduced below it, nor where it lies below it. Default 0.

    `best`, `wait` and `cooldown_counter` begin anew with each `fit`; the learning rate stays. Raises TypeError when it would reduce the rate of an
    optimizer whose learning rate follows a schedule. (Keras takes other keyword arguments, and ignores them.)
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode)
        if not factor < 1:
            raise ValueError(f"ReduceLROnPlateau: factor must be below 1, but is {factor!r}")
        self.factor = factor
        self.patience = patience
        self.verbose = verbose
        self.min_delta = abs(min_delta)
        self.cooldown = cooldown
        self.min_lr = min_lr
        self._begin()

    def _begin(self) -> None:
        self.best = None
        self.wait = 0
        self.cooldown_counter = 0

    def in_cooldown(self) -> bool:
        """Whether epochs without improvement are borne because of a reduction before."""
        return self.cooldown_counter > 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._begin()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._greater_is_better()  # as in Keras, a monitor that cannot be judged is an error even where its value is missing
        logs = {} if logs is None else logs
        logs[LEARNING_RATE] = _optimizer(self).step_size
        value = logs.get(self.monitor)
        if value is None:
            warn(
                f"Learning rate reduction is conditioned on metric `{self.monitor}` which is not available. "
                f"Available metrics are: {','.join(logs)}."
            )
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
        if self._is_improvement(value, self.best):
            self.best = value
            self.wait = 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        optimizer = _optimizer(self)
        old = optimizer.step_size
        if old <= np.float32(self.min_lr):
            return
        new = max(old * self.factor, self.min_lr)
        optimizer.learning_rate = new
        if self.verbose > 0:
            print(f"Epoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {new}.", flush=True)
        self.cooldown_counter = self.cooldown
        self.wait = 0


def _optimizer(callback: Callback) -> Optimizer:
    optimizer = callback.model.optimizer
    assert optimizer is not None  # fit has seen that the model is compiled
    return optimizer


def _takes(function: Callable[..., Any], *arguments: Any) -> bool:
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError:
        return False
    except ValueError:  # a function in C that does not tell
        return True
    return True
