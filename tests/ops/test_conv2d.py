"""conv2d and its gradients."""

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

X, W, B = np.ones((8, 32, 32, 4), np.float32), np.ones((3, 3, 4, 16), np.float32), np.ones(16, np.float32)


@pytest.mark.parametrize("case", cases.of("conv2d", "conv2d_backward"), ids=str)
def test_agrees_with_float64(case: Case) -> None:
    assert_all_close(case.run(ops), case.run(reference), case.allowed)


@given(slidings(padding_beyond_window=True), batches, channels, channels, seeds)
def test_agrees_with_float64_for_any_shape(sliding: Sliding, n: int, c: int, k: int, seed: int) -> None:
    dirty_heap()
    x, w = whole_numbers(seed, n, *sliding.image, c), whole_numbers(seed + 1, *sliding.window, c, k)
    b = whole_numbers(seed + 2, k)
    settings: dict[str, Any] = {"stride": sliding.stride, "padding": sliding.padding}
    y = reference.conv2d(x, w, b, **settings)
    assert_close(ops.conv2d(x, w, b, **settings), y, cases.SUM)
    dy = whole_numbers(seed + 3, *y.shape)
    assert_all_close(
        ops.conv2d_backward(dy, x, w, **settings), reference.conv2d_backward(dy, x, w, **settings), cases.SUM
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@np.errstate(invalid="ignore")
def test_nothing_that_is_not_finite_is_lost(value: float) -> None:
    case = next(case for case in cases.of("conv2d") if case.name == "large image")
    arrays = {name: draw(np.random.default_rng(1)) for name, draw in case.arrays.items()}
    x, w = arrays["x"], arrays["w"]
    x[0, 3, 5, 1] = value
    y = reference.conv2d(x, w)
    assert 0 < np.isfinite(y).sum() < y.size
    assert_close(ops.conv2d(x, w), y, cases.SUM)
    dy = cases.normal(*y.shape)(np.random.default_rng(2))
    dy[0, 2, 2, 0] = value
    assert_all_close(ops.conv2d_backward(dy, x, w), reference.conv2d_backward(dy, x, w), cases.SUM)


def test_a_bias_of_none_is_zero() -> None:
    np.testing.assert_array_equal(ops.conv2d(X, W), ops.conv2d(X, W, np.zeros(16, np.float32)))


def test_one_number_stands_for_both_axes() -> None:
    np.testing.assert_array_equal(ops.conv2d(X, W, stride=2), ops.conv2d(X, W, stride=(2, 2)))
    np.testing.assert_array_equal(ops.conv2d(X, W, stride=np.int64(2)), ops.conv2d(X, W, stride=[2, 2]))


@pytest.mark.parametrize(
    ("arguments", "settings", "parts"),
    [
        ((X, W[:, :, :3]), {}, ["w ", 3, "x ", 4, (8, 32, 32, 4), (3, 3, 3, 16)]),
        ((X[0], W), {}, ["x ", "(N, H, W, C)", (32, 32, 4)]),
        ((X[None], W), {}, ["x ", "(N, H, W, C)", (1, 8, 32, 32, 4)]),
        ((X, W[0]), {}, ["w ", "(R, S, C, K)", (3, 4, 16)]),
        ((X, W, B[:15]), {}, ["b ", "(16,)", "(15,)"]),
        ((X, W, B[None]), {}, ["b ", "(16,)", "(1, 16)"]),
        ((X, W[:, :, :, :0]), {}, ["w ", (3, 3, 4, 0)]),
        ((X[..., :0], W[:, :, :0]), {}, ["w ", (3, 3, 0, 16)]),
        ((X[:, :2], W), {}, ["filter", (3, 3), "larger", "image", (2, 32)]),
        ((X[:, :, :0], W), {}, ["filter", (3, 3), "larger", "image", (32, 0)]),
        ((X[:, :1], W), {"padding": ((0, 1), (0, 0))}, ["filter", (3, 3), "larger", "padded image", (2, 32)]),
        ((X, W[:0]), {}, ["filter", "at least 1", (0, 3)]),
        ((X, W), {"stride": 0}, ["stride", "at least 1", 0]),
        ((X, W), {"stride": (1, -2)}, ["stride", "at least 1", -2]),
        ((X, W), {"stride": 1.5}, ["stride", "integer", 1.5]),
        ((X, W), {"stride": (1, 2, 3)}, ["stride", "two integers", (1, 2, 3)]),
        ((X, W), {"stride": True}, ["stride", "integer", True]),
        ((X, W), {"padding": ((0, -1), (0, 0))}, ["padding", "negative", -1]),
        ((X, W), {"padding": "sane"}, ["padding", "'valid'", "'same'", "'sane'"]),
        ((X, W), {"padding": 1}, ["padding", "'valid'", "'same'", "((top, bottom), (left, right))", 1]),
        ((X, W), {"padding": ((1, 1), (1, 1.5))}, ["padding", "((top, bottom), (left, right))", 1.5]),
    ],
)
def test_bad_input_is_named(arguments: tuple[Any, ...], settings: dict[str, Any], parts: list[object]) -> None:
    with rejected(ValueError, "conv2d", *parts):
        ops.conv2d(*arguments, **settings)


def test_a_gradient_of_another_shape_is_named() -> None:
    with rejected(ValueError, "conv2d_backward", "dy ", (8, 30, 30, 16), (8, 30, 29, 16)):
        ops.conv2d_backward(np.ones((8, 30, 29, 16), np.float32), X, W)
