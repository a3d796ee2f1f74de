"""File formats of models, one file a format: `keras_v3` is Keras 3's .keras, `keras_weights` its .weights.h5, `keras_h5` its legacy
.h5; `checkpoint` is fastcnn's own .safetensors.

Nothing outside this folder knows what a file looks like. A format of models is a module with `save(model, path)` and `load(path)`, one of weights
has `save_weights(model, path)` and `load_weights(model, path, skip_mismatch)`, which returns what it left out; `models.py` asks here for the one
that a file's ending means.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

from fastcnn.errors import FormatError

__all__ = ["chosen"]

_MODELS = {".keras": "keras_v3", ".h5": "keras_h5", ".hdf5": "keras_h5", ".safetensors": "checkpoint"}
_WRITTEN_WEIGHTS = {".weights.h5": "keras_weights"}
_READ_WEIGHTS = {**_WRITTEN_WEIGHTS, ".keras": "keras_v3", ".h5": "keras_h5", ".hdf5": "keras_h5"}
_ENDINGS = {
    "save": _MODELS,
    "load_model": _MODELS,
    "save_weights": _WRITTEN_WEIGHTS,
    "load_weights": _READ_WEIGHTS,
}


def chosen(filepath: str | os.PathLike[str], where: str) -> Any:
    """The module for files of that ending, for `where`: "save", "load_model", "save_weights" or "load_weights". ValueError where there is none, a FormatError for what is to be read."""
    name = os.fspath(filepath)
    for ending, module in _ENDINGS[where].items():
        if name.endswith(ending):
            return importlib.import_module(f"fastcnn.formats.{module}")  # now: h5py takes a while to import
    *others, last = _ENDINGS[where]
    wanted = f"{', '.join(others)} or {last}" if others else last
    kind = FormatError if where.startswith("load") else ValueError
    raise kind(f"{where}: filepath is {name!r}, but must end in {wanted}")
