"""Accuracies: the share of labels that are met, in all the ways in which a label can be met. The functions say of each whether it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastcnn._arguments import boolean, number, positive_integer
from fastcnn.metrics.base import Array, MeanOf, same_shape

__all__ = [
    "Accuracy",
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "SparseCategoricalAccuracy",
    "SparseTopKCategoricalAccuracy",
    "TopKCategoricalAccuracy",
    "binary_accuracy",
    "categorical_accuracy",
    "sparse_categorical_accuracy",
    "sparse_top_k_categorical_accuracy",
    "top_k_categorical_accuracy",
]

Matches = npt.NDArray[np.float32]


class Accuracy(MeanOf):
    """The share of outputs that are equal to their labels, which have the same shape. (The name "accuracy" in `compile` means another.)"""

    sparse = False
    greater_is_better = True

    def __init__(self, name: str | None = "accuracy", dtype: Any = None) -> None:
        super().__init__(_equal, name, dtype)


class BinaryAccuracy(MeanOf):
    """The share of outputs that are on their label's side of a threshold: above it for label 1, not above it for 0.

    y_true, y_pred : of one shape, (N, ...). threshold : compared as float32, in which 0.1 may be above 0.1.
    """

    sparse = False
    greater_is_better = True

    def __init__(self, name: str | None = "binary_accuracy", dtype: Any = None, threshold: float = 0.5) -> None:
        super().__init__(binary_accuracy, name, dtype, threshold=number("BinaryAccuracy", "threshold", threshold))


class CategoricalAccuracy(MeanOf):
    """The share of rows whose largest output is at the largest label, one-hot or any: y_true and y_pred are (N, ..., K).

    Logits or probabilities; the first of equals is the largest, and NaN never is. In a training with a cross-entropy of classes it is counted
    in C++.
    """

    sparse = False
    greater_is_better = True

    def __init__(self, name: str | None = "categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(categorical_accuracy, name, dtype)


class SparseCategoricalAccuracy(MeanOf):
    """As CategoricalAccuracy, with class numbers: y_true is (N, ...) or (N, ..., 1) for y_pred (N, ..., K)."""

    sparse = True
    greater_is_better = True

    def __init__(self, name: str | None = "sparse_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(sparse_categorical_accuracy, name, dtype)


class TopKCategoricalAccuracy(MeanOf):
    """The share of rows whose largest label is among the k largest outputs: y_true and y_pred are (N, ..., K).

    An output as large as the k-th is among them, and no row with an infinity or NaN is right, as in Keras. k : at least 1.
    """

    sparse = False
    greater_is_better = True

    def __init__(self, k: int = 5, name: str | None = "top_k_categorical_accuracy", dtype: Any = None) -> None:
        k = positive_integer("TopKCategoricalAccuracy", "k", k)
        super().__init__(top_k_categorical_accuracy, name, dtype, k=k)


class SparseTopKCategoricalAccuracy(MeanOf):
    """As TopKCategoricalAccuracy, with class numbers: y_true is (N, ...) or (N, ..., 1) for y_pred (N, ..., K).

    from_sorted_ids : y_pred holds class numbers instead, the likeliest first, of which the first k count.
    """

    sparse = True
    greater_is_better = True

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ) -> None:
        owner = "SparseTopKCategoricalAccuracy"
        options: dict[str, Any] = {"k": positive_integer(owner, "k", k)}
        if boolean(owner, "from_sorted_ids", from_sorted_ids):
            options["from_sorted_ids"] = True  # Keras writes it only then
        super().__init__(sparse_top_k_categorical_accuracy, name, dtype, **options)


def binary_accuracy(y_true: npt.ArrayLike, y_pred: npt.ArrayLike, threshold: float = 0.5) -> Matches:
    """1 for each output on its label's side, else 0: float32 of y_pred's shape; arguments as for BinaryAccuracy."""
    labels, outputs = same_shape("binary_accuracy", y_true, y_pred)
    return _matches((outputs > np.float32(threshold)) == labels)


def categorical_accuracy(y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> Matches:
    """1 for each row that is right, else 0: float32 of y_pred's shape without the last axis; arguments as for CategoricalAccuracy."""
    labels, outputs = _both_rows("categorical_accuracy", y_true, y_pred)
    return _matches(_largest(outputs) == _largest(labels))


