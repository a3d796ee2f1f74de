"""Keras's legacy .h5: `save` writes a Sequential as Keras 3 does, `load` reads what Keras 3, Keras 2 and `save` wrote.

A file holds the layers (`model_config`), what the model was compiled with (`training_config`), the weights (`model_weights`) and the optimizer's
state (`optimizer_weights`), and the names of its classes if it has any, which Keras passes over. Arrays are matched by their order, as in Keras;
their names are for people. `keras_config.py` knows the words, `keras2.py` Keras 2's, and `hdf5.py` reads HDF5 with care.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fastcnn.formats import class_names, hdf5, keras2, keras_config
from fastcnn.formats.atomic import write
from fastcnn.formats.place import room
from fastcnn.stack import Stack

if TYPE_CHECKING:
    import h5py

    from fastcnn.models import Sequential

__all__ = ["load", "load_weights", "save"]

_BACKEND = "tensorflow"  # whose layout of the kernels this is, and ours
_LONGEST_ATTRIBUTE = 64512  # bytes: HDF5 keeps an attribute in an object's header, so Keras splits longer lists


def save(model: Sequential, path: str | os.PathLike[str]) -> None:
    """Writes the model, trained or not, compiled or not, as `model.save("x.h5")` of Keras 3 does.

    The file is there whole or not at all (`atomic.py`). Folders that are missing are made. Raises OSError where the system refuses.
    """
    write(path, hdf5.image(lambda file: _fill(file, model)))


def load(path: str | os.PathLike[str], compile: bool = True) -> Sequential:
    """Reads a Sequential that Keras or `save` wrote; it goes on training where the other stopped.

    compile : whether to compile the model as the file says, with its optimizer's state. False reads it for inference, also where its optimizer,
        loss or metrics are not supported.

    Raises FormatError, naming the file and the place in it, where the file is damaged, is not Keras's, or holds what fastcnn does not have (an
    unknown layer, a Lambda, an argument's value); and what `open` raises where it is missing or cannot be read.
    """
    with hdf5.opened(path) as file:
        old = keras2.is_keras2(file.text("keras_version"))
        model = _model(file, old)
        class_names.read(model, file.text(class_names.KEY), file.where(class_names.KEY))
        keras_config.assign(_layer_arrays(file.group("model_weights"), model))
        training = file.json("training_config") if compile else None
        if training is not None:
            config = keras2.training_config(training) if old else training
            keras_config.compile_model(file.at("training_config"), model, config, config.get("optimizer_config"))
            if "optimizer_weights" in file:
                _read_optimizer(file.group("optimizer_weights"), model, old)
    return model


def load_weights(model: Sequential, path: str | os.PathLike[str], *, skip_mismatch: bool = False) -> list[str]:
    """Reads the weights of a model, or a file of weights alone as Keras 2 wrote it; all or, where one does not fit (FormatError), none.

    skip_mismatch : whether layers whose arrays have another number or shape are left as they are; returns which, and why. There must be as many
        layers as in the file in any case.
    """
    left_out: list[str] = []
    with hdf5.opened(path) as file:
        alone = file.has("layer_names") or file.has("layer_names0") or "model_weights" not in file
        group = file if alone else file.group("model_weights")
        keras_config.assign(_layer_arrays(group, model, left_out if skip_mismatch else None))
    return left_out


# Writing.


def _fill(file: h5py.File, model: Sequential) -> None:
    file.attrs["keras_version"] = keras_config.KERAS_VERSION
    file.attrs["backend"] = _BACKEND
    file.attrs["model_config"] = json.dumps(_entry(model)).encode()
    if (names := class_names.written(model)) is not None:
        file.attrs[class_names.KEY] = names.encode()
    _write_weights(file.create_group("model_weights"), model)
    if model.optimizer is not None:
        training = {**keras_config.compile_config(model, _entry), "optimizer_config": _entry(model.optimizer)}
        file.attrs["training_config"] = json.dumps(training).encode()
        _write_arrays(file.create_group("optimizer_weights"), keras_config.optimizer_arrays(model))


def _entry(thing: Any) -> dict[str, Any]:
    config = keras_config.model_config(thing, _entry) if isinstance(thing, Stack) else thing.get_config()
    return {"class_name": type(thing).__name__, "config": config}


def _write_weights(group: h5py.Group, model: Sequential) -> None:
    _write_names(group, "layer_names", [layer.name for layer in model.layers])
    group.attrs["backend"] = _BACKEND.encode()
    group.attrs["keras_version"] = keras_config.KERAS_VERSION.encode()
    paths = {id(variable): f"{model.name}/{path}" for path, variable in model.weight_names()}
    for layer in sorted(model.layers, key=lambda layer: layer.name):
        arrays = [(paths[id(variable)], variable.value) for variable in keras_config.legacy_order(layer)]
        _write_arrays(group.create_group(layer.name), arrays)
    _write_arrays(group.create_group("top_level_model_weights"), [])


def _write_arrays(group: h5py.Group, arrays: Sequence[tuple[str, Any]]) -> None:
    """The arrays in their order. Two may have one name, as the slots of "a/b" and "a_b" have: the second gets another, since readers go by the order."""
    names: list[str] = []
    for name, array in arrays:
        while name in group:
            name += "_"
        group.create_dataset(name, data=array)
        names.append(name)
    _write_names(group, "weight_names", names)


def _write_names(group: h5py.Group, attribute: str, names: Sequence[str]) -> None:
    encoded = [name.encode() for name in names]
    longest = max(map(len, encoded), default=0)
    if longest * len(encoded) <= _LONGEST_ATTRIBUTE:
        group.attrs[attribute] = encoded
        return
    size = _LONGEST_ATTRIBUTE // longest
    for chunk, start in enumerate(range(0, len(encoded), size)):
        group.attrs[f"{attribute}{chunk}"] = encoded[start : start + size]


# Reading.


def _model(file: hdf5.Node, old: bool) -> Sequential:
    written = file.json("model_config")
    if written is None:
        raise file.error(
            "has no attribute 'model_config', so it is no model of Keras's (a file of weights alone has none)"
        )
    place, config, kind = file.at("model_config"), written.get("config"), written.get("class_name")
    if kind != "Sequential":
        raise place.error(f"the model is a {kind!r}, but only a 'Sequential' can be read")
    if old and isinstance(config, dict) and isinstance(config.get("layers"), list):
        config = {**config, "layers": keras2.layer_entries(config["layers"], keras_config.DEEPEST)}
    return keras_config.read_model(place, config, room(os.path.getsize(file.file)))


def _layer_arrays(group: hdf5.Node, model: Sequential, left_out: list[str] | None = None) -> keras_config.LayerArrays:
    saved = [(name, names) for name in group.names("layer_names") if (names := group.group(name).names("weight_names"))]
    layers = [layer for layer in model.layers if layer.weights]
    if len(saved) != len(layers):
        raise group.error(f"holds the weights of {len(saved)} layers, but the model has {len(layers)} with weights")

    def find(index: int, _: Any) -> tuple[hdf5.Node, list[str]]:
        name, names = saved[index]
        return group.group(name), names

    return keras_config.layer_arrays(layers, find, left_out)


def _read_optimizer(group: hdf5.Node, model: Sequential, old: bool) -> None:
    optimizer = model.optimizer
    assert optimizer is not None
    optimizer.build(model.store)
    names = group.names("weight_names")
    if old:
        names = keras2.optimizer_order(names, len(optimizer.slots))
    keras_config.read_optimizer(group, model, names, learning_rate=not old)
