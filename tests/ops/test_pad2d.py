"""pad2d and crop2d, each the gradient of the other."""

from __future__ import annotations

from typing import Any

import cases
import numpy as np
import pytest
import reference_spatial
from cases import Case
from checks import assert_all_close, assert_close, assert_same_bits, dirty_heap, rejected
from fastcnn import ops
from hypothesis import given
from hypothesis import strategies as st
from strategies import batches, channels, seeds, sizes, whole_numbers

X = np.ones((2, 5, 6, 3), np.float32)
sides = st.tuples(*[st.tuples(st.integers(0, 5), st.integers(0, 5))] * 2)


@pytest.mark.parametrize("case", cases.of("pad2d", "crop2d"), ids=str)
def test_agrees_with_float64(case: Case) -> None:
    assert_all_close(case.run(ops), case.want(), case.allowed)


@given(sizes, sizes, batches, channels, sides, seeds)
def test_agree_with_float64_for_any_shape(h: int, w: int, n: int, c: int, amounts: Any, seed: int) -> None:
    dirty_heap()
    x = whole_numbers(seed, n, h, w, c)
    y = ops.pad2d(x, amounts)
    assert_close(y, reference_spatial.pad2d(x, amounts), cases.EXACT)
    assert_same_bits([ops.crop2d(y, amounts)], [x])
    dy = whole_numbers(seed + 1, *y.shape)
    assert_close(ops.crop2d(dy, amounts), reference_spatial.crop2d(dy, amounts), cases.EXACT)


def test_the_middle_keeps_its_bits_whatever_they_are() -> None:
    bits = np.random.default_rng(0).integers(
        0, 2**32, (2, 4, 3, 5), np.uint32
    )  # NaN, infinities and subnormal numbers among them
    bits[0, 0, 0] = 0x7FC00000, 0x7F800000, 0xFF800000, 0x00000001, 0x80000000
    x = bits.view(np.float32)
    y = ops.pad2d(x, ((1, 2), (0, 3)))
    np.testing.assert_array_equal(y[:, 1:5, :3].view(np.uint32), bits)
    assert not y.view(np.uint32)[:, :, 3:].any()
    np.testing.assert_array_equal(ops.crop2d(y, ((1, 2), (0, 3))).view(np.uint32), bits)


@pytest.mark.parametrize(
    ("operation", "arguments", "parts"),
    [
        ("pad2d", (X[0], ((1, 1), (1, 1))), ["x ", "(N, H, W, C)", (5, 6, 3)]),
        ("pad2d", (X, ((1, -1), (1, 1))), ["padding", "negative", "((1, -1), (1, 1))"]),
        ("pad2d", (X, ((1, 2**40), (1, 1))), ["padding", "2^31", 2**40]),
        ("pad2d", (X, ((2**31, 0), (0, 0))), ["the result", "2^31 pixels", (2**31 + 5, 6)]),
        ("pad2d", (X, ((2**30, 0), (2**30, 0))), ["the result", "2^60 values"]),
        ("pad2d", (X, 1), ["padding", "((top, bottom), (left, right))", 1]),
        ("pad2d", (X, ((1, 1), (1, 1.5))), ["padding", "((top, bottom), (left, right))", 1.5]),
        ("pad2d", (X, ((1, 1), (1, 2**70))), ["padding", "((top, bottom), (left, right))", 2**70]),
        ("crop2d", (X[0], ((1, 1), (1, 1))), ["x ", "(N, H, W, C)", (5, 6, 3)]),
        ("crop2d", (X, ((1, 1), (-1, 1))), ["cropping", "negative", "((1, 1), (-1, 1))"]),
        ("crop2d", (X, ((2, 3), (0, 0))), ["cropping", "((2, 3), (0, 0))", "leaves nothing", (5, 6)]),
        ("crop2d", (X, ((0, 0), (0, 2**31))), ["cropping", "leaves nothing", (5, 6)]),
        ("crop2d", (X, "same"), ["cropping", "((top, bottom), (left, right))", "same"]),
    ],
)
def test_bad_input_is_named(operation: str, arguments: tuple[Any, ...], parts: list[object]) -> None:
    with rejected(ValueError, operation, *parts):
        getattr(ops, operation)(*arguments)
