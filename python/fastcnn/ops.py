"""The operations as functions on arrays: what a researcher calls, and what the tests hold against float64.

Every function takes numpy arrays, Tensors, or anything that speaks DLPack and lies on the CPU or a GPU (a torch tensor, say), and gives back
the kind it was given. Tensors and arrays on a GPU are computed on where they lie, all arguments on one device; numpy arrays and others on the
CPU on the device in use (`fastcnn.set_device`), to which they are copied and the results back. Arrays are float32 (TypeError otherwise:
nothing is cast in silence); on the CPU any strides will do, C order costs no copy; on a GPU they must lie in C order. N = 0 is a valid batch. Shapes are written with the field's letters: N images, H x W input, C input channels, K output channels, R x S filter, P x Q output.

The checks and the mathematics are in the C++ core (csrc/ops/x.h states each operation once); layers and models are elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastcnn import _core
from fastcnn._operands import Array, Arrays, Padding, Size, conv_and_pool, padding_of, pair, pooling, shape_of

__all__ = [
    "adam",
    "average_pool2d",
    "average_pool2d_backward",
    "conv2d",
    "conv2d_backward",
    "conv2d_relu_max_pool2d",
    "conv2d_relu_max_pool2d_backward",
    "dense",
    "dense_backward",
    "dense_softmax",
    "dropout",
    "global_average_pool2d",
    "global_average_pool2d_backward",
    "max_pool2d",
    "max_pool2d_backward",
    "relu",
    "relu_backward",
    "rescale",
    "sgd",
    "softmax",
    "softmax_backward",
    "softmax_cross_entropy",
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


def relu(x: Array) -> Array:
    """max(x, 0), elementwise, any shape; NaN stays NaN."""
    of = Arrays("relu", x)
    return of.kind(_core.relu(of("x", x)))


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


def dense_softmax(x: Array, w: Array, b: Array | None = None) -> Array:
    """softmax(dense(x, w, b)) as one operation: each row's softmax is taken while the row is in the cache. Shapes as for dense."""
    of = Arrays("dense_softmax", x)
    return of.kind(_core.dense_softmax(of("x", x), of("w", w), of.optional("b", b)))


def softmax_cross_entropy(x: Array, labels: Array, *, from_logits: bool = True) -> tuple[Array, Array]:
    """Cross-entropy of each row's class probabilities, and the gradient of its mean over the batch.

    Parameters
    ----------
    x : (N, K) float32, logits, or probabilities where `from_logits` is False. As in Keras those are clipped to [1e-7, 1 - 1e-7] and divided by
        their sum: in this order for integer labels, in the other for rows of probabilities.
    labels : (N,) of any integer type, the class of each row in [0, K); or (N, K) float32, the probability of each class. They may lie on the CPU
        wherever x does. On a GPU integers are int32 or int64.

    Returns
    -------
    loss : (N,) float32, -sum over k of labels[k] * log(softmax(x)[k]), for each row.
    dx : (N, K) float32, the gradient by x of loss.mean(), also where a row of labels does not sum to 1 (TensorFlow's assumes that it does).

    Raises
    ------
    ValueError
        Where shapes disagree or a label is out of range (naming the row and the value). Labels in a Tensor on a GPU are checked there, so that
        error is raised when the GPU is next waited for: by `Tensor.numpy` or `fastcnn.cuda.synchronize`, say.
    TypeError
        Where labels are neither integers nor float32.
    """
    of = Arrays("softmax_cross_entropy", x)
    targets = of.labels("labels", labels)
    loss, dx = _core.softmax_cross_entropy(of("x", x), targets, from_logits)
    return of.kind(loss), of.kind(dx)


def dropout(x: Array, rate: float, *, seed: int, step: int = 0, purpose: int = 0) -> Array:
    """Sets each element to 0 with probability `rate` and divides the others by 1 - rate.

    Counter-based: element i of the flattened x is dropped where number i of the Philox stream (seed, step, purpose), a float32 in [0, 1), is
    below `rate`. The gradient by x is dropout(dy) with the same arguments.
    rate : in [0, 1). seed, step : in [0, 2**64). purpose : in [0, 2**32).
    """
    of = Arrays("dropout", x)
    for name, value, bits in (("seed", seed, 64), ("step", step, 64), ("purpose", purpose, 32)):
        if not isinstance(value, (int, np.integer)) or not 0 <= value < 2**bits:
            raise ValueError(f"dropout: {name} must be in [0, 2**{bits}), but is {value}")
    return of.kind(_core.dropout(of("x", x), rate, seed, step, purpose))


def rescale(x: Array, scale: float, offset: float = 0.0) -> Array:
    """x * scale + offset, elementwise, as Keras's Rescaling."""
    of = Arrays("rescale", x)
    return of.kind(_core.rescale(of("x", x), scale, offset))


def adam(
    parameters: Array,
    gradients: Array,
    momentum: Array,
    velocity: Array,
    *,
    step: int,
    learning_rate: float = 0.001,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
) -> None:
    """One step of Adam, in place, as Keras computes it.

    Parameters
    ----------
    parameters, momentum, velocity : float32 of one shape, C order, writable: updated in place. gradients : the same shape.
    step : counts from 1.

    Notes
    -----
    m += (1 - beta_1) (g - m);  v += (1 - beta_2) (g^2 - v);  p -= lr * sqrt(1 - beta_2^step) / (1 - beta_1^step) * m / (sqrt(v) + epsilon).
    Source: Kingma and Ba 2015, the order of section 2's last paragraph (epsilon is not corrected for bias; PyTorch's is).
    """
    of = Arrays("adam", parameters)
    p, g = of("parameters", parameters, inplace=True), of("gradients", gradients)
    m, v = of("momentum", momentum, inplace=True), of("velocity", velocity, inplace=True)
    _core.adam(p, g, m, v, step, learning_rate, beta_1, beta_2, epsilon)


def sgd(
    parameters: Array,
    gradients: Array,
    momentum: Array | None = None,
    *,
    learning_rate: float = 0.01,
    momentum_rate: float = 0.0,
    nesterov: bool = False,
) -> None:
    """One step of stochastic gradient descent, in place, as Keras computes it.

    Parameters
    ----------
    parameters, momentum : float32 of one shape, C order, writable: updated in place. gradients : the same shape.
        momentum may be None where momentum_rate is 0.

    Notes
    -----
    Without momentum p -= lr g. With it m = momentum_rate m - lr g, then p += m, or p += momentum_rate m - lr g with Nesterov's.
    Source: Sutskever, Martens, Dahl and Hinton 2013. (PyTorch keeps m without the learning rate in it.)
    """
    of = Arrays("sgd", parameters)
    state = None if momentum is None else of("momentum", momentum, inplace=True)
    p, g = of("parameters", parameters, inplace=True), of("gradients", gradients)
    _core.sgd(p, g, state, learning_rate, momentum_rate, nesterov)
