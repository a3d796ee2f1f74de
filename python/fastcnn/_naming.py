"""Names for objects that were given none, numbered as Keras numbers them: conv2d, conv2d_1, conv2d_2, max_pooling2d, ..."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

__all__ = ["auto_name", "free_name", "reset_names", "snake_case"]

_taken: Counter[str] = Counter()


def auto_name(class_name: str) -> str:
    """The next name for an object of the class; the count runs through the process, as Keras's does."""
    stem = snake_case(class_name)
    count = _taken[stem]
    _taken[stem] += 1
    return f"{stem}_{count}" if count else stem


def reset_names() -> None:
    """Begins all counts again, as a new process would."""
    _taken.clear()


def snake_case(class_name: str) -> str:
    """MaxPooling2D -> max_pooling2d, ReLU -> re_lu, SGD -> sgd: a word begins at an uppercase letter beside a lowercase one."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=.)(?=[A-Z][a-z])", "_", class_name).lower()


def free_name(name: str, parts: Iterable[Any]) -> str:
    """The name, or with the first number behind it, from 2, that none of the layers has: "scale_2"."""
    taken = {part.name for part in parts}
    names = (name, *(f"{name}_{number}" for number in range(2, len(taken) + 3)))
    return next(each for each in names if each not in taken)
