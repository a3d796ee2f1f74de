"""Short fine-tunings on drawn pictures, for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fastcnn
from drawn import KINDS, folder_of_drawings
from fastcnn import finetuning

__all__ = ["drawings_in", "tuned"]

SETTINGS: dict[str, Any] = {"epochs": 3, "head_epochs": 20, "batch_size": 8}


def drawings_in(root: Path) -> Path:
    """20 pictures of each kind to train on, and 20 others to test with."""
    folder_of_drawings(root / "train", dict.fromkeys(KINDS, 20))
    folder_of_drawings(root / "test", dict.fromkeys(KINDS, 20), 1000)
    return root


def tuned(data: Any, start: Any = "tutorial_cnn", **more: Any) -> finetuning.FineTuned:
    """Of few epochs, with seed 1."""
    return fastcnn.fine_tune(data, start, **{"seed": 1, "verbose": 0, **SETTINGS, **more})
