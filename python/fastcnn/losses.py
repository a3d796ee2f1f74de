"""Losses, with Keras 3's names, defaults and behaviour: what a training makes small. The arithmetic is that of `ops`' losses."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fastcnn._arguments import boolean, float32_only, not_overridden, number, only, unknown
from fastcnn._naming import auto_name
from fastcnn._serialization import construct, deserialize
from fastcnn.stage import Stage

__all__ = [
    "KNOWN",
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "Loss",
    "MeanSquaredError",
    "SparseCategoricalCrossentropy",
    "binary_crossentropy",
    "categorical_crossentropy",
    "get",
    "mean_squared_error",
    "sparse_categorical_crossentropy",
]

Losses = npt.NDArray[np.float32]


class Loss:
    """Base class. `loss(y_true, y_pred, sample_weight=None)` is the mean over the batch, a numpy float32; sample_weight : (N,), how much each
    sample counts.

    sparse : whether y_true holds class numbers, not floats of y_pred's shape.
    classes : whether the outputs are those of K classes that exclude each other, so that they must be (N, K).
    from_logits : whether y_pred holds logits; always False where there is no such thing.
    label_smoothing : how much of y_true is spread evenly over what it might have been; always 0 where there is no such thing.
    operation : the loss's name in the core. undoes : the activation before which the logits lie, or None.
    """

    keras_module: ClassVar[str] = "keras.losses"
    sparse: ClassVar[bool] = False
    classes: ClassVar[bool] = False
    operation: ClassVar[str]
    undoes: ClassVar[str | None] = None
    from_logits = False
    label_smoothing = 0.0

    def __init__(self, name: str | None = None, reduction: str = "sum_over_batch_size", dtype: Any = None) -> None:
        owner = type(self).__name__
        only(owner, "reduction", reduction, "sum_over_batch_size")
        float32_only(owner, dtype)
        self.reduction = "sum_over_batch_size"
        self.name = name or auto_name(owner)

    def __call__(
        self, y_true: npt.ArrayLike, y_pred: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None
    ) -> np.float32:
        losses = self.call(y_true, y_pred)
        if sample_weight is not None:
            weights = np.asarray(sample_weight, np.float32)
            if weights.shape not in ((len(losses),), (len(losses), 1)):
                owner = type(self).__name__
                raise ValueError(f"{owner}: sample_weight has shape {weights.shape}, but must have ({len(losses)},)")
            losses = losses * weights.reshape(len(losses), *[1] * (losses.ndim - 1))
        mean: np.float32 = np.float32(losses.mean(dtype=np.float64))
        return mean

    def call(self, y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> Losses:
        """The loss of each sample, (N,)."""
        raise NotImplementedError

    def stage(self, after_activation: bool) -> Stage:
        """What the plan carries out for it, behind the activation that it `undoes` or in its place."""
        from_logits = self.from_logits or (self.undoes is not None and not after_activation)
        return Stage(self.operation, {"from_logits": from_logits, "label_smoothing": self.label_smoothing})

    def get_config(self) -> dict[str, Any]:
        """The arguments that make the same loss, as Keras writes them."""
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Loss:
        """The loss of that `get_config`. ValueError for a key that is not an argument."""
        return construct(cls, config)


class _Crossentropy(Loss):
    """What the cross-entropies share."""

    def __init__(
        self, from_logits: bool, label_smoothing: float, reduction: str, axis: int, name: str | None, dtype: Any
    ) -> None:
        owner = type(self).__name__
        only(owner, "axis", axis, -1)
        self.from_logits = boolean(owner, "from_logits", from_logits)
        self.label_smoothing = number(owner, "label_smoothing", label_smoothing, least=0, most=1)
        super().__init__(name, reduction, dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "from_logits": self.from_logits}


class SparseCategoricalCrossentropy(_Crossentropy):
    """Cross-entropy with class numbers: -log(probability of the true class), the mean over the batch.

    y_true : (N,) or (N, 1) integers in [0, K). y_pred : (N, K) float32, logits if `from_logits`, else probabilities, which as in Keras are
    clipped to [1e-7, 1 - 1e-7] and then divided by their sum. label_smoothing : s in [0, 1]; the true class counts 1 - s + s / K, every other s / K
    (Szegedy et al. 2016). Keras has that for one-hot rows alone: it is fastcnn's own here, and Keras reads no loss in which it is not 0. Only the
    default of the other arguments is supported.
    """

    sparse = True
    classes = True
    operation = "softmax_cross_entropy"
    undoes = "softmax"

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: None = None,
        reduction: str = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
        *,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(from_logits, label_smoothing, reduction, axis, name, dtype)
        only("SparseCategoricalCrossentropy", "ignore_class", ignore_class, None)

    def call(self, y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> Losses:
        smoothing = self.label_smoothing
        return sparse_categorical_crossentropy(y_true, y_pred, self.from_logits, label_smoothing=smoothing)

    def get_config(self) -> dict[str, Any]:
        own = {"label_smoothing": self.label_smoothing} if self.label_smoothing else {}  # Keras does not know it
        return {**super().get_config(), "ignore_class": None, **own}


class CategoricalCrossentropy(_Crossentropy):
    """Cross-entropy with a probability for each class: -sum(y_true * log(y_pred)), the mean over the batch.

    y_true : (N, K), one-hot rows or any probabilities. y_pred : (N, K) float32, logits if `from_logits`, else probabilities, which as in
    Keras are divided by their sum and then clipped to [1e-7, 1 - 1e-7]. label_smoothing : s in [0, 1]; leaves 1 - s of y_true and spreads s evenly
    over the classes (Szegedy et al. 2016). Only the default of the other arguments is supported.
    """

    classes = True
    operation = "softmax_cross_entropy"
    undoes = "softmax"

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str = "sum_over_batch_size",
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(from_logits, label_smoothing, reduction, axis, name, dtype)

    def call(self, y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> Losses:
        return categorical_crossentropy(y_true, y_pred, self.from_logits, self.label_smoothing)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "label_smoothing": self.label_smoothing, "axis": -1}


class BinaryCrossentropy(_Crossentropy):
    """Cross-entropy of each output with a target of its own: the mean over the outputs of -t log(p) - (1 - t) log(1 - p), and over the batch.

    y_true : as y_pred, or (N,) for (N, 1); 0, 1 or any probability. y_pred : (N, ...) float32, logits if `from_logits`, else probabilities,
    which as in Keras are clipped to [1e-7, 1 - 1e-7]; those of a softmax too (in training, Keras takes the softmax's logits for a sigmoid's
    there). label_smoothing : s in [0, 1]; a target t becomes (1 - s) t + s / 2. Only the default of the other arguments is supported.
    """

    operation = "binary_cross_entropy"
    undoes = "sigmoid"

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str = "sum_over_batch_size",
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(from_logits, label_smoothing, reduction, axis, name, dtype)

    def call(self, y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> Losses:
        return binary_crossentropy(y_true, y_pred, self.from_logits, self.label_smoothing)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "label_smoothing": self.label_smoothing, "axis": -1}


class MeanSquaredError(Loss):
    """The mean over the outputs of (y_true - y_pred) ** 2, and over the batch.

    y_true : as y_pred, or (N,) for (N, 1). y_pred : (N, ...) float32. Only the default of `reduction` and `dtype` is supported.
    """

    operation = "mean_squared_error"

    def __init__(
        self, reduction: str = "sum_over_batch_size", name: str | None = "mean_squared_error", dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> Losses:
        return mean_squared_error(y_true, y_pred)


def sparse_categorical_crossentropy(
    y_true: npt.ArrayLike, y_pred: npt.ArrayLike, from_logits: bool = False, *, label_smoothing: float = 0.0
) -> Losses:
    """The loss of each row, (N,) float32; arguments as for SparseCategoricalCrossentropy."""
    owner = "sparse_categorical_crossentropy"
    predictions, labels = _predictions(owner, y_pred), np.asarray(y_true)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.shape != predictions.shape[:1]:
        rows = f"({len(predictions)},) or ({len(predictions)}, 1)"
        raise ValueError(f"{owner}: y_true has shape {labels.shape}, but y_pred {predictions.shape} wants {rows}")
    if labels.dtype.kind not in "biuf" or not np.array_equal(labels, np.trunc(labels)):
        raise ValueError(f"{owner}: y_true must hold class numbers, but has {labels.dtype} values that are not whole")
    return _cross_entropy(predictions, labels.astype(np.int64), from_logits, label_smoothing)


def categorical_crossentropy(
    y_true: npt.ArrayLike, y_pred: npt.ArrayLike, from_logits: bool = False, label_smoothing: float = 0.0
) -> Losses:
    """The loss of each row, (N,) float32; arguments as for CategoricalCrossentropy."""
    owner = "categorical_crossentropy"
    predictions, targets = _predictions(owner, y_pred), np.asarray(y_true, dtype=np.float32)
    if targets.shape != predictions.shape:
        raise ValueError(f"{owner}: y_true has shape {targets.shape}, but y_pred has {predictions.shape}")
    return _cross_entropy(predictions, targets, from_logits, label_smoothing)


def binary_crossentropy(
    y_true: npt.ArrayLike, y_pred: npt.ArrayLike, from_logits: bool = False, label_smoothing: float = 0.0
) -> Losses:
    """The mean over the last axis of each output's loss, y_pred's shape without it; arguments as for BinaryCrossentropy."""
    from fastcnn import ops

    rows, targets, shape = _rows("binary_crossentropy", y_true, y_pred)
    losses, _ = ops.binary_cross_entropy(rows, targets, from_logits=from_logits, label_smoothing=label_smoothing)
    return np.asarray(losses).reshape(shape)


def mean_squared_error(y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> Losses:
    """The mean over the last axis of (y_true - y_pred) ** 2, y_pred's shape without it; arguments as for MeanSquaredError."""
    from fastcnn import ops

    rows, targets, shape = _rows("mean_squared_error", y_true, y_pred)
    losses, _ = ops.mean_squared_error(rows, targets)
    return np.asarray(losses).reshape(shape)


