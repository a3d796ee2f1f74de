"""dense_softmax: the matrix product and the softmax that it stands for."""

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


@pytest.mark.parametrize("case", cases.of("dense_softmax"), ids=str)
def test_agrees_with_float64(case: Case) -> None:
    assert_all_close(case.run(ops), case.run(reference), case.allowed)


@pytest.mark.parametrize("case", cases.of("dense_softmax"), ids=str)
def test_equals_the_two_operations_that_it_replaces(case: Case) -> None:
    arrays = case.draw()
    assert_close(ops.dense_softmax(**arrays), np.float64(ops.softmax(ops.dense(**arrays))), case.allowed)


@given(st.integers(0, 40), st.integers(1, 70), st.integers(1, 70), seeds)
def test_agrees_with_float64_for_any_shape(n: int, inputs: int, outputs: int, seed: int) -> None:
    x, w, b = whole_numbers(seed, n, inputs), whole_numbers(seed + 1, inputs, outputs), whole_numbers(seed + 2, outputs)
    assert_close(ops.dense_softmax(x, w, b), reference.dense_softmax(x, w, b), cases.SUM)


def test_a_row_that_is_not_finite_stays_alone() -> None:
    x, w = np.ones((20, 5), np.float32), np.ones((5, 17), np.float32)
    x[13, 2] = np.nan
    assert_close(ops.dense_softmax(x, w), reference.dense_softmax(x, w), cases.SUM)


def test_bad_input_is_named() -> None:
    x, w, b = np.ones((5, 4), np.float32), np.ones((4, 3), np.float32), np.ones(3, np.float32)
    with rejected(ValueError, "dense_softmax", "w ", 3, "x ", 4, (5, 4), (3, 3)):
        ops.dense_softmax(x, w[:3])
    with rejected(ValueError, "dense_softmax", "b ", "(3,)", "(2,)"):
        ops.dense_softmax(x, w, b[:2])
    with rejected(ValueError, "dense_softmax", "x ", "(N, in)", "(4,)"):
        ops.dense_softmax(x[0], w)
