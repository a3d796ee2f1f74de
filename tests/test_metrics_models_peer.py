"""Metrics of models, beside a real Keras: what a training and an evaluation report, and what files carry. Values and names: test_metrics_peer.py."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

import fastcnn
import numpy as np
import pytest
from fastcnn import layers, losses, metrics, models, optimizers
from keras_table import TABLE
from peer_keras import QUIET, begin_names_again, keras_or_skip

pytestmark = QUIET

OURS = types.SimpleNamespace(layers=layers, losses=losses, metrics=metrics, models=models, optimizers=optimizers)
ENTRIES = [entry for entry in TABLE["metrics"] if entry.data != "values"]  # Mean is of no labels and predictions
ROWS = 40
RANDOM = np.random.default_rng(0)


@pytest.fixture(scope="module")
def keras() -> Any:
    return keras_or_skip()


# Trainings.

X = RANDOM.random((ROWS, 4, 4, 1), dtype=np.float32)
LABELS = RANDOM.integers(0, 3, ROWS)


def compiled(words: Any, loss: str, named: Any, weighted: Any, last: str | None) -> Any:
    """A model with the same weights in both libraries. named, weighted : functions that make the metrics of a library's words."""
    width = 1 if loss == "binary" else 3
    model = words.models.Sequential(
        [words.layers.Input((4, 4, 1)), words.layers.Flatten(), words.layers.Dense(width, activation=last)]
    )
    random = np.random.default_rng(3)
    model.set_weights([random.normal(0, 0.5, weight.shape).astype(np.float32) for weight in model.get_weights()])
    kinds = {
        "sparse": lambda: words.losses.SparseCategoricalCrossentropy(from_logits=last is None),
        "rows": lambda: words.losses.CategoricalCrossentropy(from_logits=last is None),
        "binary": lambda: words.losses.BinaryCrossentropy(from_logits=last is None),
        "columns": lambda: words.losses.BinaryCrossentropy(from_logits=last is None),
        "squares": lambda: words.losses.MeanSquaredError(),
    }
    model.compile(
        words.optimizers.SGD(0.3), kinds[loss](), metrics=named(words.metrics), weighted_metrics=weighted(words.metrics)
    )
    return model


def labels_for(loss: str) -> Any:
    return {
        "sparse": LABELS,
        "rows": np.eye(3, dtype=np.float32)[LABELS],
        "binary": (LABELS > 0).astype(np.float32)[:, np.newaxis],
        "columns": (RANDOM.random((ROWS, 3)) > 0.5).astype(np.float32),
        "squares": RANDOM.random((ROWS, 3), dtype=np.float32),
    }[loss]


def nothing(words: Any) -> None:
    return None


TRAININGS: dict[str, tuple[str, str | None, Any, Any]] = {
    "class numbers": (
        "sparse",
        "softmax",
        lambda m: ["accuracy", "sparse_top_k_categorical_accuracy", m.SparseTopKCategoricalAccuracy(k=2, name="top_2"), m.SparseCategoricalCrossentropy(), "acc"],
        nothing,
    ),
    "logits": ("sparse", None, lambda m: [m.SparseCategoricalCrossentropy(from_logits=True)], nothing),
    "one-hot rows": (
        "rows",
        "softmax",
        lambda m: ["auc", "Precision", m.Recall(thresholds=[0.3, 0.4]), "accuracy", "top_k_categorical_accuracy", "mse", "mae", m.AUC(curve="PR", name="pr"), m.CategoricalCrossentropy(label_smoothing=0.1)],
        nothing,
    ),
    "two classes": (
        "binary",
        "sigmoid",
        lambda m: ["accuracy", m.BinaryAccuracy(threshold=0.7, name="strict"), m.AUC(name="area"), "precision", "recall", "bce"],
        nothing,
    ),
    "logits of two classes": ("binary", None, lambda m: ["acc", m.AUC(from_logits=True, name="a"), m.BinaryCrossentropy(from_logits=True)], nothing),
    "many labels": ("columns", "sigmoid", lambda m: ["accuracy", m.BinaryAccuracy(), m.AUC(multi_label=True, name="a"), m.Recall(class_id=1, name="one")], nothing),
    "squares": ("squares", None, lambda m: [m.RootMeanSquaredError(), "mean_absolute_error", "MSE"], nothing),
    "weights": ("rows", "softmax", lambda m: ["accuracy", "mse"], lambda m: ["accuracy", m.AUC(name="area"), "mae", "mse"]),
    "weights of class numbers": ("sparse", "softmax", nothing, lambda m: ["acc", m.SparseCategoricalCrossentropy(name="ce")]),
    "functions": ("rows", "softmax", lambda m: [m.categorical_accuracy, m.mean_squared_error, largest], nothing),
}  # fmt: skip


def largest(y_true: Any, y_pred: Any) -> Any:
    """A user's own function, in words that both libraries' arrays have."""
    return y_pred[:, 0] * y_true[:, 0]


