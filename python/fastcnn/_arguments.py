"""Checks of what a caller gave, each worded in one place. Every function takes `owner`, the class or function that speaks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

__all__ = [
    "absent",
    "boolean",
    "float32_only",
    "natural",
    "not_overridden",
    "number",
    "only",
    "pair",
    "positive",
    "positive_integer",
    "sides",
    "unknown",
    "unrecognized",
]

_LONGEST_NAME = 200  # characters
_FEW = 12  # known names that are listed even where one is near: it may be another that is wanted, which there is not


def only(owner: str, argument: str, value: Any, *supported: Any) -> None:
    """Refuses every value of an argument that Keras has but the first of `supported` (the others mean the same)."""
    if not any(value is allowed or (type(value) is type(allowed) and value == allowed) for allowed in supported):
        raise ValueError(f"{owner}: {argument}={value!r} is not supported; only {supported[0]!r} is")


def float32_only(owner: str, dtype: Any) -> None:
    """Refuses every dtype but float32, given as None, its name, numpy's class, or Keras's serialised policy."""
    name = (
        dtype["config"].get("name")
        if isinstance(dtype, Mapping) and isinstance(dtype.get("config"), Mapping)
        else dtype
    )
    if not (name is None or name == "float32" or name is np.float32):
        raise ValueError(f"{owner}: dtype={name!r} is not supported; only 'float32' is")


def not_overridden(owner: str, what: str, thing: Any, *hooks: str) -> None:
    """Refuses an object whose class, from outside of this package, defines one of the `hooks`: the core would compute without it."""
    for kind in type(thing).__mro__:
        if kind.__module__.partition(".")[0] == "fastcnn":
            return
        for hook in hooks:
            if hook in vars(kind):
                raise ValueError(
                    f"{owner}: {what} of your own is not supported, so {kind.__name__}.{hook} would never be called"
                )


def positive_integer(owner: str, argument: str, value: Any) -> int:
    """An integer of at least 1 (numpy's too)."""
    if not _is_integer(value) or value < 1:
        raise ValueError(f"{owner}: {argument} must be an integer of at least 1, but is {value!r}")
    return int(value)


def natural(owner: str, argument: str, value: Any) -> int:
    """An integer of at least 0 (numpy's too)."""
    if not _is_integer(value) or value < 0:
        raise ValueError(f"{owner}: {argument} must be an integer of at least 0, but is {value!r}")
    return int(value)


def pair(owner: str, argument: str, value: Any) -> tuple[int, int]:
    """One integer for both axes or two, each at least 1."""
    values = (value, value) if _is_integer(value) else value
    if not (isinstance(values, Iterable) and not isinstance(values, (str, bytes))):
        raise ValueError(f"{owner}: {argument} must be an integer or two integers, but is {value!r}")
    items = tuple(values)
    if len(items) != 2 or not all(_is_integer(item) for item in items):
        raise ValueError(f"{owner}: {argument} must be an integer or two integers, but is {value!r}")
    if min(items) < 1:
        raise ValueError(f"{owner}: {argument} must be at least 1 in height and width, but is {value!r}")
    return int(items[0]), int(items[1])


def sides(owner: str, argument: str, value: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    """((top, bottom), (left, right)), each at least 0; or one integer for all of them, or two: that of top and bottom, that of left and right."""
    axes = (value, value) if _is_integer(value) else value
    pairs = [(axis, axis) if _is_integer(axis) else axis for axis in axes] if isinstance(axes, (tuple, list)) else []
    if len(pairs) != 2 or not all(isinstance(each, (tuple, list)) and len(each) == 2 for each in pairs):
        pairs = [(None, None)] * 2
    (top, bottom), (left, right) = pairs
    if not all(_is_integer(amount) for amount in (top, bottom, left, right)):
        raise ValueError(
            f"{owner}: {argument} must be an integer, two integers or ((top, bottom), (left, right)), but is {value!r}"
        )
    if min(top, bottom, left, right) < 0:
        raise ValueError(f"{owner}: {argument} must not be negative, but is {value!r}")
    return (int(top), int(bottom)), (int(left), int(right))


def number(
    owner: str,
    argument: str,
    value: Any,
    *,
    least: float = -math.inf,
    below: float = math.inf,
    most: float = math.inf,
) -> float:
    """A finite real number in [least, below), and in [least, most]."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{owner}: {argument} must be a number, but is {value!r}")
    if not (math.isfinite(value) and least <= value < below and value <= most):
        raise ValueError(f"{owner}: {argument} must be {_range(least, below, most)}, but is {value!r}")
    return float(value)


def positive(owner: str, argument: str, value: Any) -> float:
    """A finite real number above 0."""
    if not (checked := number(owner, argument, value)) > 0:
        raise ValueError(f"{owner}: {argument} must be above 0, but is {value!r}")
    return checked


def boolean(owner: str, argument: str, value: Any) -> bool:
    """True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{owner}: {argument} must be True or False, but is {value!r}")
    return bool(value)


def unknown(owner: str, what: str, name: Any, known: Iterable[str]) -> str:
    """The sentence that says that `name` is no known `what`, with the nearest name that is and, where they are few, all."""
    import difflib

    names = {key.lower(): key for key in sorted(known)}
    came = repr(name)
    if len(came) > _LONGEST_NAME:  # from a file, perhaps; looking for what is near it would take long
        return f"{owner}: unknown {what} {came[:_LONGEST_NAME]}..."
    near = difflib.get_close_matches(str(name).lower(), names, n=1)
    hints = [f"did you mean {names[near[0]]!r}?"] if near else []
    if not near or len(names) <= _FEW:
        hints.append("known: " + ", ".join(sorted(repr(key) for key in names.values())))
    return f"{owner}: unknown {what} {came}; {' '.join(hints)}"


def absent(module: str, name: str, known: Iterable[str]) -> AttributeError:
    """The error for a name that a module with Keras's names lacks, with the nearest that it has."""
    import difflib

    names = {
        key.lower(): key for key in known if key.lower() == name.lower() or key[:1].isupper() == name[:1].isupper()
    }
    near = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.8)
    hint = f"; did you mean {names[near[0]]!r}?" if near else ""
    return AttributeError(f"module {module!r} has no {name!r}{hint} (what of Keras is there: docs/keras.md)", name=name)


def unrecognized(owner: str, given: Mapping[str, Any], known: Iterable[str]) -> None:
    """Refuses keyword arguments that are left over."""
    for name in given:
        raise ValueError(unknown(owner, "argument", name, known))


def _is_integer(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _range(least: float, below: float, most: float) -> str:
    if most < math.inf:
        return f"in [{least:g}, {most:g}]"
    if below < math.inf:
        return f"in [{least:g}, {below:g})"
    return f"finite and at least {least:g}" if least > -math.inf else "finite"
