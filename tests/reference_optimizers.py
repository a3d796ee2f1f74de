"""Optimizers, and what happens to the gradients before them and to the weights behind them, in float64. For reference.py, which says how.

They return the new arrays where fastcnn's write into the old ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from reference_activations import Float64, as_float64


def clip_gradients(
    gradients: ArrayLike,
    parts: Sequence[tuple[int, int]] | None = None,
    *,
    clipvalue: float | None = None,
    clipnorm: float | None = None,
    global_clipnorm: float | None = None,
) -> Float64:
    """The new gradients."""
    g = as_float64(gradients).copy()
    variables = [g] if parts is None else [g[offset : offset + size] for offset, size in parts]
    together = np.sqrt(sum((each**2).sum() for each in variables))
    for each in variables:  # views
        if clipvalue is not None:
            each[...] = np.clip(each, -clipvalue, clipvalue)
        elif clipnorm is not None:
            each *= clipnorm / np.maximum(np.sqrt((each**2).sum()), clipnorm)
        elif global_clipnorm is not None:
            finite = np.isfinite(together)
            each *= global_clipnorm / np.maximum(together, global_clipnorm) if finite else np.nan
    return g


def moving_average(
    parameters: ArrayLike, average: ArrayLike, *, momentum: float = 0.99, overwrite: bool = False
) -> tuple[Float64, Float64]:
    """The new parameters and average."""
    p = as_float64(parameters)
    mean = momentum * as_float64(average) + (1 - momentum) * p
    return mean if overwrite else p, mean


def adam(
    parameters: ArrayLike,
    gradients: ArrayLike,
    momentum: ArrayLike,
    velocity: ArrayLike,
    *,
    step: int,
    learning_rate: float = 0.001,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
    weight_decay: float = 0.0,
) -> tuple[Float64, Float64, Float64]:
    """The new parameters, momentum and velocity."""
    g = as_float64(gradients)
    m = beta_1 * as_float64(momentum) + (1 - beta_1) * g
    v = beta_2 * as_float64(velocity) + (1 - beta_2) * g**2
    rate = learning_rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
    p = as_float64(parameters) * (1 - learning_rate * weight_decay)
    return p - rate * m / (np.sqrt(v) + epsilon), m, v


def sgd(
    parameters: ArrayLike,
    gradients: ArrayLike,
    momentum: ArrayLike | None = None,
    *,
    learning_rate: float = 0.01,
    momentum_rate: float = 0.0,
    nesterov: bool = False,
    weight_decay: float = 0.0,
) -> tuple[Float64, ArrayLike | None]:
    """The new parameters and momentum, which stays as it is where its rate is 0."""
    p = as_float64(parameters) * (1 - learning_rate * weight_decay)
    step = learning_rate * as_float64(gradients)
    if momentum_rate == 0:
        return p - step, momentum
    m = momentum_rate * as_float64(momentum) - step
    return p + (momentum_rate * m - step if nesterov else m), m
