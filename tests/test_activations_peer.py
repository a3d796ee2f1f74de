"""A real Keras 3 as the peer of activations: names, values and slopes, at infinity and at NaN too, and networks with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import fastcnn
import numpy as np
import pytest
from fastcnn import activations, losses
from keras_table import normal
from peer_keras import QUIET, assert_near, keras_or_skip
from through_plan import train_step

pytestmark = QUIET

FUNCTIONS: list[tuple[str, dict[str, Any]]] = [
    ("silu", {}),
    ("swish", {}),
    ("gelu", {}),
    ("gelu", {"approximate": True}),
    ("leaky_relu", {}),
    ("leaky_relu", {"negative_slope": 1.5}),
    ("relu", {}),
    ("relu", {"negative_slope": 0.1}),
    ("relu", {"max_value": 2.5}),
    ("relu", {"max_value": 6.0}),
    ("relu", {"threshold": 0.5}),
    ("relu", {"negative_slope": 0.5, "max_value": 1.5, "threshold": 1.0}),
    ("relu", {"max_value": 1.0, "threshold": 2.0}),
]
each = pytest.mark.parametrize(("name", "settings"), FUNCTIONS)


@pytest.fixture(scope="module")
def keras() -> Any:
    return keras_or_skip()


def in_keras(keras: Any, name: str, settings: dict[str, Any], x: Any) -> tuple[Any, Any]:
    """The values and the slopes."""
    import tensorflow as tf

    variable = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(variable)
        y = getattr(keras.activations, name)(variable, **settings)
    return y.numpy(), tape.gradient(y, variable).numpy()


def in_fastcnn(name: str, settings: dict[str, Any], x: Any) -> tuple[Any, Any]:
    """The same, by way of a function and of its operation's gradient."""
    operation = {"swish": "silu"}.get(name, name)
    if name == "relu":
        operation, settings, _ = activations.relu_stage(*(settings.get(key, default) for key, default in (("negative_slope", 0.0), ("max_value", None), ("threshold", 0.0))))  # fmt: skip
    y = getattr(activations, name)(x, **settings) if name != "relu" else getattr(fastcnn.ops, operation)(x, **settings)
    needed = y if operation in ("relu", "leaky_relu") else x
    return y, getattr(fastcnn.ops, f"{operation}_backward")(np.ones_like(x), needed, **settings)


@each
def test_values_and_slopes_are_keras_s(keras: Any, name: str, settings: dict[str, Any], backend: str) -> None:
    x = np.linspace(-20, 20, 4001, dtype=np.float32) + np.float32(0.001)  # no kink
    for mine, its in zip(in_fastcnn(name, settings, x), in_keras(keras, name, settings, x), strict=True):
        np.testing.assert_allclose(mine, its, rtol=1e-5, atol=5e-6)  # of which 4e-6 are Keras's, of 1 + tanh


@each
def test_what_is_not_finite_is_keras_s(keras: Any, name: str, settings: dict[str, Any], backend: str) -> None:
    x = np.float32([np.nan, np.inf, -np.inf, 3e38, -3e38, 1e10, -1e10] * 5)
    (mine, my_slopes), (its, its_slopes) = in_fastcnn(name, settings, x), in_keras(keras, name, settings, x)
    if "threshold" in settings and "negative_slope" not in settings:  # there Keras makes 0 of NaN
        assert not its[np.isnan(x)].any()
        its = np.where(np.isnan(x), x, its)
    np.testing.assert_allclose(mine, its, rtol=1e-6)
    np.testing.assert_allclose(my_slopes, its_slopes, rtol=1e-6)


def test_names_are_keras_s(keras: Any) -> None:
    for name, function in activations.KNOWN.items():
        its = keras.activations.get(name)
        assert function.__name__ == its.__name__
        assert activations.serialize(function) == keras.activations.serialize(its)
        assert getattr(activations, name) is function
        assert getattr(keras.activations, name) is its


NETWORKS: dict[str, Callable[[Any], list[Any]]] = {
    "between convolutions": lambda layers: [
        layers.Conv2D(8, 3, activation="gelu"),
        layers.Conv2D(9, 3, strides=2, padding="same", activation="swish"),
        layers.Conv2D(17, 2),
        layers.LeakyReLU(),
        layers.GlobalAveragePooling2D(),
        layers.Dense(3),
    ],
    "before poolings and behind them": lambda layers: [
        layers.Conv2D(8, 3, activation="silu"),
        layers.MaxPooling2D(2),
        layers.Activation("gelu"),
        layers.Conv2D(6, 2, activation="leaky_relu"),
        layers.MaxPooling2D(2),
        layers.ReLU(max_value=0.5, negative_slope=0.25),
        layers.AveragePooling2D((2, 1)),
        layers.Flatten(),
        layers.Dense(3),
    ],
    "at the end": lambda layers: [
        layers.Conv2D(8, 3, activation="leaky_relu"),
        layers.ReLU(max_value=0.75),
        layers.Flatten(),
        layers.Dense(16, activation="silu"),
        layers.Dense(3, activation="gelu"),
    ],
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_s_gradients_are_keras_s(keras: Any, name: str, backend: str) -> None:
    import tensorflow as tf

    x, y = normal(6, 12, 11, 3), normal(6, 3, seed=1)
    theirs = keras.Sequential([keras.layers.Input(x.shape[1:]), *NETWORKS[name](keras.layers)])
    ours = NETWORKS[name](fastcnn.layers)
    for index, weight in enumerate(theirs.weights):
        weight.assign(normal(*weight.shape, seed=8 + index) / np.sqrt(max(1, np.prod(weight.shape[:-1]))))
    shape: tuple[int, ...] = x.shape[1:]
    for mine, its in zip(ours, theirs.layers, strict=True):
        mine.build(shape)
        mine.set_weights(its.get_weights())
        shape = mine.output_shape
    variable = tf.Variable(x)
    with tf.GradientTape() as tape:
        outputs = theirs(variable, training=True)
        loss = keras.losses.MeanSquaredError()(y, outputs)
    wanted = tape.gradient(loss, [variable, *theirs.trainable_variables])
    step = train_step(ours, losses.MeanSquaredError(), x, y)
    assert_near(step.outputs, outputs)
    assert step.loss == pytest.approx(float(loss), rel=1e-5)
    for mine, its in zip([step.dx, *step.gradients], wanted, strict=True):
        assert_near(mine, its)
