"""What changes pictures at random, given the numbers that it is done by, and how these are drawn."""

from __future__ import annotations

from typing import Any

import cases
import numpy as np
import pytest
import reference_augmentation
from cases import Case
from checks import Array, assert_all_close, assert_close, assert_same_bits, rejected
from fastcnn import ops
from hypothesis import given
from hypothesis import strategies as st
from strategies import batches, channels, seeds, sizes, whole_numbers

MOTIONS = {"translate": 2, "rotate": 1, "zoom": 2}
FUNCTIONS = ("flip", "crop", *MOTIONS, "adjust_brightness", "adjust_contrast", "adjust_saturation", "erase")
FILLS = ["constant", "reflect", "wrap", "nearest"]


@pytest.mark.parametrize("case", cases.of(*FUNCTIONS), ids=str)
def test_agrees_with_float64(case: Case) -> None:
    assert_all_close(case.run(ops), case.run(reference_augmentation), case.allowed)


def numbers_from(seed: int, low: float, high: float, *shape: int) -> Array:
    """Some of them multiples of 1/4."""
    rng = np.random.default_rng(seed)
    drawn = rng.uniform(low, high, shape)
    return np.float32(np.where(rng.random(shape) < 0.3, np.round(4 * drawn) / 4, drawn))


# Drawing.


@given(st.integers(0, 20), st.integers(1, 6), seeds, st.integers(0, 2**32 - 1), st.integers(0, 2**31 - 1))
def test_numbers_are_those_of_float64(n: int, k: int, seed: int, step: int, purpose: int) -> None:
    low, high = list(np.linspace(-1, 2, k)), list(np.linspace(0, 9, k))
    stream: dict[str, Any] = {"seed": seed, "step": step, "purpose": purpose}
    drawn = ops.draw_uniform(n, low, high, **stream)
    assert drawn.shape == (n, k)
    np.testing.assert_array_equal(drawn, np.float32(reference_augmentation.draw_uniform(n, low, high, **stream)))


def test_an_image_s_numbers_do_not_depend_on_the_others() -> None:
    whole = ops.draw_uniform(1000, [0] * 6, [1] * 6, seed=3)
    np.testing.assert_array_equal(whole[:7], ops.draw_uniform(7, [0] * 6, [1] * 6, seed=3))
    assert len(np.unique(whole)) > 5900
    assert abs(whole.mean() - 0.5) < 0.02
    assert not np.array_equal(whole, ops.draw_uniform(1000, [0] * 6, [1] * 6, seed=3, step=1))


def test_draws_that_will_not_do_are_named() -> None:
    with rejected(ValueError, "draw_uniform", "low and high", "1 to 6", "2 and 1"):
        ops.draw_uniform(3, [0, 0], [1], seed=1)
    with rejected(ValueError, "draw_uniform", "7 and 7"):
        ops.draw_uniform(3, [0] * 7, [1] * 7, seed=1)
    with rejected(ValueError, "draw_uniform", "n must not be negative", -1):
        ops.draw_uniform(-1, [0], [1], seed=1)
    with rejected(ValueError, "draw_uniform", "seed", -1):
        ops.draw_uniform(1, [0], [1], seed=-1)


# Moving pixels.


@given(batches, sizes, sizes, channels, seeds, st.sampled_from(["horizontal", "vertical", "horizontal_and_vertical"]))
def test_flips_agree_with_float64_for_any_shape(n: int, h: int, w: int, c: int, seed: int, mode: str) -> None:
    x, numbers = whole_numbers(seed, n, h, w, c), numbers_from(seed, 0, 1, n, 1)
    assert_close(ops.flip(x, numbers, mode), reference_augmentation.flip(x, numbers, mode), 0)


@given(
    batches, sizes, sizes, channels, seeds, st.integers(0, 12), st.sampled_from(FILLS), st.integers(1, 9), st.integers(1, 9)
)  # fmt: skip
def test_crops_agree_with_float64_for_any_shape(
    n: int, h: int, w: int, c: int, seed: int, padding: int, fill: str, p: int, q: int
) -> None:
    x, numbers = whole_numbers(seed, n, h, w, c), numbers_from(seed, -1, 2 * padding + 9, n, 2)
    size = min(p, h + 2 * padding), min(q, w + 2 * padding)
    settings: dict[str, Any] = {"padding": padding, "fill_mode": fill, "fill_value": 7.0}
    wanted = reference_augmentation.crop(x, numbers, size, **settings)
    assert_close(ops.crop(x, numbers, size, **settings), wanted, 0)


NUDGES = [(a, b) for a in (-1e-4, 1e-4) for b in (-1e-4, 1e-4)]


