"""`KernelLayer`, what Conv2D and Dense share: kernel, bias, their initializers and the activation behind them."""

from __future__ import annotations

from typing import Any, ClassVar

from fastcnn import activations, initializers, regularizers
from fastcnn._arguments import boolean, only
from fastcnn._serialization import serialize
from fastcnn.layers.base import Layer, Shape
from fastcnn.stage import Stage
from fastcnn.variables import Variable

__all__ = ["KernelLayer", "written"]


class KernelLayer(Layer):
    """Base class of layers with a kernel (..., in, out), perhaps a bias (out,), and an activation.

    activation, use_bias, kernel_initializer, bias_initializer : as the constructor was given them, names resolved.
    """

    _learns = True
    _arguments: ClassVar[tuple[str, ...]] = (
        *("activation", "use_bias", "kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer"),
    )
    _input_unit: ClassVar[str]  # what the kernel's second to last axis counts

    def __init__(
        self,
        activation: str | activations.Activation | None,
        use_bias: bool,
        kernel_initializer: Any,
        bias_initializer: Any,
        kernel_regularizer: Any,
        bias_regularizer: Any,
        unsupported: dict[str, Any],
        **kwargs: Any,
    ) -> None:
        owner = type(self).__name__
        self.activation = activations.get(activation, owner)
        self.use_bias = boolean(owner, "use_bias", use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer, owner)
        self.bias_initializer = initializers.get(bias_initializer, owner)
        self.kernel_regularizer = regularizers.get(kernel_regularizer, owner)
        self.bias_regularizer = regularizers.get(bias_regularizer, owner)
        for argument, value in unsupported.items():
            only(owner, argument, value, None)
        super().__init__(**kwargs)

    @property
    def kernel(self) -> Variable:
        """The kernel. AttributeError before the layer is built."""
        return self._built_weight(0, "kernel")

    @property
    def bias(self) -> Variable | None:
        """The bias, or None without one. AttributeError before the layer is built."""
        return self._built_weight(1, "bias") if self.use_bias else None

    def _kernel_shape(self, shape: Shape) -> Shape:
        raise NotImplementedError

    def _stages(self, operation: str, attributes: dict[str, Any]) -> list[Stage]:
        return [Stage(operation, attributes, tuple(self.weights)), *activations.stages(self.activation)]

    def _kernel_config(self) -> dict[str, Any]:
        return {
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": serialize(self.kernel_initializer),
            "bias_initializer": serialize(self.bias_initializer),
            "kernel_regularizer": written(self.kernel_regularizer),
            "bias_regularizer": written(self.bias_regularizer),
        }

    def _make_weights(self, shape: Shape) -> list[Variable]:
        kernel_shape = self._kernel_shape(shape)
        kernel = Variable("kernel", self.kernel_initializer(kernel_shape), self.kernel_regularizer)
        if not self.use_bias:
            return [kernel]
        return [kernel, Variable("bias", self.bias_initializer(kernel_shape[-1:]), self.bias_regularizer)]

    def _check_weights(self, shape: Shape) -> None:
        kernel = self.weights[0]
        wanted = kernel.shape[-2]
        if shape[-1] != wanted:
            unit = self._input_unit
            came = f"a sample of shape {shape} has {shape[-1]} {unit}"
            raise ValueError(f"{self._speaker}: {came}, but kernel {kernel.shape} wants {wanted}")

    def _built_weight(self, index: int, name: str) -> Variable:
        if not self.built and not self.weights:
            raise AttributeError(
                f"{self._speaker}: {name} is not there before the layer is built: call build(input_shape)"
            )
        return self.weights[index]


def written(regularizer: regularizers.Regularizer | None) -> dict[str, Any] | None:
    """A regularizer as configs hold it."""
    return None if regularizer is None else serialize(regularizer)
