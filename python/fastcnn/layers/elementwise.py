"""`Activation`, `ReLU`, `LeakyReLU`, `Softmax`, `Rescaling`, `Dropout` and `SpatialDropout2D`: layers that keep the shape."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from fastcnn import activations
from fastcnn._arguments import number, only
from fastcnn._warnings import warn
from fastcnn.layers.base import Layer
from fastcnn.stage import Stage

__all__ = ["Activation", "Dropout", "LeakyReLU", "ReLU", "Rescaling", "Softmax", "SpatialDropout2D"]


class Activation(Layer):
    """An activation function as a layer of its own. activation : the name of one of `activations`, that function, or None for "linear"."""

    _arguments = ("activation",)

    def __init__(self, activation: str | activations.Activation | None, **kwargs: Any) -> None:
        self.activation = activations.get(activation, "Activation")
        super().__init__(**kwargs)

    def stages(self) -> list[Stage]:
        return activations.stages(self.activation)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "activation": activations.serialize(self.activation)}


class ReLU(Layer):
    """max(x, 0), or min(x, max_value) where x is above threshold, else negative_slope * (x - threshold); NaN stays NaN.

    max_value, negative_slope, threshold : at least 0; max_value None is no limit.
    """

    _arguments = ("max_value", "negative_slope", "threshold")

    def __init__(
        self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, **kwargs: Any
    ) -> None:
        self.max_value = None if max_value is None else number("ReLU", "max_value", max_value, least=0)
        self.negative_slope = number("ReLU", "negative_slope", negative_slope, least=0)
        self.threshold = number("ReLU", "threshold", threshold, least=0)
        super().__init__(**kwargs)

    def stages(self) -> list[Stage]:
        return [activations.relu_stage(self.negative_slope, self.max_value, self.threshold)]

    def get_config(self) -> dict[str, Any]:
        bounds = {"max_value": self.max_value, "negative_slope": self.negative_slope, "threshold": self.threshold}
        return {**super().get_config(), **bounds}


class LeakyReLU(Layer):
    """x where it is above 0, else negative_slope * x. negative_slope : at least 0. Source: Maas, Hannun and Ng 2013.

    `alpha`, its name in Keras 2, is taken with a warning, as in Keras. (The activation "leaky_relu" has a slope of 0.2, as Keras's.)
    """

    _arguments = ("negative_slope",)

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        if "alpha" in kwargs:
            warn("LeakyReLU: alpha is now called negative_slope")
            negative_slope = kwargs.pop("alpha")
        self.negative_slope = number("LeakyReLU", "negative_slope", negative_slope, least=0)
        super().__init__(**kwargs)

    def stages(self) -> list[Stage]:
        return [Stage("leaky_relu", {"negative_slope": self.negative_slope})]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "negative_slope": self.negative_slope}


class Softmax(Layer):
    """exp(x) / sum(exp(x)) over the last axis. Only axis -1 is supported."""

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        only("Softmax", "axis", axis, -1)
        super().__init__(**kwargs)

    def stages(self) -> list[Stage]:
        return [Stage("softmax", {})]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": -1}


class Rescaling(Layer):
    """x * scale + offset, in training and inference. scale, offset : numbers (Keras takes one a channel too)."""

    _arguments = ("scale", "offset")

    def __init__(self, scale: float, offset: float = 0.0, **kwargs: Any) -> None:
        self.scale = number("Rescaling", "scale", scale)
        self.offset = number("Rescaling", "offset", offset)
        super().__init__(**kwargs)

    def stages(self) -> list[Stage]:
        return [Stage("rescale", {"scale": self.scale, "offset": self.offset})]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale": self.scale, "offset": self.offset}


class _Dropout(Layer):
    """What the dropouts share: `rate`, in [0, 1), and a `seed`, an integer, or None for the model's own."""

    _operation: ClassVar[str]

    def __init__(self, rate: float, seed: int | None, **kwargs: Any) -> None:
        owner = type(self).__name__
        self.rate = number(owner, "rate", rate, least=0, below=1)
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, (int, np.integer))):
            raise ValueError(f"{owner}: seed must be an integer or None, but is {seed!r}")
        self.seed = None if seed is None else int(seed)
        super().__init__(**kwargs)

    def stages(self) -> list[Stage]:
        return [Stage(self._operation, {"rate": self.rate, "seed": self.seed})]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


class Dropout(_Dropout):
    """In training, sets each value to 0 with probability `rate` and divides the others by 1 - rate; nothing in inference, nor when called.

    rate : in [0, 1). seed : an integer, or None for the model's own. Only noise_shape None is supported. Source: Srivastava et al. 2014.
    """

    _operation = "dropout"
    _arguments = ("rate", "seed")

    def __init__(self, rate: float, noise_shape: None = None, seed: int | None = None, **kwargs: Any) -> None:
        only("Dropout", "noise_shape", noise_shape, None)
        super().__init__(rate, seed, **kwargs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "noise_shape": None}


class SpatialDropout2D(_Dropout):
    """As Dropout, but of whole channels of an image: each of (N, C) is kept or set to 0 everywhere.

    rate : in [0, 1). seed : an integer, or None for the model's own. Only data_format "channels_last". Source: Tompson et al. 2015.
    """

    _operation = "spatial_dropout"
    _rank = 3
    _input_means = "an image, (height, width, channels)"
    _arguments = ("rate", "seed")

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        only("SpatialDropout2D", "data_format", data_format, "channels_last", None)
        super().__init__(rate, seed, name=name, dtype=dtype, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make the same layer, as Keras writes them: without `trainable`, which its layer does not take."""
        return {
            "rate": self.rate,
            "seed": self.seed,
            "name": self.name,
            "dtype": "float32",
            "data_format": "channels_last",
        }
