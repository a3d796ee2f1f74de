"""How good a model is, and what it says of pictures: `evaluate_model` and `classify_images`, what the two commands do, as functions.

Both take a model or the file of one, Keras's too, and show it raw pixels 0..255, or `pixels * scale + offset` where it wants others. The command
lines are `evaluate.py` and `predict.py`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastcnn import _text
from fastcnn.datasets import folders, images, named
from fastcnn.errors import FormatError
from fastcnn.judge import Judge, Source, sizes
from fastcnn.progress import verbosity

__all__ = [
    "ClassScore",
    "Classification",
    "Evaluation",
    "Prediction",
    "classify_images",
    "evaluate_model",
    "scores",
    "tell",
]

_MOST_LISTED = 20  # files that were left out, of those that are printed


@dataclass(frozen=True)
class ClassScore:
    """How a model does on one class.

    precision : of the images that it takes for this class, the share that is; nan where it takes none. recall : of the images of this class, the
    share that it takes for it; nan where there are none. count : the images of this class.
    """

    name: str
    precision: float
    recall: float
    count: int


class Evaluation(NamedTuple):
    """What `evaluate_model` gives back.

    accuracy : the share of images whose largest output is their class. loss : what `model.evaluate` gives. images : how many.
    classes : one score a class, in the order of the outputs. confusion : (classes, classes) int64; row t, column p counts the images of
    class t that were taken for p. left_out : files of a folder that are no images that can be read, each with its path and the reason.
    """

    accuracy: float
    loss: float
    images: int
    classes: tuple[ClassScore, ...]
    confusion: NDArray[np.int64]
    left_out: tuple[folders.Fault, ...] = ()


class Prediction(NamedTuple):
    """What a model says of one image file.

    classes : (name, probability), the most probable first. changes : what was done to the file's pixels, in words, or "". error : why it could
    not be read, or ""; then there are no classes.
    """

    path: str
    classes: tuple[tuple[str, float], ...] = ()
    changes: str = ""
    error: str = ""


class Classification(NamedTuple):
    """What `classify_images` gives back: the predictions in the order of the files, what was done to get them, and what folders held besides."""

    predictions: tuple[Prediction, ...]
    notes: tuple[str, ...]
    left_out: tuple[folders.Fault, ...]


def evaluate_model(
    model: Source,
    dataset: str | None = None,
    *,
    data: str | os.PathLike[str] | None = None,
    data_dir: str | os.PathLike[str] | None = None,
    scale: float = 1.0,
    offset: float = 0.0,
    batch_size: int | None = None,
    verbose: int | str = "auto",
) -> Evaluation:
    """The accuracy and the loss of a model, and each class's precision and recall, over images that it has not been trained on.

    Parameters
    ----------
    model : a Sequential, which stays as it is, or the path of a file that `load_model` reads.
    dataset : the test images of "cifar10", "cifar100", "cifar100-coarse" or "digits". data_dir : the only folder to look for them in.
    data : instead, a folder with one folder of images a class (`datasets.folders`), each brought to the model's size as `datasets.images.read` does.
    scale, offset : the model sees pixels * scale + offset; the default is raw pixels, 0..255.
    batch_size : as in `evaluate`. verbose : 1 or "auto" prints what is evaluated, with a bar on a terminal; 0 nothing.

    Classes are matched by name where the model has `class_names`; without them its outputs are the classes of the data in their order. The loss is
    the one that the model was compiled with, or, without one, the cross-entropy of its outputs. A model with one output has two classes.

    Raises ValueError where the arguments make no sense or the model and the data do not go together (FormatError if the model is a file), and
    what `load_model`, `datasets` and `folders.load` raise.
    """
    if (dataset is None) == (data is None):
        raise ValueError("evaluate_model: exactly one of dataset and data must be given")
    level = verbosity(verbose, "evaluate_model")
    if dataset is not None:
        named.check(dataset, data_dir, "evaluate_model")
    judge = Judge(model, scale, offset, "evaluate_model")
    left_out: list[folders.Fault] = []
    if dataset is not None:
        _, (x, y), class_names = named.load(dataset, data_dir)
        judge.require(x.shape[1:], f"{dataset} has images of {sizes(x.shape[1:])}")
        labels = judge.class_numbers(class_names, dataset)[y[:, 0]]
        tell(level, [*judge.notes(), judge.loss_note(), f"{dataset}: {len(x):,} test images"])
    else:
        assert data is not None
        shape, place = judge.image_shape(), os.fspath(data)
        found = folders.find(data)
        numbers = judge.class_numbers(found.class_names, place)
        files = f"{place}: {len(found.files):,} files in {len(found.class_names):,} class folders, {images.how(shape)}"
        tell(level, [*judge.notes(), judge.loss_note(), files])
        loaded = folders.load(data, shape, verbose=level)
        x, labels, left_out = loaded.x, numbers[loaded.y], loaded.left_out
        tell(level, [], left_out)
    loss, outputs = judge.evaluate(x, labels, batch_size, level)
    return scores(labels, outputs, judge.class_names)._replace(loss=loss, left_out=tuple(left_out))


def scores(labels: NDArray[Any], outputs: NDArray[Any], class_names: Sequence[str]) -> Evaluation:
    """The counts behind an Evaluation, in whole numbers, and their shares in float64; its loss is nan.

    labels : (N,) class numbers. outputs : (N, classes) logits or probabilities; NaN is no largest value. class_names : as many as outputs.
    """
    classes = len(class_names)
    taken = np.argmax(np.where(np.isnan(outputs), -np.inf, outputs), axis=1)
    confusion = np.bincount(labels * classes + taken, minlength=classes * classes).reshape(classes, classes)
    right = np.diag(confusion).astype(np.float64)
    with np.errstate(invalid="ignore"):
        precision, recall = right / confusion.sum(axis=0), right / confusion.sum(axis=1)
    rows = zip(class_names, precision.tolist(), recall.tolist(), confusion.sum(axis=1).tolist(), strict=True)
    accuracy = right.sum() / len(labels)
    return Evaluation(float(accuracy), float("nan"), len(labels), tuple(ClassScore(*row) for row in rows), confusion)


def classify_images(
    model: Source,
    files: Sequence[str | os.PathLike[str]] = (),
    *,
    data: str | os.PathLike[str] | None = None,
    top: int | None = None,
    scale: float = 1.0,
    offset: float = 0.0,
    batch_size: int | None = None,
    verbose: int | str = "auto",
) -> Classification:
    """The classes that a model sees in image files, with their probabilities.

    files : image files of any size and mode, folders, of which all pictures are taken, and patterns such as "photos/**/*.jpg" (`folders.pictures_at`). Each is
        brought to the model's size as `datasets.images.read` does; one that cannot be read is a Prediction whose `error` says why.
    data : a folder with one folder of images a class, whose files come after these.
    top : how many classes each; None means all.
    model, scale, offset, batch_size, verbose : as for `evaluate_model`.

    The probabilities are the model's outputs if it ends in a softmax or sigmoid, else their softmax, computed in float64. (A model with one output
    has two classes; the output, or its sigmoid, is the probability of the second.) Without `class_names` classes are
    called by their numbers, from 0.

    Raises as `evaluate_model` does; ValueError where there are neither files nor data; FormatError where those hold no picture.
    """
    if isinstance(files, (str, os.PathLike)):
        raise TypeError(f"classify_images: files must be a list of names, but is {os.fspath(files)!r}")
    if not files and data is None:
        raise ValueError("classify_images: there must be files, or a folder as data")
    level = verbosity(verbose, "classify_images")
    judge = Judge(model, scale, offset, "classify_images")
    shape = judge.image_shape()
    notes = [*judge.notes(), judge.probability_note(), f"images: {images.how(shape)}"]
    paths, left_out = folders.pictures_at(files)
    if data is not None:
        found = folders.find(data)
        paths, left_out = paths + found.files, left_out + found.left_out
    tell(level, notes, left_out)
    if not paths:
        raise FormatError(f"there is no picture to look at: {folders.listed(left_out)}")
    pictures, faults = folders.read_all(paths, shape, verbose=min(level, 1), line=False)
    reasons = {fault.path: fault.reason for fault in faults}
    readable = [picture.pixels for picture in pictures if picture is not None]
    rows = iter(judge.probabilities(np.stack(readable), batch_size) if readable else ())
    predictions = []
    for path, picture in zip(paths, pictures, strict=True):
        if picture is None:
            predictions.append(Prediction(os.fspath(path), error=reasons[path]))
        else:
            predictions.append(Prediction(os.fspath(path), _best(next(rows), judge.class_names, top), picture.changes))
    return Classification(tuple(predictions), tuple(notes), tuple(left_out))


def _best(row: NDArray[np.float64], class_names: Sequence[str], top: int | None) -> tuple[tuple[str, float], ...]:
    order = np.argsort(-row, kind="stable")[:top]
    return tuple((class_names[index], float(row[index])) for index in order)


def tell(level: int, notes: Sequence[str], left_out: Sequence[folders.Fault] = ()) -> None:
    """Prints them in lines of 80 columns, unless the level is 0."""
    if not level or not (notes or left_out):
        return
    lines = [_text.wrapped(_text.printable(note), "  ") for note in notes]
    if left_out:
        lines.append(f"left out: {len(left_out):,}")
        lines += [
            _text.wrapped(_text.printable(f"  {fault.path}: {fault.reason}"), "    ")
            for fault in left_out[:_MOST_LISTED]
        ]
    if len(left_out) > _MOST_LISTED:
        lines.append(f"  and {len(left_out) - _MOST_LISTED:,} more")
    print("\n".join(lines), flush=True)
