"""Activation functions, under Keras's names: linear, relu, leaky_relu, sigmoid, silu (swish), gelu, softmax.

Their mathematics is in `ops/`; the layers in `layers/`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

from fastcnn._arguments import unknown
from fastcnn.stage import Stage

__all__ = [
    "KNOWN",
    "gelu",
    "get",
    "leaky_relu",
    "linear",
    "relu",
    "relu_stage",
    "serialize",
    "sigmoid",
    "silu",
    "softmax",
    "stages",
    "swish",
]

Activation: TypeAlias = Callable[..., Any]


def linear(x: Any) -> Any:
    """x as it is."""
    return x


def relu(x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Any:
    """max(x, 0), or min(x, max_value) where x is above threshold, else negative_slope * (x - threshold); elementwise; float32, any shape.

    negative_slope, max_value, threshold : at least 0; max_value None is no limit. NaN stays NaN.
    """
    from fastcnn import ops

    stage = relu_stage(negative_slope, max_value, threshold)
    return getattr(ops, stage.operation)(x, **stage.attributes)


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """x where it is above 0, else negative_slope * x, elementwise; float32, any shape. negative_slope : at least 0. (The layer's default is 0.3.)"""
    from fastcnn import ops

    return ops.leaky_relu(x, negative_slope=negative_slope)


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)), elementwise; float32, any shape."""
    from fastcnn import ops

    return ops.sigmoid(x)


def silu(x: Any) -> Any:
    """x * sigmoid(x), elementwise; float32, any shape."""
    from fastcnn import ops

    return ops.silu(x)


swish = silu


def gelu(x: Any, approximate: bool = False) -> Any:
    """x * (1 + erf(x / sqrt(2))) / 2, elementwise; float32, any shape. approximate : by tanh, see `ops.gelu`."""
    from fastcnn import ops

    return ops.gelu(x, approximate=approximate)


def softmax(x: Any) -> Any:
    """exp(x) / sum(exp(x)) over the last axis; float32."""
    from fastcnn import ops

    return ops.softmax(x)


KNOWN: dict[str, Activation] = {
    "linear": linear,
    "relu": relu,
    "leaky_relu": leaky_relu,
    "sigmoid": sigmoid,
    "silu": silu,
    "swish": swish,
    "gelu": gelu,
    "softmax": softmax,
}


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


_SETTINGS: dict[str, dict[str, Any]] = {"leaky_relu": {"negative_slope": 0.2}, "gelu": {"approximate": False}}


def stages(activation: Activation) -> list[Stage]:
    """What the plan carries out for it: nothing for linear."""
    name = activation.__name__
    return [] if activation is linear else [Stage(name, _SETTINGS.get(name, {}))]


def relu_stage(negative_slope: float, max_value: float | None, threshold: float) -> Stage:
    """What the plan carries out for a ReLU with these arguments: relu and leaky_relu where they are enough, since they need less memory."""
    if max_value is None and threshold == 0:
        return Stage("leaky_relu", {"negative_slope": negative_slope}) if negative_slope != 0 else Stage("relu", {})
    highest = math.inf if max_value is None else max_value
    return Stage("bounded_relu", {"negative_slope": negative_slope, "max_value": highest, "threshold": threshold})
