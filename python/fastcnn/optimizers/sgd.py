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
    and `gradient_accumulation_steps` only the default is supported; the arguments that every optimizer has are explained in `Optimizer`. Source:
    Sutskever, Martens, Dahl and Hinton 2013.
    """

    operation = "sgd"
    _arguments = ("momentum", "nesterov")

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
        **kwargs: Any,
    ) -> None:
        self.momentum = number("SGD", "momentum", momentum, least=0, most=1)
        self.nesterov = boolean("SGD", "nesterov", nesterov)
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
        return {"momentum": self.momentum, "nesterov": self.nesterov}

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.settings()}

    def _slot_names(self) -> tuple[str, ...]:
        return ("momentum",) if self.momentum else ()
