"""`BestKeeper`: which epoch was the best, and all that a run needs to go on."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

from fastcnn import runs
from fastcnn.errors import FormatError
from fastcnn.formats import checkpoint
from fastcnn.models import Sequential, load_model

__all__ = ["BestKeeper"]

_SHARE = 20  # times as long as a writing took there is none


class BestKeeper(runs.Keeper):
    """Besides what `Keeper` does: model.h5 is that of the best epoch, by the validation loss, or of the last.

    Where the last is to stay and epochs are short, not every one is written down, so that writing takes a twentieth of the time at most.

    folder : None keeps nothing on disk. patience : epochs without a better one after which the training ends; None where the last epoch is to stay.
    notes : those of the checkpoint that it goes on from, or empty. `best` is the epoch, from 1; `written` how many epochs the checkpoint knows,
    `best_written` the epoch of model.h5.
    """

    def __init__(self, folder: Path | None, patience: int | None, notes: dict[str, Any]) -> None:
        super().__init__(folder or Path(), notes.get("history", []))
        self._kept = folder is not None
        self._patience = patience
        self._next_writing = 0.0
        self.best: int = notes.get("best", 0)
        self.written, self.best_written = len(self.rows), self.best
        self._least: float = notes.get("least", math.inf)
        self._weights: list[Any] | None = None
        if self.best and self._kept and patience is not None:
            self._weights = load_model(self._folder / runs.MODEL, compile=False).get_weights()

    @property
    def is_over(self) -> bool:
        """Whether there was no better epoch for too long."""
        return self._patience is not None and len(self.rows) - self.best > self._patience

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.add_row(epoch, logs or {})
        if self._patience is None:
            self.best = epoch + 1
            if time.perf_counter() >= self._next_writing:
                self._write(with_model=True)
            return
        loss = (logs or {})["val_loss"]
        is_better = not self.best or loss < self._least
        if is_better:
            self.best, self._weights = epoch + 1, self.model.get_weights()
            self._least = float(loss) if math.isfinite(loss) else math.inf
        self._write(with_model=is_better)
        self.model.stop_training |= self.is_over

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if self.written < len(self.rows):
            self._write(with_model=True)

    def _write(self, with_model: bool) -> None:
        """The files, as things stand. with_model : whether the model is that of the best epoch now."""
        if not self._kept:
            return
        begin = time.perf_counter()
        if with_model:
            self.model.save(self._folder / runs.MODEL)  # before the checkpoint that knows of it
            self.best_written = self.best
        notes = {"history": self.rows, "best": self.best, "least": self._least}
        checkpoint.save(self.model, self._folder / runs.CHECKPOINT, notes)
        self.write_history()
        self.written = len(self.rows)
        end = time.perf_counter()
        self._next_writing = end + _SHARE * (end - begin)

    def restore(self, model: Sequential) -> None:
        """Gives the model the best epoch's weights."""
        if self._weights is not None:
            model.set_weights(self._weights)

    @staticmethod
    def notes_of(saved: Path) -> dict[str, Any]:
        """What a checkpoint knows. FormatError where that is something else."""
        notes = checkpoint.notes(saved)
        rows = runs.rows_of(saved)
        best, least = notes.get("best"), notes.get("least")
        if not isinstance(best, int) or not 0 < best <= len(rows) or not isinstance(least, (int, float)):
            raise FormatError(f"{saved}: does not say which epoch was the best")
        return {"history": rows, "best": best, "least": float(least)}
