"""Operations on images channel by channel: padding, cropping, enlarging, and the depthwise convolution. See `fastcnn.ops`."""

from __future__ import annotations

from typing import Literal

from fastcnn import _core
from fastcnn._operands import Array, Arrays, Padding, Sides, Size, padding_of, pair, sides_of

__all__ = ["crop2d", "depthwise_conv2d", "depthwise_conv2d_backward", "pad2d", "upsample2d", "upsample2d_backward"]

Interpolation = Literal["nearest", "bilinear"]


def pad2d(x: Array, padding: Sides) -> Array:
    """Zeros around images, as in Keras's ZeroPadding2D. The gradient by x is crop2d(dy, padding).

    Parameters
    ----------
    x : (N, H, W, C) float32
    padding : ((top, bottom), (left, right)), at least 0 each.

    Returns
    -------
    y : (N, H + top + bottom, W + left + right, C) float32

    Raises
    ------
    ValueError
        Where x has another number of axes, or an amount is negative.
    """
    of = Arrays("pad2d", x)
    return of.kind(_core.pad2d(of("x", x), sides_of("pad2d", "padding", padding)))


def crop2d(x: Array, cropping: Sides) -> Array:
    """Images without their borders, as in Keras's Cropping2D. The gradient by x is pad2d(dy, cropping).

    Parameters
    ----------
    x : (N, H, W, C) float32
    cropping : ((top, bottom), (left, right)), at least 0 each.

    Returns
    -------
    y : (N, H - top - bottom, W - left - right, C) float32

    Raises
    ------
    ValueError
        Where x has another number of axes, an amount is negative, or nothing would be left.
    """
    of = Arrays("crop2d", x)
    return of.kind(_core.crop2d(of("x", x), sides_of("crop2d", "cropping", cropping)))


def upsample2d(x: Array, size: Size = 2, *, interpolation: Interpolation = "nearest") -> Array:
    """Images enlarged by whole factors, as in Keras's UpSampling2D.

    Parameters
    ----------
    x : (N, H, W, C) float32
    size : int or (int, int), at least 1: the factors of height and width.
    interpolation : "nearest" repeats each pixel; "bilinear" goes from the middle of one pixel to that of the next, and is level beyond the outermost.

    Returns
    -------
    y : (N, H * size, W * size, C) float32. (PyTorch's interpolate with align_corners=False is the same.)

    Raises
    ------
    ValueError
        Where x has another number of axes, size is below 1, or the interpolation another.
    """
    of = Arrays("upsample2d", x)
    factors, kind = pair("upsample2d", "size", size), _known("upsample2d", interpolation)
    return of.kind(_core.upsample2d(of("x", x), factors, kind))


def upsample2d_backward(dy: Array, size: Size = 2, *, interpolation: Interpolation = "nearest") -> Array:
    """Gradient of upsample2d: dx (N, H, W, C) float32, for dy (N, H * size, W * size, C); size and interpolation as they were given to it."""
    of = Arrays("upsample2d_backward", dy)
    factors, kind = pair("upsample2d_backward", "size", size), _known("upsample2d_backward", interpolation)
    return of.kind(_core.upsample2d_backward(of("dy", dy), factors, kind))


def depthwise_conv2d(
    x: Array, w: Array, b: Array | None = None, *, stride: Size = 1, padding: Padding = "valid"
) -> Array:
    """Each channel convolved with filters of its own, as in Keras's DepthwiseConv2D.

    Parameters
    ----------
    x : (N, H, W, C) float32
    w : (R, S, C, M) float32, M filters for each channel, as Keras keeps them.
    b : (C * M,) float32, or None for no bias.
    stride : int or (int, int), at least 1.
    padding : "valid" (none), "same" (Keras's: the odd row goes last), or ((top, bottom), (left, right)).

    Returns
    -------
    y : (N, P, Q, C * M) float32, P = (H + top + bottom - R) // stride + 1; the M of channel 0 come first.

    Raises
    ------
    ValueError
        Where shapes disagree, the filter is larger than the padded image, stride is below 1 or padding negative.
    TypeError
        Where an array is not float32.

    Notes
    -----
    Source: Howard et al. 2017. PyTorch's conv2d with groups = C is the same on NCHW, with w as (C * M, 1, R, S).
    """
    of = Arrays("depthwise_conv2d", x)
    step, border = pair("depthwise_conv2d", "stride", stride), padding_of("depthwise_conv2d", padding)
    return of.kind(_core.depthwise_conv2d(of("x", x), of("w", w), of.optional("b", b), step, border))


def depthwise_conv2d_backward(
    dy: Array, x: Array, w: Array, *, stride: Size = 1, padding: Padding = "valid"
) -> tuple[Array, Array, Array]:
    """Gradients of depthwise_conv2d.

    Parameters
    ----------
    dy : (N, P, Q, C * M) float32, the gradient of the loss by y.
    x, w, stride, padding : as they were given to depthwise_conv2d.

    Returns
    -------
    dx : (N, H, W, C), dw : (R, S, C, M), db : (C * M,) float32, the gradients by x, w and b.
    """
    operation = "depthwise_conv2d_backward"
    of = Arrays(operation, x)
    step, border = pair(operation, "stride", stride), padding_of(operation, padding)
    gradient, image, filters = of("dy", dy), of("x", x), of("w", w)
    dw, db = _core.depthwise_conv2d_wgrad(image, gradient, filters.shape, step, border)
    dx = _core.depthwise_conv2d_dgrad(gradient, filters, image.shape, step, border)
    return of.kind(dx), of.kind(dw), of.kind(db)


def _known(operation: str, interpolation: Interpolation) -> str:
    if interpolation not in ("nearest", "bilinear"):
        raise ValueError(f"{operation}: interpolation must be 'nearest' or 'bilinear', but is {interpolation!r}")
    return interpolation
