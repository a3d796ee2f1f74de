"""Metrics as objects: names, configs, errors, values worked out by hand, and what a training makes of them. A real Keras is in test_metrics_peer.py and test_metrics_models_peer.py."""

from __future__ import annotations

import copy
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastcnn import callbacks, layers, losses, metrics, models
from fastcnn._serialization import serialize
from numpy.typing import NDArray
from small import CLASSES, SHAPE, compiled, data

LOGITS = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
LABELS = np.array([0, 3, 1, 2, 2, 0])
ONE_HOT = np.eye(4)[LABELS]
SPARSE, ROWS = losses.SparseCategoricalCrossentropy(), losses.CategoricalCrossentropy()
BINARY, SQUARES = losses.BinaryCrossentropy(), losses.MeanSquaredError()


# Names.


def test_accuracy_means_the_one_for_the_labels_and_keeps_the_name_it_was_given() -> None:
    for name in ("accuracy", "acc", "ACC"):
        assert type(metrics.get(name, SPARSE)) is metrics.SparseCategoricalAccuracy
        assert type(metrics.get(name, ROWS)) is metrics.CategoricalAccuracy
        assert metrics.get(name, ROWS).name == name
    assert type(metrics.get("accuracy")) is metrics.Accuracy  # as in Keras, where no loss says otherwise
    given = [
        "SparseCategoricalAccuracy",
        "sparse_categorical_accuracy",
        metrics.SparseCategoricalAccuracy(name="mine"),
        "acc",
    ]
    named = [metric.name for metric in metrics.resolve(given, SPARSE)]
    assert named == ["SparseCategoricalAccuracy", "sparse_categorical_accuracy", "mine", "acc"]
    assert metrics.resolve(None, SPARSE) == []
    assert metrics.get(serialize(metrics.CategoricalAccuracy("mine"))).get_config() == {
        "name": "mine",
        "dtype": "float32",
    }


@pytest.mark.parametrize(
    ("loss", "width", "kind"),
    [
        (SPARSE, 3, metrics.SparseCategoricalAccuracy),
        (ROWS, 3, metrics.CategoricalAccuracy),
        (BINARY, 1, metrics.BinaryAccuracy),
        (BINARY, 3, metrics.CategoricalAccuracy),
        (SQUARES, 1, metrics.BinaryAccuracy),
    ],
)
def test_which_accuracy_is_meant_follows_from_the_outputs_too(loss: losses.Loss, width: int, kind: type) -> None:
    measured = metrics.CompiledMetrics(["acc", "mse"] if loss is not SPARSE else ["acc"], ["accuracy"], loss)
    for size in (2, 1, width, width):
        measured.settle(size)
    assert type(measured.metrics[0]) is kind
    assert type(measured.weighted[0]) is kind
    assert [metric.name for metric in measured.all] == measured.names
    assert measured.written[0][0] == "acc"
    assert measured.written[1] == ["accuracy"]


def test_names_that_come_again_are_told_apart() -> None:
    measured = metrics.CompiledMetrics(["mse", "mae", "mse", "mse"], ["auc", "mse", "mse"], BINARY)
    assert measured.names == ["mse", "mae", "mse_1", "mse_2", "auc", "weighted_mse", "weighted_mse_1"]


def test_names_classes_functions_and_configs_are_all_ways_to_a_metric() -> None:
    for identifier in ("mse", "MSE", "mean_squared_error", "MeanSquaredError", metrics.MeanSquaredError, metrics.mean_squared_error, losses.mean_squared_error, {"class_name": "MeanSquaredError", "config": {}}):  # fmt: skip
        metric = metrics.get(identifier)
        assert type(metric) is metrics.MeanSquaredError
        assert metric.name == "mean_squared_error"
    assert metrics.get("auc", BINARY).name == "auc"
    mine = metrics.AUC(name="mine", curve="PR", thresholds=[0.9, 0.5])
    assert metrics.get(mine) is mine
    assert metrics.get(serialize(mine)).get_config() == mine.get_config()
    own = metrics.get(first_output)
    assert isinstance(own, metrics.MeanMetricWrapper)
    assert (own.name, own.fn) == ("first_output", first_output)
    with pytest.raises(ValueError, match="a config holds no code"):
        own.get_config()


