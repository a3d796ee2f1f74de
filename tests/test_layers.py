"""The layers by themselves: shapes, names, weights, configs, the call on an array, and the errors. Against a real Keras: test_keras_surface.py."""

from __future__ import annotations

import copy
import pickle
import re
from typing import Any

import fastcnn
import numpy as np
import pytest
from fastcnn import layers, ops
from fastcnn._naming import reset_names, snake_case
from fastcnn.stage import Stage
from fastcnn.variables import VariableStore
from hypothesis import given
from hypothesis import strategies as st

EVERY_KIND: list[tuple[type[layers.Layer], dict[str, Any], tuple[int, ...]]] = [
    (layers.InputLayer, {"shape": (6, 5, 3)}, (6, 5, 3)),
    (layers.Conv2D, {"filters": 4, "kernel_size": 3, "activation": "relu"}, (6, 5, 3)),
    (layers.MaxPooling2D, {"pool_size": (2, 3), "strides": 2, "padding": "same"}, (6, 5, 3)),
    (layers.AveragePooling2D, {"pool_size": 2}, (6, 5, 3)),
    (layers.GlobalMaxPooling2D, {"keepdims": True}, (6, 5, 3)),
    (layers.GlobalAveragePooling2D, {"keepdims": True}, (6, 5, 3)),
    (layers.Flatten, {}, (6, 5, 3)),
    (layers.Dense, {"units": 4, "activation": "softmax", "use_bias": False}, (7,)),
    (layers.Activation, {"activation": "relu"}, (6, 5, 3)),
    (layers.ReLU, {"max_value": 6.0, "negative_slope": 0.1, "threshold": 0.5}, (6, 5, 3)),
    (layers.LeakyReLU, {"negative_slope": 0.1}, (6, 5, 3)),
    (layers.Softmax, {}, (7,)),
    (layers.Rescaling, {"scale": 0.5, "offset": -1.0}, (6, 5, 3)),
    (layers.Dropout, {"rate": 0.25, "seed": 3}, (6, 5, 3)),
    (layers.SpatialDropout2D, {"rate": 0.25, "seed": 3}, (6, 5, 3)),
    (layers.BatchNormalization, {"momentum": 0.9, "epsilon": 1e-4}, (6, 5, 3)),
    (layers.ZeroPadding2D, {"padding": (1, 2)}, (6, 5, 3)),
    (layers.Cropping2D, {"cropping": ((1, 2), (0, 3))}, (6, 5, 3)),
    (layers.UpSampling2D, {"size": (2, 3), "interpolation": "bilinear"}, (6, 5, 3)),
    (layers.Reshape, {"target_shape": (-1, 9)}, (6, 5, 3)),
    (layers.DepthwiseConv2D, {"kernel_size": 3, "depth_multiplier": 2, "activation": "relu"}, (6, 5, 3)),
    (layers.SeparableConv2D, {"filters": 4, "kernel_size": 3, "padding": "same", "use_bias": False}, (6, 5, 3)),
    (layers.RandomFlip, {"mode": "vertical"}, (6, 5, 3)),
    (layers.RandomTranslation, {"height_factor": 0.5, "width_factor": (0.1, 0.2)}, (6, 5, 3)),
    (layers.RandomRotation, {"factor": (0.1, 0.2), "fill_mode": "wrap"}, (6, 5, 3)),
    (layers.RandomZoom, {"height_factor": 0.5, "seed": 3}, (6, 5, 3)),
    (layers.RandomCrop, {"height": 3, "width": 2}, (6, 5, 3)),
    (layers.RandomPaddedCrop, {"padding": 2, "fill_mode": "constant", "fill_value": 0.5}, (6, 5, 3)),
    (layers.RandomBrightness, {"factor": (0.1, 0.2)}, (6, 5, 3)),
    (layers.RandomContrast, {"factor": (0.1, 0.2)}, (6, 5, 3)),
    (layers.RandomSaturation, {"factor": (0.1, 0.2)}, (6, 5, 3)),
    (layers.RandomErasing, {"fill_value": 0.5}, (6, 5, 3)),
]
each_kind = pytest.mark.parametrize(
    ("kind", "arguments", "shape"), EVERY_KIND, ids=lambda value: getattr(value, "__name__", "")
)


