"""Maximum and average pooling. See `fastcnn.ops`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastcnn import _core
from fastcnn._operands import Array, Arrays, Padding, Size, pooling, shape_of

__all__ = [
    "average_pool2d",
    "average_pool2d_backward",
    "global_average_pool2d",
    "global_average_pool2d_backward",
    "max_pool2d",
    "max_pool2d_backward",
]


def max_pool2d(
    x: Array, window: Size = 2, *, stride: Size | None = None, padding: Padding = "valid"
) -> tuple[Array, Array]:
    """The largest value of each window, and where it was.

    Parameters
    ----------
    x : (N, H, W, C) float32
    window : int or (int, int), at least 1; of at most 65,535 pixels.
    stride : int or (int, int); None means the window's size, as in Keras.
    padding : "valid" (a ragged rest is dropped), "same" or ((top, bottom), (left, right)); the padding never wins.
        Explicit padding must leave at least one pixel of the image in every window.

    Returns
    -------
    y : (N, P, Q, C) float32. NaN, if the window holds one, as in PyTorch (Keras on TensorFlow loses it).
    index : (N, P, Q, C) uint16, r * S + s of the winner in its window: the first of equals, or the first NaN.
    """
    of = Arrays("max_pool2d", x)
    y, index = _core.max_pool2d(of("x", x), *pooling("max_pool2d", window, stride, padding))
    return of.kind(y), of.kind(index)


def max_pool2d_backward(
    dy: Array,
    index: Array,
    input_shape: Sequence[int],
    window: Size = 2,
    *,
    stride: Size | None = None,
    padding: Padding = "valid",
) -> Array:
    """Gradient of max_pool2d: each dy goes to the pixel that won its window.

    Parameters
    ----------
    dy : (N, P, Q, C) float32. index : (N, P, Q, C) uint16, as max_pool2d gave it.
    input_shape : (N, H, W, C) of max_pool2d's x. window, stride, padding : as they were given to max_pool2d.

    Returns
    -------
    dx : (N, H, W, C) float32
    """
    of = Arrays("max_pool2d_backward", dy)
    settings = pooling("max_pool2d", window, stride, padding)
    positions = of("index", index, np.uint16)
    return of.kind(_core.max_pool2d_backward(of("dy", dy), positions, shape_of(input_shape), *settings))


def average_pool2d(x: Array, window: Size = 2, *, stride: Size | None = None, padding: Padding = "valid") -> Array:
    """The mean of each window; as in Keras, over the pixels of the image in it, without the padding.

    Parameters as for max_pool2d.

    Returns
    -------
    y : (N, P, Q, C) float32. (PyTorch counts the padding unless told `count_include_pad=False`.)
    """
    of = Arrays("average_pool2d", x)
    return of.kind(_core.average_pool2d(of("x", x), *pooling("average_pool2d", window, stride, padding)))


def average_pool2d_backward(
    dy: Array, input_shape: Sequence[int], window: Size = 2, *, stride: Size | None = None, padding: Padding = "valid"
) -> Array:
    """Gradient of average_pool2d: dx (N, H, W, C) float32, for dy (N, P, Q, C) and x's shape."""
    of = Arrays("average_pool2d_backward", dy)
    settings = pooling("average_pool2d", window, stride, padding)
    return of.kind(_core.average_pool2d_backward(of("dy", dy), shape_of(input_shape), *settings))


def global_average_pool2d(x: Array) -> Array:
    """The mean over each image's pixels: x (N, H, W, C) float32 gives y (N, C) float32."""
    of = Arrays("global_average_pool2d", x)
    return of.kind(_core.global_average_pool2d(of("x", x)))


def global_average_pool2d_backward(dy: Array, input_shape: Sequence[int]) -> Array:
    """Gradient of global_average_pool2d: dx (N, H, W, C) float32, for dy (N, C) and x's shape."""
    of = Arrays("global_average_pool2d_backward", dy)
    return of.kind(_core.global_average_pool2d_backward(of("dy", dy), shape_of(input_shape)))
