"""`Variable`, a named array that is learnt, and `VariableStore`, which lays all variables of a model into one buffer.

One buffer, so that an optimizer step is one kernel and a checkpoint one write; the variables are views into it. Who computes with them
is not here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from fastcnn.regularizers import Regularizer

__all__ = ["Variable", "VariableStore", "aligned_zeros"]

_ALIGNMENT_BYTES = 64  # a cache line, and the widest vector
_ALIGNMENT = _ALIGNMENT_BYTES // 4

Array = npt.NDArray[np.float32]


class Variable:
    """A named float32 array that is learnt, such as `kernel` or `bias`, or that follows the training, such as `moving_mean`.

    It begins with an array of its own; a `VariableStore` moves it. `value` is the live array: what is written into it counts at once.
    path : the name behind that of its layer, "dense/kernel" (Keras's begins with the model's). regularizer : what it adds to the loss while it is
    trained, or None. learns : whether it is ever trained; else it is a moving average.
    """

    def __init__(
        self, name: str, value: npt.ArrayLike, regularizer: Regularizer | None = None, *, learns: bool = True
    ) -> None:
        self.name = self.path = name
        self.learns = learns
        self._trainable = learns
        self.regularizer = regularizer
        self._value: Array = np.array(value, dtype=np.float32, order="C")
        self._store: VariableStore | None = None

    @property
    def trainable(self) -> bool:
        """Whether the optimizer changes it; never, if it is a moving average."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = value and self.learns

    @property
    def value(self) -> Array:
        """The live array, C order; a view into the store's buffer if the variable is in one."""
        return self._value

    @property
    def store(self) -> VariableStore | None:
        """The store that holds the variable, or None."""
        return self._store

    @property
    def shape(self) -> tuple[int, ...]:
        shape: tuple[int, ...] = self._value.shape
        return shape

    @property
    def size(self) -> int:
        """The number of elements."""
        return self._value.size

    @property
    def dtype(self) -> str:
        return "float32"

    def assign(self, value: npt.ArrayLike) -> None:
        """Writes `value` in place. ValueError where its shape is another, TypeError where it does not hold real numbers."""
        array = np.asarray(value)
        if array.dtype.kind not in "biuf":
            raise TypeError(f"Variable.assign: {self.name!r} takes real numbers, but the value has dtype {array.dtype}")
        if array.shape != self.shape:
            raise ValueError(f"Variable.assign: {self.name!r} has shape {self.shape}, but the value has {array.shape}")
        self._value[...] = array

    def numpy(self) -> Array:
        """A copy of the value."""
        copied: Array = self._value.copy()
        return copied

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        if copy is False and dtype is not None and np.dtype(dtype) != np.float32:
            raise ValueError(
                f"Variable: {self.name!r} is float32, so it cannot become {np.dtype(dtype)} without a copy"
            )
        return self._value.astype(dtype or np.float32, copy=copy is not False)

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        if self._store is not None:
            del state["_value"]  # the copy's store gives the copy its view
        return state

    def __repr__(self) -> str:
        return f"<Variable {self.name}, shape={self.shape}, dtype=float32>"


class VariableStore:
    """All variables of a model in one contiguous float32 `buffer`, in the order given.

    Each variable begins at a multiple of 16 floats, and the buffer at a multiple of 64 bytes; what lies between stays 0. The variables keep
    their values and leave the store they were in: what was computed with that store no longer sees them.
    """

    def __init__(self, variables: Sequence[Variable]) -> None:
        self.variables = list(variables)
        self._places: list[tuple[int, tuple[int, ...]]] = []  # of each variable: its offset and shape
        size = 0
        for i, variable in enumerate(self.variables):
            if any(variable is other for other in self.variables[:i]):
                raise ValueError(f"VariableStore: {variable!r} was given twice")
            self._places.append((size, variable.shape))
            size += math.ceil(variable.size / _ALIGNMENT) * _ALIGNMENT
        self.buffer = aligned_zeros(size)
        for variable, view in zip(self.variables, self._views(), strict=True):
            view[...] = variable.value
            variable._value, variable._store = view, self

    def offset(self, variable: Variable) -> int:
        """Where `variable` begins in `buffer`, in floats. ValueError if it is not here."""
        for held, (offset, _) in zip(self.variables, self._places, strict=True):
            if held is variable:
                return offset
        raise ValueError(f"VariableStore.offset: {variable!r} is not in this store")

    def view(self, flat: Array, variable: Variable) -> Array:
        """The part of `flat`, an array laid out as `buffer` is (an optimizer's slot, say), that belongs to `variable`, in its shape."""
        offset = self.offset(variable)
        return flat[offset : offset + variable.size].reshape(variable.shape)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A copy, or what was pickled: the variables in it become views of its own buffer."""
        self.__dict__.update(state)
        self.buffer = aligned_zeros(state["buffer"].size)
        self.buffer[...] = state["buffer"]
        for variable, view in zip(self.variables, self._views(), strict=True):
            if variable.__dict__.get("_store", self) is self:  # else it has moved to another store
                variable._value = view

    def _views(self) -> list[Array]:
        return [self.buffer[offset : offset + math.prod(shape)].reshape(shape) for offset, shape in self._places]


def aligned_zeros(size: int) -> Array:
    """`size` float32 zeros that begin at a multiple of 64 bytes."""
    memory = np.zeros(4 * size + _ALIGNMENT_BYTES, dtype=np.uint8)
    start = -memory.__array_interface__["data"][0] % _ALIGNMENT_BYTES
    return memory[start : start + 4 * size].view(np.float32)
