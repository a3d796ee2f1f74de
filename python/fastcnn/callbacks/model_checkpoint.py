"""`ModelCheckpoint`, which saves the model while it is trained. How a file is written is known to `formats/`."""

from __future__ import annotations

import os
from pathlib import Path

from fastcnn._arguments import boolean, only
from fastcnn._warnings import warn
from fastcnn.callbacks.base import Logs
from fastcnn.callbacks.monitor import Monitor

__all__ = ["ModelCheckpoint"]

_MODELS = (".keras", ".h5", ".hdf5", ".safetensors")  # those of `formats`, which is a floor above


class ModelCheckpoint(Monitor):
    """Saves the model after each epoch, or only when it is the best so far.

    Parameters
    ----------
    filepath : where to save, ending as for `Sequential.save` (".keras", ".h5", ".hdf5" or ".safetensors"), or in ".weights.h5" if `save_weights_only`.
        May hold `{epoch}` (from 1) and names of the logs, with formats: "{epoch:02d}-{val_loss:.2f}.keras". Missing folders are made.
    monitor : the value compared when `save_best_only`. Default "val_loss".
    verbose : 1 prints a line when something is saved or was no better. Default 0.
    save_best_only : save only when `monitor` improved. If it is missing in the logs: a warning, and the model is saved.
    save_weights_only : save the weights and the optimizer's state, by `save_weights`. Default False: the whole model.
    mode : "min", "max" or "auto" (a loss or an error falls, an accuracy rises).
    save_freq : only "epoch" is supported (Keras takes a number of batches too).
    initial_value_threshold : what the first value must beat. Default None: the first one is saved.

    The best value outlives a `fit`, so a second `fit` with the same instance goes on from it, as in Keras.

    Raises ValueError where the ending is another, KeyError where filepath names what the logs lack,
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
        save_freq: str = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode)
        self.filepath = os.fspath(filepath)
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.best = initial_value_threshold
        self.save_weights_only = boolean("ModelCheckpoint", "save_weights_only", save_weights_only)
        only("ModelCheckpoint", "save_freq", save_freq, "epoch")
        endings = (".weights.h5",) if save_weights_only else _MODELS
        if not self.filepath.endswith(endings):
            *others, last = endings
            wanted = f"{', '.join(others)} or {last}" if others else f"{last}, for save_weights_only=True"
            raise ValueError(f"ModelCheckpoint: filepath is '{self.filepath}', but wanted is one that ends in {wanted}")

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
        (self.model.save_weights if self.save_weights_only else self.model.save)(path)
        if self.verbose > 0:
            print(f"Epoch {epoch + 1}: finished saving model to {path}", flush=True)

    def _wanted(self, epoch: int, logs: Logs, path: str) -> bool:
        start = f"Epoch {epoch + 1}: "
        if not self.save_best_only:
            self._say(f"{start}saving model to {path}")
            return True
        value = logs.get(self.monitor)
        if value is None:
            warn(f"Can save best model only with {self.monitor} available.")
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
