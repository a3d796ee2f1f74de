"""Activations and their gradients: elementwise ones, and softmax. See `fastcnn.ops`; csrc/ops/activations.h has their errors, and what they make of infinity."""

from __future__ import annotations

import math

from fastcnn import _core
from fastcnn._operands import Array, Arrays

__all__ = [
    "bounded_relu",
    "bounded_relu_backward",
    "gelu",
    "gelu_backward",
    "leaky_relu",
    "leaky_relu_backward",
    "relu",
    "relu_backward",
    "sigmoid",
    "sigmoid_backward",
    "silu",
    "silu_backward",
    "softmax",
    "softmax_backward",
]


def relu(x: Array) -> Array:
    """max(x, 0), elementwise, any shape; NaN stays NaN."""
    of = Arrays("relu", x)
    return of.kind(_core.relu(of("x", x)))


def relu_backward(dy: Array, y: Array) -> Array:
    """Gradient of relu: dy where its result y is above 0, else 0 (also at 0 and where y is NaN); dy and y of one shape."""
    of = Arrays("relu_backward", dy)
    return of.kind(_core.relu_backward(of("dy", dy), of("y", y)))


def leaky_relu(x: Array, *, negative_slope: float = 0.2) -> Array:
    """x where it is above 0, else negative_slope * x, elementwise; float32, any shape. negative_slope : at least 0.

    Source: Maas, Hannun and Ng 2013.
    """
    of = Arrays("leaky_relu", x)
    return of.kind(_core.leaky_relu(of("x", x), negative_slope))


def leaky_relu_backward(dy: Array, y: Array, *, negative_slope: float = 0.2) -> Array:
    """Gradient of leaky_relu by x, from its result y: dy where y is above 0, else negative_slope * dy."""
    of = Arrays("leaky_relu_backward", dy)
    return of.kind(_core.leaky_relu_backward(of("dy", dy), of("y", y), negative_slope))


def bounded_relu(
    x: Array, *, negative_slope: float = 0.0, max_value: float = math.inf, threshold: float = 0.0
) -> Array:
    """min(x, max_value) where x is above threshold, else negative_slope * (x - threshold), elementwise; float32, any shape.

    negative_slope, max_value, threshold : at least 0; max_value may be infinite. NaN stays NaN.
    Source: Keras's ReLU, which loses some NaNs.
    """
    of = Arrays("bounded_relu", x)
    return of.kind(_core.bounded_relu(of("x", x), negative_slope, max_value, threshold))


def bounded_relu_backward(
    dy: Array, x: Array, *, negative_slope: float = 0.0, max_value: float = math.inf, threshold: float = 0.0
) -> Array:
    """Gradient of bounded_relu by x: dy where threshold < x <= max_value, negative_slope * dy where x < threshold, else 0."""
    of = Arrays("bounded_relu_backward", dy)
    return of.kind(_core.bounded_relu_backward(of("dy", dy), of("x", x), negative_slope, max_value, threshold))


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), elementwise; float32, any shape."""
    of = Arrays("sigmoid", x)
    return of.kind(_core.sigmoid(of("x", x)))


def sigmoid_backward(dy: Array, y: Array) -> Array:
    """Gradient of sigmoid by x, from its result y: dy * y * (1 - y)."""
    of = Arrays("sigmoid_backward", dy)
    return of.kind(_core.sigmoid_backward(of("dy", dy), of("y", y)))


def silu(x: Array) -> Array:
    """x * sigmoid(x), also called swish, elementwise; float32, any shape. Source: Ramachandran, Zoph and Le 2017."""
    of = Arrays("silu", x)
    return of.kind(_core.silu(of("x", x)))


def silu_backward(dy: Array, x: Array) -> Array:
    """Gradient of silu by x: dy * (s + x * s * (1 - s)) with s = sigmoid(x)."""
    of = Arrays("silu_backward", dy)
    return of.kind(_core.silu_backward(of("dy", dy), of("x", x)))


def gelu(x: Array, *, approximate: bool = False) -> Array:
    """x times the probability that a standard normal value is below x, elementwise; float32, any shape.

    That is x * (1 + erf(x / sqrt(2))) / 2, or with `approximate` x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))) / 2.
    Source: Hendrycks and Gimpel 2016. The default is that of Keras's activation and of PyTorch; `keras.ops.gelu` approximates.
    """
    of = Arrays("gelu", x)
    return of.kind(_core.gelu(of("x", x), approximate))


def gelu_backward(dy: Array, x: Array, *, approximate: bool = False) -> Array:
    """Gradient of gelu by x: dy times the slope of gelu, or of its approximation, at x."""
    of = Arrays("gelu_backward", dy)
    return of.kind(_core.gelu_backward(of("dy", dy), of("x", x), approximate))


def softmax(x: Array) -> Array:
    """exp(x) / sum(exp(x)) over the last axis; any number of axes, at least one. Shifted by the largest value, so nothing overflows."""
    of = Arrays("softmax", x)
    return of.kind(_core.softmax(of("x", x)))


def softmax_backward(dy: Array, y: Array) -> Array:
    """Gradient of softmax: y * (dy - sum(dy * y)) over the last axis, from its result y; dy and y of one shape."""
    of = Arrays("softmax_backward", dy)
    return of.kind(_core.softmax_backward(of("dy", dy), of("y", y)))
