"""Pictures that are mixed with each other, and their targets likewise: given the numbers, and how these are drawn."""

from __future__ import annotations

from typing import Any

import cases
import numpy as np
import pytest
import reference_augmentation
from cases import Case
from checks import Array, assert_all_close, rejected
from fastcnn import ops
from hypothesis import given
from hypothesis import strategies as st
from strategies import batches, channels, seeds, sizes, whole_numbers

EVEN = np.linspace(0, 1, 1025, dtype=np.float32)  # quantiles


@pytest.mark.parametrize("case", cases.of("mix"), ids=str)
def test_agrees_with_float64(case: Case) -> None:
    assert_all_close(case.run(ops), case.run(reference_augmentation), case.allowed)


def numbers_from(seed: int, n: int) -> Array:
    """Some of them multiples of 1/4."""
    rng = np.random.default_rng(seed)
    drawn = rng.random((n, 3))
    return np.float32(np.where(rng.random((n, 3)) < 0.3, np.round(4 * drawn) / 4, drawn))


@given(batches, sizes, sizes, channels, st.integers(0, 9), st.integers(0, 4), st.booleans(), seeds)
def test_agrees_with_float64_for_any_shape(
    n: int, h: int, w: int, c: int, k: int, shift: int, boxed: bool, seed: int
) -> None:
    arrays = whole_numbers(seed, n, h, w, c), whole_numbers(seed + 1, n, k), numbers_from(seed, n)
    settings: dict[str, Any] = {"shift": shift % max(n, 1), "boxed": boxed}
    wanted = reference_augmentation.mix(*arrays, **settings)
    assert_all_close(ops.mix(*arrays, **settings), wanted, cases.ROUNDINGS)


def test_every_device_gives_the_same_bits() -> None:
    """What float64 rounds to, since all products of two float32 are exact in it."""
    rng = np.random.default_rng(0)
    x, targets = np.float32(rng.normal(size=(40, 9, 7, 3))), np.float32(rng.random((40, 10)))
    numbers, shift = ops.draw_mixing(40, EVEN, seed=3)
    for boxed in (False, True):
        got = ops.mix(x, targets, numbers, shift=shift, boxed=boxed)
        wanted = reference_augmentation.mix(x, targets, numbers, shift=shift, boxed=boxed)
        for one, other in zip(got, wanted, strict=True):
            np.testing.assert_array_equal(one, np.float32(other))


def test_what_is_mixed() -> None:
    x = np.float32([[[[0.0]] * 4] * 4, [[[8.0]] * 4] * 4])
    numbers = np.float32([[0.75, 0, 1], [0.75, 0.5, 0.5]])
    up, targets = ops.mix(x, np.eye(2, dtype=np.float32), numbers)
    np.testing.assert_array_equal(up[:, 0, 0, 0], [2, 6])
    np.testing.assert_array_equal(targets, [[0.75, 0.25], [0.25, 0.75]])
    cut, targets = ops.mix(x, np.eye(2, dtype=np.float32), numbers, boxed=True)
    np.testing.assert_array_equal(cut[0, ..., 0], [[0, 0, 8, 8], [0, 0, 8, 8], [0, 0, 0, 0], [0, 0, 0, 0]])
    np.testing.assert_array_equal(cut[1, ..., 0], [[8, 8, 8, 8], [8, 0, 0, 8], [8, 0, 0, 8], [8, 8, 8, 8]])
    np.testing.assert_array_equal(targets, [[0.75, 0.25], [0.25, 0.75]])


def test_numbers_beyond_all_bounds_read_no_wild_memory() -> None:
    wild = np.float32([np.nan, np.inf, -np.inf, 1e30, -3e9, 2])
    numbers = np.stack(np.meshgrid(wild, wild, wild), axis=-1).reshape(-1, 3)
    x = np.ones((len(numbers), 4, 3, 2), np.float32)
    y, _ = ops.mix(x, np.zeros((len(numbers), 1), np.float32), numbers, boxed=True)
    np.testing.assert_array_equal(y, x)


# Drawing.


@given(st.integers(0, 20), seeds, st.integers(0, 2**32 - 1), st.integers(0, 2**31 - 1))
def test_numbers_are_those_of_float64(n: int, seed: int, step: int, purpose: int) -> None:
    quantiles = np.sort(np.float32(np.random.default_rng(seed).random(1025)))
    stream: dict[str, Any] = {"seed": seed, "step": step, "purpose": purpose}
    numbers, shift = ops.draw_mixing(n, quantiles, **stream)
    wanted, wanted_shift = reference_augmentation.draw_mixing(n, quantiles, **stream)
    assert (numbers.shape, shift) == ((n, 3), wanted_shift)
    np.testing.assert_array_equal(numbers, np.float32(wanted))


def test_a_picture_s_numbers_do_not_depend_on_the_others() -> None:
    whole, _ = ops.draw_mixing(1000, EVEN, seed=3)
    np.testing.assert_array_equal(whole[:7], ops.draw_mixing(7, EVEN, seed=3)[0])
    assert len(np.unique(whole)) > 2990
    assert np.abs(whole.mean(axis=0) - 0.5).max() < 0.04


def test_shifts_lead_to_every_other_picture_and_never_to_itself() -> None:
    shifts = [ops.draw_mixing(5, EVEN, seed=3, step=step)[1] for step in range(200)]
    assert set(shifts) == {1, 2, 3, 4}
    assert [ops.draw_mixing(n, EVEN, seed=3)[1] for n in (0, 1, 2)] == [0, 0, 1]


def test_what_will_not_do_is_named() -> None:
    x, targets, numbers = np.zeros((3, 4, 4, 1), np.float32), np.zeros((3, 2), np.float32), np.zeros((3, 3), np.float32)
    with rejected(ValueError, "mix", "x must have shape (N, H, W, C)", "(3, 4, 4)"):
        ops.mix(x[..., 0], targets, numbers)
    with rejected(ValueError, "mix", "targets must have shape (3, K)", "(2, 2)"):
        ops.mix(x, targets[:2], numbers)
    with rejected(ValueError, "mix", "numbers must have shape (3, 3)", "(3, 2)"):
        ops.mix(x, targets, numbers[:, :2])
    for shift in (-1, 3):
        with rejected(ValueError, "mix", "shift must be in [0, N)", "3 pictures", shift):
            ops.mix(x, targets, numbers, shift=shift)
    with rejected(ValueError, "draw_mixing", "quantiles must have shape (1025,)", "(1024,)"):
        ops.draw_mixing(3, EVEN[1:], seed=1)
    with rejected(ValueError, "draw_mixing", "n must not be negative", -1):
        ops.draw_mixing(-1, EVEN, seed=1)
    with rejected(ValueError, "draw_mixing", "seed", -1):
        ops.draw_mixing(1, EVEN, seed=-1)
