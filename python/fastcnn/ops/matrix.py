"""The operations that are matrix products: convolution, alone and fused, and dense layers. See `fastcnn.ops`."""

from __future__ import annotations

import numpy as np

from fastcnn import _core
from fastcnn._operands import Array, Arrays, Padding, Size, conv_and_pool, padding_of, pair

__all__ = [
    "conv2d",
    "conv2d_backward",
    "conv2d_relu_max_pool2d",
    "conv2d_relu_max_pool2d_backward",
    "dense",
    "dense_backward",
    "dense_softmax",
]


def conv2d(x: Array, w: Array, b: Array | None = None, *, stride: Size = 1, padding: Padding = "valid") -> Array:
    """Two-dimensional cross-correlation, as in Keras's Conv2D.

    Parameters
    ----------
    x : (N, H, W, C) float32
    w : (R, S, C, K) float32, the filters, as Keras keeps them.
    b : (K,) float32, or None for no bias.
    stride : int or (int, int), at least 1.
    padding : "valid" (none), "same" (Keras's: the odd row goes last), or ((top, bottom), (left, right)).

    Returns
    -------
    y : (N, P, Q, K) float32, P = (H + top + bottom - R) // stride + 1.

    Raises
    ------
    ValueError
        Where shapes disagree, the filter is larger than the padded image, stride is below 1 or padding negative.
    TypeError
        Where an array is not float32.

    Notes
    -----
    Source: Dumoulin and Visin 2016, relation 6. PyTorch's conv2d is the same on NCHW and KCRS.
    """
    of = Arrays("conv2d", x)
    step, border = pair("conv2d", "stride", stride), padding_of("conv2d", padding)
    return of.kind(_core.conv2d(of("x", x), of("w", w), of.optional("b", b), step, border))


def conv2d_backward(
    dy: Array, x: Array, w: Array, *, stride: Size = 1, padding: Padding = "valid"
) -> tuple[Array, Array, Array]:
    """Gradients of conv2d.

    Parameters
    ----------
    dy : (N, P, Q, K) float32, the gradient of the loss by y.
    x, w, stride, padding : as they were given to conv2d.

    Returns
    -------
    dx : (N, H, W, C), dw : (R, S, C, K), db : (K,) float32, the gradients by x, w and b.
    """
    of = Arrays("conv2d_backward", x)
    step, border = pair("conv2d_backward", "stride", stride), padding_of("conv2d_backward", padding)
    gradient, image, filters = of("dy", dy), of("x", x), of("w", w)
    dw, db = _core.conv2d_wgrad(image, gradient, filters.shape, step, border)
    return of.kind(_core.conv2d_dgrad(gradient, filters, image.shape, step, border)), of.kind(dw), of.kind(db)


def conv2d_relu_max_pool2d(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: Size = 1,
    padding: Padding = "valid",
    pool_window: Size = 2,
    pool_stride: Size | None = None,
    pool_padding: Padding = "valid",
) -> tuple[Array, Array]:
    """max_pool2d(relu(conv2d(x, w, b))) as one operation: what the pooling drops is never stored, and the way back skips what it cannot reach.

    Parameters
    ----------
    x, w, b, stride, padding : as for conv2d.
    pool_window, pool_stride, pool_padding : as max_pool2d's window, stride and padding; the window of at most 255 pixels.

    Returns
    -------
    y : (N, P, Q, K) float32, P x Q after the pooling.
    index : (N, P, Q, K) uint8, r * S + s of the winner in its pooling window; 255 where it is not above 0, so that no gradient passes.
    """
    of = Arrays("conv2d_relu_max_pool2d", x)
    settings = conv_and_pool(stride, padding, pool_window, pool_stride, pool_padding)
    y, index = _core.conv2d_relu_max_pool2d(of("x", x), of("w", w), of.optional("b", b), *settings)
    return of.kind(y), of.kind(index)


def conv2d_relu_max_pool2d_backward(
    dy: Array,
    index: Array,
    x: Array,
    w: Array,
    *,
    stride: Size = 1,
    padding: Padding = "valid",
    pool_window: Size = 2,
    pool_stride: Size | None = None,
    pool_padding: Padding = "valid",
) -> tuple[Array, Array, Array]:
    """Gradients of conv2d_relu_max_pool2d.

    Parameters
    ----------
    dy : (N, P, Q, K) float32, the gradient of the loss by y. index : (N, P, Q, K) uint8, as conv2d_relu_max_pool2d gave it.
    x, w and the settings : as they were given to it.

    Returns
    -------
    dx : (N, H, W, C), dw : (R, S, C, K), db : (K,) float32.
    """
    of = Arrays("conv2d_relu_max_pool2d_backward", x)
    settings = conv_and_pool(stride, padding, pool_window, pool_stride, pool_padding)
    gradient, winners, image, filters = of("dy", dy), of("index", index, np.uint8), of("x", x), of("w", w)
    dw, db = _core.conv2d_relu_max_pool2d_wgrad(image, gradient, winners, filters.shape, *settings)
    dx = _core.conv2d_relu_max_pool2d_dgrad(gradient, winners, filters, image.shape, *settings)
    return of.kind(dx), of.kind(dw), of.kind(db)


def dense(x: Array, w: Array, b: Array | None = None) -> Array:
    """Matrix product and bias, y = x w + b.

    Parameters
    ----------
    x : (N, in) float32. w : (in, out) float32. b : (out,) float32, or None for no bias.

    Returns
    -------
    y : (N, out) float32. (PyTorch's linear takes w transposed.)

    Raises
    ------
    ValueError
        Where shapes disagree, naming both.
    """
    of = Arrays("dense", x)
    return of.kind(_core.dense(of("x", x), of("w", w), of.optional("b", b)))


def dense_backward(dy: Array, x: Array, w: Array) -> tuple[Array, Array, Array]:
    """Gradients of dense: dx (N, in), dw (in, out) and db (out,) float32, for dy (N, out), x and w."""
    of = Arrays("dense_backward", x)
    dx, dw, db = _core.dense_backward(of("dy", dy), of("x", x), of("w", w))
    return of.kind(dx), of.kind(dw), of.kind(db)


def dense_softmax(x: Array, w: Array, b: Array | None = None) -> Array:
    """softmax(dense(x, w, b)) as one operation: each row's softmax is taken while the row is in the cache. Shapes as for dense."""
    of = Arrays("dense_softmax", x)
    return of.kind(_core.dense_softmax(of("x", x), of("w", w), of.optional("b", b)))
