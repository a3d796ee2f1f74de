"""Losses with their gradients, penalties, clipping, optimizers, averages of weights. See `fastcnn.ops`."""

from __future__ import annotations

from collections.abc import Sequence

from fastcnn import _core
from fastcnn._operands import Array, Arrays

__all__ = [
    "adam",
    "binary_cross_entropy",
    "clip_gradients",
    "mean_squared_error",
    "moving_average",
    "penalty",
    "sgd",
    "softmax_cross_entropy",
]


def softmax_cross_entropy(
    x: Array, labels: Array, *, from_logits: bool = True, weights: Array | None = None, label_smoothing: float = 0.0
) -> tuple[Array, Array]:
    """Cross-entropy of each row's class probabilities, and the gradient of its mean over the batch.

    Parameters
    ----------
    x : (N, K) float32, logits, or probabilities where `from_logits` is False. As in Keras those are clipped to [1e-7, 1 - 1e-7] and divided by
        their sum: in this order for integer labels, in the other for rows of probabilities.
    labels : (N,) of any integer type, the class of each row in [0, K); or (N, K) float32, the probability of each class. They may lie on the CPU
        wherever x does. On a GPU integers are int32 or int64.
    weights : (N,) float32, how much each row counts; None for 1.
    label_smoothing : s in [0, 1]; the labels' probabilities become (1 - s) * labels + s / K (Szegedy et al. 2016). Default 0.

    Returns
    -------
    loss : (N,) float32, -sum over k of labels[k] * log(softmax(x)[k]), for each row, times its weight.
    dx : (N, K) float32, the gradient by x of loss.mean(), also where a row of labels does not sum to 1 (TensorFlow's assumes that it does).

    Raises
    ------
    ValueError
        Where shapes disagree, label_smoothing or a label is out of range (naming the row and the value). Labels in a Tensor on a GPU are checked there, so that
        error is raised when the GPU is next waited for: by `Tensor.numpy` or `fastcnn.cuda.synchronize`, say.
    TypeError
        Where labels are neither integers nor float32.
    """
    of = Arrays("softmax_cross_entropy", x)
    targets = of.labels("labels", labels)
    x, weights = of("x", x), of.optional("weights", weights)
    loss, dx = _core.softmax_cross_entropy(x, targets, from_logits, weights, label_smoothing)
    return of.kind(loss), of.kind(dx)


def mean_squared_error(x: Array, targets: Array, *, weights: Array | None = None) -> tuple[Array, Array]:
    """The mean over a sample's outputs of (x - targets) ** 2, and the gradient of its mean over the batch.

    Parameters
    ----------
    x, targets : (N, ...) float32, of one shape.
    weights : (N,) float32, how much each sample counts; None for 1.

    Returns
    -------
    loss : (N,) float32. dx : as x, the gradient by x of loss.mean().
    """
    of = Arrays("mean_squared_error", x)
    loss, dx = _core.mean_squared_error(of("x", x), of("targets", targets), of.optional("weights", weights))
    return of.kind(loss), of.kind(dx)


def binary_cross_entropy(
    x: Array, targets: Array, *, from_logits: bool = True, weights: Array | None = None, label_smoothing: float = 0.0
) -> tuple[Array, Array]:
    """The mean over a sample's outputs of each one's cross-entropy with its own target, and the gradient of its mean over the batch.

    Parameters
    ----------
    x : (N, ...) float32, logits, or probabilities where `from_logits` is False: as in Keras those are clipped to [1e-7, 1 - 1e-7].
    targets : of x's shape, float32 probabilities.
    weights : (N,) float32, how much each sample counts; None for 1.
    label_smoothing : s in [0, 1]; the targets become (1 - s) * targets + s / 2. Default 0.

    Returns
    -------
    loss : (N,) float32, the mean of -targets * log(p) - (1 - targets) * log(1 - p). dx : as x, the gradient by x of loss.mean().
    """
    of = Arrays("binary_cross_entropy", x)
    x, targets, weights = of("x", x), of("targets", targets), of.optional("weights", weights)
    loss, dx = _core.binary_cross_entropy(x, targets, from_logits, weights, label_smoothing)
    return of.kind(loss), of.kind(dx)


def penalty(w: Array, *, l1: float = 0.0, l2: float = 0.0) -> tuple[float, Array]:
    """What a regularizer adds to the loss, and to the gradient by the weights w (float32, any shape): l1 * sum(|w|) + l2 * sum(w ** 2)."""
    of = Arrays("penalty", w)
    value, dw = _core.penalty(of("w", w), l1, l2)
    return value, of.kind(dw)


