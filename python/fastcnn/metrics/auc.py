"""The area under a curve of two shares that are both counted at many thresholds: ROC and precision against recall."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcnn._arguments import boolean, number, positive_integer, unknown
from fastcnn.metrics.base import Array, Metric, quiet
from fastcnn.metrics.confusion import Counts, are_even, count, divide

__all__ = ["AUC"]

_EPSILON = 1e-7  # the first threshold lies so far below 0, the last above 1
_CURVES = {"ROC": "ROC", "roc": "ROC", "PR": "PR", "pr": "PR", "PRGAIN": "PRGAIN", "prgain": "PRGAIN"}
_METHODS = {
    spelling: name for name in ("interpolation", "majoring", "minoring") for spelling in (name, name.capitalize())
}


class AUC(Metric):
    """The area under a curve, by a sum over thresholds: outputs are compared with each, as float32, and counted in float64.

    y_true : 0 or 1 (anything but 0) for each output, of y_pred's shape but for a last axis of 1. y_pred : in [0, 1], beyond is cut.

    num_thresholds : at least 2, evenly from just below 0 to just above 1. thresholds : others, between these two, in any order.
    curve : "ROC" (true positives' rate over false positives'), "PR" (precision over recall), or "PRGAIN" (their gains over chance).
    summation_method : "interpolation" (between two thresholds the curve is straight; for "PR" it is that of Davis and Goadrich 2006, section 4),
        "minoring" or "majoring" (its lower or its upper end).
    multi_label : the mean of an area for each column of (N, K); else all outputs are one. num_labels : K, only then; None means the first batch's.
    label_weights : (K,), for that mean; without multi_label they weigh the columns' outputs.
    from_logits : a sigmoid is taken of y_pred first.

    Source: Fawcett 2006 for ROC, Davis and Goadrich 2006 for PR, Flach and Kull 2015 for PRGAIN.
    """

    sparse = False
    greater_is_better = True

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Any = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Any = None,
        from_logits: bool = False,
    ) -> None:
        super().__init__(dtype, name)
        self.curve = _one_of("curve", curve, _CURVES)
        self.summation_method = _one_of("summation_method", summation_method, _METHODS)
        self.multi_label = boolean("AUC", "multi_label", multi_label)
        self.from_logits = boolean("AUC", "from_logits", from_logits)
        self._inner: list[float] | None = None  # those that were given, between the two at the ends
        if thresholds is None:
            if positive_integer("AUC", "num_thresholds", num_thresholds) < 2:
                raise ValueError(f"AUC: num_thresholds must be at least 2, but is {num_thresholds}")
            self.num_thresholds = num_thresholds
        else:
            self._inner = sorted(number("AUC", "thresholds", threshold) for threshold in thresholds)
            self.num_thresholds = len(self._inner) + 2
        self._even = self._inner is None or are_even([0.0, *self._inner, 1.0])
        if num_labels and not self.multi_label:
            raise ValueError("AUC: num_labels is for multi_label=True alone")
        self.num_labels = num_labels
        self.label_weights = None if label_weights is None else np.asarray(label_weights, dtype=np.float32)
        self._counts: Counts | None = None
        self._columns = 0  # of the batches so far, where they are counted apart

    @functools.cached_property
    def _thresholds(self) -> Array:
        """Made when they are first needed: a file may ask for any number of them."""
        last = self.num_thresholds - 1
        inner = np.arange(1, last) / last if self._inner is None else self._inner
        return np.concatenate(([-_EPSILON], inner, [1 + _EPSILON]))

    @property
    def thresholds(self) -> list[float]:
        """All of them, with the two at the ends."""
        return list(self._thresholds)

    @quiet
    def update_state(
        self, y_true: npt.ArrayLike, y_pred: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None
    ) -> None:
        """Counts a batch of N labels and predictions. sample_weight : (N,), or one for each output; None for 1."""
        outputs = np.asarray(y_pred, dtype=np.float32)
        if self.multi_label:
            labels = self._columns or self.num_labels or (outputs.shape[1] if outputs.ndim == 2 else 0)
            if outputs.ndim != 2 or outputs.shape[1] != labels:
                wanted = f"(N, {labels})" if labels else "(N, labels)"
                raise ValueError(f"AUC: y_pred must have shape {wanted} for multi_label, but has {outputs.shape}")
            self._columns = labels
        counts = count(
            "AUC",
            y_true,
            _sigmoid(outputs) if self.from_logits else outputs,
            sample_weight,
            self._thresholds,
            evenly=self._even,
            beyond=True,
            by_column=self.multi_label,
            label_weights=None if self.multi_label else self.label_weights,
        )
        self._counts = counts if self._counts is None else Counts(*map(np.add, self._counts, counts))

    @quiet
    def result(self) -> np.float32:
        """The area so far; 0 before the first batch."""
        if self._counts is None:
            areas: Array = np.zeros(1)
        elif (self.curve, self.summation_method) == ("PR", "interpolation"):
            areas = _interpolated_precision(self._counts)
        else:
            x, y = _points(self._counts, self.curve)
            heights = {
                "interpolation": (y[:-1] + y[1:]) / 2,
                "minoring": np.minimum(y[:-1], y[1:]),
                "majoring": np.maximum(y[:-1], y[1:]),
            }[self.summation_method]
            areas = ((x[:-1] - x[1:]) * heights).sum(axis=0)
        if self.multi_label and self.label_weights is not None:
            weights = self.label_weights.astype(np.float64)
            areas = divide((areas * weights).sum(), weights.sum())
        area: np.float32 = np.float32(areas.mean())
        return area

    def reset_state(self) -> None:
        self._counts = None
        self._columns = 0

    def get_config(self) -> dict[str, Any]:
        options = {
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": None if self.label_weights is None else self.label_weights.tolist(),
            "from_logits": self.from_logits,
        }
        inner = {} if self._inner is None else {"thresholds": list(self._inner)}
        return {**super().get_config(), **options, **inner}


def _one_of(argument: str, given: Any, known: dict[str, str]) -> str:
    if not isinstance(given, str) or given not in known:
        raise ValueError(unknown("AUC", argument, given, known.values()))
    return known[given]


def _sigmoid(x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    small = np.exp(-np.abs(x))
    probabilities: npt.NDArray[np.float32] = np.where(x >= 0, np.float32(1), small) / (1 + small)
    return probabilities


def _points(counts: Counts, curve: str) -> tuple[Array, Array]:
    """The curve's x and y at each threshold, (thresholds, columns)."""
    tp, fp, tn, fn = counts
    if curve == "ROC":
        return divide(fp, fp + tn), divide(tp, tp + fn)
    if curve == "PR":
        return divide(tp, tp + fn), divide(tp, tp + fp)
    odds = divide(tp + fn, tn + fp)
    recall_gain = np.where(tp == 0, 0.0, 1 - odds * divide(fn, tp))
    return np.maximum(recall_gain, 0), np.where(tp == 0, 1.0, 1 - odds * divide(fp, tp))


def _interpolated_precision(counts: Counts) -> Array:
    """The area under precision against recall, (columns,), where both true and false positives grow evenly from one threshold to the next.

    With P = tp + fp and slope = dtp / dP, precision is slope + (tp - slope * P) / P in between, and its integral over recall is
    slope * (dtp + (tp - slope * P) * log(P_before / P)) / positives.
    """
    tp, fp, _, fn = counts
    positive = tp + fp
    dtp, slope = tp[:-1] - tp[1:], divide(tp[:-1] - tp[1:], np.maximum(positive[:-1] - positive[1:], 0))
    both = (positive[:-1] > 0) & (positive[1:] > 0)
    ratio = np.where(both, divide(positive[:-1], np.maximum(positive[1:], 0)), 1)
    areas = slope * (dtp + (tp[1:] - slope * positive[1:]) * np.log(ratio))
    total: Array = divide(areas, np.maximum(tp[1:] + fn[1:], 0)).sum(axis=0)
    return total
