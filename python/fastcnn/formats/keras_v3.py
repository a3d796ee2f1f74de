"""Keras 3's own format, .keras: `save` writes a Sequential as Keras does, `load` reads what Keras 3 and `save` wrote.

A file is a zip archive of metadata.json (the version, and the names of the classes if there are any, which Keras passes over), config.json (the
layers, and what the model was compiled with) and model.weights.h5.
`archive.py` reads archives with care, `keras_config.py` knows the words and `keras_weights.py` the arrays.
"""

from __future__ import annotations

import json
import os
import time
import zipfile
from typing import TYPE_CHECKING, Any

from fastcnn._serialization import serialize
from fastcnn._warnings import warn
from fastcnn.formats import archive, class_names, hdf5, keras_config, keras_weights
from fastcnn.formats.atomic import replaced
from fastcnn.formats.place import LONGEST_JSON, room
from fastcnn.stack import Stack

if TYPE_CHECKING:
    from fastcnn.models import Sequential

__all__ = ["load", "load_weights", "save"]

_METADATA, _CONFIG, _WEIGHTS = "metadata.json", "config.json", "model.weights.h5"


def save(model: Sequential, path: str | os.PathLike[str]) -> None:
    """Writes the model, trained or not, compiled or not, as `model.save("x.keras")` of Keras 3 does.

    The file is there whole or not at all (`atomic.py`). Folders that are missing are made. Raises OSError where the system refuses. A model that is
    not built yet has no weights to save, and that is a UserWarning, as in Keras.
    """
    if not model.built:
        message = f"save: the model {model.name!r} is saved without weights: it is not built yet"
        warn(f"{message}; give it an Input, or call build(input_shape)")
    metadata = {"keras_version": keras_config.KERAS_VERSION, "date_saved": time.strftime("%Y-%m-%d@%H:%M:%S")}
    if (names := class_names.written(model)) is not None:
        metadata[class_names.KEY] = names
    config = json.dumps({**_model_entry(model), "compile_config": _compile_config(model)})
    weights = keras_weights.image(model)
    with replaced(path, make_folders=True) as temporary, zipfile.ZipFile(temporary, "w") as file:
        file.writestr(zipfile.ZipInfo(_METADATA), json.dumps(metadata))
        file.writestr(zipfile.ZipInfo(_CONFIG), config)
        file.writestr(zipfile.ZipInfo(_WEIGHTS), weights)


def load(path: str | os.PathLike[str], compile: bool = True) -> Sequential:
    """Reads a Sequential that Keras or `save` wrote; it goes on training where the other stopped.

    compile : whether to compile the model as the file says, with its optimizer's state. False reads it for inference, also where its optimizer,
        loss or metrics are not supported.

    Raises FormatError, naming the file and the place in it, where the file is damaged, is not Keras's, or holds what fastcnn does not have (an
    unknown layer, a Lambda, an argument's value); and what `open` raises where it is missing or cannot be read.
    """
    with archive.opened(path) as file:
        place = file.at(_CONFIG)
        written = place.parsed(file.read(_CONFIG, LONGEST_JSON))
        model = _model(file, written)
        metadata = file.at(_METADATA).parsed(file.read(_METADATA, LONGEST_JSON)) if _METADATA in file else {}
        class_names.read(model, metadata.get(class_names.KEY), file.where(_METADATA, class_names.KEY))
        with _weights(file) as arrays:
            keras_config.assign(keras_weights.read_weights(arrays, model))
            training = written.get("compile_config") if compile else None
            if training:
                if not isinstance(training, dict):
                    raise place.error("is no object of JSON", "compile_config")
                keras_config.compile_model(place.at("compile_config"), model, training, training.get("optimizer"))
                if "optimizer" in arrays:
                    if model.built and model.optimizer is not None:
                        model.optimizer.build(model.store)
                    keras_weights.read_optimizer(arrays, model)
    return model


def load_weights(model: Sequential, path: str | os.PathLike[str], *, skip_mismatch: bool = False) -> list[str]:
    """Reads the weights alone into a model that is built; see `keras_weights.read`."""
    with archive.opened(path) as file, _weights(file) as arrays:
        return keras_weights.read(arrays, model, skip_mismatch=skip_mismatch)


def _model_entry(model: Any) -> dict[str, Any]:
    """A model's, or that of a model among the layers, without what it was compiled with."""
    entry = {**serialize(model), "config": keras_config.model_config(model, _entry)}
    if model.built:
        entry["build_config"] = {"input_shape": model.input_shape}
    return entry


def _compile_config(model: Sequential) -> dict[str, Any]:
    if model.optimizer is None:
        return {}
    return {"optimizer": serialize(model.optimizer), **keras_config.compile_config(model, serialize)}


def _entry(layer: Any) -> dict[str, Any]:
    """A layer's; that it is built is told where it has weights, which is where Keras needs it."""
    if isinstance(layer, Stack):
        return _model_entry(layer)
    entry = serialize(layer)
    if layer.weights:
        entry["build_config"] = {"input_shape": (None, *layer.input_shape)}
    return entry


def _model(file: archive.Archive, written: dict[str, Any]) -> Sequential:
    place, kind = file.at(_CONFIG), written.get("class_name")
    if kind != "Sequential" or written.get("module") != "keras" or written.get("registered_name") not in (None, kind):
        raise place.error(
            f"the model is a {kind!r} of {written.get('module')!r}, but only keras's 'Sequential' can be read"
        )
    return keras_config.read_model(place, written.get("config"), room(file.size))


def _weights(file: archive.Archive) -> Any:
    return hdf5.opened(file.file, file.read(_WEIGHTS, room(file.size)), _WEIGHTS)
