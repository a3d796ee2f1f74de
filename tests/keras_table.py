"""The table of what is compared with a real Keras: every public class of layers, losses, metrics, regularizers, initializers, schedules and optimizers.

An entry is a class, its arguments and the shapes it is tried with. test_keras_table.py holds that no class, and no argument of one, is missing;
test_keras_table_words_peer.py, test_keras_table_peer.py, test_metrics_peer.py, test_metrics_models_peer.py and test_schedules_peer.py run over the
entries. What is refused, and what else differs on purpose, is in docs/keras.md.
"""

from __future__ import annotations

import operator
from collections.abc import Collection
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

__all__ = ["AUGMENTATIONS", "BASES", "OWN", "TABLE", "Entry", "each", "known_as", "make", "normal", "of", "pair"]

Shapes = tuple[tuple[int, ...], ...]


class Entry(NamedTuple):
    """A class by its name, with arguments that fastcnn and Keras share; a function among them makes the value in the words of the one it is given.

    shapes : of a sample (layers, losses, metrics) or of the weights (regularizers, initializers). data : what it is fed with, see each table.
    """

    name: str
    arguments: dict[str, Any]
    shapes: Shapes = ()
    data: str = ""


def make(words: Any, module: str, entry: Entry, **more: Any) -> Any:
    """The entry's object in the words of `words`, the module fastcnn or keras."""
    arguments = {**entry.arguments, **more}
    values = {name: value(words) if callable(value) else value for name, value in arguments.items()}
    return operator.attrgetter(f"{module}.{entry.name}")(words)(**values)


def pair(keras: Any, module: str, entry: Entry, **more: Any) -> tuple[Any, Any]:
    """The entry's object in fastcnn and in Keras."""
    import fastcnn

    return make(fastcnn, module, entry, **more), make(keras, module, entry, **more)


def known_as(entry: Entry) -> str:
    """The entry's name in a list of tests."""
    given = (f"{name}={'...' if callable(value) else value}" for name, value in entry.arguments.items())
    return f"{entry.name}({', '.join(given)})"


L1, L2 = {"class_name": "L1", "config": {"l1": 0.03}}, {"class_name": "L2", "config": {"l2": 0.05}}
IMAGES: Shapes = ((9, 8, 3), (5, 7, 1))
SMALL: Shapes = ((6, 5, 2), (1, 1, 3))
ANY: Shapes = ((7,), (1,), (9, 8, 3), (1, 1, 5), (4, 6), (2, 3, 4, 2))
DROPPED: Shapes = ((3, 4, 40), (1, 1, 60))
PICTURES: Shapes = ((17, 32, 3), (9, 6, 1))

