"""What the tables that are compared with a real Keras consist of, and how an entry is made in the words of either."""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Shapes = tuple[tuple[int, ...], ...]


class Entry(NamedTuple):
    """A class by its name, with arguments that fastcnn and Keras share; a function among them makes the value in the words of the one it is given.

    shapes : of a sample (layers, losses, metrics) or of the weights (regularizers, initializers). data : what it is fed with, see each table.
    """

    name: str
    arguments: dict[str, Any]
    shapes: Shapes = ()
    data: str = ""


def make(words: Any, module: str, entry: Entry, **more: Any) -> Any:
    """The entry's object in the words of `words`, the module fastcnn or keras."""
    arguments = {**entry.arguments, **more}
    values = {name: value(words) if callable(value) else value for name, value in arguments.items()}
    return operator.attrgetter(f"{module}.{entry.name}")(words)(**values)


def pair(keras: Any, module: str, entry: Entry, **more: Any) -> tuple[Any, Any]:
    """The entry's object in fastcnn and in Keras."""
    import fastcnn

    return make(fastcnn, module, entry, **more), make(keras, module, entry, **more)


def known_as(entry: Entry) -> str:
    """The entry's name in a list of tests."""
    given = (f"{name}={'...' if callable(value) else value}" for name, value in entry.arguments.items())
    return f"{entry.name}({', '.join(given)})"


def normal(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    """What entries are fed with: standard normals."""
    return np.random.default_rng(seed).standard_normal(shape, np.float32)
