"""The random numbers that everything is drawn from: Philox-4x32-10, a function of (seed, step, purpose) and nothing else."""

from __future__ import annotations

from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from fastcnn import _core
from hypothesis import given
from hypothesis import strategies as st
from reference_random import random_bits, random_uniform

STREAM = {"seed": 12345, "step": 6, "purpose": 7}
OTHERS = [{"seed": 12346}, {"seed": 12345 + 2**32}, {"step": 7}, {"purpose": 8}]


@given(st.integers(0, 50), st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_random_uniform_is_the_reference_bit_for_bit(count: int, seed: int, step: int, purpose: int) -> None:
    got = _core.random_uniform(count, seed, step, purpose)
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, random_uniform(count, seed, step, purpose))


def test_a_long_stream_is_the_reference_and_begins_like_a_short_one() -> None:
    long = _core.random_uniform(1_000_003, **STREAM)
    np.testing.assert_array_equal(long, random_uniform(1_000_003, **STREAM))
    np.testing.assert_array_equal(long[:7], _core.random_uniform(7, **STREAM))


def test_random_uniform_is_uniform_in_0_to_1() -> None:
    numbers = _core.random_uniform(1_000_000, **STREAM)
    assert numbers.min() >= 0
    assert numbers.max() < 1
    expected = 1_000_000 / 256
    chi_squared = ((np.bincount((numbers * 256).astype(int), minlength=256) - expected) ** 2 / expected).sum()
    assert 170 < chi_squared < 350  # 255 degrees of freedom: within 4 deviations of 22.6
    assert abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 0.004


@pytest.mark.parametrize("n", [0, 1, 2, 3, 1000, 50_000])
def test_a_random_permutation_is_a_permutation(n: int) -> None:
    permutation = _core.random_permutation(n, **STREAM)
    assert permutation.dtype == np.int64
    np.testing.assert_array_equal(np.sort(permutation), np.arange(n))
    np.testing.assert_array_equal(permutation, _core.random_permutation(n, **STREAM))


def test_a_random_permutation_is_that_of_fisher_and_yates() -> None:
    """From the end, position i exchanged with (64 bits, from the first two numbers of block i) mod (i + 1)."""
    bits = random_bits(4 * 100, **STREAM).reshape(100, 4)
    order = list(range(100))
    for i in range(99, 0, -1):
        j = (int(bits[i, 1]) << 32 | int(bits[i, 0])) % (i + 1)
        order[i], order[j] = order[j], order[i]
    assert _core.random_permutation(100, **STREAM).tolist() == order


@pytest.mark.parametrize("other", OTHERS)
def test_seed_step_and_purpose_each_name_another_stream(other: dict[str, int]) -> None:
    for draw in (_core.random_uniform, _core.random_permutation):
        assert (draw(1000, **STREAM) == draw(1000, **(STREAM | other))).mean() < 0.02


def test_every_order_of_five_is_as_likely() -> None:
    drawn = Counter(tuple(_core.random_permutation(5, 1, step, 0).tolist()) for step in range(24_000))
    chi_squared = sum((drawn[order] - 200) ** 2 / 200 for order in permutations(range(5)))
    assert 60 < chi_squared < 185  # 119 degrees of freedom: within 4 deviations of 15.4


def test_every_place_of_a_long_permutation_is_as_likely() -> None:
    places = np.stack([np.argsort(_core.random_permutation(1000, seed, 0, 0))[:3] for seed in range(2000)])
    np.testing.assert_allclose(places.mean(axis=0), 499.5, atol=4 * 1000 / np.sqrt(12 * 2000))
    assert np.all(np.abs(np.corrcoef(places.T) - np.eye(3)) < 4 / np.sqrt(2000))


@pytest.mark.parametrize("draw", [_core.random_uniform, _core.random_permutation])
def test_a_negative_number_of_them_is_refused(draw: object) -> None:
    with pytest.raises(ValueError, match=f"{draw.__name__}: .* negative, but is -1"):  # type: ignore[attr-defined]
        draw(-1, **STREAM)  # type: ignore[operator]
