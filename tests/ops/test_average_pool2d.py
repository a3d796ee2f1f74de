"""average_pool2d, global_average_pool2d and their gradients."""

from __future__ import annotations

from typing import Any

import cases
import numpy as np
import pytest
import reference
from cases import Case
from checks import assert_all_close, assert_close, dirty_heap, rejected
from fastcnn import ops
from hypothesis import given
from strategies import Sliding, batches, channels, seeds, sizes, slidings, whole_numbers

X = np.ones((2, 6, 6, 3), np.float32)


@pytest.mark.parametrize(
    "case",
    cases.of("average_pool2d", "average_pool2d_backward", "global_average_pool2d", "global_average_pool2d_backward"),
    ids=str,
)
def test_agrees_with_float64(case: Case) -> None:
    assert_all_close(case.run(ops), case.run(reference), case.allowed)


@given(slidings(padding_beyond_window=False), batches, channels, seeds)
def test_agrees_with_float64_for_any_shape(sliding: Sliding, n: int, c: int, seed: int) -> None:
    dirty_heap()
    x = whole_numbers(seed, n, *sliding.image, c)
    settings: dict[str, Any] = {"window": sliding.window, "stride": sliding.stride, "padding": sliding.padding}
    y = reference.average_pool2d(x, **settings)
    assert_close(ops.average_pool2d(x, **settings), y, cases.SHORT_SUM)
    dy = whole_numbers(seed + 1, *y.shape)
    got = ops.average_pool2d_backward(dy, x.shape, **settings)
    assert_close(got, reference.average_pool2d_backward(dy, x.shape, **settings), cases.SHORT_SUM)


@given(sizes, sizes, batches, channels, seeds)
def test_global_average_agrees_with_float64_for_any_shape(h: int, w: int, n: int, c: int, seed: int) -> None:
    x, dy = whole_numbers(seed, n, h, w, c), whole_numbers(seed + 1, n, c)
    assert_close(ops.global_average_pool2d(x), reference.global_average_pool2d(x), cases.SHORT_SUM)
    got = ops.global_average_pool2d_backward(dy, x.shape)
    assert_close(got, reference.global_average_pool2d_backward(dy, x.shape), cases.SHORT_SUM)


def test_the_padding_is_not_counted() -> None:
    np.testing.assert_array_equal(ops.average_pool2d(X, 3, stride=1, padding="same"), X)
    np.testing.assert_array_equal(ops.average_pool2d(X, 3, stride=2, padding=((1, 2), (2, 1))), np.ones((2, 4, 4, 3)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nothing_that_is_not_finite_is_lost(value: float) -> None:
    x = cases.normal(1, 6, 6, 17)(np.random.default_rng(1))
    x[0, 2, 3, 5] = value
    assert_close(ops.average_pool2d(x, 3, stride=1), reference.average_pool2d(x, 3, stride=1), cases.SHORT_SUM)
    assert_close(ops.global_average_pool2d(x), reference.global_average_pool2d(x), cases.SHORT_SUM)
    dy = cases.normal(1, 4, 4, 17)(np.random.default_rng(2))
    dy[0, 1, 1, 16] = value
    got = ops.average_pool2d_backward(dy, x.shape, 3, stride=1)
    assert_close(got, reference.average_pool2d_backward(dy, x.shape, 3, stride=1), cases.SHORT_SUM)


@pytest.mark.parametrize(
    ("arguments", "settings", "parts"),
    [
        ((X[0], 2), {}, ["x ", "(N, H, W, C)", (6, 6, 3)]),
        ((X, (2, 7)), {}, ["window", (2, 7), "larger", (6, 6)]),
        ((X, 0), {}, ["window", "at least 1", 0]),
        ((X, 2), {"stride": (0, 1)}, ["stride", "at least 1", 0]),
        ((X, 2), {"padding": ((0, 0), (-1, 0))}, ["padding", "negative", -1]),
        ((X, 2), {"padding": ((0, 0), (2, 0))}, ["padding", "((0, 0), (2, 0))", "without a pixel"]),
    ],
)
def test_bad_input_is_named(arguments: tuple[Any, ...], settings: dict[str, Any], parts: list[object]) -> None:
    with rejected(ValueError, "average_pool2d", *parts):
        ops.average_pool2d(*arguments, **settings)


def test_bad_input_of_the_global_average_is_named() -> None:
    with rejected(ValueError, "global_average_pool2d", "x ", "(N, H, W, C)", (6, 6, 3)):
        ops.global_average_pool2d(X[0])
    with rejected(ValueError, "global_average_pool2d", (0, 6)):
        ops.global_average_pool2d(X[:, :0])


def test_gradients_that_do_not_fit_are_named() -> None:
    with rejected(ValueError, "average_pool2d_backward", "dy ", (2, 3, 3, 3), (2, 6, 6, 3)):
        ops.average_pool2d_backward(X, X.shape)
    with rejected(ValueError, "average_pool2d_backward", "input_shape ", "(N, H, W, C)"):
        ops.average_pool2d_backward(X, (6, 6, 3))
    with rejected(ValueError, "global_average_pool2d_backward", "dy ", (2, 3), (2, 6, 6, 3)):
        ops.global_average_pool2d_backward(X, X.shape)
