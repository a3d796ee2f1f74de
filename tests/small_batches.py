"""The small data set in batches, as whatever gives batches gives them: the same ones from every source."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from fastcnn import models, utils
from small import data

__all__ = [
    "SIZE",
    "SOURCES",
    "STEPS",
    "Again",
    "Dataset",
    "Loader",
    "Parts",
    "X",
    "Y",
    "forever",
    "parts",
    "same",
]

X, Y = data()
SIZE = 16  # so that the last of the five batches has 11 images
STEPS = 5

Parts = tuple[Any, ...]


def parts(*arrays: Any) -> list[Parts]:
    """The arrays, (x, y) by default, in batches."""
    arrays = arrays or (X, Y)
    return [tuple(array[start : start + SIZE] for array in arrays) for start in range(0, len(arrays[0]), SIZE)]


class Dataset(utils.PyDataset):
    """The batches by their number; `asked` keeps which were asked for, and the hooks of the epochs."""

    def __init__(self, batches: list[Parts] | None = None) -> None:
        super().__init__()
        self.batches = batches or parts()
        self.asked: list[Any] = []

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> Parts:
        self.asked.append(index)
        return self.batches[index]

    def on_epoch_begin(self) -> None:
        self.asked.append("begin")

    def on_epoch_end(self) -> None:
        self.asked.append("end")


class Again:
    """The batches anew each time that they are iterated over; it has no length."""

    def __iter__(self) -> Iterator[Parts]:
        return iter(parts())


class Loader(Again):
    """As another framework's: lists instead of tuples, a length, and no index."""

    def __iter__(self) -> Iterator[Any]:
        return iter([list(batch) for batch in parts()])

    def __len__(self) -> int:
        return STEPS


def forever() -> Iterator[Parts]:
    while True:
        yield from parts()


SOURCES: dict[str, Callable[[], Any]] = {
    "list": parts,
    "tuple": lambda: tuple(parts()),
    "PyDataset": Dataset,
    "iterable": Again,
    "loader": Loader,
}


def same(one: models.Sequential, other: models.Sequential) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))
