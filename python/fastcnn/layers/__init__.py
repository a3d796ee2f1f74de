"""Layers, with Keras 3's names, defaults and behaviour; shapes are without the batch axis.

base.py has what they share, core.py the input, Flatten and Dense, convolution.py, depthwise.py, pooling.py, normalization.py,
reshaping.py and elementwise.py the rest, augmentation.py and colour.py those that change pictures at random. `KNOWN` gives the
class for Keras's class name. Models are in `models.py`, the arithmetic in `ops/`.
"""

from fastcnn.layers.augmentation import (
    RandomCrop,
    RandomFlip,
    RandomPaddedCrop,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
)
from fastcnn.layers.base import Layer
from fastcnn.layers.colour import RandomBrightness, RandomContrast, RandomErasing, RandomSaturation
from fastcnn.layers.convolution import Conv2D, Convolution2D
from fastcnn.layers.core import Dense, Flatten, Input, InputLayer
from fastcnn.layers.depthwise import DepthwiseConv2D, SeparableConv2D, SeparableConvolution2D
from fastcnn.layers.elementwise import Activation, Dropout, LeakyReLU, ReLU, Rescaling, Softmax, SpatialDropout2D
from fastcnn.layers.normalization import BatchNormalization
from fastcnn.layers.pooling import (
    AveragePooling2D,
    AvgPool2D,
    GlobalAveragePooling2D,
    GlobalAvgPool2D,
    GlobalMaxPool2D,
    GlobalMaxPooling2D,
    MaxPool2D,
    MaxPooling2D,
)
from fastcnn.layers.reshaping import Cropping2D, Reshape, UpSampling2D, ZeroPadding2D

__all__ = [
    "KNOWN",
    "Activation",
    "AveragePooling2D",
    "AvgPool2D",
    "BatchNormalization",
    "Conv2D",
    "Convolution2D",
    "Cropping2D",
    "Dense",
    "DepthwiseConv2D",
    "Dropout",
    "Flatten",
    "GlobalAveragePooling2D",
    "GlobalAvgPool2D",
    "GlobalMaxPool2D",
    "GlobalMaxPooling2D",
    "Input",
    "InputLayer",
    "Layer",
    "LeakyReLU",
    "MaxPool2D",
    "MaxPooling2D",
    "RandomBrightness",
    "RandomContrast",
    "RandomCrop",
    "RandomErasing",
    "RandomFlip",
    "RandomPaddedCrop",
    "RandomRotation",
    "RandomSaturation",
    "RandomTranslation",
    "RandomZoom",
    "ReLU",
    "Rescaling",
    "Reshape",
    "SeparableConv2D",
    "SeparableConvolution2D",
    "Softmax",
    "SpatialDropout2D",
    "UpSampling2D",
    "ZeroPadding2D",
]

KNOWN: dict[str, type[Layer]] = {
    kind.__name__: kind
    for kind in (
        InputLayer,
        Conv2D,
        MaxPooling2D,
        AveragePooling2D,
        GlobalMaxPooling2D,
        GlobalAveragePooling2D,
        Flatten,
        Dense,
        Activation,
        ReLU,
        LeakyReLU,
        Softmax,
        Rescaling,
        Dropout,
        SpatialDropout2D,
        BatchNormalization,
        ZeroPadding2D,
        Cropping2D,
        UpSampling2D,
        Reshape,
        DepthwiseConv2D,
        SeparableConv2D,
        RandomFlip,
        RandomTranslation,
        RandomRotation,
        RandomZoom,
        RandomCrop,
        RandomPaddedCrop,
        RandomBrightness,
        RandomContrast,
        RandomSaturation,
        RandomErasing,
    )
}
