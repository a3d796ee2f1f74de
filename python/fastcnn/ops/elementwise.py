"""The operations that keep the shape, beside activations: dropout, rescaling. See `fastcnn.ops`."""

from __future__ import annotations

import numpy as np

from fastcnn import _core
from fastcnn._operands import Array, Arrays

__all__ = ["dropout", "rescale", "spatial_dropout"]


def dropout(x: Array, rate: float, *, seed: int, step: int = 0, purpose: int = 0) -> Array:
    """Sets each element to 0 with probability `rate` and divides the others by 1 - rate.

    Counter-based: element i of the flattened x is dropped where number i of the Philox stream (seed, step, purpose), a float32 in [0, 1), is
    below `rate`. The gradient by x is dropout(dy) with the same arguments.
    rate : in [0, 1). seed, step : in [0, 2**64). purpose : in [0, 2**32).
    """
    of = Arrays("dropout", x)
    _check_stream("dropout", seed, step, purpose)
    return of.kind(_core.dropout(of("x", x), rate, seed, step, purpose))


def spatial_dropout(x: Array, rate: float, *, seed: int, step: int = 0, purpose: int = 0) -> Array:
    """As dropout, but of whole channels: x is (N, H, W, C), and its channel c of image n has number n * C + c of the stream.

    Source: Tompson et al. 2015, as Keras's SpatialDropout2D.
    """
    of = Arrays("spatial_dropout", x)
    _check_stream("spatial_dropout", seed, step, purpose)
    return of.kind(_core.spatial_dropout(of("x", x), rate, seed, step, purpose))


def _check_stream(operation: str, seed: int, step: int, purpose: int) -> None:
    for name, value, bits in (("seed", seed, 64), ("step", step, 64), ("purpose", purpose, 32)):
        if not isinstance(value, (int, np.integer)) or not 0 <= value < 2**bits:
            raise ValueError(f"{operation}: {name} must be in [0, 2**{bits}), but is {value}")


def rescale(x: Array, scale: float, offset: float = 0.0) -> Array:
    """x * scale + offset, elementwise, as Keras's Rescaling."""
    of = Arrays("rescale", x)
    return of.kind(_core.rescale(of("x", x), scale, offset))
