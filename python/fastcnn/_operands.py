"""How the arguments of `ops/` become what the core takes, and its results what the caller gave: arrays, sizes, padding. Private."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np

from fastcnn.tensor import Tensor, core_of

__all__: list[str] = []

Array: TypeAlias = Any
Size: TypeAlias = int | Sequence[int]
Sides: TypeAlias = Sequence[Sequence[int]]
Padding: TypeAlias = Literal["valid", "same"] | Sides


_MOST_AXES = 8  # of the core's shapes


class Arrays:
    """Turns the arguments of one call into numpy arrays or the core's Tensors, and its results into the kind of the first argument.

    All of them lie on one device: a numpy array, or one of another library's on the CPU, goes with others of these and with Tensors on the
    CPU, but not with one on a GPU.
    """

    def __init__(self, operation: str, first: Array) -> None:
        self.operation = operation
        self.kind = converter_to_kind_of(first)
        self._home: tuple[str, str] | None = None  # an argument's name, and the device that it lies on

    def __call__(self, name: str, value: Array, dtype: type[np.generic] = np.float32, inplace: bool = False) -> Any:
        array = self._array(name, value)
        if array.dtype != dtype:
            wanted = np.dtype(dtype).name
            raise TypeError(
                f"{self.operation}: {name} has dtype {array.dtype}, but must be {wanted}: {name}.astype('{wanted}') converts it"
            )
        if not isinstance(array, np.ndarray):
            self._check_device(name, array.device)
            return array
        self._check_device(name, "cpu")
        if inplace and not (array.flags.c_contiguous and array.flags.writeable):
            raise ValueError(f"{self.operation}: {name} is updated in place, so it must be a writable array in C order")
        return np.require(array, requirements=["C", "A"])  # in C order, and aligned

    def optional(self, name: str, value: Array | None) -> Any:
        return None if value is None else self(name, value)

    def labels(self, name: str, value: Array) -> Any:
        """Labels may lie on the CPU whatever the first argument does."""
        array = self._array(name, value)
        if not isinstance(array, np.ndarray):
            if array.dtype not in (np.int32, np.int64, np.float32):
                wanted = "int32 or int64 (the classes) or float32 (a row of probabilities each)"
                raise TypeError(
                    f"{self.operation}: {name} has dtype {array.dtype}, but on {array.device} must be {wanted}"
                )
            if array.device != "cpu":
                self._check_device(name, array.device)
            return array
        if array.dtype.kind in "iu":
            if array.dtype == np.uint64 and array.size and array.max() > np.iinfo(np.int64).max:
                raise ValueError(f"{self.operation}: {name} holds {array.max()}, which is no class")
            return np.require(array, np.int64, ["C", "A"])
        if array.dtype != np.float32:
            wanted = "integers (the classes) or float32 (a row of probabilities each)"
            raise TypeError(f"{self.operation}: {name} has dtype {array.dtype}, but must be {wanted}")
        return np.require(array, requirements=["C", "A"])

    def _array(self, name: str, value: Array) -> Any:
        array = self._numpy_or_tensor(name, value)
        if len(array.shape) > _MOST_AXES:
            raise ValueError(f"{self.operation}: {name} has {len(array.shape)} axes, more than {_MOST_AXES}")
        return array

    def _numpy_or_tensor(self, name: str, value: Array) -> Any:
        if isinstance(value, np.ndarray):
            return value
        kind = type(value).__name__
        try:
            core = core_of(value)
            if core is not None:
                return core
            if hasattr(value, "__dlpack__"):
                return np.from_dlpack(value.detach() if hasattr(value, "detach") else value)
        except (BufferError, RuntimeError, TypeError, ValueError) as error:
            raise TypeError(
                f"{self.operation}: {name} is a {kind} that cannot be read ({error}); it must be float32, on the CPU or a GPU"
            ) from error
        raise TypeError(f"{self.operation}: {name} must be an array, but is a {kind}")

    def _check_device(self, name: str, device: str) -> None:
        if self._home is None:
            self._home = name, device
        elif device != self._home[1]:
            other, there = self._home
            raise ValueError(
                f"{self.operation}: {name} lies on {device}, but {other} on {there}; Tensor({name}, '{there}') is a copy there"
            )


def converter_to_kind_of(first: Array) -> Callable[[Any], Array]:
    """From what the core gives: to numpy for numpy, a Tensor for a Tensor; else by the from_dlpack of the library that the array comes from."""
    if isinstance(first, Tensor):
        return Tensor._of
    if isinstance(first, np.ndarray) or not hasattr(first, "__dlpack__"):
        return lambda result: result if isinstance(result, np.ndarray) else result.to_numpy()
    if hasattr(first, "__array_namespace__"):
        namespace = first.__array_namespace__()
    else:
        namespace = sys.modules[type(first).__module__.partition(".")[0]]
    from_dlpack: Callable[[Any], Array] = getattr(namespace, "from_dlpack", lambda array: array)
    return lambda result: from_dlpack(result if isinstance(result, np.ndarray) else Tensor._of(result))


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
    amounts = _sides(value)
    if amounts is None:
        raise ValueError(
            f"{operation}: padding must be 'valid', 'same' or ((top, bottom), (left, right)), but is {value!r}"
        )
    return amounts


def sides_of(operation: str, name: str, value: Sides) -> tuple[int, int, int, int]:
    amounts = _sides(value)
    if amounts is None:
        raise ValueError(f"{operation}: {name} must be ((top, bottom), (left, right)), but is {value!r}")
    return amounts


def _sides(value: Any) -> tuple[int, int, int, int] | None:
    try:
        (top, bottom), (left, right) = value
        if all(_is_integer(v) for v in (top, bottom, left, right)):
            return int(top), int(bottom), int(left), int(right)
    except (TypeError, ValueError):
        pass
    return None
