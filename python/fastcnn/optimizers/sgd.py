"""`SGD`, with momentum and Nesterov's."""

from __future__ import annotations

from typing import Any

from fastcnn._arguments import boolean, number
from fastcnn.optimizers.base import Optimizer
from fastcnn.optimizers.schedules import LearningRateSchedule

__all__ = ["SGD"]


class SGD(Optimizer):
    """Stochastic gradient descent, as Keras computes it: m = momentum m - lr g, then w += m, or momentum m - lr g with Nesterov's.

    momentum : in [0, 1]. nesterov : has an effect only with momentum. Slots: momentum, unless it is 0. Of `loss_scale_factor`
    and `gradient_accumulation_steps` only the default is supported; the arguments that every optimizer has are explained in `Optimizer`.
    momentum_correction : fastcnn's own. Keras's m keeps the learning rates at which its gradients came, and goes on at those after the rate has
        changed: with momentum 0.9, at that of some ten steps before. With the correction, as in PyTorch, m = momentum m + g, and then w -= lr m, or
        w -= lr (momentum m + g): all of a step goes at the rate of today. A schedule that falls to nothing within a hundred steps ends better so.
        To Keras it is an unknown argument: it reads the file of such a model with compile=False.

    Sources: Sutskever, Martens, Dahl and Hinton 2013; Goyal et al. 2017, remark 2.
    """

    operation = "sgd"
    _arguments = ("momentum", "nesterov", "momentum_correction")

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: None = None,
        gradient_accumulation_steps: None = None,
        name: str | None = None,
        *,
        momentum_correction: bool = False,
        **kwargs: Any,
    ) -> None:
        self.momentum = number("SGD", "momentum", momentum, least=0, most=1)
        self.nesterov = boolean("SGD", "nesterov", nesterov)
        self.momentum_correction = boolean("SGD", "momentum_correction", momentum_correction)
        super().__init__(
            learning_rate,
            name,
            kwargs,
            weight_decay=weight_decay,
            clipnorm=clipnorm,
            clipvalue=clipvalue,
            global_clipnorm=global_clipnorm,
            use_ema=use_ema,
            ema_momentum=ema_momentum,
            ema_overwrite_frequency=ema_overwrite_frequency,
            loss_scale_factor=loss_scale_factor,
            gradient_accumulation_steps=gradient_accumulation_steps,
        )

    def settings(self) -> dict[str, float]:
        return {
            "momentum": self.momentum,
            "nesterov": self.nesterov,
            "momentum_correction": self.momentum_correction,
        }

    def get_config(self) -> dict[str, Any]:
        own = {name: value for name, value in self.settings().items() if name != "momentum_correction" or value}
        return {**super().get_config(), **own}

    def _slot_names(self) -> tuple[str, ...]:
        return ("momentum",) if self.momentum else ()
