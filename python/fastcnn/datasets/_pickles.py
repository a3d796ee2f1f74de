"""Reads the pickles of the "python version" of CIFAR-10 and CIFAR-100 without trusting them.

A pickle is a program that may call whatever it names. Here it can name only what an array of bytes needs, and even
these names lead to the classes below, never to numpy's own: nothing a file says reaches code not written for it.
Dictionaries, lists, tuples, numbers, strings and bytes need no name. Everything else is an error that says its name.
"""

import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError

__all__ = ["Bytes", "load"]


def load(path: Path, largest: int) -> Any:
    """The object in the pickle `path`: str of Python 2 come as bytes, arrays of uint8 as `Bytes`.

    largest : the bytes that such a file may have; a larger one is not opened.

    Raises FormatError where the file is too large, is no pickle, is cut off, or asks for anything beyond plain objects and arrays.
    """
    size = path.stat().st_size
    if size > largest:
        raise FormatError(f"{path}: {size:,} bytes are too many, where at most {largest:,} were expected")

    class Restricted(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            if (module, name) not in _ADMITTED:
                raise FormatError(f"{path}: the pickle asks for {module}.{name}; only arrays of numbers are admitted")
            return _ADMITTED[module, name]

    try:
        with open(path, "rb") as file:
            return Restricted(file, encoding="bytes").load()
    except (FormatError, OSError):
        raise
    except Exception as error:  # a damaged pickle can raise almost anything
        raise FormatError(f"{path}: not a readable pickle: {error or type(error).__name__}") from error


class _StandIn:
    """What a pickle may name. Without a state of its own, so that a pickle cannot change the class through one."""

    def __setstate__(self, state: object) -> None:
        raise TypeError(f"a state for {type(self).__name__}")


class _Type(_StandIn):
    """Stands in for numpy.dtype; knows uint8 only."""

    def __init__(self, code: object, align: object = False, copy: object = False) -> None:
        if code not in ("u1", b"u1", "|u1", b"|u1"):
            raise TypeError(f"an array of dtype {code!r}, where only 'u1' is admitted")

    def __setstate__(self, state: object) -> None:
        """Byte order, fields and alignment: nothing that one byte has."""


class Bytes(_StandIn):
    """Stands in for numpy.ndarray; `values` is the uint8 array once the pickle has filled it, until then empty."""

    values: NDArray[np.uint8] = np.empty(0, np.uint8)

    def __setstate__(self, state: object) -> None:
        match state:
            case (int(), tuple(shape), _Type(), bool() | int() as columns_first, bytes(data)):
                self._fill(shape, data, "F" if columns_first else "C")
            case _:
                raise TypeError("an array whose state is not (version, shape, dtype, order, bytes)")

    def _fill(self, shape: tuple[object, ...], data: bytes | bytearray, order: object) -> None:
        sides = [side for side in shape if type(side) is int and side >= 0]
        if len(sides) != len(shape) or math.prod(sides) != len(data):
            raise ValueError(f"an array of shape {shape!r} with {len(data):,} bytes")
        self.values = np.frombuffer(data, np.uint8).reshape(sides, order="F" if order == "F" else "C")


class _Reconstruct(_StandIn):
    """Stands in for numpy's _reconstruct(ndarray, (0,), b"b"), which makes an empty array to be filled."""

    def __new__(cls, kind: object, shape: object, code: object) -> Any:
        if kind is not Bytes:
            raise TypeError("a reconstruction of something other than an array")
        return Bytes()


class _FromBuffer(_StandIn):
    """Stands in for numpy's _frombuffer(bytes, dtype, shape, order), which pickles of protocol 5 use."""

    def __new__(cls, data: object, kind: object, shape: object, order: object) -> Any:
        if not (isinstance(data, bytes | bytearray) and isinstance(kind, _Type) and isinstance(shape, tuple)):
            raise TypeError("an array that is not (bytes, dtype, shape, order)")
        array = Bytes()
        array._fill(shape, data, order)
        return array


class _Encode(_StandIn):
    """Stands in for codecs.encode(text, "latin1"), as which Python 3 writes bytes into a pickle of protocol 2."""

    def __new__(cls, text: object, encoding: object) -> Any:
        if not isinstance(text, str) or encoding not in ("latin1", b"latin1"):
            raise TypeError(f"an encoding {encoding!r}, where only 'latin1' is admitted")
        return text.encode("latin1")


_ADMITTED: dict[tuple[str, str], type] = {
    ("numpy", "dtype"): _Type,
    ("numpy", "ndarray"): Bytes,
    ("numpy.core.multiarray", "_reconstruct"): _Reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _Reconstruct,
    ("numpy.core.numeric", "_frombuffer"): _FromBuffer,
    ("numpy._core.numeric", "_frombuffer"): _FromBuffer,
    ("_codecs", "encode"): _Encode,
}
