"""Keras's way of writing an object as a dict, {module, class_name, config, registered_name}, and back.

Reading looks names up in our own tables and never imports or runs what a file names. The files are in `formats/`.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

from fastcnn._arguments import unknown, unrecognized

__all__ = ["construct", "deserialize", "known_class", "serialize"]

T = TypeVar("T")


class _Serializable(Protocol):
    @property
    def keras_module(self) -> str: ...

    def get_config(self) -> dict[str, Any]: ...


def serialize(thing: _Serializable) -> dict[str, Any]:
    """The dict that Keras writes for its own object of the same class."""
    return {
        "module": thing.keras_module,
        "class_name": type(thing).__name__,
        "config": thing.get_config(),
        "registered_name": None,
    }


def construct(kind: type[T], config: Mapping[str, Any]) -> T:
    """kind(**config), but ValueError for a key that is not an argument."""
    takes_none = kind.__init__ is object.__init__  # whose signature inspect would compile
    arguments = {} if takes_none else inspect.signature(kind).parameters
    unrecognized(kind.__name__, {name: value for name, value in config.items() if name not in arguments}, arguments)
    return kind(**config)


def known_class(owner: str, what: str, written: Mapping[str, Any], known: Mapping[str, type[T]]) -> type[T]:
    """The class, one of the `known`, of the object that `written` describes.

    ValueError where it is not known, does not come from Keras itself or from here, or was registered by somebody under a name of their own.
    """
    name, module = written.get("class_name"), written.get("module")
    if module is not None and str(module).partition(".")[0] not in ("keras", "fastcnn"):
        raise ValueError(f"{owner}: {what} {name!r} comes from {module!r}, and only Keras's own are supported")
    if not isinstance(name, str) or name not in known:
        raise ValueError(unknown(owner, what, name, known))
    if written.get("registered_name") not in (None, name):
        raise ValueError(f"{owner}: {what} {written['registered_name']!r} is not one of Keras's own")
    return known[name]


def deserialize(owner: str, what: str, written: Mapping[str, Any], known: Mapping[str, type[T]]) -> T:
    """The object that `written` describes, of one of the `known` classes.

    ValueError where the class is not one of these (see `known_class`), or its config does not fit.
    """
    config = written.get("config", {})
    if not isinstance(written.get("class_name"), str) or not isinstance(config, Mapping):
        raise ValueError(f"{owner}: {what} must be {{'class_name': ..., 'config': {{...}}}}, but is {dict(written)!r}")
    return known_class(owner, what, written, known).from_config(dict(config))  # type: ignore[attr-defined,no-any-return]
