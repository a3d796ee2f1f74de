"""Data sets, each a module with `load_data()` as in `keras.datasets` and its `CLASS_NAMES`.

Here: `cifar10` and `cifar100` (found on this machine or downloaded) and `digits` (built in); `named` finds them by name; `image_folder` reads
your own pictures, for which `folders` and `images` say what is a class and a picture, and `check_folder` says what is wrong
with them. Arrays come as they were stored, uint8:
nothing here scales, shuffles or augments. Nothing is read or downloaded before `load_data()` is called.
"""

from . import cifar10, cifar100, digits, folders, images, named
from .checking import check_folder
from .splits import ImageFolder, Part, image_folder

__all__ = [
    "ImageFolder",
    "Part",
    "check_folder",
    "cifar10",
    "cifar100",
    "digits",
    "folders",
    "image_folder",
    "images",
    "named",
]
