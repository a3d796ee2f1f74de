"""Activations in networks and by name: what they read is kept where their gradients need it, and those are float64's. The operations: tests/ops."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import cases
import fastcnn
import numpy as np
import pytest
from backends import offered_backends, running_or_skipped
from checks import assert_close
from fastcnn import activations, layers, losses, ops
from fastcnn.description import describe
from fastcnn.stage import Stage
from fastcnn.variables import VariableStore
from network64 import Network
from through_plan import train_step

pytestmark = pytest.mark.usefixtures("backend")

Stack = Callable[[], list[layers.Layer]]

LOSS = losses.SparseCategoricalCrossentropy(from_logits=True)


@pytest.fixture(params=offered_backends())
def backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """Those of GPUs too."""
    with running_or_skipped(request.param):
        yield request.param


def operations(stack: list[layers.Layer], loss: losses.Loss | None) -> list[tuple[str, bool]]:
    """The stages of a plan on images of 8x8x2, each with whether it writes where it reads."""
    shape: tuple[int, ...] = (8, 8, 2)
    for layer in stack:
        layer.build(shape)
        shape = layer.compute_output_shape(shape)
    store = VariableStore([variable for layer in stack for variable in layer.weights])
    described = describe([stage for layer in stack for stage in layer.stages()], (8, 8, 2), store, loss)
    return [(stage["operation"], stage["x"] == stage["y"]) for stage in described["stages"]]


@pytest.mark.parametrize("name", ["gelu", "silu", "bounded_relu"])
def test_in_training_what_an_activation_reads_is_kept_where_its_gradient_needs_it(name: str) -> None:
    activation = layers.ReLU(6.0) if name == "bounded_relu" else layers.Activation(name)
    stack = [layers.Conv2D(3, 3), activation, layers.Dropout(0.5), layers.GlobalAveragePooling2D()]
    kept = [("gather", False), ("conv2d", False), (name, False), ("dropout", True), ("global_average_pool2d", False)]
    assert operations(stack, LOSS) == kept
    kept[2] = (name, True)
    assert operations(stack, None) == kept


def test_what_runs_in_place_keeps_what_all_before_it_need() -> None:
    """Of the same buffer: a dropout may overwrite a ReLU's result, but not what may overwrite a dropout's."""
    for name in ("relu", "leaky_relu"):
        stack = [layers.Flatten(), layers.Activation(name), layers.Dropout(0.5), layers.LeakyReLU(), layers.Rescaling(-1.0), layers.ReLU(), layers.Dense(3)]  # fmt: skip
        in_place = [("gather", False), (name, True), ("dropout", True), ("leaky_relu", True), ("rescale", False), ("relu", True), ("dense", False)]  # fmt: skip
        assert operations(stack, LOSS) == in_place
        in_place[4] = ("rescale", True)
        assert operations(stack, None) == in_place


def test_only_a_plain_relu_moves_behind_a_maximum() -> None:
    def order(activation: layers.Layer) -> list[str]:
        stack = [layers.Conv2D(3, 3), activation, layers.MaxPooling2D(), layers.Flatten(), layers.Dense(3)]
        return [name for name, _ in operations(stack, LOSS)][1:-1]

    assert order(layers.ReLU()) == ["conv2d_relu_max_pool2d"]
    assert order(layers.Activation("gelu")) == ["conv2d", "gelu", "max_pool2d"]
    assert order(layers.Activation("silu")) == ["conv2d", "silu", "max_pool2d"]
    assert order(layers.LeakyReLU()) == ["conv2d", "leaky_relu", "max_pool2d"]
    assert order(layers.ReLU(6.0)) == ["conv2d", "bounded_relu", "max_pool2d"]


NETWORKS: dict[str, tuple[Stack, list[str]]] = {
    "between convolutions": (
        lambda: [
            layers.Conv2D(8, 3, activation="gelu"),
            layers.Conv2D(9, 3, activation="silu"),
            layers.Conv2D(17, 2, activation="leaky_relu"),
            layers.Flatten(),
            layers.Dense(3),
        ],
        ["conv", "gelu", "conv", "silu", "conv", "leaky_relu", "flatten", "dense"],
    ),
    "before a maximum and behind it": (
        lambda: [
            layers.Conv2D(8, 3, activation="silu"),
            layers.MaxPooling2D(),
            layers.Activation("gelu"),
            layers.Conv2D(6, 2, activation="leaky_relu"),
            layers.MaxPooling2D(),
            layers.ReLU(negative_slope=0.2),
            layers.Flatten(),
            layers.Dense(3),
        ],
        ["conv", "silu", "pool", "gelu", "conv", "leaky_relu", "pool", "leaky_relu", "flatten", "dense"],
    ),
    "one behind the other, and at the end": (
        lambda: [
            layers.Conv2D(5, 3, activation="leaky_relu"),
            layers.Activation("swish"),
            layers.Activation("gelu"),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(16, activation="gelu"),
            layers.Dense(3, activation="silu"),
        ],
        ["conv", "leaky_relu", "silu", "gelu", "relu", "flatten", "dense", "gelu", "dense", "silu"],
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("batch", [1, 7])
def test_a_network_s_gradients_are_float64_s(name: str, batch: int) -> None:
    make, words = NETWORKS[name]
    stack = make()
    rng = np.random.default_rng(4)
    x, y = rng.standard_normal((batch, 10, 11, 3)).astype(np.float32), np.arange(batch) % 3
    shape: tuple[int, ...] = x.shape[1:]
    for layer in stack:
        layer.build(shape)
        shape = layer.compute_output_shape(shape)
        layer.set_weights([rng.standard_normal(w.shape) / math.sqrt(max(1, w.size / w.shape[-1])) for w in layer.weights])  # fmt: skip
    weights = [variable.numpy() for layer in stack for variable in layer.weights]
    network = Network(words, weights, x, y)
    assert network.kinks == []
    step = train_step(stack, LOSS, x, np.int32(y))
    assert_close(step.outputs, network.logits, cases.SUM)
    for got, want in zip(step.gradients, network.gradients(), strict=True):
        assert_close(got, want, 2 * cases.SUM)


# Names.


def test_names_and_functions_are_those_of_operations() -> None:
    x = np.linspace(-4, 4, 99, dtype=np.float32)
    for name, want in {
        "gelu": ops.gelu(x),
        "silu": ops.silu(x),
        "swish": ops.silu(x),
        "leaky_relu": ops.leaky_relu(x, negative_slope=0.2),
    }.items():
        np.testing.assert_array_equal(activations.get(name)(x), want)
        np.testing.assert_array_equal(getattr(activations, name)(x), want)
        np.testing.assert_array_equal(layers.Activation(name)(x[:, np.newaxis]), want[:, np.newaxis])
    np.testing.assert_array_equal(activations.gelu(x, approximate=True), ops.gelu(x, approximate=True))
    np.testing.assert_array_equal(activations.leaky_relu(x, 0.5), ops.leaky_relu(x, negative_slope=0.5))
    np.testing.assert_array_equal(layers.LeakyReLU(0.5)(x[:, np.newaxis])[:, 0], ops.leaky_relu(x, negative_slope=0.5))


@pytest.mark.parametrize(
    ("settings", "stage"),
    [
        ({}, Stage("relu", {})),
        ({"negative_slope": 0.5}, Stage("leaky_relu", {"negative_slope": 0.5})),
        ({"max_value": 6}, Stage("bounded_relu", {"negative_slope": 0.0, "max_value": 6.0, "threshold": 0.0})),
        ({"threshold": 1.0}, Stage("bounded_relu", {"negative_slope": 0.0, "max_value": math.inf, "threshold": 1.0})),
    ],
)
def test_a_relu_is_the_simplest_operation_that_does_it(settings: dict[str, Any], stage: Stage) -> None:
    x = np.linspace(-4, 8, 99, dtype=np.float32)
    assert layers.ReLU(**settings).stages() == [stage]
    want = getattr(ops, stage.operation)(x, **stage.attributes)
    np.testing.assert_array_equal(activations.relu(x, **settings), want)
    np.testing.assert_array_equal(layers.ReLU(**settings)(x[:, np.newaxis])[:, 0], want)


def test_a_function_is_written_by_its_own_name() -> None:
    assert activations.swish is activations.silu
    assert [activations.serialize(activations.get(name)) for name in activations.KNOWN] == ["linear", "relu", "leaky_relu", "sigmoid", "silu", "silu", "gelu", "softmax"]  # fmt: skip
    assert layers.Dense(3, activation="swish").get_config()["activation"] == "silu"


def test_alpha_is_taken_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="alpha is now called negative_slope"):
        layer = layers.LeakyReLU(alpha=0.1)
    assert layer.negative_slope == 0.1
    assert "alpha" not in layer.get_config()


def test_the_package_offers_them() -> None:
    assert fastcnn.keras.activations.swish is activations.silu
    assert fastcnn.keras.layers.LeakyReLU is layers.LeakyReLU