KNOWN: dict[str, type[Loss]] = {
    "SparseCategoricalCrossentropy": SparseCategoricalCrossentropy,
    "CategoricalCrossentropy": CategoricalCrossentropy,
    "BinaryCrossentropy": BinaryCrossentropy,
    "MeanSquaredError": MeanSquaredError,
}

_FUNCTIONS: dict[Any, type[Loss]] = {
    sparse_categorical_crossentropy: SparseCategoricalCrossentropy,
    categorical_crossentropy: CategoricalCrossentropy,
    binary_crossentropy: BinaryCrossentropy,
    mean_squared_error: MeanSquaredError,
}

_NAMES: dict[str, type[Loss]] = {
    **KNOWN,
    **{function.__name__: kind for function, kind in _FUNCTIONS.items()},
    "bce": BinaryCrossentropy,
    "BCE": BinaryCrossentropy,
    "mse": MeanSquaredError,
    "MSE": MeanSquaredError,
}


def get(identifier: Any, owner: str = "losses.get") -> Loss:
    """The loss of that name ("sparse_categorical_crossentropy", "mse", or the class's), serialised dict, class, function, or itself.

    ValueError for an unknown name (with the nearest known one), a class of your own that overrides `call`, or anything else.
    """
    if isinstance(identifier, Loss):
        not_overridden(owner, "a loss", identifier, "call", "__call__")
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Loss):
        return get(identifier(), owner)
    if isinstance(identifier, Mapping):
        return deserialize(owner, "loss", identifier, _NAMES)
    if isinstance(identifier, Hashable) and identifier in _FUNCTIONS:
        return _FUNCTIONS[identifier]()
    if isinstance(identifier, str):
        if identifier not in _NAMES:
            raise ValueError(unknown(owner, "loss", identifier, _NAMES))
        return _NAMES[identifier]()
    raise ValueError(f"{owner}: a loss must be a name, a Loss or its config, but is {identifier!r}")


