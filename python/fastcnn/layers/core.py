"""`InputLayer`, `Input`, `Flatten` and `Dense`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from fastcnn import activations, initializers
from fastcnn._arguments import boolean, float32_only, only, positive_integer
from fastcnn._serialization import serialize
from fastcnn.layers.base import Layer, Shape, _shape
from fastcnn.stage import Stage
from fastcnn.variables import Variable

__all__ = ["Dense", "Flatten", "Input", "InputLayer"]


class InputLayer(Layer):
    """Says which shape a model's samples have; it computes nothing.

    shape : without the batch. batch_shape : the same with the batch first, which must be None. Only the default of the others is supported:
    whatever the images' dtype is, uint8 too, they become float32.
    """

    _arguments = ("shape", "batch_size", "sparse", "ragged", "batch_shape", "input_tensor", "optional")

    def __init__(
        self,
        shape: Sequence[int] | None = None,
        batch_size: None = None,
        dtype: Any = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Sequence[int | None] | None = None,
        input_tensor: None = None,
        optional: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        for argument, value in (("batch_size", batch_size), ("input_tensor", input_tensor)):
            only("InputLayer", argument, value, None)
        for argument, flag in (("sparse", sparse), ("ragged", ragged), ("optional", optional)):
            only("InputLayer", argument, flag, False, None)
        float32_only("InputLayer", dtype)
        if (shape is None) == (batch_shape is None):
            raise ValueError("InputLayer: exactly one of shape and batch_shape must be given")
        if batch_shape is not None:
            batch, *rest = batch_shape
            if batch is not None:
                raise ValueError(
                    f"InputLayer: batch_shape={tuple(batch_shape)} is not supported; its first entry must be None, any batch"
                )
            shape = rest  # type: ignore[assignment]
        sizes = tuple(shape) if isinstance(shape, (tuple, list)) else shape
        if isinstance(sizes, tuple) and None in sizes:
            raise ValueError(f"InputLayer: shape={sizes} is not supported; every size must be given")
        super().__init__(name=name, **kwargs)
        self.build(_shape("InputLayer", "shape", sizes))

    @property
    def batch_shape(self) -> tuple[int | None, ...]:
        """(None, *input_shape)."""
        assert self.input_shape is not None
        return (None, *self.input_shape)

    def stages(self) -> list[Stage]:
        return []

    def get_config(self) -> dict[str, Any]:
        return {
            "batch_shape": self.batch_shape,
            "dtype": "float32",
            "sparse": False,
            "ragged": False,
            "name": self.name,
            "optional": False,
        }

    def _output_shape(self, shape: Shape) -> Shape:
        if self.input_shape is not None and shape != self.input_shape:
            raise ValueError(f"{self!r}: the samples must have shape {self.input_shape}, but have {shape}")
        return shape


def Input(
    shape: Sequence[int] | None = None,
    batch_size: None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
    tensor: None = None,
    optional: bool = False,
) -> InputLayer:
    """The first entry of a Sequential: says which shape the samples have. (Keras gives a symbolic tensor, we the InputLayer itself.)"""
    return InputLayer(shape, batch_size, dtype, sparse, ragged, batch_shape, tensor, optional, name)


class Flatten(Layer):
    """Each sample as one vector, in C order: (N, H, W, C) gives (N, H * W * C). Only data_format "channels_last" (None) is supported."""

    _arguments = ("data_format",)

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        only("Flatten", "data_format", data_format, "channels_last", None)
        super().__init__(**kwargs)

    def stages(self) -> list[Stage]:
        return [Stage("flatten", {})]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": "channels_last"}

    def _output_shape(self, shape: Shape) -> Shape:
        return (math.prod(shape),)


class Dense(Layer):
    """y = activation(x kernel + bias), on vectors: (N, in) gives (N, units).

    kernel : (in, units). bias : (units,), or None if not use_bias. Only the default of the arguments from `kernel_regularizer` on is
    supported. (Keras takes more axes too, and works along the last; put a Flatten before, or use Conv2D(units, 1), which is the same.)
    """

    _rank = 1
    _input_means = "vectors, (features,): put a Flatten before, or use Conv2D(units, 1) to work along the last axis"
    _learns = True
    _arguments = ("units", "activation", "use_bias", "kernel_initializer", "bias_initializer")

    kernel: Variable
    bias: Variable | None

    def __init__(
        self,
        units: int,
        activation: str | activations.Activation | None = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: None = None,
        bias_regularizer: None = None,
        activity_regularizer: None = None,
        kernel_constraint: None = None,
        bias_constraint: None = None,
        lora_rank: None = None,
        lora_alpha: None = None,
        quantization_config: None = None,
        **kwargs: Any,
    ) -> None:
        self.units = positive_integer("Dense", "units", units)
        self.activation = activations.get(activation, "Dense")
        self.use_bias = boolean("Dense", "use_bias", use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer, "Dense")
        self.bias_initializer = initializers.get(bias_initializer, "Dense")
        for argument, value in (
            ("kernel_regularizer", kernel_regularizer),
            ("bias_regularizer", bias_regularizer),
            ("kernel_constraint", kernel_constraint),
            ("bias_constraint", bias_constraint),
            ("lora_rank", lora_rank),
            ("lora_alpha", lora_alpha),
            ("quantization_config", quantization_config),
        ):
            only("Dense", argument, value, None)
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)

    def stages(self) -> list[Stage]:
        return [Stage("dense", {}, tuple(self.weights)), *activations.stages(self.activation)]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": serialize(self.kernel_initializer),
            "bias_initializer": serialize(self.bias_initializer),
            "kernel_regularizer": None,
            "bias_regularizer": None,
            "kernel_constraint": None,
            "bias_constraint": None,
            "quantization_config": None,
        }

    def _output_shape(self, shape: Shape) -> Shape:
        return (self.units,)

    def _add_weights(self, shape: Shape) -> None:
        self.kernel = self._add_weight("kernel", (shape[0], self.units), self.kernel_initializer)
        self.bias = self._add_weight("bias", (self.units,), self.bias_initializer) if self.use_bias else None

    def _check_weights(self, shape: Shape) -> None:
        if shape[0] != self.kernel.shape[0]:
            raise ValueError(
                f"{self!r}: the input has {shape[0]} features, but kernel {self.kernel.shape} wants {self.kernel.shape[0]}"
            )
