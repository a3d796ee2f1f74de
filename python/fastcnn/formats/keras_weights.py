"""Keras 3's .weights.h5: a model's weights and, once it is compiled, its optimizer's state. The same lies within a .keras, as model.weights.h5.

The arrays of a layer lie in layers/NAME/vars as 0, 1, ...; NAME is its class in snake case, numbered where it comes again (conv2d, conv2d_1), so
that a file fits every model of the same layers in the same order, whatever their names; those of a model among the layers lie below it, in
layers/sequential/layers/NAME/vars. The optimizer's lie in optimizer/vars, in the order of
`keras_config.optimizer_arrays`.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from fastcnn._naming import snake_case
from fastcnn.formats import hdf5, keras_config
from fastcnn.formats.atomic import write
from fastcnn.stack import Stack

if TYPE_CHECKING:
    import h5py

    from fastcnn.layers import Layer
    from fastcnn.models import Sequential

__all__ = ["image", "load_weights", "read", "read_optimizer", "read_weights", "save_weights"]


def save_weights(model: Sequential, path: str | os.PathLike[str]) -> None:
    """Writes the weights, and the state of the optimizer of a compiled model, as Keras does. Whole or not at all; folders are made."""
    write(path, image(model))


def load_weights(model: Sequential, path: str | os.PathLike[str], *, skip_mismatch: bool = False) -> list[str]:
    """Reads what `save_weights` or Keras wrote into a model that is built; see `read`."""
    with hdf5.opened(path) as file:
        return read(file, model, skip_mismatch=skip_mismatch)


def image(model: Sequential) -> memoryview:
    """The bytes of the file."""
    return hdf5.image(lambda file: _fill(file, model))


def read(file: hdf5.Node, model: Sequential, *, skip_mismatch: bool = False) -> list[str]:
    """Sets the model's weights and its optimizer's state; all or, where a weight does not fit (FormatError), none. Returns what was left out, and why.

    skip_mismatch : whether layers for which the file has no arrays, or others, are left as they are.

    As in Keras, the state is taken only where the file has as many arrays as the optimizer, which has its slots from the first step on; otherwise
    the optimizer stays as it is. A file or a model without one says nothing.
    """
    left_out: list[str] = []
    arrays = read_weights(file, model, left_out if skip_mismatch else None)
    optimizer = model.optimizer
    if optimizer is not None and "optimizer" in file:
        there = file.group("optimizer/vars").count()
        here = keras_config.optimizer_counts(model)[1 if optimizer._store is model.store else 0]
        if there == here:
            read_optimizer(file, model)
        else:
            counts = f"it has {here} variables, but {file.file} has {there}"
            left_out.append(f"the optimizer {optimizer.name!r} stays as it is: {counts}")
    keras_config.assign(arrays)
    return left_out


def read_weights(file: hdf5.Node, model: Sequential, left_out: list[str] | None = None) -> keras_config.LayerArrays:
    """The model's variables with their arrays in the file; see `keras_config.layer_arrays`."""
    paths = {id(layer): path for path, layer in _paths(model)}

    def find(_: int, layer: Layer) -> keras_config.Found:
        group = file.group(paths[id(layer)])
        return group, _numbers(group.count())

    return keras_config.layer_arrays([layer for layer in model.leaves if layer.weights], find, left_out)


def read_optimizer(file: hdf5.Node, model: Sequential) -> None:
    """Sets the state of the model's optimizer, which must be built if the file's was."""
    group = file.group("optimizer/vars")
    keras_config.read_optimizer(group, model, _numbers(group.count()))


def _fill(file: h5py.File, model: Sequential) -> None:
    for path, layer in _paths(model):
        own = [] if isinstance(layer, Stack) else layer.weights
        _write_arrays(file, path, layer.name, [variable.value for variable in own])
    if model.optimizer is not None:
        arrays = [array for _, array in keras_config.optimizer_arrays(model)]
        _write_arrays(file, "optimizer/vars", model.optimizer.name, arrays)
    _write_arrays(file, "vars", model.name, [])


def _write_arrays(file: h5py.File, path: str, name: str, arrays: Iterable[Any]) -> None:
    group = file.create_group(path)
    group.attrs["name"] = name
    for index, array in enumerate(arrays):
        group.create_dataset(str(index), data=array)


def _paths(model: Stack, above: str = "") -> Iterable[tuple[str, Layer | Stack]]:
    """Each layer with the group of its arrays; a model among the layers too, and then its own."""
    seen: Counter[str] = Counter()
    for layer in model.layers:
        stem = snake_case(type(layer).__name__)
        place = f"{above}layers/{stem}_{seen[stem]}" if seen[stem] else f"{above}layers/{stem}"
        yield f"{place}/vars", layer
        if isinstance(layer, Stack):
            yield from _paths(layer, f"{place}/")
        seen[stem] += 1


def _numbers(count: int) -> list[str]:
    return [str(index) for index in range(count)]
