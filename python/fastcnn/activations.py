"""Activation functions, under Keras's names: linear, relu, sigmoid, softmax. Their mathematics is in `ops/`; the layers in `layers/`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from fastcnn._arguments import unknown
from fastcnn.stage import Stage

__all__ = ["KNOWN", "get", "linear", "relu", "serialize", "sigmoid", "softmax", "stages"]

Activation: TypeAlias = Callable[[Any], Any]


def linear(x: Any) -> Any:
    """x as it is."""
    return x


def relu(x: Any) -> Any:
    """max(x, 0), elementwise; float32, any shape; NaN stays NaN."""
    from fastcnn import ops

    return ops.relu(x)


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)), elementwise; float32, any shape."""
    from fastcnn import ops

    return ops.sigmoid(x)


def softmax(x: Any) -> Any:
    """exp(x) / sum(exp(x)) over the last axis; float32."""
    from fastcnn import ops

    return ops.softmax(x)


KNOWN: dict[str, Activation] = {"linear": linear, "relu": relu, "sigmoid": sigmoid, "softmax": softmax}


def get(identifier: str | Activation | None, owner: str = "activations.get") -> Activation:
    """The function of that name; None means linear, and one of this module's functions means itself.

    ValueError for an unknown name (with the nearest known one) or a function that is not ours: a plan has no kernel for it.
    """
    if identifier is None:
        return linear
    if isinstance(identifier, str):
        if identifier not in KNOWN:
            raise ValueError(unknown(owner, "activation", identifier, KNOWN))
        return KNOWN[identifier]
    if any(identifier is function for function in KNOWN.values()):
        return identifier
    raise ValueError(
        f"{owner}: activation must be None, {', '.join(map(repr, KNOWN))} or that function, but is {identifier!r}"
    )


def serialize(activation: Activation) -> str:
    """The name of one of this module's functions, as Keras writes it."""
    return get(activation, "activations.serialize").__name__


def stages(activation: Activation) -> list[Stage]:
    """What the plan carries out for it: nothing for linear."""
    return [] if activation is linear else [Stage(activation.__name__, {})]
