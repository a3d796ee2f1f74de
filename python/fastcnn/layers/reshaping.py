"""`ZeroPadding2D`, `Cropping2D`, `UpSampling2D` and `Reshape`: layers that learn nothing and give another shape. Their mathematics is in `ops`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from fastcnn._arguments import only, pair, sides, unknown
from fastcnn.layers.base import Layer, Shape
from fastcnn.stage import Stage

__all__ = ["Cropping2D", "Reshape", "UpSampling2D", "ZeroPadding2D"]

_INTERPOLATIONS = ("nearest", "bilinear")
_ONLY_IN_KERAS = ("bicubic", "lanczos3", "lanczos5")


class _OnImages(Layer):
    """What the layers on images share."""

    _rank = 3
    _input_means = "an image, (height, width, channels)"


class ZeroPadding2D(_OnImages):
    """Rows and columns of zeros around images: (N, H, W, C) gives (N, top + H + bottom, left + W + right, C).

    padding : one integer for all sides; two, (height, width); or ((top, bottom), (left, right)). Only data_format "channels_last" (None) is
    supported. Before a Conv2D (or DepthwiseConv2D) with padding="valid" it costs nothing: the convolution pads.
    """

    _arguments = ("padding",)

    def __init__(
        self,
        padding: int | Sequence[int] | Sequence[Sequence[int]] = (1, 1),
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.padding = sides("ZeroPadding2D", "padding", padding)
        only("ZeroPadding2D", "data_format", data_format, "channels_last", None)
        super().__init__(**kwargs)

    def stages(self) -> list[Stage]:
        return [Stage("pad2d", {"padding": self.padding})]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "padding": self.padding, "data_format": "channels_last"}

    def _output_shape(self, shape: Shape) -> Shape:
        return (shape[0] + sum(self.padding[0]), shape[1] + sum(self.padding[1]), shape[2])


class Cropping2D(_OnImages):
    """Images without so many rows and columns at their sides: (N, H, W, C) gives (N, H - top - bottom, W - left - right, C).

    cropping : one integer for all sides; two, (height, width); or ((top, bottom), (left, right)). Something of the image must be left. Only
    data_format "channels_last" (None) is supported.
    """

    _arguments = ("cropping",)

    def __init__(
        self,
        cropping: int | Sequence[int] | Sequence[Sequence[int]] = ((0, 0), (0, 0)),
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.cropping = sides("Cropping2D", "cropping", cropping)
        only("Cropping2D", "data_format", data_format, "channels_last", None)
        super().__init__(**kwargs)

    def stages(self) -> list[Stage]:
        return [Stage("crop2d", {"cropping": self.cropping})]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "cropping": self.cropping, "data_format": "channels_last"}

    def _output_shape(self, shape: Shape) -> Shape:
        height, width = shape[0] - sum(self.cropping[0]), shape[1] - sum(self.cropping[1])
        if height < 1 or width < 1:
            raise ValueError(f"{self._speaker}: cropping {self.cropping} leaves nothing of the image {shape[:2]}")
        return (height, width, shape[2])


class UpSampling2D(_OnImages):
    """Images enlarged by whole factors: (N, H, W, C) gives (N, H * size, W * size, C).

    size : one integer or two. interpolation : "nearest" repeats each pixel, "bilinear" goes from the middle of one to that of the next (Keras
    has "bicubic", "lanczos3" and "lanczos5" too). Only data_format "channels_last" (None) is supported.
    """

    _arguments = ("size", "interpolation")

    def __init__(
        self,
        size: int | Sequence[int] = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        **kwargs: Any,
    ) -> None:
        self.size = pair("UpSampling2D", "size", size)
        only("UpSampling2D", "data_format", data_format, "channels_last", None)
        self.interpolation = _interpolation(interpolation)
        super().__init__(**kwargs)

    def stages(self) -> list[Stage]:
        return [Stage("upsample2d", {"size": self.size, "interpolation": self.interpolation})]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "size": self.size,
            "data_format": "channels_last",
            "interpolation": self.interpolation,
        }

    def _output_shape(self, shape: Shape) -> Shape:
        return (shape[0] * self.size[0], shape[1] * self.size[1], shape[2])


class Reshape(Layer):
    """Each sample in another shape, its values in the order in which they lie: (N, ...) gives (N, *target_shape). It costs nothing.

    target_shape : integers of at least 1, without the batch; one may be -1, which is then what is left. The number of values must be the
    sample's.
    """

    _arguments = ("target_shape",)

    def __init__(self, target_shape: Sequence[int], **kwargs: Any) -> None:
        self.target_shape = _target(target_shape)
        super().__init__(**kwargs)

    def stages(self) -> list[Stage]:
        assert self.output_shape is not None, "stages() comes after build()"
        return [Stage("reshape", {"shape": self.output_shape})]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "target_shape": self.target_shape}

    def _output_shape(self, shape: Shape) -> Shape:
        values, known = math.prod(shape), math.prod(size for size in self.target_shape if size != -1)
        if values % known or (-1 not in self.target_shape and values != known):
            raise ValueError(
                f"{self._speaker}: target_shape {self.target_shape} does not hold a sample of shape {shape}, which has {values} values"
            )
        return tuple(values // known if size == -1 else size for size in self.target_shape)


def _target(value: Any) -> Shape:
    sizes = tuple(value) if isinstance(value, Iterable) and not isinstance(value, str) else (None,)
    integers = all(isinstance(size, (int, np.integer)) and not isinstance(size, bool) for size in sizes)
    if not integers or any(size < 1 and size != -1 for size in sizes) or sizes.count(-1) > 1:
        raise ValueError(
            f"Reshape: target_shape must hold integers of at least 1, and at most one -1, but is {value!r}"
        )
    return tuple(int(size) for size in sizes)


def _interpolation(value: Any) -> str:
    name = value.lower() if isinstance(value, str) else value
    if name in _ONLY_IN_KERAS:
        raise ValueError(f"UpSampling2D: interpolation={name!r} is not supported; only 'nearest' and 'bilinear' are")
    if not isinstance(name, str) or name not in _INTERPOLATIONS:
        raise ValueError(unknown("UpSampling2D", "interpolation", value, _INTERPOLATIONS))
    return name
