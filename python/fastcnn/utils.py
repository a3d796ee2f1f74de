"""Small things that Keras keeps in `keras.utils`: batches of your own, one-hot labels, one seed for everything, names that begin again.

And `augmentation_sheet`, which Keras has not: pictures as random layers change them.
"""

from __future__ import annotations

import gc
import random
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastcnn import config
from fastcnn._arguments import boolean, positive_integer
from fastcnn._naming import reset_names
from fastcnn.augmentation import Mixing, chosen
from fastcnn.batches import PyDataset
from fastcnn.layers import InputLayer, Layer, Rescaling
from fastcnn.layers.augmentation import Augmentation
from fastcnn.models import Sequential as Model

__all__ = ["PyDataset", "Sequence", "augmentation_sheet", "clear_session", "set_random_seed", "to_categorical"]

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


def augmentation_sheet(
    layers: Any,
    images: ArrayLike,
    *,
    times: int = 8,
    value_range: tuple[float, float] | None = None,
    seed: int | None = None,
) -> NDArray[np.uint8]:
    """One picture of many: a row for each image, first as inference sees it, then as `times` steps of training would.

    layers : a random layer, a list of layers, or a model, of which the layers up to the last random one are used; those between may be Rescaling. A
        list may be one for `fit(augment=...)`, with `MixUp` and `CutMix`, which mix the images with each other.
    images : (N, H, W, C) with 1 or 3 channels, at least one. value_range : what is black and what is white; None for (0, 255) where the images are
    integers, else (0, 1). seed : of the changes; None for the model's own, or one that follows from `fastcnn.set_seed`.

    Returns uint8, (rows, columns, 3), or (rows, columns) for one channel, two white pixels between pictures: `PIL.Image.fromarray(sheet).save("sheet.png")`
    writes it. ValueError where no layer is random, or one of another kind lies before the last that is.
    """
    count = positive_integer("augmentation_sheet", "times", times)
    mixings, front = _random_front(layers)
    pictures = np.asarray(images)
    if pictures.ndim != 4 or pictures.shape[-1] not in (1, 3) or pictures.shape[0] == 0:
        raise ValueError(
            f"augmentation_sheet: images must have shape (N, H, W, C), of 1 or 3 channels, but have shape {pictures.shape}"
        )
    black, white = value_range or ((0, 255) if pictures.dtype.kind in "biu" else (0, 1))
    if seed is None:
        seed = layers.seed if isinstance(layers, Model) else config.draw_seed()
    columns = [_seen(mixings, front, pictures, seed, step) for step in range(count + 1)]
    levels = (np.stack(columns, axis=1) - black) / (white - black) * 255
    tiles = np.pad(np.rint(levels.clip(0, 255)).astype(np.uint8), ((0, 0), (0, 0), (0, 2), (0, 2), (0, 0)), constant_values=255)  # fmt: skip
    rows, across, height, width, channels = tiles.shape
    sheet = tiles.transpose(0, 2, 1, 3, 4).reshape(rows * height, across * width, channels)[:-2, :-2]
    return np.ascontiguousarray(sheet[..., 0] if channels == 1 else sheet)


def _random_front(layers: Any) -> tuple[list[Mixing], list[Layer]]:
    """What mixes, and the layers up to the last random one."""
    given = (
        layers.leaves if isinstance(layers, Model) else list(layers) if isinstance(layers, (list, tuple)) else [layers]
    )
    mixings = [each for each in given if isinstance(each, Mixing)]
    leaves = [each for each in given if not isinstance(each, Mixing)]
    last = max((index for index, layer in enumerate(leaves) if isinstance(layer, Augmentation)), default=-1)
    if last < 0 and not mixings:
        raise ValueError("augmentation_sheet: there is no random layer among the layers")
    front = leaves[: last + 1]
    for layer in front:
        if not isinstance(layer, (Augmentation, Rescaling, InputLayer)):
            raise ValueError(f"augmentation_sheet: {layer!r} lies before the last random layer; only Rescaling may")
    return mixings, front


def _seen(
    mixings: list[Mixing], front: list[Layer], pictures: NDArray[Any], seed: int, step: int
) -> NDArray[np.float32]:
    """The pictures in that step of training, in inference for step 0; in the values that they had before any Rescaling."""
    if mixings and step > 0:
        pictures, _ = chosen(mixings, seed, step).augment(pictures, np.zeros((len(pictures), 0)), seed=seed, step=step)
    place, scale, offset = 0, 1.0, 0.0
    for layer in front:
        if isinstance(layer, Rescaling):
            scale, offset = scale * layer.scale, offset * layer.scale + layer.offset
        if isinstance(layer, Augmentation) and step > 0:
            pictures = layer.augment(pictures, seed=seed, step=step, place=place)
        else:
            pictures = layer(pictures)
        place += isinstance(layer, Augmentation)
    return np.asarray((pictures - offset) / scale, np.float32)
