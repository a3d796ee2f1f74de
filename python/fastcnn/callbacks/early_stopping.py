"""`EarlyStopping`, which ends a training that makes no progress."""

from __future__ import annotations

from typing import Any

from fastcnn._warnings import warn
from fastcnn.callbacks.base import Logs
from fastcnn.callbacks.monitor import Monitor

__all__ = ["EarlyStopping"]


class EarlyStopping(Monitor):
    """Stops the training when a value has stopped improving.

    Parameters
    ----------
    monitor : the value watched. Default "val_loss". If it is missing in the logs: a warning, and nothing happens.
    min_delta : how much better a value must be to count. Default 0.
    patience : how many epochs without improvement are borne; the training stops after the one that exceeds it, never after the first.
    verbose : 1 prints what was done. Default 0.
    mode : "min", "max" or "auto" (a loss or an error falls, an accuracy rises).
    baseline : a value that must also be beaten for the patience to begin anew.
    restore_best_weights : at the end, stopped early or not, set the weights of the best epoch. Default False.
    start_from_epoch : the epochs before this one (from 0) are not looked at. Default 0.

    After `fit`: `stopped_epoch` (0: not stopped), `best`, `best_epoch`, `wait`.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode)
        self.min_delta = abs(min_delta)
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self._begin()

    def _begin(self) -> None:
        self.wait = 0
        self.stopped_epoch = 0
        self.best = None
        self.best_epoch = 0
        self.best_weights: list[Any] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._begin()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = logs or {}
        self._greater_is_better()  # as in Keras, a monitor that cannot be judged is an error even where its value is missing
        value = logs.get(self.monitor)
        if value is None:
            warn(
                f"Early stopping conditioned on metric `{self.monitor}` which is not available. Available metrics are: {','.join(logs)}"
            )
        if value is None or epoch < self.start_from_epoch:
            return
        self.wait += 1
        if self._is_improvement(value, self.best):
            self.best = value
            self.best_epoch = epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self._is_improvement(value, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.stopped_epoch > 0 and self.verbose > 0:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping", flush=True)
        if self.best_weights is not None:
            if self.verbose > 0:
                print(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.", flush=True)
            self.model.set_weights(self.best_weights)