def _predictions(owner: str, y_pred: npt.ArrayLike) -> npt.NDArray[np.float32]:
    predictions = np.asarray(y_pred, dtype=np.float32)
    if predictions.ndim != 2:
        raise ValueError(f"{owner}: y_pred must have shape (rows, classes), but has {predictions.shape}")
    return predictions


def _rows(owner: str, y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> tuple[Losses, Losses, tuple[int, ...]]:
    """Predictions and targets as rows of the last axis, and the shape of the others."""
    predictions, targets = np.asarray(y_pred, dtype=np.float32), np.asarray(y_true, dtype=np.float32)
    if predictions.ndim < 1:
        raise ValueError(f"{owner}: y_pred must have at least one axis, but is a single number")
    if targets.shape == predictions.shape[:-1] and predictions.shape[-1:] == (1,):
        targets = targets[..., np.newaxis]
    if targets.shape != predictions.shape:
        raise ValueError(f"{owner}: y_true has shape {targets.shape}, but y_pred has {predictions.shape}")
    width = predictions.shape[-1]
    return predictions.reshape(-1, width), targets.reshape(-1, width), predictions.shape[:-1]


def _cross_entropy(
    predictions: npt.NDArray[np.float32], targets: npt.NDArray[Any], from_logits: bool, label_smoothing: float
) -> Losses:
    from fastcnn import ops

    losses, _ = ops.softmax_cross_entropy(
        predictions, targets, from_logits=from_logits, label_smoothing=label_smoothing
    )
    return np.asarray(losses)
