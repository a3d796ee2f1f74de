"""The operations as functions on arrays: what a researcher calls, and what the tests hold against float64.

Every function takes numpy arrays, Tensors, or anything that speaks DLPack and lies on the CPU or a GPU (a torch tensor, say), and gives back
the kind it was given. Tensors and arrays on a GPU are computed on where they lie, all arguments on one device; numpy arrays and others on the
CPU on the device in use (`fastcnn.set_device`), to which they are copied and the results back. Arrays are float32 (TypeError otherwise:
nothing is cast in silence); on the CPU any strides will do, C order costs no copy; on a GPU they must lie in C order. N = 0 is a valid batch. Shapes are written with the field's letters: N images, H x W input, C input channels, K output channels, R x S filter, P x Q output.

The checks and the mathematics are in the C++ core (csrc/ops/x.h states each operation once); layers and models are elsewhere.
"""

from __future__ import annotations

from fastcnn.ops.activations import (
    bounded_relu,
    bounded_relu_backward,
    gelu,
    gelu_backward,
    leaky_relu,
    leaky_relu_backward,
    relu,
    relu_backward,
    sigmoid,
    sigmoid_backward,
    silu,
    silu_backward,
    softmax,
    softmax_backward,
)
from fastcnn.ops.augmentation import (
    adjust_brightness,
    adjust_contrast,
    adjust_saturation,
    crop,
    draw_mixing,
    draw_uniform,
    erase,
    flip,
    mix,
    rotate,
    translate,
    zoom,
)
from fastcnn.ops.elementwise import dropout, rescale, spatial_dropout
from fastcnn.ops.matrix import (
    conv2d,
    conv2d_backward,
    conv2d_relu_max_pool2d,
    conv2d_relu_max_pool2d_backward,
    dense,
    dense_backward,
    dense_softmax,
)
from fastcnn.ops.normalization import batch_norm, batch_norm_backward, batch_norm_statistics
from fastcnn.ops.pooling import (
    average_pool2d,
    average_pool2d_backward,
    global_average_pool2d,
    global_average_pool2d_backward,
    max_pool2d,
    max_pool2d_backward,
)
from fastcnn.ops.spatial import (
    crop2d,
    depthwise_conv2d,
    depthwise_conv2d_backward,
    pad2d,
    upsample2d,
    upsample2d_backward,
)
from fastcnn.ops.training import (
    adam,
    binary_cross_entropy,
    clip_gradients,
    mean_squared_error,
    moving_average,
    penalty,
    sgd,
    softmax_cross_entropy,
)

__all__ = [
    "adam",
    "adjust_brightness",
    "adjust_contrast",
    "adjust_saturation",
    "average_pool2d",
    "average_pool2d_backward",
    "batch_norm",
    "batch_norm_backward",
    "batch_norm_statistics",
    "binary_cross_entropy",
    "bounded_relu",
    "bounded_relu_backward",
    "clip_gradients",
    "conv2d",
    "conv2d_backward",
    "conv2d_relu_max_pool2d",
    "conv2d_relu_max_pool2d_backward",
    "crop",
    "crop2d",
    "dense",
    "dense_backward",
    "dense_softmax",
    "depthwise_conv2d",
    "depthwise_conv2d_backward",
    "draw_mixing",
    "draw_uniform",
    "dropout",
    "erase",
    "flip",
    "gelu",
    "gelu_backward",
    "global_average_pool2d",
    "global_average_pool2d_backward",
    "leaky_relu",
    "leaky_relu_backward",
    "max_pool2d",
    "max_pool2d_backward",
    "mean_squared_error",
    "mix",
    "moving_average",
    "pad2d",
    "penalty",
    "relu",
    "relu_backward",
    "rescale",
    "rotate",
    "sgd",
    "sigmoid",
    "sigmoid_backward",
    "silu",
    "silu_backward",
    "softmax",
    "softmax_backward",
    "softmax_cross_entropy",
    "spatial_dropout",
    "translate",
    "upsample2d",
    "upsample2d_backward",
    "zoom",
]