@given(
    batches, sizes, sizes, channels, seeds, st.sampled_from(FILLS), st.sampled_from(["bilinear", "nearest"]),
    st.sampled_from([("translate", 2), ("rotate", 1), ("zoom", 1), ("zoom", 2)]),
)  # fmt: skip
def test_motions_agree_with_float64_for_any_shape(
    n: int, h: int, w: int, c: int, seed: int, fill: str, how: str, motion: tuple[str, int]
) -> None:
    """But for pixels that would be others if they were read a little beside: there a coordinate's rounding decides."""
    x, numbers = whole_numbers(seed, n, h, w, c), numbers_from(seed, -1.5, 1.5, n, motion[1])
    function, settings = motion[0], {"fill_mode": fill, "interpolation": how, "fill_value": 7.0}
    slow = getattr(reference_augmentation, function)
    wanted = slow(x, numbers, **settings)
    got = getattr(ops, function)(x, numbers, **settings)
    if how == "nearest" or fill == "wrap":
        beside = [slow(x, numbers, **settings, nudge=nudge) for nudge in NUDGES]
        got = np.where(
            np.max([abs(each - wanted) for each in beside], axis=0, initial=0) > 0.1, np.float32(wanted), got
        )
    assert_close(got, wanted, cases.PLACES)


def test_what_a_motion_means() -> None:
    x = np.arange(12, dtype=np.float32).reshape(1, 3, 4, 1)
    keep = {"fill_mode": "constant", "fill_value": -1}
    down_and_left = ops.translate(x, np.float32([[1 / 3, -1 / 4]]), **keep)[0, ..., 0]
    np.testing.assert_allclose(down_and_left, [[-1, -1, -1, -1], [1, 2, 3, -1], [5, 6, 7, -1]], atol=1e-5)
    square = np.arange(9, dtype=np.float32).reshape(1, 3, 3, 1)
    counterclockwise = ops.rotate(square, np.float32([[0.25]]))[0, ..., 0]
    np.testing.assert_allclose(counterclockwise, np.rot90(square[0, ..., 0]), atol=1e-5)
    smaller = ops.zoom(square, np.float32([[1.0]]), **keep)[0, ..., 0]
    np.testing.assert_allclose(smaller[1], [-1, 4, -1], atol=1e-5)
    larger = ops.zoom(square, np.float32([[-0.5]]))[0, ..., 0]
    np.testing.assert_allclose(larger, [[2, 2.5, 3], [3.5, 4, 4.5], [5, 5.5, 6]], atol=1e-5)


@pytest.mark.parametrize("function", MOTIONS)
@pytest.mark.parametrize("how", ["bilinear", "nearest"])
@pytest.mark.parametrize("fill", FILLS)
def test_numbers_beyond_all_bounds_read_no_wild_memory(function: str, how: str, fill: str) -> None:
    x = np.ones((5, 4, 3, 2), np.float32)
    wild = np.float32([np.nan, np.inf, -np.inf, 1e30, -3e9])
    numbers = np.repeat(wild[:, None], MOTIONS[function], axis=1)
    y = getattr(ops, function)(x, numbers, fill_mode=fill, interpolation=how)
    assert ((y >= 0) & (y <= 1.0001)).all()
    assert set(np.unique(ops.crop(x, numbers[:, [0, 0]], (4, 3), padding=2))) == {0, 1}


# Colours.


@given(batches, sizes, sizes, channels, seeds)
def test_adjustments_agree_with_float64_for_any_shape(n: int, h: int, w: int, c: int, seed: int) -> None:
    x, numbers = whole_numbers(seed, n, h, w, c), numbers_from(seed, -1, 2, n, 1)
    limits: dict[str, Any] = {"low": -3.0, "high": 3.5}
    for name in ("adjust_brightness", "adjust_contrast"):
        wanted = getattr(reference_augmentation, name)(x, numbers, **limits)
        assert_close(getattr(ops, name)(x, numbers, **limits), wanted, cases.SHORT_SUM)


@given(batches, sizes, sizes, seeds)
def test_saturations_agree_with_float64_for_any_shape(n: int, h: int, w: int, seed: int) -> None:
    x, numbers = whole_numbers(seed, n, h, w, 3), numbers_from(seed, -1, 0.95, n, 1)
    for limits in ({"low": 0.0, "high": 1.0}, {"low": -2.0, "high": 255.0}):
        wanted = reference_augmentation.adjust_saturation(x, numbers, **limits)
        assert_close(ops.adjust_saturation(x, numbers, **limits), wanted, cases.SUM)


