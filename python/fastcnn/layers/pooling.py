"""`MaxPooling2D`, `AveragePooling2D`, and both over the whole image, `GlobalMaxPooling2D` and `GlobalAveragePooling2D`. Their mathematics is in `ops`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from fastcnn._arguments import boolean, only, pair
from fastcnn.layers.base import Layer, Shape
from fastcnn.layers.windows import check_window, output_size, padding_name
from fastcnn.stage import Stage

__all__ = [
    "AveragePooling2D",
    "AvgPool2D",
    "GlobalAveragePooling2D",
    "GlobalAvgPool2D",
    "GlobalMaxPool2D",
    "GlobalMaxPooling2D",
    "MaxPool2D",
    "MaxPooling2D",
]


class _Pooling2D(Layer):
    """What maximum and average share: a window that slides over (N, H, W, C) and gives (N, P, Q, C)."""

    _rank = 3
    _input_means = "an image, (height, width, channels)"
    _arguments = ("pool_size", "strides", "padding")
    _operation: ClassVar[str]

    def __init__(
        self,
        pool_size: int | Sequence[int],
        strides: int | Sequence[int] | None,
        padding: str,
        data_format: str | None,
        name: str | None,
        **kwargs: Any,
    ) -> None:
        owner = type(self).__name__
        self.pool_size = pair(owner, "pool_size", pool_size)
        self.strides = self.pool_size if strides is None else pair(owner, "strides", strides)
        self.padding = padding_name(owner, padding)
        only(owner, "data_format", data_format, "channels_last", None)
        super().__init__(name=name, **kwargs)

    def stages(self) -> list[Stage]:
        return [Stage(self._operation, {"window": self.pool_size, "stride": self.strides, "padding": self.padding})]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "padding": self.padding,
            "strides": self.strides,
            "data_format": "channels_last",
        }

    def _output_shape(self, shape: Shape) -> Shape:
        check_window(self._speaker, "pool_size", self.pool_size, shape, self.padding)
        return (*output_size(shape, self.pool_size, self.strides, self.padding), shape[2])


class MaxPooling2D(_Pooling2D):
    """The largest value of each window. pool_size, strides : one integer or two; strides None means pool_size.

    padding : "valid" drops a ragged rest; "same" keeps it, P = ceil(H / stride), and the padding never wins. Only data_format
    "channels_last" (None) is supported. NaN in a window gives NaN (TensorFlow loses it, PyTorch does not).
    """

    _operation = "max_pool2d"

    def __init__(
        self,
        pool_size: int | Sequence[int] = (2, 2),
        strides: int | Sequence[int] | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)


class AveragePooling2D(_Pooling2D):
    """The mean of each window, over the image's pixels in it, without the padding. Arguments as for MaxPooling2D, but pool_size must be given."""

    _operation = "average_pool2d"

    def __init__(
        self,
        pool_size: int | Sequence[int],
        strides: int | Sequence[int] | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)


class _GlobalPooling2D(Layer):
    """What both share: the window is the image, and keepdims keeps its axes, of one pixel."""

    _rank = 3
    _input_means = "an image, (height, width, channels)"
    _arguments = ("keepdims",)
    _operation: ClassVar[str]  # with a window

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        owner = type(self).__name__
        only(owner, "data_format", data_format, "channels_last", None)
        self.keepdims = boolean(owner, "keepdims", keepdims)
        super().__init__(**kwargs)

    def stages(self) -> list[Stage]:
        assert self.input_shape is not None, "stages() comes after build()"
        image = self.input_shape[:2]
        pooling = Stage(self._operation, {"window": image, "stride": image, "padding": "valid"})
        return [pooling] if self.keepdims else [pooling, Stage("flatten", {})]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": "channels_last", "keepdims": self.keepdims}

    def _output_shape(self, shape: Shape) -> Shape:
        return (1, 1, shape[2]) if self.keepdims else (shape[2],)


class GlobalMaxPooling2D(_GlobalPooling2D):
    """The largest value of each image's pixels: (N, H, W, C) gives (N, C), or (N, 1, 1, C) if keepdims.

    Only data_format "channels_last" (None) is supported. NaN in an image gives NaN, as in MaxPooling2D.
    """

    _operation = "max_pool2d"


class GlobalAveragePooling2D(_GlobalPooling2D):
    """The mean over each image's pixels: (N, H, W, C) gives (N, C), or (N, 1, 1, C) if keepdims.

    Only data_format "channels_last" (None) is supported.
    """

    _operation = "average_pool2d"

    def stages(self) -> list[Stage]:
        return super().stages() if self.keepdims else [Stage("global_average_pool2d", {})]


MaxPool2D = MaxPooling2D
AvgPool2D = AveragePooling2D
GlobalAvgPool2D = GlobalAveragePooling2D
GlobalMaxPool2D = GlobalMaxPooling2D
