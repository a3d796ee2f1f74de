"""Every metric beside a real Keras: values over options, shapes and weights; names.

In a training and in files: test_metrics_models_peer.py. Configs: test_keras_table_peer.py.
"""

from __future__ import annotations

from typing import Any

import keras_table
import numpy as np
import pytest
from fastcnn import metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from keras_table import TABLE, Entry, known_as
from peer_keras import QUIET, keras_or_skip

pytestmark = QUIET

ROUNDING = 2e-6  # relative: Keras adds up in float32, and a logarithm may round otherwise
CLASSES = 7
RANDOM = np.random.default_rng(0)


@pytest.fixture(scope="module")
def keras() -> Any:
    return keras_or_skip()


def of_kind(kind: str, batch: int, shape: tuple[int, ...] = ()) -> tuple[Any, Any]:
    """Labels and predictions of a kind, (4 + batch, ...) samples; keras_table.py lists the kinds."""
    random = np.random.default_rng(batch)
    rows = (4 + batch, *shape)
    if kind == "equal":
        return random.integers(0, 3, rows), random.integers(0, 3, rows)
    if kind == "01":
        return random.integers(0, 2, rows), random.random(rows, dtype=np.float32)
    if kind == "floats":
        return random.standard_normal(rows, dtype=np.float32), random.standard_normal(rows, dtype=np.float32)
    probabilities = random.dirichlet(np.ones(CLASSES), rows).astype(np.float32)
    probabilities[0] = np.eye(CLASSES)[0]  # certain, and so clipped; with ties
    classes = random.integers(0, CLASSES, rows)
    return (np.eye(CLASSES, dtype=np.float32)[classes] if kind == "rows" else classes), probabilities


# Mean has a test of its own.
ENTRIES = [entry for entry in TABLE["metrics"] if entry.data != "values"]
CASES = [(entry.name, entry.arguments, entry.data, entry.shapes) for entry in ENTRIES]
IDS = [known_as(entry) for entry in ENTRIES]


def pair(keras: Any, name: str, arguments: dict[str, Any]) -> tuple[Any, Any]:
    return keras_table.pair(keras, "metrics", Entry(name, arguments))


def agree(ours: Any, theirs: Any) -> None:
    mine, its = ours.result(), np.asarray(theirs.result())
    assert np.shape(mine) == its.shape
    assert np.asarray(mine).dtype == np.float32
    np.testing.assert_allclose(mine, its, rtol=ROUNDING, atol=1e-7)


@pytest.mark.parametrize(("name", "arguments", "kind", "shapes"), CASES, ids=IDS)
def test_the_values_are_keras_s_over_batches_and_after_a_reset(
    keras: Any, name: str, arguments: dict[str, Any], kind: str, shapes: tuple[tuple[int, ...], ...]
) -> None:
    for shape in shapes:
        ours, theirs = pair(keras, name, arguments)
        if not arguments.get("multi_label"):  # where Keras's has no result before it knows how many labels there are
            agree(ours, theirs)
        for batch in (1, 36, 0):
            y_true, y_pred = of_kind(kind, batch, shape)
            if arguments.get("from_sorted_ids"):
                y_pred = np.argsort(-y_pred, axis=-1).astype(np.float32)
            for metric in (ours, theirs):
                metric.update_state(y_true, y_pred)
            agree(ours, theirs)
        for metric in (ours, theirs):
            metric.reset_state()
        agree(ours, theirs)
        for metric in (ours, theirs):
            metric.update_state(y_true, y_pred)
        agree(ours, theirs)


