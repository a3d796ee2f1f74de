"""What metrics share: `Metric`, the base class, and `Mean`, of values or of what a function says of labels and predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from fastcnn._arguments import float32_only
from fastcnn._naming import auto_name
from fastcnn._serialization import construct

__all__ = ["Array", "Average", "Mean", "MeanMetricWrapper", "MeanOf", "Metric", "quiet", "same_rank", "same_shape"]

Array: TypeAlias = npt.NDArray[Any]

quiet = np.errstate(
    all="ignore"
)  # a training that diverges gives infinities and NaN, and a metric says so by its result


class Metric:
    """Base class: a number over all batches since `reset_state`. `metric(y_true, y_pred)` adds a batch and gives the result so far.

    A metric of your own calls `super().__init__(name=...)` and has `update_state(y_true, y_pred, sample_weight=None)`, `result()`, a number, and
    `reset_state()`. In a training y_true is (N,) int32 for a sparse loss, else float32, and y_pred is float32: the outputs before the step.

    dtype : None or float32. name : None means the class's in snake case, numbered as Keras does.

    sparse : whether y_true holds class numbers (True), or a label for each output (False); None where both will do.
    greater_is_better : whether a training wants it large (True) or small (False), for callbacks; None where that is not known.
    """

    keras_module: ClassVar[str] = "keras.metrics"
    sparse: ClassVar[bool | None] = None
    greater_is_better: ClassVar[bool | None] = None

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        float32_only(type(self).__name__, dtype)
        self.name = name or auto_name(type(self).__name__)

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Adds a batch."""
        raise NotImplementedError

    def result(self) -> Any:
        """The number so far."""
        raise NotImplementedError

    def reset_state(self) -> None:
        """Forgets all batches."""
        raise NotImplementedError

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.update_state(*args, **kwargs)
        return self.result()

    def get_config(self) -> dict[str, Any]:
        """The arguments that make the same metric, as Keras writes them."""
        return {"name": self.name, "dtype": "float32"}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Metric:
        """The metric of that `get_config`. ValueError for a key that is not an argument."""
        return construct(cls, config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


class Average(Metric):
    """Base class of what averages over the samples. Sums are kept in float64 (Keras's are float32), so a long epoch loses nothing.

    total : the sum of the samples' values, each times its weight. count : the sum of the weights.
    """

    def __init__(self, name: str | None, dtype: Any) -> None:
        super().__init__(dtype, name)
        self.reset_state()

    @quiet
    def add(self, values: npt.ArrayLike, sample_weight: npt.ArrayLike | None) -> None:
        """Adds values (N, ...), of which each sample's mean counts; a single number is one sample.

        sample_weight : None, (N,), or more of values' axes, where each value has its own weight; a single number makes the batch one sample.
        ValueError where it does not fit the values.
        """
        samples = np.asarray(values, dtype=np.float64)
        if sample_weight is None:
            self.total += float(_mean_after(samples, 1).sum())
            self.count += len(samples) if samples.ndim else 1
            return
        samples, weights = same_rank(samples, np.asarray(sample_weight, dtype=np.float64))
        samples = _mean_after(samples, weights.ndim)
        weights = broadcast(type(self).__name__, weights, samples.shape)
        self.total += float(_mean_after(samples * weights, 1).sum())
        self.count += float(_mean_after(weights, 1).sum())

    def mean(self) -> float:
        """The mean so far; 0 before the first batch, and where the weights sum to 0."""
        return self.total / self.count if self.count else 0.0

    @quiet
    def result(self) -> np.float32:
        """The mean so far; 0 before the first batch, and where the weights sum to 0."""
        mean: np.float32 = np.float32(self.mean())
        return mean

    def reset_state(self) -> None:
        self.total = 0.0
        self.count = 0.0


class Mean(Average):
    """The mean of values: `metric(values, sample_weight=None)`. Not for `compile`, whose metrics see labels and predictions."""

    def __init__(self, name: str | None = "mean", dtype: Any = None) -> None:
        super().__init__(name, dtype)

    def update_state(self, values: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> None:
        """Adds values (N, ...), or a single one. sample_weight : (N,), or a weight for each value; None for 1."""
        self.add(values, sample_weight)


class MeanOf(Average):
    """Base class of the mean of a function `fn(y_true, y_pred, **options)` -> (N, ...); the options are in `get_config`."""

    def __init__(self, fn: Callable[..., npt.ArrayLike], name: str | None, dtype: Any, **options: Any) -> None:
        super().__init__(name, dtype)
        self._fn = fn
        self._options = options

    def update_state(
        self, y_true: npt.ArrayLike, y_pred: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None
    ) -> None:
        """Adds a batch of N labels and predictions. sample_weight : (N,), how much each counts; None for 1."""
        self.add(self._fn(y_true, y_pred, **self._options), sample_weight)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self._options}


class MeanMetricWrapper(MeanOf):
    """The mean of a function of your own, `fn(y_true, y_pred, **kwargs)`, which gives (N, ...) numbers. `compile(metrics=[fn])` makes one.

    name : None means "mean_metric_wrapper"; `compile` takes the function's. It has no config, since a config holds no code.
    """

    def __init__(
        self, fn: Callable[..., npt.ArrayLike], name: str | None = None, dtype: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(fn, name, dtype, **kwargs)

    @property
    def fn(self) -> Callable[..., npt.ArrayLike]:
        """The function."""
        return self._fn

    def get_config(self) -> dict[str, Any]:
        raise ValueError(f"MeanMetricWrapper: '{self.name}' is the mean of a function, and a config holds no code")


def same_rank(one: Array, other: Array) -> tuple[Array, Array]:
    """Both arrays with as many axes, where one has a last axis of 1 too many: a vector gets it too, anything else loses it."""
    if one.ndim < other.ndim:
        other, one = same_rank(other, one)
    elif one.ndim == other.ndim + 1 and one.shape[-1] == 1:
        if other.ndim == 1:
            other = other[:, np.newaxis]
        else:
            one = one[..., 0]
    return one, other


def same_shape(owner: str, y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> tuple[Array, Array]:
    """Labels and predictions for the same outputs, as float32 arrays of one shape; one of them may lack a last axis of 1.

    ValueError where the shapes differ: Keras stretches some of them, (N, 1) to (N, K), which never is what was meant.
    """
    labels, predictions = np.asarray(y_true), np.asarray(y_pred)
    truth, outputs = same_rank(labels.astype(np.float32), predictions.astype(np.float32))
    if truth.shape != outputs.shape:
        raise ValueError(f"{owner}: y_true has shape {labels.shape}, but y_pred has {predictions.shape}")
    return truth, outputs


def broadcast(owner: str, weights: Array, shape: tuple[int, ...]) -> Array:
    """Weights for each of an array's numbers. ValueError where they do not fit."""
    try:
        return np.broadcast_to(weights, shape)
    except ValueError:
        raise ValueError(f"{owner}: sample_weight has shape {weights.shape}, but the values have {shape}") from None


def _mean_after(values: Array, axes: int) -> Array:
    """The mean over all axes but the first few."""
    means: Array = values.mean(axis=tuple(range(axes, values.ndim))) if values.ndim > axes else values
    return np.asarray(means)
