"""`BatchNormalization`. Its mathematics is `ops.batch_norm`."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastcnn import initializers, regularizers
from fastcnn._arguments import boolean, number, only
from fastcnn._serialization import serialize
from fastcnn.layers.base import Layer, Shape
from fastcnn.layers.kernel import written
from fastcnn.stage import Stage
from fastcnn.variables import Variable

__all__ = ["BatchNormalization"]


class BatchNormalization(Layer):
    """y = gamma * (x - mean) / sqrt(variance + epsilon) + beta, for each channel: the last axis of x, (N, ..., C).

    In training the mean and the variance are the batch's, and the moving ones follow them: moving = moving * momentum + batch * (1 - momentum).
    In inference they are the moving ones; and, as in Keras, while `trainable` is False, when gamma and beta stay as they are too.
    A batch goes through the network in one piece then, whatever its size.

    momentum : in [0, 1]. epsilon : at least 0. center, scale : whether there are a beta and a gamma.
    gamma, beta, moving_mean, moving_variance : (C,), in this order in `weights`. Only the default of `axis` (the last one), of the constraints and of the
    arguments from `renorm` on is supported.
    """

    _learns = True
    _arguments = (
        *("axis", "momentum", "epsilon", "center", "scale", "beta_initializer", "gamma_initializer"),
        *("moving_mean_initializer", "moving_variance_initializer", "beta_regularizer", "gamma_regularizer"),
    )

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: None = None,
        gamma_constraint: None = None,
        renorm: bool = False,
        renorm_clipping: None = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Any,
    ) -> None:
        owner = "BatchNormalization"
        self.axis = _axis(axis)
        self.momentum = number(owner, "momentum", momentum, least=0, most=1)
        self.epsilon = number(owner, "epsilon", epsilon, least=0)
        self.center = boolean(owner, "center", center)
        self.scale = boolean(owner, "scale", scale)
        self.beta_initializer = initializers.get(beta_initializer, owner)
        self.gamma_initializer = initializers.get(gamma_initializer, owner)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer, owner)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer, owner)
        self.beta_regularizer = regularizers.get(beta_regularizer, owner)
        self.gamma_regularizer = regularizers.get(gamma_regularizer, owner)
        only(owner, "beta_constraint", beta_constraint, None)
        only(owner, "gamma_constraint", gamma_constraint, None)
        only(owner, "renorm", renorm, False)
        only(owner, "renorm_clipping", renorm_clipping, None)
        only(owner, "renorm_momentum", renorm_momentum, 0.99)
        only(owner, "synchronized", synchronized, False)
        super().__init__(**kwargs)

    @property
    def gamma(self) -> Variable | None:
        """What multiplies the normalized values; None without `scale`."""
        return self._weight("gamma")

    @property
    def beta(self) -> Variable | None:
        """What is added to them; None without `center`."""
        return self._weight("beta")

    @property
    def moving_mean(self) -> Variable | None:
        """The moving average of the batches' means; None before the layer is built."""
        return self._weight("moving_mean")

    @property
    def moving_variance(self) -> Variable | None:
        """The moving average of the batches' variances; None before the layer is built."""
        return self._weight("moving_variance")

    def stages(self) -> list[Stage]:
        attributes = {
            "epsilon": self.epsilon,
            "scale": self.scale,
            "center": self.center,
            "momentum": self.momentum,
            "frozen": not self.trainable,
        }
        return [Stage("batch_norm", attributes, tuple(self.weights))]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "axis": self.axis,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": serialize(self.beta_initializer),
            "gamma_initializer": serialize(self.gamma_initializer),
            "moving_mean_initializer": serialize(self.moving_mean_initializer),
            "moving_variance_initializer": serialize(self.moving_variance_initializer),
            "beta_regularizer": written(self.beta_regularizer),
            "gamma_regularizer": written(self.gamma_regularizer),
            "beta_constraint": None,
            "gamma_constraint": None,
            "synchronized": False,
            "renorm": False,
            "renorm_clipping": None,
            "renorm_momentum": 0.99,
        }

    def _output_shape(self, shape: Shape) -> Shape:
        if not shape:
            raise ValueError(f"{self._speaker}: a sample must have channels, but is a single number")
        if self.axis not in (-1, len(shape)):
            raise ValueError(f"{self._speaker}: axis={self.axis} is not supported; only -1, the last, is")
        return shape

    def _make_weights(self, shape: Shape) -> list[Variable]:
        channels = shape[-1:]
        weights = []
        if self.scale:
            weights.append(Variable("gamma", self.gamma_initializer(channels), self.gamma_regularizer))
        if self.center:
            weights.append(Variable("beta", self.beta_initializer(channels), self.beta_regularizer))
        averages = (
            ("moving_mean", self.moving_mean_initializer),
            ("moving_variance", self.moving_variance_initializer),
        )
        return weights + [Variable(name, initializer(channels), learns=False) for name, initializer in averages]

    def _check_weights(self, shape: Shape) -> None:
        (wanted,) = self.weights[-1].shape
        if shape[-1] != wanted:
            raise ValueError(
                f"{self._speaker}: a sample of shape {shape} has {shape[-1]} channels, but the weights want {wanted}"
            )

    def _weight(self, name: str) -> Variable | None:
        return next((variable for variable in self.weights if variable.name == name), None)


def _axis(axis: Any) -> int:
    if isinstance(axis, (list, tuple)) and len(axis) == 1:  # as Keras 2 wrote it
        axis = axis[0]
    if isinstance(axis, (bool, np.bool_)) or not isinstance(axis, (int, np.integer)):
        raise TypeError(f"BatchNormalization: axis must be an integer, but is {axis!r}")
    return int(axis)
