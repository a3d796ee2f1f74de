"""The metrics of `compile`: by which names they go, and `CompiledMetrics`, which a model keeps and tells of every batch."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcnn import losses
from fastcnn._arguments import unknown
from fastcnn._naming import snake_case
from fastcnn._serialization import deserialize
from fastcnn.losses import Loss
from fastcnn.metrics import accuracy, auc, confusion, crossentropy, regression
from fastcnn.metrics.base import Mean, MeanMetricWrapper, Metric

__all__ = ["FUNCTIONS", "KNOWN", "CompiledMetrics", "get", "resolve"]

KNOWN: dict[str, type[Metric]] = {
    kind.__name__: kind
    for kind in (
        accuracy.Accuracy,
        accuracy.BinaryAccuracy,
        accuracy.CategoricalAccuracy,
        accuracy.SparseCategoricalAccuracy,
        accuracy.SparseTopKCategoricalAccuracy,
        accuracy.TopKCategoricalAccuracy,
        auc.AUC,
        confusion.Precision,
        confusion.Recall,
        crossentropy.BinaryCrossentropy,
        crossentropy.CategoricalCrossentropy,
        crossentropy.SparseCategoricalCrossentropy,
        Mean,
        regression.MeanAbsoluteError,
        regression.MeanSquaredError,
        regression.RootMeanSquaredError,
    )
}

FUNCTIONS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        accuracy.binary_accuracy,
        accuracy.categorical_accuracy,
        accuracy.sparse_categorical_accuracy,
        accuracy.sparse_top_k_categorical_accuracy,
        accuracy.top_k_categorical_accuracy,
        crossentropy.binary_crossentropy,
        crossentropy.categorical_crossentropy,
        crossentropy.sparse_categorical_crossentropy,
        regression.mean_absolute_error,
        regression.mean_squared_error,
    )
}

_NAMES: dict[str, type[Metric]] = {
    **KNOWN,
    **{snake_case(name): kind for name, kind in KNOWN.items()},
    "bce": crossentropy.BinaryCrossentropy,
    "BCE": crossentropy.BinaryCrossentropy,
    "mae": regression.MeanAbsoluteError,
    "MAE": regression.MeanAbsoluteError,
    "mse": regression.MeanSquaredError,
    "MSE": regression.MeanSquaredError,
}
_BY_LABELS = ("accuracy", "acc")  # in any case; which accuracy it is follows from the loss and the outputs
_COUNTED = (
    accuracy.CategoricalAccuracy,
    accuracy.SparseCategoricalAccuracy,
)  # by the core, beside a loss of classes


def get(identifier: Any, loss: Loss | None = None, owner: str = "metrics.get") -> Metric:
    """The metric of that name ("auc", "mse", "sparse_categorical_accuracy", a class's), serialised dict, class, function, or itself.

    A function `fn(y_true, y_pred)` becomes its mean. With a `loss`, "accuracy" and "acc" mean the accuracy whose labels are the loss's, and a
    metric that was given as a name is called by that very name, as in Keras: `history.history` has "acc" for "acc".

    ValueError for an unknown name (with the nearest known one), or a metric for other labels than the loss's.
    """
    metric = _metric(identifier, loss, owner)
    if loss is not None and metric.sparse not in (None, loss.sparse):
        kinds = {True: "class numbers", False: "a label for each output (one-hot rows)"}
        hint = "; 'accuracy' means the one that fits" if _is_accuracy(metric) else ""
        raise ValueError(
            f"{owner}: {type(metric).__name__} takes {kinds[bool(metric.sparse)]}, but {type(loss).__name__} takes "
            f"{kinds[loss.sparse]}{hint}"
        )
    if loss is not None and isinstance(identifier, str):
        metric.name = identifier
    return metric


def resolve(metrics: Any, loss: Loss, owner: str = "compile", argument: str = "metrics") -> list[Metric]:
    """The metrics of `compile(metrics=...)`: a list or tuple of what `get` takes, or None for none."""
    if metrics is None:
        return []
    if not isinstance(metrics, (list, tuple)):
        raise ValueError(f"{owner}: {argument} must be a list, such as ['accuracy'], but is {metrics!r}")
    found = [get(metric, loss, owner) for metric in metrics]
    for metric in found:
        if isinstance(metric, Mean):
            raise ValueError(f"{owner}: Mean is of values, but {argument} are told labels and predictions")
    return found


class CompiledMetrics:
    """The metrics of a compiled model. Accuracies beside a cross-entropy of classes are counted by the core; the others are told each batch.

    A pass over data is `reset()`, then after each step `update(...)` where `watching`, and `results(...)` as often as wanted.

    metrics : of `compile(metrics=...)`. weighted : of `compile(weighted_metrics=...)`, which sample weights weigh; all of these are told.
    names : what each of both is called in logs; one that comes again gets a number, as in Keras: accuracy, accuracy_1, or weighted_accuracy.
    """

    def __init__(self, metrics: Any = None, weighted_metrics: Any = None, loss: Loss | None = None) -> None:
        self._loss = loss
        self.metrics: list[Metric] = [] if loss is None else resolve(metrics, loss)
        self.weighted: list[Metric] = (
            [] if loss is None else resolve(weighted_metrics, loss, argument="weighted_metrics")
        )
        self._given = (list(metrics or ()), list(weighted_metrics or ())) if loss is not None else ([], [])
        self.names = _distinct([metric.name for metric in self.metrics], [metric.name for metric in self.weighted])

    def settle(self, width: int) -> None:
        """Says how long the outputs' last axis is: 1 makes "accuracy" a BinaryAccuracy. Any number of times, before a pass begins."""
        if self._loss is None:
            return
        kind = accuracy.BinaryAccuracy if width == 1 else _accuracy_of(self._loss)
        for given, metrics in zip(self._given, (self.metrics, self.weighted), strict=True):
            for index, identifier in enumerate(given):
                if _is_by_labels(identifier) and type(metrics[index]) is not kind:
                    metrics[index] = kind(name=metrics[index].name)

    @property
    def all(self) -> list[Metric]:
        """The metrics, then the weighted ones, as `names` has them."""
        return [*self.metrics, *self.weighted]

    @property
    def written(self) -> tuple[list[str | Metric], list[str | Metric]]:
        """The metrics and the weighted ones as files keep them: "accuracy", functions by name, and objects."""
        first, second = (
            [_written(identifier, metric) for identifier, metric in zip(given, metrics, strict=True)]
            for given, metrics in zip(self._given, (self.metrics, self.weighted), strict=True)
        )
        return first, second

    @property
    def watching(self) -> bool:
        """Whether any metric has to be told what the model says to each batch."""
        return bool(self.weighted) or any(not self._is_counted(metric) for metric in self.metrics)

    def reset(self) -> None:
        """Forgets all batches."""
        for metric in self.all:
            metric.reset_state()

    def update(
        self, y_true: npt.NDArray[Any], y_pred: npt.NDArray[Any], sample_weight: npt.NDArray[Any] | None = None
    ) -> None:
        """Tells those that are not counted by the core of a batch: its labels, the outputs, and for weighted ones the weights, (N,) or None."""
        for metric in self.metrics:
            if not self._is_counted(metric):
                metric.update_state(y_true, y_pred)
        for metric in self.weighted:
            metric.update_state(y_true, y_pred, sample_weight=sample_weight)

    def results(self, correct: int, count: int) -> dict[str, Any]:
        """The results by name. correct : how many of the `count` samples so far the core has found right."""
        values: list[Any] = []
        for metric in self.metrics:
            if isinstance(metric, _COUNTED) and self._is_counted(metric):
                metric.total, metric.count = float(correct), float(count)
                values.append(correct / count)
            else:
                values.append(_plain(metric.result()))
        return dict(zip(self.names, [*values, *(_plain(metric.result()) for metric in self.weighted)], strict=True))

    def _is_counted(self, metric: Metric) -> bool:
        return type(metric) in _COUNTED and self._loss is not None and self._loss.classes


def _metric(identifier: Any, loss: Loss | None, owner: str) -> Metric:
    if isinstance(identifier, Metric):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Metric):
        return identifier()
    if isinstance(identifier, Mapping):
        return deserialize(owner, "metric", identifier, _NAMES)
    if isinstance(identifier, str):
        if loss is not None and _is_by_labels(identifier):
            return _accuracy_of(loss)()
        if identifier in _NAMES:
            return _NAMES[identifier]()
        if _is_by_labels(identifier):
            raise ValueError(f"{owner}: {identifier!r} depends on the labels, so it needs a loss")
        alike = [name for name in (*_NAMES, *_BY_LABELS) if name.islower() == identifier.islower()]
        raise ValueError(unknown(owner, "metric", identifier, alike))
    if callable(identifier) and not isinstance(identifier, type):
        name = getattr(identifier, "__name__", None) or getattr(identifier, "name", None)
        if isinstance(identifier, Hashable) and identifier in (
            FUNCTIONS.get(str(name)),
            getattr(losses, str(name), None),
        ):
            return _NAMES[str(name)]()
        return MeanMetricWrapper(identifier, name=name)
    raise ValueError(f"{owner}: a metric must be a name, a Metric, its config or a function, but is {identifier!r}")


