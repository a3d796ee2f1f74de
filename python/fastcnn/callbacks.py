"""Callbacks: what watches, stops and saves a training, with Keras 3's names, hooks and behaviour.

`Callback` is the base class; `History`, `ModelCheckpoint` and `EarlyStopping` are the ones of this package. The loops that call them
live in `training.py`, the progress bar in `progress.py`.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastcnn.models import Sequential

__all__ = ["Callback", "EarlyStopping", "History", "ModelCheckpoint"]

Logs = dict[str, Any]


class Callback:
    """Base class: override the hooks that you need.

    `self.model` is the model and `self.params` the dict of `verbose`, `epochs` and `steps` while `fit`, `evaluate` or `predict` runs.
    Epochs and batches count from 0. `logs` holds the loss and the metrics so far: of the epoch in `on_train_batch_end`, of the epoch and
    the validation (names beginning with `val_`) in `on_epoch_end`. All callbacks get the same dict, and what one writes into it in
    `on_epoch_end` goes into the history. A hook of a batch costs a call into Python a step only if some callback overrides it.

    `self.model.stop_training = True` ends `fit` after the batch.
    """

    def __init__(self) -> None:
        self.params: dict[str, Any] | None = None
        self._model: Sequential | None = None

    @property
    def model(self) -> Sequential:
        """The model that is being trained. Raises RuntimeError outside `fit`, `evaluate` and `predict`."""
        model: Sequential | None = getattr(
            self, "_model", None
        )  # a subclass may have left out super().__init__(), which Keras allows
        if model is None:
            raise RuntimeError(
                f"{type(self).__name__}: the callback has no model before fit, evaluate or predict gives it one"
            )
        return model

    def set_params(self, params: dict[str, Any]) -> None:
        """Keeps the run's `verbose`, `epochs` and `steps`."""
        self.params = params

    def set_model(self, model: Sequential) -> None:
        """Keeps the model."""
        self._model = model

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Before the first epoch."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """After the last epoch. Not called when the training ends in an exception, Ctrl-C included."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Before an epoch."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """After an epoch and its validation."""

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Keras's older name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Keras's older name of `on_train_batch_end`."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a training step."""
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a training step."""
        self.on_batch_end(batch, logs=logs)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Before an evaluation, that of `fit`'s validation data included."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """After an evaluation."""

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch of an evaluation."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a batch of an evaluation."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Before a prediction."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """After a prediction."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch of a prediction."""

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a batch of a prediction; `logs["outputs"]` is what came out."""


class CallbackList:
    """The callbacks of one run, called together and in order.

    The hooks of a batch are there as tuples of bound methods, so that a loop skips what nobody overrides.
    """

    def __init__(
        self, callbacks: Callback | Sequence[Any] | None, model: Sequential, where: str, **params: Any
    ) -> None:
        self.callbacks = list(_flatten(callbacks, where))
        if where == "fit":
            history = next((callback for callback in self.callbacks if isinstance(callback, History)), None)
            if history is None:
                history = History()
                self.callbacks.append(history)
            model.history = history
        for callback in self.callbacks:
            callback.set_model(model)
            callback.set_params(params)
        self.train_batch_begin = self._overridden("on_train_batch_begin", "on_batch_begin")
        self.train_batch_end = self._overridden("on_train_batch_end", "on_batch_end")
        self.test_batch_begin = self._overridden("on_test_batch_begin")
        self.test_batch_end = self._overridden("on_test_batch_end")
        self.predict_batch_begin = self._overridden("on_predict_batch_begin")
        self.predict_batch_end = self._overridden("on_predict_batch_end")

    def call(self, hook: str, *arguments: Any) -> None:
        """Calls a hook that is none of a batch's."""
        for callback in self.callbacks:
            getattr(callback, hook)(*arguments)

    def _overridden(self, hook: str, older: str | None = None) -> tuple[Callable[..., None], ...]:
        names = (hook,) if older is None else (hook, older)
        return tuple(
            getattr(callback, hook)
            for callback in self.callbacks
            if any(getattr(getattr(callback, name), "__func__", None) is not getattr(Callback, name) for name in names)
        )


def _flatten(callbacks: object, where: str) -> Iterator[Callback]:
    if callbacks is None:
        return
    if isinstance(callbacks, Callback):
        yield callbacks
    elif isinstance(callbacks, (list, tuple)):
        for entry in callbacks:
            yield from _flatten(entry, where)
    else:
        raise TypeError(
            f"{where}: callbacks has a {type(callbacks).__name__}, but wanted are instances of fastcnn.callbacks.Callback"
        )


class History(Callback):
    """What `fit` returns: `history` is a dict of lists, one value an epoch; `epoch` is the list of the epochs' numbers.

    The names are Keras's: "accuracy" (or the metric's own name) and "loss", and with validation data "val_accuracy" and "val_loss".
    """

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)


