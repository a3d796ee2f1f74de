"""A batch of many large samples goes through the plan in parts: its gradients, results and totals are those of the whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import reference
import reference_random
from checks import assert_close
from fastcnn import config, layers, losses, optimizers
from fastcnn.plan import Plan, Totals
from fastcnn.variables import VariableStore
from numpy.typing import NDArray

# Every test runs on every backend, so that it runs under the sanitizers, too: only backends are built with them.
pytestmark = pytest.mark.usefixtures("backend")

Array = NDArray[Any]
STEP = 3
DROPOUT_PURPOSE = 1 << 16

SHAPE = (72, 72, 3)  # so much a sample that eight are a part


def large(*, dropout: bool = False, loss: losses.Loss | None = None) -> tuple[list[layers.Layer], VariableStore]:
    wide: list[layers.Layer] = [
        layers.Conv2D(16, 3, padding="same", activation="relu"),
        layers.SpatialDropout2D(0.5) if dropout else layers.ReLU(),
        layers.Dropout(0.5) if dropout else layers.ReLU(),
        layers.MaxPooling2D(2),
        layers.GlobalAveragePooling2D(),
        layers.Dense(3),
    ]
    shape: tuple[int, ...] = SHAPE
    for layer in wide:
        layer.build(shape)
        assert layer.output_shape is not None
        shape = layer.output_shape
    return wide, VariableStore([variable for layer in wide for variable in layer.weights])


def trained(
    x: Array, y: Array, weights: Array | None = None, *, dropout: bool = False
) -> tuple[Array, Array, Totals, VariableStore]:
    """The gradients, the outputs and the totals of one step."""
    config.set_seed(3)
    stack, store = large(dropout=dropout)
    optimizer = optimizers.SGD(0.0)
    optimizer.build(store)
    plan = Plan(stack, SHAPE, losses.SparseCategoricalCrossentropy(from_logits=True), optimizer, seed=7)
    plan.train_step(x, y, np.arange(len(x)), weights, learning_rate=0.0, step=STEP)
    return plan.gradients.copy(), plan.outputs(), plan.totals(), store


def batch(n: int) -> tuple[Array, Array]:
    random = np.random.default_rng(5)
    return random.normal(size=(n, *SHAPE)).astype(np.float32), (np.arange(n) % 3).astype(np.int32)


@pytest.mark.parametrize("n", [8, 13, 20, 31])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_batch_in_parts_gives_the_mean_over_its_samples(backend: str, n: int, weighted: bool) -> None:
    x, y = batch(n)
    weights = np.linspace(0, 2, n, dtype=np.float32) if weighted else None
    gradients, outputs, totals, _ = trained(x, y, weights)
    alone = [trained(x[[i]], y[[i]], None if weights is None else weights[[i]]) for i in range(n)]
    assert_close(gradients, np.mean([each[0].astype(np.float64) for each in alone], axis=0), 2e-6)
    assert_close(outputs, np.concatenate([each[1] for each in alone]).astype(np.float64), 1e-6)
    assert totals.loss == pytest.approx(sum(each[2].loss for each in alone), rel=1e-6)
    assert totals.correct == sum(each[2].correct for each in alone)


def test_parts_draw_what_the_whole_batch_would() -> None:
    """Each sample's mask follows from its place in the batch, wherever the parts end."""
    x, y = batch(20)
    _, outputs, _, store = trained(x, y, dropout=True)
    kernel, bias, last, last_bias = (variable.numpy() for variable in store.variables)
    h = np.maximum(reference.conv2d(x, kernel, bias, padding="same"), 0).astype(np.float32)
    h = reference_random.spatial_dropout(h, 0.5, seed=7, step=STEP, purpose=DROPOUT_PURPOSE).astype(np.float32)
    h = reference_random.dropout(h, 0.5, seed=7, step=STEP, purpose=DROPOUT_PURPOSE + 1)
    pooled = h.reshape(20, 36, 2, 36, 2, 16).max(axis=(2, 4)).mean(axis=(1, 2))
    assert_close(outputs, pooled @ last + last_bias, 1e-5)


def test_parts_count_as_one_batch() -> None:
    x, y = batch(20)
    stack, store = large()
    optimizer = optimizers.SGD(0.0)
    optimizer.build(store)
    plan = Plan(stack, SHAPE, losses.SparseCategoricalCrossentropy(from_logits=True), optimizer)
    plan.train_step(x, y, np.arange(20), learning_rate=0.0, step=1)
    x[17] = np.nan
    plan.evaluate_step(x, y, np.arange(20))
    plan.evaluate_step(x, y, np.arange(20))
    assert plan.totals().not_finite == 2
    assert plan.forward(x[:3], np.arange(3)).shape == (3, 3)
    assert plan.forward(x[:0], np.arange(0)).shape == (0, 3)
    many = plan.forward(x, np.arange(20)[::-1].copy())
    assert_close(many[3:], plan.forward(x[:17])[::-1].astype(np.float64), 1e-6)
