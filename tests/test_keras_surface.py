"""A real Keras 3 as the peer of what a user types and what a file holds: signatures, defaults, names, configs, shapes, distributions."""

from __future__ import annotations

import inspect
import json
from typing import Any

import fastcnn
import numpy as np
import pytest
from fastcnn._naming import reset_names, snake_case
from fastcnn._serialization import serialize
from hypothesis import given
from hypothesis import strategies as st
from peer_keras import QUIET, keras_or_skip

pytestmark = QUIET

LAYERS: list[tuple[str, dict[str, Any]]] = [
    ("InputLayer", {"shape": (8, 8, 3)}),
    ("InputLayer", {"batch_shape": (None, 4)}),
    ("Conv2D", {"filters": 8, "kernel_size": 3}),
    (
        "Conv2D",
        {"filters": 8, "kernel_size": [3, 2], "strides": 2, "padding": "SAME", "activation": "relu", "use_bias": False},
    ),
    ("Conv2D", {"filters": 8, "kernel_size": 3, "kernel_initializer": "he_normal", "bias_initializer": "ones"}),
    ("MaxPooling2D", {}),
    ("MaxPooling2D", {"pool_size": 3, "strides": (1, 2), "padding": "same"}),
    ("AveragePooling2D", {"pool_size": 2}),
    ("GlobalAveragePooling2D", {}),
    ("GlobalAveragePooling2D", {"keepdims": True}),
    ("Flatten", {}),
    ("Dense", {"units": 4}),
    ("Dense", {"units": 4, "activation": "softmax", "name": "head"}),
    ("Activation", {"activation": "relu"}),
    ("Activation", {"activation": None}),
    ("ReLU", {}),
    ("Softmax", {}),
    ("Rescaling", {"scale": 1 / 255}),
    ("Rescaling", {"scale": 2.0, "offset": -1.0}),
    ("Dropout", {"rate": 0.5}),
    ("Dropout", {"rate": 0.25, "seed": 3}),
    ("SpatialDropout2D", {"rate": 0.25}),
    ("SpatialDropout2D", {"rate": 0.5, "data_format": "channels_last", "seed": 3}),
    ("Dense", {"units": 3, "kernel_regularizer": "l2", "bias_regularizer": "l1", "activation": "sigmoid"}),
    ("Conv2D", {"filters": 3, "kernel_size": 2, "kernel_regularizer": "l1l2", "trainable": False}),
]

