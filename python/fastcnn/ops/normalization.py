"""Normalization of channels. See `fastcnn.ops`."""

from __future__ import annotations

from fastcnn import _core
from fastcnn._operands import Array, Arrays

__all__ = ["batch_norm", "batch_norm_backward", "batch_norm_statistics"]


def batch_norm_statistics(x: Array) -> tuple[Array, Array]:
    """The mean and the variance of each channel over all else, as the division by the number of values gives it.

    x : (N, ..., C) float32. Returns mean and variance, (C,) float32; 0 where there are no values.
    """
    of = Arrays("batch_norm_statistics", x)
    mean, variance = _core.batch_norm_statistics(of("x", x))
    return of.kind(mean), of.kind(variance)


def batch_norm(
    x: Array,
    mean: Array,
    variance: Array,
    gamma: Array | None = None,
    beta: Array | None = None,
    *,
    epsilon: float = 1e-3,
    relu: bool = False,
) -> Array:
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta, by channel.

    Parameters
    ----------
    x : (N, ..., C) float32.
    mean, variance : (C,) float32, those of `batch_norm_statistics(x)` in training.
    gamma, beta : (C,) float32; None for 1 and 0.
    epsilon : at least 0; Keras's default.
    relu : whether what is not above 0 is cut off (NaN stays NaN).

    Source: Ioffe and Szegedy 2015.
    """
    of = Arrays("batch_norm", x)
    vectors = of("mean", mean), of("variance", variance), of.optional("gamma", gamma), of.optional("beta", beta)
    return of.kind(_core.batch_norm(of("x", x), *vectors, epsilon, relu))


def batch_norm_backward(
    dy: Array,
    x: Array,
    mean: Array,
    variance: Array,
    gamma: Array | None = None,
    *,
    epsilon: float = 1e-3,
    y: Array | None = None,
    of_batch: bool = True,
) -> tuple[Array, Array, Array]:
    """Gradients of `batch_norm`.

    Parameters
    ----------
    dy, x : (N, ..., C) float32.
    mean, variance, gamma, epsilon : what forward was given.
    y : forward's result, where it was given relu=True; else None.
    of_batch : whether mean and variance are x's own, so that x acts through them too.

    Returns
    -------
    dx : as x. dgamma, dbeta : (C,) float32.
    """
    of = Arrays("batch_norm_backward", dy)
    vectors = of("mean", mean), of("variance", variance), of.optional("gamma", gamma)
    gradients = _core.batch_norm_backward(of("dy", dy), of("x", x), of.optional("y", y), *vectors, epsilon, of_batch)
    dx, dgamma, dbeta = (of.kind(gradient) for gradient in gradients)
    return dx, dgamma, dbeta
