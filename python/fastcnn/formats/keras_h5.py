"""Keras's legacy .h5: `save` writes a Sequential as Keras 3 does, `load` reads what Keras 3, Keras 2 and `save` wrote.

A file holds the layers (`model_config`), what the model was compiled with (`training_config`), the weights (`model_weights`) and the optimizer's
state (`optimizer_weights`). Arrays are matched by their order, as in Keras; their names are for people. Reading runs nothing that a file
brings: classes are looked up among fastcnn's own. `hdf5.py` reads HDF5 with care, `keras2.py` knows Keras 2's words.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastcnn._arguments import float32_only, only, unknown
from fastcnn.errors import FormatError
from fastcnn.formats import hdf5, keras2
from fastcnn.formats.atomic import replaced

if TYPE_CHECKING:
    import h5py

    from fastcnn.layers import Layer
    from fastcnn.models import Sequential

__all__ = ["load", "save"]

_KERAS_VERSION = "3.15.1"  # whose layout this is
_BACKEND = "tensorflow"  # whose layout of the kernels this is, and ours
_LONGEST_ATTRIBUTE = 64512  # bytes: HDF5 keeps an attribute in an object's header, so Keras splits longer lists


def save(model: Sequential, path: str | os.PathLike[str]) -> None:
    """Writes the model, trained or not, compiled or not, as `model.save("x.h5")` of Keras 3 does.

    The file is there whole or not at all (`atomic.py`). Folders that are missing are made. Raises OSError where the system refuses.
    """
    import h5py

    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with replaced(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["keras_version"] = _KERAS_VERSION
        file.attrs["backend"] = _BACKEND
        file.attrs["model_config"] = json.dumps(_model_config(model)).encode()
        _write_weights(file.create_group("model_weights"), model)
        if model.optimizer is not None:
            file.attrs["training_config"] = json.dumps(_training_config(model)).encode()
            _write_arrays(file.create_group("optimizer_weights"), _optimizer_state(model))


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
        _read_weights(file.group("model_weights"), model)
        training = file.json("training_config") if compile else None
        if training is not None:
            _compile(file, model, keras2.training_config(training) if old else training)
            if "optimizer_weights" in file:
                _read_optimizer(file.group("optimizer_weights"), model, old)
    return model


# Writing.


def _model_config(model: Sequential) -> dict[str, Any]:
    from fastcnn.layers.base import FLOAT32_POLICY

    layers = [*model.inputs, *model.layers] if model.built else model.layers
    config = {
        "name": model.name,
        "trainable": True,
        "dtype": FLOAT32_POLICY,
        "layers": [_entry(layer) for layer in layers],
    }
    if model.built:
        config["build_input_shape"] = model.input_shape
    return {"class_name": "Sequential", "config": config}


def _training_config(model: Sequential) -> dict[str, Any]:
    assert model.optimizer is not None
    metrics = [metric.name if metric.name in ("accuracy", "acc") else _entry(metric) for metric in model.metrics]
    return {
        "loss": None if model.loss is None else _entry(model.loss),
        "loss_weights": None,
        "metrics": metrics or None,
        "weighted_metrics": None,
        "run_eagerly": False,
        "steps_per_execution": 1,
        "jit_compile": False,
        "optimizer_config": _entry(model.optimizer),
    }


def _entry(thing: Any) -> dict[str, Any]:
    return {"class_name": type(thing).__name__, "config": thing.get_config()}


def _write_weights(group: h5py.Group, model: Sequential) -> None:
    _write_names(group, "layer_names", [layer.name for layer in model.layers])
    group.attrs["backend"] = _BACKEND.encode()
    group.attrs["keras_version"] = _KERAS_VERSION.encode()
    for layer in sorted(model.layers, key=lambda layer: layer.name):
        arrays = {f"{model.name}/{layer.name}/{variable.name}": variable.value for variable in layer.weights}
        _write_arrays(group.create_group(layer.name), arrays)
    _write_arrays(group.create_group("top_level_model_weights"), {})


def _optimizer_state(model: Sequential) -> dict[str, Any]:
    """Keras's variables of an optimizer, in its order: each weight has its slots side by side. Before the first step there are no slots."""
    optimizer, store = model.optimizer, model.store
    assert optimizer is not None
    state: dict[str, Any] = {
        f"{optimizer.name}/iteration": np.int64(optimizer.iterations),
        f"{optimizer.name}/learning_rate": np.float32(optimizer.learning_rate),
    }
    slots = optimizer.slots if optimizer._store is store else {}  # else the layers were changed after the training
    for layer in model.layers:
        for variable in layer.weights:
            for name, slot in slots.items():
                state[f"{optimizer.name}/{model.name}_{layer.name}_{variable.name}_{name}"] = store.view(slot, variable)
    return state