def images(*shape: int, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


# What a layer is made of.


def test_the_table_above_has_every_kind() -> None:
    assert [kind for kind, _, _ in EVERY_KIND] == list(layers.KNOWN.values())


def test_layers_say_which_operations_they_are() -> None:
    conv = layers.Conv2D(4, (3, 2), strides=(2, 1), padding="SAME", activation="relu")
    conv.build((8, 8, 3))
    kernel, bias = conv.weights
    assert conv.stages() == [Stage("conv2d", {"stride": (2, 1), "padding": "same"}, (kernel, bias)), Stage("relu", {})]
    assert (conv.kernel, conv.bias) == (kernel, bias)

    dense = layers.Dense(4, activation="softmax", use_bias=False)
    dense.build((3,))
    assert dense.stages() == [Stage("dense", {}, (dense.kernel,)), Stage("softmax", {})]
    assert dense.bias is None

    assert layers.Dense(4).activation is fastcnn.activations.linear
    assert layers.MaxPooling2D().stages() == [
        Stage("max_pool2d", {"window": (2, 2), "stride": (2, 2), "padding": "valid"})
    ]
    assert layers.AveragePooling2D(3, 1).stages() == [
        Stage("average_pool2d", {"window": (3, 3), "stride": (1, 1), "padding": "valid"})
    ]
    assert layers.GlobalAveragePooling2D().stages() == [Stage("global_average_pool2d", {})]
    assert layers.Flatten().stages() == [Stage("flatten", {})]
    assert layers.Rescaling(0.5, -1).stages() == [Stage("rescale", {"scale": 0.5, "offset": -1.0})]
    assert layers.Dropout(0.5, seed=7).stages() == [Stage("dropout", {"rate": 0.5, "seed": 7})]
    assert layers.Activation("linear").stages() == layers.Input((3,)).stages() == []


def test_names_are_numbered_by_class_as_keras_numbers_them() -> None:
    reset_names()
    made = [
        layers.Conv2D(1, 1),
        layers.Conv2D(1, 1, name="mine"),
        layers.Conv2D(1, 1),
        layers.MaxPool2D(),
        layers.ReLU(),
    ]
    assert [layer.name for layer in made] == ["conv2d", "mine", "conv2d_1", "max_pooling2d", "re_lu"]
    assert snake_case("GlobalAveragePooling2D") == "global_average_pooling2d"
    assert snake_case("SGD") == "sgd"


# Shapes.


@given(
    size=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    window=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    strides=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    padding=st.sampled_from(["valid", "same"]),
)
def test_a_window_gives_as_many_pixels_as_it_has_places(
    size: tuple[int, int], window: tuple[int, int], strides: tuple[int, int], padding: str
) -> None:
    sliding = [
        layers.Conv2D(5, window, strides=strides, padding=padding),
        layers.MaxPooling2D(window, strides=strides, padding=padding),
        layers.AveragePooling2D(window, strides=strides, padding=padding),
    ]
    for layer in sliding:
        channels = 5 if isinstance(layer, layers.Conv2D) else 2
        if padding == "valid" and (window[0] > size[0] or window[1] > size[1]):
            with pytest.raises(ValueError, match=r"is larger than the image \(\d+, \d+\)"):
                layer.compute_output_shape((*size, 2))
            continue
        last = size if padding == "same" else [length - part + 1 for length, part in zip(size, window, strict=True)]
        places = tuple(len(range(0, length, step)) for length, step in zip(last, strides, strict=True))
        assert layer.compute_output_shape((*size, 2)) == (*places, channels)
        assert layer(np.zeros((1, *size, 2), np.float32)).shape == (1, *places, channels)


def test_the_other_shapes() -> None:
    assert layers.Flatten().compute_output_shape((2, 3, 4)) == (24,)
    assert layers.Dense(5).compute_output_shape((7,)) == (5,)
    assert layers.GlobalAveragePooling2D().compute_output_shape((2, 3, 4)) == (4,)
    assert layers.GlobalAveragePooling2D(keepdims=True).compute_output_shape((2, 3, 4)) == (1, 1, 4)
    assert layers.GlobalMaxPooling2D().compute_output_shape((2, 3, 4)) == (4,)
    assert layers.GlobalMaxPooling2D(keepdims=True).compute_output_shape((2, 3, 4)) == (1, 1, 4)
    assert layers.Dropout(0.5).compute_output_shape((2, 3)) == (2, 3)
    assert (
        layers.Input(batch_shape=(None, 2, 3, 4)).batch_shape == layers.Input((2, 3, 4)).batch_shape == (None, 2, 3, 4)
    )
    assert layers.Conv2D(3, 3, input_shape=[8, 8, 3]).declared_input_shape == (8, 8, 3)
    assert layers.Dense(3, input_dim=4).declared_input_shape == (4,)
    assert layers.Dense(3).declared_input_shape is None


def test_a_built_layer_can_be_built_for_other_images_but_not_for_other_channels() -> None:
    conv = layers.Conv2D(4, 3)
    assert (conv.built, conv.input_shape, conv.output_shape, conv.weights) == (False, None, None, [])
    conv.build((8, 8, 3))
    kernel = conv.kernel
    conv.build((6, 6, 3))
    assert (conv.input_shape, conv.output_shape) == ((6, 6, 3), (4, 4, 4))
    assert conv.kernel is kernel
    with pytest.raises(ValueError, match=r"has 2 channels, but kernel \(3, 3, 3, 4\) wants 3"):
        conv.build((6, 6, 2))
    assert conv.input_shape == (6, 6, 3)


# The call on an array.


@each_kind
def test_every_layer_is_called_on_an_array(
    kind: type[layers.Layer], arguments: dict[str, Any], shape: tuple[int, ...]
) -> None:
    layer = kind(**arguments)
    y = layer(images(3, *shape))
    assert isinstance(y, np.ndarray)
    assert y.dtype == np.float32
    assert y.shape == (3, *layer.compute_output_shape(shape)) == (3, *(layer.output_shape or ()))
    assert layer(images(0, *shape)).shape == (0, *y.shape[1:])


def test_a_called_layer_computes_what_its_operation_does() -> None:
    x = images(2, 7, 7, 3)
    conv = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu", bias_initializer="ones")
    y = conv(x)
    assert conv.bias is not None
    np.testing.assert_array_equal(
        y, ops.relu(ops.conv2d(x, conv.kernel.value, conv.bias.value, stride=2, padding="same"))
    )
    np.testing.assert_array_equal(
        layers.GlobalAveragePooling2D(keepdims=True)(x)[:, 0, 0], ops.global_average_pool2d(x)
    )
    np.testing.assert_array_equal(layers.GlobalMaxPooling2D()(x), x.max(axis=(1, 2)))
    np.testing.assert_array_equal(layers.Flatten()(x), x.reshape(2, -1))
    np.testing.assert_array_equal(layers.Dropout(0.5)(x), x)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, bool, np.float64])
