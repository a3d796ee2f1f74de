"""What Keras's two files of models, .h5 and .keras, have in common: the model and its training in words, and the optimizer's arrays.

Each function that reads takes the `Place` of the words, for its errors. Classes are looked up among fastcnn's own: nothing that a file names is
imported, and nothing that it holds is run. Where in a file the words and arrays lie is known to `keras_h5.py` and `keras_v3.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastcnn import initializers
from fastcnn._arguments import float32_only, only
from fastcnn._serialization import known_class
from fastcnn.errors import FormatError
from fastcnn.formats.hdf5 import Node
from fastcnn.formats.place import Place

if TYPE_CHECKING:
    from fastcnn.layers import Layer
    from fastcnn.models import Sequential
    from fastcnn.optimizers import Optimizer
    from fastcnn.stack import Stack
    from fastcnn.variables import Variable

__all__ = [
    "DEEPEST",
    "KERAS_VERSION",
    "LayerArrays",
    "assign",
    "check_size",
    "compile_config",
    "compile_model",
    "layer_arrays",
    "legacy_order",
    "model_config",
    "model_of",
    "optimizer_arrays",
    "optimizer_counts",
    "read_model",
    "read_optimizer",
]

KERAS_VERSION = "3.15.1"  # whose files these are
DEEPEST = 20  # models in models that are read

_MOST_LAYERS = 5000
_WITHOUT = "; compile=False reads the model without"

Entry = Callable[[Any], dict[str, Any]]
Found = tuple[Node, Sequence[str]]
LayerArrays = list[tuple["Variable", Any]]


def model_config(model: Stack, entry: Entry) -> dict[str, Any]:
    """The config of a Sequential, with its layers as `entry` writes each."""
    from fastcnn.layers.base import FLOAT32_POLICY

    config = {
        "name": model.name,
        "trainable": True,
        "dtype": FLOAT32_POLICY,
        "layers": [entry(layer) for layer in _written(model)],
    }
    if model.built:
        config["build_input_shape"] = model.input_shape
    return config


def compile_config(model: Sequential, entry: Entry) -> dict[str, Any]:
    """What a model was compiled with, but for the optimizer."""
    metrics, weighted = (
        [metric if isinstance(metric, str) else entry(metric) for metric in written] or None
        for written in model._measured.written
    )
    return {
        "loss": None if model.loss is None else entry(model.loss),
        "loss_weights": None,
        "metrics": metrics,
        "weighted_metrics": weighted,
        "run_eagerly": False,
        "steps_per_execution": 1,
        "jit_compile": False,
    }


def optimizer_arrays(model: Sequential) -> list[tuple[str, Any]]:
    """Keras's variables of an optimizer, in its order, see `_slots`. Before the first step there are no slots.

    The names are those in a .h5, where a slash of a path is an underscore. A learning rate that follows a schedule is none of them.
    """
    optimizer, store = model.optimizer, model.store
    assert optimizer is not None
    state: list[tuple[str, Any]] = [(f"{optimizer.name}/iteration", np.int64(optimizer.iterations))]
    if optimizer.schedule is None:
        state.append((f"{optimizer.name}/learning_rate", np.float32(optimizer.learning_rate)))
    if optimizer._store is store:  # else the layers were changed after the training
        paths = {id(variable): f"{model.name}/{path}".replace("/", "_") for path, variable in model.weight_names()}
        for variable, name in _slots(optimizer, model.trainable_weights):
            array = store.view(optimizer.slots[name], variable)
            state.append((f"{optimizer.name}/{paths[id(variable)]}_{name}", array))
    return state


def _slots(optimizer: Optimizer, variables: Sequence[Variable]) -> list[tuple[Variable, str]]:
    """The slots of these weights in Keras's order: the averages of all, then the others of each side by side."""
    averages = [(variable, name) for name in optimizer.slots if name == "average" for variable in variables]
    return averages + [(variable, name) for variable in variables for name in optimizer.slots if name != "average"]


def read_model(place: Place, config: Any, room: int) -> Sequential:
    """The model of that config, its weights 0, for the file to fill.

    room : the bytes that all weights together may take. More is a FormatError, and is not allocated.
    """
    with place.explained(), initializers.zeros_within(room):
        return model_of(place, config)


