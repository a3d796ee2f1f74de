"""The gradients of convolution, ReLU and pooling as one, where they go by Winograd's tiles; and filters that no cache holds, where tiles go by many together."""

from __future__ import annotations

from typing import Any

import cases
import numpy as np
import pytest
import reference
from backends import CPU_BACKENDS
from checks import assert_all_close, assert_close
from fastcnn import ops
from hypothesis import given
from hypothesis import strategies as st
from strategies import seeds
from winograd import arrays, both_ways, differs

pytestmark = pytest.mark.parametrize("backend", CPU_BACKENDS, indirect=True)

WIDE = [
    ((4, 16, 16, 96, 128), {"padding": "same"}),
    ((4, 18, 18, 128, 80), {}),
    ((20, 8, 8, 224, 144), {"padding": "same"}),
]


def pooled(seed: int, n: int, h: int, w: int, c: int, k: int, **settings: Any) -> tuple[Any, ...]:
    """dy, the index, x and the filters; a third of the winners is cut."""
    x, filters, b = arrays(seed, n, h, w, c, k)
    y, index = ops.conv2d_relu_max_pool2d(x, filters, b - np.float32(0.7), **settings)
    return np.random.default_rng(seed + 1).normal(size=y.shape).astype(np.float32), index, x, filters


def unpooled(dy: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """What reaches the convolution's outputs, of that shape: each gradient at its window's winner."""
    n, p, q, k = dy.shape
    windows = (np.arange(4) == index[..., None]) * dy.astype(np.float64)[..., None]
    spread = np.zeros((*shape[:3], k))
    spread[:, : 2 * p, : 2 * q] = (
        windows.reshape(n, p, q, k, 2, 2).transpose(0, 1, 4, 2, 5, 3).reshape(n, 2 * p, 2 * q, k)
    )
    return spread


def gradients_in_float64(dy: Any, index: Any, x: Any, filters: Any, **settings: Any) -> Any:
    shape = reference.conv2d(x[:1], filters, **settings).shape
    return reference.conv2d_backward(unpooled(dy, index, (len(x), *shape[1:])), x, filters, **settings)


@pytest.mark.parametrize(("shape", "settings"), WIDE)
def test_wide_ones_go_by_tiles_and_agree_with_float64(shape: Any, settings: Any) -> None:
    operands = pooled(3, *shape, **settings)
    want = gradients_in_float64(*operands, **settings)
    assert_all_close(ops.conv2d_relu_max_pool2d_backward(*operands, **settings), want, cases.SUM)
    winograd, direct = both_ways(ops.conv2d_relu_max_pool2d_backward, *operands, **settings)
    assert not np.array_equal(winograd[0], direct[0])
    assert_close(winograd[0], direct[0].astype(np.float64), cases.SUM)


@given(
    st.integers(6, 19),
    st.integers(6, 19),
    st.integers(60, 140),
    st.integers(60, 140),
    st.sampled_from(["valid", "same"]),
    seeds,
)
def test_any_wide_ones_agree_with_float64(h: int, w: int, c: int, k: int, padding: Any, seed: int) -> None:
    operands = pooled(seed, 3, h, w, c, k, padding=padding)
    want = gradients_in_float64(*operands, padding=padding)
    assert_all_close(ops.conv2d_relu_max_pool2d_backward(*operands, padding=padding), want, cases.SUM)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 2), st.integers(1, 3), seeds)
def test_any_number_of_channels_agrees_with_float64(c: int, k: int, stride: int, n: int, seed: int) -> None:
    """Of which the winners' patches are whole vectors or not. Of one channel they are so few that a sum may come to almost nothing."""
    operands = pooled(seed, n, 9, 11, c, k, stride=stride, padding="same")
    wanted = gradients_in_float64(*operands, stride=stride, padding="same")
    gradients = ops.conv2d_relu_max_pool2d_backward(*operands, stride=stride, padding="same")
    dy, x, filters = (float(np.abs(operands[i]).max()) for i in (0, 2, 3))
    for got, want, terms in zip(gradients, wanted, (dy * filters, dy * x, dy), strict=True):
        assert_close(got, want, cases.SUM, terms=terms)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("of", "place"), [("dy", (1, 3, 7, 100)), ("w", (2, 0, 50, 77))])
@np.errstate(invalid="ignore")
def test_what_is_not_finite_stays_where_it_is(value: float, of: str, place: Any) -> None:
    """As from the winners alone: where there is no gradient, a weight that is not finite counts as 0."""
    dy, index, x, filters = pooled(5, 4, 16, 16, 96, 128, padding="same")
    assert differs(ops.conv2d_relu_max_pool2d_backward, dy, index, x, filters, padding="same")
    index[1, 3, 7, 100] = 2  # whoever has won
    {"dy": dy, "w": filters}[of][place] = value
    both = both_ways(ops.conv2d_relu_max_pool2d_backward, dy, index, x, filters, padding="same")
    for winograd, direct in zip(*both, strict=True):
        assert_close(winograd, direct.astype(np.float64), cases.SUM)
    assert not np.isfinite(both[0][0]).all()


@pytest.mark.parametrize(("shape", "settings"), WIDE)
def test_wide_convolutions_agree_with_float64(shape: Any, settings: Any) -> None:
    """More tiles than go together, their filters far; by the weights in two slabs at most."""
    x, filters, b = arrays(6, *shape)
    want = reference.conv2d(x, filters, b, **settings)
    assert_close(ops.conv2d(x, filters, b, **settings), want, cases.SUM)
    dy = np.random.default_rng(7).normal(size=want.shape).astype(np.float32)
    assert_all_close(
        ops.conv2d_backward(dy, x, filters, **settings),
        reference.conv2d_backward(dy, x, filters, **settings),
        cases.SUM,
    )