LAYERS = [
    Entry("InputLayer", {"shape": (8, 8, 3)}),
    Entry("InputLayer", {"batch_shape": (None, 4)}),
    Entry("Conv2D", {"filters": 8, "kernel_size": 3}, IMAGES),
    Entry("Conv2D", {"filters": 8, "kernel_size": [3, 2], "strides": 2, "padding": "SAME", "activation": "relu", "use_bias": False}, (*IMAGES, *SMALL)),
    Entry("Conv2D", {"filters": 8, "kernel_size": 3, "kernel_initializer": "he_normal", "bias_initializer": "ones"}, ((3, 3, 17),)),
    Entry("Conv2D", {"filters": 3, "kernel_size": 2, "kernel_regularizer": "l1l2", "trainable": False}, IMAGES),
    Entry("Conv2D", {"filters": 5, "kernel_size": (2, 4), "kernel_regularizer": L1, "bias_regularizer": L2, "activation": "sigmoid"}, IMAGES),
    Entry("Conv2D", {"filters": 5, "kernel_size": 3, "activation": "gelu"}, IMAGES),
    Entry("Conv2D", {"filters": 17, "kernel_size": 1, "data_format": "channels_last", "activation": "softmax"}, (*IMAGES, *SMALL)),
    Entry("Conv2D", {"filters": 1, "kernel_size": (1, 2), "strides": [3, 4], "padding": "same", "input_shape": (6, 5, 2)}, SMALL[:1]),
    Entry("DepthwiseConv2D", {"kernel_size": 3}, IMAGES),
    Entry("DepthwiseConv2D", {"kernel_size": [3, 2], "strides": 2, "padding": "SAME", "activation": "relu", "use_bias": False}, (*IMAGES, *SMALL)),
    Entry("DepthwiseConv2D", {"kernel_size": (2, 4), "depth_multiplier": 3, "depthwise_initializer": "he_normal", "bias_initializer": "ones"}, ((6, 5, 17), *IMAGES)),
    Entry("DepthwiseConv2D", {"kernel_size": 2, "strides": (2, 1), "depthwise_regularizer": L1, "bias_regularizer": L2, "activation": "sigmoid"}, IMAGES),
    Entry("DepthwiseConv2D", {"kernel_size": 1, "depth_multiplier": 2, "trainable": False, "data_format": "channels_last"}, (*IMAGES, *SMALL)),
    Entry("SeparableConv2D", {"filters": 8, "kernel_size": 3}, IMAGES),
    Entry("SeparableConv2D", {"filters": 5, "kernel_size": [3, 2], "strides": 2, "padding": "SAME", "activation": "relu", "use_bias": False}, (*IMAGES, *SMALL)),
    Entry("SeparableConv2D", {"filters": 3, "kernel_size": (2, 4), "depth_multiplier": 2, "depthwise_initializer": "he_normal", "pointwise_initializer": "ones", "bias_initializer": "ones"}, IMAGES),
    Entry("SeparableConv2D", {"filters": 4, "kernel_size": 2, "depthwise_regularizer": L1, "pointwise_regularizer": L2, "bias_regularizer": "l1", "activation": "sigmoid"}, IMAGES),
    Entry("SeparableConv2D", {"filters": 1, "kernel_size": 1, "trainable": False, "data_format": "channels_last"}, (*IMAGES, *SMALL)),
    Entry("MaxPooling2D", {}, IMAGES),
    Entry("MaxPooling2D", {"pool_size": 3, "strides": (1, 2), "padding": "same"}, (*IMAGES, *SMALL)),
    Entry("MaxPooling2D", {"pool_size": (1, 5), "strides": 4, "data_format": "channels_last"}, IMAGES),
    Entry("AveragePooling2D", {"pool_size": 2}, IMAGES),
    Entry("AveragePooling2D", {"pool_size": (3, 4), "strides": (2, 1), "padding": "same", "data_format": "channels_last"}, (*IMAGES, *SMALL)),
    Entry("AveragePooling2D", {"pool_size": (5, 1), "strides": [1, 3]}, IMAGES),
    Entry("GlobalAveragePooling2D", {}, (*IMAGES, *SMALL)),
    Entry("GlobalAveragePooling2D", {"keepdims": True, "data_format": "channels_last"}, (*IMAGES, *SMALL)),
    Entry("Flatten", {}, ((9, 8, 3), (7,), (4, 6), (2, 3, 4, 2))),
    Entry("Flatten", {"data_format": "channels_last"}, SMALL),
    Entry("ZeroPadding2D", {}, (*IMAGES, *SMALL)),
    Entry("ZeroPadding2D", {"padding": 2}, IMAGES),
    Entry("ZeroPadding2D", {"padding": [0, 3], "data_format": "channels_last"}, (*IMAGES, *SMALL)),
    Entry("ZeroPadding2D", {"padding": ((1, 0), [2, 3])}, (*IMAGES, *SMALL)),
    Entry("Cropping2D", {}, (*IMAGES, *SMALL)),
    Entry("Cropping2D", {"cropping": 1}, IMAGES),
    Entry("Cropping2D", {"cropping": (0, 2), "data_format": "channels_last"}, IMAGES),
    Entry("Cropping2D", {"cropping": [[3, 1], (0, 4)]}, IMAGES),
    Entry("UpSampling2D", {}, (*IMAGES, *SMALL)),
    Entry("UpSampling2D", {"size": 3, "data_format": "channels_last"}, IMAGES),
    Entry("UpSampling2D", {"size": (1, 4), "interpolation": "Nearest"}, IMAGES),
    Entry("UpSampling2D", {"interpolation": "bilinear"}, (*IMAGES, *SMALL)),
    Entry("UpSampling2D", {"size": [3, 4], "interpolation": "BILINEAR"}, (*IMAGES, *SMALL)),
    Entry("Reshape", {"target_shape": (-1,)}, ((9, 8, 3), (7,), (4, 6), (2, 3, 4, 2))),
    Entry("Reshape", {"target_shape": [4, -1, 2]}, ((4, 6, 3), (16,), (2, 3, 4, 2))),
    Entry("Reshape", {"target_shape": (3, 2, 2)}, ((12,), (2, 2, 3))),
    Entry("Reshape", {"target_shape": ()}, ((1, 1, 1), (1,))),
    Entry("Dense", {"units": 4}, ((12,), (1,))),
    Entry("Dense", {"units": 1, "input_dim": 5}, ((5,),)),
    Entry("Dense", {"units": 4, "activation": "softmax", "name": "head"}, ((33,),)),
    Entry("Dense", {"units": 3, "kernel_regularizer": "l2", "bias_regularizer": "l1", "activation": "sigmoid"}, ((12,),)),
    Entry("Dense", {"units": 5, "activation": "silu"}, ((12,),)),
    Entry("Dense", {"units": 17, "activation": lambda words: words.activations.relu, "use_bias": False}, ((12,),)),
    Entry("Dense", {"units": 2, "kernel_initializer": "Ones", "bias_initializer": {"class_name": "Constant", "config": {"value": 0.5}}}, ((3,),)),
    Entry("Dense", {"units": 2, "trainable": False, "kernel_regularizer": L2}, ((3,),)),
    Entry("Activation", {"activation": "relu"}, ANY),
    Entry("Activation", {"activation": "sigmoid"}, ANY),
    Entry("Activation", {"activation": "softmax"}, ANY),
    Entry("Activation", {"activation": "gelu"}, ANY),
    Entry("Activation", {"activation": "swish"}, ANY),
    Entry("Activation", {"activation": "leaky_relu"}, ANY),
    Entry("Activation", {"activation": lambda words: words.activations.silu}, ANY[:1]),
    Entry("Activation", {"activation": None}, ANY),
    Entry("Activation", {"activation": lambda words: words.activations.linear}, ANY[:1]),
    Entry("ReLU", {}, ANY),
    Entry("ReLU", {"negative_slope": 0.25}, ANY),
    Entry("ReLU", {"max_value": 6.0}, ANY),
    Entry("ReLU", {"max_value": 0.75, "negative_slope": 0.5, "threshold": 0.25}, ANY),
    Entry("LeakyReLU", {}, ANY),
    Entry("LeakyReLU", {"negative_slope": 0.01, "name": "leaky"}, ANY),
    Entry("Softmax", {}, ANY),
    Entry("Rescaling", {"scale": 1 / 255}, ANY),
    Entry("Rescaling", {"scale": 2.0, "offset": -1.0}, ANY),
    Entry("Dropout", {"rate": 0.5}, (*DROPPED, (100,))),
    Entry("Dropout", {"rate": 0.25, "seed": 3}, DROPPED),
    Entry("Dropout", {"rate": 0.9}, DROPPED),
    Entry("Dropout", {"rate": 0.0}, DROPPED),
    Entry("SpatialDropout2D", {"rate": 0.25}, DROPPED),
    Entry("SpatialDropout2D", {"rate": 0.5, "data_format": "channels_last", "seed": 3}, DROPPED),
    Entry("SpatialDropout2D", {"rate": 0.8, "name": "whole", "dtype": "float32"}, DROPPED),
    Entry("BatchNormalization", {}, ((7,), (9, 8, 3), (4, 6))),
    Entry("BatchNormalization", {"momentum": 0.5, "epsilon": 1e-5, "center": False, "gamma_initializer": "zeros", "gamma_regularizer": L2}, ((9, 8, 17),)),
    Entry("BatchNormalization", {"scale": False, "beta_initializer": "ones", "beta_regularizer": "l1", "moving_mean_initializer": "ones"}, ((6, 5, 2),)),
    Entry("BatchNormalization", {"scale": False, "center": False, "moving_variance_initializer": "zeros", "name": "plain"}, ((6, 5, 2),)),
    Entry("BatchNormalization", {"axis": 3, "trainable": False}, ((6, 5, 2),)),
    Entry("RandomFlip", {}, PICTURES),
    Entry("RandomFlip", {"mode": "horizontal", "seed": 3}, PICTURES),
    Entry("RandomFlip", {"mode": "vertical", "data_format": "channels_last"}, PICTURES),
    Entry("RandomTranslation", {"height_factor": 0.3, "width_factor": (-0.5, 0.25)}, PICTURES),
    Entry("RandomTranslation", {"height_factor": (1.0, -1.0), "width_factor": 0, "fill_mode": "constant", "fill_value": 0.5, "seed": 3}, PICTURES),
    Entry("RandomTranslation", {"height_factor": 1, "width_factor": 1.0, "fill_mode": "wrap", "interpolation": "nearest"}, PICTURES),
    Entry("RandomRotation", {"factor": 0.1}, PICTURES),
    Entry("RandomRotation", {"factor": (0.4, -0.2), "fill_mode": "nearest", "seed": 3}, PICTURES),
    Entry("RandomRotation", {"factor": 1.0, "fill_mode": "constant", "fill_value": -1.0, "interpolation": "nearest"}, PICTURES),
    Entry("RandomZoom", {"height_factor": 0.5}, PICTURES),
    Entry("RandomZoom", {"height_factor": (0.9, -0.9), "width_factor": 0.1, "fill_mode": "constant", "fill_value": 2.0, "seed": 3}, PICTURES),
    Entry("RandomZoom", {"height_factor": 1.0, "width_factor": (0.5, 1.0), "fill_mode": "wrap", "interpolation": "nearest"}, PICTURES),
    Entry("RandomCrop", {"height": 4, "width": 5, "seed": 3}, PICTURES),
    Entry("RandomCrop", {"height": 1, "width": 1, "seed": 4, "data_format": "channels_last"}, PICTURES),
    Entry("RandomBrightness", {"factor": 0.5}, PICTURES),
    Entry("RandomBrightness", {"factor": (0.5, -0.25), "value_range": (1, -1), "seed": 3}, PICTURES),
    Entry("RandomContrast", {"factor": 0.5}, PICTURES),
    Entry("RandomContrast", {"factor": (0.9, 0.25), "value_range": (-2.0, 1.0), "seed": 3}, PICTURES),
    Entry("RandomSaturation", {"factor": 0.9}, PICTURES[:1]),
    Entry("RandomSaturation", {"factor": (0.9, 0.25), "value_range": (1.0, 0.0), "seed": 3}, PICTURES[:1]),
    Entry("RandomErasing", {}, PICTURES),
    Entry("RandomErasing", {"factor": (0.5, 1.0), "scale": (0.1, 0.9), "fill_value": 0.25, "value_range": (-1, 1), "seed": 3}, PICTURES),
    Entry("RandomErasing", {"factor": 0.8, "scale": 0.5, "value_range": (-9.0, 2.0)}, PICTURES),
]  # fmt: skip
AUGMENTATIONS = {
    entry.name for entry in LAYERS if entry.name.startswith("Random")
}  # in a real Keras a call changes pictures

