"""Convolutions that go by Winograd's algorithm on the CPU: as exact as the direct sum, alone and with their pooling, and only where they may.

A GPU has the direct sum alone, whatever is allowed; test_conv2d.py has more of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cases
import numpy as np
import pytest
import reference
from backends import CPU_BACKENDS
from checks import assert_all_close, assert_close
from fastcnn import config, ops
from hypothesis import given
from hypothesis import strategies as st
from strategies import seeds, whole_numbers
from winograd import arrays, both_ways, differs

sizes, pooled_sizes = st.integers(3, 19), st.integers(4, 19)
of_small_tiles = st.sampled_from([(4, 4), (4, 5), (8, 4), (8, 8), (9, 8)])  # images that tiles of 2x2 fit best
many = st.integers(4, 70)  # channels: a part of a vector, more than a vector, more than a panel, and what is left
pads = st.sampled_from(["valid", "same", ((1, 0), (0, 1)), ((3, 2), (0, 3))])

of_both_ways = pytest.mark.parametrize("backend", CPU_BACKENDS, indirect=True)  # one beside the other: a GPU has no two


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    yield
    config.set_winograd(True)


def images(backend: str, height: int, width: int) -> int:
    """So many that there are tiles enough for Winograd's algorithm."""
    return 2 if backend.startswith("cuda") else -(-32 // max(1, (height // 2 - 1) * (width // 2 - 1))) + 1


@given(sizes, sizes, many, many, pads, seeds)
def test_agrees_with_float64(backend: str, h: int, w: int, c: int, k: int, padding: Any, seed: int) -> None:
    x, filters, b = arrays(seed, images(backend, h, w), h, w, c, k)
    want = reference.conv2d(x, filters, b, padding=padding)
    assert_close(ops.conv2d(x, filters, b, padding=padding), want, cases.SUM)
    assert_close(ops.conv2d(x, filters, padding=padding), want - b, cases.SUM)


@given(of_small_tiles, many, many, seeds)
def test_small_tiles_with_pooling_equal_the_three_operations(
    backend: str, size: tuple[int, int], c: int, k: int, seed: int
) -> None:
    """To the bit: whole numbers, whose halves and quarters are exact too."""
    n = images(backend, *size)
    assert min(c, k) < 33 or differs(ops.conv2d_relu_max_pool2d, *arrays(seed, n, *size, c, k)) == backend.startswith(
        "cpu"
    )
    x, filters, b = whole_numbers(seed, n, *size, c), whole_numbers(seed + 1, 3, 3, c, k), whole_numbers(seed + 2, k)
    y, index = ops.conv2d_relu_max_pool2d(x, filters, b)
    config.set_winograd(False)
    want, place = ops.max_pool2d(ops.relu(ops.conv2d(x, filters, b)))
    config.set_winograd(True)
    np.testing.assert_array_equal(y, want)
    np.testing.assert_array_equal(index, np.where(want > 0, place, 255))


@given(pooled_sizes, pooled_sizes, many, many, pads, seeds)
def test_with_pooling_it_agrees_with_float64(
    backend: str, h: int, w: int, c: int, k: int, padding: Any, seed: int
) -> None:
    x, filters, b = arrays(seed, images(backend, h, w), h, w, c, k)
    convolved = reference.conv2d(x, filters, b, padding=padding)
    n, p, q = len(x), convolved.shape[1] // 2, convolved.shape[2] // 2
    windows = convolved[:, : 2 * p, : 2 * q].reshape(n, p, 2, q, 2, k).swapaxes(2, 3).reshape(n, p, q, 4, k)
    want = np.maximum(windows.max(axis=3), 0)
    y, index = ops.conv2d_relu_max_pool2d(x, filters, b, padding=padding)
    assert_close(y, want, cases.SUM)
    # The index names the winner, or one as good as it but for rounding; and none, where the ReLU cuts.
    cut = index == 255
    named = np.take_along_axis(windows, np.where(cut, 0, index)[:, :, :, None].astype(np.int64), axis=3)[:, :, :, 0]
    assert_close(np.where(cut, 0, named).astype(np.float32), want, cases.SUM)
    np.testing.assert_array_equal(cut, y == 0)


@given(sizes, sizes, many, many, pads, seeds)
def test_gradients_agree_with_float64(backend: str, h: int, w: int, c: int, k: int, padding: Any, seed: int) -> None:
    x, filters, _ = arrays(seed, images(backend, h, w), h, w, c, k)
    shape = reference.conv2d(x[:1], filters, padding=padding).shape[1:]
    dy = np.random.default_rng(seed + 1).normal(size=(len(x), *shape)).astype(np.float32)
    got = ops.conv2d_backward(dy, x, filters, padding=padding)
    assert_all_close(got, reference.conv2d_backward(dy, x, filters, padding=padding), cases.SUM)


@of_both_ways
@pytest.mark.parametrize(
    ("n", "c", "k"), [(30, 24, 24), (25, 150, 230)]
)  # slab by slab; block by block of the channels
def test_gradients_over_more_tiles_than_are_taken_at_once(n: int, c: int, k: int) -> None:
    x, filters, _ = arrays(7, n, 18, 18, c, k)
    dy = np.random.default_rng(8).normal(size=(n, 16, 16, k)).astype(np.float32)
    assert_all_close(ops.conv2d_backward(dy, x, filters), reference.conv2d_backward(dy, x, filters), cases.SUM)


def test_it_is_used_unless_it_may_not(backend: str) -> None:
    x, filters, b = arrays(0, 4, 14, 14, 32, 64)
    dy = arrays(1, 4, 12, 12, 64, 1)[0]
    for winograd, direct in zip(*both_ways(ops.conv2d_backward, dy, x, filters), strict=True):
        assert_close(winograd, direct.astype(np.float64), cases.SUM)
        assert np.array_equal(winograd, direct) == backend.startswith("cuda")
    for operation in (ops.conv2d, ops.conv2d_relu_max_pool2d):
        winograd, direct = (np.asarray(result[0]) for result in both_ways(operation, x, filters, b))
        assert np.array_equal(winograd, direct) == backend.startswith("cuda")
        assert_close(winograd, direct.astype(np.float64), cases.SUM)


@pytest.mark.parametrize(
    ("shape", "settings"),
    [
        ((9, 9, 9, 32, 64), {}),
        ((9, 8, 8, 32, 32), {"padding": "same"}),
        ((40, 4, 4, 32, 64), {}),
        ((40, 6, 14, 17, 33), {}),
        ((1, 24, 24, 64, 64), {"padding": "same"}),
        ((40, 5, 5, 64, 64), {"padding": ((1, 0), (0, 1))}),
        ((9, 14, 14, 15, 33), {}),
    ],
)
def test_it_is_used_where_it_pays(backend: str, shape: Any, settings: Any) -> None:
    """On the CPU: on a GPU the results are the direct sum's to the bit, whatever is allowed."""
    on_cpu = backend.startswith("cpu")
    x, filters, b = arrays(0, shape[0] if on_cpu else 2, *shape[1:])
    assert differs(ops.conv2d, x, filters, b, **settings) == on_cpu
    assert differs(ops.conv2d_relu_max_pool2d, x, filters, b, **settings) == on_cpu
    dy = np.random.default_rng(1).normal(size=ops.conv2d(x, filters, b, **settings).shape).astype(np.float32)
    dx, dw, _ = zip(*both_ways(ops.conv2d_backward, dy, x, filters, **settings), strict=True)
    assert np.array_equal(*dx) != on_cpu
    assert np.array_equal(*dw) != on_cpu


@of_both_ways
@pytest.mark.parametrize(
    ("shape", "settings"),
    [
        ((1, 5, 5, 32, 64), {}),  # too few tiles
        ((40, 3, 3, 64, 64), {}),  # one output, of which a tile computes four
        ((40, 3, 12, 64, 64), {}),  # one row of them
        ((40, 2, 2, 64, 64), {"padding": "same"}),  # four taps of nine meet the image
        ((40, 1, 12, 64, 64), {"padding": "same"}),  # three
        ((40, 1, 1, 64, 64), {"padding": "same"}),  # one
    ],
)
def test_it_is_not_used_where_it_does_not_pay(shape: Any, settings: Any) -> None:
    x, filters, b = arrays(0, *shape)
    np.testing.assert_array_equal(*both_ways(ops.conv2d, x, filters, b, **settings))


@of_both_ways
@pytest.mark.parametrize(
    ("shape", "settings"),
    [
        ((9, 9, 9, 1, 1), {}),
        ((9, 9, 9, 3, 3), {}),
        ((9, 9, 9, 32, 64), {"stride": 2}),
        ((9, 9, 9, 32, 64), {"stride": (1, 2)}),
    ],
)
def test_few_channels_and_strides_are_not_for_it(shape: Any, settings: Any) -> None:
    x, filters, b = arrays(0, *shape)
    winograd, direct = both_ways(ops.conv2d, x, filters, b, **settings)
    np.testing.assert_array_equal(winograd, direct)
    for one, other in zip(*both_ways(ops.conv2d_backward, direct, x, filters, **settings), strict=True):
        np.testing.assert_array_equal(one, other)


@of_both_ways
@pytest.mark.parametrize(("side", "most"), [(8, 1.5), (14, 3.0)])  # small tiles, and large ones
@pytest.mark.parametrize("lowest", [-1.0, 0.0, 1000.0])
@pytest.mark.parametrize("channels", [16, 64, 256])
def test_its_error_beside_the_direct_sums(side: int, most: float, lowest: float, channels: int) -> None:
    """The root of the mean square, over many values; of numbers around 0, of pixels, and of numbers far from 0."""
    random = np.random.default_rng(1)
    x = (lowest + random.random((8, side, side, channels)) * 2).astype(np.float32)
    _, filters, b = arrays(2, 1, 3, 3, channels, 64)
    want = reference.conv2d(x, filters, b)
    winograd, direct = (np.sqrt(np.mean((y - want) ** 2)) for y in both_ways(ops.conv2d, x, filters, b))
    assert winograd <= most * direct
    assert winograd > 0


@pytest.mark.parametrize("side", [8, 14])  # small tiles, and large ones
@pytest.mark.parametrize("scale", [1e2, 1e5])
def test_a_large_pixel_disturbs_its_tile_alone(side: int, scale: float) -> None:
    """The error is within what the largest pixel under an output's tile could have contributed."""
    x, filters, b = arrays(11, 8, side, side, 32, 32)
    x[np.random.default_rng(12).random((8, side, side, 1)).repeat(32, axis=3) < 0.02] *= scale
    error = np.abs(ops.conv2d(x, filters, b) - reference.conv2d(x, filters, b))
    pixels = np.pad(
        np.abs(x).max(axis=3), ((0, 0), (3, 3), (3, 3))
    )  # a tile's patch reaches three pixels beyond a window
    largest = np.lib.stride_tricks.sliding_window_view(pixels, (9, 9), axis=(1, 2)).max(axis=(3, 4))
    allowed = largest[..., None] * np.abs(filters).sum(axis=(0, 1, 2)) + np.abs(b)
    assert (error <= cases.SUM * allowed).all()
    assert error.max() > 0


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [(0, 0, 0, 3), (2, 5, 6, 31), (4, 13, 13, 0)])
@np.errstate(invalid="ignore")
def test_what_is_not_finite_stays_where_it_is(value: float, place: Any) -> None:
    x, filters, b = arrays(3, 5, 14, 14, 32, 40)
    x[place] = value
    want = reference.conv2d(x, filters, b, padding="same")
    assert 0 < np.isfinite(want).sum() < want.size
    assert_close(ops.conv2d(x, filters, b, padding="same"), want, cases.SUM)
    winograd, direct = both_ways(ops.conv2d_relu_max_pool2d, x, filters, b, padding="same")
    np.testing.assert_array_equal(np.isfinite(winograd[0]), np.isfinite(direct[0]))
    np.testing.assert_array_equal(np.isnan(winograd[0]), np.isnan(direct[0]))


