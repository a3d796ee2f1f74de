"""What there is of CUDA here. `fastcnn.set_device("cuda")` uses it."""

from __future__ import annotations

from fastcnn import _core

__all__ = ["is_available", "synchronize", "why_not"]


def is_available() -> bool:
    """Whether this build has CUDA's kernels and a GPU that they run on. The first call wakes the driver, which may take a moment."""
    return bool(_core.info()["cuda"])


def why_not() -> str:
    """One sentence on what is missing: the build, the driver, a GPU, kernels for its architecture. Empty if nothing is."""
    return str(_core.info()["cuda_reason"])


def synchronize(device: str = "cuda") -> None:
    """Waits until a GPU has done all that it was given, and raises what went wrong there since it was last waited for.

    device : "cuda" or a GPU by its number, "cuda:1". DeviceError where there is none that works; ValueError for what operations on Tensors
    have found wrong in them.
    """
    _core.synchronize(device)
