"""A run folder: what a training keeps, each file whole or not at all, so that it can be gone on with after whatever has stopped it.

model.h5                 the model; Keras reads it too
history.csv              a line an epoch
args.json                what was asked, the classes, the versions and the machine
checkpoint.safetensors   the last finished epoch, from which the training goes on bit for bit
report.html              of a fine-tuning: what it has learnt and what it gets wrong
"""

from __future__ import annotations

import json
import os
import platform
import shlex
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

import fastcnn
from fastcnn.callbacks import Callback
from fastcnn.errors import FormatError
from fastcnn.formats import atomic, checkpoint
from fastcnn.info import info
from fastcnn.models import Sequential

__all__ = [
    "ARGUMENTS",
    "CHECKPOINT",
    "FILES",
    "HISTORY",
    "MODEL",
    "REPORT",
    "Keeper",
    "made_with",
    "new_folder",
    "read_arguments",
    "rows_of",
    "stopped",
    "write_arguments",
]

FILES = MODEL, HISTORY, ARGUMENTS, CHECKPOINT, REPORT = (
    "model.h5",
    "history.csv",
    "args.json",
    "checkpoint.safetensors",
    "report.html",
)


class Keeper(Callback):
    """Keeps the run: the model, the history and, last, the checkpoint that holds both, each whole or not at all.

    The history has a line an epoch: epoch (from 1), loss, accuracy, val_loss, val_accuracy, seconds.
    """

    def __init__(self, folder: Path, rows: list[list[str]]) -> None:
        super().__init__()
        self._folder = folder
        self.rows = rows
        self._start = 0.0

    def write(self, model: Sequential) -> None:
        """All files, as things stand. Before the first epoch there is nothing but a checkpoint."""
        if self.rows:
            model.save(self._folder / MODEL)
            self.write_history()
        checkpoint.save(model, self._folder / CHECKPOINT, {"history": self.rows})

    def write_history(self) -> None:
        """history.csv alone."""
        lines = [["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "seconds"], *self.rows]
        atomic.write(self._folder / HISTORY, "".join(",".join(line) + "\n" for line in lines).encode())

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.add_row(epoch, logs or {})
        self.write(self.model)

    def add_row(self, epoch: int, logs: dict[str, Any]) -> None:
        """The line of an epoch; what there is no value of stays empty."""
        values = [
            f"{logs[name]:.6g}" if name in logs else "" for name in ("loss", "accuracy", "val_loss", "val_accuracy")
        ]
        self.rows.append([str(epoch + 1), *values, f"{time.perf_counter() - self._start:.3f}"])


def rows_of(saved: Path) -> list[list[str]]:
    """The history that a checkpoint keeps."""
    rows = checkpoint.notes(saved).get("history")
    if not isinstance(rows, list) or not all(
        isinstance(row, list) and all(isinstance(value, str) for value in row) for row in rows
    ):
        raise FormatError(f"{saved}: keeps no history of epochs")
    return rows


def new_folder(name: str, out: str | os.PathLike[str] | None) -> Path:
    """The folder, made: `out`, or runs/NAME-TIME. FileExistsError where it holds a run already, which is never written over."""
    if out is not None:
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        taken = [file for file in FILES if (folder / file).exists()]
        if taken:
            raise FileExistsError(
                f"{folder} holds a run already ({', '.join(taken)}); name another folder, or move that run away"
            )
        return folder
    name = f"{name}-{datetime.now():%Y%m%d-%H%M%S}"
    for suffix in ("", *(f"-{number}" for number in range(2, 100))):
        folder = Path("runs", name + suffix)
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(f"{Path('runs', name)} and its successors exist already; name a folder")


def write_arguments(folder: Path, asked: dict[str, Any], classes: Sequence[str]) -> None:
    """args.json: what was asked, the classes, and the versions and machine that were used."""
    started = datetime.now().astimezone().isoformat(timespec="seconds")
    written = {**asked, "classes": list(classes), "started": started, **made_with()}
    atomic.write(folder / ARGUMENTS, (json.dumps(written, indent=2) + "\n").encode())


def made_with() -> dict[str, Any]:
    """The versions and the machine, for a file that says how something was made."""
    facts = info()
    return {
        "versions": {"fastcnn": fastcnn.__version__, "python": platform.python_version(), "numpy": np.__version__},
        "machine": {
            name: facts[name]
            for name in ("platform", "processor", "cores_usable", "instruction_set", "threads", "device")
        },
    }


def read_arguments(folder: Path, names: Sequence[str]) -> dict[str, Any]:
    """Those of args.json by these names. FileNotFoundError where there is no run, FormatError where the file is damaged."""
    path = folder / ARGUMENTS
    if not path.exists():
        raise FileNotFoundError(f"there is no run to go on with in {path.parent}: it has no {path.name}")
    try:
        written = json.loads(path.read_text())
        return {name: written[name] for name in names}
    except (ValueError, TypeError, KeyError) as error:
        raise FormatError(f"{path}: is not the arguments of a run ({error})") from error


def stopped(command: str, model: Sequential, folder: Path, epochs: int, keeper: Keeper) -> str:
    """After Ctrl-C: saves the model as it is, and says so. The checkpoint stays that of the last finished epoch: only from there is the rest the same to the bit.

    command : whose --resume goes on.
    """
    finished = len(keeper.rows)
    steps = model.optimizer.iterations if model.optimizer is not None else 0
    go_on = f"\nto go on: python -m fastcnn.{command} --resume {shlex.quote(os.fspath(folder))}"
    if not steps:
        return f"stopped before the first step; {folder} holds the arguments alone ({ARGUMENTS}){go_on}"
    model.save(folder / MODEL)
    keeper.write_history()
    epoch = f"in epoch {finished + 1} of {epochs}" if finished < epochs else "after the last epoch"
    lines = "1 finished epoch" if finished == 1 else f"{finished} finished epochs"
    kept = f"{MODEL} (as after step {steps:,}), {HISTORY} and {CHECKPOINT} ({lines}), {ARGUMENTS}"
    return f"stopped {epoch}; kept in {folder}: {kept}{go_on}"