def first_output(y_true: NDArray[Any], y_pred: NDArray[Any]) -> NDArray[Any]:
    return y_pred[:, 0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: metrics.get("acuracy", SPARSE), "metrics.get: unknown metric 'acuracy'; did you mean 'accuracy'?"),
        (lambda: metrics.get("Presicion"), "metrics.get: unknown metric 'Presicion'; did you mean 'Precision'?"),
        (lambda: metrics.get("acc"), "metrics.get: 'acc' depends on the labels, so it needs a loss"),
        (lambda: metrics.get(3), "metrics.get: a metric must be a name, a Metric, its config or a function, but is 3"),
        (lambda: metrics.get("categorical_accuracy", SPARSE), "CategoricalAccuracy takes a label for each output (one-hot rows), but SparseCategoricalCrossentropy takes class numbers; 'accuracy' means"),
        (lambda: metrics.get("auc", SPARSE), "AUC takes a label for each output (one-hot rows), but SparseCategoricalCrossentropy takes class numbers"),
        (lambda: metrics.get("sparse_top_k_categorical_accuracy", ROWS), "takes class numbers, but CategoricalCrossentropy takes a label for each output"),
        (lambda: metrics.resolve("accuracy", SPARSE), "compile: metrics must be a list, such as ['accuracy'], but is 'accuracy'"),
        (lambda: metrics.resolve(["mean"], SPARSE), "compile: Mean is of values, but metrics are told labels and predictions"),
        (lambda: metrics.CategoricalAccuracy.from_config({"nam": "x"}), "CategoricalAccuracy: unknown argument 'nam'; did you mean 'name'?"),
        (lambda: metrics.CategoricalAccuracy(dtype="float64"), "CategoricalAccuracy: dtype='float64' is not supported"),
        (lambda: metrics.CategoricalAccuracy()([0, 1], LOGITS[:2]), "categorical_accuracy: y_true has shape (2,), but y_pred has (2, 4)"),
        (lambda: metrics.SparseCategoricalAccuracy()([0, 1], LOGITS), "sparse_categorical_accuracy: y_true has shape (2,), but y_pred (6, 4) wants (6,) or (6, 1)"),
        (lambda: metrics.SparseCategoricalAccuracy()(0, 1.0), "sparse_categorical_accuracy: y_pred must have shape (..., classes), but has ()"),
        (lambda: metrics.SparseCategoricalCrossentropy()([0, 1], LOGITS), "sparse_categorical_crossentropy: y_true has shape (2,), but y_pred (6, 4) wants (6,) or (6, 1)"),
        (lambda: metrics.CategoricalCrossentropy(axis=2)(ONE_HOT, LOGITS), "categorical_crossentropy: axis is 2, but y_pred has shape (6, 4)"),
        (lambda: metrics.SparseCategoricalCrossentropy(axis=1), "SparseCategoricalCrossentropy: axis=1 is not supported; only -1 is"),
        (lambda: metrics.BinaryCrossentropy(label_smoothing=1.5), "BinaryCrossentropy: label_smoothing must be at most 1, but is 1.5"),
        (lambda: metrics.MeanSquaredError()(ONE_HOT[:, :1], LOGITS), "mean_squared_error: y_true has shape (6, 1), but y_pred has (6, 4)"),
        (lambda: metrics.MeanSquaredError()(ONE_HOT, LOGITS, [1, 2]), "MeanSquaredError: sample_weight has shape (2,), but the values have (6,)"),
        (lambda: metrics.TopKCategoricalAccuracy(k=0), "TopKCategoricalAccuracy: k must be an integer of at least 1, but is 0"),
        (lambda: metrics.Precision(thresholds=1.5), "Precision: thresholds must be in [0, 1], but one is 1.5"),
        (lambda: metrics.Recall(thresholds=[]), "Recall: thresholds must not be empty"),
        (lambda: metrics.Recall(top_k=9)(ONE_HOT, LOGITS), "Recall: top_k is 9, but y_pred has 4 outputs a row"),
        (lambda: metrics.Recall(class_id=4)(ONE_HOT, LOGITS), "Recall: class_id is 4, but y_pred has shape (6, 4)"),
        (lambda: metrics.Precision()(LABELS, LOGITS), "Precision: y_true has shape (6,), but y_pred has (6, 4)"),
        (lambda: metrics.Precision()(ONE_HOT, LOGITS, [1, 2]), "Precision: sample_weight has shape (2, 1), but the values have (6, 4)"),
        (lambda: metrics.AUC(num_thresholds=1), "AUC: num_thresholds must be at least 2, but is 1"),
        (lambda: metrics.AUC(curve="RC"), "AUC: unknown curve 'RC'; did you mean 'ROC'?"),
        (lambda: metrics.AUC(summation_method="mean"), "AUC: unknown summation_method 'mean'"),
        (lambda: metrics.AUC(num_labels=3), "AUC: num_labels is for multi_label=True alone"),
        (lambda: metrics.AUC(multi_label=True)([0, 1], [0.5, 0.5]), "AUC: y_pred must have shape (N, labels) for multi_label, but has (2,)"),
        (lambda: metrics.AUC(multi_label=True, num_labels=3)(ONE_HOT, LOGITS), "AUC: y_pred must have shape (N, 3) for multi_label, but has (6, 4)"),
    ],
)  # fmt: skip
def test_a_metric_that_will_not_do_is_named(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


# Values.


def test_a_metric_counts_batches_until_it_is_reset() -> None:
    metric = metrics.SparseCategoricalAccuracy()
    assert metric.result() == 0
    assert metric([1, 2], [[0, 1, 0], [0, 1, 0]]) == 0.5
    assert metric([[1], [1]], [[0, 1, 0], [0, 1, 0]]) == 0.75
    metric.reset_state()
    assert metric.result() == 0
    assert metrics.CategoricalAccuracy()(ONE_HOT, LOGITS) == np.float32(np.mean(LOGITS.argmax(1) == LABELS))
    nan = float("nan")
    assert (
        metric([1, 0, 0], [[nan, 1, 0], [1, 1, 0], [nan, nan, nan]]) == 1
    )  # NaN is never the largest, and the first of equals wins


def test_values_worked_out_by_hand() -> None:
    y_true, y_pred = [0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9]
    assert metrics.BinaryAccuracy()(y_true, y_pred) == 0.75  # 0.5 is not above 0.5
    assert metrics.BinaryAccuracy(threshold=0.2)(y_true, y_pred) == 0.75
    assert metrics.Precision()(y_true, y_pred) == 1
    assert metrics.Recall()(y_true, y_pred) == 0.5
    np.testing.assert_allclose(metrics.Precision([0.2, 0.6])(y_true, y_pred), [2 / 3, 1])
    assert metrics.Recall()(y_true, y_pred, [1, 1, 3, 1]) == 0.25
    # At -1e-7, 0.5 and 1 + 1e-7: true positives 2 1 0, false ones 2 0 0, so the curve runs (1, 1), (0, 1/2), (0, 0)
    assert metrics.AUC(num_thresholds=3)(y_true, y_pred) == 0.75
    assert metrics.AUC(num_thresholds=3, summation_method="minoring")(y_true, y_pred) == 0.5
    assert metrics.AUC(num_thresholds=3, summation_method="majoring")(y_true, y_pred) == 1
    # Precision 1/2, 1, and 0 where nothing is above; recall 1, 1/2, 0
    assert metrics.AUC(num_thresholds=3, curve="PR", summation_method="majoring")(y_true, y_pred) == 1
    # From tp, P = 1, 1 to 2, 4: slope 1/3, so 1/3 (1 + 2/3 log 4) / 2; before, precision 1 up to recall 1/2
    wanted = 0.5 + (1 + 2 / 3 * np.log(4)) / 6
    assert metrics.AUC(num_thresholds=3, curve="PR")(y_true, y_pred) == pytest.approx(wanted, rel=1e-6)
    assert metrics.AUC(thresholds=[0.4])(y_true, y_pred) == 0.5
    assert metrics.MeanAbsoluteError()([[1.0, 2.0]], [[2.0, 4.0]]) == 1.5
    assert metrics.RootMeanSquaredError()([[1.0, 2.0], [0.0, 0.0]], [[2.0, 3.0], [7.0, 7.0]], [1, 0]) == 1
    assert metrics.BinaryCrossentropy()([1, 0], [0.25, 0.5]) == pytest.approx((np.log(4) + np.log(2)) / 2, rel=1e-6)
    top = metrics.SparseTopKCategoricalAccuracy(k=2)
    assert top([0, 1, 2], [[3, 2, 1], [2, 2, 2], [3, 2, 1]]) == pytest.approx(2 / 3)  # of equals, none is outside


def test_a_file_may_ask_for_any_number_of_thresholds_without_getting_them() -> None:
    config = metrics.AUC(num_thresholds=10**15).get_config()
    assert metrics.AUC.from_config(config).num_thresholds == 10**15


def test_many_batches_lose_nothing() -> None:
    """In float32, 2 ** 24 + 1 is 2 ** 24."""
    metric = metrics.Mean()
    metric.update_state(1.0, 2.0**24)
    for _ in range(64):
        metric.update_state(0.0)
    assert metric.count == 2**24 + 64
    assert metric.total == 2**24


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
def test_a_training_that_diverges_makes_no_noise(value: float) -> None:
    y_pred = np.full((4, 3), value, np.float32)
    rows = np.eye(3, dtype=np.float32)[[0, 1, 2, 0]]
    for name, kind in metrics.KNOWN.items():
        metric = kind()
        labels = np.array([0, 1, 2, 0]) if metric.sparse else rows
        for _ in range(2):  # an error would be raised for any warning
            metric.update_state(*((y_pred,) if name == "Mean" else (labels, y_pred)))
        assert np.ndim(metric.result()) == 0


# Trainings.


class Batches(callbacks.Callback):
    """Keeps the logs of each batch."""

    def __init__(self) -> None:
        super().__init__()
        self.logs: list[dict[str, Any]] = []

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.logs.append(dict(logs or {}))


def scores(y_true: NDArray[Any], y_pred: NDArray[Any]) -> NDArray[Any]:
    assert y_true.shape == (len(y_pred),)
    assert y_true.dtype == np.int32
    return y_pred[np.arange(len(y_true)), y_true]


def test_what_a_training_tells_a_metric_is_what_the_model_said_before_the_step() -> None:
    x, y = data()
    model, same = compiled(metrics=["accuracy", scores]), compiled()
    watcher = Batches()
    model.fit(x, y, batch_size=30, shuffle=False, callbacks=[watcher], verbose=0)
    total = 0.0
    for batch, start in enumerate((0, 30, 60)):
        part = slice(start, start + 30)
        total += float(scores(y[part].astype(np.int32), same.predict_on_batch(x[part])).sum())
        same.train_on_batch(x[part], y[part])
        assert watcher.logs[batch]["scores"] == pytest.approx(total / min(start + 30, 75), rel=1e-5)
    said = scores(y.astype(np.int32), model.predict(x, verbose=0))
    assert model.evaluate(x, y, verbose=0, return_dict=True)["scores"] == pytest.approx(said.mean(), rel=1e-5)
    assert model.test_on_batch(x[:5], y[:5])[2] == pytest.approx(said[:5].mean(), rel=1e-5)  # type: ignore[index]


def test_metrics_that_are_told_change_no_training_and_shuffled_rows_meet_their_labels() -> None:
    x, y = data()
    plain, told = compiled(), compiled(metrics=["accuracy", metrics.SparseTopKCategoricalAccuracy(k=1, name="top")])
    odd = x[:, ::-1][:, ::-1].astype(np.int32)  # images that the core does not read itself
    for images in (x, odd):
        histories = [model.fit(images, y, epochs=2, validation_split=0.2, verbose=0).history for model in (plain, told)]
        assert histories[0]["loss"] == histories[1]["loss"]
        assert histories[1]["accuracy"] == pytest.approx(histories[1]["top"])
        assert histories[1]["val_accuracy"] == pytest.approx(histories[1]["val_top"])


def test_the_core_counts_accuracies_of_classes_and_nobody_asks_for_outputs() -> None:
    def watching(loss: losses.Loss, *names: Any, weighted: Any = None) -> bool:
        return metrics.CompiledMetrics(names, weighted, loss).watching

    assert not watching(SPARSE, "accuracy", "acc", "sparse_categorical_accuracy")
    assert not watching(ROWS, "accuracy", metrics.CategoricalAccuracy("mine"))
    assert not watching(SPARSE)
    assert watching(BINARY, "accuracy")
    assert watching(ROWS, "accuracy", "mse")
    assert watching(ROWS, weighted=["accuracy"])
    model = compiled(metrics=["accuracy"])
    accuracy = model.evaluate(*data(), verbose=0, return_dict=True)["accuracy"]  # type: ignore[call-overload]
    assert model.metrics[0].result() == np.float32(accuracy)


def test_weights_weigh_the_weighted_metrics_alone() -> None:
    x, y = data()
    model = compiled(metrics=["accuracy"], weighted_metrics=["accuracy"])
    right = model.predict(x, verbose=0).argmax(1) == y
    weights = np.where(right, 3.0, 1.0)
    logs = model.evaluate(x, y, sample_weight=weights, verbose=0, return_dict=True)
    assert isinstance(logs, dict)
    assert logs["accuracy"] == pytest.approx(right.mean())
    assert logs["weighted_accuracy"] == pytest.approx(weights[right].sum() / weights.sum())
    by_class = model.train_on_batch(x, y, class_weight={1: 4.0}, return_dict=True)
    assert isinstance(by_class, dict)
    weights = np.where(y == 1, 4.0, 1.0)
    assert by_class["weighted_accuracy"] == pytest.approx(weights[right].sum() / weights.sum())
    unweighted = model.evaluate(x, y, verbose=0, return_dict=True)
    assert isinstance(unweighted, dict)
    assert unweighted["weighted_accuracy"] == pytest.approx(unweighted["accuracy"])


class Largest(metrics.Metric):
    """A user's own metric: the largest output of all."""

    greater_is_better = False

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name=name)
        self.reset_state()

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self.largest = max(self.largest, float(y_pred.max()))

    def result(self) -> float:
        return self.largest

    def reset_state(self) -> None:
        self.largest = -np.inf


