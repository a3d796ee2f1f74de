"""The networks of `fastcnn.applications`: what they are made of, and what their arguments may be."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from fastcnn import initializers, layers
from fastcnn._arguments import boolean, positive_integer
from fastcnn.applications import shipped
from fastcnn.datasets import cifar10
from fastcnn.formats import half_weights
from fastcnn.layers import Layer
from fastcnn.models import Sequential

__all__ = ["VGG8", "TutorialCNN"]

_SHAPE = (32, 32, 3)  # of CIFAR-10's pictures
_CLASSES = len(cifar10.CLASS_NAMES)
_POOLINGS = {"avg": layers.GlobalAveragePooling2D, "max": layers.GlobalMaxPooling2D}

Weights = str | os.PathLike[str] | None


def TutorialCNN(
    include_top: bool = True,
    weights: Weights = shipped.CIFAR10,
    *,
    input_shape: Sequence[int] | None = None,
    pooling: str | None = None,
    classes: int = _CLASSES,
    classifier_activation: str | None = "softmax",
    name: str = "tutorial_cnn",
) -> Sequential:
    """The network of TensorFlow's tutorial: three convolutions, two poolings, two dense layers; 122,570 parameters, 4.5 million multiply-adds for a 32x32 picture.

    include_top : whether the dense layers are there; without them the output is (4, 4, 64) features of a 32x32 picture.
    weights : "cifar10", None for random ones, or the path of a file: what `load_weights` reads, or the .safetensors of a recipe.
    input_shape : default (32, 32, 3); at least 18x18. With include_top, "cifar10" fits no other.
    pooling : without the top, "avg" or "max" pools the features over the picture; default None.
    classes : of the top; with "cifar10" it has 10. classifier_activation : of the top; with "cifar10" "softmax", or None for logits.

    Raises TypeError and ValueError for arguments that do not go together, and what reading the file raises. Source: TensorFlow's tutorial "Convolutional Neural
    Network (CNN)".
    """
    owner = "TutorialCNN"
    shape = _shape(owner, input_shape, 18)
    _check(owner, include_top, weights, pooling, classes, classifier_activation)
    if weights == shipped.CIFAR10 and (shape[2] != _SHAPE[2] or (include_top and shape != _SHAPE)):
        raise ValueError(f"{owner}: the weights 'cifar10' want input_shape {_SHAPE}, but it is {shape}")
    body: list[Layer] = [
        layers.Input(shape),
        layers.Rescaling(1 / 255, name="rescaling"),
        layers.Conv2D(32, 3, activation="relu", name="conv1"),
        layers.MaxPooling2D(name="pool1"),
        layers.Conv2D(64, 3, activation="relu", name="conv2"),
        layers.MaxPooling2D(name="pool2"),
        layers.Conv2D(64, 3, activation="relu", name="conv3"),
    ]
    if include_top:
        body += [layers.Flatten(name="flatten"), layers.Dense(64, activation="relu", name="dense")]
    top = classes if include_top else None
    return _made("tutorial_cnn", body, top, weights, pooling, classifier_activation, name)


def VGG8(
    include_top: bool = True,
    weights: Weights = shipped.CIFAR10,
    *,
    input_shape: Sequence[int] | None = None,
    pooling: str | None = None,
    classes: int = _CLASSES,
    classifier_activation: str | None = "softmax",
    name: str = "vgg8",
) -> Sequential:
    """Seven convolutions, of 24 to 256 channels, and one dense layer; made for pictures of 32x32 to 96x96.

    The first, of 2x2, sees differences of neighbouring pixels. Three blocks of two of 3x3 follow, each of these with batch normalization and GELU, and in each block
    pooling behind the first. 1,973,954 parameters; 147 million multiply-adds for a 32x32 picture.

    include_top : whether the classifier is there, global maximum pooling and a dense layer of a ninth of what it gives; without it the output is features, (4, 4, 256) of a 32x32 picture.
    weights : "cifar10", None for random ones, or the path of a file: what `load_weights` reads, or the .safetensors of a recipe.
    input_shape : default (32, 32, 3); any from 32x32 on, for "cifar10" of three channels.
    pooling : without the top, "avg" or "max" pools the features over the picture; default None.
    classes : of the top; with "cifar10" it has 10. classifier_activation : of the top; with "cifar10" "softmax", or None for logits.

    Raises TypeError and ValueError for arguments that do not go together, and what reading the file raises. Source: after Simonyan and Zisserman 2014, "Very deep
    convolutional networks for large-scale image recognition", and Jordan 2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU".
    """
    owner = "VGG8"
    shape = _shape(owner, input_shape, 32)
    _check(owner, include_top, weights, pooling, classes, classifier_activation)
    if weights == shipped.CIFAR10 and shape[2] != _SHAPE[2]:
        raise ValueError(f"{owner}: the weights 'cifar10' want pictures of 3 channels, but input_shape is {shape}")
    body: list[Layer] = [
        layers.Input(shape),
        layers.Rescaling(1 / 64, -2.0, name="rescaling"),
        layers.Conv2D(24, 2, padding="same", activation="gelu", name="conv0"),
    ]
    for number, filters in enumerate((64, 256, 256), 1):
        body += _convolution(f"conv{number}a", filters, pooled=True)
        body += _convolution(f"conv{number}b", filters)
    if include_top:
        body += [_POOLINGS["max"](name="max_pool"), layers.Rescaling(1 / 9, name="temper")]
    top = classes if include_top else None
    return _made("vgg8", body, top, weights, pooling, classifier_activation, name)


def _convolution(name: str, filters: int, pooled: bool = False) -> list[Layer]:
    """Convolution, pooling where the picture is halved, normalization and GELU."""
    small = initializers.VarianceScaling(1 / 3, "fan_in", "uniform")  # as PyTorch begins
    convolution = layers.Conv2D(filters, 3, padding="same", use_bias=False, kernel_initializer=small, name=name)
    pooling: list[Layer] = [layers.MaxPooling2D(name=f"{name}_pool")] if pooled else []
    normalization = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, scale=False, name=f"{name}_bn")
    return [convolution, *pooling, normalization, layers.Activation("gelu", name=f"{name}_gelu")]


def _shape(owner: str, given: Any, least: int) -> tuple[int, ...]:
    """The input's shape."""
    if given is None:
        return _SHAPE
    if not isinstance(given, (tuple, list)) or len(given) != 3:
        raise ValueError(f"{owner}: input_shape must be (height, width, channels), but is {given!r}")
    shape = tuple(positive_integer(owner, "input_shape", side) for side in given)
    if min(shape[:2]) < least:
        raise ValueError(f"{owner}: input_shape must be at least ({least}, {least}, 1), but is {shape}")
    return shape


