"""Operations on images channel by channel in float64, as reference.py has the others: padding, cropping, enlarging, and the depthwise convolution."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from reference import Float64, Padding, Size, as_float64, axes, padded, taps, unpadded

Sides = Sequence[Sequence[int]]


def pad2d(x: ArrayLike, padding: Sides) -> Float64:
    return np.pad(as_float64(x), ((0, 0), *padding, (0, 0)))


def crop2d(x: ArrayLike, cropping: Sides) -> Float64:
    x = as_float64(x)
    (top, bottom), (left, right) = cropping
    return x[:, top : x.shape[1] - bottom, left : x.shape[2] - right]


def upsample2d(x: ArrayLike, size: Size = 2, *, interpolation: str = "nearest") -> Float64:
    x = as_float64(x)
    rows, columns = weights(x.shape[1:3], size, interpolation)
    return np.einsum("ph,qw,nhwc->npqc", rows, columns, x)


def upsample2d_backward(dy: ArrayLike, size: Size = 2, *, interpolation: str = "nearest") -> Float64:
    dy = as_float64(dy)
    factors = (size, size) if isinstance(size, int) else size
    image = [extent // factor for extent, factor in zip(dy.shape[1:3], factors, strict=True)]
    rows, columns = weights(image, size, interpolation)
    return np.einsum("ph,qw,npqc->nhwc", rows, columns, dy)


def depthwise_conv2d(
    x: ArrayLike, w: ArrayLike, b: ArrayLike | None = None, *, stride: Size = 1, padding: Padding = "valid"
) -> Float64:
    x, w = as_float64(x), as_float64(w)
    vertical, horizontal = axes(x.shape, w.shape[:2], stride, padding)
    images = padded(x, vertical, horizontal)
    y = np.zeros((len(x), vertical.outputs, horizontal.outputs, *w.shape[2:]))
    for r, s, pixels in taps(vertical, horizontal):
        y += images[pixels][..., None] * w[r, s]
    y = y.reshape(*y.shape[:3], w.shape[2] * w.shape[3])
    return y if b is None else y + as_float64(b)


def depthwise_conv2d_backward(
    dy: ArrayLike, x: ArrayLike, w: ArrayLike, *, stride: Size = 1, padding: Padding = "valid"
) -> tuple[Float64, Float64, Float64]:
    dy, x, w = as_float64(dy), as_float64(x), as_float64(w)
    vertical, horizontal = axes(x.shape, w.shape[:2], stride, padding)
    images = padded(x, vertical, horizontal)
    by_filter = dy.reshape(*dy.shape[:3], *w.shape[2:])
    dx, dw = np.zeros_like(images), np.zeros_like(w)
    for r, s, pixels in taps(vertical, horizontal):
        dx[pixels] += (by_filter * w[r, s]).sum(axis=-1)
        dw[r, s] = (images[pixels][..., None] * by_filter).sum(axis=(0, 1, 2))
    return unpadded(dx, vertical, horizontal), dw, dy.sum(axis=(0, 1, 2))


def weights(image: Sequence[int], size: Size, interpolation: str) -> list[Float64]:
    """For each axis what the pixels of the image are of those of the result: (outputs, inputs)."""
    factors = (size, size) if isinstance(size, int) else size
    of_axes = []
    for inputs, factor in zip(image, factors, strict=True):
        middles = (np.arange(inputs * factor) + 0.5) / factor - 0.5
        if interpolation == "nearest":
            middles = np.floor(middles + 0.5)
        distances = middles.clip(0, inputs - 1)[:, None] - np.arange(inputs)
        of_axes.append(np.maximum(0, 1 - np.abs(distances)))
    return of_axes
