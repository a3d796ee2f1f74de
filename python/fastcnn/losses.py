"""Losses, with Keras 3's names, defaults and behaviour: what a training makes small. The arithmetic is `ops.softmax_cross_entropy`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fastcnn._arguments import boolean, float32_only, only, unknown
from fastcnn._naming import auto_name
from fastcnn._serialization import construct, deserialize

__all__ = [
    "KNOWN",
    "CategoricalCrossentropy",
    "Loss",
    "SparseCategoricalCrossentropy",
    "categorical_crossentropy",
    "get",
    "sparse_categorical_crossentropy",
]

Losses = npt.NDArray[np.float32]


class Loss:
    """Base class. `loss(y_true, y_pred)` is the mean over the batch, a numpy float32.

    sparse : whether y_true holds class numbers (else a row of probabilities each).
    from_logits : whether y_pred holds logits (else probabilities).
    """

    keras_module: ClassVar[str] = "keras.losses"
    sparse: ClassVar[bool]

    def __init__(self, from_logits: bool, reduction: str, axis: int, name: str | None, dtype: Any) -> None:
        owner = type(self).__name__
        only(owner, "reduction", reduction, "sum_over_batch_size")
        only(owner, "axis", axis, -1)
        float32_only(owner, dtype)
        self.from_logits = boolean(owner, "from_logits", from_logits)
        self.reduction = "sum_over_batch_size"
        self.name = name or auto_name(owner)

    def __call__(self, y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> np.float32:
        function = sparse_categorical_crossentropy if self.sparse else categorical_crossentropy
        mean: np.float32 = np.float32(function(y_true, y_pred, self.from_logits).mean(dtype=np.float64))
        return mean

    def get_config(self) -> dict[str, Any]:
        """The arguments that make the same loss, as Keras writes them."""
        return {"name": self.name, "reduction": self.reduction, "from_logits": self.from_logits}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Loss:
        """The loss of that `get_config`. ValueError for a key that is not an argument."""
        return construct(cls, config)


class SparseCategoricalCrossentropy(Loss):
    """Cross-entropy with class numbers: -log(probability of the true class), the mean over the batch.

    y_true : (N,) or (N, 1) integers in [0, K). y_pred : (N, K) float32, logits if `from_logits`, else probabilities, which as in Keras are
    clipped to [1e-7, 1 - 1e-7] and then divided by their sum. Only the default of the other arguments is supported.
    """

    sparse = True

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: None = None,
        reduction: str = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(from_logits, reduction, axis, name, dtype)
        only("SparseCategoricalCrossentropy", "ignore_class", ignore_class, None)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "ignore_class": None}


class CategoricalCrossentropy(Loss):
    """Cross-entropy with a probability for each class: -sum(y_true * log(y_pred)), the mean over the batch.

    y_true : (N, K), one-hot rows or any probabilities. y_pred : (N, K) float32, logits if `from_logits`, else probabilities, which as in
    Keras are divided by their sum and then clipped to [1e-7, 1 - 1e-7]. Only the default of the other arguments is supported.
    """

    sparse = False

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str = "sum_over_batch_size",
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(from_logits, reduction, axis, name, dtype)
        only("CategoricalCrossentropy", "label_smoothing", label_smoothing, 0.0, 0)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "label_smoothing": 0.0, "axis": -1}


def sparse_categorical_crossentropy(y_true: npt.ArrayLike, y_pred: npt.ArrayLike, from_logits: bool = False) -> Losses:
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
    return _cross_entropy(predictions, labels.astype(np.int64), from_logits)


def categorical_crossentropy(y_true: npt.ArrayLike, y_pred: npt.ArrayLike, from_logits: bool = False) -> Losses:
    """The loss of each row, (N,) float32; arguments as for CategoricalCrossentropy."""
    owner = "categorical_crossentropy"
    predictions, targets = _predictions(owner, y_pred), np.asarray(y_true, dtype=np.float32)
    if targets.shape != predictions.shape:
        raise ValueError(f"{owner}: y_true has shape {targets.shape}, but y_pred has {predictions.shape}")
    return _cross_entropy(predictions, targets, from_logits)


KNOWN: dict[str, type[Loss]] = {
    "SparseCategoricalCrossentropy": SparseCategoricalCrossentropy,
    "CategoricalCrossentropy": CategoricalCrossentropy,
}

_NAMES: dict[str, type[Loss]] = {
    **KNOWN,
    "sparse_categorical_crossentropy": SparseCategoricalCrossentropy,
    "categorical_crossentropy": CategoricalCrossentropy,
}


def get(identifier: Any, owner: str = "losses.get") -> Loss:
    """The loss of that name ("sparse_categorical_crossentropy", or the class's), serialised dict, class, function, or itself.

    ValueError for an unknown name (with the nearest known one) or anything else.
    """
    if isinstance(identifier, Loss):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Loss):
        return identifier()  # type: ignore[call-arg]
    if isinstance(identifier, Mapping):
        return deserialize(owner, "loss", identifier, _NAMES)
    if identifier is sparse_categorical_crossentropy or identifier is categorical_crossentropy:
        identifier = identifier.__name__
    if isinstance(identifier, str):
        if identifier not in _NAMES:
            raise ValueError(unknown(owner, "loss", identifier, _NAMES))
        return _NAMES[identifier]()  # type: ignore[call-arg]
    raise ValueError(f"{owner}: a loss must be a name, a Loss or its config, but is {identifier!r}")


def _predictions(owner: str, y_pred: npt.ArrayLike) -> npt.NDArray[np.float32]:
    predictions = np.asarray(y_pred, dtype=np.float32)
    if predictions.ndim != 2:
        raise ValueError(f"{owner}: y_pred must have shape (rows, classes), but has {predictions.shape}")
    return predictions


def _cross_entropy(predictions: npt.NDArray[np.float32], targets: npt.NDArray[Any], from_logits: bool) -> Losses:
    from fastcnn import ops

    losses, _ = ops.softmax_cross_entropy(predictions, targets, from_logits=from_logits)
    return np.asarray(losses)
