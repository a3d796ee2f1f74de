"""What tests assert about arrays, and the odd ways in which arrays can lie in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]

NAN = np.full(10_000, np.nan, np.float32)


def assert_close(got: Array, want: ArrayLike, allowed: float, *, terms: float = 0.0) -> None:
    """`got` is float32 of `want`'s shape, and NaN or infinite where it is; else off by at most `allowed` of its largest value.

    Or `allowed` of the largest of the `terms` of its sums, where these are so few that all of them may cancel each other.
    """
    want = np.asarray(want)
    assert got.shape == want.shape
    if want.dtype != np.float64:
        np.testing.assert_array_equal(got, want)  # positions
        return
    assert got.dtype == np.float32
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
    infinite = np.isinf(want)
    np.testing.assert_array_equal(got[infinite], want[infinite])
    finite = np.isfinite(want)
    if not finite.any():
        return
    error, largest = np.abs(got[finite] - want[finite]).max(), max(np.abs(want[finite]).max(), terms)
    assert error <= allowed * largest, (
        f"off by {error:.3g}, which is {error / largest:.3g} of {largest:.3g}; allowed are {allowed:.3g}"
    )


def assert_all_close(got: Sequence[Array], want: Sequence[ArrayLike], allowed: float) -> None:
    assert len(got) == len(want)
    for one, other in zip(got, want, strict=True):
        assert_close(one, other, allowed)


def assert_same_bits(got: Sequence[Array], want: Sequence[Array]) -> None:
    assert [(array.dtype, array.shape) for array in got] == [(array.dtype, array.shape) for array in want]
    assert [array.tobytes() for array in got] == [array.tobytes() for array in want]


def layouts(array: Array) -> Iterator[tuple[str, Array]]:
    """The same values, otherwise laid out in memory."""
    yield "transposed", np.asfortranarray(array)
    yield (
        "reversed",
        np.ascontiguousarray(array[tuple(slice(None, None, -1) for _ in array.shape)])[
            tuple(slice(None, None, -1) for _ in array.shape)
        ],
    )
    sparse = np.full([2 * extent + 1 for extent in array.shape], 77, array.dtype)
    every_other = sparse[tuple(slice(1, None, 2) for _ in array.shape)]
    every_other[...] = array
    yield "sliced", every_other
    raw = bytearray(array.nbytes + 1)
    unaligned = np.frombuffer(raw, np.uint8)[1:].view(array.dtype).reshape(array.shape)
    unaligned[...] = array
    yield "unaligned", unaligned
    read_only = array.copy()
    read_only.flags.writeable = False
    yield "read-only", read_only


@contextmanager
def rejected(error: type[Exception], operation: str, *parts: object) -> Iterator[None]:
    """The block raises `error`, whose message begins with the operation and holds every part: argument, what came, what is wanted."""
    with pytest.raises(error) as raised:
        yield
    message = str(raised.value)
    assert message.startswith(f"{operation}: ")
    assert [part for part in parts if str(part) not in message] == [], message


def dirty_heap() -> None:
    """Leaves NaN in the memory that numpy hands out next, so that a result which was never written shows."""
    blocks = [NAN[:size].copy() for size in (*range(1, 260), 1_000, 10_000) for _ in range(8)]
    del blocks