def _check(
    owner: str, include_top: bool, weights: Weights, pooling: str | None, classes: int, activation: str | None
) -> None:
    boolean(owner, "include_top", include_top)
    positive_integer(owner, "classes", classes)
    if pooling not in (None, *_POOLINGS):
        raise ValueError(f"{owner}: pooling must be None, 'avg' or 'max', but is {pooling!r}")
    if pooling is not None and include_top:
        raise ValueError(f"{owner}: pooling is for include_top=False, but came with the top: {pooling!r}")
    if weights is None:
        return
    if not isinstance(weights, (str, os.PathLike)) or (weights != shipped.CIFAR10 and "." not in os.fspath(weights)):
        raise ValueError(f"{owner}: weights must be 'cifar10', None or the path of a file, but is {weights!r}")
    if weights == shipped.CIFAR10 and include_top and classes != _CLASSES:
        raise ValueError(
            f"{owner}: the weights 'cifar10' know {_CLASSES} classes, but classes is {classes}; for others, take weights=None, or include_top=False and a top of your own"
        )
    if weights == shipped.CIFAR10 and activation not in (None, "softmax"):
        raise ValueError(
            f"{owner}: with the weights 'cifar10' classifier_activation must be 'softmax' or None, but is {activation!r}"
        )


def _made(
    network: str,
    body: list[Layer],
    classes: int | None,
    weights: Weights,
    pooling: str | None,
    classifier_activation: str | None,
    name: str,
) -> Sequential:
    """The model. classes : of the top; None for no top."""
    if pooling is not None:
        body.append(_POOLINGS[pooling](name=f"{pooling}_pool"))
    if classes is not None:
        body.append(layers.Dense(classes, activation=classifier_activation, name="predictions"))
    model = Sequential(body, name=name)
    if weights == shipped.CIFAR10:
        half_weights.load(model, shipped.path_of(network), shipped.SHA256[network])
        if classes is not None:
            model.class_names = cifar10.CLASS_NAMES
    elif weights is not None and os.fspath(weights).endswith(".safetensors"):
        half_weights.load(model, weights)
    elif weights is not None:
        model.load_weights(weights)
    return model
