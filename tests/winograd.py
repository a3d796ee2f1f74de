"""Operands for Winograd's algorithm, and calls with it and without it."""

from __future__ import annotations

from typing import Any

import numpy as np
from fastcnn import config


def arrays(seed: int, n: int, h: int, w: int, c: int, k: int) -> tuple[Any, Any, Any]:
    """Normal numbers, with filters as an initializer draws them."""
    random = np.random.default_rng(seed)
    x, filters, b = random.normal(size=(n, h, w, c)), random.normal(size=(3, 3, c, k)), random.normal(size=k)
    return x.astype(np.float32), (filters / np.sqrt(9 * c)).astype(np.float32), b.astype(np.float32)


def both_ways(operation: Any, *operands: Any, **settings: Any) -> tuple[Any, Any]:
    """By Winograd's algorithm, and directly."""
    config.set_winograd(True)
    winograd = operation(*operands, **settings)
    config.set_winograd(False)
    try:
        return winograd, operation(*operands, **settings)
    finally:
        config.set_winograd(True)


def differs(operation: Any, *operands: Any, **settings: Any) -> bool:
    """Whether Winograd's algorithm was used: whether the bits of the (first) result are others than the direct sum's."""
    winograd, direct = both_ways(operation, *operands, **settings)
    if isinstance(winograd, tuple):
        winograd, direct = winograd[0], direct[0]
    return not np.array_equal(winograd, direct)
