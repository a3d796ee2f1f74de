"""softmax_cross_entropy: the losses and their gradient."""

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
CLASSES = np.array([0, 1, 2, 0])


@pytest.mark.parametrize("case", cases.of("softmax_cross_entropy"), ids=str)
def test_agrees_with_float64(case: Case) -> None:
    assert_all_close(case.run(ops), case.run(reference), case.allowed)


@given(
    st.integers(0, 70), st.integers(2, 40), st.booleans(), st.booleans(), st.sampled_from([0.0, 0.1, 0.5, 1.0]), seeds
)
def test_agrees_with_float64_for_any_shape(
    n: int, k: int, from_logits: bool, rows: bool, smoothing: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    x = (cases.normal if from_logits else cases.probabilities)(n, k)(rng)
    labels = cases.probabilities(n, k)(rng) if rows else cases.integers(k, np.int64, n)(rng)
    settings: dict[str, Any] = {"from_logits": from_logits, "label_smoothing": smoothing}
    got = ops.softmax_cross_entropy(x, labels, **settings)
    assert_all_close(got, reference.softmax_cross_entropy(x, labels, **settings), cases.SUM)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16, np.int32, np.uint32, np.int64, np.uint64])
def test_classes_may_be_any_integers(dtype: type[np.integer[Any]]) -> None:
    x = cases.normal(4, 3)(np.random.default_rng(1))
    got, want = ops.softmax_cross_entropy(x, CLASSES.astype(dtype)), ops.softmax_cross_entropy(x, CLASSES)
    np.testing.assert_array_equal(got[0], want[0])
    np.testing.assert_array_equal(got[1], want[1])


@pytest.mark.parametrize("from_logits", [True, False])
def test_a_class_is_its_one_hot_row(from_logits: bool) -> None:
    x = (cases.normal if from_logits else cases.probabilities)(4, 3)(np.random.default_rng(1))
    rows = np.eye(3, dtype=np.float32)[CLASSES]
    want = tuple(map(np.float64, ops.softmax_cross_entropy(x, CLASSES, from_logits=from_logits)))
    assert_all_close(ops.softmax_cross_entropy(x, rows, from_logits=from_logits), want, cases.SUM)


def test_smoothed_labels_are_spread_over_the_classes() -> None:
    x = cases.normal(4, 3)(np.random.default_rng(1))
    rows = np.float32(0.7 * np.eye(3)[CLASSES] + 0.1)
    want = tuple(map(np.float64, ops.softmax_cross_entropy(x, rows)))
    for labels in (CLASSES, np.eye(3, dtype=np.float32)[CLASSES]):
        assert_all_close(ops.softmax_cross_entropy(x, labels, label_smoothing=0.3), want, cases.SUM)
    for smoothing in (-0.1, 1.5, float("nan")):
        with rejected(ValueError, "softmax_cross_entropy", "label_smoothing", "[0, 1]", smoothing):
            ops.softmax_cross_entropy(x, CLASSES, label_smoothing=smoothing)


def test_one_class_alone_is_certain() -> None:
    loss, dx = ops.softmax_cross_entropy(np.float32([[3], [-4]]), np.array([0, 0]))
    np.testing.assert_array_equal(loss, [0, 0])
    np.testing.assert_array_equal(dx, [[0], [0]])


def test_a_confident_row_has_a_loss_near_zero_and_one_that_is_wrong_the_distance() -> None:
    x = np.float32([[100, 0, 0], [100, 0, 0], [1e30, -1e30, 0]])
    loss, dx = ops.softmax_cross_entropy(x, np.array([0, 1, 1]))
    np.testing.assert_allclose(loss, [0, 100, 2e30], rtol=cases.SHORT_SUM)
    np.testing.assert_allclose(dx, np.float32([[0, 0, 0], [1, -1, 0], [1, -1, 0]]) / 3, atol=cases.SHORT_SUM)


