"""What the tests of evaluation evaluate: the digits that are for testing, a model that was trained on the others, and small ones whose answers are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fastcnn
import numpy as np
from fastcnn import layers, models, tutorial
from fastcnn.datasets import digits

__all__ = ["X", "Y", "colour_model", "small_model", "trained_on_digits"]

(_, _), (X, Y) = digits.load_data()


def trained_on_digits(folder: Path) -> Path:
    """The file of a model of one epoch of digits, made in `folder`."""
    tutorial.train("digits", epochs=1, seed=3, out=folder, verbose=0)
    return folder / "model.h5"


def small_model(**arguments: Any) -> models.Sequential:
    """Three classes of 4x4 pixels, from a fixed seed."""
    fastcnn.set_seed(1)
    return models.Sequential([layers.Input((4, 4, 3)), layers.Flatten(), layers.Dense(3, **arguments)])


def colour_model(*names: str) -> models.Sequential:
    """Its output i is the channel i: it takes red for its first class, lime for its second, blue for its third."""
    model = small_model(use_bias=False)
    weights = np.tile(np.eye(3, dtype=np.float32), (16, 1))
    model.set_weights([weights])
    model.class_names = names or None
    return model