@pytest.mark.parametrize(("name", "arguments", "kind", "shapes"), CASES, ids=IDS)
def test_the_values_are_keras_s_with_weights(
    keras: Any, name: str, arguments: dict[str, Any], kind: str, shapes: tuple[tuple[int, ...], ...]
) -> None:
    for shape in shapes:
        y_true, y_pred = of_kind(kind, 16, shape)
        if arguments.get("from_sorted_ids"):
            y_pred = np.argsort(-y_pred, axis=-1).astype(np.float32)
        weights = [RANDOM.random(20, dtype=np.float32) * (np.arange(20) % 3), np.zeros(20)]
        if y_pred.ndim == 2:
            weights += [RANDOM.random((20, 1), dtype=np.float32), np.float32(0.5)]
        for weight in weights:
            ours, theirs = pair(keras, name, arguments)
            try:
                theirs.update_state(y_true, y_pred, sample_weight=weight)
            except Exception:
                with pytest.raises(ValueError, match="sample_weight has shape"):
                    ours.update_state(y_true, y_pred, sample_weight=weight)
                continue
            ours.update_state(y_true, y_pred, sample_weight=weight)
            agree(ours, theirs)


@pytest.mark.parametrize(
    ("name", "kind", "labels", "predictions"),
    [
        ("Accuracy", "equal", (20,), (20, 1)),
        ("BinaryAccuracy", "01", (20,), (20, 1)),
        ("BinaryAccuracy", "01", (20, 1), (20,)),
        ("BinaryAccuracy", "01", (20, 3, 1), (20, 3)),
        ("Precision", "01", (20,), (20, 1)),
        ("Recall", "01", (20, 1), (20,)),
        ("AUC", "01", (20,), (20, 1)),
        ("AUC", "01", (20, 3), (20, 3, 1)),
        ("MeanSquaredError", "floats", (20,), (20, 1)),
        ("MeanAbsoluteError", "floats", (20, 1), (20,)),
        ("RootMeanSquaredError", "floats", (20, 3), (20, 3, 1)),
        ("SparseCategoricalAccuracy", "classes", (20, 1), (20, 7)),
        ("SparseTopKCategoricalAccuracy", "classes", (20, 1), (20, 7)),
        ("SparseCategoricalCrossentropy", "classes", (20, 1), (20, 7)),
    ],
)
def test_a_last_axis_of_one_may_be_missing(
    keras: Any, name: str, kind: str, labels: tuple[int, ...], predictions: tuple[int, ...]
) -> None:
    y_true, y_pred = of_kind(kind, 16, labels[1:] if kind != "classes" else ())
    y_true, y_pred = y_true.reshape(labels), y_pred.reshape(predictions)
    for weight in (None, RANDOM.random(20, dtype=np.float32)):
        ours, theirs = pair(keras, name, {})
        for metric in (ours, theirs):
            metric.update_state(y_true, y_pred, sample_weight=weight)
        agree(ours, theirs)


# Predictions at the thresholds themselves, beyond [0, 1], and often the same.
probabilities = st.one_of(
    st.integers(0, 8).map(lambda eighth: eighth / 8), st.floats(-0.5, 1.5, width=32), st.integers(0, 199).map(lambda i: i / 199)
)  # fmt: skip


@settings(max_examples=60)
@given(
    samples=st.lists(st.tuples(st.integers(0, 1), probabilities, st.sampled_from([0.0, 0.5, 1.0, 2.0])), min_size=1, max_size=30),
    arguments=st.fixed_dictionaries(
        {
            "curve": st.sampled_from(["ROC", "PR"]),
            "summation_method": st.sampled_from(["interpolation", "minoring", "majoring"]),
            "num_thresholds": st.sampled_from([2, 3, 9, 200]),
        },
        optional={"thresholds": st.sampled_from([[0.5], [0.125, 0.9, 0.25], [0.25, 0.5, 0.75]])},
    ),
)  # fmt: skip
def test_areas_at_the_edges_of_the_thresholds(
    keras: Any, samples: list[tuple[int, float, float]], arguments: dict[str, Any]
) -> None:
    y_true, y_pred, weights = (np.array(column, np.float32) for column in zip(*samples, strict=True))
    ours, theirs = pair(keras, "AUC", arguments)
    for weight in (None, weights):
        for metric in (ours, theirs):
            metric.update_state(y_true, y_pred, sample_weight=weight)
        np.testing.assert_allclose(ours.result(), theirs.result(), rtol=1e-5, atol=1e-6)


