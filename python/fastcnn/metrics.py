"""Metrics, with Keras 3's names and behaviour: what a training reports beside its loss. Here that is the accuracy, by label's kind.

`fit` counts in C++ as it goes; the objects here name what is counted, and count arrays for who calls them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fastcnn._arguments import float32_only, unknown
from fastcnn._naming import auto_name
from fastcnn._serialization import construct, deserialize
from fastcnn.losses import Loss

__all__ = ["KNOWN", "CategoricalAccuracy", "Metric", "SparseCategoricalAccuracy", "get", "resolve"]


class Metric:
    """Base class: the share of rows whose largest prediction is the true class, over all batches since `reset_state`.

    `metric(y_true, y_pred)` adds a batch and gives the result so far. sparse : whether y_true holds class numbers (else rows).
    """

    keras_module: ClassVar[str] = "keras.metrics"
    sparse: ClassVar[bool]

    def __init__(self, name: str | None, dtype: Any) -> None:
        float32_only(type(self).__name__, dtype)
        self.name = name or auto_name(type(self).__name__)
        self.reset_state()

    def update_state(self, y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> None:
        """Counts a batch. y_pred : (N, K), logits or probabilities; NaN is no largest value."""
        owner = type(self).__name__
        predictions, labels = np.asarray(y_pred, dtype=np.float32), np.asarray(y_true)
        if predictions.ndim != 2:
            raise ValueError(f"{owner}: y_pred must have shape (rows, classes), but has {predictions.shape}")
        rows = len(predictions)
        if labels.shape not in ([(rows,), (rows, 1)] if self.sparse else [predictions.shape]):
            wanted = f"({rows},) or ({rows}, 1)" if self.sparse else predictions.shape
            raise ValueError(f"{owner}: y_true has shape {labels.shape}, but y_pred {predictions.shape} wants {wanted}")
        truth = labels.reshape(rows) if self.sparse else _largest(labels)
        self._correct += int(np.count_nonzero(_largest(predictions) == truth))
        self._count += rows

    def result(self) -> np.float32:
        """The share so far; 0 before the first batch."""
        share: np.float32 = np.float32(self._correct / self._count if self._count else 0.0)
        return share

    def reset_state(self) -> None:
        """Forgets all batches."""
        self._correct = 0
        self._count = 0

    def __call__(self, y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> np.float32:
        self.update_state(y_true, y_pred)
        return self.result()

    def get_config(self) -> dict[str, Any]:
        """The arguments that make the same metric, as Keras writes them."""
        return {"name": self.name, "dtype": "float32"}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Metric:
        """The metric of that `get_config`. ValueError for a key that is not an argument."""
        return construct(cls, config)


class SparseCategoricalAccuracy(Metric):
    """Accuracy with class numbers: y_true is (N,) or (N, 1)."""

    sparse = True

    def __init__(self, name: str | None = "sparse_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(name, dtype)


class CategoricalAccuracy(Metric):
    """Accuracy with one-hot rows: y_true is (N, K)."""

    sparse = False

    def __init__(self, name: str | None = "categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(name, dtype)


KNOWN: dict[str, type[Metric]] = {
    "SparseCategoricalAccuracy": SparseCategoricalAccuracy,
    "CategoricalAccuracy": CategoricalAccuracy,
}

_NAMES: dict[str, type[Metric]] = {
    **KNOWN,
    "sparse_categorical_accuracy": SparseCategoricalAccuracy,
    "categorical_accuracy": CategoricalAccuracy,
}
_BY_LABELS = ("accuracy", "acc")  # in any case; which of the two it is follows from the loss


def get(identifier: Any, loss: Loss | None = None, owner: str = "metrics.get") -> Metric:
    """The metric of that name ("accuracy", "sparse_categorical_accuracy", a class's), serialised dict, class, or itself.

    "accuracy" and "acc" mean the one whose labels are the loss's, so they need `loss`. A metric that was given as a name is called by
    that very name, as in Keras: `history.history` has "acc" for "acc".

    ValueError for an unknown name (with the nearest known one) or a metric for other labels than the loss's.
    """
    metric = _metric(identifier, loss, owner)
    if loss is not None and metric.sparse != loss.sparse:
        kinds = {True: "class numbers", False: "one-hot rows"}
        raise ValueError(
            f"{owner}: {type(metric).__name__} takes {kinds[metric.sparse]}, but {type(loss).__name__} takes {kinds[loss.sparse]}; "
            "'accuracy' means the one that fits"
        )
    if isinstance(identifier, str):
        metric.name = identifier
    return metric


def resolve(metrics: Any, loss: Loss, owner: str = "compile") -> list[Metric]:
    """The metrics of `compile(metrics=...)`: a list or tuple of what `get` takes, or None for none."""
    if metrics is None:
        return []
    if not isinstance(metrics, (list, tuple)):
        raise ValueError(f"{owner}: metrics must be a list, such as ['accuracy'], but is {metrics!r}")
    return [get(metric, loss, owner) for metric in metrics]


def _metric(identifier: Any, loss: Loss | None, owner: str) -> Metric:
    if isinstance(identifier, Metric):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Metric):
        return identifier()  # type: ignore[call-arg]
    if isinstance(identifier, Mapping):
        return deserialize(owner, "metric", identifier, _NAMES)
    if isinstance(identifier, str):
        if identifier.lower() in _BY_LABELS:
            if loss is None:
                raise ValueError(
                    f"{owner}: {identifier!r} depends on the labels, so it needs a loss; name one of {', '.join(KNOWN)}"
                )
            return SparseCategoricalAccuracy() if loss.sparse else CategoricalAccuracy()
        if identifier not in _NAMES:
            raise ValueError(unknown(owner, "metric", identifier, {*_NAMES, *_BY_LABELS}))
        return _NAMES[identifier]()  # type: ignore[call-arg]
    raise ValueError(f"{owner}: a metric must be a name, a Metric or its config, but is {identifier!r}")


def _largest(rows: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    positions: npt.NDArray[np.intp] = np.argmax(np.where(np.isnan(rows), -np.inf, rows), axis=-1)
    return positions
