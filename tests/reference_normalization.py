"""batch_norm in float64. See reference.py."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from reference import Float64

__all__ = ["batch_norm", "batch_norm_backward", "batch_norm_statistics"]


def _rows(x: ArrayLike) -> Float64:
    array = np.asarray(x, np.float64)
    return array.reshape(-1, array.shape[-1])


def batch_norm_statistics(x: ArrayLike) -> tuple[Float64, Float64]:
    rows = _rows(x)
    return rows.mean(0), rows.var(0)


def batch_norm(
    x: ArrayLike,
    mean: ArrayLike,
    variance: ArrayLike,
    gamma: ArrayLike | None = None,
    beta: ArrayLike | None = None,
    *,
    epsilon: float = 1e-3,
    relu: bool = False,
) -> Float64:
    x, mean, variance = (np.asarray(array, np.float64) for array in (x, mean, variance))
    y = (x - mean) / np.sqrt(variance + epsilon)
    y = y * (1 if gamma is None else np.asarray(gamma, np.float64)) + (
        0 if beta is None else np.asarray(beta, np.float64)
    )
    return np.where(y <= 0, 0, y) if relu else y


def batch_norm_backward(
    dy: ArrayLike,
    x: ArrayLike,
    mean: ArrayLike,
    variance: ArrayLike,
    gamma: ArrayLike | None = None,
    *,
    epsilon: float = 1e-3,
    y: ArrayLike | None = None,
    of_batch: bool = True,
) -> tuple[Float64, Float64, Float64]:
    """By the chain rule, step by step: through the scale, then the deviation, then the mean."""
    g = _rows(dy) if y is None else _rows(dy) * (_rows(y) > 0)
    rows, mean, variance = _rows(x), np.asarray(mean, np.float64), np.asarray(variance, np.float64)
    deviation = np.sqrt(variance + epsilon)
    dgamma, dbeta = (g * (rows - mean) / deviation).sum(0), g.sum(0)
    dz = g * (1 if gamma is None else np.asarray(gamma, np.float64))
    dx = dz / deviation
    if of_batch:
        dvariance = -(dz * (rows - mean)).sum(0) / (2 * deviation**3)
        dmean = -dx.sum(0) - dvariance * 2 * (rows - mean).mean(0)
        dx = dx + dvariance * 2 * (rows - mean) / len(rows) + dmean / len(rows)
    return dx.reshape(np.shape(x)), dgamma, dbeta