def test_what_is_not_finite_counts_as_in_keras(keras: Any) -> None:
    rows = np.array([[np.inf, 1, 0], [-np.inf, 1, 0], [3, 1, 2], [np.nan, 1, 0]], np.float32)
    for name, arguments, labels in [
        ("SparseTopKCategoricalAccuracy", {"k": 2}, np.array([0, 1, 2, 1])),
        ("SparseTopKCategoricalAccuracy", {"k": 2}, np.array([1, 5, -1, 0])),
        ("TopKCategoricalAccuracy", {"k": 1}, np.eye(3)[[0, 1, 0, 1]]),
    ]:
        ours, theirs = pair(keras, name, arguments)
        assert ours(labels, rows) == float(theirs(labels, rows))
    for name in ("Precision", "Recall", "BinaryAccuracy"):
        ours, theirs = pair(keras, name, {})
        assert ours(np.eye(3)[[0, 1, 0, 0]], rows) == float(theirs(np.eye(3)[[0, 1, 0, 0]], rows))


@pytest.mark.parametrize(
    ("values", "weights"),
    [
        ([1, 3, 5, 7], None),
        ([1, 3, 5, 7], [1, 1, 0, 0]),
        (3.0, None),
        (3.0, 2.0),
        ([1, 3, 5], 2.0),
        (np.arange(6.0).reshape(2, 3), None),
        (np.arange(6.0).reshape(2, 3), [1, 2]),
        (np.arange(6.0).reshape(2, 3), [[1, 2, 3], [0, 0, 1]]),
        (np.arange(6.0).reshape(2, 3), [[1], [2]]),
        (np.arange(12.0).reshape(2, 3, 2), [[1, 2, 3], [0, 0, 1]]),
        ([1, 3], [0, 0]),
        ([], None),
    ],
)
def test_the_mean_of_values(keras: Any, values: Any, weights: Any) -> None:
    ours, theirs = pair(keras, "Mean", {})
    for _ in range(2):
        for metric in (ours, theirs):
            metric.update_state(values, sample_weight=weights)
        agree(ours, theirs)


def test_the_functions_are_keras_s(keras: Any) -> None:
    shared = [name for name in metrics.__all__ if name.islower() and name not in ("get", "resolve")]
    assert len(shared) == 10
    for name in shared:
        kind = "classes" if name.startswith("sparse") else "floats" if name.startswith("mean") else "01" if name.startswith("binary") else "rows"  # fmt: skip
        for shape in ((3,), (2, 3)):
            y_true, y_pred = of_kind(kind, 16, shape)
            mine = getattr(metrics, name)(y_true, y_pred)
            its = np.asarray(getattr(keras.metrics, name)(y_true, y_pred))
            assert (mine.shape, mine.dtype) == (its.shape, its.dtype)
            np.testing.assert_allclose(mine, its, rtol=ROUNDING, atol=2e-7)


# Words.


def test_names_mean_what_they_mean_to_keras(keras: Any) -> None:
    from keras.src.metrics import ALL_OBJECTS_DICT

    for name, theirs in ALL_OBJECTS_DICT.items():
        if theirs.__name__ in metrics.KNOWN:
            assert type(metrics.get(name)).__name__ == theirs.__name__
        elif theirs.__name__ not in ("Metric", "MeanMetricWrapper"):
            with pytest.raises(ValueError, match="unknown metric"):
                metrics.get(name)


def test_whether_large_is_good_is_as_keras_has_it(keras: Any) -> None:
    for name in metrics.KNOWN:
        direction = getattr(getattr(keras.metrics, name)(), "_direction", None)
        assert {True: "up", False: "down", None: None}[getattr(metrics, name).greater_is_better] == direction