# Labels and predictions are, by `data`: "classes", "rows": numbers or rows of K exclusive classes; "01": of two kinds; "floats"; "equal": integers.
LOSSES = [
    Entry("SparseCategoricalCrossentropy", {}, ((7,), (2,), (1,)), "classes"),
    Entry("SparseCategoricalCrossentropy", {"from_logits": True, "name": "mine"}, ((7,), (2,), (1,)), "classes"),
    Entry("CategoricalCrossentropy", {}, ((7,), (2,), (1,)), "rows"),
    Entry("CategoricalCrossentropy", {"from_logits": True}, ((7,), (2,), (1,)), "rows"),
    Entry("CategoricalCrossentropy", {"label_smoothing": 0.1}, ((7,), (2,), (1,)), "rows"),
    Entry("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.25}, ((7,), (2,), (1,)), "rows"),
    Entry("BinaryCrossentropy", {"label_smoothing": 0.1}, ((3,), (1,), (4, 5, 2), (2, 3), ()), "01"),
    Entry(
        "BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.25}, ((3,), (1,), (4, 5, 2), (2, 3), ()), "01"
    ),
    Entry("BinaryCrossentropy", {}, ((3,), (1,), (4, 5, 2), (2, 3), ()), "01"),
    Entry("BinaryCrossentropy", {"from_logits": True, "name": "mine"}, ((3,), (1,), (4, 5, 2), (2, 3), ()), "01"),
    Entry("MeanSquaredError", {}, ((3,), (1,), (4, 5, 2), (2, 3), ()), "floats"),
]

EACH: Shapes = ((), (1,), (3,), (2, 3))
WIDE: Shapes = ((), (2,), (2, 3))
METRICS = [
    Entry("Accuracy", {}, EACH, "equal"),
    Entry("BinaryAccuracy", {}, EACH, "01"),
    Entry("BinaryAccuracy", {"threshold": 0.25, "name": "mine"}, EACH, "01"),
    Entry("CategoricalAccuracy", {}, WIDE, "rows"),
    Entry("SparseCategoricalAccuracy", {}, WIDE, "classes"),
    Entry("TopKCategoricalAccuracy", {}, WIDE, "rows"),
    Entry("TopKCategoricalAccuracy", {"k": 2}, WIDE, "rows"),
    Entry("SparseTopKCategoricalAccuracy", {}, WIDE, "classes"),
    Entry("SparseTopKCategoricalAccuracy", {"k": 1}, WIDE, "classes"),
    Entry("SparseTopKCategoricalAccuracy", {"k": 9}, WIDE, "classes"),
    Entry("SparseTopKCategoricalAccuracy", {"k": 2, "from_sorted_ids": True}, ((),), "classes"),
    Entry("Precision", {}, EACH, "01"),
    Entry("Precision", {"thresholds": 0.3}, EACH, "01"),
    Entry("Precision", {"thresholds": [0.9, 0.2, 0.4]}, EACH, "01"),
    Entry("Precision", {"thresholds": [0.0, 0.5, 1.0]}, EACH, "01"),
    Entry("Precision", {"top_k": 2}, WIDE, "rows"),
    Entry("Precision", {"top_k": 3, "thresholds": 0.1}, WIDE, "rows"),
    Entry("Precision", {"class_id": 2}, WIDE, "rows"),
    Entry("Precision", {"class_id": 0, "top_k": 2}, WIDE, "rows"),
    Entry("Recall", {}, EACH, "01"),
    Entry("Recall", {"thresholds": [0.7, 0.1]}, EACH, "01"),
    Entry("Recall", {"thresholds": [0.0, 0.25, 0.5, 0.75, 1.0]}, EACH, "01"),
    Entry("Recall", {"top_k": 1}, WIDE, "rows"),
    Entry("Recall", {"class_id": 1, "thresholds": 0.2}, WIDE, "rows"),
    Entry("AUC", {}, EACH, "01"),
    Entry("AUC", {"num_thresholds": 2}, EACH, "01"),
    Entry("AUC", {"num_thresholds": 3, "summation_method": "minoring"}, EACH, "01"),
    Entry("AUC", {"summation_method": "Majoring", "name": "mine"}, EACH, "01"),
    Entry("AUC", {"curve": "PR"}, EACH, "01"),
    Entry("AUC", {"curve": "pr", "summation_method": "majoring", "num_thresholds": 20}, EACH, "01"),
    Entry("AUC", {"curve": "PR", "summation_method": "minoring"}, EACH, "01"),
    Entry("AUC", {"curve": "PRGAIN"}, EACH, "01"),
    Entry("AUC", {"thresholds": [0.8, 0.3, 0.35]}, EACH, "01"),
    Entry("AUC", {"thresholds": [0.25, 0.5, 0.75], "curve": "PR"}, EACH, "01"),
    Entry("AUC", {"from_logits": True}, EACH, "01"),
    Entry("AUC", {"multi_label": True}, ((3,), (1,)), "01"),
    Entry("AUC", {"multi_label": True, "curve": "PR", "num_labels": 3}, ((3,),), "01"),
    Entry("AUC", {"multi_label": True, "thresholds": [0.1, 0.8], "label_weights": [1.0, 0.0, 3.0]}, ((3,),), "01"),
    Entry("AUC", {"multi_label": True, "label_weights": [1.0, 0.5, 3.0], "curve": "PR"}, ((3,),), "01"),
    Entry("AUC", {"label_weights": [1.0, 0.5, 3.0]}, ((3,),), "01"),
    Entry("AUC", {"label_weights": [1.0, 0.5, 3.0], "thresholds": [0.6]}, ((3,),), "01"),
    Entry("MeanSquaredError", {}, EACH, "floats"),
    Entry("MeanAbsoluteError", {"name": "mine"}, EACH, "floats"),
    Entry("RootMeanSquaredError", {}, EACH, "floats"),
    Entry("BinaryCrossentropy", {}, EACH, "01"),
    Entry("BinaryCrossentropy", {"label_smoothing": 0.2}, EACH, "01"),
    Entry("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, EACH, "01"),
    Entry("CategoricalCrossentropy", {}, WIDE, "rows"),
    Entry("CategoricalCrossentropy", {"label_smoothing": 0.2}, WIDE, "rows"),
    Entry("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, WIDE, "rows"),
    Entry("CategoricalCrossentropy", {"axis": 1}, WIDE, "rows"),
    Entry("SparseCategoricalCrossentropy", {}, WIDE, "classes"),
    Entry("SparseCategoricalCrossentropy", {"from_logits": True}, WIDE, "classes"),
    Entry("SparseCategoricalCrossentropy", {"ignore_class": 3}, WIDE, "classes"),
    Entry("Mean", {}, (), "values"),
]  # fmt: skip


def schedules() -> list[Entry]:
    """Every schedule with its options in every combination."""
    rates, steps, both = (0.1, 0.0003), (1, 7, 32, 12.5), (False, True)
    decay = [
        {"initial_learning_rate": rate, "decay_steps": count, "decay_rate": decay, "staircase": staircase}
        for rate, count, decay, staircase in product(rates, steps, (0.96, 0.5, 0.0), both)
    ]
    polynomial = [
        {"initial_learning_rate": rate, "decay_steps": count, "end_learning_rate": end, "power": power, "cycle": cycle}
        for rate, count, end, power, cycle in product(rates, steps, (1e-4, 0.0), (1.0, 0.5, 2), both)
    ]
    warmups = ({}, {"warmup_target": 0.2, "warmup_steps": 10}, {"warmup_target": 0.2}, {"warmup_steps": 5})
    cosine = [
        {"initial_learning_rate": rate, "decay_steps": count, "alpha": alpha, **warmup}
        for rate, count, alpha, warmup in product(rates, steps, (0.0, 0.1), warmups)
    ]
    restarts = [
        {"initial_learning_rate": rate, "first_decay_steps": count, "t_mul": growth, "m_mul": height, "alpha": alpha}
        for rate, count, growth, height, alpha in product(rates, steps, (2.0, 1.0, 1.5), (1.0, 0.9), (0.0, 0.1))
    ]
    constant = [
        {"boundaries": [10, 100], "values": [0.1, 0.01, 0.001]},
        {"boundaries": [5], "values": [0.5, 1.0], "name": "mine"},
        {"boundaries": [3, 3, 7.5], "values": [0.1, 0.2, 0.3, 0.4]},
    ]
    return [
        *(Entry("ExponentialDecay", arguments) for arguments in decay),
        *(Entry("InverseTimeDecay", arguments) for arguments in decay),
        *(Entry("PolynomialDecay", arguments) for arguments in polynomial),
        *(Entry("CosineDecay", arguments) for arguments in cosine),
        *(Entry("CosineDecayRestarts", arguments) for arguments in restarts),
        *(Entry("PiecewiseConstantDecay", arguments) for arguments in constant),
    ]


# What an initializer draws, by `data`: "values": the same values; "bounded": up to bounds that Keras's reach too; "tails": up to no bound.
KERNELS: Shapes = ((3, 3, 16, 300), (250, 160), (20_000,), (5, 7, 600), (1, 1, 20_000, 1))
INITIALIZERS = [
    Entry("Zeros", {}, KERNELS, "values"),
    Entry("Ones", {}, KERNELS, "values"),
    Entry("Constant", {}, KERNELS, "values"),
    Entry("Constant", {"value": 0.3}, KERNELS, "values"),
    Entry("RandomUniform", {}, KERNELS, "bounded"),
    Entry("RandomUniform", {"minval": -1.0, "maxval": 2.0, "seed": 3}, KERNELS, "bounded"),
    Entry("RandomNormal", {}, KERNELS, "tails"),
    Entry("RandomNormal", {"mean": -2.0, "stddev": 0.5, "seed": 3}, KERNELS, "tails"),
    Entry("TruncatedNormal", {}, KERNELS, "bounded"),
    Entry("TruncatedNormal", {"mean": 2.0, "stddev": 0.5, "seed": -3}, KERNELS, "bounded"),
    *(
        Entry(name, arguments, shapes, "bounded")
        for name in ("GlorotUniform", "GlorotNormal", "HeUniform", "HeNormal", "LecunUniform", "LecunNormal")
        for arguments, shapes in (
            ({}, KERNELS),
            ({"seed": 3}, KERNELS),
            ({"input_axes": [2], "output_axes": [0, 3]}, KERNELS[:1]),
        )
    ),
    *(
        Entry(
            "VarianceScaling",
            {"scale": 2.0, "mode": mode, "distribution": distribution},
            KERNELS,
            "tails" if distribution == "untruncated_normal" else "bounded",
        )
        for mode in ("fan_in", "fan_out", "fan_avg")
        for distribution in ("truncated_normal", "untruncated_normal", "uniform")
    ),
    Entry("VarianceScaling", {}, KERNELS, "bounded"),
    Entry("VarianceScaling", {"distribution": "Normal", "seed": 3}, KERNELS, "bounded"),
    Entry("VarianceScaling", {"input_axes": [0, 1], "output_axes": [3], "scale": 0.1}, KERNELS[:1], "bounded"),
]

WEIGHTS: Shapes = ((3, 5), (1, 1), (3, 2, 2, 4), (17,), (), (0, 3))
REGULARIZERS = [
    Entry("L1", {}, WEIGHTS),
    Entry("L1", {"l1": 0.3}, WEIGHTS),
    Entry("L1", {"l1": 0}, WEIGHTS),
    Entry("L1", {"l1": None}, WEIGHTS),
    Entry("L2", {}, WEIGHTS),
    Entry("L2", {"l2": 0.125}, WEIGHTS),
    Entry("L2", {"l2": None}, WEIGHTS),
    Entry("L1L2", {}, WEIGHTS),
    Entry("L1L2", {"l1": 0.02}, WEIGHTS),
    Entry("L1L2", {"l1": 0.02, "l2": 0.3}, WEIGHTS),
    Entry("L1L2", {"l1": None, "l2": 1}, WEIGHTS),
]


def decaying(words: Any) -> Any:
    return words.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)


OPTIMIZERS = [
    Entry("Adam", {}),
    Entry("Adam", {"learning_rate": 0.1, "beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-5, "name": "mine"}),
    Entry("Adam", {"learning_rate": decaying}),
    Entry("Adam", {"beta_1": 0.0, "beta_2": 0.0, "epsilon": 1}),
    Entry("Adam", {"learning_rate": 0.1, "weight_decay": 0.2, "clipvalue": 0.05}),
    Entry("Adam", {"learning_rate": decaying, "clipnorm": 0.1, "use_ema": True}),
    Entry("Adam", {"global_clipnorm": 0.1, "use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 2}),
    Entry("AdamW", {}),
    Entry("AdamW", {"learning_rate": 0.1, "weight_decay": 0.5, "beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-5, "name": "mine"}),
    Entry("AdamW", {"learning_rate": 0.1, "clipvalue": 0.05, "use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 3}),
    Entry("AdamW", {"learning_rate": decaying, "weight_decay": 0.0, "clipnorm": 0.1}),
    Entry("AdamW", {"learning_rate": 0.1, "weight_decay": 2, "global_clipnorm": 1}),
    Entry("SGD", {}),
    Entry("SGD", {"learning_rate": 0.1, "momentum": 0.9, "name": "mine"}),
    Entry("SGD", {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True}),
    Entry("SGD", {"learning_rate": 0.1, "nesterov": True}),
    Entry("SGD", {"learning_rate": decaying, "momentum": 1.0}),
    Entry("SGD", {"learning_rate": 0.0}),
    Entry("SGD", {"learning_rate": 0.1, "weight_decay": 0.5}),
    Entry("SGD", {"learning_rate": decaying, "momentum": 0.9, "weight_decay": 0.2, "clipnorm": 0.1}),
    Entry("SGD", {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.2, "clipvalue": 0.05}),
    Entry("SGD", {"learning_rate": 0.1, "global_clipnorm": 0.1, "use_ema": True, "ema_momentum": 1.0}),
    Entry("SGD", {"learning_rate": 0.1, "momentum": 0.9, "use_ema": True, "ema_momentum": 0.25, "ema_overwrite_frequency": 3}),
]  # fmt: skip

TABLE: dict[str, list[Entry]] = {
    "layers": LAYERS,
    "losses": LOSSES,
    "metrics": METRICS,
    "regularizers": REGULARIZERS,
    "initializers": INITIALIZERS,
    "optimizers.schedules": schedules(),
    "optimizers": OPTIMIZERS,
}

# Public classes that nobody makes an object of, or that Keras does not have.
BASES = {
    "layers.Layer",
    "layers.RandomPaddedCrop",
    "losses.Loss",
    "metrics.CompiledMetrics",
    "metrics.MeanMetricWrapper",
    "metrics.Metric",
    "regularizers.Regularizer",
    "initializers.Initializer",
    "optimizers.schedules.LearningRateSchedule",
    "optimizers.schedules.OneCycle",
    "optimizers.Optimizer",
}

# Arguments that Keras does not have.
OWN = {("losses", "SparseCategoricalCrossentropy"): {"label_smoothing"}}


def of(module: str, name: str) -> list[Entry]:
    """The entries of one class."""
    return [entry for entry in TABLE[module] if entry.name == name]


def each(*modules: str, but: Collection[str] = ()) -> pytest.MarkDecorator:
    """Parametrizes a test by (module, entry): the entries of these modules, but not those of some classes."""
    cases = [(module, entry) for module in modules for entry in TABLE[module] if entry.name not in but]
    names = [f"{module}-{known_as(entry)}" for module, entry in cases]
    return pytest.mark.parametrize(("module", "entry"), cases, ids=names)


def normal(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    """What entries are fed with: standard normals."""
    return np.random.default_rng(seed).standard_normal(shape, np.float32)
