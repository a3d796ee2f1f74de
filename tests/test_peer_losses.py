"""Losses, weights of samples and classes, regularizers and frozen layers beside a real Keras 3: the same training, step by step."""

from __future__ import annotations

import types
from typing import Any

import numpy as np
import pytest
from fastcnn import layers, losses, models, optimizers, regularizers
from peer_keras import QUIET, keras_or_skip

pytestmark = QUIET

OURS = types.SimpleNamespace(
    layers=layers, losses=losses, models=models, optimizers=optimizers, regularizers=regularizers
)
RANDOM = np.random.default_rng(11)
X = RANDOM.random((23, 8, 8, 2)).astype(np.float32)
CLASSES = RANDOM.integers(0, 4, 23)
ROWS = RANDOM.dirichlet(np.ones(4), 23).astype(np.float32)
WEIGHTS = RANDOM.random(23) * 2
HALVES = (RANDOM.random((23, 4)) > 0.5).astype(np.float32)
ROUNDING = 2e-5


@pytest.fixture(scope="module")
def keras() -> Any:
    return keras_or_skip()


def model(words: Any, loss: Any, activation: str | None, optimizer: str = "adam", **of_layers: Any) -> Any:
    """Convolution, averages and a dense layer, compiled; `of_layers` are the two layers' arguments."""
    first, last = of_layers.get("first", {}), of_layers.get("last", {})
    it = words.models.Sequential(
        [
            words.layers.Input(X.shape[1:]),
            words.layers.Conv2D(3, 3, activation="sigmoid", **{name: make(words) for name, make in first.items()}),
            words.layers.AveragePooling2D(2),
            words.layers.Flatten(),
            words.layers.Dense(4, activation=activation, **{name: make(words) for name, make in last.items()}),
        ]
    )
    it.compile(optimizer, loss(words))
    random = np.random.default_rng(3)
    it.set_weights([random.normal(0, 0.4, weight.shape).astype(np.float32) for weight in it.get_weights()])
    return it


def assert_same_training(keras: Any, y: Any, make: Any, change: Any = lambda it: None, **fit: Any) -> None:
    ours, theirs = make(OURS), make(keras)
    for it in (ours, theirs):
        change(it)
    settings = {"batch_size": 7, "epochs": 3, "shuffle": False, "verbose": 0, **fit}
    mine, its = (it.fit(X, y, **settings).history for it in (ours, theirs))
    assert list(mine) == list(its)
    for name, values in its.items():
        assert mine[name] == pytest.approx(values, rel=ROUNDING), name
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=ROUNDING)
    assert ours.evaluate(X, y, verbose=0) == pytest.approx(theirs.evaluate(X, y, verbose=0), rel=ROUNDING)
    np.testing.assert_allclose(ours.predict(X, verbose=0), theirs.predict(X, verbose=0), atol=ROUNDING)


CASES = {
    "mse": (lambda words: "mse", None, ROWS),
    "mse of a sigmoid": (lambda words: words.losses.MeanSquaredError(), "sigmoid", ROWS),
    "mse of a softmax": (lambda words: "mean_squared_error", "softmax", ROWS),
    "binary, sigmoid": (lambda words: "binary_crossentropy", "sigmoid", HALVES),
    "binary, logits": (lambda words: words.losses.BinaryCrossentropy(from_logits=True), None, HALVES),
    "binary, relu": (lambda words: "bce", "relu", HALVES),
    "sparse": (lambda words: "sparse_categorical_crossentropy", "softmax", CLASSES),
    "categorical": (lambda words: "categorical_crossentropy", "softmax", ROWS),
}


FITS: dict[str, dict[str, Any]] = {
    "": {},
    "sample_weight": {"sample_weight": WEIGHTS},
    "class_weight": {"class_weight": {0: 2.0, 2: 0.25}},
    "split": {"sample_weight": WEIGHTS[:, None], "validation_split": 0.3},
    "frequency": {"validation_split": 0.3, "validation_freq": 2, "validation_batch_size": 2},
}


@pytest.mark.parametrize(
    ("case", "fit"),
    [
        (case, fit)
        for case in CASES
        for fit in FITS
        if (fit, CASES[case][2] is HALVES) != ("class_weight", True)  # which class those have is not said
    ],
)
def test_a_training_with_each_loss(case: str, fit: str, keras: Any) -> None:
    loss, activation, y = CASES[case]
    assert_same_training(keras, y, lambda words: model(words, loss, activation), **FITS[fit])


def test_validation_data_have_weights_of_their_own(keras: Any) -> None:
    held = (X[:9], CLASSES[:9], WEIGHTS[:9])
    assert_same_training(
        keras,
        CLASSES,
        lambda words: model(words, *CASES["sparse"][:2]),
        validation_data=held,
        validation_freq=[1, 3],
    )


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize(
    "of_layers",
    [
        {"first": {"kernel_regularizer": lambda words: "l2"}},
        {"last": {"kernel_regularizer": lambda words: words.regularizers.L1(0.03)}},
        {
            "first": {"bias_regularizer": lambda words: words.regularizers.L1L2(0.02, 0.05)},
            "last": {
                "kernel_regularizer": lambda words: words.regularizers.L2(0.1),
                "bias_regularizer": lambda words: "l1",
            },
        },
        {"last": {"kernel_regularizer": lambda words: "l1l2"}},
        {"first": {"kernel_regularizer": lambda words: "l2", "trainable": lambda words: False}},
    ],
)
def test_a_training_with_regularizers(optimizer: str, of_layers: Any, keras: Any) -> None:
    """Their penalty is in the loss, in training and in evaluation, but not that of a frozen layer."""
    assert_same_training(keras, CLASSES, lambda words: model(words, *CASES["sparse"][:2], optimizer, **of_layers))


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("frozen", [(0,), (3,), (0, 3)])
def test_a_training_with_frozen_layers(optimizer: str, frozen: tuple[int, ...], keras: Any) -> None:
    def change(it: Any) -> None:
        before = it.get_weights()
        for index in frozen:
            it.layers[index].trainable = False
        it.compile(optimizer, "sparse_categorical_crossentropy")
        assert len(it.trainable_weights) == 4 - 2 * len(frozen)
        it.set_weights(before)

    if frozen == (0, 3):
        ours = model(OURS, *CASES["sparse"][:2], optimizer)
        change(ours)
        before = ours.get_weights()
        ours.fit(X, CLASSES, verbose=0)  # Keras refuses to
        for a, b in zip(ours.get_weights(), before, strict=True):
            np.testing.assert_array_equal(a, b)
        return
    assert_same_training(keras, CLASSES, lambda words: model(words, *CASES["sparse"][:2], optimizer), change)


@pytest.mark.parametrize("identifier", ["l1", "l2", "l1l2", "L1", "L2", "L1L2"])
def test_regularizers_by_name(identifier: str, keras: Any) -> None:
    mine, its = regularizers.get(identifier), keras.regularizers.get(identifier)
    assert mine is not None
    assert mine.get_config() == its.get_config()
    w = np.random.default_rng(6).standard_normal((3, 5)).astype(np.float32)
    assert float(mine(w)) == pytest.approx(float(its(w)), rel=1e-6)
    assert keras.regularizers.deserialize(keras.regularizers.serialize(its)).get_config() == mine.get_config()
