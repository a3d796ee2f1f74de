"""Random layers that change the values of pictures: `RandomBrightness`, `RandomContrast`, `RandomSaturation` and `RandomErasing`. See augmentation.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastcnn import ops
from fastcnn._arguments import number
from fastcnn.layers.augmentation import Augmentation, Bounds, Factor, bounds_of
from fastcnn.layers.base import Shape

__all__ = ["RandomBrightness", "RandomContrast", "RandomErasing", "RandomSaturation"]


class _Adjustment(Augmentation):
    """What they share: a `factor`, and the range of the values, (low, high), in which they stay."""

    _arguments = ("factor", "value_range", "seed")

    def __init__(self, factor: Bounds, value_range: Sequence[float], seed: int | None, **kwargs: Any) -> None:
        self.factor = factor
        self.value_range = value_range
        super().__init__(seed, **kwargs)

    def get_config(self) -> dict[str, Any]:
        own = {"factor": self.factor, "value_range": self.value_range, "seed": self.seed}
        return {**super().get_config(), **own}

    def _bounds(self, shape: Shape) -> list[Bounds]:
        return [self.factor]

    def _settings(self, shape: Shape) -> dict[str, Any]:
        low, high = self.value_range
        return {"low": low, "high": high}


class RandomBrightness(_Adjustment):
    """Adds to all values of an image the same part of their range, drawn anew for each image; what leaves the range is cut off.

    factor : a number f, for any part from -f to f, or two between which it lies, all in [-1, 1]. value_range : of the values, (low, high).
    """

    _operation = "adjust_brightness"

    def __init__(
        self, factor: Factor, value_range: Sequence[float] = (0, 255), seed: int | None = None, **kwargs: Any
    ) -> None:
        limits = sorted(_range("RandomBrightness", value_range))
        super().__init__(bounds_of("RandomBrightness", "factor", factor), limits, seed, **kwargs)


class RandomContrast(_Adjustment):
    """Multiplies what each value lies above its channel's mean, by a number that is drawn anew for each image; what leaves the range is cut off.

    factor : two numbers, (less, more), for any from 1 - less to 1 + more; a number f alone, as in Keras, for any from 1 to 1 + f; all in [0, 1].
    value_range : of the values, (low, high).
    """

    _operation = "adjust_contrast"

    def __init__(
        self, factor: Factor, value_range: Sequence[float] = (0, 255), seed: int | None = None, **kwargs: Any
    ) -> None:
        limits = _range("RandomContrast", value_range, ordered=True)
        super().__init__(bounds_of("RandomContrast", "factor", factor, 0.0), limits, seed, **kwargs)

    def _bounds(self, shape: Shape) -> list[Bounds]:
        return [(1 - self.factor[0], 1 + self.factor[1])]


class RandomSaturation(_Adjustment):
    """Multiplies the saturation of all pixels of an image by a / (1 - a), a drawn anew for each: 0 makes it grey, 0.5 leaves it, 1 makes it full.

    factor : two numbers between which a lies; a number f alone, as in Keras, for any from -f to f, of which the negative ones make it grey, too; all in [-1, 1].
    value_range : as in Keras, what the saturation, which is 1 for a full colour, is cut to: with (0, 255) not at all, so values may leave their range; give (0, 1)
    whatever the values are. It must hold 0. Images have three channels. Source: Keras's RandomSaturation.
    """

    _operation = "adjust_saturation"
    _input_means = "an image of three channels, (height, width, 3)"

    def __init__(
        self,
        factor: Factor,
        value_range: Sequence[float] = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        limits = sorted(_range("RandomSaturation", value_range))
        if not limits[0] <= 0 <= limits[1]:
            raise ValueError(f"RandomSaturation: value_range must hold 0, but is {value_range!r}")
        super().__init__(
            bounds_of("RandomSaturation", "factor", factor), limits, seed, data_format=data_format, **kwargs
        )

    def _output_shape(self, shape: Shape) -> Shape:
        if shape[2] != 3:
            raise ValueError(f"{self._speaker}: a sample must be {self._input_means}, but has shape {shape}")
        return shape


class RandomErasing(Augmentation):
    """Overwrites a box of each image, or leaves it, with a probability that is drawn anew for each.

    factor : the probability, or two numbers between which it lies; a number f alone, as in Keras, for any from 0 to f. scale : the box's height and its width are the square roots
    of two numbers drawn from there, times the image's; likewise two numbers in [0, 1], or one. fill_value : what is written, or None for normal noise times
    the largest value. value_range : what is written is cut to it. Source: Zhong et al. 2020.
    """

    _operation = "erase"
    _arguments = ("factor", "scale", "fill_value", "value_range", "seed")

    def __init__(
        self,
        factor: Factor = 1.0,
        scale: Factor = (0.02, 0.33),
        fill_value: float | None = None,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.factor = bounds_of("RandomErasing", "factor", factor, 0.0)
        self.scale = bounds_of("RandomErasing", "scale", scale, 0.0)
        self.fill_value = None if fill_value is None else number("RandomErasing", "fill_value", fill_value)
        self.value_range = _range("RandomErasing", value_range, ordered=True)
        super().__init__(seed, data_format=data_format, **kwargs)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "factor": self.factor,
            "scale": self.scale,
            "fill_value": self.fill_value,
            "value_range": self.value_range,
            "seed": self.seed,
        }

    def _bounds(self, shape: Shape) -> list[Bounds]:
        return [self.scale, self.scale, (0.0, 1.0), (0.0, 1.0), self.factor, (0.0, 1.0)]

    def _settings(self, shape: Shape) -> dict[str, Any]:
        fill = {} if self.fill_value is None else {"fill_value": self.fill_value}
        return {**fill, "low": self.value_range[0], "high": self.value_range[1]}

    def _changed(self, x: Any, numbers: Any, settings: dict[str, Any], stream: dict[str, int]) -> Any:
        return ops.erase(x, numbers, **settings, **stream)


def _range(owner: str, value: Any, *, ordered: bool = False) -> tuple[float, float]:
    """Two different numbers. ordered : whether the smaller one must come first."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise ValueError(f"{owner}: value_range must be two numbers, but is {value!r}")
    low, high = (number(owner, "value_range", each) for each in value)
    if low == high or (ordered and low > high):
        raise ValueError(f"{owner}: value_range must be (low, high), but is {value!r}")
    return low, high
