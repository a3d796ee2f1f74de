"""Bad input to fit, evaluate and predict: a sentence that names the method, the argument, what came and what was wanted; nothing is trained."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pytest
from fastcnn import callbacks, layers, losses, models, optimizers
from small import CLASSES, SHAPE, compiled, data

X, Y = data()


def changed(y: Any, row: int, value: float) -> Any:
    """Labels with another value in one row."""
    y = np.array(y, np.float64 if isinstance(value, float) else np.int64)
    y[row] = value
    return y


IMAGES = [
    (
        X.astype(np.float16),
        TypeError,
        "x has dtype float16, but wanted is uint8, float32 or float64 (or another integer)",
    ),
    (X.astype(object), TypeError, "x has dtype object, but wanted is uint8, float32 or float64"),
    (X.astype(np.complex64), TypeError, "x has dtype complex64"),
    (np.full(X.shape, "a"), TypeError, "x has dtype <U1"),
    ("images", TypeError, "x is a str, but wanted is an array"),
    (None, TypeError, "x is None, but wanted is an array"),
    (np.float32(1), ValueError, "x is a single number"),
    (X[:, :7], ValueError, "x has shape (75, 7, 8, 1), but the model takes (N, 8, 8, 1)"),
    (X.repeat(3, axis=3), ValueError, "x has shape (75, 8, 8, 3), but the model takes (N, 8, 8, 1)"),
    (X[0], ValueError, "x has shape (8, 8, 1), but the model takes (N, 8, 8, 1); for a single image pass x[None]"),
    (X.reshape(75, 64), ValueError, "x has shape (75, 64), but the model takes (N, 8, 8, 1)"),
    ([[1.0], [1.0, 2.0]], ValueError, "x cannot be made into one array"),
]

LABELS = [
    (Y[:10], ValueError, "y has 10 labels, but there are 75 images"),
    (np.int64(3), ValueError, "y is a single number, but there are 75 images"),
    (changed(Y, 17, 3), ValueError, "y[17] is 3, but the model has 3 outputs, so classes run from 0 to 2"),
    (changed(Y, 5, -1), ValueError, "y[5] is -1, but the model has 3 outputs, so classes run from 0 to 2"),
    (changed(Y, 5, 1.5), ValueError, "y[5] is 1.5, but a class is a whole number"),
    (changed(Y, 6, np.nan), ValueError, "y[6] is nan, but a class is a whole number"),
    (changed(Y, 7, np.inf), ValueError, "y[7] is inf"),
    (changed(Y, 8, 2**40), ValueError, "y[8] is 1099511627776"),
    (changed(Y, 17, 3)[:, None], ValueError, "y[17] is 3, but the model has 3 outputs"),
    (np.full(75, 2**64 - 1, np.uint64), ValueError, "y[0] is 18446744073709551615"),
    (
        np.eye(CLASSES)[Y],
        ValueError,
        "y has shape (75, 3), but wanted is one class number an image, (75,) or (75, 1); for one-hot labels",
    ),
    (Y.reshape(75, 1, 1), ValueError, "y has shape (75, 1, 1), but wanted is one class number an image"),
    (Y.astype(object), TypeError, "y has dtype object, but wanted are numbers: class numbers"),
    (Y.astype(str), TypeError, "y has dtype <U21, but wanted are numbers"),
    (None, TypeError, "y is None, but wanted is an array"),
]


def untouched(model: models.Sequential) -> bool:
    return model.optimizer is not None and model.optimizer.iterations == 0 and not hasattr(model, "history")


@pytest.mark.parametrize(("x", "error", "message"), IMAGES)
@pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_images(method: str, x: Any, error: type[Exception], message: str) -> None:
    model = compiled()
    with pytest.raises(error, match=re.escape(f"{method}: {message}")):
        getattr(model, method)(x, Y)
    assert untouched(model)


@pytest.mark.parametrize(("x", "error", "message"), IMAGES)
@pytest.mark.parametrize("method", ["predict", "predict_on_batch"])
def test_images_to_predict(method: str, x: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(f"{method}: {message}")):
        getattr(compiled(), method)(x)


@pytest.mark.parametrize(("y", "error", "message"), LABELS)
@pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_labels(method: str, y: Any, error: type[Exception], message: str) -> None:
    model = compiled()
    with pytest.raises(error, match=re.escape(f"{method}: {message}")):
        getattr(model, method)(X, y)
    assert untouched(model)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (
            Y,
            "y has shape (75,), but wanted are one-hot rows, (75, 3); for class numbers use SparseCategoricalCrossentropy",
        ),
        (Y[:, None], "y has shape (75, 1), but wanted are one-hot rows, (75, 3); for class numbers"),
        (np.eye(4)[Y], "y has shape (75, 4), but wanted are one-hot rows, (75, 3)"),
        (np.eye(3)[Y[:9]], "y has 9 labels, but there are 75 images"),
        (
            np.eye(3)[Y] * np.where(np.arange(75) == 4, np.nan, 1)[:, None],
            "y[4] is [nan nan nan], but a probability is a finite number",
        ),
        (
            np.array([[0, 1, 0]] * 3 + [[-1, 2, 0]] + [[0, 0, 1]] * 71),
            "y[3] is [-1  2  0], but a probability is not negative",
        ),
    ],
)
def test_one_hot_labels(y: Any, message: str) -> None:
    model = compiled(loss=losses.CategoricalCrossentropy(from_logits=True))
    with pytest.raises(ValueError, match=re.escape(f"fit: {message}")):
        model.fit(X, y, verbose=0)
    assert untouched(model)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"batch_size": 0}, ValueError, "batch_size must be an integer of at least 1, but is 0"),
        ({"batch_size": -3}, ValueError, "batch_size must be an integer of at least 1, but is -3"),
        ({"batch_size": 2.5}, ValueError, "batch_size must be an integer of at least 1, but is 2.5"),
        ({"epochs": -1}, ValueError, "epochs must be an integer of at least 0, but is -1"),
        ({"epochs": 1.5}, ValueError, "epochs must be an integer of at least 0, but is 1.5"),
        ({"initial_epoch": -1}, ValueError, "initial_epoch must be an integer of at least 0, but is -1"),
        ({"validation_split": 1.0}, ValueError, "validation_split must be in [0, 1), but is 1.0"),
        ({"validation_split": -0.1}, ValueError, "validation_split must be in [0, 1), but is -0.1"),
        ({"validation_split": np.nan}, ValueError, "validation_split must be in [0, 1), but is nan"),
        ({"validation_split": "0.1"}, TypeError, "validation_split must be a number, but is '0.1'"),
        ({"validation_split": 0.999}, ValueError, "validation_split=0.999 of 75 images leaves none for training"),
        (
            {"validation_data": X},
            ValueError,
            "validation_data must be (x, y) or (x, y, sample_weight), but is a ndarray",
        ),
        (
            {"validation_data": (X, Y, Y, Y)},
            ValueError,
            "validation_data must be (x, y) or (x, y, sample_weight), but is 4 entries",
        ),
        ({"validation_data": (X, Y, Y[:3])}, ValueError, "validation_data's sample_weight has shape (3,)"),
        ({"sample_weight": [1.0]}, ValueError, "sample_weight has shape (1,), but wanted is one number an image"),
        ({"sample_weight": np.where(np.arange(len(Y)) == 2, np.inf, 1)}, ValueError, "sample_weight[2] is inf"),
        ({"sample_weight": ["a"] * len(Y)}, TypeError, "sample_weight has dtype <U1"),
        ({"class_weight": [1.0]}, TypeError, "class_weight must be a dict from class numbers to weights, but is [1.0]"),
        ({"class_weight": {"a": 1.0}}, ValueError, "class_weight has a key 'a', but its keys are class numbers"),
        ({"class_weight": {0: np.nan}}, ValueError, "class_weight[0] must be finite, but is nan"),
        ({"class_weight": {0: 1.0}, "sample_weight": Y}, ValueError, "class_weight and sample_weight cannot be given"),
        ({"validation_freq": 0}, ValueError, "validation_freq must be an integer of at least 1, but is 0"),
        (
            {"validation_freq": [2, "a"]},
            ValueError,
            "validation_freq's entry must be an integer of at least 1, but is 'a'",
        ),
        ({"validation_batch_size": 0}, ValueError, "validation_batch_size must be an integer of at least 1, but is 0"),
        ({"validation_data": (X[:, :7], Y)}, ValueError, "validation_data's x has shape (75, 7, 8, 1)"),
        ({"validation_data": (X[:0], Y[:0])}, ValueError, "validation_data's x is empty (shape (0, 8, 8, 1))"),
        ({"validation_data": (X, changed(Y, 9, 5))}, ValueError, "validation_data's y[9] is 5"),
        ({"verbose": 3}, ValueError, "verbose is 3, but wanted is 'auto', 0, 1 or 2"),
        ({"callbacks": [print]}, TypeError, "callbacks has a builtin_function_or_method"),
        ({"callbacks": callbacks.History}, TypeError, "callbacks has a type"),
    ],
)
def test_arguments_of_fit(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    model = compiled()
    with pytest.raises(error, match=re.escape(f"fit: {message}")):
        model.fit(X, Y, **{"verbose": 0, **arguments})
    assert untouched(model)


def test_a_label_of_the_part_that_is_held_out_is_named_by_its_row_in_all() -> None:
    with pytest.raises(ValueError, match=re.escape("fit: y[70] is 9")):
        compiled().fit(X, changed(Y, 70, 9), validation_split=0.2, verbose=0)


@pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_an_empty_set(method: str) -> None:
    with pytest.raises(
        ValueError, match=re.escape(f"{method}: x is empty (shape (0, 8, 8, 1)), but at least one image is needed")
    ):
        getattr(compiled(), method)(X[:0], Y[:0])


@pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_a_model_that_was_not_compiled(method: str) -> None:
    model = models.Sequential([layers.Input(SHAPE), layers.Flatten(), layers.Dense(3)])
    with pytest.raises(ValueError, match=f"{method}: the model '.*' is not compiled"):
        getattr(model, method)(X, Y)
    model.compile("sgd")
    with pytest.raises(ValueError, match=f"{method}: the model '.*' was compiled without a loss"):
        getattr(model, method)(X, Y)


def test_a_model_whose_outputs_are_no_classes() -> None:
    model = models.Sequential([layers.Input(SHAPE), layers.Conv2D(3, 3)])
    model.compile(loss=losses.SparseCategoricalCrossentropy(from_logits=True))
    message = "fit: the model's outputs have shape (N, 6, 6, 3), but SparseCategoricalCrossentropy takes (N, classes)"
    with pytest.raises(ValueError, match=re.escape(message)):
        model.fit(X, Y, verbose=0)


def test_a_model_that_was_changed_after_it_was_trained_must_be_compiled_again() -> None:
    model = compiled()
    model.fit(X, Y, verbose=0)
    model.pop()
    model.add(layers.Dense(CLASSES))
    with pytest.raises(ValueError, match="optimizer"):
        model.fit(X, Y, verbose=0)
    assert model.loss is not None
    model.compile("adam", model.loss)
    model.fit(X, Y, verbose=0)


def test_a_loss_that_stops_being_finite_is_reported_once_with_epoch_and_step() -> None:
    model = compiled(optimizer=optimizers.SGD(1e30))
    with pytest.warns(RuntimeWarning, match=r"fit: the loss is \S+ in epoch 1, step 2;") as caught:
        history = model.fit(X, Y, epochs=3, verbose=0)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert not np.isfinite(history.history["loss"]).any()


def test_a_finite_loss_is_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compiled().fit(X, Y, verbose=0)