def _write_arrays(group: h5py.Group, arrays: Mapping[str, Any]) -> None:
    _write_names(group, "weight_names", list(arrays))
    for name, array in arrays.items():
        group.create_dataset(name, data=array)


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
    from fastcnn.models import Sequential

    place = "model_config"
    written = file.json(place)
    if written is None:
        raise file.error(
            "has no attribute 'model_config', so it is no model of Keras's (a file of weights alone has none)"
        )
    config, kind = written.get("config"), written.get("class_name")
    if kind != "Sequential":
        raise file.error(f"the model is a {kind!r}, but only a 'Sequential' can be read", place)
    if not isinstance(config, dict) or not isinstance(config.get("layers"), list):
        raise file.error("has no list of layers", place)
    entries = keras2.layer_entries(config["layers"]) if old else config["layers"]
    layers = [_layer(file, index, entry) for index, entry in enumerate(entries)]
    with _explained(file, place):
        float32_only("Sequential", config.get("dtype"))
        model = Sequential(layers, name=config.get("name"))
        shape = config.get("build_input_shape")
        if shape is not None and not model.built:
            model.build(shape)
    return model


def _layer(file: hdf5.Node, index: int, entry: Any) -> Layer:
    from fastcnn import layers

    place = ("model_config", f"layer {index}")
    if not isinstance(entry, dict) or not isinstance(entry.get("config"), dict):
        raise file.error("is no layer: it must have a class_name and a config", *place)
    kind, config = entry.get("class_name"), entry["config"]
    if kind == "Lambda":
        raise file.error(f"Lambda {config.get('name')!r} holds code, and code from a file is never run", *place)
    if not isinstance(kind, str) or kind not in layers.KNOWN or entry.get("registered_name") not in (None, kind):
        raise FormatError(unknown(file.where(*place), "layer", kind, layers.KNOWN))
    if kind == "InputLayer" and isinstance(config.get("batch_shape"), list):
        config = {
            **config,
            "batch_shape": [None, *config["batch_shape"][1:]],
        }  # of a batch that was fixed; ours may have any size
    with _explained(file, *place):
        return layers.KNOWN[kind].from_config(config)


def _read_weights(group: hdf5.Node, model: Sequential) -> None:
    saved = [(name, names) for name in group.names("layer_names") if (names := group.group(name).names("weight_names"))]
    layers = [layer for layer in model.layers if layer.weights]
    if len(saved) != len(layers):
        raise group.error(f"holds the weights of {len(saved)} layers, but the model has {len(layers)} with weights")
    for layer, (name, names) in zip(layers, saved, strict=True):
        place = group.group(name)
        if len(names) != len(layer.weights):
            raise place.error(f"holds {len(names)} weights, but layer {layer.name!r} has {len(layer.weights)}")
        for variable, array_name in zip(layer.weights, names, strict=True):
            variable.assign(place.array(array_name, variable.shape, "f"))


def _compile(file: hdf5.Node, model: Sequential, config: Mapping[str, Any]) -> None:
    place = "training_config"
    with _explained(file, place):
        for argument in ("loss_weights", "weighted_metrics"):
            only("compile", argument, config.get(argument), None, [])
        model.compile(
            optimizer=config.get("optimizer_config"),
            loss=_single(config.get("loss")),
            metrics=_flat(config.get("metrics")),
        )


def _single(value: Any) -> Any:
    """Keras lets a model with one output have a list of one loss."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _flat(value: Any) -> Any:
    """Keras lets a model with one output have a list of one list of metrics."""
    inner = _single(value)
    return inner if isinstance(inner, list) else value


def _read_optimizer(group: hdf5.Node, model: Sequential, old: bool) -> None:
    optimizer = model.optimizer
    assert optimizer is not None
    optimizer.build(model.store)
    names = group.names("weight_names")
    if old:
        names = keras2.optimizer_order(names, len(optimizer.slots))
    wanted = ["iteration", *([] if old else ["learning_rate"])]
    arrays = len(optimizer.slots) * len(model.weights)
    if len(names) not in (len(wanted), len(wanted) + arrays):
        counts = f"{len(wanted)}, or {len(wanted) + arrays} after the first step"
        raise group.error(f"holds {len(names)} arrays, but this model's {type(optimizer).__name__} has {counts}")
    iteration = int(group.array(names[0], (), "iu"))
    with _explained(group):
        if iteration < 0:
            raise ValueError(f"iteration is {iteration}, but must be at least 0")
        optimizer.iterations = iteration
        if not old:
            optimizer.learning_rate = float(group.array(names[1], (), "f"))
    slots = [(variable, slot) for variable in model.weights for slot in optimizer.slots.values()]
    for (variable, slot), name in zip(slots, names[len(wanted) :], strict=False):
        model.store.view(slot, variable)[...] = group.array(name, variable.shape, "f")


@contextlib.contextmanager
def _explained(node: hdf5.Node, *where: str) -> Iterator[None]:
    """What a layer, loss or optimizer says of its config becomes the file's error. Configs of any shape may come, so any error may."""
    try:
        yield
    except (FormatError, MemoryError):
        raise
    except Exception as error:
        raise node.error(str(error), *where) from error