def clip_gradients(
    gradients: Array,
    parts: Sequence[tuple[int, int]] | None = None,
    *,
    clipvalue: float | None = None,
    clipnorm: float | None = None,
    global_clipnorm: float | None = None,
) -> None:
    """Makes gradients smaller that are too large, in place, as Keras's optimizers do with the one of these arguments that is given.

    Parameters
    ----------
    gradients : float32, (n,), C order, writable: of all variables, one behind the other.
    parts : the offset and the size of each variable in them, in order; None for a single one. What lies between stays as it is.
    clipvalue : no gradient is beyond [-clipvalue, clipvalue].
    clipnorm : each variable's gradients are scaled down until their norm, the root of the sum of their squares, is at most that.
    global_clipnorm : all of them are scaled down until the norm of all together is at most that.

    Raises ValueError unless exactly one of the three is given, finite and above 0, and for parts that overlap or lie outside.

    Notes
    -----
    Norms are summed in float64. Where a gradient is not finite: clipvalue keeps NaN and cuts infinity; under clipnorm a NaN makes its variable's
    gradients NaN, an infinity makes them 0 and itself NaN; under global_clipnorm each makes all NaN. Source: Pascanu, Mikolov and Bengio 2013.
    """
    of = Arrays("clip_gradients", gradients)
    limits = {"clipvalue": clipvalue, "clipnorm": clipnorm, "global_clipnorm": global_clipnorm}
    given = [(name, limit) for name, limit in limits.items() if limit is not None]
    if len(given) != 1:
        raise ValueError(f"clip_gradients: exactly one of {', '.join(limits)} must be given, but {len(given)} are")
    flat = of("gradients", gradients, inplace=True)
    if len(flat.shape) != 1:
        raise ValueError(f"clip_gradients: gradients must have shape (n,), but have {tuple(flat.shape)}")
    _core.clip_gradients(flat, [(0, flat.shape[0])] if parts is None else list(parts), *given[0])


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
    weight_decay: float = 0.0,
) -> None:
    """One step of Adam, in place, as Keras computes it.

    Parameters
    ----------
    parameters, momentum, velocity : float32 of one shape, C order, writable: updated in place. gradients : the same shape.
    step : counts from 1. weight_decay : with it, p first loses lr * weight_decay of itself (AdamW, Loshchilov and Hutter 2019). Default 0.

    Notes
    -----
    m += (1 - beta_1) (g - m);  v += (1 - beta_2) (g^2 - v);  p -= lr * sqrt(1 - beta_2^step) / (1 - beta_1^step) * m / (sqrt(v) + epsilon).
    Source: Kingma and Ba 2015, the order of section 2's last paragraph (epsilon is not corrected for bias; PyTorch's is).
    """
    of = Arrays("adam", parameters)
    p, g = of("parameters", parameters, inplace=True), of("gradients", gradients)
    m, v = of("momentum", momentum, inplace=True), of("velocity", velocity, inplace=True)
    _core.adam(p, g, m, v, step, learning_rate, beta_1, beta_2, epsilon, weight_decay)


def sgd(
    parameters: Array,
    gradients: Array,
    momentum: Array | None = None,
    *,
    learning_rate: float = 0.01,
    momentum_rate: float = 0.0,
    nesterov: bool = False,
    weight_decay: float = 0.0,
) -> None:
    """One step of stochastic gradient descent, in place, as Keras computes it.

    Parameters
    ----------
    parameters, momentum : float32 of one shape, C order, writable: updated in place. gradients : the same shape.
        momentum may be None where momentum_rate is 0.
    weight_decay : with it, p first loses lr * weight_decay of itself (SGDW, Loshchilov and Hutter 2019). Default 0.

    Notes
    -----
    Without momentum p -= lr g. With it m = momentum_rate m - lr g, then p += m, or p += momentum_rate m - lr g with Nesterov's.
    Source: Sutskever, Martens, Dahl and Hinton 2013. (PyTorch keeps m without the learning rate in it.)
    """
    of = Arrays("sgd", parameters)
    state = None if momentum is None else of("momentum", momentum, inplace=True)
    p, g = of("parameters", parameters, inplace=True), of("gradients", gradients)
    _core.sgd(p, g, state, learning_rate, momentum_rate, nesterov, weight_decay)


def moving_average(parameters: Array, average: Array, *, momentum: float = 0.99, overwrite: bool = False) -> None:
    """One step of the exponential moving average of weights, in place: average = momentum * average + (1 - momentum) * parameters.

    Parameters
    ----------
    parameters, average : float32 of one shape, C order, writable. With momentum 0 the average begins.
    overwrite : whether the parameters then become the average. Default False.

    Source: Polyak and Juditsky 1992; Keras's use_ema.
    """
    of = Arrays("moving_average", parameters)
    p, mean = of("parameters", parameters, inplace=True), of("average", average, inplace=True)
    _core.moving_average(p, mean, momentum, overwrite)
