"""The network that a fine-tuning begins with: a shipped one or one's own, without its last layer, and with a new one for the new classes."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path

from fastcnn import applications
from fastcnn._naming import free_name
from fastcnn.errors import FormatError
from fastcnn.layers import BatchNormalization, Dense, Input, Layer, Rescaling
from fastcnn.models import Sequential, clone_model, load_model
from fastcnn.stack import Part, Stack

__all__ = ["HEAD", "STARTS", "Start", "learning_layers", "load", "multiply_adds", "picture_shape", "with_head"]

STARTS: dict[str, Callable[..., Sequential]] = {"vgg8": applications.VGG8, "tutorial_cnn": applications.TutorialCNN}
HEAD = "predictions"  # the new layer's name, where the start has none of it
_MOMENTUM = 0.9  # of batch normalizations, at most

Start = Sequential | str | os.PathLike[str]


def load(start: Start, image_size: tuple[int, int] | None, scale: float, offset: float, owner: str) -> Sequential:
    """The network up to what its last dense layer is given, with weights of its own: its features.

    start : a name among STARTS, the file of a model, Keras's too, or a model, which stays as it is. image_size : for a name, None for 32x32. scale, offset :
    the network sees pixels * scale + offset. Raises FormatError, which is a ValueError, where it takes no images, has no dense layer at its end or does not fit,
    and what `load_model` raises.
    """
    if isinstance(start, str) and start in STARTS:
        shape = None if image_size is None else (*image_size, 3)
        try:
            whole, name = STARTS[start](input_shape=shape), start
        except ValueError as error:
            raise FormatError(f"{owner}: {error}; leave out image_size for what {start} takes") from error
    elif isinstance(start, (str, os.PathLike)):
        if not Path(start).suffix:
            raise FormatError(
                f"{owner}: start must be {' or '.join(map(repr, STARTS))}, a model or the file of one, but is {os.fspath(start)!r}"
            )
        whole, name = load_model(start, compile=False), os.fspath(start)
    elif isinstance(start, Sequential):
        whole, name = _copy(start, owner), f"the model {start.name!r}"
    else:
        raise TypeError(f"{owner}: start must be a name, a model or the file of one, but is {start!r}")
    shape_of = whole.input_shape[1:] if whole.built else ()
    if len(shape_of) != 3 or shape_of[2] not in (1, 3):
        raise FormatError(
            f"{owner}: {name} takes {shape_of or 'nothing yet'}, but pictures are (height, width, 1 or 3 channels)"
        )
    if image_size is not None and tuple(shape_of[:2]) != image_size:
        raise FormatError(
            f"{owner}: {name} takes pictures of {shape_of[0]}x{shape_of[1]}, so image_size cannot be {image_size[0]}x{image_size[1]}"
        )
    body = _without_head(whole, name, owner)
    before: list[Part] = (
        [] if (scale, offset) == (1.0, 0.0) else [Rescaling(scale, offset, name=free_name("pixels", body))]
    )
    return Sequential([Input(picture_shape(whole)), *before, *body], name="features")


def picture_shape(model: Sequential) -> tuple[int, int, int]:
    """(height, width, channels) of what a model takes that `load` has made."""
    height, width, channels = (size or 0 for size in model.input_shape[1:])
    return height, width, channels


def multiply_adds(model: Sequential) -> int:
    """For one picture: of each kernel, its size as often as it is applied."""
    done = 0
    for leaf in model.leaves:
        applied = math.prod((leaf.output_shape or ())[:-1])
        done += sum(applied * variable.value.size for variable in leaf.weights if variable.value.ndim > 1)
    return done


def with_head(features: Sequential, classes: int) -> Sequential:
    """The features' layers, which it shares, and a new dense layer of logits behind them.

    Moving averages follow within some 20 steps: a fine-tuning may have 60, after which Keras's momentum of 0.99 would still be half the old pictures'.
    """
    for leaf in features.leaves:
        if isinstance(leaf, BatchNormalization):
            leaf.momentum = min(leaf.momentum, _MOMENTUM)
    head = Dense(classes, name=free_name(HEAD, features.layers))
    return Sequential([Input(picture_shape(features)), *features.layers, head], name="fine_tuned")


def learning_layers(model: Sequential) -> list[Layer]:
    """Those with weights that learn, from the first to the last."""
    return [leaf for leaf in model.leaves if leaf.trainable_weights]


def _copy(model: Sequential, owner: str) -> Sequential:
    if not model.built:
        raise ValueError(
            f"{owner}: the model {model.name!r} has no weights yet: give it an Input, or call build(input_shape)"
        )
    copy = clone_model(model)
    copy.set_weights(model.get_weights())
    return copy


def _without_head(model: Stack, name: str, owner: str) -> list[Part]:
    """What comes before the last layer that has weights, which must be dense; a model among the layers that it lies in is taken apart."""
    parts: list[Part] = model.layers
    while parts and not parts[-1].weights:
        parts = parts[:-1]
    last = parts.pop() if parts else None
    if isinstance(last, Stack):
        parts += _without_head(last, name, owner)
    elif not isinstance(last, Dense):
        kind = "nothing" if last is None else f"a {type(last).__name__}"
        raise FormatError(
            f"{owner}: the last layer of {name} with weights is {kind}, but a Dense is wanted, which tells its classes apart"
        )
    for part in parts:
        part.trainable = True
    return parts
