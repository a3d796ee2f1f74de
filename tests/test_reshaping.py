"""ZeroPadding2D, Cropping2D, UpSampling2D and Reshape: what they compute, what a plan makes of them, and what they refuse."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import cases
import numpy as np
import pytest
import reference
from checks import assert_close
from fastcnn import config, layers, losses, ops
from fastcnn.description import describe
from fastcnn.plan import Plan
from fastcnn.stage import Stage
from fastcnn.variables import VariableStore
from through_plan import train_step

IMAGE = (12, 11, 3)


def images(*shape: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


# Layers.


def test_layers_say_which_operations_they_are() -> None:
    assert layers.ZeroPadding2D(2).stages() == [Stage("pad2d", {"padding": ((2, 2), (2, 2))})]
    assert layers.Cropping2D((1, 0)).stages() == [Stage("crop2d", {"cropping": ((1, 1), (0, 0))})]
    assert layers.UpSampling2D(3).stages() == [Stage("upsample2d", {"size": (3, 3), "interpolation": "nearest"})]
    reshape = layers.Reshape((3, -1))
    reshape.build((2, 3, 4))
    assert reshape.stages() == [Stage("reshape", {"shape": (3, 8)})]


def test_the_shapes() -> None:
    assert layers.Reshape((3, -1)).compute_output_shape((2, 3, 4)) == (3, 8)
    assert layers.ZeroPadding2D(((1, 0), (2, 3))).compute_output_shape((2, 3, 4)) == (3, 8, 4)
    assert layers.Cropping2D(((1, 0), (0, 2))).compute_output_shape((2, 3, 4)) == (1, 1, 4)
    assert layers.UpSampling2D((2, 5)).compute_output_shape((2, 3, 4)) == (4, 15, 4)
    assert layers.Reshape(()).compute_output_shape((1, 1)) == ()
    assert layers.Reshape(np.array([6, 4])).compute_output_shape((2, 3, 4)) == (6, 4)


def test_a_called_layer_computes_what_its_operation_does() -> None:
    x = images(2, 7, 7, 3)
    np.testing.assert_array_equal(layers.Reshape((3, 7, 7))(x), x.reshape(2, 3, 7, 7))
    np.testing.assert_array_equal(layers.ZeroPadding2D((1, 2))(x), ops.pad2d(x, ((1, 1), (2, 2))))
    np.testing.assert_array_equal(layers.Cropping2D((1, 2))(x), ops.crop2d(x, ((1, 1), (2, 2))))
    for kind in ("nearest", "bilinear"):
        enlarged = ops.upsample2d(x, (2, 3), interpolation=kind)
        np.testing.assert_array_equal(layers.UpSampling2D((2, 3), interpolation=kind)(x), enlarged)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.ZeroPadding2D(-1), "ZeroPadding2D: padding must not be negative, but is -1"),
        (lambda: layers.ZeroPadding2D(((1, 1), (1, -2))), "ZeroPadding2D: padding must not be negative, but is ((1, 1), (1, -2))"),
        (lambda: layers.ZeroPadding2D((1, 2, 3)), "ZeroPadding2D: padding must be an integer, two integers or ((top, bottom), (left, right)), but is (1, 2, 3)"),
        (lambda: layers.ZeroPadding2D(((1, 2, 3), 1)), "ZeroPadding2D: padding must be an integer, two integers or ((top, bottom), (left, right)), but is ((1, 2, 3), 1)"),
        (lambda: layers.ZeroPadding2D((1.5, 1)), "ZeroPadding2D: padding must be an integer, two integers or"),
        (lambda: layers.ZeroPadding2D("same"), "ZeroPadding2D: padding must be an integer, two integers or ((top, bottom), (left, right)), but is 'same'"),
        (lambda: layers.ZeroPadding2D(True), "ZeroPadding2D: padding must be an integer"),
        (lambda: layers.ZeroPadding2D(1, data_format="channels_first"), "ZeroPadding2D: data_format='channels_first' is not supported; only"),
        (lambda: layers.Cropping2D((-1, 0)), "Cropping2D: cropping must not be negative, but is (-1, 0)"),
        (lambda: layers.Cropping2D(None), "Cropping2D: cropping must be an integer, two integers or ((top, bottom), (left, right)), but is None"),
        (lambda: layers.UpSampling2D(0), "UpSampling2D: size must be at least 1 in height and width, but is 0"),
        (lambda: layers.UpSampling2D(2.5), "UpSampling2D: size must be an integer or two integers, but is 2.5"),
        (lambda: layers.UpSampling2D(interpolation="Bicubic"), "UpSampling2D: interpolation='bicubic' is not supported; only 'nearest' and 'bilinear' are"),
        (lambda: layers.UpSampling2D(interpolation="bilinea"), "UpSampling2D: unknown interpolation 'bilinea'; did you mean 'bilinear'?"),
        (lambda: layers.UpSampling2D(interpolation=1), "UpSampling2D: unknown interpolation 1; known: 'bilinear', 'nearest'"),
        (lambda: layers.Reshape(7), "Reshape: target_shape must hold integers of at least 1, and at most one -1, but is 7"),
        (lambda: layers.Reshape((-1, -1)), "Reshape: target_shape must hold integers of at least 1, and at most one -1, but is (-1, -1)"),
        (lambda: layers.Reshape((2, 0)), "Reshape: target_shape must hold integers of at least 1, and at most one -1, but is (2, 0)"),
        (lambda: layers.Reshape((2, None)), "Reshape: target_shape must hold integers of at least 1, and at most one -1, but is (2, None)"),
        (lambda: layers.Reshape("12"), "Reshape: target_shape must hold integers of at least 1, and at most one -1, but is '12'"),
    ],
)  # fmt: skip
def test_arguments_that_will_not_do_are_named(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        make()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: layers.ZeroPadding2D(name="z").build((9, 9)), "ZeroPadding2D 'z': a sample must be an image, (height, width, channels), but has shape (9, 9)"),
        (lambda: layers.Cropping2D(2, name="c")(images(2, 4, 9, 3)), "Cropping2D 'c': cropping ((2, 2), (2, 2)) leaves nothing of the image (4, 9)"),
        (lambda: layers.Reshape((5, 2), name="r")(images(2, 4, 3)), "Reshape 'r': target_shape (5, 2) does not hold a sample of shape (4, 3), which has 12 values"),
        (lambda: layers.Reshape((5, -1), name="r")(images(2, 4, 3)), "Reshape 'r': target_shape (5, -1) does not hold a sample of shape (4, 3), which has 12 values"),
    ],
)  # fmt: skip
def test_inputs_that_will_not_do_are_named(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        call()


# In a plan.


@pytest.fixture(params=[False, True], ids=["direct", "winograd"])
def winograd(request: pytest.FixtureRequest) -> Iterator[bool]:
    """Whether convolutions may go by Winograd's algorithm."""
    config.set_winograd(request.param)
    yield request.param
    config.set_winograd(True)