def test_a_metric_of_one_s_own() -> None:
    x, y = data()
    model = compiled(metrics=[Largest, Largest("again")])
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    assert isinstance(logs, dict)
    assert logs["largest"] == pytest.approx(model.predict(x, verbose=0).max(), rel=1e-6)
    assert logs["again"] == logs["largest"]


@pytest.mark.parametrize(
    ("metric", "greater"),
    [("accuracy", True), (metrics.AUC(name="accuracy"), True), ("mse", False), (Largest("mse"), False)],
)
def test_callbacks_know_whether_large_is_good(metric: Any, greater: bool) -> None:
    model = models.Sequential([layers.Input(SHAPE), layers.Flatten(), layers.Dense(CLASSES, activation="softmax")])
    model.compile("sgd", "categorical_crossentropy", metrics=[metric])
    name = "accuracy" if greater else "mse"
    for monitor in (name, f"val_{name}"):
        stopping = callbacks.EarlyStopping(monitor=monitor)
        stopping.set_model(model)
        assert stopping._greater_is_better() is greater


def test_a_direction_that_nobody_knows_is_asked_for() -> None:
    x, y = data()
    model = compiled(metrics=[scores])
    with pytest.raises(ValueError, match="monitor 'scores' is neither a loss nor a compiled metric that says whether"):
        model.fit(x, y, callbacks=[callbacks.EarlyStopping(monitor="scores")], verbose=0)
    model.fit(x, y, callbacks=[callbacks.EarlyStopping(monitor="scores", mode="max")], verbose=0)


# Files.


@pytest.mark.parametrize("ending", [".h5", ".keras"])
def test_files_keep_them(ending: str, tmp_path: Path) -> None:
    x, y = data()
    named = ["acc", metrics.SparseTopKCategoricalAccuracy(k=2, name="top"), "sparse_categorical_crossentropy"]
    model = compiled(metrics=named, weighted_metrics=["accuracy"])
    model.fit(x, y, verbose=0)
    model.save(tmp_path / f"model{ending}")
    loaded = models.load_model(tmp_path / f"model{ending}")
    assert loaded.metrics_names == ["loss", "acc", "top", "sparse_categorical_crossentropy", "accuracy"]
    assert loaded.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert again.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
    model.compile("adam", model.loss, metrics=[scores])
    model.save(tmp_path / f"model{ending}")  # by its name, as Keras does, and a file holds no code
    with pytest.raises(ValueError, match="unknown metric 'scores'"):
        models.load_model(tmp_path / f"model{ending}")
    models.load_model(tmp_path / f"model{ending}", compile=False)
