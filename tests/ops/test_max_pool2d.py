"""max_pool2d and its gradient."""

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
from strategies import Sliding, batches, channels, seeds, slidings, whole_numbers

X = np.ones((2, 6, 6, 3), np.float32)


def images(*rows: list[float]) -> np.ndarray[Any, Any]:
    """One image of 17 equal channels: more than a vector of them."""
    return np.repeat(np.float32(rows)[None, :, :, None], 17, axis=3)


@pytest.mark.parametrize("case", cases.of("max_pool2d", "max_pool2d_backward"), ids=str)
def test_agrees_with_float64(case: Case) -> None:
    assert_all_close(case.run(ops), case.run(reference), case.allowed)


@given(slidings(padding_beyond_window=False), batches, channels, seeds)
def test_agrees_with_float64_for_any_shape(sliding: Sliding, n: int, c: int, seed: int) -> None:
    """Nine whole numbers make many ties."""
    dirty_heap()
    x = whole_numbers(seed, n, *sliding.image, c)
    settings: dict[str, Any] = {"window": sliding.window, "stride": sliding.stride, "padding": sliding.padding}
    y, index = reference.max_pool2d(x, **settings)
    assert_all_close(ops.max_pool2d(x, **settings), (y, index), cases.EXACT)
    dy = whole_numbers(seed + 1, *y.shape)
    got = ops.max_pool2d_backward(dy, index, x.shape, **settings)
    assert_close(got, reference.max_pool2d_backward(dy, index, x.shape, **settings), cases.EXACT)


@pytest.mark.parametrize(
    ("window", "winner"),
    [
        ([1, 2, 3, 4], 3),
        ([5, 5, 5, 5], 0),
        ([0, 1, 1, 0], 1),
        ([-0.0, 0.0, 0.0, -0.0], 0),
        ([0, np.nan, 1, 2], 1),
        ([np.inf, 1, np.nan, np.nan], 2),
        ([np.nan, np.nan, np.inf, np.nan], 0),
        ([-np.inf, -np.inf, -np.inf, -np.inf], 0),
        ([-np.inf, -np.inf, -3e38, -np.inf], 2),
        ([1, np.inf, np.inf, 0], 1),
    ],
)
def test_the_first_of_equals_wins_and_nan_beats_all(window: list[float], winner: int) -> None:
    x = images(window[:2], window[2:])
    y, index = ops.max_pool2d(x)
    np.testing.assert_array_equal(y, np.full((1, 1, 1, 17), np.float32(window[winner])))
    np.testing.assert_array_equal(index, np.full((1, 1, 1, 17), winner))
    dx = ops.max_pool2d_backward(np.full_like(y, 7), index, x.shape)
    np.testing.assert_array_equal(dx[0, :, :, 16].ravel(), np.eye(4)[winner] * 7)


@pytest.mark.parametrize("value", [-np.inf, -3.4e38, np.nan])
def test_the_padding_never_wins(value: float) -> None:
    x = np.full((1, 5, 5, 17), value, np.float32)
    y, index = ops.max_pool2d(x, 3, stride=2, padding="same")
    np.testing.assert_array_equal(y, np.full((1, 3, 3, 17), np.float32(value)))
    np.testing.assert_array_equal(index[0, :, :, 0], [[4, 3, 3], [1, 0, 0], [1, 0, 0]])


def test_a_gradient_of_nan_reaches_the_winner_alone() -> None:
    x = images([1, 2], [3, 4])
    dx = ops.max_pool2d_backward(np.full((1, 1, 1, 17), np.nan, np.float32), ops.max_pool2d(x)[1], x.shape)
    np.testing.assert_array_equal(dx[0, :, :, 0], [[0, 0], [0, np.nan]])


def test_an_index_outside_its_window_goes_nowhere() -> None:
    index = np.full((2, 3, 3, 3), 65535, np.uint16)
    np.testing.assert_array_equal(
        ops.max_pool2d_backward(np.ones((2, 3, 3, 3), np.float32), index, X.shape), np.zeros(X.shape)
    )


@pytest.mark.parametrize(
    ("arguments", "settings", "parts"),
    [
        ((X[0], 2), {}, ["x ", "(N, H, W, C)", (6, 6, 3)]),
        ((X, 7), {}, ["window", (7, 7), "larger", (6, 6)]),
        ((X, 0), {}, ["window", "at least 1", 0]),
        ((X, (2, -1)), {}, ["window", "at least 1", -1]),
        ((X, 2.0), {}, ["window", "integer", 2.0]),
        ((X, 2), {"stride": 0}, ["stride", "at least 1", 0]),
        ((X, 2), {"padding": ((0, 0), (-1, 0))}, ["padding", "negative", -1]),
        ((X, 2), {"padding": "full"}, ["padding", "'valid'", "'same'", "'full'"]),
        ((X, 2), {"padding": ((2, 0), (0, 0))}, ["padding", "((2, 0), (0, 0))", "without a pixel"]),
        ((X, 2), {"padding": ((0, 0), (0, 3))}, ["padding", "((0, 0), (0, 3))", "without a pixel"]),
        ((np.ones((1, 300, 300, 1), np.float32), 256), {}, ["window", (256, 256), "65,535"]),
        ((X, 2**40), {"padding": "same"}, ["window", (2**40, 2**40), "65,535"]),
    ],
)
def test_bad_input_is_named(arguments: tuple[Any, ...], settings: dict[str, Any], parts: list[object]) -> None:
    with rejected(ValueError, "max_pool2d", *parts):
        ops.max_pool2d(*arguments, **settings)


def test_a_large_window_keeps_its_positions() -> None:
    x = np.zeros((1, 255, 257, 1), np.float32)
    x[0, -1, -1, 0] = 1
    assert ops.max_pool2d(x, (255, 257))[1].item() == 255 * 257 - 1


@pytest.mark.parametrize(
    ("dy", "index", "shape", "parts"),
    [
        ((2, 3, 2, 3), (2, 3, 3, 3), X.shape, ["dy ", (2, 3, 3, 3), (2, 3, 2, 3)]),
        ((2, 3, 3, 3), (2, 3, 3, 1), X.shape, ["index ", (2, 3, 3, 3), (2, 3, 3, 1)]),
        ((2, 3, 3, 3), (2, 3, 3, 3), (6, 6, 3), ["input_shape ", "(N, H, W, C)", 3]),
        ((2, 3, 3, 3), (2, 3, 3, 3), (-2, 6, 6, 3), ["input_shape ", "negative", -2]),
    ],
)
def test_gradients_that_do_not_fit_are_named(dy: Any, index: Any, shape: Any, parts: list[object]) -> None:
    with rejected(ValueError, "max_pool2d_backward", *parts):
        ops.max_pool2d_backward(np.ones(dy, np.float32), np.zeros(index, np.uint16), shape)
