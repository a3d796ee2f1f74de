"""`fine_tune` and `resume`: what is asked for is looked at, the pictures and the start are read, and a `Job` does the rest."""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from fastcnn import config, runs
from fastcnn._arguments import boolean, natural, number, pair, positive
from fastcnn.datasets import ImageFolder, image_folder, splits
from fastcnn.errors import FormatError
from fastcnn.finetuning import start as starts
from fastcnn.finetuning.job import FineTuned, Job
from fastcnn.finetuning.keeping import BestKeeper
from fastcnn.finetuning.settings import Choice, Settings, choose
from fastcnn.models import Sequential, load_model
from fastcnn.progress import verbosity

__all__ = ["fine_tune", "resume"]

_OWNER = "fine_tune"


def fine_tune(
    data: str | os.PathLike[str] | ImageFolder,
    start: starts.Start = "vgg8",
    *,
    image_size: int | tuple[int, int] | None = None,
    scale: float = 1.0,
    offset: float = 0.0,
    drop_duplicates: bool = False,
    minutes: float | None = None,
    seed: int | None = None,
    out: str | os.PathLike[str] | None = None,
    keep: bool = False,
    verbose: int | str = "auto",
    **settings: Any,
) -> FineTuned:
    """Makes of a network that has learnt other pictures a classifier for these.

    data : a folder of pictures, as `datasets.image_folder` reads it, or what that has given.
    start : "vgg8", the default, or "tutorial_cnn", with their weights for CIFAR-10; the file of a model, Keras's too; or a model, which stays as it is. Its
        last dense layer is replaced by a new one for the folder's classes; all others learn, frozen ones too.
    image_size : what pictures are brought to; default what the start takes, 32x32 for those with a name. "vgg8" takes any from 32x32 on.
    scale, offset : the start sees pixels * scale + offset; for models that want other than raw pixels, 1/255 say. The new model takes raw ones in any case.
    drop_duplicates : as in `image_folder`.
    minutes : fewer epochs are trained, one at least, where all would take longer than about this.
    seed : for repeatable runs; None draws one. out : a run folder to keep (`runs.py`), from which `resume` goes on. keep : whether there is one, runs/fine-tuned-TIME,
        where `out` is None; else nothing is kept.
    verbose : as in `fit`. settings : those of `Settings` that are not to be chosen here, by name: epochs=20, learning_rate=0.01, ...

    Raises what `image_folder` and `load_model` raise; ValueError and TypeError for arguments, and where the start does not fit pictures; FileExistsError where
    `out` holds a run. Ctrl-C raises KeyboardInterrupt; what `out` then holds, its message says.
    """
    begun = time.perf_counter()
    level = verbosity(verbose, _OWNER)
    limit = None if minutes is None else 60 * positive(_OWNER, "minutes", minutes)
    size = None if image_size is None else pair(_OWNER, "image_size", image_size)
    scale, offset = number(_OWNER, "scale", scale), number(_OWNER, "offset", offset)
    drop_duplicates = boolean(_OWNER, "drop_duplicates", drop_duplicates)
    dividing = (
        ["validation_split"] if "validation_split" in settings else ["drop_duplicates"] if drop_duplicates else []
    )
    if isinstance(data, ImageFolder) and dividing:
        raise ValueError(f"{_OWNER}: {dividing[0]} is of a folder, but data is divided already")
    choose([1], 32, settings, validation=1)  # says what they cannot be before anything is read
    seed = int.from_bytes(os.urandom(4), "little") if seed is None else natural(_OWNER, "seed", seed)
    config.set_seed(seed)
    features = starts.load(start, size, scale, offset, _OWNER)
    shape = starts.picture_shape(features)
    read, choice = _read(data, shape, drop_duplicates, seed, level, settings, starts.multiply_adds(features))
    folder = runs.new_folder("fine-tuned", out) if keep or out is not None else None
    job = Job(read, choice, folder, level, begun)
    job.train_head(features)
    if limit is not None:
        job.shorten(limit, features)
    job.say(start, seed)
    if folder is not None:
        asked = {
            "data": None if isinstance(data, ImageFolder) else os.path.abspath(data),
            "pictures": _digest(read),
            "start": _place_of(start),
            "device": config.get_device(),
            "image_size": shape[:2],
            "channels": shape[2],
            "scale": scale,
            "offset": offset,
            "drop_duplicates": drop_duplicates,
            "seed": seed,
            "settings": asdict(job.settings),
            "reasons": job.choice.reasons,
        }
        runs.write_arguments(folder, asked, read.class_names)
    job.can_go_on = not isinstance(data, ImageFolder) and _place_of(start) is not None
    return job.train(starts.with_head(features, len(read.class_names)), {})


_ASKED = (
    "data", "pictures", "start", "device", "image_size", "channels", "scale", "offset", "drop_duplicates", "seed", "settings", "reasons", "classes",
)  # fmt: skip


