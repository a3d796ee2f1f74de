"""What is drawn at random, in float64, as reference.py has the other operations: Philox-4x32-10, which every random number comes from, and the dropouts."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from reference import Float64, as_float64

MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
KEY_STEPS = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
LOW, HALF = np.uint64(0xFFFFFFFF), np.uint64(32)


def philox(counter: ArrayLike, key: ArrayLike) -> NDArray[np.uint64]:
    """Philox-4x32-10 of counters (n, 4) and one key (2,), all 32 bits. Source: Salmon, Moraes, Dror and Shaw, SC 2011."""
    c = [np.asarray(counter, np.uint64)[:, i] for i in range(4)]
    k = [np.uint64(word) for word in np.asarray(key, np.uint64)]
    for _ in range(10):
        first, second = MULTIPLIERS[0] * c[0], MULTIPLIERS[1] * c[2]
        c = [(second >> HALF) ^ c[1] ^ k[0], second & LOW, (first >> HALF) ^ c[3] ^ k[1], first & LOW]
        k = [(word + step) & LOW for word, step in zip(k, KEY_STEPS, strict=True)]
    return np.stack(c, axis=1)


def random_bits(count: int, seed: int, step: int, purpose: int) -> NDArray[np.uint64]:
    """The first 32-bit numbers of a stream: key = seed; counter = (number of the block, step, purpose); low words first."""
    blocks = np.arange((count + 3) // 4, dtype=np.uint64)
    counter = np.zeros((len(blocks), 4), np.uint64)
    counter[:, 0], counter[:, 1], counter[:, 2], counter[:, 3] = blocks & LOW, blocks >> HALF, step, purpose
    return philox(counter, (seed & 0xFFFFFFFF, seed >> 32)).ravel()[:count]


def random_uniform(count: int, seed: int, step: int, purpose: int) -> Float64:
    """Numbers in [0, 1): the top 24 bits."""
    return (random_bits(count, seed, step, purpose) >> np.uint64(8)) / 2.0**24


def dropout(x: ArrayLike, rate: float, *, seed: int, step: int = 0, purpose: int = 0) -> Float64:
    x = as_float64(x)
    kept = random_uniform(x.size, seed, step, purpose).reshape(x.shape) >= rate
    return np.where(kept, x / (1 - rate), 0)


def spatial_dropout(x: ArrayLike, rate: float, *, seed: int, step: int = 0, purpose: int = 0) -> Float64:
    x = as_float64(x)
    kept = random_uniform(x.shape[0] * x.shape[3], seed, step, purpose).reshape(x.shape[0], 1, 1, x.shape[3]) >= rate
    return np.where(kept, x / (1 - rate), 0)
