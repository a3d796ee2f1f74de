"""conv2d_relu_max_pool2d equals the three operations that it replaces, forward and backward."""

from __future__ import annotations

from typing import Any

import cases
import numpy as np
import pytest
import reference
from backends import CPU_BACKENDS
from cases import Case
from checks import assert_all_close, rejected
from fastcnn import ops
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import Sliding, batches, channels, seeds, slidings, whole_numbers

CUT = 255
X, W, B = np.ones((2, 8, 8, 3), np.float32), np.ones((3, 3, 3, 16), np.float32), np.ones(16, np.float32)

windows = st.tuples(st.integers(1, 4), st.integers(1, 4))
paddings = st.sampled_from(["valid", "same", ((1, 0), (0, 1))])


def one_after_the_other(
    module: Any, x: Any, w: Any, b: Any, convolution: dict[str, Any], pooling: dict[str, Any]
) -> Any:
    """The three operations, and their gradients as a function of dy."""
    z = module.relu(module.conv2d(x, w, b, **convolution))
    y, index = module.max_pool2d(z, **pooling)

    def backward(dy: Any) -> Any:
        dz = module.relu_backward(module.max_pool2d_backward(dy, index, z.shape, **pooling), z)
        return module.conv2d_backward(dz, x, w, **convolution)

    return y, index, backward


def fused_settings(convolution: dict[str, Any], pooling: dict[str, Any]) -> dict[str, Any]:
    return convolution | {f"pool_{name}": value for name, value in pooling.items()}


@given(slidings(padding_beyond_window=True), windows, windows, paddings, batches, channels, channels, seeds)
def test_equals_the_three_operations(
    backend: str,
    sliding: Sliding,
    window: tuple[int, int],
    stride: tuple[int, int],
    padding: Any,
    n: int,
    c: int,
    k: int,
    seed: int,
) -> None:
    """To the bit: sums of whole numbers are exact in any order, and have many equals for the maximum to choose the first of."""
    x, w = whole_numbers(seed, n, *sliding.image, c), whole_numbers(seed + 1, *sliding.window, c, k)
    b = whole_numbers(seed + 2, k)
    convolution: dict[str, Any] = {"stride": sliding.stride, "padding": sliding.padding}
    pooling: dict[str, Any] = {"window": window, "stride": stride, "padding": padding}
    try:
        want_y, _, backward = one_after_the_other(ops, x, w, b, convolution, pooling)
    except ValueError:
        assume(False)
    settings = fused_settings(convolution, pooling)
    y, index = ops.conv2d_relu_max_pool2d(x, w, b, **settings)
    np.testing.assert_array_equal(y, want_y)
    np.testing.assert_array_equal(index == CUT, y == 0)
    dy = whole_numbers(seed + 3, *y.shape)
    for got, want in zip(ops.conv2d_relu_max_pool2d_backward(dy, index, x, w, **settings), backward(dy), strict=True):
        np.testing.assert_array_equal(got, want)


@given(slidings(padding_beyond_window=True), st.integers(1, 3), batches, st.integers(1, 5), channels, seeds)
def test_of_few_channels_each_winner_gives_its_patch(
    backend: str, sliding: Sliding, stride: int, n: int, c: int, k: int, seed: int
) -> None:
    """With windows of 2x2, as first layers have them; to the bit, of whole numbers."""
    x, w = whole_numbers(seed, n, *sliding.image, c), whole_numbers(seed + 1, *sliding.window, c, k)
    convolution: dict[str, Any] = {"stride": (1, 1), "padding": sliding.padding}
    pooling: dict[str, Any] = {"window": 2, "stride": stride, "padding": "valid"}
    try:
        y, _, backward = one_after_the_other(ops, x, w, None, convolution, pooling)
    except ValueError:
        assume(False)
    settings = fused_settings(convolution, pooling)
    _, index = ops.conv2d_relu_max_pool2d(x, w, **settings)
    dy = whole_numbers(seed + 2, *y.shape)
    for got, want in zip(ops.conv2d_relu_max_pool2d_backward(dy, index, x, w, **settings), backward(dy), strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("case", cases.of("conv2d_relu_max_pool2d", "conv2d_relu_max_pool2d_backward"), ids=str)
def test_agrees_with_float64(case: Case, backend: str) -> None:
    assert_all_close(case.run(ops), case.run(reference), case.allowed)


def test_nan_comes_through_and_takes_no_gradient(backend: str) -> None:
    x = X.copy()
    x[1, 4, 4, 1] = np.nan
    y, index = ops.conv2d_relu_max_pool2d(x, W, B)
    want_y, _ = ops.max_pool2d(ops.relu(ops.conv2d(x, W, B)))
    np.testing.assert_array_equal(y, want_y)
    assert np.isnan(y).any()
    np.testing.assert_array_equal(index[np.isnan(y)], CUT)


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("c", [1, 3, 16])
def test_a_nan_anywhere_in_the_window_comes_through(place: int, c: int, backend: str) -> None:
    x = np.random.default_rng(place).normal(size=(3, 8, 8, c)).astype(np.float32)
    x[1, 2 + place // 2, 4 + place % 2, c - 1] = np.nan
    y, index = ops.conv2d_relu_max_pool2d(x, np.ones((1, 1, c, 32), np.float32))
    want = np.zeros(y.shape, bool)
    want[1, 1, 2] = True
    np.testing.assert_array_equal(np.isnan(y), want)
    np.testing.assert_array_equal(index[want], CUT)


@pytest.mark.parametrize("backend", CPU_BACKENDS, indirect=True)
@pytest.mark.parametrize("c", [1, 3, 16])
def test_a_gradient_that_is_cut_counts_as_nothing_whatever_the_patch_holds(c: int, backend: str) -> None:
    x, w = np.full((2, 8, 8, c), np.nan, np.float32), np.ones((3, 3, c, 20), np.float32)
    y, index = ops.conv2d_relu_max_pool2d(x, w)
    dx, dw, db = ops.conv2d_relu_max_pool2d_backward(np.ones_like(y), index, x, w)
    for gradient in (dx, dw, db):
        np.testing.assert_array_equal(gradient, 0)


def test_bad_input_is_named() -> None:
    with rejected(ValueError, "conv2d", "w expects 3", "x has 4"):
        ops.conv2d_relu_max_pool2d(np.ones((2, 8, 8, 4), np.float32), W, B)
    with rejected(ValueError, "max_pool2d", "window", (7, 7), (6, 6)):
        ops.conv2d_relu_max_pool2d(X, W, B, pool_window=7)
    with rejected(ValueError, "conv2d_relu_max_pool2d", "window", (16, 16), "255"):
        ops.conv2d_relu_max_pool2d(np.ones((1, 18, 18, 3), np.float32), W, B, pool_window=16)
    with rejected(TypeError, "conv2d_relu_max_pool2d", "x", "float64", "float32"):
        ops.conv2d_relu_max_pool2d(np.float64(X), W, B)


def test_an_index_that_is_no_pixel_of_its_window_is_named() -> None:
    y, index = ops.conv2d_relu_max_pool2d(X, W, B)
    index[1, 2, 0, 5] = 4
    with rejected(ValueError, "conv2d_relu_max_pool2d_backward", "index[1, 2, 0, 5]", 4):
        ops.conv2d_relu_max_pool2d_backward(y, index, X, W)
    with rejected(ValueError, "conv2d_relu_max_pool2d_backward", "dy", (2, 3, 3, 16), (2, 2, 3, 16)):
        ops.conv2d_relu_max_pool2d_backward(y[:, :2], index, X, W)
