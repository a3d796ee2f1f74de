"""depthwise_conv2d and its gradients."""

from __future__ import annotations

from typing import Any

import cases
import numpy as np
import pytest
import reference_spatial
from cases import Case
from checks import assert_all_close, assert_close, dirty_heap, rejected
from fastcnn import ops
from hypothesis import given
from hypothesis import strategies as st
from strategies import Sliding, batches, channels, seeds, slidings, whole_numbers

X, W, B = np.ones((8, 12, 12, 4), np.float32), np.ones((3, 3, 4, 2), np.float32), np.ones(8, np.float32)


@pytest.mark.parametrize("case", cases.of("depthwise_conv2d", "depthwise_conv2d_backward"), ids=str)
def test_agrees_with_float64(case: Case) -> None:
    assert_all_close(case.run(ops), case.want(), case.allowed)


@given(slidings(padding_beyond_window=True), batches, channels, st.integers(1, 3), seeds)
def test_agrees_with_float64_for_any_shape(sliding: Sliding, n: int, c: int, m: int, seed: int) -> None:
    dirty_heap()
    x, w = whole_numbers(seed, n, *sliding.image, c), whole_numbers(seed + 1, *sliding.window, c, m)
    b = whole_numbers(seed + 2, c * m)
    settings: dict[str, Any] = {"stride": sliding.stride, "padding": sliding.padding}
    y = reference_spatial.depthwise_conv2d(x, w, b, **settings)
    assert_close(ops.depthwise_conv2d(x, w, b, **settings), y, cases.SUM)
    dy = whole_numbers(seed + 3, *y.shape)
    want = reference_spatial.depthwise_conv2d_backward(dy, x, w, **settings)
    assert_all_close(ops.depthwise_conv2d_backward(dy, x, w, **settings), want, cases.SUM)


@given(st.integers(1, 40), st.integers(1, 3), st.sampled_from([1, 2, 3]), st.sampled_from(["valid", "same"]), seeds)
def test_agrees_with_float64_for_rows_of_any_length(w: int, s: int, stride: int, padding: Any, seed: int) -> None:
    """Tiles of pixels, and what is left of them."""
    x, filters = whole_numbers(seed, 2, 3, w + 2, 17), whole_numbers(seed + 1, 2, s, 17, 1)
    settings: dict[str, Any] = {"stride": (1, stride), "padding": padding}
    y = reference_spatial.depthwise_conv2d(x, filters, **settings)
    assert_close(ops.depthwise_conv2d(x, filters, **settings), y, cases.SUM)
    dy = whole_numbers(seed + 2, *y.shape)
    want = reference_spatial.depthwise_conv2d_backward(dy, x, filters, **settings)
    assert_all_close(ops.depthwise_conv2d_backward(dy, x, filters, **settings), want, cases.SUM)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@np.errstate(invalid="ignore")
def test_nothing_that_is_not_finite_is_lost_or_goes_to_another_channel(value: float) -> None:
    x, w = cases.normal(2, 7, 12, 17)(np.random.default_rng(1)), cases.normal(3, 3, 17, 2)(np.random.default_rng(2))
    x[0, 3, 5, 1] = value
    y = reference_spatial.depthwise_conv2d(x, w)
    assert (~np.isfinite(y)).sum() == 9 * 2
    assert_close(ops.depthwise_conv2d(x, w), y, cases.SUM)
    dy = cases.normal(*y.shape)(np.random.default_rng(3))
    dy[0, 2, 2, 0] = value
    assert_all_close(
        ops.depthwise_conv2d_backward(dy, x, w), reference_spatial.depthwise_conv2d_backward(dy, x, w), cases.SUM
    )


def test_with_one_channel_it_is_a_convolution() -> None:
    x, w = cases.normal(2, 9, 8, 1)(np.random.default_rng(1)), cases.normal(3, 3, 1, 5)(np.random.default_rng(2))
    assert_close(ops.depthwise_conv2d(x, w, padding="same"), np.float64(ops.conv2d(x, w, padding="same")), cases.SUM)


def test_a_bias_of_none_is_zero() -> None:
    np.testing.assert_array_equal(ops.depthwise_conv2d(X, W), ops.depthwise_conv2d(X, W, np.zeros(8, np.float32)))


@pytest.mark.parametrize(
    ("arguments", "settings", "parts"),
    [
        ((X, W[:, :, :3]), {}, ["w ", 3, "x ", 4, (8, 12, 12, 4), (3, 3, 3, 2)]),
        ((X[0], W), {}, ["x ", "(N, H, W, C)", (12, 12, 4)]),
        ((X, W[0]), {}, ["w ", "(R, S, C, M)", (3, 4, 2)]),
        ((X, W, B[:7]), {}, ["b ", "(8,)", "(7,)"]),
        ((X, W[..., :0]), {}, ["w ", (3, 3, 4, 0)]),
        ((X[..., :0], W[:, :, :0]), {}, ["w ", (3, 3, 0, 2)]),
        ((X[:, :2], W), {}, ["filter", (3, 3), "larger", "image", (2, 12)]),
        ((X, W), {"stride": 0}, ["stride", "at least 1", 0]),
        ((X, W), {"stride": 1.5}, ["stride", "integer", 1.5]),
        ((X, W), {"padding": ((0, -1), (0, 0))}, ["padding", "negative", -1]),
        ((X, W), {"padding": "sane"}, ["padding", "'valid'", "'same'", "'sane'"]),
        ((X, W), {"padding": 1}, ["padding", "'valid'", "'same'", "((top, bottom), (left, right))", 1]),
    ],
)
def test_bad_input_is_named(arguments: tuple[Any, ...], settings: dict[str, Any], parts: list[object]) -> None:
    with rejected(ValueError, "depthwise_conv2d", *parts):
        ops.depthwise_conv2d(*arguments, **settings)


def test_a_gradient_of_another_shape_is_named() -> None:
    with rejected(ValueError, "depthwise_conv2d_backward", "dy ", (8, 10, 10, 8), (8, 10, 9, 8)):
        ops.depthwise_conv2d_backward(np.ones((8, 10, 9, 8), np.float32), X, W)
