"""Small things that Keras keeps in `keras.utils`: batches of your own, one-hot labels, one seed for everything, names that begin again."""

from __future__ import annotations

import gc
import random

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastcnn import config
from fastcnn._arguments import boolean, positive_integer
from fastcnn._naming import reset_names
from fastcnn.batches import PyDataset

__all__ = ["PyDataset", "Sequence", "clear_session", "set_random_seed", "to_categorical"]

Sequence = PyDataset  # Keras's older name of it


def to_categorical(x: ArrayLike, num_classes: int | None = None) -> NDArray[np.float64]:
    """Class numbers as one-hot rows, as `CategoricalCrossentropy` takes them. (`SparseCategoricalCrossentropy` takes the numbers themselves.)

    x : whole numbers from 0, of any shape; a last axis of 1 is dropped. num_classes : K; None, the default, means the largest of x plus 1.

    Returns float64, the shape of x with K at its end. ValueError for numbers that are not whole, negative ones (which Keras counts from the
    last class) and those from `num_classes` on, and for no numbers at all where `num_classes` is None.
    """
    labels = np.asarray(x)
    if labels.dtype.kind not in "biuf":
        raise ValueError(f"to_categorical: x must hold class numbers, but has dtype {labels.dtype}")
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if labels.size == 0 and num_classes is None:
        raise ValueError(f"to_categorical: x is empty (shape {labels.shape}), so num_classes must be given")
    count = (
        int(labels.max()) + 1 if num_classes is None else positive_integer("to_categorical", "num_classes", num_classes)
    )
    wrong = labels[~((labels == np.trunc(labels)) & (labels >= 0) & (labels < count))]
    if wrong.size:
        raise ValueError(f"to_categorical: x holds {wrong[0]}, but wanted are whole numbers in [0, {count})")
    rows = np.zeros((*labels.shape, count))
    np.put_along_axis(rows, labels.astype(np.int64)[..., np.newaxis], 1, axis=-1)
    return rows


def set_random_seed(seed: int) -> None:
    """Seeds Python's `random`, numpy's global generator and fastcnn (`fastcnn.set_seed`, which leaves the others alone).

    seed : integer, 0 <= seed < 2**32. ValueError otherwise, and then nothing is seeded.
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**32:
        raise ValueError(f"set_random_seed: seed must be an integer with 0 <= seed < 2**32, but is {seed!r}")
    random.seed(int(seed))
    np.random.seed(int(seed))  # noqa: NPY002 this is the generator that Keras seeds
    config.set_seed(int(seed))


def clear_session(free_memory: bool = True) -> None:
    """Numbers the names of layers and models from the beginning again: the next `Dense` is "dense". Models that exist stay as they are.

    free_memory : whether to collect what Python no longer needs, now. The seed stays. There is no other state to clear.
    """
    collect = boolean("clear_session", "free_memory", free_memory)
    reset_names()
    if collect:
        gc.collect()