OTHERS: list[tuple[str, str, dict[str, Any]]] = [
    ("losses", "SparseCategoricalCrossentropy", {}),
    ("losses", "SparseCategoricalCrossentropy", {"from_logits": True, "name": "mine"}),
    ("losses", "CategoricalCrossentropy", {}),
    ("losses", "CategoricalCrossentropy", {"from_logits": True}),
    ("metrics", "SparseCategoricalAccuracy", {}),
    ("metrics", "CategoricalAccuracy", {"name": "mine"}),
    ("optimizers", "Adam", {}),
    ("optimizers", "Adam", {"learning_rate": 0.1, "beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-5}),
    ("optimizers", "SGD", {}),
    ("optimizers", "SGD", {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True}),
    *(("initializers", name, {}) for name in fastcnn.initializers.KNOWN),
    ("initializers", "Constant", {"value": 0.5}),
    ("initializers", "HeNormal", {"seed": 3}),
    ("initializers", "RandomUniform", {"minval": -1.0, "maxval": 2.0, "seed": 3}),
    ("initializers", "VarianceScaling", {"scale": 2.0, "mode": "fan_out", "distribution": "normal"}),
]


@pytest.fixture(scope="module")
def keras() -> Any:
    return keras_or_skip()


def both(keras: Any, module: str, name: str) -> tuple[Any, Any]:
    return getattr(getattr(fastcnn, module), name), getattr(getattr(keras, module), name)


def begin_names_again(keras: Any) -> None:
    keras.backend.clear_session()
    reset_names()


@pytest.mark.parametrize(("name", "arguments"), LAYERS)
def test_a_layer_s_config_is_keras_s_and_each_reads_the_other_s(
    keras: Any, name: str, arguments: dict[str, Any]
) -> None:
    begin_names_again(keras)
    ours, theirs = both(keras, "layers", name)
    our_config, their_config = ours(**arguments).get_config(), theirs(**arguments).get_config()
    assert our_config == their_config
    assert list(our_config) == list(their_config)
    assert theirs.from_config(our_config).get_config() == their_config
    assert ours.from_config(json.loads(json.dumps(their_config))).get_config() == our_config


@pytest.mark.parametrize(("module", "name", "arguments"), OTHERS)
def test_another_object_s_config_is_keras_s_and_each_reads_the_other_s(
    keras: Any, module: str, name: str, arguments: dict[str, Any]
) -> None:
    begin_names_again(keras)
    ours, theirs = both(keras, module, name)
    one, other = ours(**arguments), theirs(**arguments)
    their_config = other.get_config()
    assert one.get_config() == their_config
    assert list(one.get_config()) == list(their_config)
    assert serialize(one) == keras.saving.serialize_keras_object(other)
    assert theirs.from_config(one.get_config()).get_config() == their_config
    assert getattr(fastcnn, module).get(keras.saving.serialize_keras_object(other)).get_config() == their_config


KINDS = sorted(
    {("layers", name) for name, _ in LAYERS} | {("layers", "Input")} | {(module, name) for module, name, _ in OTHERS}
)


@pytest.mark.parametrize(("module", "name"), KINDS)
def test_arguments_their_order_and_their_defaults_are_keras_s(keras: Any, module: str, name: str) -> None:
    ours, theirs = (inspect.signature(kind).parameters.values() for kind in both(keras, module, name))
    named = [[(argument.name, argument.default) for argument in each if argument.kind != argument.VAR_KEYWORD] for each in (ours, theirs)]  # fmt: skip
    assert named[0] == named[1]


def test_names_are_numbered_as_keras_numbers_them(keras: Any) -> None:
    begin_names_again(keras)
    for name, arguments in [*LAYERS, *LAYERS]:
        ours, theirs = both(keras, "layers", name)
        assert ours(**arguments).name == theirs(**arguments).name
    for module, name, arguments in OTHERS:
        if module != "initializers":
            ours, theirs = both(keras, module, name)
            assert ours(**arguments).name == theirs(**arguments).name


def test_every_class_of_keras_s_would_get_keras_s_name(keras: Any) -> None:
    from keras.src.utils.naming import to_snake_case

    names = [name for module in (keras.layers, keras.losses, keras.metrics, keras.optimizers) for name in dir(module)]
    assert len(names) > 200
    assert [snake_case(name) for name in names] == [to_snake_case(name) for name in names]


def test_other_names_for_the_same(keras: Any) -> None:
    for name in ("MaxPool2D", "AvgPool2D", "GlobalAvgPool2D"):
        ours, theirs = both(keras, "layers", name)
        assert ours.__name__ == theirs.__name__
    for name in (
        "zeros",
        "glorot_uniform",
        "he_normal",
        "uniform",
        "normal",
        "one",
        "truncated_normal",
        "RandomNormal",
    ):
        ours, theirs = fastcnn.initializers.get(name), keras.initializers.get(name)
        assert type(ours).__name__ == type(theirs).__name__


@given(
    size=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    window=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    strides=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    padding=st.sampled_from(["valid", "same"]),
    kind=st.sampled_from(["Conv2D", "MaxPooling2D", "AveragePooling2D"]),
)
def test_windows_give_the_shapes_that_keras_s_give(
    keras: Any, size: tuple[int, int], window: tuple[int, int], strides: tuple[int, int], padding: str, kind: str
) -> None:
    first = (5, window) if kind == "Conv2D" else (window,)
    ours, theirs = (each(*first, strides=strides, padding=padding) for each in both(keras, "layers", kind))
    try:
        wanted = theirs.compute_output_shape((None, *size, 2))
    except ValueError:
        with pytest.raises(ValueError, match="is larger than the image"):
            ours.compute_output_shape((*size, 2))
    else:
        assert (None, *ours.compute_output_shape((*size, 2))) == wanted


@pytest.mark.parametrize(("name", "arguments"), [case for case in LAYERS if case[0] not in ("InputLayer", "Dense")])
def test_the_other_layers_give_the_shapes_that_keras_s_give(keras: Any, name: str, arguments: dict[str, Any]) -> None:
    ours, theirs = (each(**arguments) for each in both(keras, "layers", name))
    for shape in [(8, 8, 3), (5, 7, 1)]:
        assert (None, *ours.compute_output_shape(shape)) == theirs.compute_output_shape((None, *shape))


@pytest.mark.parametrize(("name", "arguments"), [case for case in LAYERS if case[0] != "InputLayer"])
def test_weights_and_results_are_keras_s(keras: Any, name: str, arguments: dict[str, Any]) -> None:
    ours, theirs = (each(**arguments) for each in both(keras, "layers", name))
    x = np.random.default_rng(0).standard_normal((3, 12) if name == "Dense" else (3, 9, 8, 3)).astype(np.float32)
    wanted = np.asarray(theirs(x))
    ours.build(x.shape[1:])
    assert [(weight.name, weight.shape) for weight in ours.weights] == [(weight.name, weight.shape) for weight in theirs.weights]  # fmt: skip
    ours.set_weights(theirs.get_weights())
    assert ours.count_params() == theirs.count_params()
    np.testing.assert_allclose(ours(x), wanted, rtol=1e-5, atol=1e-5 * np.abs(wanted).max())


@pytest.mark.parametrize(
    ("name", "arguments"),
    [(name, arguments) for module, name, arguments in OTHERS if module == "initializers" and name not in ("Zeros", "Ones", "Constant")],
)  # fmt: skip
def test_initial_values_have_the_distribution_of_keras_s(keras: Any, name: str, arguments: dict[str, Any]) -> None:
    shape = (3, 3, 16, 300)
    ours, theirs = (
        np.sort(np.asarray(each(**{**arguments, "seed": 1})(shape)).ravel())
        for each in both(keras, "initializers", name)
    )
    # Kolmogorov and Smirnov: of two samples of n from one distribution, in one of 10^5 cases the distance is above 2.47 sqrt(2 / n)
    steps = np.concatenate([ours, theirs])
    distance = np.abs(np.searchsorted(ours, steps, "right") - np.searchsorted(theirs, steps, "right")).max() / ours.size
    assert distance < 2.47 * np.sqrt(2 / ours.size)


def test_a_dtype_is_read_in_keras_s_words(keras: Any) -> None:
    written = {name: keras.layers.Dense(3, dtype=name).get_config()["dtype"] for name in ("float32", "mixed_float16")}
    for dtype in (None, "float32", np.float32, written["float32"]):
        assert fastcnn.layers.Dense(3, dtype=dtype).get_config()["dtype"] == written["float32"]
    with pytest.raises(ValueError, match="Dense: dtype='mixed_float16' is not supported; only 'float32' is"):
        fastcnn.layers.Dense(3, dtype=written["mixed_float16"])


@pytest.mark.parametrize("from_logits", [True, False])
def test_losses_and_accuracies_are_keras_s_on_arrays(keras: Any, from_logits: bool) -> None:
    random = np.random.default_rng(0)
    rows = random.standard_normal((50, 7)) if from_logits else random.dirichlet(np.ones(7), 50)
    rows = rows.astype(np.float32)
    classes = random.integers(0, 7, 50)
    for name, labels in [("Sparse", classes), ("Sparse", classes[:, None]), ("", np.eye(7, dtype=np.float32)[classes])]:
        ours, theirs = both(keras, "losses", f"{name}CategoricalCrossentropy")
        wanted = float(theirs(from_logits=from_logits)(labels, rows))
        assert float(ours(from_logits=from_logits)(labels, rows)) == pytest.approx(wanted, rel=1e-5)
        ours, theirs = both(keras, "metrics", f"{name}CategoricalAccuracy")
        assert float(ours()(labels, rows)) == float(theirs()(labels, rows))


@pytest.mark.parametrize(
    "given", ["accuracy", "acc", "ACC", "sparse_categorical_accuracy", "SparseCategoricalAccuracy"]
)
def test_the_history_calls_a_metric_as_keras_does(keras: Any, given: str) -> None:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=[given])
    history = model.fit(np.zeros((6, 4)), np.arange(6) % 3, verbose=0).history
    [metric] = fastcnn.metrics.resolve([given], fastcnn.losses.get("sparse_categorical_crossentropy"))
    assert set(history) == {"loss", metric.name}
