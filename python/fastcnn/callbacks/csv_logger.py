"""`CSVLogger`, which writes a line an epoch."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from fastcnn.callbacks.base import Callback, Logs

__all__ = ["CSVLogger"]


class CSVLogger(Callback):
    """Writes the epochs' numbers (from 0) and values into a file of comma-separated values, a line an epoch, as Keras does to the byte.

    Parameters
    ----------
    filename : the file. Its folder must be there.
    separator : one character between the values. Default ",".
    append : True goes on in a file that is there, and writes the header only if it is empty; False, the default, begins it anew with each `fit`.

    The columns are "epoch" and the names in the logs of the first epoch, sorted; if none of them begins with `val_`, each has its `val_` column at
    the end, for a validation that comes later. What is missing in an epoch's logs is "NA", and a sequence is written as "[1, 2]". Lines end
    in \\r\\n, as RFC 4180 has it.

    The file is closed between epochs, so it is whole whenever a training breaks off. Raises OSError where it cannot be written.
    """

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False) -> None:
        super().__init__()
        self.filename = os.fspath(filename)
        self.sep = separator
        self.append = append
        self.append_header = True
        self.keys: list[str] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.keys = None
        if self.append and os.path.exists(self.filename):
            self.append_header = os.path.getsize(self.filename) == 0
        self._open("a" if self.append else "w").close()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = logs or {}
        begins = self.keys is None
        if self.keys is None:
            self.keys = _columns(logs)
        with self._open("a") as file:
            writer = csv.writer(file, delimiter=self.sep)
            if begins and self.append_header:
                writer.writerow(["epoch", *self.keys])
            writer.writerow([epoch, *(_cell(logs.get(key, "NA")) for key in self.keys)])

    def _open(self, mode: str) -> Any:
        return open(self.filename, mode, newline="", encoding="utf-8")


def _columns(logs: Logs) -> list[str]:
    names = sorted(logs)
    return names if any(name.startswith("val_") for name in names) else [*names, *(f"val_{name}" for name in names)]


def _cell(value: Any) -> Any:
    flat = isinstance(value, str) or (isinstance(value, np.ndarray) and value.ndim == 0)
    if isinstance(value, Iterable) and not flat:
        return f'"[{", ".join(map(str, value))}]"'
    return value
