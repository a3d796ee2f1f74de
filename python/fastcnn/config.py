"""Settings of the whole process: the threads, the seed, the device and Winograd's algorithm. Precision joins them with the GPU."""

from __future__ import annotations

import os

import numpy as np

from fastcnn import _core
from fastcnn._arguments import boolean, positive_integer
from fastcnn.errors import DeviceError

__all__ = [
    "draw_seed",
    "get_device",
    "get_threads",
    "get_winograd",
    "set_device",
    "set_seed",
    "set_threads",
    "set_winograd",
]

_seed: int | None = None
_drawn = 0


def set_threads(count: int) -> None:
    """Uses `count` threads (at least 1) for every operation from now on. Results do not depend on it."""
    _core.set_threads(positive_integer("set_threads", "count", count))


def get_threads() -> int:
    """The number of threads in use; at first, the processors that this process may run on."""
    return int(_core.threads())


def set_seed(seed: int) -> None:
    """Makes everything random that is created from now on repeatable: initial weights, shuffling, dropout, augmentation.

    As Keras's `keras.utils.set_random_seed`, but for fastcnn alone: Python's and numpy's generators stay as they are. Two runs that create
    the same objects in the same order after the same `set_seed` get the same numbers. Until it is called, the system provides seeds.

    seed : integer, 0 <= seed < 2**64.
    """
    global _seed, _drawn
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**64:
        raise ValueError(f"set_seed: seed must be an integer with 0 <= seed < 2**64, but is {seed!r}")
    _seed, _drawn = int(seed), 0


def draw_seed() -> int:
    """A seed in [0, 2**63) for one object that was given none: the next that follows from `set_seed`'s, or one from the system."""
    global _drawn
    if _seed is None:
        return int.from_bytes(os.urandom(8), "little") >> 1
    _drawn += 1
    return _mix(_seed + _drawn * 0x9E3779B97F4A7C15) >> 1


def set_winograd(allowed: bool) -> None:
    """Whether convolutions on the CPU may go by Winograd's algorithm: with 3x3 filters and stride 1, where it pays. True at first.

    It takes about half as long as the direct sum, in both directions. The errors that `csrc/ops/conv2d.h` states hold for both; the direct sum's
    are up to three times smaller.
    Models that exist go by it from the next thing that they compute. TypeError for anything but True and False.
    """
    _core.allow_winograd(boolean("set_winograd", "allowed", allowed))


def get_winograd() -> bool:
    """Whether they may."""
    return bool(_core.winograd_allowed())


def set_device(device: str) -> None:
    """Chooses where models and operations on plain arrays compute from now on: "auto", "cpu", "cuda", or a GPU by its number, "cuda:1".

    "auto", the default, is the first GPU where this build has CUDA and one works, which is then said once on the standard error stream; else
    the CPU. It is found out when the first thing is computed. DeviceError says why a GPU cannot be used; nothing moves to another device in
    silence. Models that exist move with the next thing that they compute.
    """
    kind, _, index = device.partition(":") if isinstance(device, str) else ("", "", "")
    if device not in ("auto", "cpu", "cuda") and not (kind == "cuda" and index.isdecimal() and len(index) <= 3):
        raise ValueError(
            f"set_device: device must be 'auto', 'cpu', 'cuda' or 'cuda:0' (or another number), but is {device!r}"
        )
    reason = _core.why_not_cuda(int(index or 0)) if kind == "cuda" else ""
    if reason:
        raise DeviceError(
            f"set_device: {device!r} cannot be used, because {reason}; "
            "use 'cpu' or 'auto' (python -m fastcnn.info says what this build has)"
        )
    _core.set_device(device)


def get_device() -> str:
    """The device in use: "cpu", "cuda:0", "cuda:1". Where the choice is automatic, it is made now."""
    return str(_core.device())


def _mix(state: int) -> int:
    """The output function of SplitMix64: neighbouring states give unrelated numbers. Source: Steele, Lea and Flood, OOPSLA 2014."""
    state &= 2**64 - 1
    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 & (2**64 - 1)
    state = (state ^ (state >> 27)) * 0x94D049BB133111EB & (2**64 - 1)
    return state ^ (state >> 31)