@of_both_ways
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [(0, 0, 0, 3), (2, 5, 6, 31), (4, 13, 13, 0)])
@pytest.mark.parametrize("of", ["x", "dy", "w"])
@np.errstate(invalid="ignore")
def test_gradients_keep_what_is_not_finite_where_it_is(value: float, place: Any, of: str) -> None:
    x, filters, _ = arrays(3, 5, 14, 14, 32, 32)
    dy = arrays(4, 5, 14, 14, 32, 1)[0]
    {"x": x, "dy": dy, "w": filters}[of][place if of != "w" else (2, 0, *place[2:])] = value
    for winograd, direct in zip(*both_ways(ops.conv2d_backward, dy, x, filters, padding="same"), strict=True):
        assert_close(winograd, direct.astype(np.float64), cases.SUM)  # NaN and inf where they are


@of_both_ways
@pytest.mark.parametrize(("value", "of"), [(np.nan, "x"), (np.inf, "dy"), (-np.inf, "x")])
@np.errstate(invalid="ignore")
def test_many_channels_keep_what_is_not_finite_where_it_is(value: float, of: str) -> None:
    x, filters, _ = arrays(3, 2, 8, 8, 180, 190)
    dy = arrays(4, 2, 8, 8, 190, 1)[0]
    _, dw, _ = zip(*both_ways(ops.conv2d_backward, dy, x, filters, padding="same"), strict=True)
    assert not np.array_equal(*dw)
    {"x": x, "dy": dy}[of][1, 5, 6, 177] = value
    for winograd, direct in zip(*both_ways(ops.conv2d_backward, dy, x, filters, padding="same"), strict=True):
        assert_close(winograd, direct.astype(np.float64), cases.SUM)


def test_a_weight_that_is_not_finite_is_not_lost() -> None:
    x, filters, b = arrays(4, 5, 14, 14, 32, 40)
    filters[1, 1, 5, 7] = np.nan
    y = ops.conv2d(x, filters, b)
    assert np.isnan(y[..., 7]).all()
    assert np.isfinite(np.delete(y, 7, axis=-1)).all()


def test_numbers_too_large_for_its_sums_are_summed_up_directly() -> None:
    x, filters, _ = arrays(5, 5, 14, 14, 16, 16)
    x[...] = 2e38
    filters[...] = 0
    filters[1, 1, 0] = 1
    np.testing.assert_array_equal(ops.conv2d(x, filters), np.full((5, 12, 12, 16), np.float32(2e38)))