def test_numbers_of_any_kind_become_float32(dtype: type) -> None:
    x = (images(2, 5, 5, 3) * 3 + 9).clip(0, 255).astype(dtype)
    conv = layers.Conv2D(4, 3)
    np.testing.assert_array_equal(conv(x), conv(x.astype(np.float32)))
    np.testing.assert_array_equal(conv(x.tolist()), conv(x.astype(np.float32)))
    np.testing.assert_array_equal(conv(x[:, ::-1, ::2]), conv(np.ascontiguousarray(x[:, ::-1, ::2]).astype(np.float32)))


def test_a_call_sees_weights_that_were_set_or_moved_and_other_sizes_leave_the_layer_as_it_is() -> None:
    x = images(2, 6, 6, 3)
    conv = layers.Conv2D(4, 3, kernel_initializer="zeros")
    assert not conv(x).any()
    conv.kernel.value[...] = 1
    once = conv(x)
    assert once.any()
    store = VariableStore(conv.weights)
    conv.kernel.assign(np.full(conv.kernel.shape, 2))
    assert store.buffer.any()
    np.testing.assert_allclose(conv(x), 2 * once, rtol=1e-6)
    assert conv(images(1, 9, 8, 3)).shape == (1, 7, 6, 4)
    assert conv.input_shape == (6, 6, 3)
    assert conv.kernel.store is store