class _Monitor(Callback):
    """Compares a value of the logs with the best so far: smaller is better for losses, greater for metrics, or as `mode` says."""

    def __init__(self, monitor: str, mode: str) -> None:
        super().__init__()
        if mode not in ("auto", "min", "max"):
            warnings.warn(f"{type(self).__name__} mode '{mode}' is unknown, fallback to auto mode.", stacklevel=3)
            mode = "auto"
        self.monitor = monitor
        self.mode = mode
        self.min_delta = 0.0
        self.best: float | None = None

    def _greater_is_better(self) -> bool:
        if self.mode != "auto":
            return self.mode == "max"
        name = self.monitor.removeprefix("val_")
        if name == "loss":
            return False
        if name in self.model.metrics_names:  # every metric of this package is an accuracy
            return True
        raise ValueError(
            f"{type(self).__name__}: monitor '{self.monitor}' is neither a loss nor a compiled metric, so whether small or great is good "
            "cannot be told; pass mode='min' or mode='max'"
        )

    def _is_improvement(self, value: float, reference: float | None) -> bool:
        if reference is None:
            return True
        return value - self.min_delta > reference if self._greater_is_better() else value + self.min_delta < reference


class ModelCheckpoint(_Monitor):
    """Saves the model after each epoch, or only when it is the best so far.

    Parameters
    ----------
    filepath : where to save, ending in ".h5". May hold `{epoch}` (from 1) and names of the logs, with formats:
        "{epoch:02d}-{val_loss:.2f}.h5". Missing folders are made.
    monitor : the value compared when `save_best_only`. Default "val_loss".
    verbose : 1 prints a line when something is saved or was no better. Default 0.
    save_best_only : save only when `monitor` improved. If it is missing in the logs: a warning, and the model is saved.
    save_weights_only : not supported yet.
    mode : "min", "max" or "auto" (from the name: a loss falls, a metric rises).
    initial_value_threshold : what the first value must beat. Default None: the first one is saved.

    The best value outlives a `fit`, so a second `fit` with the same instance goes on from it, as in Keras.

    Raises ValueError where the ending is another or `save_weights_only` is set, KeyError where filepath names what the logs lack,
    IsADirectoryError where filepath is a folder.
    """

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        *,
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode)
        self.filepath = os.fspath(filepath)
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.best = initial_value_threshold
        if save_weights_only:
            raise ValueError(
                "ModelCheckpoint: save_weights_only=True is not supported yet; leave it False to save the whole model as .h5"
            )
        if not self.filepath.endswith(".h5"):
            raise ValueError(f"ModelCheckpoint: filepath is '{self.filepath}', but wanted is one that ends in .h5")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = logs or {}
        self._greater_is_better()  # as in Keras, a monitor that cannot be judged is an error even where it is not needed
        try:
            path = self.filepath.format(epoch=epoch + 1, **logs)
        except KeyError as error:
            raise KeyError(
                f"ModelCheckpoint: filepath '{self.filepath}' names {error}, but the logs have {sorted(logs)}"
            ) from None
        if not self._wanted(epoch, logs, path):
            return
        if os.path.isdir(path):
            raise IsADirectoryError(f"ModelCheckpoint: filepath '{path}' is a folder, but wanted is a file")
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self.model.save(path)
        if self.verbose > 0:
            print(f"Epoch {epoch + 1}: finished saving model to {path}", flush=True)

    def _wanted(self, epoch: int, logs: Logs, path: str) -> bool:
        start = f"Epoch {epoch + 1}: "
        if not self.save_best_only:
            self._say(f"{start}saving model to {path}")
            return True
        value = logs.get(self.monitor)
        if value is None:
            warnings.warn(f"Can save best model only with {self.monitor} available.", stacklevel=2)
            return True
        best = "None" if self.best is None else f"{self.best:.5f}"
        if not self._is_improvement(value, self.best):
            self._say(f"{start}{self.monitor} did not improve from {best}")
            return False
        self._say(f"{start}{self.monitor} improved from {best} to {value:.5f}, saving model to {path}")
        self.best = value
        return True

    def _say(self, line: str) -> None:
        if self.verbose > 0:
            print(line, flush=True)


class EarlyStopping(_Monitor):
    """Stops the training when a value has stopped improving.

    Parameters
    ----------
    monitor : the value watched. Default "val_loss". If it is missing in the logs: a warning, and nothing happens.
    min_delta : how much better a value must be to count. Default 0.
    patience : how many epochs without improvement are borne; the training stops after the one that exceeds it, never after the first.
    verbose : 1 prints what was done. Default 0.
    mode : "min", "max" or "auto" (from the name: a loss falls, a metric rises).
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
            warnings.warn(
                f"Early stopping conditioned on metric `{self.monitor}` which is not available. Available metrics are: {','.join(logs)}",
                stacklevel=2,
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
