"""`Stack`: layers one upon another, with all their weights in one buffer. What `Sequential` is before it is trained; private.

A stack may be a layer of another. What computes are the `leaves`, the layers proper, in their order. The table of `summary` is drawn in `summary.py`; compiling and training are in `models.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from fastcnn import summary
from fastcnn._naming import auto_name
from fastcnn.layers import InputLayer, Layer
from fastcnn.optimizers import Optimizer
from fastcnn.variables import Variable, VariableStore

__all__: list[str] = []


Part: TypeAlias = "Layer | Stack"  # what a stack is made of


class Stack:
    """The layers, their shapes and their weights. A model that has been changed is planned anew when it is next used."""

    optimizer: Optimizer | None = None

    def __init__(self, layers: Sequence[Part] | None, name: str | None = None) -> None:
        if name is not None and (not isinstance(name, str) or "/" in name):
            raise ValueError(f"Sequential: name must be a string without '/', but is {name!r}")
        self.name = name or auto_name("Sequential")
        self._input: InputLayer | None = None
        self._layers: list[Part] = []
        self._store = VariableStore([])
        self._class_names: tuple[str, ...] | None = None
        for layer in layers or ():
            self._append(layer)
        self._settle("Sequential")

    def __repr__(self) -> str:
        return f"<Sequential name={self.name}, built={self.built}>"

    def __setstate__(self, state: dict[str, Any]) -> None:
        """After `copy.deepcopy` or unpickling: the weights are arrays of their own now, and get one buffer again."""
        self.__dict__.update(state)
        self._move(VariableStore(self.weights))

    @property
    def layers(self) -> list[Any]:
        """The layers, without the Input; a copy of the list. A model among them is one of them."""
        return list(self._layers)

    @property
    def leaves(self) -> list[Layer]:
        """The layers, and in place of a model among them its own, to any depth."""
        return [leaf for part in self._layers for leaf in (part.leaves if isinstance(part, Stack) else (part,))]

    @overload
    def __getitem__(self, index: int) -> Any: ...

    @overload
    def __getitem__(self, index: slice) -> Stack: ...

    def __getitem__(self, index: int | slice) -> Any:
        """`model[i]` is layer i; `model[:-1]` a new model of these layers, which it shares. (PyTorch's Sequential has this, Keras's has not.)"""
        if not isinstance(index, slice):
            return self._layers[index]
        parts = self._layers[index]
        if parts and (shape := _shapes(parts[0])[0]) is not None:
            return type(self)([InputLayer(shape), *parts])
        return type(self)(parts)

    @property
    def inputs(self) -> list[InputLayer]:
        """The one input. AttributeError as long as its shape is unknown."""
        return [self._known("inputs")]

    @property
    def built(self) -> bool:
        """Whether the weights are there: there are layers, and the input's shape is known."""
        return self._input is not None and bool(self._layers)

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """(None, ...): the shape of a batch. AttributeError as long as it is unknown."""
        return self._known("input shape").batch_shape

    @property
    def output_shape(self) -> tuple[int | None, ...]:
        """(None, ...): the shape of what comes out for a batch. AttributeError as long as it is unknown."""
        known = self._known("output shape")
        shape = _shapes(self._layers[-1])[1] if self._layers else known.output_shape
        assert shape is not None
        return (None, *shape)

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """What the outputs stand for, in their order: ("cat", "dog"); None, the default, says nothing. `save` keeps them in the file.

        (Keras has no such attribute, and passes over the names in the file.) TypeError for anything but strings, ValueError for one that comes twice.
        """
        return self._class_names

    @class_names.setter
    def class_names(self, names: Sequence[str] | None) -> None:
        if names is not None and (
            not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names)
        ):
            raise TypeError(f"class_names: must be a list of strings, or None, but is {names!r}")
        if names is not None and len(set(names)) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"class_names: {twice!r} is there twice")
        self._class_names = None if names is None else tuple(names)

    def add(self, layer: Part) -> None:
        """Puts a layer, or first of all an `Input`, on top. ValueError where its shape does not fit or its name is taken; then nothing changes."""
        before = self._input, list(self._layers)
        try:
            self._append(layer)
            self._settle("add")
        except BaseException:
            self._input, self._layers = before
            raise

    def pop(self) -> Any:
        """Takes the last layer off and returns it; the others keep their weights. IndexError where there is none.

        As in Keras, a model that has been trained must be compiled again before it is trained on.
        """
        if not self._layers:
            raise IndexError(f"pop: the model '{self.name}' has no layers")
        layer = self._layers.pop()
        self._settle("pop")
        return layer

    def get_layer(self, name: str | None = None, index: int | None = None) -> Any:
        """The layer of that name, or of that index (from 0, without the Input). ValueError where there is none."""
        if (name is None) == (index is None):
            raise ValueError("get_layer: exactly one of name and index must be given")
        if index is not None:
            if not -len(self._layers) <= index < len(self._layers):
                raise ValueError(f"get_layer: index is {index}, but the model has {len(self._layers)} layers")
            return self._layers[index]
        for layer in self._layers:
            if layer.name == name:
                return layer
        raise ValueError(
            f"get_layer: there is no layer {name!r}, only {', '.join(repr(layer.name) for layer in self._layers)}"
        )

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Makes the weights for batches of `input_shape`: (None, 32, 32, 3) for images of 32x32x3. Once built, only the same shape is allowed."""
        sample: Any = tuple(input_shape)[1:]
        self._build(sample, "build")

    @property
    def weights(self) -> list[Variable]:
        """All variables, layer by layer."""
        return [variable for layer in self._layers for variable in layer.weights]

    @property
    def trainable_weights(self) -> list[Variable]:
        """The variables that training changes."""
        return [variable for layer in self._layers for variable in layer.trainable_weights]

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The variables that it leaves."""
        return [variable for layer in self._layers for variable in layer.non_trainable_weights]

    variables, trainable_variables, non_trainable_variables = weights, trainable_weights, non_trainable_weights

    @property
    def trainable(self) -> bool:
        """Whether any layer learns. Setting it sets it for every layer."""
        return any(layer.trainable for layer in self._layers)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer in self._layers:
            layer.trainable = value

    @property
    def store(self) -> VariableStore:
        """The one buffer with all weights. Another model that shares a layer takes that layer's weights over; here they are taken back."""
        variables = self.weights
        if any(variable.store is not self._store for variable in variables) or len(variables) != len(
            self._store.variables
        ):
            self._move(VariableStore(variables))
        return self._store

    def _move(self, store: VariableStore) -> None:
        before, self._store = self._store, store
        optimizer = self.optimizer
        if optimizer is not None and optimizer._store is before and before.variables == store.variables:
            optimizer._store = store  # laid out as before, so the optimizer's slots still fit

    def get_weights(self) -> list[NDArray[np.float32]]:
        """Copies of all weights, layer by layer, each with its kernel before its bias."""
        return [variable.numpy() for variable in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Sets all weights, in the order of `get_weights`; all of them or, where one does not fit (ValueError, TypeError), none."""
        variables = self.weights
        if len(weights) != len(variables):
            hint = (
                "" if self.built else "; it has none before it is built: give it an Input, or call build(input_shape)"
            )
            raise ValueError(
                f"set_weights: {len(weights)} arrays came, but the model '{self.name}' has {len(variables)} weights{hint}"
            )
        arrays = [np.asarray(weight) for weight in weights]
        for index, (variable, array) in enumerate(zip(variables, arrays, strict=True)):
            if array.shape != variable.shape:
                raise ValueError(
                    f"set_weights: weights[{index}] has shape {array.shape}, but {variable.name!r} has {variable.shape}"
                )
            if array.dtype.kind not in "biuf":
                raise TypeError(
                    f"set_weights: weights[{index}] has dtype {array.dtype}, but {variable.name!r} takes real numbers"
                )
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array)

    def count_params(self) -> int:
        """The number of learnt values. ValueError before the model is built."""
        if not self.built:
            raise ValueError(
                f"count_params: the model '{self.name}' is not built: give it an Input, or call build(input_shape)"
            )
        return sum(variable.size for variable in self.weights)

    def summary(self, line_length: int | None = None, print_fn: Callable[[str], object] | None = None) -> None:
        """Prints a table of the layers, their output shapes and their numbers of parameters.

        line_length : columns; None means the terminal's less 4, at most 88. print_fn : called once with the whole text, instead of printing.
        """
        text = summary.table(self, line_length)
        if print_fn is None:
            print(text, end="")
        else:
            print_fn(text)

    def weight_names(self) -> Iterator[tuple[str, Variable]]:
        """Each weight with its place, in the order of `weights`: "conv2d/kernel", or "base/conv2d/kernel" in a model "base" among the layers."""
        for part in self._layers:
            named = part.weight_names() if isinstance(part, Stack) else ((each.name, each) for each in part.weights)
            yield from ((f"{part.name}/{name}", variable) for name, variable in named)

    def _append(self, layer: Part) -> None:
        if not isinstance(layer, (Layer, Stack)):
            raise ValueError(
                f"Sequential: a layer must be an instance of fastcnn.layers.Layer or a model, but is {layer!r}"
            )
        if isinstance(layer, InputLayer):
            if self._input is not None or self._layers:
                raise ValueError(
                    f"Sequential: an Input comes first, and once, but '{self.name}' has layers or an Input already"
                )
            self._input = layer
            return
        if isinstance(layer, Stack) and any(part is self for part in (layer, *layer._stacks())):
            raise ValueError(f"Sequential: the model '{self.name}' cannot be a layer of itself")
        new, there = [layer, *_below(layer)], [other for part in self._layers for other in (part, *_below(part))]
        twice = next((part for part in new if any(part is other for other in there)), None)
        if twice is not None:
            raise ValueError(
                f"Sequential: {twice!r} is in the model already; a layer that is used twice is not supported"
            )
        if any(layer.name == other.name for other in self._layers):
            raise ValueError(
                f"Sequential: all layers must have different names, but {layer.name!r} is taken; give name= another"
            )
        if not self._layers and self._input is None and (shape := _declared(layer)) is not None:
            self._input = InputLayer(shape)
        self._layers.append(layer)

    def _stacks(self) -> Iterator[Stack]:
        """The models among the layers, to any depth."""
        for part in self._layers:
            if isinstance(part, Stack):
                yield part
                yield from part._stacks()

    def _settle(self, where: str) -> None:
        """Builds what can be built, and forgets what belonged to the layers as they were."""
        if self._input is not None and self._layers:
            assert self._input.input_shape is not None
            self._build(self._input.input_shape, where)

    def _build(self, shape: tuple[int, ...], where: str) -> None:
        if not self._layers:
            raise ValueError(f"{where}: the model '{self.name}' has no layers")
        if self._input is not None and self._input.input_shape != shape:
            raise ValueError(
                f"{where}: the model '{self.name}' takes {self._input.batch_shape}, so it cannot be built for {(None, *shape)}"
            )
        source = self._input or InputLayer(shape)
        for part in self._layers:
            if isinstance(part, Stack):
                part._build(shape, where)
            elif part.input_shape != shape or not part.built:
                part.build(shape)
            output = _shapes(part)[1]
            assert output is not None
            shape = output
        self._input = source

    def _known(self, what: str) -> InputLayer:
        if self._input is None:
            raise AttributeError(f"Sequential model '{self.name}' has no defined {what} yet.")
        return self._input


def _shapes(part: Part) -> tuple[tuple[int, ...] | None, tuple[int, ...] | None]:
    """The shapes of a sample before and after it, where they are known."""
    if isinstance(part, Layer):
        return part.input_shape, part.output_shape
    before: Any = part._input.input_shape if part._input is not None else None
    after: Any = part.output_shape[1:] if part.built else None
    return before, after


def _declared(part: Part) -> tuple[int, ...] | None:
    """The shape of the samples that it was made for; None where it was not said."""
    return part.declared_input_shape if isinstance(part, Layer) else _shapes(part)[0]


def _below(part: Part) -> list[Part]:
    """What is in it, to any depth."""
    return [*part._stacks(), *part.leaves] if isinstance(part, Stack) else []
