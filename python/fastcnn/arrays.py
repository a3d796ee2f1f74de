"""What `fit`, `evaluate` and `predict` are given: the checks, each made once before the first step, and how odd arrays become batches. Private.

Images stay as they came, uint8, float32 or float64, and the core gathers and converts them batch by batch. Labels are small, and become
int32 classes or float32 rows here. What a loss is, is the business of `losses.py`; the loops are in `training.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcnn._arguments import number
from fastcnn.losses import Loss
from fastcnn.plan import Plan
from fastcnn.tensor import core_of

__all__: list[str] = []

Array = NDArray[Any]

_DIRECT = (np.dtype(np.uint8), np.dtype(np.float32), np.dtype(np.float64))  # what the core reads itself


def as_array(value: object, where: str, name: str) -> Array:
    """`value` as a numpy array, without a copy where it is an array on the CPU already (numpy's, or anything that speaks DLPack)."""
    if isinstance(value, np.ndarray):
        return value
    if value is None:
        raise TypeError(f"{where}: {name} is None, but wanted is an array")
    if hasattr(value, "__dlpack__"):
        try:
            tensor = core_of(value)
            if tensor is not None and tensor.device != "cpu":
                copy: Array = tensor.to_numpy()
                return copy
            return np.from_dlpack(value.detach() if hasattr(value, "detach") else value)
        except (BufferError, RuntimeError, TypeError) as error:
            raise TypeError(f"{where}: {name} cannot be read, a {type(value).__name__}: {error}") from None
    if not hasattr(value, "__array__") and not isinstance(value, (list, tuple)):
        raise TypeError(f"{where}: {name} is a {type(value).__name__}, but wanted is an array")
    try:
        return np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{where}: {name} cannot be made into one array: {error}") from None


def images(
    x: object, input_shape: tuple[int, ...] | None, where: str, name: str = "x", *, empty: bool = False
) -> Array:
    """Checks a batch or a data set of images, and gives it the shape (N, *input_shape).

    An array that lacks a last axis of one channel gets it, and one that has an axis of one too many loses it, as in Keras.
    `input_shape` None means that the model is not built yet, and only the type is checked.

    Raises TypeError for a dtype that is no number of at most 64 bits (float16 included), ValueError for shapes that do not fit, and
    for no images at all unless `empty`.
    """
    array = as_array(x, where, name)
    if array.dtype.kind not in "biu" and array.dtype.newbyteorder("=") not in _DIRECT:
        raise TypeError(
            f"{where}: {name} has dtype {array.dtype}, but wanted is uint8, float32 or float64 (or another integer)"
        )
    if array.ndim == 0:
        raise ValueError(
            f"{where}: {name} is a single number, but wanted is an array whose first axis counts the images"
        )
    if input_shape is not None:
        array = _fitted(array, input_shape, where, name)
    if len(array) == 0 and not empty:
        raise ValueError(f"{where}: {name} is empty (shape {array.shape}), but at least one image is needed")
    return array.view(np.uint8) if array.dtype == np.bool_ else array


def _fitted(array: Array, input_shape: tuple[int, ...], where: str, name: str) -> Array:
    rank = len(input_shape) + 1
    if array.ndim == rank - 1 and rank > 2 and input_shape[-1] == 1 and array.shape[1:] == input_shape[:-1]:
        return array[..., np.newaxis]
    if array.ndim == rank + 1 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim != rank or array.shape[1:] != input_shape:
        hint = f"; for a single image pass {name}[None]" if array.shape == input_shape else ""
        wanted = ", ".join(["N", *(str(size) for size in input_shape)])
        raise ValueError(f"{where}: {name} has shape {array.shape}, but the model takes ({wanted}){hint}")
    return array


def targets(y: object, count: int, output_shape: tuple[int, ...], loss: Loss, where: str, name: str = "y") -> Array:
    """Checks the labels of `count` images for a loss and converts them: int32 (count,) if it is `sparse`, else float32 (count, *output_shape).

    Sparse labels are class numbers from 0, in any type whose values are whole, of shape (count,) or (count, 1). Others are one-hot rows or
    rows of probabilities for a loss of classes, and any finite numbers for the rest. Raises TypeError for a dtype that holds no numbers,
    ValueError for anything else, with the row and the value.
    """
    array = as_array(y, where, name)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{where}: {name} has dtype {array.dtype}, but wanted are numbers: {_wanted(loss)}")
    if array.ndim == 0 or len(array) != count:
        came = "is a single number" if array.ndim == 0 else f"has {len(array)} labels"
        raise ValueError(f"{where}: {name} {came}, but there are {count} images")
    if loss.sparse:
        return _classes(array, output_shape[0], where, name)
    return _rows(array, output_shape[0], where, name) if loss.classes else _values(array, output_shape, where, name)


def _wanted(loss: Loss) -> str:
    return "class numbers" if loss.sparse else "one-hot rows" if loss.classes else "what the outputs should be"


def _classes(array: Array, classes: int, where: str, name: str) -> NDArray[np.int32]:
    if array.ndim > 2 or (array.ndim == 2 and array.shape[1] != 1):
        hint = ""
        if array.ndim == 2 and array.shape[1] == classes:
            hint = "; for one-hot labels use CategoricalCrossentropy"
        wanted = f"({len(array)},) or ({len(array)}, 1)"
        raise ValueError(
            f"{where}: {name} has shape {array.shape}, but wanted is one class number an image, {wanted}{hint}"
        )
    flat = array.reshape(len(array))
    if flat.dtype.kind == "f":
        _refuse(flat, ~(flat == np.floor(flat)), f"{where}: {name}", "but a class is a whole number")
    if flat.dtype.kind != "b":
        outside = (flat < 0) | (flat >= classes)
        _refuse(
            flat,
            outside,
            f"{where}: {name}",
            f"but the model has {classes} outputs, so classes run from 0 to {classes - 1}",
        )
    return flat.astype(np.int32)


def _rows(array: Array, classes: int, where: str, name: str) -> NDArray[np.float32]:
    if array.shape != (len(array), classes):
        hint = (
            "; for class numbers use SparseCategoricalCrossentropy"
            if array.ndim == 1 or array.shape[1:] == (1,)
            else ""
        )
        raise ValueError(
            f"{where}: {name} has shape {array.shape}, but wanted are one-hot rows, ({len(array)}, {classes}){hint}"
        )
    if array.dtype.kind == "f":
        _refuse(array, ~np.isfinite(array).all(axis=1), f"{where}: {name}", "but a probability is a finite number")
    if array.dtype.kind in "if":
        _refuse(array, (array < 0).any(axis=1), f"{where}: {name}", "but a probability is not negative")
    return np.ascontiguousarray(array, dtype=np.float32)


def _values(array: Array, output_shape: tuple[int, ...], where: str, name: str) -> NDArray[np.float32]:
    wanted = (len(array), *output_shape)
    if array.shape == wanted[:-1] and output_shape[-1:] == (1,):
        array = array[..., np.newaxis]
    elif array.shape == (*wanted, 1):
        array = array[..., 0]
    if array.shape != wanted:
        raise ValueError(f"{where}: {name} has shape {array.shape}, but the model's outputs have {wanted}")
    if array.dtype.kind == "f":
        finite = np.isfinite(array).all(axis=tuple(range(1, array.ndim)))
        _refuse(array, ~finite, f"{where}: {name}", "but a target is a finite number")
    return np.ascontiguousarray(array, dtype=np.float32)


def sample_weights(value: object, count: int, where: str, name: str = "sample_weight") -> NDArray[np.float32]:
    """Checks the weights of `count` images: finite numbers, (count,) or (count, 1). TypeError and ValueError as for `targets`."""
    array = as_array(value, where, name)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{where}: {name} has dtype {array.dtype}, but wanted are numbers")
    if array.shape not in ((count,), (count, 1)):
        raise ValueError(f"{where}: {name} has shape {array.shape}, but wanted is one number an image, ({count},)")
    flat = array.reshape(count)
    if flat.dtype.kind == "f":
        _refuse(flat, ~np.isfinite(flat), f"{where}: {name}", "but a weight is a finite number")
    return np.ascontiguousarray(flat, dtype=np.float32)


def class_weights(weights: object, y: Array, where: str) -> NDArray[np.float32]:
    """The weight of each image by its class, as in Keras: that of a class which `weights`, a dict, leaves out is 1.

    y : class numbers (N,), or rows (N, K), of which the largest entry says the class. TypeError and ValueError for what is no such dict.
    """
    if not isinstance(weights, Mapping):
        raise TypeError(f"{where}: class_weight must be a dict from class numbers to weights, but is {weights!r}")
    classes = y if y.ndim == 1 else y.argmax(axis=-1)
    each = np.ones(len(y), np.float32)
    for of_class, weight in weights.items():
        if isinstance(of_class, bool) or not isinstance(of_class, (int, np.integer)):
            raise ValueError(f"{where}: class_weight has a key {of_class!r}, but its keys are class numbers")
        each[classes == of_class] = number(where, f"class_weight[{of_class}]", weight)
    return each


def _refuse(array: Array, wrong: Any, start: str, wanted: str) -> None:
    if wrong.any():
        row = int(wrong.argmax())
        raise ValueError(f"{start}[{row}] is {array[row]}, {wanted}")


def step_function(plan: Plan, x: Array) -> Plan | Gathering:
    """The plan itself if it can read `x` where it lies, else one that hands it each batch as a float32 copy."""
    return plan if _is_readable(x) else Gathering(plan)


def readable(x: Array) -> Array:
    """`x` if a plan can read it where it lies, else a float32 copy."""
    return x if _is_readable(x) else np.ascontiguousarray(x, dtype=np.float32)


def _is_readable(x: Array) -> bool:
    dense = x[:1].flags.c_contiguous  # what lies between the images does not matter
    return bool(dense and x.dtype in _DIRECT and x.flags.aligned)


class Gathering:
    """A plan for images that the core cannot read itself: other integers, another byte order, pixels that do not lie side by side."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def _batch(self, x: Array, y: Array, rows: NDArray[np.int64], weights: Array | None) -> tuple[Any, ...]:
        batch = np.ascontiguousarray(x[rows], dtype=np.float32)
        return batch, y[rows], np.arange(len(rows)), None if weights is None else weights[rows]

    def holding_data(self, x: Array, y: Array, weights: Array | None = None) -> AbstractContextManager[None]:
        """Nothing: a device could not read these images either."""
        return nullcontext()

    def hold_order(self, rows: NDArray[np.int64]) -> None:
        """Nothing, since no data are held."""

    def forward(self, x: Array, rows: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """As `Plan.forward`."""
        return self._plan.forward(np.ascontiguousarray(x if rows is None else x[rows], dtype=np.float32))

    def evaluate_step(self, x: Array, y: Array, rows: NDArray[np.int64], weights: Array | None = None) -> None:
        """As `Plan.evaluate_step`."""
        self._plan.evaluate_step(*self._batch(x, y, rows, weights))

    def train_step(
        self,
        x: Array,
        y: Array,
        rows: NDArray[np.int64],
        weights: Array | None = None,
        *,
        learning_rate: float,
        step: int,
    ) -> None:
        """As `Plan.train_step`."""
        self._plan.train_step(*self._batch(x, y, rows, weights), learning_rate=learning_rate, step=step)
