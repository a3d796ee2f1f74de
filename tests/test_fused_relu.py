"""conv2d_relu and dense_relu, of a plan: what the operations give one after the other, to the bit, in both directions, NaN included."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fastcnn import _core, layers, losses, models, ops, optimizers
from fastcnn.description import describe
from fastcnn.plan import Plan
from fastcnn.tutorial import tutorial_model
from fastcnn.variables import VariableStore
from hypothesis import given
from hypothesis import strategies as st
from strategies import seeds
from through_plan import train_step

# Every test runs on every backend, so that it runs under the sanitizers, too: only backends are built with them.
pytestmark = pytest.mark.usefixtures("backend")

sizes, channels = st.integers(3, 14), st.sampled_from([1, 3, 16, 17, 33])


def test_a_plan_has_them() -> None:
    model = tutorial_model()
    stages = [stage for layer in model.leaves for stage in layer.stages()]
    described = describe(stages, (32, 32, 3), model.store, None)
    pooled = "conv2d_relu_max_pool2d"
    assert [stage["operation"] for stage in described["stages"]] == ["gather", pooled, pooled, "conv2d_relu", "dense_relu", "dense"]  # fmt: skip


def by_ops(layer: Any, x: Any, target: Any) -> tuple[Any, Any, Any, Any]:
    """The output and the gradients of the mean squared error by x, kernel and bias."""
    kernel, bias = (variable.numpy() for variable in layer.weights)
    settings = {} if isinstance(layer, layers.Dense) else {"stride": layer.strides, "padding": layer.padding}
    forward, backward = (ops.dense, ops.dense_backward) if not settings else (ops.conv2d, ops.conv2d_backward)
    y = ops.relu(forward(x, kernel, bias, **settings))
    n = len(x)
    _, dy = _core.mean_squared_error(y.reshape(n, -1), target.reshape(n, -1), None)
    return y, *backward(ops.relu_backward(np.asarray(dy).reshape(y.shape), y), x, kernel, **settings)


def assert_equal(layer: Any, x: Any, seed: int) -> None:
    layer.build(x.shape[1:])
    VariableStore(layer.weights)
    random = np.random.default_rng(seed)
    layer.set_weights([random.normal(size=variable.shape) for variable in layer.weights])
    target = random.normal(size=(len(x), *layer.output_shape)).astype(np.float32)
    y, dx, dw, db = by_ops(layer, x, target)
    np.testing.assert_array_equal(Plan([layer], x.shape[1:]).forward(x), y)
    step = train_step([layer], losses.MeanSquaredError(), x, target)
    np.testing.assert_array_equal(step.outputs, y)
    for got, want in zip((step.dx, *step.gradients), (dx, dw, db), strict=True):
        np.testing.assert_array_equal(got, want)


@given(
    st.integers(1, 9), sizes, sizes, channels, channels, st.sampled_from(["valid", "same"]), st.integers(1, 2), seeds
)
def test_a_convolution(
    backend: str, n: int, h: int, w: int, c: int, k: int, padding: str, stride: int, seed: int
) -> None:
    x = np.random.default_rng(seed).normal(size=(n, h, w, c)).astype(np.float32)
    assert_equal(layers.Conv2D(k, 3, stride, padding, activation="relu"), x, seed)


@given(st.integers(1, 40), st.integers(1, 70), st.integers(1, 70), seeds)
def test_a_dense_layer(backend: str, n: int, features: int, units: int, seed: int) -> None:
    x = np.random.default_rng(seed).normal(size=(n, features)).astype(np.float32)
    assert_equal(layers.Dense(units, activation="relu"), x, seed)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite(backend: str, value: float) -> None:
    x = np.random.default_rng(0).normal(size=(4, 9, 9, 16)).astype(np.float32)
    x[2, 3, 4, 5] = value
    layer = layers.Conv2D(17, 3, activation="relu")
    layer.build(x.shape[1:])
    y = ops.relu(ops.conv2d(x, layer.kernel.numpy(), np.zeros(17, np.float32)))
    np.testing.assert_array_equal(Plan([layer], x.shape[1:]).forward(x), y)
    assert not np.isfinite(y[2]).all()


@pytest.mark.parametrize("frozen", [(0,), (1,), (0, 1), (0, 1, 2)])
def test_layers_that_do_not_learn(frozen: tuple[int, ...]) -> None:
    """What lies before the first that learns gets no gradient at all; what lies behind it passes its on."""
    x, y = np.random.default_rng(0).normal(size=(8, 6, 6, 3)).astype(np.float32), np.arange(8) % 3
    gradients = []
    for indices in ((), frozen):
        stack = [layers.Conv2D(16, 3, activation="relu"), layers.Conv2D(16, 3, activation="relu"), layers.Flatten()]
        stack += [layers.Dense(7, activation="relu"), layers.Dense(3)]
        model = models.Sequential([layers.Input((6, 6, 3)), *stack])
        learning = [model.layers[i] for i in (0, 1, 3, 4)]
        random = np.random.default_rng(1)
        model.set_weights([random.normal(size=weight.shape) for weight in model.get_weights()])
        for i in indices:
            learning[i].trainable = False
        model.compile(optimizers.SGD(0.1), losses.SparseCategoricalCrossentropy(from_logits=True))
        before = model.get_weights()
        model.fit(x, y, shuffle=False, verbose=0)
        gradients.append([new - old for new, old in zip(model.get_weights(), before, strict=True)])
    for place, (all_learn, some) in enumerate(zip(*gradients, strict=True)):
        np.testing.assert_array_equal(some, all_learn * (place // 2 not in frozen))
