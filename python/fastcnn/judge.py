"""A model that is asked about pictures: what `evaluation` needs to know of it, what it says in words, and what it answers.

It may be the file of one, Keras's too, with class names or without, of logits or probabilities, of one output for two classes, and see other than raw pixels.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcnn import activations
from fastcnn._arguments import number, unknown
from fastcnn._naming import free_name
from fastcnn.callbacks import Callback
from fastcnn.errors import FormatError
from fastcnn.layers import Input, Rescaling, Softmax
from fastcnn.losses import BinaryCrossentropy, SparseCategoricalCrossentropy
from fastcnn.models import Sequential, load_model

__all__ = ["Judge", "Source", "sizes", "softmax"]

Source = Sequential | str | os.PathLike[str]


class _Outputs(Callback):
    """What the model said to each batch of an evaluation."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[NDArray[np.float32]] = []

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        plan = self.model._plan
        assert plan is not None  # a batch has been evaluated
        self.batches.append(plan.outputs())


class Judge:
    """A model that is ready to be asked, with what is known of its file, its pixels and its classes. `owner` is who speaks in an error."""

    class_names: tuple[str, ...]

    def __init__(self, model: Source, scale: float, offset: float, owner: str) -> None:
        self._is_file = not isinstance(model, Sequential)
        self._called = f"model {model.name!r}" if isinstance(model, Sequential) else os.fspath(model)
        self._owner = owner
        self._scale = number(owner, "scale", scale), number(owner, "offset", offset)
        self._notes: list[str] = []
        self._model = model if isinstance(model, Sequential) else self._loaded(model)
        if not self._model.layers:
            raise self.error("has no layers")
        if not self._model.built:
            raise self.error("does not say which shape its images have")
        if len(self._model.output_shape) != 2:
            raise self.error(f"gives {sizes(self._model.output_shape[1:])} values an image, but wanted is one a class")
        self._input_shape = tuple(int(size or 0) for size in self._model.input_shape[1:])
        self._binary = self._model.output_shape[1] == 1  # one output, which is for class 1 and against class 0
        self._classes = 2 if self._binary else int(self._model.output_shape[1] or 0)
        names = self._model.class_names
        if names is not None and len(names) != self._classes:
            raise self.error(f"names {len(names)} classes, but its outputs are for {self._classes}")
        self._named = names is not None
        self.class_names = names or tuple(map(str, range(self._classes)))

    def error(self, message: str) -> ValueError:
        """The error that says `message` of the model."""
        return (
            FormatError(f"{self._called}: {message}")
            if self._is_file
            else ValueError(f"{self._owner}: the {self._called} {message}")
        )

    def _loaded(self, path: str | os.PathLike[str]) -> Sequential:
        """The model; without what it was compiled with, where only that cannot be read."""
        try:
            return load_model(path)
        except FormatError as error:
            model = load_model(path, compile=False)  # raises what is wrong with the model itself
            self._notes.append(f"its training settings are passed over ({error})")
            return model

    # What is asked of the model's shapes and classes.

    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of the images that it takes."""
        shape = self._input_shape
        if len(shape) != 3 or shape[2] not in (1, 3):
            raise self.error(f"takes {sizes(shape)}, but image files give height x width x 1 or 3")
        return shape[0], shape[1], shape[2]

    def require(self, shape: tuple[int, ...], otherwise: str) -> None:
        """Raises where the model takes images of another shape than data that are not resized."""
        if self._input_shape != shape:
            raise self.error(f"takes images of {sizes(self._input_shape)}, but {otherwise}")

    def class_numbers(self, names: Sequence[str], data: str) -> NDArray[np.int64]:
        """The model's number of each class of the data, by name; a model without names takes the data's."""
        if not self._named:
            if len(names) != self._classes:
                raise self.error(
                    f"has outputs for {self._classes} classes and names none, but {data} has {len(names)} classes"
                )
            self.class_names = tuple(names)
            listed = f"class 0 is taken for {names[0]!r}, 1 for {names[1]!r}{', and so on' if len(names) > 2 else ''}"
            self._notes.append(f"its file names no classes: {listed}")
        for name in names:
            if name not in self.class_names:
                raise self.error(unknown(f"does not know all classes of {data}", "class", name, self.class_names))
        return np.array([self.class_names.index(name) for name in names], np.int64)

    # What is told.

    def notes(self) -> list[str]:
        """The model, the pixels that it sees, and what is odd about its file."""
        scale, offset = self._scale
        seen = (
            f"pixels from {offset:.6g} to {255 * scale + offset:.6g}" if self._scale != (1, 0) else "raw pixels 0..255"
        )
        if isinstance(self._model.leaves[0], Rescaling):
            seen += ", which it scales itself"
        elif self._scale == (1, 0):
            seen += ", which it does not scale (if it was trained on 0..1: scale 1/255)"
        shape = sizes(self._input_shape)
        return [f"{self._called}: {self._classes} classes, images of {shape}, {seen}", *self._notes]

    def probability_note(self) -> str:
        unnamed = "" if self._named else "; its file names no classes, so these are numbers"
        function = "" if self._gives_probabilities() else "sigmoid of " if self._binary else "softmax of "
        return f"probabilities: {'the ' if function else ''}{function}the model's outputs{unnamed}"

    def loss_note(self) -> str:
        if self._model.loss is not None:
            return f"loss: {self._model.loss.name}, as it was compiled"
        return f"loss: cross-entropy of its outputs, {'probabilities' if self._gives_probabilities() else 'logits'}; it was not compiled"

    def _gives_probabilities(self) -> bool:
        last = self._model.leaves[-1]
        activation = getattr(last, "activation", None)
        return isinstance(last, Softmax) or activation is activations.softmax or activation is activations.sigmoid

    # What is computed.

    def evaluate(
        self, x: NDArray[np.uint8], labels: NDArray[np.int64], batch_size: int | None, level: int
    ) -> tuple[float, NDArray[Any]]:
        """The loss of `model.evaluate`, and what the model said, a column a class."""
        model, seen = self._ready(), _Outputs()
        cross_entropy = BinaryCrossentropy if self._binary else SparseCategoricalCrossentropy
        loss = self._model.loss or cross_entropy(from_logits=not self._gives_probabilities())
        if model is not self._model:
            model.compile(loss=loss)
        y: NDArray[Any] = labels
        if self._binary:
            y = labels.astype(np.float32)[:, np.newaxis]
        elif not loss.sparse:
            y = np.eye(self._classes, dtype=np.float32)[labels]
        logs = model.evaluate(x, y, batch_size, level, callbacks=[seen], return_dict=True)
        assert isinstance(logs, dict)
        outputs = np.concatenate(seen.batches)
        return float(logs["loss"]), self._shares(outputs) if self._binary else outputs

    def probabilities(self, x: NDArray[np.uint8], batch_size: int | None) -> NDArray[np.float64]:
        """(N, classes)."""
        return self._shares(self._ready().predict(x, batch_size, verbose=0))

    def _shares(self, outputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """What the outputs mean: (N, classes) probabilities in float64."""
        shares = outputs.astype(np.float64)
        if not self._gives_probabilities():
            shares = np.hstack([np.zeros_like(shares), shares]) if self._binary else shares
            return softmax(shares)
        return np.hstack([1 - shares, shares]) if self._binary else shares

    def _ready(self) -> Sequential:
        """The model itself where it can be asked as it is, else a copy: the caller's model is neither compiled nor given a layer."""
        if self._scale == (1, 0) and self._model.loss is not None:
            return self._model
        layers: list[Any] = copy.deepcopy(self._model).layers
        if self._scale != (1, 0):
            layers = [Rescaling(*self._scale, name=free_name("scale", layers)), *layers]
        return Sequential([Input(self._input_shape), *layers])


def sizes(shape: Sequence[int | None]) -> str:
    """As "32x32x3"."""
    return "x".join(map(str, shape))


def softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    """The probabilities that (N, classes) logits mean, in float64."""
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
