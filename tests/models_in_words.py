"""Small models for the tests of files, written in words that fastcnn.layers and keras.layers share: each takes either module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["CLASSES", "INPUT_SHAPE", "MODELS", "OPTIMIZERS", "images", "labels"]

INPUT_SHAPE = (13, 14, 3)
CLASSES = 5

# Together they have every layer, and every argument that a layer has a choice in.
MODELS: dict[str, Callable[[Any], list[Any]]] = {
    "the tutorial's": lambda layers: [
        layers.Conv2D(8, (3, 3), activation="relu"),
        layers.MaxPooling2D((2, 2)),
        layers.Conv2D(16, (3, 3), activation="relu"),
        layers.Flatten(),
        layers.Dense(16, activation="relu"),
        layers.Dense(CLASSES),
    ],
    "ragged borders": lambda layers: [
        layers.Rescaling(1 / 127.5, offset=-1.0),
        layers.Conv2D(8, (4, 2), strides=(1, 2), padding="same", use_bias=False, kernel_initializer="he_normal"),
        layers.ReLU(),
        layers.SpatialDropout2D(0.125),
        layers.MaxPooling2D(3, strides=2, padding="same"),
        layers.Dropout(0.25),
        layers.AveragePooling2D((2, 3), strides=(2, 1), padding="same"),
        layers.Conv2D(4, 1, activation="relu", bias_initializer="ones"),
        layers.GlobalAveragePooling2D(keepdims=True),
        layers.Flatten(),
        layers.Dense(CLASSES, use_bias=False),
    ],
    "a softmax in the last layer": lambda layers: [
        layers.Conv2D(6, 5, strides=2),
        layers.Activation("relu"),
        layers.AveragePooling2D(2),
        layers.GlobalAveragePooling2D(),
        layers.Dropout(0.5, seed=3),
        layers.Dense(CLASSES, activation="softmax", name="probabilities"),
    ],
    "batch normalization": lambda layers: [
        layers.BatchNormalization(momentum=0.75),
        layers.Conv2D(6, 3, padding="same", use_bias=False),  # with "valid" the first one's beta would learn from noise
        layers.BatchNormalization(epsilon=1e-4, name="named"),
        layers.Activation("relu"),
        layers.Conv2D(8, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(2),
        layers.BatchNormalization(scale=False),
        layers.Flatten(),
        layers.Dense(9),
        layers.BatchNormalization(center=False, scale=False),
        layers.ReLU(),
        layers.Dense(CLASSES),
    ],
    "other activations": lambda layers: [
        layers.Conv2D(6, 3, activation="gelu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(4, 2, activation="swish"),
        layers.LeakyReLU(negative_slope=0.125),
        layers.Conv2D(4, 2, activation="leaky_relu"),
        layers.ReLU(max_value=6.0, negative_slope=0.25, threshold=0.5),
        layers.Activation("gelu"),
        layers.Flatten(),
        layers.Dense(CLASSES, activation="silu"),
    ],
    "borders and other sizes": lambda layers: [
        layers.ZeroPadding2D(((0, 1), (2, 0))),
        layers.Conv2D(6, 3, strides=2, activation="relu"),
        layers.UpSampling2D((2, 1), interpolation="bilinear"),
        layers.Cropping2D(((1, 0), (0, 2))),
        layers.Reshape((5, -1, 3)),
        layers.UpSampling2D(2),
        layers.GlobalAveragePooling2D(),
        layers.Dense(CLASSES),
    ],
    "channels by themselves": lambda layers: [
        layers.DepthwiseConv2D(3, strides=2, depth_multiplier=2, activation="relu"),
        layers.DepthwiseConv2D((1, 2), padding="same", use_bias=False, depthwise_initializer="he_normal"),
        layers.SeparableConv2D(7, 3, padding="same", depth_multiplier=2, activation="relu"),
        layers.SeparableConv2D(6, 2, strides=2, use_bias=False, pointwise_initializer="he_normal", name="apart"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(CLASSES),
    ],
    "a softmax as the last layer": lambda layers: [
        layers.Flatten(),
        layers.Dense(7, activation="linear"),
        layers.Activation("linear"),
        layers.Dense(CLASSES),
        layers.Softmax(),
    ],
}

OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "Adam": lambda optimizers: optimizers.Adam(0.003, beta_1=0.8, epsilon=1e-6),
    "SGD": lambda optimizers: optimizers.SGD(0.02),
    "SGD with momentum": lambda optimizers: optimizers.SGD(0.02, momentum=0.9),
    "SGD with Nesterov momentum": lambda optimizers: optimizers.SGD(0.02, momentum=0.9, nesterov=True, name="mine"),
    "AdamW, clipped and averaged": lambda optimizers: optimizers.AdamW(
        0.003, clipnorm=0.5, use_ema=True, ema_momentum=0.75, ema_overwrite_frequency=2
    ),
}


def images(count: int = 24, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random((count, *INPUT_SHAPE), dtype=np.float32)


def labels(count: int = 24, seed: int = 1) -> NDArray[np.int64]:
    return np.random.default_rng(seed).integers(0, CLASSES, count)
