"""Precision and recall, and the counting under them: how many outputs with label 1, and with label 0, lie above each threshold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastcnn._arguments import number, positive_integer
from fastcnn.metrics.base import Array, Metric, broadcast, quiet, same_rank

__all__ = ["Counts", "Precision", "Recall", "are_even", "count", "divide"]

_LOWEST = -1e10  # the threshold of those that are among the top k; all others are put there, and lie not above it


class Counts(NamedTuple):
    """Sums of weights, each (thresholds, columns) float64: of the outputs above a threshold (positive) or not, whose label is that or not."""

    true_positives: Array
    false_positives: Array
    true_negatives: Array
    false_negatives: Array


class _ByThreshold(Metric):
    """What Precision and Recall share."""

    sparse = False
    greater_is_better = True

    def __init__(self, thresholds: Any, top_k: int | None, class_id: int | None, name: str | None, dtype: Any) -> None:
        super().__init__(dtype, name)
        owner = type(self).__name__
        self.top_k = None if top_k is None else positive_integer(owner, "top_k", top_k)
        if class_id is not None and (isinstance(class_id, bool) or not isinstance(class_id, (int, np.integer))):
            raise TypeError(f"{owner}: class_id must be an integer, but is {class_id!r}")
        self.class_id = class_id
        self.init_thresholds = thresholds
        self.thresholds: list[float] = _thresholds(owner, thresholds, 0.5 if top_k is None else _LOWEST)
        self.reset_state()

    def update_state(
        self, y_true: npt.ArrayLike, y_pred: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None
    ) -> None:
        """Counts a batch of N labels and predictions. sample_weight : (N,), or one for each output; None for 1."""
        even = are_even(self.thresholds)
        counts = count(
            type(self).__name__,
            y_true,
            y_pred,
            sample_weight,
            np.asarray(self.thresholds),
            evenly=even,
            top_k=self.top_k,
            class_id=self.class_id,
        )
        self._hits += counts.true_positives[:, 0]
        self._misses += self._other(counts)[:, 0]

    def _other(self, counts: Counts) -> Array:
        """The outputs that with the true positives make the whole of which these are the share."""
        raise NotImplementedError

    def result(self) -> np.float32 | npt.NDArray[np.float32]:
        """The share so far, (thresholds,) where there are several; 0 where there is nothing to share."""
        shares: npt.NDArray[np.float32] = divide(self._hits, self._hits + self._misses).astype(np.float32)
        return np.float32(shares[0]) if len(shares) == 1 else shares

    def reset_state(self) -> None:
        self._hits = np.zeros(len(self.thresholds))
        self._misses = np.zeros(len(self.thresholds))

    def get_config(self) -> dict[str, Any]:
        options = {"thresholds": self.init_thresholds, "top_k": self.top_k, "class_id": self.class_id}
        return {**super().get_config(), **options}


class Precision(_ByThreshold):
    """Of the outputs above the threshold, the share whose label is 1.

    y_true : 0 or 1 (anything but 0) for each output, of y_pred's shape (N, ..., K) but for a last axis of 1.
    thresholds : in [0, 1], or a list of them, each with its own result; default 0.5. For logits, 0.
    top_k : of a row's outputs only the k largest are positive, and those above the thresholds if there are any.
    class_id : only this place of the last axis counts.
    """

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(thresholds, top_k, class_id, name, dtype)

    def _other(self, counts: Counts) -> Array:
        return counts.false_positives


class Recall(_ByThreshold):
    """Of the outputs whose label is 1, the share above the threshold; arguments as for Precision."""

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(thresholds, top_k, class_id, name, dtype)

    def _other(self, counts: Counts) -> Array:
        return counts.false_negatives


def are_even(thresholds: Sequence[float] | Array) -> bool:
    """Whether there are at least three thresholds, which divide [0, 1] evenly: Keras puts outputs into buckets then, rounding otherwise."""
    steps = len(thresholds) - 1
    return steps >= 2 and np.allclose(thresholds, np.arange(steps + 1, dtype=np.float32) / steps, atol=1e-7)


@quiet
def count(
    owner: str,
    y_true: npt.ArrayLike,
    y_pred: npt.ArrayLike,
    sample_weight: npt.ArrayLike | None,
    thresholds: Array,
    *,
    evenly: bool,
    beyond: bool = False,
    top_k: int | None = None,
    class_id: int | None = None,
    by_column: bool = False,
    label_weights: Array | None = None,
) -> Counts:
    """Counts a batch at each threshold.

    evenly : the thresholds are `are_even`, and outputs, cut to [0, 1], are put into buckets by a product in float32, as in Keras; else each output
    is compared, as float32. beyond : an even row of thresholds begins below 0, so that even 0 is above the first.
    by_column : the places of the last axis are counted apart, in columns; else there is one column. label_weights : (K,), of these places.

    An output of NaN lies above nothing. ValueError where shapes do not fit, or top_k or class_id is larger than the last axis.
    """
    labels, outputs = same_rank(np.asarray(y_true), np.asarray(y_pred, dtype=np.float32))
    if labels.shape != outputs.shape:
        raise ValueError(f"{owner}: y_true has shape {np.shape(y_true)}, but y_pred has {np.shape(y_pred)}")
    weights = _weights(sample_weight, labels.ndim)
    if top_k is not None:
        outputs = _only_top(owner, outputs, top_k)
    if class_id is not None:
        labels, outputs = _only_class(owner, labels, class_id), _only_class(owner, outputs, class_id)
    weights = broadcast(owner, weights, outputs.shape)
    if label_weights is not None:
        weights = weights * label_weights
    columns = outputs.shape[-1] if by_column else 1
    if evenly:
        passed = np.ceil(np.clip(outputs, 0, 1) * np.float32(len(thresholds) - 1))
        passed = np.maximum(passed, 1) if beyond else passed
        passed, order = np.where(np.isnan(outputs), 0, passed).astype(np.int64), np.arange(len(thresholds))
    else:
        order = np.argsort(thresholds, kind="stable")
        passed = np.searchsorted(thresholds.astype(np.float32)[order], outputs, side="left")
        passed = np.where(np.isnan(outputs), 0, passed)
    positive = labels.astype(np.float32) != 0
    above = [
        _sums_above(passed.reshape(-1, columns), np.where(kind, weights, 0.0).reshape(-1, columns), order)
        for kind in (positive, ~positive)
    ]
    totals = [np.where(kind, weights, 0.0).reshape(-1, columns).sum(axis=0) for kind in (positive, ~positive)]
    return Counts(above[0], above[1], totals[1] - above[1], totals[0] - above[0])


def divide(numerator: Array, denominator: Array) -> Array:
    """The quotient, 0 where the denominator is 0."""
    quotient: Array = np.divide(
        numerator,
        denominator,
        out=np.zeros(np.broadcast_shapes(numerator.shape, denominator.shape)),
        where=denominator != 0,
    )
    return quotient


def _sums_above(passed: npt.NDArray[np.int64], weights: Array, order: npt.NDArray[np.intp]) -> Array:
    """The weights of the outputs above each threshold, (thresholds, columns), where `passed` says how many thresholds in `order` each is above."""
    columns, places = passed.shape[1], len(order) + 1
    cells = (passed + places * np.arange(columns)).ravel()
    sums = np.bincount(cells, weights.ravel(), minlength=places * columns).reshape(columns, places).T
    above = np.empty((len(order), columns))
    above[order] = np.flip(np.cumsum(np.flip(sums, axis=0), axis=0), axis=0)[1:]
    return above


def _weights(sample_weight: npt.ArrayLike | None, rank: int) -> Array:
    """Weights that broadcast to an array of that rank: (N,) as (N, 1)."""
    if sample_weight is None:
        return np.ones(())
    weights = np.asarray(sample_weight, dtype=np.float64)[..., np.newaxis]
    return weights[..., 0] if weights.ndim == rank + 1 else weights


def _only_top(owner: str, outputs: Array, top_k: int) -> Array:
    if top_k > outputs.shape[-1]:
        raise ValueError(f"{owner}: top_k is {top_k}, but y_pred has {outputs.shape[-1]} outputs a row")
    best = np.argsort(-outputs, axis=-1, kind="stable")[..., :top_k]
    among = np.zeros(outputs.shape, bool)
    np.put_along_axis(among, best, True, axis=-1)
    return np.where(among, outputs, np.float32(_LOWEST))


def _only_class(owner: str, array: Array, class_id: int) -> Array:
    if array.ndim < 2 or not -array.shape[-1] <= class_id < array.shape[-1]:
        raise ValueError(f"{owner}: class_id is {class_id}, but y_pred has shape {array.shape}")
    return array[..., class_id, np.newaxis]


def _thresholds(owner: str, given: Any, default: float) -> list[float]:
    if given is None:
        return [default]
    values = list(given) if isinstance(given, (list, tuple, np.ndarray)) else [given]
    if not values:
        raise ValueError(f"{owner}: thresholds must not be empty")
    for value in values:
        if not 0 <= number(owner, "thresholds", value) <= 1:
            raise ValueError(f"{owner}: thresholds must be in [0, 1], but one is {value!r}")
    return values
