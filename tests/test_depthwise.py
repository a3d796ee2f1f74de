"""DepthwiseConv2D and SeparableConv2D: what they are made of, what a plan makes of them, and what they refuse."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from fastcnn import activations, initializers, layers, ops, regularizers
from fastcnn.description import describe
from fastcnn.stage import Stage
from fastcnn.variables import VariableStore


def images(*shape: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def test_layers_say_which_operations_they_are() -> None:
    depthwise = layers.DepthwiseConv2D((3, 2), strides=(2, 1), padding="SAME", depth_multiplier=2, activation="relu")
    depthwise.build((8, 8, 3))
    kernel, bias = depthwise.weights
    settings = {"stride": (2, 1), "padding": "same"}
    assert depthwise.stages() == [Stage("depthwise_conv2d", settings, (kernel, bias)), Stage("relu", {})]
    assert (depthwise.kernel, depthwise.bias, kernel.shape, bias.shape) == (kernel, bias, (3, 2, 3, 2), (6,))

    separable = layers.SeparableConv2D(5, (3, 2), strides=(2, 1), padding="same", depth_multiplier=2)
    separable.build((8, 8, 3))
    first, second, bias = separable.weights
    mixing = Stage("conv2d", {"stride": (1, 1), "padding": "valid"}, (second, bias))
    assert separable.stages() == [Stage("depthwise_conv2d", settings, (first,)), mixing]
    assert (separable.depthwise_kernel, separable.pointwise_kernel, separable.bias) == (first, second, bias)
    assert [weight.shape for weight in separable.weights] == [(3, 2, 3, 2), (1, 1, 6, 5), (5,)]


def test_of_two_kernels_neither_is_the_kernel() -> None:
    separable = layers.SeparableConv2D(5, 3)
    for _ in range(2):
        assert not hasattr(separable, "kernel")
        with pytest.raises(AttributeError, match="there is no kernel, but a depthwise_kernel and a pointwise_kernel"):  # fmt: skip
            separable.kernel  # noqa: B018
        separable.build((8, 8, 3))
    with pytest.raises(ValueError, match=re.escape("has 4 channels, but kernel (3, 3, 3, 1) wants 3")):
        separable(images(1, 8, 8, 4))


def test_the_shapes() -> None:
    assert layers.DepthwiseConv2D(3).compute_output_shape((8, 9, 4)) == (6, 7, 4)
    assert layers.DepthwiseConv2D(3, 2, "same", 3).compute_output_shape((8, 9, 4)) == (4, 5, 12)
    assert layers.SeparableConv2D(5, 3, depth_multiplier=2).compute_output_shape((8, 9, 4)) == (6, 7, 5)


def test_a_called_layer_computes_what_its_operations_do() -> None:
    x = images(2, 7, 8, 3)
    depthwise = layers.DepthwiseConv2D(3, 2, "same", 2, activation="relu", bias_initializer="ones")
    y = depthwise(x)
    assert depthwise.bias is not None
    own = ops.depthwise_conv2d(x, depthwise.kernel.value, depthwise.bias.value, stride=2, padding="same")
    np.testing.assert_array_equal(y, ops.relu(own))
    separable = layers.SeparableConv2D(5, 3, depth_multiplier=2, bias_initializer="ones")
    y = separable(x)
    assert separable.bias is not None
    own = ops.depthwise_conv2d(x, separable.depthwise_kernel.value)
    np.testing.assert_array_equal(y, ops.conv2d(own, separable.pointwise_kernel.value, separable.bias.value))


def test_initializers_and_regularizers_are_each_weight_s_own() -> None:
    depthwise = layers.DepthwiseConv2D(2, depthwise_initializer="ones", depthwise_regularizer="l1")
    depthwise.build((4, 4, 3))
    assert isinstance(depthwise.depthwise_initializer, initializers.Ones)
    assert isinstance(depthwise.depthwise_regularizer, regularizers.L1)
    assert (depthwise.kernel.value == 1).all()
    assert [isinstance(weight.regularizer, regularizers.L1) for weight in depthwise.weights] == [True, False]
    separable = layers.SeparableConv2D(
        4, 2, depthwise_initializer="ones", pointwise_regularizer="l2", pointwise_initializer="zeros"
    )
    separable.build((4, 4, 3))
    assert (separable.depthwise_kernel.value == 1).all()
    assert not separable.pointwise_kernel.value.any()
    assert [isinstance(weight.regularizer, regularizers.L2) for weight in separable.weights] == [False, True, False]
    assert separable.activation is activations.linear


def described(stack: list[layers.Layer], image: tuple[int, int, int]) -> list[tuple[str, Any]]:
    """The stages of a plan, and how many rows and columns of each are computed, where these are not all."""
    shape: tuple[int, ...] = image
    for layer in stack:
        layer.build(shape)
        shape = layer.compute_output_shape(shape)
    store = VariableStore([variable for layer in stack for variable in layer.weights])
    stages = describe([stage for layer in stack for stage in layer.stages()], image, store, None)["stages"]
    return [(stage["operation"], stage["attributes"].get("outputs")) for stage in stages[1:]]


def test_a_plan_fuses_what_it_can() -> None:
    stack = [layers.ZeroPadding2D(((0, 1), (0, 1))), layers.DepthwiseConv2D(3, strides=2), layers.ReLU()]
    assert described(stack, (8, 8, 3)) == [("depthwise_conv2d", None), ("relu", None)]
    separable = [layers.ZeroPadding2D(1), layers.SeparableConv2D(4, 3, activation="relu"), layers.MaxPooling2D(2)]
    assert described(separable, (8, 8, 3)) == [("depthwise_conv2d", None), ("conv2d_relu_max_pool2d", None)]
    read = [layers.DepthwiseConv2D(3), layers.ReLU(), layers.AveragePooling2D(2)]
    assert described(read, (9, 8, 3)) == [("depthwise_conv2d", [6, 6]), ("relu", None), ("average_pool2d", None)]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.DepthwiseConv2D(0), "DepthwiseConv2D: kernel_size must be at least 1 in height and width, but is 0"),
        (lambda: layers.DepthwiseConv2D(3, strides="2"), "DepthwiseConv2D: strides must be an integer or two integers, but is '2'"),
        (lambda: layers.DepthwiseConv2D(3, depth_multiplier=0), "DepthwiseConv2D: depth_multiplier must be an integer of at least 1, but is 0"),
        (lambda: layers.DepthwiseConv2D(3, padding="sane"), "DepthwiseConv2D: unknown padding 'sane'; did you mean 'same'?"),
        (lambda: layers.DepthwiseConv2D(3, data_format="channels_first"), "DepthwiseConv2D: data_format='channels_first' is not supported"),
        (lambda: layers.DepthwiseConv2D(3, dilation_rate=2), "DepthwiseConv2D: dilation_rate=(2, 2) is not supported; only (1, 1) is"),
        (lambda: layers.DepthwiseConv2D(3, depthwise_constraint="x"), "DepthwiseConv2D: depthwise_constraint='x' is not supported; only None is"),
        (lambda: layers.DepthwiseConv2D(3, activity_regularizer="l2"), "DepthwiseConv2D: activity_regularizer='l2' is not supported"),
        (lambda: layers.DepthwiseConv2D(3, kernel_initializer="ones"), "DepthwiseConv2D: unknown argument 'kernel_initializer'"),
        (lambda: layers.DepthwiseConv2D(3, depthwise_initializer="one_s"), "DepthwiseConv2D: unknown initializer 'one_s'"),
        (lambda: layers.SeparableConv2D(0, 3), "SeparableConv2D: filters must be an integer of at least 1, but is 0"),
        (lambda: layers.SeparableConv2D(4, (3, 0)), "SeparableConv2D: kernel_size must be at least 1 in height and width, but is (3, 0)"),
        (lambda: layers.SeparableConv2D(4, 3, pointwise_constraint="x"), "SeparableConv2D: pointwise_constraint='x' is not supported"),
        (lambda: layers.SeparableConv2D(4, 3, pointwise_regularizer="l3"), "SeparableConv2D: unknown regularizer 'l3'"),
        (lambda: layers.SeparableConv2D(4, 3, pointwise_initialiser="ones"), "SeparableConv2D: unknown argument 'pointwise_initialiser'; did you mean 'pointwise_initializer'?"),
    ],
)  # fmt: skip
def test_arguments_that_will_not_do_are_named(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        make()


@pytest.mark.parametrize(
    "make", [lambda: layers.DepthwiseConv2D(3, name="d"), lambda: layers.SeparableConv2D(4, 3, name="d")]
)
def test_inputs_that_will_not_do_are_named(make: Any) -> None:
    layer = make()
    who = f"{type(layer).__name__} 'd': "
    for ask in (
        ("bias", "kernel") if isinstance(layer, layers.DepthwiseConv2D) else ("depthwise_kernel", "pointwise_kernel")
    ):
        with pytest.raises(AttributeError, match=f"^{who}{ask} is not there before the layer is built"):
            getattr(layer, ask)
    with pytest.raises(ValueError, match="^" + re.escape(f"{who}kernel_size (3, 3) is larger than the image (2, 9)")):
        layer(images(2, 2, 9, 3))
    layer(images(2, 9, 9, 3))
    with pytest.raises(
        ValueError,
        match="^" + re.escape(f"{who}a sample of shape (9, 9, 2) has 2 channels, but kernel (3, 3, 3, 1) wants 3"),
    ):
        layer(images(2, 9, 9, 2))
    with pytest.raises(ValueError, match="^" + re.escape(f"{who}a sample must be an image, (height, width, channels)")):
        layer(images(2, 9, 9))
