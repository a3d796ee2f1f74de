"""How far outputs are from their targets: the functions give each sample's mean over the last axis, in float32."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastcnn import losses
from fastcnn.metrics.base import Average, MeanOf, quiet, same_shape

__all__ = [
    "MeanAbsoluteError",
    "MeanSquaredError",
    "RootMeanSquaredError",
    "mean_absolute_error",
    "mean_squared_error",
]

Errors = npt.NDArray[np.float32]


class MeanSquaredError(MeanOf):
    """The mean of (y_true - y_pred) ** 2: of one shape, (N, ..., K), or one of them without a last axis of 1."""

    sparse = False
    greater_is_better = False

    def __init__(self, name: str | None = "mean_squared_error", dtype: Any = None) -> None:
        super().__init__(mean_squared_error, name, dtype)


class MeanAbsoluteError(MeanOf):
    """The mean of |y_true - y_pred|: of one shape, (N, ..., K), or one of them without a last axis of 1."""

    sparse = False
    greater_is_better = False

    def __init__(self, name: str | None = "mean_absolute_error", dtype: Any = None) -> None:
        super().__init__(mean_absolute_error, name, dtype)


class RootMeanSquaredError(Average):
    """The root of the mean of (y_true - y_pred) ** 2 over all batches: of one shape, (N, ...), or one without a last axis of 1."""

    sparse = False
    greater_is_better = False

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: Any = None) -> None:
        super().__init__(name, dtype)

    def update_state(
        self, y_true: npt.ArrayLike, y_pred: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None
    ) -> None:
        """Adds a batch of N labels and predictions. sample_weight : (N,), how much each counts; None for 1."""
        self.add(_squares("RootMeanSquaredError", y_true, y_pred), sample_weight)

    @quiet
    def result(self) -> np.float32:
        """The root so far; 0 before the first batch."""
        root: np.float32 = np.float32(np.sqrt(self.mean()))
        return root


def mean_squared_error(y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> Errors:
    """The mean over the last axis, float32 of y_pred's shape without it; arguments as for MeanSquaredError."""
    return losses.mean_squared_error(*same_shape("mean_squared_error", y_true, y_pred))


@quiet
def mean_absolute_error(y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> Errors:
    """The mean over the last axis, float32 of y_pred's shape without it; arguments as for MeanAbsoluteError."""
    targets, outputs = same_shape("mean_absolute_error", y_true, y_pred)
    return np.asarray(np.abs(targets - outputs).mean(axis=-1))


@quiet
def _squares(owner: str, y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> Errors:
    targets, outputs = same_shape(owner, y_true, y_pred)
    squares: Errors = np.square(targets - outputs)
    return squares
