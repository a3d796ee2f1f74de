"""How the arguments of `ops.py` become what the core takes, and its results what the caller gave: arrays, sizes, padding. Private."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np

__all__: list[str] = []

Array: TypeAlias = Any
Size: TypeAlias = int | Sequence[int]
Padding: TypeAlias = Literal["valid", "same"] | Sequence[Sequence[int]]


class Arrays:
    """Turns the arguments of one call into numpy arrays, and its results into the kind of the first argument."""

    def __init__(self, operation: str, first: Array) -> None:
        self.operation = operation
        self.kind = converter_to_kind_of(first)

    def __call__(
        self, name: str, value: Array, dtype: type[np.generic] = np.float32, inplace: bool = False
    ) -> np.ndarray[Any, Any]:
        array = self._array(name, value)
        if array.dtype != dtype:
            wanted = np.dtype(dtype).name
            raise TypeError(
                f"{self.operation}: {name} has dtype {array.dtype}, but must be {wanted}: {name}.astype('{wanted}') converts it"
            )
        if inplace and not (array.flags.c_contiguous and array.flags.writeable):
            raise ValueError(f"{self.operation}: {name} is updated in place, so it must be a writable array in C order")
        return np.require(array, requirements=["C", "A"])  # in C order, and aligned

    def optional(self, name: str, value: Array | None) -> np.ndarray[Any, Any] | None:
        return None if value is None else self(name, value)

    def labels(self, name: str, value: Array) -> np.ndarray[Any, Any]:
        array = self._array(name, value)
        if array.dtype.kind in "iu":
            if array.dtype == np.uint64 and array.size and array.max() > np.iinfo(np.int64).max:
                raise ValueError(f"{self.operation}: {name} holds {array.max()}, which is no class")
            return np.require(array, np.int64, ["C", "A"])
        if array.dtype != np.float32:
            wanted = "integers (the classes) or float32 (a row of probabilities each)"
            raise TypeError(f"{self.operation}: {name} has dtype {array.dtype}, but must be {wanted}")
        return np.require(array, requirements=["C", "A"])

    def _array(self, name: str, value: Array) -> np.ndarray[Any, Any]:
        if isinstance(value, np.ndarray):
            return value
        if hasattr(value, "__dlpack__"):
            try:
                return np.from_dlpack(value.detach() if hasattr(value, "detach") else value)
            except (BufferError, RuntimeError, TypeError) as error:
                kind = type(value).__name__
                raise TypeError(
                    f"{self.operation}: {name} is a {kind} that numpy cannot read ({error}); it must be float32 on the CPU"
                ) from error
        raise TypeError(f"{self.operation}: {name} must be an array, but is a {type(value).__name__}")


def converter_to_kind_of(first: Array) -> Callable[[np.ndarray[Any, Any]], Array]:
    """numpy for numpy; else the from_dlpack of the library that the array comes from, and numpy where that has none."""
    if isinstance(first, np.ndarray) or not hasattr(first, "__dlpack__"):
        return lambda array: array
    if hasattr(first, "__array_namespace__"):
        namespace = first.__array_namespace__()
    else:
        namespace = sys.modules[type(first).__module__.partition(".")[0]]
    from_dlpack: Callable[[np.ndarray[Any, Any]], Array] = getattr(namespace, "from_dlpack", lambda array: array)
    return from_dlpack


def _is_integer(value: object) -> bool:
    """An integer that the core can take; True and False are none."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and bool(-(2**63) <= value < 2**63)


def pair(operation: str, name: str, value: Size) -> tuple[int, int]:
    if _is_integer(value):
        return int(value), int(value)  # type: ignore[arg-type]
    try:
        first, second = value  # type: ignore[misc]
        if _is_integer(first) and _is_integer(second):
            return int(first), int(second)
    except (TypeError, ValueError):
        pass
    raise ValueError(f"{operation}: {name} must be an integer or two integers, but is {value!r}")


Border: TypeAlias = str | tuple[int, int, int, int]


def pooling(
    operation: str, window: Size, stride: Size | None, padding: Padding
) -> tuple[tuple[int, int], tuple[int, int], Border]:
    """Window, stride and padding of a pooling, whose stride is its window where it is None."""
    size = pair(operation, "window", window)
    return size, size if stride is None else pair(operation, "stride", stride), padding_of(operation, padding)


def conv_and_pool(
    stride: Size, padding: Padding, window: Size, pool_stride: Size | None, pool_padding: Padding
) -> tuple[tuple[int, int], Border, tuple[int, int], tuple[int, int], Border]:
    pool = pooling("max_pool2d", window, pool_stride, pool_padding)
    return pair("conv2d", "stride", stride), padding_of("conv2d", padding), *pool


def shape_of(input_shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(int(extent) for extent in input_shape)


def padding_of(operation: str, value: Padding) -> Border:
    if isinstance(value, str):
        return value
    try:
        (top, bottom), (left, right) = value
        if all(_is_integer(v) for v in (top, bottom, left, right)):
            return int(top), int(bottom), int(left), int(right)
    except (TypeError, ValueError):
        pass
    raise ValueError(
        f"{operation}: padding must be 'valid', 'same' or ((top, bottom), (left, right)), but is {value!r}"
    )