def test_layers_are_copied_and_pickled_with_their_weights() -> None:
    dense = layers.Dense(3)
    y = dense(images(2, 4))
    for twin in (copy.deepcopy(dense), pickle.loads(pickle.dumps(dense))):
        np.testing.assert_array_equal(twin(images(2, 4)), y)
        twin.set_weights([np.zeros((4, 3)), np.zeros(3)])
        assert not twin(images(2, 4)).any()
    np.testing.assert_array_equal(dense(images(2, 4)), y)


# Weights.


def test_weights_are_read_as_copies_and_written_in_place() -> None:
    dense = layers.Dense(3)
    dense.build((4,))
    kernel = dense.kernel.value
    assert [weight.shape for weight in dense.get_weights()] == [(4, 3), (3,)]
    assert dense.count_params() == 15
    dense.get_weights()[0][...] = 99
    assert not (kernel == 99).any()
    dense.set_weights([np.ones((4, 3)), np.arange(3)])
    assert (kernel == 1).all()
    np.testing.assert_array_equal(dense.get_weights()[1], [0, 1, 2])
    assert layers.Flatten().get_weights() == []


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        ([np.zeros((4, 3))], ValueError, "Dense 'head': set_weights: 1 arrays came, but the layer has 2 weights"),
        ([np.zeros((4, 2)), np.zeros(3)], ValueError, "Dense 'head': set_weights: kernel has shape (4, 3), but (4, 2) came"),
        ([np.ones((4, 3)), np.zeros(2)], ValueError, "Dense 'head': set_weights: bias has shape (3,), but (2,) came"),
        ([np.ones((4, 3)), np.array(["a"] * 3)], TypeError, "Dense 'head': set_weights: bias takes real numbers, but dtype <U1 came"),
    ],
)  # fmt: skip
def test_weights_that_do_not_fit_are_named_and_none_is_written(
    weights: Any, error: type[Exception], message: str
) -> None:
    dense = layers.Dense(3, name="head", kernel_initializer="zeros")
    dense.build((4,))
    with pytest.raises(error, match=re.escape(message)):
        dense.set_weights(weights)
    assert not dense.kernel.value.any()


def test_before_the_build_there_are_no_weights_and_it_says_so() -> None:
    dense = layers.Dense(3, name="head")
    for ask in (lambda: dense.kernel, lambda: dense.bias):
        with pytest.raises(AttributeError, match=r"Dense 'head': \w+ is not there before the layer is built"):
            ask()
    with pytest.raises(ValueError, match="has no weights before it is built"):
        dense.count_params()
    with pytest.raises(ValueError, match="has none before it is built"):
        dense.set_weights([np.zeros((4, 3)), np.zeros(3)])


# Configs.


@each_kind
def test_a_config_makes_the_same_layer(
    kind: type[layers.Layer], arguments: dict[str, Any], shape: tuple[int, ...]
) -> None:
    config = kind(**arguments, name="some").get_config()
    again = kind.from_config(config)
    assert type(again) is kind
    assert again.get_config() == config
    assert all(item in config.items() for item in arguments.items() if not isinstance(item[1], (int, tuple)))


@each_kind
def test_a_config_with_a_word_too_many_is_an_error_that_names_it(
    kind: type[layers.Layer], arguments: dict[str, Any], shape: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match=f"^{kind.__name__}: unknown argument 'paddings'"):
        kind.from_config({**kind(**arguments).get_config(), "paddings": "same"})