def model_of(place: Place, config: Any) -> Sequential:
    """The model of that config, its weights drawn anew."""
    return _sequential(place, config, _Limits())


def check_size(model: Stack) -> None:
    """ValueError where `model_of` would refuse the config of this model."""
    layers, depth = _size(model)
    if layers > _MOST_LAYERS:
        raise ValueError(f"save: the model has {layers:,} layers, but at most {_MOST_LAYERS:,} are read again")
    if depth > DEEPEST:
        raise ValueError(f"save: the model has models in models {depth} deep, but at most {DEEPEST} are read again")


def _size(model: Stack) -> tuple[int, int]:
    """How many layers it has in all, and how deep models lie in it."""
    from fastcnn.stack import Stack

    inner = [_size(layer) for layer in model.layers if isinstance(layer, Stack)]
    return len(_written(model)) + sum(layers for layers, _ in inner), max((depth + 1 for _, depth in inner), default=0)


def _written(model: Stack) -> Sequence[Any]:
    """The entries of a config's list: the layers and, once it is known, the input before them."""
    return [*model.inputs, *model.layers] if model.built else model.layers


class _Limits:
    """How much a config may hold, whatever it is made of: `layers` in all, and models in models down to `depth`."""

    def __init__(self) -> None:
        self.layers, self.depth = _MOST_LAYERS, DEEPEST


def _sequential(place: Place, config: Any, limits: _Limits) -> Sequential:
    from fastcnn.models import Sequential

    if not isinstance(config, dict) or not isinstance(config.get("layers"), list):
        raise place.error("has no list of layers")
    limits.layers -= len(config["layers"])
    if limits.layers < 0:
        raise place.error(f"has {_MOST_LAYERS - limits.layers:,} layers, but at most {_MOST_LAYERS:,} are read")
    layers = [_layer(place.at(f"layer {index}"), entry, limits) for index, entry in enumerate(config["layers"])]
    with place.explained():
        float32_only("Sequential", config.get("dtype"))
        model = Sequential(layers, name=config.get("name"))
        shape = config.get("build_input_shape")
        if shape is not None and not model.built:
            model.build(shape)
        if config.get("trainable") is False:  # Keras's model has a switch of its own, above the layers'
            model.trainable = False
    return model


def _layer(here: Place, entry: Any, limits: _Limits) -> Layer | Sequential:
    from fastcnn import layers
    from fastcnn.models import Sequential

    if not isinstance(entry, dict) or not isinstance(entry.get("config"), dict):
        raise here.error("is no layer: it must have a class_name and a config")
    config = entry["config"]
    if entry.get("class_name") == "Lambda":
        raise here.error(f"Lambda {config.get('name')!r} holds code, and code from a file is never run")
    known: dict[str, type[Layer | Sequential]] = {**layers.KNOWN, "Sequential": Sequential}
    try:
        kind = known_class(here.where(), "layer", entry, known)
    except ValueError as error:
        raise FormatError(str(error)) from None
    if kind is Sequential:
        return _inner(here, config, limits)
    if kind is layers.InputLayer and isinstance(config.get("batch_shape"), list):
        config = {**config, "batch_shape": [None, *config["batch_shape"][1:]]}  # a fixed batch: ours may have any size
    with here.explained():
        return kind.from_config(config)


def _inner(here: Place, config: Any, limits: _Limits) -> Sequential:
    if limits.depth == 0:
        raise here.error(f"is a model in a model, and so on, more than {DEEPEST} deep")
    limits.depth -= 1
    model = _sequential(here, config, limits)
    limits.depth += 1
    return model