def _is_by_labels(identifier: Any) -> bool:
    return isinstance(identifier, str) and identifier.lower() in _BY_LABELS


def _is_accuracy(metric: Metric) -> bool:
    return isinstance(metric, _COUNTED)


def _accuracy_of(loss: Loss) -> type[accuracy.CategoricalAccuracy] | type[accuracy.SparseCategoricalAccuracy]:
    return accuracy.SparseCategoricalAccuracy if loss.sparse else accuracy.CategoricalAccuracy


def _written(given: Any, metric: Metric) -> str | Metric:
    if isinstance(given, str) and given in _BY_LABELS:
        return given
    if isinstance(metric, MeanMetricWrapper):
        return str(getattr(metric.fn, "__name__", metric.name))
    return metric


def _distinct(names: Sequence[str], weighted: Sequence[str]) -> list[str]:
    """The names, none twice, as Keras tells them apart."""
    taken: dict[str, int] = {}
    distinct: list[str] = []
    for index, name in enumerate([*names, *weighted]):
        if name in taken and index >= len(names):
            name = f"weighted_{name}"
        repeats = taken[name] = taken.get(name, -1) + 1
        distinct.append(f"{name}_{repeats}" if repeats else name)
    return distinct


def _plain(value: Any) -> Any:
    """A number as Python's own, so that it can be printed and written anywhere; several as they are."""
    return float(value) if np.ndim(value) == 0 else np.asarray(value)
