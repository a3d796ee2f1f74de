"""rescale."""

from __future__ import annotations

import cases
import numpy as np
import pytest
import reference
from cases import Case
from checks import assert_all_close, assert_close
from fastcnn import ops
from hypothesis import given
from hypothesis import strategies as st
from strategies import seeds, whole_numbers


@pytest.mark.parametrize("case", cases.of("rescale"), ids=str)
def test_agrees_with_float64(case: Case) -> None:
    assert_all_close(case.run(ops), case.run(reference), case.allowed)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=3), st.integers(-9, 9), st.integers(-9, 9), seeds)
def test_agrees_with_float64_for_any_shape(shape: list[int], scale: int, offset: int, seed: int) -> None:
    x = whole_numbers(seed, *shape)
    assert_close(ops.rescale(x, scale, offset), reference.rescale(x, scale, offset), cases.EXACT)


def test_it_is_a_product_with_the_scale_in_float32_as_in_keras() -> None:
    x = np.arange(256, dtype=np.float32)
    np.testing.assert_array_equal(ops.rescale(x, 1 / 255), x * np.float32(1 / 255))


def test_nothing_that_is_not_finite_is_lost() -> None:
    x = np.float32([np.nan, np.inf, -np.inf, 1] * 5)
    assert_close(ops.rescale(x, -2, 1), reference.rescale(x, -2, 1), cases.EXACT)