def layer_arrays(
    layers: Sequence[Layer | Sequential], find: Callable[[int, Any], Found], left_out: list[str] | None = None
) -> LayerArrays:
    """The variables of these layers with the arrays that a file has for them; nothing is assigned yet, so a bad file changes nothing.

    find : gives, for a layer (or a model among them) and its index, the group of its arrays and their names in order. left_out : where given, a layer for which the file
        has no arrays, or others, is left out, and why is added here. Otherwise that is a FormatError.
    """
    found: LayerArrays = []
    for index, layer in enumerate(layers):
        try:
            group, names = find(index, layer)
            weights = legacy_order(layer)
            if len(names) != len(weights):
                raise group.error(f"holds {len(names)} weights, but layer {layer.name!r} has {len(weights)}")
            pairs = zip(weights, names, strict=True)
            found += [(variable, group.array(name, variable.shape, "f")) for variable, name in pairs]
        except FormatError as error:
            if left_out is None:
                raise
            left_out.append(f"layer {layer.name!r} keeps its weights: {error}")
    return found


def legacy_order(layer: Layer | Sequential) -> list[Variable]:
    """The weights of a layer in the order of a .h5: those that learn come first, which differs from their own order in models alone."""
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def assign(arrays: LayerArrays) -> None:
    """Sets the variables to their arrays."""
    for variable, array in arrays:
        variable.assign(array)


def compile_model(place: Place, model: Sequential, config: Mapping[str, Any], optimizer: Any) -> None:
    """Compiles the model as the config says, with the optimizer of that entry."""
    with place.explained(hint=_WITHOUT):
        only("compile", "loss_weights", config.get("loss_weights"), None, [])
        model.compile(
            optimizer=optimizer,
            loss=_named(_single(config.get("loss"))),
            metrics=_metrics(config.get("metrics")),
            weighted_metrics=_metrics(config.get("weighted_metrics")),
        )


def _named(written: Any) -> Any:
    """A function of Keras's own is its name."""
    if isinstance(written, Mapping) and written.get("class_name") == "function" and written.get("module") == "builtins":
        return written.get("config")
    return written


def _single(value: Any) -> Any:
    """Keras lets a model with one output have a list of one loss."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _metrics(value: Any) -> Any:
    """Keras lets a model with one output have a list of one list of metrics."""
    inner = _single(value)
    metrics = inner if isinstance(inner, list) else value
    return [_named(metric) for metric in metrics] if isinstance(metrics, list) else metrics


def optimizer_counts(model: Sequential, *, learning_rate: bool = True) -> tuple[int, int]:
    """How many arrays `optimizer_arrays` has before the first step, and after it. learning_rate : whether it is among them, unless it is a schedule;
    False for Keras 2, which kept it elsewhere.
    """
    optimizer = model.optimizer
    assert optimizer is not None
    fresh = 2 if learning_rate and optimizer.schedule is None else 1
    return fresh, fresh + len(optimizer.slots) * len(model.trainable_weights)


def read_optimizer(group: Node, model: Sequential, names: Sequence[str], *, learning_rate: bool = True) -> None:
    """Sets the state of the model's optimizer, which must be built, to the arrays of those names, in the order of `optimizer_arrays`."""
    optimizer = model.optimizer
    assert optimizer is not None
    fresh, trained = optimizer_counts(model, learning_rate=learning_rate)
    variables = model.trainable_weights
    once_learning = [variable for variable in model.weights if variable.learns]
    if len(names) == fresh + len(optimizer.slots) * len(once_learning):
        variables = once_learning  # Keras keeps what it has of layers that were frozen since it compiled
    elif len(names) not in (fresh, trained):
        counts = f"{fresh}, or {trained} after the first step"
        came = f"holds {len(names)} arrays, but this model's {type(optimizer).__name__} has {counts}"
        raise group.error(f"{came}{_WITHOUT}")
    state = [
        (variable, optimizer.slots[slot], group.array(name, variable.shape, "f"))
        for (variable, slot), name in zip(_slots(optimizer, variables), names[fresh:], strict=False)
    ]
    iteration = int(group.array(names[0], (), "iu"))
    with group.explained():
        if iteration < 0:
            raise ValueError(f"iteration is {iteration}, but must be at least 0")
        if learning_rate and optimizer.schedule is None:
            optimizer.learning_rate = float(group.array(names[1], (), "f"))
    optimizer.iterations = iteration
    for variable, slot, array in state:
        model.store.view(slot, variable)[...] = array
