"""A model's weights in half precision, one .safetensors: half the size, and a thousandth of each weight lost at most. For weights that are shipped (`fastcnn.applications`).

The arrays are the weights by their places, "LAYER/kernel". Source of the container: https://github.com/huggingface/safetensors
"""

from __future__ import annotations

import hashlib
import os

import numpy as np

from fastcnn.formats.atomic import write
from fastcnn.formats.place import Place, open_file
from fastcnn.models import Sequential

__all__ = ["load", "save"]


def save(model: Sequential, path: str | os.PathLike[str]) -> str:
    """Writes the weights, whole or not at all. Returns the file's SHA-256.

    ValueError for a weight that half precision cannot hold, of 65,520 or more; one below 3e-8 becomes 0.
    """
    from safetensors.numpy import save as packed

    halves = {}
    for name, variable in model.weight_names():
        with np.errstate(over="ignore"):
            half = variable.value.astype(np.float16)
        if not np.isfinite(half).all():
            raise ValueError(f"save: {name} has values that half precision cannot hold")
        halves[name] = np.ascontiguousarray(half)
    content = packed(halves)
    write(path, content)
    return hashlib.sha256(content).hexdigest()


def load(model: Sequential, path: str | os.PathLike[str], sha256: str | None = None) -> None:
    """Sets the model's weights; all of them or, where something is wrong, none. What the file has besides is not needed.

    sha256 : what the file's must be; None takes any. Raises FormatError where it is another, and where the file is none of `save`'s or lacks a weight.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load as unpacked

    place = Place(os.fspath(path))
    with open_file(path) as file:
        content = file.read()
    if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
        raise place.error("is damaged: its SHA-256 is not the one that it was shipped with")
    try:
        arrays = unpacked(content)
    except (SafetensorError, ValueError, TypeError, KeyError) as error:
        raise place.error(f"is no .safetensors, or damaged ({error})") from error
    weights = []
    for name, variable in model.weight_names():
        array = arrays.get(name)
        if array is None:
            raise place.error(f"has no array {name!r}")
        if array.shape != variable.shape or array.dtype != np.float16:
            raise place.error(f"is {array.dtype} {array.shape}, but float16 {variable.shape} is wanted", name)
        weights.append(array.astype(np.float32))
    model.set_weights(weights)
