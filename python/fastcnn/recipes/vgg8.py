"""`python -m fastcnn.recipes.vgg8`: the weights of `applications.VGG8`.

After Jordan 2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU" (https://arxiv.org/abs/2404.00498): the first layer whitens its patches and does not learn, the others
begin by passing on what they are given, biases learn faster than kernels, and slow weights follow the training's.
"""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastcnn.applications import VGG8
from fastcnn.layers import Conv2D
from fastcnn.models import Sequential
from fastcnn.recipes.recipe import Recipe
from fastcnn.recipes.recipe import main as run

__all__ = ["RECIPE", "main", "prepare"]

RECIPE = Recipe(
    epochs=12,
    batch_size=500,
    learning_rate=0.73,
    warmup=0.23,
    momentum=0.85,
    weight_decay=0.009,
    label_smoothing=0.2,
    shift=2,
    alternating=True,
    shape="linear",
    first_rate=0.2,
    last_rate=0.07,
    rate_scales={"_bn/beta": 64},
    lookahead=5,
)

_PATCHES = 5000  # how many pictures they are taken from
_SMALLEST = 5e-4  # is added to their variances, so that no direction of noise is blown up


def prepare(model: Sequential, pictures: Any) -> None:
    """Gives a new VGG8 the weights from which its training begins."""
    whitening, *convolutions = (layer for layer in model.layers if isinstance(layer, Conv2D))
    whiten(whitening, model.get_layer("rescaling")(pictures[:_PATCHES]))
    whitening.trainable = False
    for layer in convolutions:
        pass_on(layer)


def whiten(layer: Conv2D, images: Any) -> None:
    """Filters that make the layer's patches of the images uncorrelated and of variance 1, each with both signs; no bias."""
    height, width = layer.kernel_size
    patches = np.lib.stride_tricks.sliding_window_view(images, (height, width), (1, 2)).transpose(0, 1, 2, 4, 5, 3)
    patches = patches.reshape(-1, height * width * images.shape[3]).astype(np.float64)
    variances, directions = np.linalg.eigh(patches.T @ patches / len(patches))
    filters = (directions / np.sqrt(variances + _SMALLEST)).reshape(height, width, images.shape[3], -1)
    layer.set_weights([np.concatenate([filters, -filters], axis=3), np.zeros(2 * filters.shape[3])])


def pass_on(layer: Conv2D) -> None:
    """As many of the filters as there are channels pass one on each, as it is; the others stay as they are."""
    (kernel,) = layer.get_weights()
    height, width, channels, filters = kernel.shape
    count = min(channels, filters)
    kernel[..., :count] = 0
    kernel[height // 2, width // 2, range(count), range(count)] = 1
    layer.set_weights([kernel])


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    return run("vgg8", RECIPE, VGG8, arguments, prepare)


if __name__ == "__main__":
    sys.exit(main())
