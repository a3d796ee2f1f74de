"""`InputLayer`, `Input`, `Flatten` and `Dense`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from fastcnn._arguments import float32_only, only, positive_integer
from fastcnn.activations import Activation
from fastcnn.layers.base import Layer, Shape, _shape
from fastcnn.layers.kernel import KernelLayer
from fastcnn.stage import Stage

__all__ = ["Dense", "Flatten", "Input", "InputLayer"]


class InputLayer(Layer):
    """Says which shape a model's samples have; it computes nothing.

    shape : without the batch. batch_shape : the same with the batch first, which must be None. Only the default of the others is supported:
    whatever the images' dtype is, uint8 too, they become float32.
    """

    _arguments = ("shape", "batch_shape")

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
        others = {
            argument: kwargs.pop(argument, None) for argument in ("input_shape", "input_dim")
        }  # it is `shape` here
        for argument, value in {"batch_size": batch_size, "input_tensor": input_tensor, **others}.items():
            only("InputLayer", argument, value, None)
        for argument, flag in (("sparse", sparse), ("ragged", ragged), ("optional", optional)):
            only("InputLayer", argument, flag, False, None)
        float32_only("InputLayer", dtype)
        if (shape is None) == (batch_shape is None):
            raise ValueError("InputLayer: exactly one of shape and batch_shape must be given")
        sample = shape if batch_shape is None else _without_batch(batch_shape)
        if isinstance(sample, (tuple, list)) and None in sample:
            raise ValueError(f"InputLayer: shape={tuple(sample)} is not supported; every size must be given")
        super().__init__(name=name, **kwargs)
        self.build(_shape("InputLayer", "shape", sample))

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
            raise ValueError(f"{self._speaker}: the samples must have shape {self.input_shape}, but have {shape}")
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

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        only("Flatten", "data_format", data_format, "channels_last", None)
        super().__init__(**kwargs)

    def stages(self) -> list[Stage]:
        return [Stage("flatten", {})]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": "channels_last"}

    def _output_shape(self, shape: Shape) -> Shape:
        return (math.prod(shape),)


class Dense(KernelLayer):
    """y = activation(x kernel + bias), on vectors: (N, in) gives (N, units).

    kernel : (in, units). bias : (units,), or None if not use_bias. Only the default of the arguments from `activity_regularizer` on is
    supported. (Keras takes more axes too, and works along the last; put a Flatten before, or use Conv2D(units, 1), which is the same.)
    """

    _rank = 1
    _input_means = "a vector, (features,)"
    _rank_hint = ": put a Flatten before, or use Conv2D(units, 1) to work along the last axis"
    _input_unit = "features"
    _arguments = (*KernelLayer._arguments, "units")

    def __init__(
        self,
        units: int,
        activation: str | Activation | None = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: None = None,
        kernel_constraint: None = None,
        bias_constraint: None = None,
        lora_rank: None = None,
        lora_alpha: None = None,
        quantization_config: None = None,
        **kwargs: Any,
    ) -> None:
        self.units = positive_integer("Dense", "units", units)
        unsupported = {
            "kernel_constraint": kernel_constraint,
            "bias_constraint": bias_constraint,
            "lora_rank": lora_rank,
            "lora_alpha": lora_alpha,
            "quantization_config": quantization_config,
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
        return self._stages("dense", {})

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            **self._kernel_config(),
            "kernel_constraint": None,
            "bias_constraint": None,
            "quantization_config": None,
        }

    def _output_shape(self, shape: Shape) -> Shape:
        return (self.units,)

    def _kernel_shape(self, shape: Shape) -> Shape:
        return (shape[0], self.units)


def _without_batch(batch_shape: Sequence[int | None]) -> tuple[int | None, ...]:
    shape = tuple(batch_shape)
    if not shape or shape[0] is not None:
        raise ValueError(f"InputLayer: batch_shape={shape} is not supported; its first entry must be None, any batch")
    return shape[1:]
