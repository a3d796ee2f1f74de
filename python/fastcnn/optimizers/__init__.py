"""Optimizers, with Keras 3's names, defaults and behaviour: their settings and state. The arithmetic is in the core (`ops.adam`, `ops.sgd`).

base.py has what they share, schedules.py the learning rates that change with the step. `KNOWN` gives the class for Keras's class name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastcnn._arguments import not_overridden, unknown
from fastcnn._serialization import deserialize
from fastcnn.optimizers import schedules
from fastcnn.optimizers.adam import Adam, AdamW
from fastcnn.optimizers.base import Optimizer
from fastcnn.optimizers.sgd import SGD

__all__ = ["KNOWN", "SGD", "Adam", "AdamW", "Optimizer", "get", "schedules"]

KNOWN: dict[str, type[Optimizer]] = {"Adam": Adam, "AdamW": AdamW, "SGD": SGD}

_BY_LOWER = {name.lower(): kind for name, kind in KNOWN.items()}


def get(identifier: Any, owner: str = "optimizers.get") -> Optimizer:
    """The optimizer of that name (in any case, as in Keras), serialised dict, or itself. (Keras takes no class here, and neither do we.)

    ValueError for an unknown name (with the nearest known one), a class of your own that overrides a step, or anything else.
    """
    if isinstance(identifier, Optimizer):
        not_overridden(owner, "an optimizer", identifier, "update_step", "apply", "apply_gradients")
        return identifier
    if isinstance(identifier, Mapping):
        return deserialize(owner, "optimizer", identifier, {**KNOWN, **_BY_LOWER})
    if isinstance(identifier, str):
        if identifier.lower() not in _BY_LOWER:
            raise ValueError(unknown(owner, "optimizer", identifier, _BY_LOWER))
        return _BY_LOWER[identifier.lower()]()  # type: ignore[call-arg]
    raise ValueError(f"{owner}: an optimizer must be a name, an Optimizer or its config, but is {identifier!r}")