@pytest.mark.parametrize("name", TRAININGS)
def test_a_training_and_an_evaluation_report_what_keras_s_report(keras: Any, name: str) -> None:
    loss, last, named, weighted = TRAININGS[name]
    y = labels_for(loss)
    weights = RANDOM.random(ROWS, dtype=np.float32) if name.startswith("weights") else None
    begin_names_again(keras)
    ours, theirs = compiled(OURS, loss, named, weighted, last), compiled(keras, loss, named, weighted, last)
    histories = [
        model.fit(
            X, y, batch_size=7, epochs=3, shuffle=False, verbose=0, sample_weight=weights,
            validation_data=(X[:9], y[:9]) if weights is None else (X[:9], y[:9], weights[:9]),
        ).history
        for model in (ours, theirs)
    ]  # fmt: skip
    assert list(histories[0]) == list(histories[1])
    for key, its in histories[1].items():
        np.testing.assert_allclose(histories[0][key], its, rtol=2e-5, atol=1e-6, err_msg=key)
    for method in ("evaluate", "test_on_batch", "train_on_batch", "evaluate"):
        more = {"verbose": 0, "batch_size": 11} if method == "evaluate" else {}
        mine, its = (
            getattr(model, method)(X, y, **more, sample_weight=weights, return_dict=True) for model in (ours, theirs)
        )
        assert list(mine) == list(its)
        for key in its:
            np.testing.assert_allclose(mine[key], its[key], rtol=2e-5, atol=1e-6, err_msg=f"{method} {key}")
    mine, its = (model.evaluate(X, y, verbose=0) for model in (ours, theirs))
    if "weighted_mse" not in histories[0]:  # Keras gives such a list's doubles in another order than their names
        for a, b in zip(mine, its, strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)


# Files.


@pytest.mark.parametrize("ending", [".h5", ".keras"])
@pytest.mark.parametrize("name", ["class numbers", "two classes", "weights"])
def test_files_carry_them_both_ways(keras: Any, name: str, ending: str, tmp_path: Path) -> None:
    loss, last, named, weighted = TRAININGS[name]
    y = labels_for(loss)
    ours, theirs = compiled(OURS, loss, named, weighted, last), compiled(keras, loss, named, weighted, last)
    for model, other in ((ours, keras.models), (theirs, models)):
        model.evaluate(X, y, verbose=0)  # Keras makes its metrics only then
        model.save(tmp_path / f"model{ending}")
        loaded = other.load_model(tmp_path / f"model{ending}")
        want = model.evaluate(X, y, verbose=0, return_dict=True)
        got = loaded.evaluate(X, y, verbose=0, return_dict=True)
        assert list(got) == list(want)
        for key in want:
            np.testing.assert_allclose(got[key], want[key], rtol=2e-5, atol=1e-6, err_msg=key)


@pytest.mark.parametrize("ending", [".h5", ".keras"])
@pytest.mark.parametrize("loss", ["sparse", "columns"])
def test_files_carry_each_metric(keras: Any, loss: str, ending: str, tmp_path: Path) -> None:
    cases = [
        (entry.name, {**entry.arguments, "name": f"number_{number}"})
        for number, entry in enumerate(ENTRIES)
        if (entry.data == "classes") == (loss == "sparse") and not entry.arguments.get("from_sorted_ids")
    ]

    def named(words: Any) -> list[Any]:
        return [getattr(words, name)(**arguments) for name, arguments in cases]

    def readable(words: Any) -> list[Any]:  # Keras cannot write its tensor
        return [metric for metric in named(words) if getattr(metric, "label_weights", None) is None]

    file = tmp_path / f"model{ending}"
    ours, theirs = compiled(OURS, loss, named, nothing, None), compiled(keras, loss, readable, nothing, None)
    ours.save(file)
    again = keras.models.load_model(file)
    again.evaluate(X, labels_for(loss), verbose=0)
    wanted = [metric.get_config() for metric in ours.metrics]
    for its, config in zip(again._compile_metrics.metrics, wanted, strict=True):
        if config.get("label_weights") is None:
            assert its.get_config() == config
    assert [metric.get_config() for metric in models.load_model(file).metrics] == wanted
    theirs.save(file)
    mine = [metric.get_config() for metric in models.load_model(file).metrics]
    assert mine == [config for config in wanted if config.get("label_weights") is None]


@pytest.mark.parametrize("ending", [".h5", ".keras"])
def test_functions_of_keras_s_own_are_read_by_their_names(keras: Any, ending: str, tmp_path: Path) -> None:
    theirs = compiled(keras, "rows", lambda m: [m.binary_accuracy, m.mean_squared_error], nothing, "softmax")
    theirs.save(tmp_path / f"model{ending}")
    loaded = models.load_model(tmp_path / f"model{ending}")
    assert [type(metric) for metric in loaded.metrics] == [metrics.BinaryAccuracy, metrics.MeanSquaredError]
    assert fastcnn.metrics.get(keras.metrics.binary_accuracy.__name__).name == "binary_accuracy"
