"""`DepthwiseConv2D` and `SeparableConv2D`: convolutions that take each channel by itself. Their mathematics is `ops.depthwise_conv2d`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NoReturn

from fastcnn import activations, initializers, regularizers
from fastcnn._arguments import only, pair, positive_integer, unrecognized
from fastcnn._serialization import serialize
from fastcnn.activations import Activation
from fastcnn.layers.base import Shape
from fastcnn.layers.kernel import KernelLayer, written
from fastcnn.layers.windows import check_window, output_size, padding_name
from fastcnn.stage import Stage
from fastcnn.variables import Variable

__all__ = ["DepthwiseConv2D", "SeparableConv2D", "SeparableConvolution2D"]


class _DepthwiseLayer(KernelLayer):
    """What both share: a window that slides over each channel, with `depth_multiplier` filters. The kernel is what Keras calls depthwise."""

    _rank = 3
    _input_means = "an image, (height, width, channels)"
    _input_unit = "channels"
    _arguments: ClassVar[tuple[str, ...]] = (
        *("kernel_size", "strides", "padding", "depth_multiplier", "activation", "use_bias"),
        *("depthwise_initializer", "bias_initializer", "depthwise_regularizer", "bias_regularizer"),
    )

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int],
        padding: str,
        depth_multiplier: int,
        data_format: str | None,
        dilation_rate: int | Sequence[int],
        *kernel_arguments: Any,
        **kwargs: Any,
    ) -> None:
        owner = type(self).__name__
        unrecognized(owner, {name: kwargs[name] for name in kwargs if name.startswith("kernel_")}, self._arguments)
        self.kernel_size = pair(owner, "kernel_size", kernel_size)
        self.strides = pair(owner, "strides", strides)
        self.padding = padding_name(owner, padding)
        self.depth_multiplier = positive_integer(owner, "depth_multiplier", depth_multiplier)
        only(owner, "data_format", data_format, "channels_last", None)
        only(owner, "dilation_rate", pair(owner, "dilation_rate", dilation_rate), (1, 1))
        super().__init__(*kernel_arguments, **kwargs)

    @property
    def depthwise_initializer(self) -> initializers.Initializer:
        """Of the depthwise kernel."""
        return self.kernel_initializer

    @property
    def depthwise_regularizer(self) -> regularizers.Regularizer | None:
        """Of the depthwise kernel."""
        return self.kernel_regularizer

    def _depthwise_stage(self, *variables: Variable) -> Stage:
        return Stage("depthwise_conv2d", {"stride": self.strides, "padding": self.padding}, variables)

    def _window_config(self) -> dict[str, Any]:
        return {
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": "channels_last",
            "dilation_rate": (1, 1),
        }

    def _depthwise_config(self) -> dict[str, Any]:
        return {name.replace("kernel", "depthwise"): value for name, value in self._kernel_config().items()}

    def _output_shape(self, shape: Shape) -> Shape:
        check_window(self._speaker, "kernel_size", self.kernel_size, shape, self.padding)
        return (*output_size(shape, self.kernel_size, self.strides, self.padding), shape[2] * self.depth_multiplier)

    def _kernel_shape(self, shape: Shape) -> Shape:
        return (*self.kernel_size, shape[2], self.depth_multiplier)


class DepthwiseConv2D(_DepthwiseLayer):
    """Each channel convolved with filters of its own: (N, H, W, C) gives (N, P, Q, C * depth_multiplier), those of channel 0 first.

    kernel_size, strides : one integer or two. padding : "valid", P = (H - R) // stride + 1, or "same", P = ceil(H / stride).
    kernel : (R, S, C, depth_multiplier). bias : (C * depth_multiplier,), or None if not use_bias. Only the default of `data_format`,
    `dilation_rate`, and of the arguments from `activity_regularizer` on is supported. Source: Howard et al. 2017.
    """

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = (1, 1),
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = (1, 1),
        activation: str | Activation | None = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: None = None,
        depthwise_constraint: None = None,
        bias_constraint: None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            *(kernel_size, strides, padding, depth_multiplier, data_format, dilation_rate, activation, use_bias),
            *(depthwise_initializer, bias_initializer, depthwise_regularizer, bias_regularizer),
            {"depthwise_constraint": depthwise_constraint, "bias_constraint": bias_constraint},
            **{**kwargs, "activity_regularizer": activity_regularizer},
        )

    def stages(self) -> list[Stage]:
        return [self._depthwise_stage(*self.weights), *activations.stages(self.activation)]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "depth_multiplier": self.depth_multiplier,
            **self._window_config(),
            **self._depthwise_config(),
            "activity_regularizer": None,
            "depthwise_constraint": None,
            "bias_constraint": None,
        }

    def _make_weights(self, shape: Shape) -> list[Variable]:
        kernel = Variable("kernel", self.kernel_initializer(self._kernel_shape(shape)), self.kernel_regularizer)
        if not self.use_bias:
            return [kernel]
        bias = self.bias_initializer((shape[2] * self.depth_multiplier,))
        return [kernel, Variable("bias", bias, self.bias_regularizer)]


class SeparableConv2D(_DepthwiseLayer):
    """Each channel convolved with filters of its own, then all of them mixed pixel by pixel: (N, H, W, C) gives (N, P, Q, filters).

    kernel_size, strides, padding, depth_multiplier : of the first convolution, as DepthwiseConv2D's; it has no bias and no activation.
    depthwise_kernel : (R, S, C, depth_multiplier). pointwise_kernel : (1, 1, C * depth_multiplier, filters). bias : (filters,), or None if not
    use_bias. Only the default of `data_format`, `dilation_rate`, and of the arguments from `activity_regularizer` on is supported.
    Source: Chollet 2017.
    """

    _arguments = (*_DepthwiseLayer._arguments, "filters", "pointwise_initializer", "pointwise_regularizer")

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = (1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = (1, 1),
        depth_multiplier: int = 1,
        activation: str | Activation | None = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: None = None,
        depthwise_constraint: None = None,
        pointwise_constraint: None = None,
        bias_constraint: None = None,
        **kwargs: Any,
    ) -> None:
        self.filters = positive_integer("SeparableConv2D", "filters", filters)
        self.pointwise_initializer = initializers.get(pointwise_initializer, "SeparableConv2D")
        self.pointwise_regularizer = regularizers.get(pointwise_regularizer, "SeparableConv2D")
        unsupported = {
            "depthwise_constraint": depthwise_constraint,
            "pointwise_constraint": pointwise_constraint,
            "bias_constraint": bias_constraint,
        }
        super().__init__(
            *(kernel_size, strides, padding, depth_multiplier, data_format, dilation_rate, activation, use_bias),
            *(depthwise_initializer, bias_initializer, depthwise_regularizer, bias_regularizer, unsupported),
            **{**kwargs, "activity_regularizer": activity_regularizer},
        )

    @property
    def kernel(self) -> NoReturn:
        """Not there, as in Keras: there are two. AttributeError."""
        raise AttributeError(f"{self._speaker}: there is no kernel, but a depthwise_kernel and a pointwise_kernel")

    @property
    def depthwise_kernel(self) -> Variable:
        """That of the first convolution. AttributeError before the layer is built."""
        return self._built_weight(0, "depthwise_kernel")

    @property
    def pointwise_kernel(self) -> Variable:
        """That of the second. AttributeError before the layer is built."""
        return self._built_weight(1, "pointwise_kernel")

    @property
    def bias(self) -> Variable | None:
        """The bias, or None without one. AttributeError before the layer is built."""
        return self._built_weight(2, "bias") if self.use_bias else None

    def stages(self) -> list[Stage]:
        depthwise, *pointwise = self.weights
        mixing = Stage("conv2d", {"stride": (1, 1), "padding": "valid"}, tuple(pointwise))
        return [self._depthwise_stage(depthwise), mixing, *activations.stages(self.activation)]

    def get_config(self) -> dict[str, Any]:
        own = {
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "depthwise_initializer": serialize(self.depthwise_initializer),
            "pointwise_initializer": serialize(self.pointwise_initializer),
            "bias_initializer": serialize(self.bias_initializer),
            "depthwise_regularizer": written(self.depthwise_regularizer),
            "pointwise_regularizer": written(self.pointwise_regularizer),
            "bias_regularizer": written(self.bias_regularizer),
        }
        return {
            **super().get_config(),
            "depth_multiplier": self.depth_multiplier,
            "filters": self.filters,
            **self._window_config(),
            **own,
            "activity_regularizer": None,
            "depthwise_constraint": None,
            "pointwise_constraint": None,
            "bias_constraint": None,
        }

    def _output_shape(self, shape: Shape) -> Shape:
        return (*super()._output_shape(shape)[:2], self.filters)

    def _make_weights(self, shape: Shape) -> list[Variable]:
        pointwise = (1, 1, shape[2] * self.depth_multiplier, self.filters)
        kernels = [
            Variable(
                "depthwise_kernel", self.depthwise_initializer(self._kernel_shape(shape)), self.depthwise_regularizer
            ),
            Variable("pointwise_kernel", self.pointwise_initializer(pointwise), self.pointwise_regularizer),
        ]
        if not self.use_bias:
            return kernels
        return [*kernels, Variable("bias", self.bias_initializer((self.filters,)), self.bias_regularizer)]


SeparableConvolution2D = SeparableConv2D