@given(batches, sizes, sizes, channels, seeds, st.sampled_from([None, 0.5, 9.0]))
def test_erased_boxes_agree_with_float64_for_any_shape(
    n: int, h: int, w: int, c: int, seed: int, fill_value: float | None
) -> None:
    x, numbers = whole_numbers(seed, n, h, w, c), numbers_from(seed, 0, 1, n, 6)
    settings: dict[str, Any] = {
        "fill_value": fill_value,
        "low": -2.0,
        "high": 3.0,
        "seed": seed,
        "step": 3,
        "purpose": 4,
    }
    assert_close(ops.erase(x, numbers, **settings), reference_augmentation.erase(x, numbers, **settings), cases.SUM)


def test_a_number_of_the_erasing_decides_whether() -> None:
    x = np.zeros((3, 4, 4, 1), np.float32)
    numbers = np.float32([[1, 1, 0, 0, 0.5, 0.49], [1, 1, 0, 0, 0.5, 0.5], [0.25, 0.25, 1, 0, 1, 0]])
    y = ops.erase(x, numbers, fill_value=300.0)
    assert [int((image == 255).sum()) for image in y] == [16, 0, 4]
    assert (y[2, 2:, :2] == 255).all()


def test_there_may_be_more_pictures_than_a_grid_of_cuda_has_rows() -> None:
    n = 65_540
    x, erased = np.float32(np.arange(n) % 200).reshape(n, 1, 1, 1), np.arange(n) % 3 == 0
    numbers = np.zeros((n, 6), np.float32)
    numbers[:, :2], numbers[:, 4] = 1, erased
    y = ops.erase(x, numbers, fill_value=255)
    np.testing.assert_array_equal(y.ravel(), np.where(erased, 255, x.ravel()))


def test_noise_is_normal_and_other_for_another_stream() -> None:
    numbers = np.float32([[1, 1, 0, 0, 1, 0]])
    x = np.zeros((1, 100, 100, 3), np.float32)
    noise = ops.erase(x, numbers, low=-10, high=1, seed=5)
    assert abs(noise.mean() + 0.0833) < 0.02  # of a normal that is cut to 1
    assert not np.array_equal(noise, ops.erase(x, numbers, low=-10, high=1, seed=5, step=1))
    assert_same_bits([noise], [ops.erase(x, numbers, low=-10, high=1, seed=5)])


# What is refused.

X, ONE, TWO = np.ones((2, 4, 4, 3), np.float32), np.ones((2, 1), np.float32), np.ones((2, 2), np.float32)


@pytest.mark.parametrize(
    ("call", "operation", "parts"),
    [
        (lambda: ops.flip(X[0], ONE), "flip", ("x must have shape (N, H, W, C)", "(4, 4, 3)")),
        (lambda: ops.flip(X[:, :0], ONE), "flip", ("a pixel and a channel", "(2, 0, 4, 3)")),
        (lambda: ops.flip(X, TWO), "flip", ("numbers must have shape (2, 1)", "(2, 2)")),
        (lambda: ops.flip(X, ONE[:1]), "flip", ("numbers must have shape (2, 1)", "(1, 1)")),
        (lambda: ops.flip(X, ONE, "sideways"), "flip", ("mode", "'horizontal_and_vertical'", "'sideways'")),
        (lambda: ops.crop(X, TWO, 5), "crop", ("size (5, 5)", "larger", "(4, 4)", "0 pixels")),
        (lambda: ops.crop(X, TWO, (4, 0)), "crop", ("size", "at least 1", "(4, 0)")),
        (lambda: ops.crop(X, TWO, 4, padding=-1), "crop", ("padding", "negative", -1)),
        (lambda: ops.crop(X, TWO, 4, fill_mode="mirror"), "crop", ("fill_mode", "'reflect'", "'mirror'")),
        (lambda: ops.rotate(X, ONE, interpolation="cubic"), "rotate", ("interpolation", "'bilinear'", "'cubic'")),
        (lambda: ops.rotate(X, TWO), "rotate", ("numbers must have shape (2, 1)",)),
        (lambda: ops.zoom(X, np.ones((2, 3), np.float32)), "zoom", ("numbers must have shape (2, 2)", "(2, 3)")),
        (lambda: ops.adjust_contrast(X[..., 0], ONE), "adjust_contrast", ("(N, H, W, C)",)),
        (lambda: ops.adjust_contrast(X, ONE, low=5.0, high=1.0), "adjust_contrast", ("low must be below high", "5 and 1")),
        (lambda: ops.adjust_saturation(X[..., :2], ONE), "adjust_saturation", ("3 channels", "(2, 4, 4, 2)")),
        (lambda: ops.erase(X, ONE), "erase", ("numbers must have shape (2, 6)",)),
        (lambda: ops.erase(X, np.ones((2, 6), np.float32), step=-1), "erase", ("step", -1)),
    ],
)  # fmt: skip
def test_what_will_not_do_is_named(call: Any, operation: str, parts: tuple[Any, ...]) -> None:
    with rejected(ValueError, operation, *parts):
        call()
