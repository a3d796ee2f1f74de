"""The tutorial's network, and the job around it: what `python -m fastcnn.train` does, as two functions.

`tutorial_model` makes the network, `train` trains it on a data set into a run folder. The command line is `train.py`.
"""

from __future__ import annotations

import csv
import json
import os
import platform
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import fastcnn
from fastcnn import config
from fastcnn.callbacks import Callback, History, ModelCheckpoint
from fastcnn.datasets import named
from fastcnn.formats.atomic import replaced
from fastcnn.info import info
from fastcnn.layers import Conv2D, Dense, Flatten, Input, Layer, MaxPooling2D, Rescaling
from fastcnn.losses import SparseCategoricalCrossentropy
from fastcnn.models import Sequential
from fastcnn.optimizers import Adam

__all__ = ["DATASETS", "Result", "train", "tutorial_model"]

DATASETS = named.NAMES

_FILES = ("model.h5", "history.csv", "args.json")


class Result(NamedTuple):
    """What `train` gives back. `loss` and `accuracy` are those of the test images after the last epoch."""

    folder: Path
    model: Sequential
    history: History
    loss: float
    accuracy: float


def tutorial_model(
    input_shape: Sequence[int] = (32, 32, 3), classes: int = 10, *, scale: float | None = 1 / 255
) -> Sequential:
    """The tutorial's network, not compiled: three convolutions, two poolings, two dense layers, logits at the end.

    input_shape : height, width, channels; at least 18 x 18. scale : what pixels are multiplied with first, so that the model takes raw ones;
    None leaves that to the caller. 122,570 parameters for 32x32x3 and 10 classes. Source: TensorFlow's tutorial "Convolutional Neural Network (CNN)".
    """
    first: list[Layer] = [Input(input_shape)] if scale is None else [Input(input_shape), Rescaling(scale)]
    return Sequential(
        [
            *first,
            Conv2D(32, (3, 3), activation="relu"),
            MaxPooling2D((2, 2)),
            Conv2D(64, (3, 3), activation="relu"),
            MaxPooling2D((2, 2)),
            Conv2D(64, (3, 3), activation="relu"),
            Flatten(),
            Dense(64, activation="relu"),
            Dense(classes),
        ]
    )


def train(
    dataset: str = "cifar10",
    *,
    data_dir: str | os.PathLike[str] | None = None,
    device: str = "auto",
    epochs: int = 10,
    batch_size: int = 32,
    learning_rate: float = 0.001,
    seed: int | None = None,
    threads: int | None = None,
    out: str | os.PathLike[str] | None = None,
    verbose: int | str = "auto",
) -> Result:
    """Trains `tutorial_model` on raw pixels with Adam, and keeps everything in a run folder.

    The folder holds `model.h5`, written after each epoch, which takes raw pixels, holds the names of the classes, and which Keras reads too; `history.csv`, one line an epoch;
    and `args.json`: the arguments, the seed, the classes, and the versions and machine that were used.

    Parameters
    ----------
    dataset : "cifar10", "cifar100", "cifar100-coarse" (its 20 superclasses) or "digits". data_dir : where CIFAR lies; None means FASTCNN_DATA, the
        cache, or a download. digits are built in.
    device : "auto", "cpu" or "cuda". threads : of the CPU; None leaves the setting as it is.
    epochs, batch_size, learning_rate : of the training, as in `fit` and `Adam`.
    seed : for repeatable runs; None draws one, which args.json tells.
    out : the run folder; it may exist, but may not hold a run. None means runs/<dataset>-<time>.
    verbose : as in `fit`; 0 prints nothing.

    The test images are the validation data of every epoch, as in the tutorial. device, threads and seed are settings of the process and stay set.

    Raises what `fastcnn.set_device` and `load_data` raise, FileExistsError where `out` holds a run, OSError where it cannot be written. Ctrl-C
    raises KeyboardInterrupt, after the model has been saved as it then is; its message says what was kept.
    """
    named.check(dataset, data_dir, "train")
    config.set_device(device)
    if threads is not None:
        config.set_threads(threads)
    seed = int.from_bytes(os.urandom(4), "little") if seed is None else seed
    config.set_seed(seed)
    (x, y), (test_x, test_y), class_names = named.load(dataset, data_dir, "train")
    folder = _run_folder(dataset, out)

    facts = info()
    if verbose:
        chosen = f" (device {device!r})" if device == "auto" else ""
        print(
            f"fastcnn {facts['version']} on {facts['device']}{chosen}, {facts['instruction_set']}, {facts['threads']} threads, seed {seed}"
        )
        print(f"{dataset}: {len(x):,} images to train on, {len(test_x):,} to test, {'x'.join(map(str, x.shape[1:]))}")
        print(f"run folder: {folder}", flush=True)
    asked = {
        "dataset": dataset,
        "data_dir": None if data_dir is None else os.fspath(data_dir),
        "device": device,
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "seed": seed,
        "threads": threads,
        "out": os.fspath(folder),
    }
    _write_arguments(folder / "args.json", asked, class_names, facts)

    model = tutorial_model(x.shape[1:], len(class_names))
    model.class_names = class_names
    model.compile(Adam(learning_rate=learning_rate), SparseCategoricalCrossentropy(from_logits=True), ["accuracy"])
    watchers = [ModelCheckpoint(folder / "model.h5"), _HistoryFile(folder / "history.csv")]
    try:
        history = model.fit(x, y, batch_size, epochs, verbose, watchers, validation_data=(test_x, test_y))
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_kept(model, folder, epochs)) from None
    last = {name: values[-1] for name, values in history.history.items()}
    return Result(folder, model, history, last["val_loss"], last["val_accuracy"])


