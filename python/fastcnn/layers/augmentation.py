"""Layers that change pictures at random in training, and leave them alone in inference: what they share, and those that move pixels.

`RandomFlip`, `RandomTranslation`, `RandomRotation`, `RandomZoom`, `RandomCrop` and `RandomPaddedCrop`, which Keras has not. Those that change values are in
colour.py; the mathematics is in csrc/ops/augmentation.h.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fastcnn import config, ops
from fastcnn._arguments import natural, number, only, positive_integer, unknown
from fastcnn.layers.base import Layer, Shape
from fastcnn.stage import AUGMENTATION_PURPOSE, Stage

__all__ = [
    "RandomCrop",
    "RandomFlip",
    "RandomPaddedCrop",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
]

Factor: TypeAlias = float | Sequence[float]
Bounds = tuple[float, float]

_MODES = ("horizontal", "vertical", "horizontal_and_vertical")
_FILL_MODES = ("constant", "nearest", "reflect", "wrap")
_INTERPOLATIONS = ("bilinear", "nearest")


class Augmentation(Layer):
    """What random layers share: a `seed`, an integer, or None for the model's own. Only data_format "channels_last" (None) is supported.

    Each image of a batch is changed by numbers of its own, which hang on the seed, the step, the layer's place in the model and the image's in the
    batch, on every device alike. `layer(x)` leaves a batch as it is, as `predict` does (Keras's changes it); `layer(x, training=True)` changes it, each
    time otherwise. A random layer stands before the first layer that learns: else training is a ValueError.
    """

    _rank = 3
    _input_means = "an image, (height, width, channels)"
    _operation: ClassVar[str]

    def __init__(self, seed: int | None, **kwargs: Any) -> None:
        owner = type(self).__name__
        only(owner, "data_format", kwargs.pop("data_format", None), "channels_last", None)
        self.seed = seed_of(owner, seed)
        self._own_seed: int | None = None  # of calls in training
        self._calls = 0
        super().__init__(**kwargs)

    def stages(self) -> list[Stage]:
        assert self.input_shape is not None, "stages() comes after build()"
        ranges = {
            f"{end}_{index}": bound
            for index, bounds in enumerate(self._bounds(self.input_shape))
            for end, bound in zip(("from", "to"), bounds, strict=True)
        }
        return [Stage(self._operation, {**self._settings(self.input_shape), **ranges, "seed": self.seed})]

    def __call__(self, x: Any, training: bool | None = None) -> NDArray[np.float32]:
        """The batch as it is, or, in training, changed anew each time: by the layer's seed or, without one, that of `fastcnn.set_seed`."""
        if training is not True:
            return super().__call__(x, training)
        if self._own_seed is None:
            self._own_seed = config.draw_seed() if self.seed is None else self.seed
        self._calls += 1
        return self.augment(x, seed=self._own_seed, step=self._calls)

    def augment(self, x: Any, *, seed: int, step: int, place: int = 0) -> NDArray[np.float32]:
        """What becomes of a batch, (N, H, W, C), in that step of a training, where the layer is random layer number `place` of its model.

        seed : the model's; the layer's own goes before it.
        """
        if isinstance(x, Layer):
            raise TypeError(f"{self._speaker}: x must be an array, but is a layer")
        images = np.asarray(self._batch(x), np.float32)
        shape = self._checked(images.shape[1:])
        self._output_shape(shape)
        stream = {
            "seed": (seed if self.seed is None else self.seed) % 2**64,
            "step": step,
            "purpose": AUGMENTATION_PURPOSE + place,
        }
        low, high = zip(*self._bounds(shape), strict=True)
        numbers = ops.draw_uniform(len(images), low, high, **stream)
        changed: NDArray[np.float32] = self._changed(images, numbers, self._settings(shape), stream)
        return changed

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": "channels_last"}

    def _bounds(self, shape: Shape) -> list[Bounds]:
        """What the numbers of an image of that shape are drawn between."""
        raise NotImplementedError

    def _settings(self, shape: Shape) -> dict[str, Any]:
        """Those of the operation, for images of that shape."""
        raise NotImplementedError

    def _changed(self, x: Any, numbers: Any, settings: dict[str, Any], stream: dict[str, int]) -> Any:
        return getattr(ops, self._operation)(x, numbers, **settings)


class RandomFlip(Augmentation):
    """Turns half of the images over. mode : "horizontal" exchanges left and right, "vertical" top and bottom.

    "horizontal_and_vertical", the default, does both at once, as in Keras: half of the images are turned by 180 degrees.
    """

    _operation = "flip"
    _arguments = ("mode", "seed")

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        if mode not in _MODES:
            raise ValueError(unknown("RandomFlip", "mode", mode, _MODES))
        self.mode = mode
        super().__init__(seed, data_format=data_format, **kwargs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "seed": self.seed, "mode": self.mode}

    def _bounds(self, shape: Shape) -> list[Bounds]:
        return [(0.0, 1.0)]

    def _settings(self, shape: Shape) -> dict[str, Any]:
        return {"mode": self.mode}


class _Resampling(Augmentation):
    """What translation, rotation and zoom share: each pixel is read at another place, between four pixels or at the nearest.

    fill_mode : what is read outside of an image "abcd": "reflect" dcba|abcd|dcba, "wrap" abcd|abcd|abcd, "nearest" aaaa|abcd|dddd, "constant"
    `fill_value`. interpolation : "bilinear" or "nearest".
    """

    _arguments: ClassVar[tuple[str, ...]] = ("fill_mode", "interpolation", "seed", "fill_value")

    def __init__(
        self,
        fill_mode: str,
        interpolation: str,
        seed: int | None,
        fill_value: float,
        data_format: str | None,
        **kwargs: Any,
    ) -> None:
        owner = type(self).__name__
        self.fill_mode = fill_mode_of(owner, fill_mode)
        if interpolation not in _INTERPOLATIONS:
            raise ValueError(unknown(owner, "interpolation", interpolation, _INTERPOLATIONS))
        self.interpolation = interpolation
        self.fill_value = number(owner, "fill_value", fill_value)
        super().__init__(seed, data_format=data_format, **kwargs)

    def _settings(self, shape: Shape) -> dict[str, Any]:
        return {"fill_mode": self.fill_mode, "interpolation": self.interpolation, "fill_value": self.fill_value}


class RandomTranslation(_Resampling):
    """Moves each image down and to the right, by a part of its height and of its width that is drawn anew for each.

    height_factor, width_factor : a number f, for any part from -f to f, or two between which it lies, all in [-1, 1]; negative is up, and left.
    fill_mode, interpolation, fill_value : see `fastcnn.ops.translate`.
    """

    _operation = "translate"
    _arguments = (*_Resampling._arguments, "height_factor", "width_factor")

    def __init__(
        self,
        height_factor: Factor,
        width_factor: Factor,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.height_factor, self._height = as_given("RandomTranslation", "height_factor", height_factor)
        self.width_factor, self._width = as_given("RandomTranslation", "width_factor", width_factor)
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "height_factor": self.height_factor,
            "width_factor": self.width_factor,
            "fill_mode": self.fill_mode,
            "interpolation": self.interpolation,
            "seed": self.seed,
            "fill_value": self.fill_value,
        }

    def _bounds(self, shape: Shape) -> list[Bounds]:
        return [self._height, self._width]


class RandomRotation(_Resampling):
    """Turns each image about its middle, by a part of a full turn that is drawn anew for each; counterclockwise where it is above 0.

    factor : a number f, for any part from -f to f, or two between which it lies, all in [-1, 1]: 0.1 is up to 36 degrees. fill_mode, interpolation,
    fill_value : see `fastcnn.ops.translate`.
    """

    _operation = "rotate"
    _arguments = (*_Resampling._arguments, "factor")

    def __init__(
        self,
        factor: Factor,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.factor = bounds_of("RandomRotation", "factor", factor)
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "factor": self.factor,
            "fill_mode": self.fill_mode,
            "fill_value": self.fill_value,
            "interpolation": self.interpolation,
            "seed": self.seed,
        }

    def _bounds(self, shape: Shape) -> list[Bounds]:
        return [self.factor]


class RandomZoom(_Resampling):
    """Shows 1 + a times as many rows of each image and 1 + b times as many columns, about its middle: above 0 it becomes smaller.

    height_factor, width_factor : a number f, for any a from -f to f, or two between which it lies, all above -1 and at most 1. width_factor None : b is a,
    which keeps the proportions. fill_mode, interpolation, fill_value : see `fastcnn.ops.translate`.
    """

    _operation = "zoom"
    _arguments = (*_Resampling._arguments, "height_factor", "width_factor")

    def __init__(
        self,
        height_factor: Factor,
        width_factor: Factor | None = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.height_factor, height = as_given("RandomZoom", "height_factor", height_factor, above=True)
        self.width_factor, self._each = None, [height]
        if width_factor is not None:
            self.width_factor, width = as_given("RandomZoom", "width_factor", width_factor, above=True)
            self._each.append(width)
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "height_factor": self.height_factor,
            "width_factor": self.width_factor,
            "fill_mode": self.fill_mode,
            "interpolation": self.interpolation,
            "seed": self.seed,
            "fill_value": self.fill_value,
        }

    def _bounds(self, shape: Shape) -> list[Bounds]:
        return self._each


class RandomCrop(Augmentation):
    """Cuts a window of `height` x `width` pixels out of each image: in training at a place that is drawn anew for each, in inference in the middle.

    ValueError for an image that is smaller. (Keras's cuts a batch at one place, enlarges smaller images, and leaves images as they are in inference.)
    """

    _operation = "crop"
    _arguments = ("height", "width", "seed")

    def __init__(
        self,
        height: int,
        width: int,
        seed: int | None = None,
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.height = positive_integer("RandomCrop", "height", height)
        self.width = positive_integer("RandomCrop", "width", width)
        super().__init__(seed, data_format=data_format, name=name, **kwargs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "height": self.height, "width": self.width, "seed": self.seed}

    def _output_shape(self, shape: Shape) -> Shape:
        if self.height > shape[0] or self.width > shape[1]:
            raise ValueError(
                f"{self._speaker}: the window {(self.height, self.width)} is larger than the image {shape[:2]}"
            )
        return (self.height, self.width, shape[2])

    def _bounds(self, shape: Shape) -> list[Bounds]:
        return [(0.0, shape[0] - self.height + 1.0), (0.0, shape[1] - self.width + 1.0)]

    def _settings(self, shape: Shape) -> dict[str, Any]:
        return {"size": (self.height, self.width), "padding": 0, "fill_mode": "constant", "fill_value": 0.0}


class RandomPaddedCrop(Augmentation):
    """Puts `padding` pixels around each image and cuts a window of the old size out of it, at a place that is drawn anew for each.

    The usual augmentation of CIFAR, beside a horizontal flip; Keras has no such layer, and cannot read a file with it. padding : at least 0. fill_mode : what the pixels
    are, "reflect" dcba|abcd|dcba, "constant" `fill_value`, "wrap" or "nearest", in Keras's words. Source: He et al. 2016.
    """

    keras_module = "fastcnn.layers"
    _operation = "crop"
    _arguments = ("padding", "fill_mode", "fill_value", "seed")

    def __init__(
        self,
        padding: int = 4,
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        self.padding = natural("RandomPaddedCrop", "padding", padding)
        self.fill_mode = fill_mode_of("RandomPaddedCrop", fill_mode)
        self.fill_value = number("RandomPaddedCrop", "fill_value", fill_value)
        super().__init__(seed, **kwargs)

    def get_config(self) -> dict[str, Any]:
        own = {"padding": self.padding, "fill_mode": self.fill_mode, "fill_value": self.fill_value, "seed": self.seed}
        return {**super().get_config(), **own}

    def _bounds(self, shape: Shape) -> list[Bounds]:
        return [(0.0, 2.0 * self.padding + 1)] * 2

    def _settings(self, shape: Shape) -> dict[str, Any]:
        fill = {"fill_mode": self.fill_mode, "fill_value": self.fill_value}
        return {"size": shape[:2], "padding": self.padding, **fill}


def seed_of(owner: str, value: Any) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, (int, np.integer))):
        raise ValueError(f"{owner}: seed must be an integer or None, but is {value!r}")
    return None if value is None else int(value)


def bounds_of(owner: str, argument: str, value: Any, least: float = -1.0, *, above: bool = False) -> Bounds:
    """The two numbers of a factor, the smaller first: as they are, or -f, but not below `least`, and f for a number f.

    All given ones lie in [least, 1], or above `least`.
    """
    given = value if isinstance(value, (tuple, list)) else (value,)
    if not 1 <= len(given) <= 2 or (given is value and len(given) != 2):
        raise ValueError(f"{owner}: {argument} must be a number or two, but is {value!r}")
    numbers = sorted(number(owner, argument, each) for each in given)
    if numbers[0] < least or numbers[-1] > 1 or (above and numbers[0] == least):
        raise ValueError(f"{owner}: {argument} must lie in {'(' if above else '['}{least:g}, 1], but is {value!r}")
    if len(numbers) == 2:
        return numbers[0], numbers[1]
    return max(-abs(numbers[0]), least), abs(numbers[0])


def as_given(owner: str, argument: str, value: Any, *, above: bool = False) -> tuple[float | Bounds, Bounds]:
    """A factor as Keras's config has it, in the form in which it was given, and its bounds."""
    bounds = bounds_of(owner, argument, value, above=above)
    kept = (float(value[0]), float(value[1])) if isinstance(value, (tuple, list)) else float(value)
    return kept, bounds


def fill_mode_of(owner: str, value: Any) -> str:
    if value not in _FILL_MODES:
        raise ValueError(unknown(owner, "fill_mode", value, _FILL_MODES))
    return str(value)
