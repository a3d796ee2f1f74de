"""Cross-entropies as metrics: the mean loss, whatever the training makes small. Those of classes are `losses`' on rows of any axis.

In a training they see the model's outputs. Where these come from a softmax or a sigmoid, Keras goes back to the logits; here probabilities are
clipped to [1e-7, 1 - 1e-7], so an output beyond counts as much as one at the edge, 16.1 for a class that is certainly wrong.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastcnn import losses
from fastcnn._arguments import boolean, number, only
from fastcnn.metrics.base import Array, MeanOf, broadcast, same_rank, same_shape

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "SparseCategoricalCrossentropy",
    "binary_crossentropy",
    "categorical_crossentropy",
    "sparse_categorical_crossentropy",
]

Losses = npt.NDArray[np.float32]


class BinaryCrossentropy(MeanOf):
    """The mean of -y log(p) - (1 - y) log(1 - p): y_true and y_pred are of one shape, (N, ..., K), or one lacks a last axis of 1.

    from_logits : whether y_pred holds logits, else p, clipped to [1e-7, 1 - 1e-7]. label_smoothing : in [0, 1]; s moves a label 1 to 1 - s / 2
    and a label 0 to s / 2.
    """

    sparse = False
    greater_is_better = False

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ) -> None:
        options = _options("BinaryCrossentropy", from_logits, label_smoothing)
        super().__init__(binary_crossentropy, name, dtype, **options)


class CategoricalCrossentropy(MeanOf):
    """The mean of -sum(y log(p)) over the classes: y_true and y_pred are (N, ..., K), y one-hot or any probabilities.

    from_logits : whether y_pred holds logits, else p, divided by its sum and clipped to [1e-7, 1 - 1e-7]. label_smoothing : in [0, 1]; s leaves
    1 - s of each label and spreads s over the classes. axis : that of the classes.
    """

    sparse = False
    greater_is_better = False

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ) -> None:
        options = _options("CategoricalCrossentropy", from_logits, label_smoothing)
        super().__init__(categorical_crossentropy, name, dtype, **options, axis=axis)


class SparseCategoricalCrossentropy(MeanOf):
    """The mean of -log(p of the true class): y_true is (N, ...) or (N, ..., 1), class numbers, for y_pred (N, ..., K).

    from_logits : whether y_pred holds logits, else p, clipped to [1e-7, 1 - 1e-7]. ignore_class : a class number, also one outside of [0, K),
    whose samples' loss is 0; as in Keras they do count as samples, except where there are weights. axis : only -1.
    """

    sparse = True
    greater_is_better = False

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        owner = "SparseCategoricalCrossentropy"
        boolean(owner, "from_logits", from_logits)
        only(owner, "axis", axis, -1)
        if ignore_class is not None:
            number(owner, "ignore_class", ignore_class)
        options = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
        super().__init__(sparse_categorical_crossentropy, name, dtype, **options)
        self._ignored = ignore_class

    def update_state(
        self, y_true: npt.ArrayLike, y_pred: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None
    ) -> None:
        if sample_weight is not None and self._ignored is not None:
            kept = (np.asarray(y_true) != self._ignored).reshape(np.shape(y_pred)[:-1])
            kept, weights = same_rank(kept, np.asarray(sample_weight, dtype=np.float64))
            sample_weight = broadcast(type(self).__name__, weights, kept.shape) * kept
        super().update_state(y_true, y_pred, sample_weight)


def binary_crossentropy(
    y_true: npt.ArrayLike,
    y_pred: npt.ArrayLike,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Losses:
    """The mean over `axis` of each output's loss, float32 of y_pred's shape without it; arguments as for BinaryCrossentropy."""
    owner = "binary_crossentropy"
    labels, outputs = same_shape(owner, y_true, y_pred)
    labels, outputs = _last(owner, labels, axis), _last(owner, outputs, axis)
    return losses.binary_crossentropy(labels, outputs, from_logits, label_smoothing)


def categorical_crossentropy(
    y_true: npt.ArrayLike,
    y_pred: npt.ArrayLike,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Losses:
    """The loss of each row, float32 of y_pred's shape without `axis`; arguments as for CategoricalCrossentropy."""
    owner = "categorical_crossentropy"
    labels, outputs = np.asarray(y_true, dtype=np.float32), np.asarray(y_pred, dtype=np.float32)
    if labels.shape != outputs.shape:
        raise ValueError(f"{owner}: y_true has shape {labels.shape}, but y_pred has {outputs.shape}")
    labels, outputs = _last(owner, labels, axis), _last(owner, outputs, axis)
    width = outputs.shape[-1]
    labels, rows = labels.reshape(-1, width), outputs.reshape(-1, width)
    return losses.categorical_crossentropy(labels, rows, from_logits, label_smoothing).reshape(outputs.shape[:-1])


def sparse_categorical_crossentropy(
    y_true: npt.ArrayLike,
    y_pred: npt.ArrayLike,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Losses:
    """The loss of each row, float32 of y_pred's shape without the last axis; arguments as for SparseCategoricalCrossentropy."""
    owner = "sparse_categorical_crossentropy"
    only(owner, "axis", axis, -1)
    outputs, labels = _last(owner, np.asarray(y_pred, dtype=np.float32), -1), np.asarray(y_true)
    wanted, width = outputs.shape[:-1], outputs.shape[-1]
    if labels.shape not in (wanted, (*wanted, 1)):
        raise ValueError(
            f"{owner}: y_true has shape {labels.shape}, but y_pred {outputs.shape} wants {wanted} or {(*wanted, 1)}"
        )
    labels = labels.reshape(-1)
    ignored = np.zeros(len(labels), bool) if ignore_class is None else labels == ignore_class
    rows = losses.sparse_categorical_crossentropy(np.where(ignored, 0, labels), outputs.reshape(-1, width), from_logits)
    return np.where(ignored, np.float32(0), rows).reshape(wanted)


def _options(owner: str, from_logits: bool, label_smoothing: float) -> dict[str, Any]:
    if number(owner, "label_smoothing", label_smoothing, least=0) > 1:
        raise ValueError(f"{owner}: label_smoothing must be at most 1, but is {label_smoothing!r}")
    return {"from_logits": boolean(owner, "from_logits", from_logits), "label_smoothing": label_smoothing}


def _last(owner: str, array: Array, axis: int) -> Array:
    if not -array.ndim <= axis < array.ndim:
        raise ValueError(f"{owner}: axis is {axis}, but y_pred has shape {array.shape}")
    return np.moveaxis(array, axis, -1)
