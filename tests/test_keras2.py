"""formats/keras2.py: files in Keras 2's words, copied from what tf_keras 2.21 writes, give the model that they describe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from fastcnn import layers, losses, metrics, models, optimizers
from fastcnn.formats import keras2

ZEROS = {"module": "keras.initializers", "class_name": "Zeros", "config": {}, "registered_name": None}
GLOROT = {
    "module": "keras.initializers",
    "class_name": "GlorotUniform",
    "config": {"seed": None},
    "registered_name": None,
}
NO_REGULARIZERS = {
    "kernel_regularizer": None,
    "bias_regularizer": None,
    "activity_regularizer": None,
    "kernel_constraint": None,
    "bias_constraint": None,
}
SHAPE = {"batch_input_shape": [None, 6, 6, 1]}
INPUT = {
    "class_name": "InputLayer",
    "config": {**SHAPE, "dtype": "float32", "sparse": False, "ragged": False, "name": "a_input"},
}
CONVOLUTION = {
    "class_name": "Conv2D",
    "config": {
        "name": "a",
        "trainable": True,
        "dtype": "float32",
        **SHAPE,
        "filters": 2,
        "kernel_size": [3, 3],
        "strides": [1, 1],
        "padding": "valid",
        "data_format": "channels_last",
        "dilation_rate": [1, 1],
        "groups": 1,
        "activation": "relu",
        "use_bias": True,
        "kernel_initializer": GLOROT,
        "bias_initializer": ZEROS,
        **NO_REGULARIZERS,
    },
}
FLATTEN = {
    "class_name": "Flatten",
    "config": {"name": "f", "trainable": True, "dtype": "float32", "data_format": "channels_last"},
}
DENSE = {
    "class_name": "Dense",
    "config": {
        "name": "b",
        "trainable": True,
        "dtype": "float32",
        "units": 3,
        "activation": "linear",
        "use_bias": True,
        "kernel_initializer": GLOROT,
        "bias_initializer": ZEROS,
        **NO_REGULARIZERS,
    },
}
LOSS = {
    "class_name": "SparseCategoricalCrossentropy",
    "config": {
        "reduction": "auto",
        "name": "sparse_categorical_crossentropy",
        "from_logits": True,
        "ignore_class": None,
        "fn": "sparse_categorical_crossentropy",
    },
}
ACCURACY = {
    "class_name": "MeanMetricWrapper",
    "config": {"name": "accuracy", "dtype": "float32", "fn": "sparse_categorical_accuracy"},
}
ADAM = {
    "class_name": "Custom>Adam",
    "config": {
        "name": "Adam",
        "weight_decay": None,
        "clipnorm": None,
        "global_clipnorm": None,
        "clipvalue": None,
        "use_ema": False,
        "ema_momentum": 0.99,
        "ema_overwrite_frequency": None,
        "jit_compile": False,
        "is_legacy_optimizer": False,
        "learning_rate": 0.5,
        "beta_1": 0.9,
        "beta_2": 0.999,
        "epsilon": 1e-07,
        "amsgrad": False,
    },
}
OLD_ADAM = {
    "class_name": "Adam",
    "config": {
        "name": "Adam",
        "learning_rate": 0.5,
        "decay": 0.0,
        "beta_1": 0.8999999761581421,
        "beta_2": 0.9990000128746033,
        "epsilon": 1e-07,
        "amsgrad": False,
    },
}
SHAPES = {"a/kernel": (3, 3, 1, 2), "a/bias": (2,), "b/kernel": (32, 3), "b/bias": (3,)}
WEIGHTS = {name: np.random.default_rng(0).random(shape, np.float32) for name, shape in SHAPES.items()}
SLOTS = {
    f"{slot}/{name}": np.random.default_rng(ord(slot)).random(shape, np.float32)
    for slot in "mv"
    for name, shape in SHAPES.items()
}
# Their order, and the optimizer's part of each name: since Keras 2.11, and before.
NEW = {
    "iteration:0": np.int64(7),
    **{f"Adam/{slot}/{name}:0": SLOTS[f"{slot}/{name}"] for name in SHAPES for slot in "mv"},
}
OLD = {
    "Adam/iter:0": np.int64(7),
    **{f"Adam/{name}/{slot}:0": SLOTS[f"{slot}/{name}"] for slot in "mv" for name in SHAPES},
}


def write(path: Path, entries: list[Any], training: dict[str, Any], state: dict[str, Any]) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = "2.15.0"
        file.attrs["model_config"] = json.dumps(
            {"class_name": "Sequential", "config": {"name": "m", "layers": entries}}
        )
        file.attrs["training_config"] = json.dumps({"weighted_metrics": None, "loss_weights": None, **training})
        weights = file.create_group("model_weights")
        weights.attrs["layer_names"] = [b"a", b"f", b"b"]
        for layer in "afb":
            put(
                weights.create_group(layer), {f"{name}:0": value for name, value in WEIGHTS.items() if name[0] == layer}
            )
        put(file.create_group("optimizer_weights"), state)


def put(group: h5py.Group, arrays: dict[str, Any]) -> None:
    group.attrs["weight_names"] = [name.encode() for name in arrays]
    for name, array in arrays.items():
        group[name] = array


@pytest.mark.parametrize(
    "entries", [[INPUT, CONVOLUTION, FLATTEN, DENSE], [CONVOLUTION, FLATTEN, DENSE]], ids=["input", "no input"]
)
@pytest.mark.parametrize(("optimizer", "state"), [(ADAM, NEW), (OLD_ADAM, OLD)], ids=["2.11 and later", "before 2.11"])
def test_file_of_keras_2_is_read_with_its_optimizer(
    tmp_path: Path, entries: list[Any], optimizer: Any, state: dict[str, Any]
) -> None:
    training = {"loss": LOSS, "metrics": [[ACCURACY]], "optimizer_config": optimizer}
    write(tmp_path / "model.h5", entries, training, state)
    model = models.load_model(tmp_path / "model.h5")
    assert model.input_shape == (None, 6, 6, 1)
    assert [layer.name for layer in model.layers] == ["a", "f", "b"]
    assert model.metrics_names == ["loss", "accuracy"]
    assert type(model.loss) is losses.SparseCategoricalCrossentropy
    assert type(model.optimizer) is optimizers.Adam
    assert (model.optimizer.iterations, model.optimizer.learning_rate) == (7, 0.5)
    for variable, name in zip(model.weights, SHAPES, strict=True):
        np.testing.assert_array_equal(variable.value, WEIGHTS[name])
        for slot in ("momentum", "velocity"):
            np.testing.assert_array_equal(
                model.store.view(model.optimizer.slots[slot], variable), SLOTS[f"{slot[0]}/{name}"]
            )


def test_a_model_in_a_model_of_keras_2_is_read_with_its_weighted_metrics(tmp_path: Path) -> None:
    inner = {"name": "inner", "layers": [INPUT, CONVOLUTION, FLATTEN]}
    deep = {"name": "a", "layers": [INPUT, {"module": "keras", "class_name": "Sequential", "config": inner}]}
    weighted = {
        "class_name": "MeanMetricWrapper",
        "config": {"name": "weighted_accuracy", "dtype": "float32", "fn": "sparse_categorical_accuracy"},
    }
    training = {"loss": LOSS, "metrics": None, "weighted_metrics": [[weighted]], "optimizer_config": ADAM}
    write(tmp_path / "model.h5", [INPUT, {"class_name": "Sequential", "config": deep}, DENSE], training, NEW)
    model = models.load_model(tmp_path / "model.h5")
    assert [layer.name for layer in model.layers[0].layers[0].layers] == ["a", "f"]
    assert model.metrics_names == ["loss", "weighted_accuracy"]
    for variable, name in zip(model.weights, SHAPES, strict=True):
        np.testing.assert_array_equal(variable.value, WEIGHTS[name])


def test_decay_of_keras_2_s_old_optimizers_is_not_dropped_in_silence(tmp_path: Path) -> None:
    decaying = {**OLD_ADAM, "config": {**OLD_ADAM["config"], "decay": 0.1}}  # type: ignore[dict-item]
    write(
        tmp_path / "model.h5",
        [CONVOLUTION, FLATTEN, DENSE],
        {"loss": LOSS, "metrics": None, "optimizer_config": decaying},
        OLD,
    )
    with pytest.raises(ValueError, match=r"training_config: .*'decay'"):
        models.load_model(tmp_path / "model.h5")


@pytest.mark.parametrize(
    ("version", "is_it"), [("2.15.0", True), ("2.2.4-tf", True), ("3.15.1", False), (None, False), ("12.0", False)]
)
def test_keras_2_is_known_by_its_version(version: str | None, is_it: bool) -> None:
    assert keras2.is_keras2(version) is is_it


def test_what_convolutions_of_their_own_kind_have_left_over_from_conv_is_dropped() -> None:
    left = {"groups": 1, "kernel_initializer": GLOROT, "kernel_regularizer": None, "kernel_constraint": None}
    shared = {"kernel_size": [3, 3], "padding": "same", "depthwise_initializer": GLOROT, "activity_regularizer": None}
    separable = {"name": "s", **shared, **left, "filters": 4, "pointwise_initializer": GLOROT}
    depthwise = {"name": "d", **shared, "groups": 1, "depth_multiplier": 2}
    for kind, config in (("SeparableConv2D", separable), ("DepthwiseConv2D", depthwise)):
        [entry] = keras2.layer_entries([{"class_name": kind, "config": config}], 20)
        assert layers.KNOWN[kind].from_config(entry["config"]).name == config["name"]
        [entry] = keras2.layer_entries([{"class_name": kind, "config": config | {"groups": 2}}], 20)
        with pytest.raises(ValueError, match="groups"):
            layers.KNOWN[kind].from_config(entry["config"])


def test_a_leaky_relu_s_alpha_is_its_negative_slope() -> None:
    [entry] = keras2.layer_entries([{"class_name": "LeakyReLU", "config": {"name": "l", "alpha": 0.25}}], 20)
    assert entry == {"class_name": "LeakyReLU", "config": {"name": "l", "negative_slope": 0.25}}


def test_what_is_no_config_is_left_for_the_reader_to_refuse() -> None:
    assert keras2.layer_entries([7, {"class_name": "Dense"}], 20) == [7, {"class_name": "Dense"}]
    odd = {"loss": 7, "metrics": {"a": 1}, "optimizer_config": "adam"}
    assert keras2.training_config(odd) == odd
    metrics = [
        {"class_name": "MeanMetricWrapper", "config": {"fn": "mse"}},
        {"class_name": "MeanMetricWrapper", "config": 1},
        "accuracy",
    ]
    assert keras2.training_config({"metrics": metrics})["metrics"] == metrics
    assert keras2.optimizer_order([], 2) == []


def test_a_function_s_mean_is_the_metric_of_that_function() -> None:
    config = {"name": "mine", "dtype": "float32", "fn": "top_k_categorical_accuracy", "k": 3}
    written = {"metrics": [[{"class_name": "MeanMetricWrapper", "config": config}]]}
    [metric] = keras2.training_config(written)["metrics"]
    assert metrics.get(metric).get_config() == {"name": "mine", "dtype": "float32", "k": 3}
