"""Folders of pictures that are drawn here: discs, crosses and stripes of any colour, at any place, which a small network can learn in seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["KINDS", "drawing", "folder_of_drawings"]

KINDS = ("cross", "disc", "stripes")


def drawing(kind: str, seed: int, side: int = 32) -> NDArray[np.uint8]:
    """One picture, (side, side, 3)."""
    random = np.random.default_rng([seed, KINDS.index(kind)])
    back, front = random.integers(0, 256, (2, 3))
    front = np.where(np.abs(front - back) < 80, (back + 128) % 256, front)
    y, x = np.mgrid[:side, :side] - random.integers(side // 3, 2 * side // 3, 2)[:, None, None]
    size = random.integers(side // 5, side // 3)
    inside: Any = {
        "disc": x**2 + y**2 < size**2,
        "cross": (np.minimum(abs(x), abs(y)) < 2) & (np.maximum(abs(x), abs(y)) < size + 4),
        "stripes": (x + y) % 6 < 3,
    }[kind]
    noise = random.integers(-10, 11, (side, side, 3))
    return np.clip(np.where(inside[..., None], front, back) + noise, 0, 255).astype(np.uint8)


def folder_of_drawings(root: Path, counts: dict[str, int], first: int = 0) -> Path:
    """root/disc/000.png and so on; counts by kind."""
    for kind, count in counts.items():
        (root / kind).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            Image.fromarray(drawing(kind, first + number)).save(root / kind / f"{number:03}.png")
    return root
