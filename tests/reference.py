"""Each operation in float64, as plainly as it can be written: from its formula, never from fastcnn's code.

A function here has the name, the arguments and the results of its namesake in fastcnn.ops, so that a test can call both
alike. It takes arrays of any kind, computes in float64 and returns float64. Activations are in reference_activations.py, optimizers in
reference_optimizers.py, what is drawn at random in reference_random.py, what goes channel by channel in reference_spatial.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from reference_activations import Float64, as_float64
from reference_activations import bounded_relu as bounded_relu
from reference_activations import bounded_relu_backward as bounded_relu_backward
from reference_activations import gelu as gelu
from reference_activations import gelu_backward as gelu_backward
from reference_activations import leaky_relu as leaky_relu
from reference_activations import leaky_relu_backward as leaky_relu_backward
from reference_activations import relu as relu
from reference_activations import relu_backward as relu_backward
from reference_activations import sigmoid as sigmoid
from reference_activations import sigmoid_backward as sigmoid_backward
from reference_activations import silu as silu
from reference_activations import silu_backward as silu_backward
from reference_activations import softmax as softmax
from reference_activations import softmax_backward as softmax_backward
from reference_optimizers import adam as adam
from reference_optimizers import clip_gradients as clip_gradients
from reference_optimizers import moving_average as moving_average
from reference_optimizers import sgd as sgd

Size = int | Sequence[int]
Padding = str | Sequence[Sequence[int]]


# Windows


class Axis(NamedTuple):
    """How a window slides along one axis of an image."""

    extent: int
    window: int
    stride: int
    before: int
    after: int

    @property
    def outputs(self) -> int:
        return (self.extent + self.before + self.after - self.window) // self.stride + 1

    def reached(self, offset: int) -> slice:
        """The pixels of the padded axis that element `offset` of the window meets, one for each output."""
        return slice(offset, offset + (self.outputs - 1) * self.stride + 1, self.stride)


def axes(shape: Sequence[int], window: Size, stride: Size | None, padding: Padding) -> tuple[Axis, Axis]:
    """The two axes of images (N, H, W, ...), padding resolved. "same": ceil(extent / stride) outputs, the odd pixel last."""
    windows = (window, window) if isinstance(window, int) else tuple(window)
    stride = windows if stride is None else stride
    strides = (stride, stride) if isinstance(stride, int) else tuple(stride)
    result = []
    for i in range(2):
        before, after = (0, 0) if isinstance(padding, str) else padding[i]
        if padding == "same":
            total = max((-(-shape[1 + i] // strides[i]) - 1) * strides[i] + windows[i] - shape[1 + i], 0)
            before, after = total // 2, total - total // 2
        result.append(Axis(shape[1 + i], windows[i], strides[i], before, after))
    return result[0], result[1]


def padded(x: Float64, vertical: Axis, horizontal: Axis, value: float = 0.0) -> Float64:
    amounts = ((0, 0), (vertical.before, vertical.after), (horizontal.before, horizontal.after), (0, 0))
    return np.pad(x, amounts, constant_values=value)


def unpadded(x: Float64, vertical: Axis, horizontal: Axis) -> Float64:
    top, left = vertical.before, horizontal.before
    return x[:, top : top + vertical.extent, left : left + horizontal.extent]


def taps(vertical: Axis, horizontal: Axis) -> Iterator[tuple[int, int, tuple[slice, slice, slice]]]:
    """Each element (r, s) of the window, and the (N, P, Q) pixels of the padded images that it meets."""
    for r in range(vertical.window):
        for s in range(horizontal.window):
            yield r, s, (slice(None), vertical.reached(r), horizontal.reached(s))


# Convolution and dense layers


def conv2d(
    x: ArrayLike, w: ArrayLike, b: ArrayLike | None = None, *, stride: Size = 1, padding: Padding = "valid"
) -> Float64:
    x, w = as_float64(x), as_float64(w)
    vertical, horizontal = axes(x.shape, w.shape[:2], stride, padding)
    images = padded(x, vertical, horizontal)
    y = np.zeros((len(x), vertical.outputs, horizontal.outputs, w.shape[3]))
    for r, s, pixels in taps(vertical, horizontal):
        y += images[pixels] @ w[r, s]
    return y if b is None else y + as_float64(b)


def conv2d_backward(
    dy: ArrayLike, x: ArrayLike, w: ArrayLike, *, stride: Size = 1, padding: Padding = "valid"
) -> tuple[Float64, Float64, Float64]:
    dy, x, w = as_float64(dy), as_float64(x), as_float64(w)
    vertical, horizontal = axes(x.shape, w.shape[:2], stride, padding)
    images = padded(x, vertical, horizontal)
    dx, dw = np.zeros_like(images), np.zeros_like(w)
    for r, s, pixels in taps(vertical, horizontal):
        dx[pixels] += dy @ w[r, s].T
        dw[r, s] = np.tensordot(images[pixels], dy, axes=((0, 1, 2), (0, 1, 2)))
    return unpadded(dx, vertical, horizontal), dw, dy.sum(axis=(0, 1, 2))


def dense(x: ArrayLike, w: ArrayLike, b: ArrayLike | None = None) -> Float64:
    y = as_float64(x) @ as_float64(w)
    return y if b is None else y + as_float64(b)


def dense_backward(dy: ArrayLike, x: ArrayLike, w: ArrayLike) -> tuple[Float64, Float64, Float64]:
    dy, x, w = as_float64(dy), as_float64(x), as_float64(w)
    return dy @ w.T, x.T @ dy, dy.sum(axis=0)


# Pooling


def max_pool2d(
    x: ArrayLike, window: Size = 2, *, stride: Size | None = None, padding: Padding = "valid"
) -> tuple[Float64, NDArray[np.uint16]]:
    x = as_float64(x)
    vertical, horizontal = axes(x.shape, window, stride, padding)
    images = padded(x, vertical, horizontal)
    inside = padded(np.ones_like(x), vertical, horizontal) > 0
    y = np.zeros((len(x), vertical.outputs, horizontal.outputs, x.shape[3]))
    index = np.zeros(y.shape, np.uint16)
    found = np.zeros(y.shape, bool)
    for r, s, pixels in taps(vertical, horizontal):
        value = images[pixels]
        wins = inside[pixels] & (~found | (value > y) | (np.isnan(value) & ~np.isnan(y)))
        y[wins], index[wins] = value[wins], r * horizontal.window + s
        found |= wins
    assert found.all(), "a window lies wholly in the padding"
    return y, index


def max_pool2d_backward(
    dy: ArrayLike,
    index: ArrayLike,
    input_shape: Sequence[int],
    window: Size = 2,
    *,
    stride: Size | None = None,
    padding: Padding = "valid",
) -> Float64:
    dy, index = as_float64(dy), np.asarray(index)
    vertical, horizontal = axes(input_shape, window, stride, padding)
    dx = padded(np.zeros(input_shape), vertical, horizontal)
    for r, s, pixels in taps(vertical, horizontal):
        dx[pixels] += np.where(index == r * horizontal.window + s, dy, 0)
    return unpadded(dx, vertical, horizontal)


def conv2d_relu_max_pool2d(
    x: ArrayLike,
    w: ArrayLike,
    b: ArrayLike | None = None,
    *,
    stride: Size = 1,
    padding: Padding = "valid",
    pool_window: Size = 2,
    pool_stride: Size | None = None,
    pool_padding: Padding = "valid",
) -> tuple[Float64, NDArray[np.uint8]]:
    z = relu(conv2d(x, w, b, stride=stride, padding=padding))
    y, index = max_pool2d(z, pool_window, stride=pool_stride, padding=pool_padding)
    return y, np.where(y > 0, index, 255).astype(np.uint8)


def conv2d_relu_max_pool2d_backward(
    dy: ArrayLike,
    index: ArrayLike,
    x: ArrayLike,
    w: ArrayLike,
    *,
    stride: Size = 1,
    padding: Padding = "valid",
    pool_window: Size = 2,
    pool_stride: Size | None = None,
    pool_padding: Padding = "valid",
) -> tuple[Float64, Float64, Float64]:
    z = conv2d(x, w, stride=stride, padding=padding)
    dy = np.where(np.asarray(index) == 255, 0, as_float64(dy))
    dz = max_pool2d_backward(dy, index, z.shape, pool_window, stride=pool_stride, padding=pool_padding)
    return conv2d_backward(dz, x, w, stride=stride, padding=padding)


def average_pool2d(
    x: ArrayLike, window: Size = 2, *, stride: Size | None = None, padding: Padding = "valid"
) -> Float64:
    x = as_float64(x)
    vertical, horizontal = axes(x.shape, window, stride, padding)
    images = padded(x, vertical, horizontal)
    total = np.zeros((len(x), vertical.outputs, horizontal.outputs, x.shape[3]))
    for _, _, pixels in taps(vertical, horizontal):
        total += images[pixels]
    return total / pixels_in_windows(x.shape, vertical, horizontal)


def average_pool2d_backward(
    dy: ArrayLike,
    input_shape: Sequence[int],
    window: Size = 2,
    *,
    stride: Size | None = None,
    padding: Padding = "valid",
) -> Float64:
    vertical, horizontal = axes(input_shape, window, stride, padding)
    share = as_float64(dy) / pixels_in_windows(input_shape, vertical, horizontal)
    dx = padded(np.zeros(input_shape), vertical, horizontal)
    for _, _, pixels in taps(vertical, horizontal):
        dx[pixels] += share
    return unpadded(dx, vertical, horizontal)


def pixels_in_windows(shape: Sequence[int], vertical: Axis, horizontal: Axis) -> Float64:
    """How many pixels of the image each window holds: (1, P, Q, 1)."""
    inside = padded(np.ones((1, *shape[1:3], 1)), vertical, horizontal)
    return sum((inside[pixels] for _, _, pixels in taps(vertical, horizontal)), np.zeros(()))


def global_average_pool2d(x: ArrayLike) -> Float64:
    return as_float64(x).mean(axis=(1, 2))


def global_average_pool2d_backward(dy: ArrayLike, input_shape: Sequence[int]) -> Float64:
    _, height, width, _ = input_shape
    return np.broadcast_to(as_float64(dy)[:, None, None, :] / (height * width), input_shape).copy()


# Rescaling, softmax behind a dense layer, and losses


def rescale(x: ArrayLike, scale: float, offset: float = 0.0) -> Float64:
    return as_float64(x) * scale + offset


def dense_softmax(x: ArrayLike, w: ArrayLike, b: ArrayLike | None = None) -> Float64:
    return softmax(dense(x, w, b))


def softmax_cross_entropy(
    x: ArrayLike,
    labels: ArrayLike,
    *,
    from_logits: bool = True,
    weights: ArrayLike | None = None,
    label_smoothing: float = 0.0,
) -> tuple[Float64, Float64]:
    """The loss of each row, and the gradient of their mean. Probabilities are clipped as in Keras (CLIP is its epsilon)."""
    if weights is not None:
        loss, dx = softmax_cross_entropy(x, labels, from_logits=from_logits, label_smoothing=label_smoothing)
        return as_float64(weights) * loss, as_float64(weights)[:, None] * dx
    x, labels = as_float64(x), np.asarray(labels)
    count, classes = x.shape
    t = np.eye(classes)[labels] if labels.ndim == 1 else as_float64(labels)
    t = (1 - label_smoothing) * t + label_smoothing / classes
    if from_logits:
        shifted = x - x.max(axis=1, keepdims=True)
        log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        return -np.where(t == 0, 0, t * log_p).sum(axis=1), (np.exp(log_p) * t.sum(axis=1, keepdims=True) - t) / max(
            count, 1
        )
    if labels.ndim == 1:  # clipped, then divided by the sum of the clipped
        p, uncut = clipped(x)
        total = p.sum(axis=1, keepdims=True)
        return np.log(total[:, 0]) - (t * np.log(p)).sum(axis=1), uncut * (1 / total - t / p) / max(count, 1)
    total = x.sum(axis=1, keepdims=True)  # divided by the sum, then clipped
    p, uncut = clipped(x / total)
    by_p = -t / p * uncut
    return -(t * np.log(p)).sum(axis=1), (by_p - (by_p * x / total).sum(axis=1, keepdims=True)) / total / max(count, 1)


def elementwise_loss(
    x: Float64, each: Float64, gradient: Float64, weights: ArrayLike | None
) -> tuple[Float64, Float64]:
    """The mean of `each` over a sample, and the gradient of the mean over all."""
    count = len(x)
    weight = np.ones(count) if weights is None else as_float64(weights)
    of_samples = weight.reshape(count, *[1] * (x.ndim - 1))
    return weight * each.mean(axis=tuple(range(1, x.ndim))), of_samples * gradient / max(x.size, 1)


def mean_squared_error(
    x: ArrayLike, targets: ArrayLike, *, weights: ArrayLike | None = None
) -> tuple[Float64, Float64]:
    x = as_float64(x)
    difference = x - as_float64(targets)
    return elementwise_loss(x, difference**2, 2 * difference, weights)


def binary_cross_entropy(
    x: ArrayLike,
    targets: ArrayLike,
    *,
    from_logits: bool = True,
    weights: ArrayLike | None = None,
    label_smoothing: float = 0.0,
) -> tuple[Float64, Float64]:
    x, t = as_float64(x), (1 - label_smoothing) * as_float64(targets) + label_smoothing / 2
    if from_logits:
        with np.errstate(invalid="ignore"):
            each = np.maximum(x, 0) - x * t + np.log1p(np.exp(-np.abs(x)))
        return elementwise_loss(x, each, sigmoid(x) - t, weights)
    p, uncut = clipped(x)
    return elementwise_loss(
        x, -(t * np.log(p) + (1 - t) * np.log1p(-p)), np.where(uncut, (p - t) / (p * (1 - p)), x - x), weights
    )


def penalty(w: ArrayLike, *, l1: float = 0.0, l2: float = 0.0) -> tuple[Float64, Float64]:
    w = as_float64(w)
    return np.float64(l1 * np.abs(w).sum() + l2 * (w**2).sum()), l1 * np.sign(w) + 2 * l2 * w


CLIP = 1e-7


def clipped(p: Float64) -> tuple[Float64, NDArray[np.bool_]]:
    """p within [CLIP, 1 - CLIP], and where it was so already: elsewhere the gradient is 0."""
    return np.clip(p, CLIP, 1 - CLIP), (p >= CLIP) & (p <= 1 - CLIP)
