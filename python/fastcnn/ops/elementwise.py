"""The operations that keep the shape: activations, dropout, rescaling. See `fastcnn.ops`."""

from __future__ import annotations

import numpy as np

from fastcnn import _core
from fastcnn._operands import Array, Arrays

__all__ = [
    "dropout",
    "relu",
    "relu_backward",
    "rescale",
    "sigmoid",
    "sigmoid_backward",
    "softmax",
    "softmax_backward",
    "spatial_dropout",
]


def relu(x: Array) -> Array:
    """max(x, 0), elementwise, any shape; NaN stays NaN."""
    of = Arrays("relu", x)
    return of.kind(_core.relu(of("x", x)))


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), elementwise; float32, any shape."""
    of = Arrays("sigmoid", x)
    return of.kind(_core.sigmoid(of("x", x)))


def sigmoid_backward(dy: Array, y: Array) -> Array:
    """Gradient of sigmoid by x, from its result y: dy * y * (1 - y)."""
    of = Arrays("sigmoid_backward", dy)
    return of.kind(_core.sigmoid_backward(of("dy", dy), of("y", y)))


def relu_backward(dy: Array, y: Array) -> Array:
    """Gradient of relu: dy where its result y is above 0, else 0 (also at 0 and where y is NaN); dy and y of one shape."""
    of = Arrays("relu_backward", dy)
    return of.kind(_core.relu_backward(of("dy", dy), of("y", y)))


def softmax(x: Array) -> Array:
    """exp(x) / sum(exp(x)) over the last axis; any number of axes, at least one. Shifted by the largest value, so nothing overflows."""
    of = Arrays("softmax", x)
    return of.kind(_core.softmax(of("x", x)))


def softmax_backward(dy: Array, y: Array) -> Array:
    """Gradient of softmax: y * (dy - sum(dy * y)) over the last axis, from its result y; dy and y of one shape."""
    of = Arrays("softmax_backward", dy)
    return of.kind(_core.softmax_backward(of("dy", dy), of("y", y)))


def dropout(x: Array, rate: float, *, seed: int, step: int = 0, purpose: int = 0) -> Array:
    """Sets each element to 0 with probability `rate` and divides the others by 1 - rate.

    Counter-based: element i of the flattened x is dropped where number i of the Philox stream (seed, step, purpose), a float32 in [0, 1), is
    below `rate`. The gradient by x is dropout(dy) with the same arguments.
    rate : in [0, 1). seed, step : in [0, 2**64). purpose : in [0, 2**32).
    """
    of = Arrays("dropout", x)
    _check_stream("dropout", seed, step, purpose)
    return of.kind(_core.dropout(of("x", x), rate, seed, step, purpose))


def spatial_dropout(x: Array, rate: float, *, seed: int, step: int = 0, purpose: int = 0) -> Array:
    """As dropout, but of whole channels: x is (N, H, W, C), and its channel c of image n has number n * C + c of the stream.

    Source: Tompson et al. 2015, as Keras's SpatialDropout2D.
    """
    of = Arrays("spatial_dropout", x)
    _check_stream("spatial_dropout", seed, step, purpose)
    return of.kind(_core.spatial_dropout(of("x", x), rate, seed, step, purpose))


def _check_stream(operation: str, seed: int, step: int, purpose: int) -> None:
    for name, value, bits in (("seed", seed, 64), ("step", step, 64), ("purpose", purpose, 32)):
        if not isinstance(value, (int, np.integer)) or not 0 <= value < 2**bits:
            raise ValueError(f"{operation}: {name} must be in [0, 2**{bits}), but is {value}")


def rescale(x: Array, scale: float, offset: float = 0.0) -> Array:
    """x * scale + offset, elementwise, as Keras's Rescaling."""
    of = Arrays("rescale", x)
    return of.kind(_core.rescale(of("x", x), scale, offset))
