"""softmax and its gradient."""

from __future__ import annotations

import cases
import numpy as np
import pytest
import reference
from cases import Case
from checks import assert_all_close, assert_close, rejected
from fastcnn import ops
from hypothesis import given
from hypothesis import strategies as st
from strategies import seeds, whole_numbers


@pytest.mark.parametrize("case", cases.of("softmax", "softmax_backward"), ids=str)
def test_agrees_with_float64(case: Case) -> None:
    assert_all_close(case.run(ops), case.run(reference), case.allowed)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=3), seeds)
def test_agrees_with_float64_for_any_shape(shape: list[int], seed: int) -> None:
    x, dy = whole_numbers(seed, *shape), whole_numbers(seed + 1, *shape)
    y = reference.softmax(x)
    assert_close(ops.softmax(x), y, cases.SHORT_SUM)
    assert_close(ops.softmax_backward(dy, np.float32(y)), reference.softmax_backward(dy, np.float32(y)), cases.SUM)


@pytest.mark.parametrize("shift", [-3e38, -1e4, 1e4, 3e38])
def test_large_values_overflow_nothing(shift: float) -> None:
    x = np.full((3, 18), shift, np.float32)
    np.testing.assert_allclose(ops.softmax(x), np.full((3, 18), 1 / 18), rtol=cases.SHORT_SUM)
    x[1, 17] = 0
    assert_close(ops.softmax(x), reference.softmax(x), cases.SHORT_SUM)


def test_every_exponential_is_accurate_down_to_the_smallest_normal_number() -> None:
    x = np.float32(np.linspace(-87, 0, 100_001))
    y = ops.softmax(np.stack([np.zeros_like(x), x], axis=1))
    np.testing.assert_allclose(
        y[:, 1], reference.softmax(np.stack([np.zeros_like(x), x], axis=1))[:, 1], rtol=cases.SHORT_SUM
    )


@pytest.mark.parametrize("place", [0, 15, 16, 18])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_or_inf_makes_its_row_nan_and_no_other(place: int, value: float) -> None:
    x = np.zeros((3, 19), np.float32)
    x[1, place] = value
    np.testing.assert_array_equal(np.isnan(ops.softmax(x)), np.repeat([[False], [True], [False]], 19, axis=1))


def test_minus_inf_has_no_share_unless_all_are() -> None:
    x = np.full((2, 19), -np.inf, np.float32)
    x[0, 4:6] = 1
    y = ops.softmax(x)
    np.testing.assert_array_equal(y[0], np.float32([0] * 4 + [0.5] * 2 + [0] * 13))
    assert np.isnan(y[1]).all()


def test_a_gradient_of_nan_makes_its_row_nan_and_no_other() -> None:
    y, dy = np.full((3, 19), 1 / 19, np.float32), np.ones((3, 19), np.float32)
    dy[1, 3] = np.nan
    np.testing.assert_array_equal(
        np.isnan(ops.softmax_backward(dy, y)), np.repeat([[False], [True], [False]], 19, axis=1)
    )


@pytest.mark.parametrize("shape", [(3, 0), (0,), (2, 0, 5)])
def test_nothing_gives_nothing(shape: tuple[int, ...]) -> None:
    assert ops.softmax(np.ones(shape, np.float32)).shape == shape


def test_bad_input_is_named() -> None:
    with rejected(ValueError, "softmax", "x ", "at least one axis", "()"):
        ops.softmax(np.ones((), np.float32))
    with rejected(ValueError, "softmax_backward", "y ", (2, 3), (3, 2)):
        ops.softmax_backward(np.ones((2, 3), np.float32), np.ones((3, 2), np.float32))