# Errors.


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Conv2D(0, 3), "Conv2D: filters must be an integer of at least 1, but is 0"),
        (lambda: layers.Conv2D(2.5, 3), "Conv2D: filters must be an integer of at least 1, but is 2.5"),
        (lambda: layers.Conv2D(8, 0), "Conv2D: kernel_size must be at least 1 in height and width, but is 0"),
        (lambda: layers.Conv2D(8, (3, 3, 3)), "Conv2D: kernel_size must be an integer or two integers, but is (3, 3, 3)"),
        (lambda: layers.Conv2D(8, "33"), "Conv2D: kernel_size must be an integer or two integers, but is '33'"),
        (lambda: layers.Conv2D(8, 3, strides=0), "Conv2D: strides must be at least 1 in height and width, but is 0"),
        (lambda: layers.Conv2D(8, 3, strides=(1, -1)), "Conv2D: strides must be at least 1 in height and width, but is (1, -1)"),
        (lambda: layers.Conv2D(8, 3, padding="sane"), "Conv2D: unknown padding 'sane'; did you mean 'same'?"),
        (lambda: layers.Conv2D(8, 3, padding=1), "Conv2D: unknown padding 1; known: 'same', 'valid'"),
        (lambda: layers.Conv2D(8, 3, activation="rellu"), "Conv2D: unknown activation 'rellu'; did you mean 'relu'?"),
        (lambda: layers.Conv2D(8, 3, activation=np.tanh), "Conv2D: activation must be None, 'linear', 'relu', 'leaky_relu', 'sigmoid', 'silu', 'swish', 'gelu', 'softmax' or"),
        (lambda: layers.Conv2D(8, 3, kernel_initializer="he_normale"), "Conv2D: unknown initializer 'he_normale'; did you mean"),
        (lambda: layers.Conv2D(8, 3, dilation_rate=2), "Conv2D: dilation_rate=(2, 2) is not supported; only (1, 1) is"),
        (lambda: layers.Conv2D(8, 3, groups=2), "Conv2D: groups=2 is not supported; only 1 is"),
        (lambda: layers.Conv2D(8, 3, groups=True), "Conv2D: groups=True is not supported; only 1 is"),
        (lambda: layers.Conv2D(8, 3, data_format="channels_first"), "Conv2D: data_format='channels_first' is not supported; only"),
        (lambda: layers.Conv2D(8, 3, kernel_regularizer="l3"), "Conv2D: unknown regularizer 'l3'; known: 'l1', 'l1l2', 'l2'"),
        (lambda: layers.Conv2D(8, 3, activity_regularizer="l2"), "Conv2D: activity_regularizer='l2' is not supported; only None is"),
        (lambda: layers.Conv2D(8, 3, lora_rank=2), "Conv2D: lora_rank=2 is not supported; only None is"),
        (lambda: layers.Conv2D(8, 3, dtype="float16"), "Conv2D: dtype='float16' is not supported; only 'float32' is"),
        (lambda: layers.Conv2D(8, 3, name="a/b"), "Conv2D: name must be a string without '/', but is 'a/b'"),
        (lambda: layers.Conv2D(8, 3, kernal_initializer="ones"), "Conv2D: unknown argument 'kernal_initializer'; did you mean 'kernel_initializer'?"),
        (lambda: layers.Dense(-1), "Dense: units must be an integer of at least 1, but is -1"),
        (lambda: layers.Dense(3, bias_constraint="x"), "Dense: bias_constraint='x' is not supported; only None is"),
        (lambda: layers.MaxPooling2D(2, strides=0), "MaxPooling2D: strides must be at least 1 in height and width, but is 0"),
        (lambda: layers.MaxPooling2D((2, -2)), "MaxPooling2D: pool_size must be at least 1 in height and width, but is (2, -2)"),
        (lambda: layers.AveragePooling2D(2, padding="causal"), "AveragePooling2D: unknown padding 'causal'"),
        (lambda: layers.Dropout(1), "Dropout: rate must be in [0, 1), but is 1"),
        (lambda: layers.Dropout(-0.5), "Dropout: rate must be in [0, 1), but is -0.5"),
        (lambda: layers.Dropout(0.5, noise_shape=(1,)), "Dropout: noise_shape=(1,) is not supported; only None is"),
        (lambda: layers.ReLU(max_value=-6.0), "ReLU: max_value must be finite and at least 0, but is -6.0"),
        (lambda: layers.ReLU(negative_slope=-0.1), "ReLU: negative_slope must be finite and at least 0, but is -0.1"),
        (lambda: layers.ReLU(threshold=float("inf")), "ReLU: threshold must be finite and at least 0, but is inf"),
        (lambda: layers.LeakyReLU(-0.1), "LeakyReLU: negative_slope must be finite and at least 0, but is -0.1"),
        (lambda: layers.Softmax(axis=1), "Softmax: axis=1 is not supported; only -1 is"),
        (lambda: layers.Activation("tanh"), "Activation: unknown activation 'tanh'; known: 'gelu', 'leaky_relu', 'linear', 'relu', 'sigmoid', 'silu', 'softmax', 'swish'"),
        (lambda: layers.Rescaling(float("nan")), "Rescaling: scale must be finite, but is nan"),
        (lambda: layers.Input(), "InputLayer: exactly one of shape and batch_shape must be given"),
        (lambda: layers.Input((8, None, 3)), "InputLayer: shape=(8, None, 3) is not supported; every size must be given"),
        (lambda: layers.Input((8, 0, 3)), "InputLayer: shape must hold integers of at least 1, but is (8, 0, 3)"),
        (lambda: layers.Input((8,), batch_size=4), "InputLayer: batch_size=4 is not supported; only None is"),
        (lambda: layers.Input(batch_shape=(4, 8)), "InputLayer: batch_shape=(4, 8) is not supported"),
        (lambda: layers.Input((8,), dtype="uint8"), "InputLayer: dtype='uint8' is not supported; only 'float32' is"),
    ],
)  # fmt: skip
def test_arguments_that_will_not_do_are_named(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        make()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: layers.Conv2D(8, 3, name="c")(images(2, 2, 9, 3)), ValueError, "Conv2D 'c': kernel_size (3, 3) is larger than the image (2, 9)"),
        (lambda: layers.MaxPooling2D(3, name="p")(images(2, 2, 9, 3)), ValueError, "MaxPooling2D 'p': pool_size (3, 3) is larger than the image (2, 9)"),
        (lambda: layers.Conv2D(8, 3, name="c")(images(9, 9, 3)), ValueError, "Conv2D 'c': a sample must be an image, (height, width, channels), but has shape (9, 3)"),
        (lambda: layers.MaxPooling2D(name="p").build((9, 9)), ValueError, "MaxPooling2D 'p': a sample must be an image, (height, width, channels), but has shape (9, 9)"),
        (lambda: layers.Dense(8, name="d")(images(2, 9, 9, 3)), ValueError, "Dense 'd': a sample must be a vector, (features,), but has shape (9, 9, 3): put a Flatten before"),
        (lambda: layers.Conv2D(8, 3, name="c").build((None, 9, 9, 3)), ValueError, "Conv2D 'c': input_shape (None, 9, 9, 3) begins with a batch axis"),
        (lambda: layers.Conv2D(8, 3, name="c").build(9), ValueError, "Conv2D 'c': input_shape must be a tuple of integers, but is 9"),
        (lambda: layers.Flatten(name="f")(3.0), ValueError, "Flatten 'f': x is a single number"),
        (lambda: layers.ReLU(name="r")(images(2, 3).astype(np.float16)), TypeError, "ReLU 'r': x has dtype float16, but must be float32, float64 or integers"),
        (lambda: layers.ReLU(name="r")(np.array([["a"]], dtype=object)), TypeError, "ReLU 'r': x has dtype object"),
        (lambda: layers.ReLU(name="r")(layers.Input((3,))), TypeError, "ReLU 'r': layers are called on arrays; to put them one behind the other, list them"),
    ],
)  # fmt: skip
def test_inputs_that_will_not_do_are_named(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match="^" + re.escape(message)):
        call()


def test_a_frozen_layer_has_no_weights_that_training_changes() -> None:
    dense = layers.Dense(3, trainable=False)
    dense.build((4,))
    assert (dense.trainable_weights, dense.non_trainable_weights) == ([], dense.weights)
    dense.trainable = True
    assert (dense.trainable_weights, dense.non_trainable_weights) == (dense.weights, [])
    with pytest.raises(TypeError, match="Dense: trainable must be True or False, but is 1"):
        dense.trainable = 1  # type: ignore[assignment]
