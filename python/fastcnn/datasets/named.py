"""The data sets by the names that the command lines use: `load("cifar100-coarse")`."""

import os
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import cifar10, cifar100, digits

__all__ = ["BUILT_IN", "NAMES", "Named", "check", "load"]

NAMES = ("cifar10", "cifar100", "cifar100-coarse", "digits")
BUILT_IN = ("digits",)


class Named(NamedTuple):
    """A data set: training and test images with their labels, as its `load_data` gives them, and the names of its classes by number."""

    train: tuple[NDArray[np.uint8], NDArray[np.uint8]]
    test: tuple[NDArray[np.uint8], NDArray[np.uint8]]
    class_names: tuple[str, ...]


def check(name: str, data_dir: str | os.PathLike[str] | None, owner: str) -> None:
    """Raises ValueError, in which `owner` speaks, for an unknown name, and for a `data_dir` for what is built in."""
    if name not in NAMES:
        raise ValueError(f"{owner}: dataset must be one of {', '.join(map(repr, NAMES))}, but is {name!r}")
    if data_dir is not None and name in BUILT_IN:
        raise ValueError(f"{owner}: there is no data_dir for {name}, which is built in")


def load(name: str, data_dir: str | os.PathLike[str] | None = None, owner: str = "load") -> Named:
    """The data set of that name; `cifar100-coarse` is CIFAR-100 with its 20 superclasses.

    data_dir : the only folder to look in. Raises what `check` and the data set's `load_data` raise.
    """
    check(name, data_dir, owner)
    if name == "digits":
        return Named(*digits.load_data(), digits.CLASS_NAMES)
    if name == "cifar10":
        return Named(*cifar10.load_data(data_dir), cifar10.CLASS_NAMES)
    mode = "coarse" if name == "cifar100-coarse" else "fine"
    names = cifar100.COARSE_CLASS_NAMES if mode == "coarse" else cifar100.CLASS_NAMES
    return Named(*cifar100.load_data(mode, data_dir), names)
