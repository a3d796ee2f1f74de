"""fastcnn's own checkpoint, one .safetensors: all that a training needs to go on bit for bit, which Keras's files have no place for.

The arrays are the weights, "LAYER/kernel" ("MODEL/LAYER/kernel" of a model among the layers), and the optimizer's slots, "optimizer/momentum/LAYER/kernel". The header's entry "fastcnn" is JSON: the
model and its training in Keras's words (`keras_config.py`), the seed, the steps and epochs done, the names of the classes, and what the writer of the
checkpoint wants to keep beside them. Nothing in it is ever run. Source of the container: https://github.com/huggingface/safetensors
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fastcnn._serialization import serialize
from fastcnn.formats import keras_config
from fastcnn.formats.atomic import write
from fastcnn.formats.place import LONGEST_JSON, Place, open_file, room

if TYPE_CHECKING:
    from fastcnn.models import Sequential
    from fastcnn.optimizers import Optimizer
    from fastcnn.variables import Variable

__all__ = ["load", "notes", "save"]

_KEY, _VERSION = "fastcnn", 1


def save(model: Sequential, path: str | os.PathLike[str], notes: Mapping[str, Any] | None = None) -> None:
    """Writes the model, its optimizer's state, its seed and what it has been trained; whole or not at all (`atomic.py`).

    notes : JSON of the caller's own, which `notes` gives back. ValueError for a model that is not built.
    """
    from safetensors.numpy import save as packed

    if not model.built:
        raise ValueError(f"save: the model {model.name!r} is not built, so there is nothing to go on from")
    optimizer, store = model.optimizer, model.store
    slots = optimizer.slots if optimizer is not None and optimizer._store is store else {}
    header = {
        "version": _VERSION,
        "model": keras_config.model_config(model, serialize),
        "training": None if optimizer is None else keras_config.compile_config(model, serialize),
        "optimizer": None if optimizer is None else serialize(optimizer),
        "iterations": None if optimizer is None else optimizer.iterations,
        "without_weight_decay": [] if optimizer is None else _without_decay(model, optimizer),
        "learning_rate_scales": {} if optimizer is None else _rate_scales(model, optimizer),
        "seed": model.seed,
        "epochs_done": model.epochs_done,
        "class_names": model.class_names,
        "notes": dict(notes or {}),
    }
    arrays = {name: variable.value for name, variable in model.weight_names()}
    for slot, flat in slots.items():
        arrays.update(
            {f"optimizer/{slot}/{name}": store.view(flat, variable) for name, variable in model.weight_names()}
        )
    copies = {name: np.array(array, order="C") for name, array in arrays.items()}
    write(path, packed(copies, metadata={_KEY: json.dumps(header)}))


def load(path: str | os.PathLike[str], compile: bool = True) -> Sequential:
    """Reads what `save` wrote; `fit` goes on from there as if it had never stopped.

    compile : False leaves out what concerns training. Raises FormatError, naming the file and the place in it, where it is damaged or something
    else, and what `open` raises where it is missing or cannot be read.
    """
    place, header, arrays = _read(path)
    model = keras_config.read_model(place.at("model"), header.get("model"), room(os.path.getsize(path)))
    if not model.built:
        raise place.error("the model is not built", "model")
    _take(place, arrays, {name: variable.value for name, variable in model.weight_names()})
    with place.explained("seed"):
        model.seed = _natural(header.get("seed"), 2**64)
    with place.explained("epochs_done"):
        model.epochs_done = _natural(header.get("epochs_done"), 2**63)
    with place.explained("class_names"):
        model.class_names = header.get("class_names")
    training = header.get("training")
    if compile and training is not None:
        if not isinstance(training, dict):
            raise place.error("is no object of JSON", "training")
        keras_config.compile_model(place.at("training"), model, training, header.get("optimizer"))
        _read_optimizer(place, model, header, arrays)
    return model


def notes(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What `save` was given to keep. FormatError as for `load`."""
    place, header, _ = _read(path)
    kept = header.get("notes")
    if not isinstance(kept, dict):
        raise place.error("is no object of JSON", "notes")
    return kept