@pytest.mark.usefixtures("backend", "winograd")
@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("channels", [3, 33])
def test_padding_before_a_convolution_is_the_convolution_s(channels: int, strides: int) -> None:
    """And changes nothing: neither what comes out nor the gradients, of which those by the input come through the padding."""
    image = (9, 14, channels)
    x = cases.normal(5, *image)(np.random.default_rng(3))
    for sides in (((1, 1), (1, 1)), ((0, 1), (0, 1)), ((2, 0), (4, 3))):
        stack = [layers.ZeroPadding2D(sides), layers.Conv2D(24, 3, strides, activation="relu")]
        assert operations(stack, image) == ["gather", "conv2d_relu"]
        convolution = stack[1]
        kernel, bias = (cases.normal(*v.shape)(np.random.default_rng(4)) for v in convolution.weights)
        convolution.set_weights([kernel, bias])
        settings = {"stride": strides, "padding": sides}
        y = reference.relu(reference.conv2d(x, kernel, bias, **settings))
        target = cases.normal(*y.shape)(np.random.default_rng(5))
        dy = np.where(y > 0, 2 * (y - target) / y.size, 0)
        dx, dw, db = reference.conv2d_backward(dy, x, kernel, **settings)
        assert_close(Plan(stack, image).forward(x), y, cases.SUM)
        step = train_step(stack, losses.MeanSquaredError(), x, target)
        assert_close(step.outputs, y, cases.SUM)
        for got, want in zip((step.dx, *step.gradients), (dx, dw, db), strict=True):
            assert_close(got, want, 2 * cases.SUM)


def operations(stack: list[layers.Layer], image: tuple[int, int, int]) -> list[str]:
    """The stages of a plan."""
    shape: tuple[int, ...] = image
    for layer in stack:
        layer.build(shape)
        shape = layer.compute_output_shape(shape)
    store = VariableStore([variable for layer in stack for variable in layer.weights])
    described = describe([stage for layer in stack for stage in layer.stages()], image, store, None)
    return [stage["operation"] for stage in described["stages"]]


def test_padding_stays_where_a_convolution_cannot_take_it_over() -> None:
    own = [layers.ZeroPadding2D(1), layers.Conv2D(4, 3, padding="same")]
    assert operations(own, IMAGE) == ["gather", "pad2d", "conv2d"]
    twice = [layers.ZeroPadding2D(1), layers.ZeroPadding2D(2), layers.Conv2D(4, 3)]
    assert operations(twice, IMAGE) == ["gather", "pad2d", "conv2d"]
    between = [layers.ZeroPadding2D(1), layers.ReLU(), layers.Conv2D(4, 3)]
    assert operations(between, IMAGE) == ["gather", "pad2d", "relu", "conv2d"]
    assert operations([layers.ZeroPadding2D(1), layers.MaxPooling2D()], IMAGE) == ["gather", "pad2d", "max_pool2d"]
    pooled = [layers.ZeroPadding2D(1), layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D()]
    assert operations(pooled, IMAGE) == ["gather", "conv2d_relu_max_pool2d"]
