"""Data sets, each a module with `load_data()` as in `keras.datasets` and its `CLASS_NAMES`.

Here: `cifar10` and `cifar100` (found on this machine or downloaded) and `digits` (built in); `named` finds them by name; `folders` and
`images` read your own pictures. Arrays come as they were stored, uint8:
nothing here scales, shuffles or augments. Nothing is read or downloaded before `load_data()` is called.
"""

from . import cifar10, cifar100, digits, folders, images, named

__all__ = ["cifar10", "cifar100", "digits", "folders", "images", "named"]
