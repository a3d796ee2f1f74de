"""The tutorial's network, and the job around it: what `python -m fastcnn.train` does, as functions.

`tutorial_model` makes the network, `train` trains it on a data set into a run folder, and `resume` goes on with such a run. The command line is
`train.py`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fastcnn import config, runs
from fastcnn.callbacks import History
from fastcnn.datasets import named
from fastcnn.info import info
from fastcnn.layers import Conv2D, Dense, Flatten, Input, Layer, MaxPooling2D, Rescaling
from fastcnn.losses import SparseCategoricalCrossentropy
from fastcnn.models import Sequential, load_model
from fastcnn.optimizers import Adam

__all__ = ["DATASETS", "Result", "resume", "train", "tutorial_model"]

DATASETS = named.NAMES

_ASKED = ("dataset", "data_dir", "device", "epochs", "batch_size", "learning_rate", "seed", "threads")


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
    device: str | None = None,
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
    `args.json`: the arguments, the seed, the classes, and the versions and machine that were used; and `checkpoint.safetensors`, from which `resume`
    goes on after whatever has stopped the run.

    Parameters
    ----------
    dataset : "cifar10", "cifar100", "cifar100-coarse" (its 20 superclasses) or "digits". data_dir : where CIFAR lies; None means FASTCNN_DATA, the
        cache, or a download. digits are built in.
    device : as for `fastcnn.set_device`. threads : of the CPU. None leaves the setting as it is.
    epochs, batch_size, learning_rate : of the training, as in `fit` and `Adam`.
    seed : for repeatable runs; None draws one, which args.json tells.
    out : the run folder; it may exist, but may not hold a run. None means runs/<dataset>-<time>.
    verbose : as in `fit`; 0 prints nothing.

    The test images are the validation data of every epoch, as in the tutorial. device, threads and seed are settings of the process and stay set.

    Raises what `fastcnn.set_device` and `load_data` raise, FileExistsError where `out` holds a run, OSError where it cannot be written. Ctrl-C
    raises KeyboardInterrupt, after the model has been saved as it then is; its message says what was kept, and how to go on.
    """
    named.check(dataset, data_dir, "train")
    seed = int.from_bytes(os.urandom(4), "little") if seed is None else seed
    asked = {
        "dataset": dataset,
        "data_dir": None if data_dir is None else os.fspath(data_dir),
        "device": device,
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "seed": seed,
        "threads": threads,
    }
    _set(device, threads)
    data = named.load(dataset, data_dir, "train")
    folder = runs.new_folder(dataset, out)
    asked["out"] = os.fspath(folder)
    runs.write_arguments(folder, asked, data[2])
    return _run(asked, data, folder, None, verbose)


def resume(
    folder: str | os.PathLike[str],
    *,
    epochs: int | None = None,
    data_dir: str | os.PathLike[str] | None = None,
    device: str | None = None,
    threads: int | None = None,
    verbose: int | str = "auto",
) -> Result:
    """Goes on with a run of `train` that was stopped, by Ctrl-C, a crash or a power cut, from the end of the last epoch that its checkpoint knows.

    On the same machine and device it ends with the bits of a run that was never stopped.

    folder : the run's. epochs : how many there are to be in all; None means what the run was asked for. data_dir, device, threads : None means as
    before. Raises FileNotFoundError where there is no run, FormatError where its files are damaged, and what `train` raises.
    """
    run = Path(folder)
    asked = runs.read_arguments(run, _ASKED)
    given = {"epochs": epochs, "data_dir": data_dir, "device": device, "threads": threads}
    asked.update({name: value for name, value in given.items() if value is not None})
    named.check(asked["dataset"], asked["data_dir"], "train")
    _set(asked["device"], asked["threads"])
    saved = run / runs.CHECKPOINT
    return _run(
        asked, named.load(asked["dataset"], asked["data_dir"], "train"), run, saved if saved.exists() else None, verbose
    )


def _set(device: str | None, threads: int | None) -> None:
    if device is not None:
        config.set_device(device)
    if threads is not None:
        config.set_threads(threads)


def _run(asked: dict[str, Any], data: Any, folder: Path, saved: Path | None, verbose: int | str) -> Result:
    """Trains from the beginning, or from a checkpoint, to the end."""
    (x, y), (test_x, test_y), class_names = data
    config.set_seed(asked["seed"])
    if verbose:
        _say(asked, x, test_x, folder)
    rows: list[list[str]] = []
    if saved is None:
        model = tutorial_model(x.shape[1:], len(class_names))
        model.class_names = class_names
        adam = Adam(learning_rate=asked["learning_rate"])
        model.compile(adam, SparseCategoricalCrossentropy(from_logits=True), ["accuracy"])
    else:
        model = load_model(saved)
        rows = runs.rows_of(saved)
        if verbose:
            print(f"goes on after epoch {model.epochs_done} of {asked['epochs']}", flush=True)
    keeper = runs.Keeper(folder, rows)
    keeper.write(model)
    done, epochs = model.epochs_done, asked["epochs"]
    try:
        history = model.fit(
            x, y, asked["batch_size"], epochs, verbose, [keeper], validation_data=(test_x, test_y), initial_epoch=done
        )
    except KeyboardInterrupt:
        raise KeyboardInterrupt(runs.stopped("train", model, folder, epochs, keeper)) from None
    if done < epochs:
        loss, accuracy = history.history["val_loss"][-1], history.history["val_accuracy"][-1]
    else:
        loss, accuracy = model.evaluate(test_x, test_y, verbose=0)  # type: ignore[misc]
    return Result(folder, model, history, loss, accuracy)


def _say(asked: dict[str, Any], x: Any, test_x: Any, folder: Path) -> None:
    facts, device = info(), asked["device"]
    chosen = f" (device {device!r})" if device == "auto" else ""
    print(
        f"fastcnn {facts['version']} on {facts['device']}{chosen}, {facts['instruction_set']}, {facts['threads']} threads, seed {asked['seed']}"
    )
    images = f"{len(x):,} images to train on, {len(test_x):,} to test, {'x'.join(map(str, x.shape[1:]))}"
    print(f"{asked['dataset']}: {images}")
    print(f"run folder: {folder}", flush=True)
