"""Activations in float64, for reference.py, which has their names too."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float64 = NDArray[np.float64]


def as_float64(array: ArrayLike) -> Float64:
    return np.asarray(array, np.float64)


def relu(x: ArrayLike) -> Float64:
    return np.maximum(as_float64(x), 0)  # numpy's maximum keeps NaN


def relu_backward(dy: ArrayLike, y: ArrayLike) -> Float64:
    return np.where(as_float64(y) > 0, as_float64(dy), 0)


def leaky_relu(x: ArrayLike, *, negative_slope: float = 0.2) -> Float64:
    x = as_float64(x)
    return np.where(x > 0, x, negative_slope * x)


def leaky_relu_backward(dy: ArrayLike, y: ArrayLike, *, negative_slope: float = 0.2) -> Float64:
    return as_float64(dy) * np.where(as_float64(y) > 0, 1, negative_slope)


def bounded_relu(
    x: ArrayLike, *, negative_slope: float = 0.0, max_value: float = np.inf, threshold: float = 0.0
) -> Float64:
    x = as_float64(x)
    below = negative_slope * (x - threshold) if negative_slope else np.where(np.isnan(x), x, 0)
    return np.where(x > threshold, np.minimum(x, max_value), below)


def bounded_relu_backward(
    dy: ArrayLike, x: ArrayLike, *, negative_slope: float = 0.0, max_value: float = np.inf, threshold: float = 0.0
) -> Float64:
    x = as_float64(x)
    slope = np.where(x > threshold, x <= max_value, np.where(x < threshold, negative_slope, 0))
    return as_float64(dy) * slope


def sigmoid(x: ArrayLike) -> Float64:
    x = as_float64(x)
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))


def sigmoid_backward(dy: ArrayLike, y: ArrayLike) -> Float64:
    y = as_float64(y)
    return as_float64(dy) * y * (1 - y)


def silu(x: ArrayLike) -> Float64:
    return as_float64(x) * sigmoid(x)


def silu_backward(dy: ArrayLike, x: ArrayLike) -> Float64:
    s = sigmoid(x)
    return as_float64(dy) * (s + as_float64(x) * s * (1 - s))


def gelu(x: ArrayLike, *, approximate: bool = False) -> Float64:
    x = as_float64(x)
    if approximate:
        return x * sigmoid(np.sqrt(8 / np.pi) * (x + 0.044715 * x**3))  # (1 + tanh(z)) / 2 is sigmoid(2 z)
    return x * normal_below(x)


def gelu_backward(dy: ArrayLike, x: ArrayLike, *, approximate: bool = False) -> Float64:
    x = as_float64(x)
    if approximate:
        s = sigmoid(np.sqrt(8 / np.pi) * (x + 0.044715 * x**3))
        return as_float64(dy) * (s + x * s * (1 - s) * np.sqrt(8 / np.pi) * (1 + 3 * 0.044715 * x**2))
    return as_float64(dy) * (normal_below(x) + x * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi))


def normal_below(x: Float64) -> Float64:
    """The probability that a standard normal value is below x."""
    return np.array([math.erfc(-value / math.sqrt(2)) / 2 for value in x.ravel()]).reshape(x.shape)


def softmax(x: ArrayLike) -> Float64:
    x = as_float64(x)
    with np.errstate(invalid="ignore"):  # inf - inf
        e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def softmax_backward(dy: ArrayLike, y: ArrayLike) -> Float64:
    dy, y = as_float64(dy), as_float64(y)
    return y * (dy - (dy * y).sum(axis=-1, keepdims=True))
