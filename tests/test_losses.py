"""Losses as objects: names, configs, values on arrays, errors. Their arithmetic is tested in ops/, a real Keras in test_keras_surface.py."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from fastcnn import losses
from fastcnn._serialization import serialize

LOGITS = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
CLASSES = np.array([0, 3, 1, 2, 2, 0])
ONE_HOT = np.eye(4)[CLASSES]
EXPECTED = float(np.mean(np.log(np.exp(LOGITS.astype(np.float64)).sum(1)) - LOGITS[np.arange(6), CLASSES]))


def test_a_loss_is_called_on_arrays() -> None:
    probabilities = np.exp(LOGITS) / np.exp(LOGITS).sum(1, keepdims=True)
    sparse, rows = losses.SparseCategoricalCrossentropy, losses.CategoricalCrossentropy
    results = [
        *(sparse(from_logits=True)(labels, LOGITS) for labels in (CLASSES, CLASSES[:, None], CLASSES.astype(float), CLASSES.tolist())),
        sparse()(CLASSES, probabilities),
        rows(from_logits=True)(ONE_HOT, LOGITS),
        rows()(ONE_HOT, probabilities.tolist()),
    ]  # fmt: skip
    np.testing.assert_allclose(results, EXPECTED, rtol=1e-5)
    assert all(type(result) is np.float32 for result in results)
    one_by_one = losses.sparse_categorical_crossentropy(CLASSES, LOGITS, from_logits=True)
    assert one_by_one.shape == (6,)
    np.testing.assert_allclose(one_by_one.mean(), EXPECTED, rtol=1e-5)


def test_class_numbers_are_smoothed_as_one_hot_rows_are() -> None:
    """Which Keras does not have."""
    probabilities = np.exp(LOGITS) / np.exp(LOGITS).sum(1, keepdims=True)
    for from_logits, outputs in ((True, LOGITS), (False, probabilities)):
        sparse, rows = (
            kind(from_logits=from_logits, label_smoothing=0.2)
            for kind in (losses.SparseCategoricalCrossentropy, losses.CategoricalCrossentropy)
        )
        assert sparse(CLASSES, outputs) == pytest.approx(rows(ONE_HOT, outputs), rel=1e-6)
        assert abs(sparse(CLASSES, outputs) - EXPECTED) > 0.01
    again = losses.get(serialize(losses.SparseCategoricalCrossentropy(label_smoothing=0.2)))
    assert again.label_smoothing == 0.2
    assert "label_smoothing" not in losses.SparseCategoricalCrossentropy().get_config()


def test_names_classes_functions_and_configs_are_all_ways_to_a_loss() -> None:
    for name in ("sparse_categorical_crossentropy", "SparseCategoricalCrossentropy"):
        loss = losses.get(name)
        assert (type(loss), loss.from_logits, loss.sparse) == (losses.SparseCategoricalCrossentropy, False, True)
    assert type(losses.get(losses.CategoricalCrossentropy)) is losses.CategoricalCrossentropy
    assert type(losses.get(losses.categorical_crossentropy)) is losses.CategoricalCrossentropy
    mine = losses.CategoricalCrossentropy(from_logits=True, name="mine")
    assert losses.get(mine) is mine
    assert losses.get(serialize(mine)).get_config() == mine.get_config()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: losses.get("sparse_categorical_crossentropi"), "losses.get: unknown loss 'sparse_categorical_crossentropi'; did you mean 'sparse_categorical_crossentropy'?"),
        (lambda: losses.get("SparseCategoricalCrossEntropy"), "did you mean 'SparseCategoricalCrossentropy'?"),
        (lambda: losses.get(3), "losses.get: a loss must be a name, a Loss or its config, but is 3"),
        (lambda: losses.SparseCategoricalCrossentropy(reduction="sum"), "SparseCategoricalCrossentropy: reduction='sum' is not supported; only 'sum_over_batch_size' is"),
        (lambda: losses.SparseCategoricalCrossentropy(ignore_class=255), "SparseCategoricalCrossentropy: ignore_class=255 is not supported; only None is"),
        (lambda: losses.CategoricalCrossentropy(label_smoothing=1.5), "CategoricalCrossentropy: label_smoothing must be in [0, 1], but is 1.5"),
        (lambda: losses.BinaryCrossentropy(label_smoothing=-0.1), "BinaryCrossentropy: label_smoothing must be in [0, 1], but is -0.1"),
        (lambda: losses.SparseCategoricalCrossentropy(label_smoothing=float("nan")), "SparseCategoricalCrossentropy: label_smoothing must be in [0, 1], but is nan"),
        (lambda: losses.CategoricalCrossentropy(axis=1), "CategoricalCrossentropy: axis=1 is not supported; only -1 is"),
        (lambda: losses.CategoricalCrossentropy.from_config({"from_logit": True}), "CategoricalCrossentropy: unknown argument 'from_logit'; did you mean 'from_logits'?"),
        (lambda: losses.SparseCategoricalCrossentropy()([0, 1], np.ones((3, 2))), "sparse_categorical_crossentropy: y_true has shape (2,), but y_pred (3, 2) wants (3,) or (3, 1)"),
        (lambda: losses.SparseCategoricalCrossentropy()([0.5], np.ones((1, 2))), "sparse_categorical_crossentropy: y_true must hold class numbers"),
        (lambda: losses.SparseCategoricalCrossentropy()([2], np.ones((1, 2))), "label"),
        (lambda: losses.CategoricalCrossentropy()([0, 1], np.ones((2, 2))), "categorical_crossentropy: y_true has shape (2,), but y_pred has (2, 2)"),
        (lambda: losses.CategoricalCrossentropy()([0, 1], np.ones(2)), "categorical_crossentropy: y_pred must have shape (rows, classes), but has (2,)"),
    ],
)  # fmt: skip
def test_a_loss_that_will_not_do_is_named(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


def test_a_flag_must_be_a_flag() -> None:
    with pytest.raises(TypeError, match="from_logits must be True or False, but is 'yes'"):
        losses.SparseCategoricalCrossentropy(from_logits="yes")  # type: ignore[arg-type]
