"""What every callback is and how a run calls its callbacks: `Callback`, `History` and, private, `CallbackList`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastcnn.models import Sequential

__all__ = ["Callback", "CallbackList", "History", "Logs"]

Logs = dict[str, Any]


class Callback:
    """Base class: override the hooks that you need.

    `self.model` is the model and `self.params` the dict of `verbose`, `epochs` and `steps` while `fit`, `evaluate` or `predict` runs.
    Epochs and batches count from 0. `logs` holds the loss and the metrics so far: of the epoch in `on_train_batch_end`, of the epoch and
    the validation (names beginning with `val_`) in `on_epoch_end`; where there are none yet it is empty, but never None. All callbacks get the
    same dict, and what one writes into it in `on_epoch_end`, those after it see, and the history keeps. A hook of a batch costs a call into Python a step only if some callback overrides it.

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
        self.train_batch_begin = self._without_logs("on_train_batch_begin", "on_batch_begin")
        self.train_batch_end = self._overridden("on_train_batch_end", "on_batch_end")
        self.test_batch_begin = self._without_logs("on_test_batch_begin")
        self.test_batch_end = self._overridden("on_test_batch_end")
        self.predict_batch_begin = self._without_logs("on_predict_batch_begin")
        self.predict_batch_end = self._overridden("on_predict_batch_end")

    def call(self, hook: str, *arguments: Any) -> None:
        """Calls a hook that is none of a batch's, with the epoch, where it has one, and the logs. None and missing ones are {}, as in Keras."""
        if not arguments or isinstance(arguments[-1], int):
            arguments = (*arguments, None)
        *epoch, logs = arguments
        logs = {} if logs is None else logs
        for callback in self.callbacks:
            getattr(callback, hook)(*epoch, logs)

    def _without_logs(self, *names: str) -> tuple[Callable[[int], None], ...]:
        def begin(hook: Callable[..., None]) -> Callable[[int], None]:
            return lambda batch: hook(batch, {})

        return tuple(begin(hook) for hook in self._overridden(*names))

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
