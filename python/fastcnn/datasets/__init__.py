"""Data sets, each a module with `load_data()` as in `keras.datasets` and its `CLASS_NAMES`.

Here: `cifar10` and `cifar100` (found on this machine or downloaded) and `digits` (built in); `named` finds them by name; `image_folder` reads
your own pictures, for which `folders` and `images` say what is a class and a picture. Arrays come as they were stored, uint8:
nothing here scales, shuffles or augments. Nothing is read or downloaded before `load_data()` is called.
"""

from . import cifar10, cifar100, digits, folders, images, named
from .splits import ImageFolder, image_folder

__all__ = ["ImageFolder", "cifar10", "cifar100", "digits", "folders", "image_folder", "images", "named"]
