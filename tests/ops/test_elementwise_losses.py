"""mean_squared_error and binary_cross_entropy: the losses of samples and their gradients."""

from __future__ import annotations

from typing import Any

import cases
import numpy as np
import pytest
import reference
from cases import Case
from checks import assert_all_close, rejected
from fastcnn import ops
from hypothesis import given
from hypothesis import strategies as st
from strategies import seeds

X = np.zeros((4, 3), np.float32)


@pytest.mark.parametrize("case", cases.of("mean_squared_error", "binary_cross_entropy"), ids=str)
def test_agrees_with_float64(case: Case) -> None:
    assert_all_close(case.run(ops), case.run(reference), case.allowed)


@given(st.lists(st.integers(1, 20), min_size=0, max_size=3), st.integers(0, 40), st.booleans(), seeds)
def test_agrees_with_float64_for_any_shape(sample: list[int], n: int, weighted: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, targets = cases.normal(n, *sample)(rng), cases.shares(n, *sample)(rng)
    settings: dict[str, Any] = {"weights": cases.shares(n)(rng)} if weighted else {}
    for loss in ("mean_squared_error", "binary_cross_entropy"):
        got, want = (getattr(module, loss)(x, targets, **settings) for module in (ops, reference))
        assert_all_close(got, want, cases.SUM)


def test_smoothed_targets_are_drawn_to_a_half() -> None:
    x, targets = (
        cases.normal(5, 4)(np.random.default_rng(1)),
        np.float32(np.random.default_rng(2).integers(0, 2, (5, 4))),
    )
    want = tuple(map(np.float64, ops.binary_cross_entropy(x, np.float32(0.6 * targets + 0.2))))
    assert_all_close(ops.binary_cross_entropy(x, targets, label_smoothing=0.4), want, cases.SUM)
    with rejected(ValueError, "binary_cross_entropy", "label_smoothing", "[0, 1]", 1.5):
        ops.binary_cross_entropy(x, targets, label_smoothing=1.5)


def test_probabilities_are_clipped_as_in_keras() -> None:
    x = np.float32([[0, 1, 0.5, 1e-8, 1 - 6e-8]])
    for targets in (np.zeros_like(x), np.ones_like(x)):
        loss, dx = ops.binary_cross_entropy(x, targets, from_logits=False)
        want, _ = reference.binary_cross_entropy(
            np.float32(np.clip(x, 1e-7, np.float32(1 - 1e-7))), targets, from_logits=False
        )
        np.testing.assert_allclose(loss, want, rtol=2e-3)  # log(1 - p) of a float32 p at its border
        np.testing.assert_array_equal(dx == 0, [[True, True, False, True, True]])


def test_logits_of_any_size_overflow_nothing() -> None:
    x = np.float32([[-1e30, -100, 0, 100, 1e30]])
    loss, dx = ops.binary_cross_entropy(x.T.copy(), np.ones((5, 1), np.float32))
    np.testing.assert_allclose(loss, [1e30, 100, np.log(2), 0, 0], rtol=cases.SHORT_SUM)
    np.testing.assert_allclose(dx[:, 0] * 5, [-1, -1, -0.5, 0, 0], atol=cases.SHORT_SUM)


@pytest.mark.parametrize("loss", [ops.mean_squared_error, ops.binary_cross_entropy])
@pytest.mark.parametrize("of_targets", [False, True])
def test_nan_makes_its_sample_nan_and_no_other(loss: Any, of_targets: bool) -> None:
    arrays = [np.full((4, 3), 0.25, np.float32) for _ in range(2)]
    arrays[of_targets][2, 1] = np.nan
    of_samples, dx = loss(*arrays)
    np.testing.assert_array_equal(np.isnan(of_samples), [False, False, True, False])
    np.testing.assert_array_equal(np.isnan(dx).any(axis=1), [False, False, True, False])


def test_a_weight_of_zero_leaves_a_sample_out() -> None:
    x, targets = np.float32([[1], [2], [4]]), np.zeros((3, 1), np.float32)
    loss, dx = ops.mean_squared_error(x, targets, weights=np.float32([1, 0, 0.5]))
    np.testing.assert_array_equal(loss, [1, 0, 8])
    np.testing.assert_allclose(dx, np.float32([[2], [0], [4]]) / 3)


@pytest.mark.parametrize(
    ("settings", "parts"),
    [
        ({"x": X, "targets": X[:, :2]}, ["targets ", (4, 3), (4, 2)]),
        ({"x": X, "targets": X[:2]}, ["targets ", (4, 3), (2, 3)]),
        ({"x": X[:, :0], "targets": X[:, :0]}, ["x ", "at least one output", (4, 0)]),
        ({"x": np.float32(1), "targets": np.float32(1)}, ["x must be an array"]),
        ({"x": X, "targets": X, "weights": X}, ["weights ", "(4,)", (4, 3)]),
        ({"x": X, "targets": X, "weights": X[0]}, ["weights ", "(4,)", "(3,)"]),
    ],
)
@pytest.mark.parametrize("loss", ["mean_squared_error", "binary_cross_entropy"])
def test_bad_input_is_named(loss: str, settings: dict[str, Any], parts: list[object]) -> None:
    with rejected((ValueError, TypeError), loss, *parts):
        getattr(ops, loss)(**settings)
