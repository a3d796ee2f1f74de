"""dense and its gradients."""

from __future__ import annotations

from typing import Any

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

X, W, B = np.ones((5, 4), np.float32), np.ones((4, 3), np.float32), np.ones(3, np.float32)

widths = st.one_of(st.integers(1, 70), st.sampled_from([127, 128, 129, 200]))


@pytest.mark.parametrize("case", cases.of("dense", "dense_backward"), ids=str)
def test_agrees_with_float64(case: Case) -> None:
    assert_all_close(case.run(ops), case.run(reference), case.allowed)


@given(st.integers(0, 40), widths, widths, seeds)
def test_agrees_with_float64_for_any_shape(n: int, inputs: int, outputs: int, seed: int) -> None:
    x, w, b = whole_numbers(seed, n, inputs), whole_numbers(seed + 1, inputs, outputs), whole_numbers(seed + 2, outputs)
    dy = whole_numbers(seed + 3, n, outputs)
    assert_close(ops.dense(x, w, b), reference.dense(x, w, b), cases.SUM)
    assert_all_close(ops.dense_backward(dy, x, w), reference.dense_backward(dy, x, w), cases.SUM)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@np.errstate(invalid="ignore")
def test_nothing_that_is_not_finite_is_lost(value: float) -> None:
    rng = np.random.default_rng(1)
    x, w, b, dy = (cases.normal(*shape)(rng) for shape in ((20, 33), (33, 17), (17,), (20, 17)))
    x[4, 5] = b[16] = dy[19, 3] = value
    assert_close(ops.dense(x, w, b), reference.dense(x, w, b), cases.SUM)
    assert_all_close(ops.dense_backward(dy, x, w), reference.dense_backward(dy, x, w), cases.SUM)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ((X[0], W), ["x ", "(N, in)", "(4,)"]),
        ((X[None], W), ["x ", "(N, in)", (1, 5, 4)]),
        ((X, B), ["w ", "(in, out)", "(3,)"]),
        ((X, W[:3]), ["w ", 3, "x ", 4, (5, 4), (3, 3)]),
        ((X, W, B[:2]), ["b ", "(3,)", "(2,)"]),
        ((X, W[:, :0]), ["w ", (4, 0)]),
        ((X[:, :0], W[:0]), ["w ", (0, 3)]),
    ],
)
def test_bad_input_is_named(arguments: tuple[Any, ...], parts: list[object]) -> None:
    with rejected(ValueError, "dense", *parts):
        ops.dense(*arguments)


def test_a_gradient_of_another_shape_is_named() -> None:
    with rejected(ValueError, "dense_backward", "dy ", (5, 3), (5, 4)):
        ops.dense_backward(X, X, W)
