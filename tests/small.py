"""A small data set and a small network, for the tests of models: three classes of 8x8 images that a network learns in a few steps."""

from __future__ import annotations

from typing import Any

import fastcnn
import numpy as np
from fastcnn import layers, losses, models
from numpy.typing import NDArray

SHAPE = (8, 8, 1)
CLASSES = 3


def data(count: int = 75, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Noise, with a bright row whose place is the class. x: (count, 8, 8, 1) uint8, y: (count,)."""
    random = np.random.default_rng(seed)
    y = random.integers(0, CLASSES, count)
    x = random.integers(0, 100, (count, *SHAPE), dtype=np.uint8)
    x[np.arange(count), 2 * y + 1] += 100
    return x, y


def network() -> list[layers.Layer]:
    """Layers that make logits of pixels 0..255."""
    return [
        layers.Input(SHAPE),
        layers.Rescaling(1 / 255),
        layers.Conv2D(4, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(CLASSES),
    ]


def compiled(seed: int = 1, **arguments: Any) -> models.Sequential:
    """That network, the same for the same seed, ready to be trained."""
    fastcnn.set_seed(seed)
    model = models.Sequential(network())
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(**{"optimizer": "adam", "loss": loss, "metrics": ["accuracy"], **arguments})
    return model
