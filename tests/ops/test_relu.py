"""relu and its gradient."""

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


@pytest.mark.parametrize("case", cases.of("relu", "relu_backward"), ids=str)
def test_agrees_with_float64(case: Case) -> None:
    assert_all_close(case.run(ops), case.run(reference), case.allowed)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=3), seeds)
def test_agrees_with_float64_for_any_shape(shape: list[int], seed: int) -> None:
    x, dy = whole_numbers(seed, *shape), whole_numbers(seed + 1, *shape)
    assert_close(ops.relu(x), reference.relu(x), cases.EXACT)
    assert_close(ops.relu_backward(dy, x), reference.relu_backward(dy, x), cases.EXACT)


@pytest.mark.parametrize("place", [0, 7, 15, 16, 18])
@pytest.mark.parametrize(
    ("x", "y", "slope"), [(np.nan, np.nan, 0), (np.inf, np.inf, 1), (-np.inf, 0, 0), (0, 0, 0), (-0.0, 0, 0), (1, 1, 1)]
)
def test_the_kink_and_what_is_not_finite(place: int, x: float, y: float, slope: float) -> None:
    """In a whole vector or in the rest of one."""
    values = np.full(19, -1, np.float32)
    values[place] = x
    expected = np.zeros(19, np.float32)
    expected[place] = y
    result = ops.relu(values)
    np.testing.assert_array_equal(result, expected)
    np.testing.assert_array_equal(
        ops.relu_backward(np.full(19, 3, np.float32), result) != 0, np.arange(19) == (place if slope else -1)
    )


def test_a_gradient_of_nan_passes_where_y_is_positive_and_nowhere_else() -> None:
    y, dy = np.float32([1, 0] * 20), np.full(40, np.nan, np.float32)
    np.testing.assert_array_equal(ops.relu_backward(dy, y), np.float32([np.nan, 0] * 20))


def test_bad_input_is_named() -> None:
    with rejected(ValueError, "relu_backward", "y ", (2, 3), (3, 2)):
        ops.relu_backward(np.ones((2, 3), np.float32), np.ones((3, 2), np.float32))