def resume(folder: str | os.PathLike[str], *, device: str | None = None, verbose: int | str = "auto") -> FineTuned:
    """Goes on with a run of `fine_tune` that was stopped, from its last finished epoch; on the same machine and device it ends with the bits of a run that never was.

    device : None for the run's. Raises FileNotFoundError where there is no run; FormatError where its files are damaged, the pictures are others now, or pictures
    or start did not come from files; and what `fine_tune` raises.
    """
    begun = time.perf_counter()
    level = verbosity(verbose, "resume")
    run = Path(folder)
    asked = runs.read_arguments(run, _ASKED)
    if asked["data"] is None:
        raise FormatError(f"{run}: the pictures of this run did not come from a folder, so they cannot be read again")
    try:
        choice = Choice(Settings(**asked["settings"]), asked["reasons"])
    except TypeError as error:
        raise FormatError(f"{run / runs.ARGUMENTS}: is not the arguments of a fine-tuning ({error})") from error
    config.set_device(device or asked["device"])
    read = image_folder(
        asked["data"],
        asked["image_size"],
        channels=asked["channels"],
        validation_split=choice.settings.validation_split,
        seed=asked["seed"],
        drop_duplicates=asked["drop_duplicates"],
        verbose=level,
    )
    if list(read.class_names) != asked["classes"] or _digest(read) != asked["pictures"]:
        raise FormatError(
            f"{asked['data']}: holds other pictures than those that the run in {run} began with; begin anew"
        )
    config.set_seed(asked["seed"])
    job = Job(read, choice, run, level, begun)
    saved = run / runs.CHECKPOINT
    if saved.exists():
        return job.train(load_model(saved), BestKeeper.notes_of(saved))
    if asked["start"] is None:
        raise FormatError(f"{run}: this run began with a model of no file and has no checkpoint yet; begin anew")
    features = starts.load(asked["start"], tuple(asked["image_size"]), asked["scale"], asked["offset"], "resume")
    job.train_head(features)
    return job.train(starts.with_head(features, len(read.class_names)), {})


def _read(
    data: str | os.PathLike[str] | ImageFolder,
    shape: tuple[int, int, int],
    drop_duplicates: bool,
    seed: int,
    level: int,
    asked: dict[str, Any],
    multiply_adds: int,
) -> tuple[ImageFolder, Choice]:
    """The pictures, and the settings for so many; validation is drawn as these say."""
    side = min(shape[:2])
    if isinstance(data, ImageFolder):
        _check(data, shape)
        counts = np.bincount(data.train.y, minlength=len(data.class_names)).tolist()
        validation = len(data.validation.y) or None
        asked = {**asked, "validation_split": 0.0}
        tested = len(data.test.y) > 0
        return data, choose(counts, side, asked, validation=validation, tested=tested, multiply_adds=multiply_adds)
    found = splits.read(_OWNER, data, shape[:2], shape[2], True, level)
    found = splits.without_duplicates(found) if drop_duplicates else found
    for problem in splits.problems(found, asked.get("validation_split", 0.0)):
        raise FormatError(problem)
    counts, validating, testing = (splits.counts_of(found, part) for part in splits.PARTS)
    validation = sum(validating) if splits.VALIDATION in found.folders else None
    tested = sum(testing) > 0
    choice = choose(counts, side, asked, validation=validation, tested=tested, multiply_adds=multiply_adds)
    return splits.arranged(found, choice.settings.validation_split, seed), choice


def _check(data: ImageFolder, shape: tuple[int, int, int]) -> None:
    """An ImageFolder that somebody has made: that it can be trained on."""
    classes = len(data.class_names)
    for name, part in (("train", data.train), ("validation", data.validation), ("test", data.test)):
        y = np.asarray(part.y)
        if y.shape != (len(part.x),) or y.dtype.kind not in "iu" or (len(y) and not 0 <= y.min() <= y.max() < classes):
            raise ValueError(
                f"{_OWNER}: data.{name}.y must be ({len(part.x)},) class numbers below {classes}, but is {y.dtype} {y.shape}"
            )
        if part.x.shape[1:] != shape:
            raise ValueError(f"{_OWNER}: data has pictures of {part.x.shape[1:]}, but the start takes {shape}")
    for label, name in enumerate(data.class_names):
        if not (data.train.y == label).any():
            raise ValueError(f"{_OWNER}: the class {name!r} has no picture to train on")


def _digest(data: ImageFolder) -> str:
    """What the same pictures in the same parts have in common."""
    digest = hashlib.blake2b(digest_size=16)
    for part in (data.train, data.validation, data.test):
        for array in (part.x, part.y):
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _place_of(start: starts.Start) -> str | None:
    """A name, or the absolute path of a file; None for a model."""
    if isinstance(start, Sequential):
        return None
    return os.fspath(start) if start in starts.STARTS else os.path.abspath(start)