def _read(path: str | os.PathLike[str]) -> tuple[Place, dict[str, Any], dict[str, Any]]:
    """The place of the header, what it says, and the arrays."""
    from safetensors import SafetensorError, safe_open

    place = Place(os.fspath(path))
    with open_file(path) as file:  # for the errors that users know
        size = os.fstat(file.fileno()).st_size
        length = int.from_bytes(file.read(8), "little")
    if length > min(size, LONGEST_JSON):
        raise place.error(f"is no .safetensors, or has a header of {length:,} bytes, more than is read")
    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get(_KEY)
            if text is None:
                raise place.error("is no checkpoint of fastcnn's: its header has no entry 'fastcnn'")
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, ValueError, TypeError, KeyError, RuntimeError) as error:
        raise place.error(f"is no .safetensors, or damaged ({error})") from error
    header = place.parsed(text, _KEY)
    if header.get("version") != _VERSION:
        raise place.error(f"is version {header.get('version')!r}, but this fastcnn reads {_VERSION}", _KEY)
    return place.at(_KEY), header, arrays


def _read_optimizer(place: Place, model: Sequential, header: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
    optimizer = model.optimizer
    assert optimizer is not None
    optimizer.build(model.store)
    with place.explained("iterations"):
        optimizer.iterations = _natural(header.get("iterations"), 2**63)
    with place.explained("without_weight_decay"):
        optimizer.exclude_from_weight_decay(_read_without_decay(model, header.get("without_weight_decay", [])))
    with place.explained("learning_rate_scales"):
        optimizer.scale_learning_rate(_read_rate_scales(model, header.get("learning_rate_scales", {})))
    wanted = {
        f"optimizer/{slot}/{name}": model.store.view(flat, variable)
        for slot, flat in optimizer.slots.items()
        for name, variable in model.weight_names()
    }
    if any(name.startswith("optimizer/") for name in arrays):  # before the first step there are none
        _take(place, arrays, wanted)


def _without_decay(model: Sequential, optimizer: Optimizer) -> list[str]:
    """The names of the weights that are excluded from the optimizer's weight decay."""
    decays = bool(optimizer.weight_decay)
    return [name for name, variable in model.weight_names() if decays and not optimizer.decay_of(variable)]


def _read_without_decay(model: Sequential, names: Any) -> list[Variable]:
    weights = dict(model.weight_names())
    if not isinstance(names, list) or not all(isinstance(name, str) and name in weights for name in names):
        raise ValueError(f"must be a list of names of weights, but is {names!r}")
    return [weights[name] for name in names]


def _rate_scales(model: Sequential, optimizer: Optimizer) -> dict[str, float]:
    """What the learning rate is multiplied by, by the names of the weights, where that is not 1."""
    scales = {name: optimizer.rate_scale_of(variable) for name, variable in model.weight_names()}
    return {name: scale for name, scale in scales.items() if scale != 1}


def _read_rate_scales(model: Sequential, scales: Any) -> dict[Variable, float]:
    weights = dict(model.weight_names())
    if not isinstance(scales, dict) or not all(name in weights for name in scales):
        raise ValueError(f"must have a number by names of weights, but is {scales!r}")
    return {weights[name]: scale for name, scale in scales.items()}


def _take(place: Place, arrays: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Writes the arrays of those names into the arrays given; all of them or, where one does not fit, none."""
    for name, to in wanted.items():
        array = arrays.get(name)
        if array is None:
            raise Place(place.file).error(f"has no array {name!r}")
        if array.shape != to.shape or array.dtype != np.float32:
            wants = f"float32 {to.shape} is wanted"
            raise Place(place.file).error(f"is {array.dtype} {array.shape}, but {wants}", name)
    for name, to in wanted.items():
        to[...] = arrays[name]


def _natural(value: Any, below: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < below:
        raise ValueError(f"must be a whole number of at least 0, but is {value!r}")
    return value