class _HistoryFile(Callback):
    """A line an epoch: epoch (from 1), loss, accuracy, val_loss, val_accuracy, seconds."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._start = 0.0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._append(["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "seconds"])

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        seen = logs or {}
        values = [f"{seen[name]:.6g}" for name in ("loss", "accuracy", "val_loss", "val_accuracy")]
        self._append([str(epoch + 1), *values, f"{time.perf_counter() - self._start:.3f}"])

    def _append(self, row: list[str]) -> None:
        with open(self._path, "a", newline="") as file:
            csv.writer(file, lineterminator="\n").writerow(row)


def _run_folder(dataset: str, out: str | os.PathLike[str] | None) -> Path:
    """The folder, made. A run that is there already is never written over."""
    if out is not None:
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        taken = [name for name in _FILES if (folder / name).exists()]
        if taken:
            raise FileExistsError(
                f"{folder} holds a run already ({', '.join(taken)}); name another folder, or move that run away"
            )
        return folder
    name = f"{dataset}-{datetime.now():%Y%m%d-%H%M%S}"
    for suffix in ("", *(f"-{number}" for number in range(2, 100))):
        folder = Path("runs", name + suffix)
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(f"{Path('runs', name)} and its successors exist already; name a folder")


def _write_arguments(path: Path, asked: dict[str, Any], classes: Sequence[str], facts: dict[str, Any]) -> None:
    written = {
        **asked,
        "classes": list(classes),
        "started": datetime.now().astimezone().isoformat(timespec="seconds"),
        "versions": {"fastcnn": fastcnn.__version__, "python": platform.python_version(), "numpy": np.__version__},
        "machine": {
            name: facts[name]
            for name in ("platform", "processor", "cores_usable", "instruction_set", "threads", "device")
        },
    }
    with replaced(path) as temporary:
        temporary.write_text(json.dumps(written, indent=2) + "\n")


def _kept(model: Sequential, folder: Path, epochs: int) -> str:
    """Saves the model as it is, and says so."""
    finished = len(model.history.epoch) if hasattr(model, "history") else 0
    steps = model.optimizer.iterations if model.optimizer is not None else 0
    if not steps:
        return f"stopped before the first step; {folder} holds the arguments alone (args.json)"
    model.save(folder / "model.h5")
    epoch = f"in epoch {finished + 1} of {epochs}" if finished < epochs else "after the last epoch"
    lines = "1 finished epoch" if finished == 1 else f"{finished} finished epochs"
    return f"stopped {epoch}; kept in {folder}: model.h5 (as after step {steps:,}), history.csv ({lines}), args.json"
