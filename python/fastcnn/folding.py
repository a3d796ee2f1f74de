"""Batch normalization that is folded into the layer before it, where a model only answers: `Plan` does it to its own copy of the weights.

gamma * (x w + b - mean) / sqrt(variance + epsilon) + beta = x (w * s) + (b - mean) * s + beta,    s = gamma / sqrt(variance + epsilon)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcnn.stage import Stage
from fastcnn.variables import Variable, VariableStore

__all__ = ["fold_batch_norms"]

_LINEAR = {"conv2d", "depthwise_conv2d", "dense"}


def fold_batch_norms(stages: Sequence[Stage], store: VariableStore, weights: NDArray[np.float32]) -> list[Stage]:
    """The stages without the normalizations that follow a convolution, of any kind, or a dense layer directly, whose weights are changed instead.

    weights : laid out as the store's buffer; changed in place. Where the layer had no bias, that of the moving mean's place is it now.
    """
    folded: list[Stage] = []
    for stage in stages:
        if stage.operation == "batch_norm" and folded and folded[-1].operation in _LINEAR:
            folded[-1] = _folded(folded[-1], stage, store, weights)
        else:
            folded.append(stage)
    return folded


def _folded(linear: Stage, norm: Stage, store: VariableStore, weights: NDArray[np.float32]) -> Stage:
    def value(variable: Variable | None, missing: float) -> Any:
        return missing if variable is None else store.view(weights, variable).astype(np.float64)

    given = iter(norm.variables)
    gamma, beta = (next(given) if norm.attributes[name] else None for name in ("scale", "center"))
    mean, variance = given
    kernel, bias = linear.variables[0], linear.variables[1] if len(linear.variables) > 1 else None
    scale = value(gamma, 1.0) / np.sqrt(value(variance, 0.0) + norm.attributes["epsilon"])
    shift = (value(bias, 0.0) - value(mean, 0.0)) * scale + value(beta, 0.0)
    place = mean if bias is None else bias
    outputs = kernel.shape[2:] if linear.operation == "depthwise_conv2d" else kernel.shape[-1:]
    store.view(weights, kernel)[...] = value(kernel, 0.0) * scale.reshape(outputs)
    store.view(weights, place)[...] = shift
    return linear._replace(variables=(kernel, place))