def test_labels_need_not_sum_to_one() -> None:
    """The gradient is that of the loss, softmax(x) sum(labels) - labels, where TensorFlow's is softmax(x) - labels."""
    x, labels = np.float32([[1, 2, 3], [0, 0, 0]]), np.float32([[0.5, 0.2, 0.1], [0, 0, 0]])
    assert_all_close(ops.softmax_cross_entropy(x, labels), reference.softmax_cross_entropy(x, labels), cases.SUM)


@pytest.mark.parametrize(
    "probabilities",
    [[0.2, 0.2, 0.2], [1, 0, 0], [3, 0, 1], [0, 0.5, 0.5], [0.99999999, 1e-8, 1e-9], [0.5, 0.25, 0.125]],
)
@pytest.mark.parametrize("rows", [False, True])
def test_probabilities_are_clipped_and_divided_by_their_sum_as_in_keras(probabilities: list[float], rows: bool) -> None:
    """In the other order for rows of labels. Within a rounding of the clip's border the gradient may be either side's."""
    x = np.float32([probabilities] * 3)
    labels = np.eye(3, dtype=np.float32) if rows else np.arange(3)
    got = ops.softmax_cross_entropy(x, labels, from_logits=False)
    assert_all_close(got, reference.softmax_cross_entropy(x, labels, from_logits=False), cases.SUM)


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("rows", [True, False])
def test_nan_makes_its_row_nan_and_no_other(from_logits: bool, rows: bool) -> None:
    x = np.full((4, 3), 1 / 3, np.float32)
    x[2, 1] = np.nan
    labels = np.eye(3, dtype=np.float32)[CLASSES] if rows else CLASSES
    loss, dx = ops.softmax_cross_entropy(x, labels, from_logits=from_logits)
    np.testing.assert_array_equal(np.isnan(loss), [False, False, True, False])
    np.testing.assert_array_equal(np.isnan(dx).any(axis=1), [False, False, True, False])


def test_a_logit_of_minus_inf_takes_no_part_unless_it_is_the_label() -> None:
    x = np.float32([[-np.inf, 1, 1], [-np.inf, 1, 1]])
    loss, dx = ops.softmax_cross_entropy(x, np.array([1, 0]))
    np.testing.assert_allclose(loss, [np.log(2), np.inf], rtol=cases.SHORT_SUM)
    np.testing.assert_allclose(dx, np.float32([[0, -0.5, 0.5], [-1, 0.5, 0.5]]) / 2, rtol=cases.SHORT_SUM)


@pytest.mark.parametrize(
    ("x", "labels", "parts"),
    [
        (X[0], CLASSES, ["x ", "(N, K)", "(3,)"]),
        (X[:, :0], CLASSES, ["x ", "at least one class", (4, 0)]),
        (X, CLASSES[:3], ["labels ", "(4,)", (4, 3), "(3,)"]),
        (X, CLASSES[:, None], ["labels ", "(4,)", (4, 1)]),
        (X, np.zeros((4, 3), np.int64), ["labels ", "(4,)", (4, 3)]),
        (X, np.zeros(4, np.float32), ["labels ", (4, 3), "(4,)"]),
        (X, np.array([0, 1, 3, 7]), ["labels", "[0, 3)", "labels[2] is 3"]),
        (X, np.array([0, -1, 0, 0]), ["labels", "[0, 3)", "labels[1] is -1"]),
        (X, np.array([0, 2**40, 0, 0]), ["labels", "[0, 3)", f"labels[1] is {2**40}"]),
    ],
)
@pytest.mark.parametrize("from_logits", [True, False])
def test_bad_input_is_named(x: Any, labels: Any, parts: list[object], from_logits: bool) -> None:
    with rejected(ValueError, "softmax_cross_entropy", *parts):
        ops.softmax_cross_entropy(x, labels, from_logits=from_logits)


@pytest.mark.parametrize("dtype", [np.float64, np.float16, bool, object])
def test_labels_of_another_kind_are_named(dtype: Any) -> None:
    with rejected(TypeError, "softmax_cross_entropy", "labels ", np.dtype(dtype), "integers", "float32"):
        ops.softmax_cross_entropy(X, CLASSES.astype(dtype))
