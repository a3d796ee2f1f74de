"""sigmoid and its gradient."""

from __future__ import annotations

import cases
import numpy as np
import pytest
import reference
from cases import Case
from checks import assert_all_close, rejected
from fastcnn import ops


@pytest.mark.parametrize("case", cases.of("sigmoid", "sigmoid_backward"), ids=str)
def test_agrees_with_float64(case: Case) -> None:
    assert_all_close(case.run(ops), case.run(reference), case.allowed)


def test_every_value_is_accurate_to_its_last_digits_where_it_is_a_normal_number() -> None:
    x = np.float32(np.linspace(-87, 100, 100_003))
    np.testing.assert_allclose(ops.sigmoid(x), reference.sigmoid(x), rtol=3e-7, atol=1.2e-38)


@pytest.mark.parametrize("place", [0, 7, 15, 16, 18])
@pytest.mark.parametrize(("x", "y"), [(np.nan, np.nan), (np.inf, 1), (-np.inf, 0), (-1e4, 0), (1e4, 1), (0, 0.5)])
def test_the_ends_and_what_is_not_finite(place: int, x: float, y: float) -> None:
    """In a whole vector or in the rest of one."""
    values = np.zeros(19, np.float32)
    values[place] = x
    expected = np.full(19, 0.5, np.float32)
    expected[place] = y
    np.testing.assert_array_equal(ops.sigmoid(values), expected)


def test_bad_input_is_named() -> None:
    with rejected(ValueError, "sigmoid_backward", "y ", (2, 3), (3, 2)):
        ops.sigmoid_backward(np.ones((2, 3), np.float32), np.ones((3, 2), np.float32))
