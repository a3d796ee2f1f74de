"""`Conv2D`. Its mathematics is `ops.conv2d`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastcnn._arguments import only, pair, positive_integer
from fastcnn.activations import Activation
from fastcnn.layers.base import Shape
from fastcnn.layers.kernel import KernelLayer
from fastcnn.layers.windows import check_window, output_size, padding_name
from fastcnn.stage import Stage

__all__ = ["Conv2D", "Convolution2D"]


class Conv2D(KernelLayer):
    """y = activation(convolution of x with kernel + bias), on images: (N, H, W, C) gives (N, P, Q, filters).

    kernel_size, strides : one integer or two. padding : "valid", P = (H - R) // stride + 1, or "same", P = ceil(H / stride).
    kernel : (R, S, C, filters). bias : (filters,), or None if not use_bias. Only the default of `data_format`, `dilation_rate`, `groups`, and
    of the arguments from `activity_regularizer` on is supported.
    """

    _rank = 3
    _input_means = "an image, (height, width, channels)"
    _input_unit = "channels"
    _arguments = (*KernelLayer._arguments, "filters", "kernel_size", "strides", "padding")

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = (1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = (1, 1),
        groups: int = 1,
        activation: str | Activation | None = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: None = None,
        kernel_constraint: None = None,
        bias_constraint: None = None,
        **kwargs: Any,
    ) -> None:
        self.filters = positive_integer("Conv2D", "filters", filters)
        self.kernel_size = pair("Conv2D", "kernel_size", kernel_size)
        self.strides = pair("Conv2D", "strides", strides)
        self.padding = padding_name("Conv2D", padding)
        only("Conv2D", "data_format", data_format, "channels_last", None)
        only("Conv2D", "dilation_rate", pair("Conv2D", "dilation_rate", dilation_rate), (1, 1))
        only("Conv2D", "groups", groups, 1)
        unsupported = {
            "kernel_constraint": kernel_constraint,
            "bias_constraint": bias_constraint,
            "lora_rank": kwargs.pop("lora_rank", None),
            "lora_alpha": kwargs.pop("lora_alpha", None),
        }
        kwargs["activity_regularizer"] = activity_regularizer
        super().__init__(
            activation,
            use_bias,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            unsupported,
            **kwargs,
        )

    def stages(self) -> list[Stage]:
        return self._stages("conv2d", {"stride": self.strides, "padding": self.padding})

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": "channels_last",
            "dilation_rate": (1, 1),
            "groups": 1,
            **self._kernel_config(),
            "activity_regularizer": None,
            "kernel_constraint": None,
            "bias_constraint": None,
        }

    def _output_shape(self, shape: Shape) -> Shape:
        check_window(self._speaker, "kernel_size", self.kernel_size, shape, self.padding)
        return (*output_size(shape, self.kernel_size, self.strides, self.padding), self.filters)

    def _kernel_shape(self, shape: Shape) -> Shape:
        return (*self.kernel_size, shape[-1], self.filters)


Convolution2D = Conv2D
