"""upsample2d and its gradient."""

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
factors = st.tuples(st.integers(1, 5), st.integers(1, 5))
interpolations = st.sampled_from(["nearest", "bilinear"])


@pytest.mark.parametrize("case", cases.of("upsample2d", "upsample2d_backward"), ids=str)
def test_agrees_with_float64(case: Case) -> None:
    assert_all_close(case.run(ops), case.want(), case.allowed)


@given(sizes, sizes, batches, channels, factors, interpolations, seeds)
def test_agrees_with_float64_for_any_shape(h: int, w: int, n: int, c: int, size: Any, kind: Any, seed: int) -> None:
    dirty_heap()
    x = whole_numbers(seed, n, h, w, c)
    y = reference_spatial.upsample2d(x, size, interpolation=kind)
    assert_close(ops.upsample2d(x, size, interpolation=kind), y, cases.SHORT_SUM)
    dy = whole_numbers(seed + 1, *y.shape)
    dx = reference_spatial.upsample2d_backward(dy, size, interpolation=kind)
    assert_close(ops.upsample2d_backward(dy, size, interpolation=kind), dx, cases.SHORT_SUM)


def test_nearest_repeats_pixels_to_the_bit() -> None:
    bits = np.random.default_rng(0).integers(0, 2**32, (2, 3, 4, 5), np.uint32)  # of any numbers
    y = ops.upsample2d(bits.view(np.float32), (2, 3))
    np.testing.assert_array_equal(y.view(np.uint32), bits.repeat(2, axis=1).repeat(3, axis=2))


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_what_is_level_stays_so(size: int) -> None:
    x = np.full((1, 4, 5, 17), 0.1, np.float32)
    for kind in ("nearest", "bilinear"):
        y = ops.upsample2d(x, size, interpolation=kind)
        assert_same_bits([y], [np.full((1, 4 * size, 5 * size, 17), 0.1, np.float32)])


def test_a_factor_of_one_changes_nothing() -> None:
    x = cases.normal(2, 3, 4, 5)(np.random.default_rng(1))
    for kind in ("nearest", "bilinear"):
        assert_same_bits([ops.upsample2d(x, 1, interpolation=kind)], [x])
        assert_same_bits([ops.upsample2d_backward(x, 1, interpolation=kind)], [x])


def test_bilinear_goes_from_middle_to_middle() -> None:
    x = np.float32([0, 8]).reshape(1, 1, 2, 1)
    y = ops.upsample2d(x, (1, 4), interpolation="bilinear")
    assert y.ravel().tolist() == [0, 0, 1, 3, 5, 7, 8, 8]


def test_nan_spreads_to_its_neighbours_alone() -> None:
    x = cases.normal(1, 6, 6, 17)(np.random.default_rng(1))
    x[0, 2, 3, 5] = np.nan
    y = ops.upsample2d(x, 2, interpolation="bilinear")
    nan = np.zeros(y.shape, bool)
    nan[0, 3:7, 5:9, 5] = True
    np.testing.assert_array_equal(np.isnan(y), nan)
    dy = cases.normal(1, 12, 12, 17)(np.random.default_rng(2))
    dy[0, 4, 7, 16] = np.nan
    np.testing.assert_array_equal(np.argwhere(np.isnan(ops.upsample2d_backward(dy))), [[0, 2, 3, 16]])
    got = np.isnan(ops.upsample2d_backward(dy, interpolation="bilinear"))
    np.testing.assert_array_equal(np.argwhere(got), [[0, h, w, 16] for h in (1, 2) for w in (3, 4)])


@pytest.mark.parametrize(
    ("arguments", "settings", "parts"),
    [
        ((X[0],), {}, ["x ", "(N, H, W, C)", (5, 6, 3)]),
        ((X, 0), {}, ["size", "at least 1", (0, 0)]),
        ((X, (1, -2)), {}, ["size", "at least 1", (1, -2)]),
        ((X, 1.5), {}, ["size", "integer", 1.5]),
        ((X, (1, 2**40)), {}, ["size", "2^31", 2**40]),
        ((X, (1, 2**30)), {}, ["the result", "2^31 pixels", (5, 6 * 2**30)]),
        ((X, 2**28), {}, ["the result", "2^60 values"]),
        ((X,), {"interpolation": "bicubic"}, ["interpolation", "'nearest' or 'bilinear'", "bicubic"]),
        ((X,), {"interpolation": None}, ["interpolation", "'nearest' or 'bilinear'", None]),
    ],
)
def test_bad_input_is_named(arguments: tuple[Any, ...], settings: dict[str, Any], parts: list[object]) -> None:
    with rejected(ValueError, "upsample2d", *parts):
        ops.upsample2d(*arguments, **settings)


def test_a_gradient_that_does_not_fit_is_named() -> None:
    with rejected(ValueError, "upsample2d_backward", "dy's images (5, 6)", "no multiple of size (2, 3)"):
        ops.upsample2d_backward(X, (2, 3))
    with rejected(ValueError, "upsample2d_backward", "dy ", "(N, H, W, C)", (5, 6, 3)):
        ops.upsample2d_backward(X[0])
    with rejected(ValueError, "upsample2d_backward", "size", "at least 1", (0, 0)):
        ops.upsample2d_backward(X, 0)
    with rejected(ValueError, "upsample2d_backward", "interpolation", "lanczos3"):
        ops.upsample2d_backward(X, 1, interpolation="lanczos3")  # type: ignore[arg-type]