def sparse_categorical_accuracy(y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> Matches:
    """1 for each row that is right, else 0: float32 of y_pred's shape without the last axis; arguments as for SparseCategoricalAccuracy."""
    owner = "sparse_categorical_accuracy"
    outputs = _rows(owner, y_pred)
    return _matches(_largest(outputs) == _classes(owner, y_true, outputs))


def top_k_categorical_accuracy(y_true: npt.ArrayLike, y_pred: npt.ArrayLike, k: int = 5) -> Matches:
    """1 for each row that is right, else 0: float32 of y_pred's shape without the last axis; arguments as for TopKCategoricalAccuracy."""
    labels, outputs = _both_rows("top_k_categorical_accuracy", y_true, y_pred)
    return _in_top_k(_largest(labels), outputs, k)


def sparse_top_k_categorical_accuracy(
    y_true: npt.ArrayLike, y_pred: npt.ArrayLike, k: int = 5, from_sorted_ids: bool = False
) -> Matches:
    """1 for each row that is right, else 0: float32 of y_true's shape; arguments as for SparseTopKCategoricalAccuracy."""
    owner = "sparse_top_k_categorical_accuracy"
    outputs = _rows(owner, y_pred)
    classes = _classes(owner, y_true, outputs)
    if from_sorted_ids:
        matches = _matches((classes[..., np.newaxis] == outputs[..., :k]).any(axis=-1))
    else:
        matches = _in_top_k(np.trunc(classes).astype(np.int64), outputs, k)
    return matches.reshape(np.shape(y_true))


def _equal(y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> Matches:
    labels, outputs = same_shape("Accuracy", y_true, y_pred)
    return _matches(labels == outputs)


def _matches(right: Array) -> Matches:
    matches: Matches = np.asarray(right, dtype=np.float32)
    return matches


def _rows(owner: str, y_pred: npt.ArrayLike) -> npt.NDArray[np.float32]:
    outputs = np.asarray(y_pred, dtype=np.float32)
    if outputs.ndim == 0 or outputs.shape[-1] == 0:
        raise ValueError(f"{owner}: y_pred must have shape (..., classes), but has {outputs.shape}")
    return outputs


def _both_rows(owner: str, y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> tuple[Array, Array]:
    labels, outputs = np.asarray(y_true), _rows(owner, y_pred)
    if labels.shape != outputs.shape:
        raise ValueError(f"{owner}: y_true has shape {labels.shape}, but y_pred has {outputs.shape}")
    return labels, outputs


def _classes(owner: str, y_true: npt.ArrayLike, outputs: Array) -> Array:
    labels, wanted = np.asarray(y_true), outputs.shape[:-1]
    if labels.shape not in (wanted, (*wanted, 1)):
        raise ValueError(
            f"{owner}: y_true has shape {labels.shape}, but y_pred {outputs.shape} wants {wanted} or {(*wanted, 1)}"
        )
    return labels.reshape(wanted)


def _largest(rows: Array) -> npt.NDArray[np.intp]:
    positions: npt.NDArray[np.intp] = np.argmax(np.where(np.isnan(rows), -np.inf, rows), axis=-1)
    return positions


def _in_top_k(classes: npt.NDArray[np.signedinteger[Any]], outputs: Array, k: int) -> Matches:
    known = (classes >= 0) & (classes < outputs.shape[-1])
    own = np.take_along_axis(outputs, np.where(known, classes, 0)[..., np.newaxis], axis=-1)
    above = (outputs > own).sum(axis=-1)
    return _matches(known & np.isfinite(outputs).all(axis=-1) & (above < k))
