"""The gradient by a layer's input, by way of a training step: behind a first layer whose kernel is the input, the gradient by the kernel is it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from fastcnn.layers import Conv2D, Dense, Layer
from fastcnn.losses import Loss
from fastcnn.optimizers import SGD
from fastcnn.plan import Plan
from fastcnn.variables import VariableStore
from numpy.typing import NDArray

__all__ = ["Step", "can_feed", "train_step"]

Array = NDArray[Any]


class Step(NamedTuple):
    """Of a training step: what came out, the loss (penalties aside, the mean over the batch), and the gradients by x and the trainable weights."""

    outputs: Array
    loss: float
    dx: Array
    gradients: list[Array]


def can_feed(x: Array) -> bool:
    """Whether there is such a first layer for a batch x: of vectors or of images."""
    return x.ndim in (2, 4) and x.size > 0


def train_step(
    layers: Sequence[Layer], loss: Loss, x: Array, y: Array, weights: Array | None = None, *, step: int = 1
) -> Step:
    """A step of training on the batch x with the learning rate 0, through the plan of a model. x : (N, features) or (N, H, W, C)."""
    first, data = _source(x)
    shape = x.shape[1:]
    for layer in layers:
        layer.build(shape)
        assert layer.output_shape is not None
        shape = layer.output_shape
    store = VariableStore([variable for layer in (first, *layers) for variable in layer.weights])
    optimizer = SGD(0.0)
    optimizer.build(store)
    plan = Plan([first, *layers], data.shape[1:], loss, optimizer, seed=7)
    plan.train_step(data, y, np.arange(len(x)), weights, learning_rate=0.0, step=step)
    gradients = [
        store.view(plan.gradients, variable).copy()
        for layer in (first, *layers)
        for variable in layer.trainable_weights
    ]
    return Step(plan.outputs().copy(), plan.totals().loss / len(x), _input_of(gradients[0], x.shape), gradients[1:])


def _source(x: Array) -> tuple[Layer, Array]:
    """A layer without a bias, and the batch that it turns into x, to the bit."""
    if x.ndim == 2:
        first: Layer = Dense(x.shape[1], use_bias=False)
        first.build((len(x),))
        first.set_weights([x])
        return first, np.eye(len(x), dtype=np.float32)
    n, h, w, c = x.shape
    first = Conv2D(c, (2 * h - 1, 2 * w - 1), padding="same", use_bias=False)
    first.build((h, w, n))
    kernel = np.zeros(
        (2 * h - 1, 2 * w - 1, n, c), np.float32
    )  # from a pixel at (0, 0), each output sees an element of its own
    kernel[:h, :w] = x.transpose(1, 2, 0, 3)[::-1, ::-1]
    first.set_weights([kernel])
    data = np.zeros((n, h, w, n), np.float32)
    data[np.arange(n), 0, 0, np.arange(n)] = 1
    return first, data


def _input_of(kernel: Array, shape: tuple[int, ...]) -> Array:
    """The x that lies in the first layer's kernel, or its gradient in the kernel's."""
    if len(shape) == 2:
        return kernel
    return kernel[: shape[1], : shape[2]][::-1, ::-1].transpose(2, 0, 1, 3)
