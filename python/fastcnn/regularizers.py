"""Regularizers, with Keras 3's names and defaults: what some weights add to the loss. The arithmetic is `ops.penalty`.

In training their gradient joins the loss's, and `fit` and `evaluate` report the loss with the penalties of all variables that learn, as Keras does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fastcnn._arguments import not_overridden, number, unknown
from fastcnn._serialization import construct, deserialize

__all__ = ["KNOWN", "L1", "L1L2", "L2", "Regularizer", "get", "l1", "l1_l2", "l2"]


class Regularizer:
    """Base class: l1 * sum(|w|) + l2 * sum(w ** 2). `regularizer(w)` is that number, a numpy float32."""

    keras_module: ClassVar[str] = "keras.regularizers"

    def __init__(self, l1: float, l2: float) -> None:
        owner = type(self).__name__
        self.l1 = number(owner, "l1", l1, least=0)
        self.l2 = number(owner, "l2", l2, least=0)

    def __call__(self, w: npt.ArrayLike) -> np.float32:
        from fastcnn import ops

        value, _ = ops.penalty(np.asarray(w, np.float32), l1=self.l1, l2=self.l2)
        penalty: np.float32 = np.float32(value)
        return penalty

    def get_config(self) -> dict[str, Any]:
        """The arguments that make the same regularizer, as Keras writes them."""
        raise NotImplementedError

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Regularizer:
        """The regularizer of that `get_config`. ValueError for a key that is not an argument."""
        return construct(cls, config)


class L1(Regularizer):
    """l1 * sum(|w|)."""

    def __init__(self, l1: float | None = 0.01) -> None:
        super().__init__(0.01 if l1 is None else l1, 0.0)

    def get_config(self) -> dict[str, Any]:
        return {"l1": float(np.float32(self.l1))}  # Keras's is a float32


class L2(Regularizer):
    """l2 * sum(w ** 2)."""

    def __init__(self, l2: float | None = 0.01) -> None:
        super().__init__(0.0, 0.01 if l2 is None else l2)

    def get_config(self) -> dict[str, Any]:
        return {"l2": self.l2}


class L1L2(Regularizer):
    """l1 * sum(|w|) + l2 * sum(w ** 2). Both are 0 by default, so by its name alone it does nothing, as in Keras."""

    def __init__(self, l1: float | None = 0.0, l2: float | None = 0.0) -> None:
        super().__init__(l1 or 0.0, l2 or 0.0)

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1, "l2": self.l2}


l1, l2, l1_l2 = L1, L2, L1L2

KNOWN: dict[str, type[Regularizer]] = {"L1": L1, "L2": L2, "L1L2": L1L2}

_NAMES: dict[str, type[Regularizer]] = {**KNOWN, "l1": L1, "l2": L2, "l1l2": L1L2}


def get(identifier: Any, owner: str = "regularizers.get") -> Regularizer | None:
    """The regularizer of that name ("l1", "l2", "l1l2", or the class's), serialised dict, class, or itself; None for None.

    ValueError for an unknown name (with the nearest known one), a class of your own that overrides `__call__`, or anything else.
    """
    if identifier is None:
        return None
    if isinstance(identifier, Regularizer):
        not_overridden(owner, "a regularizer", identifier, "__call__")
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Regularizer):
        return get(identifier(), owner)  # type: ignore[call-arg]
    if isinstance(identifier, Mapping):
        return deserialize(owner, "regularizer", identifier, _NAMES)
    if isinstance(identifier, str):
        if identifier not in _NAMES:
            raise ValueError(unknown(owner, "regularizer", identifier, _NAMES))
        return _NAMES[identifier]()  # type: ignore[call-arg]
    raise ValueError(f"{owner}: a regularizer must be None, a name, a Regularizer or its config, but is {identifier!r}")
