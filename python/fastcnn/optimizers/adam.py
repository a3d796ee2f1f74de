"""`Adam` and `AdamW`."""

from __future__ import annotations

from typing import Any

from fastcnn._arguments import number, only
from fastcnn.optimizers.base import Optimizer
from fastcnn.optimizers.schedules import LearningRateSchedule

__all__ = ["Adam", "AdamW"]


class Adam(Optimizer):
    """Adam, as Keras computes it: epsilon is added to the uncorrected root (PyTorch corrects it first). Source: Kingma and Ba 2015.

    Slots: momentum, velocity. Of `amsgrad`, `loss_scale_factor` and `gradient_accumulation_steps` only the default is supported; the arguments that
    every optimizer has are explained in `Optimizer`.
    """

    operation = "adam"
    _arguments = ("beta_1", "beta_2", "epsilon")

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
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
        owner = type(self).__name__
        only(owner, "amsgrad", amsgrad, False)
        self.beta_1 = number(owner, "beta_1", beta_1, least=0, below=1)
        self.beta_2 = number(owner, "beta_2", beta_2, least=0, below=1)
        self.epsilon = number(owner, "epsilon", epsilon, least=0)
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
        return {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.settings(), "amsgrad": False}

    def _slot_names(self) -> tuple[str, ...]:
        return ("momentum", "velocity")


class AdamW(Adam):
    """Adam whose weights decay, by 0.004 times the learning rate a step unless told otherwise. Source: Loshchilov and Hutter 2019.

    `Adam(weight_decay=0.004)` is the same; here `weight_decay` cannot be None. The other arguments are Adam's.
    """

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
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
        super().__init__(
            learning_rate,
            beta_1,
            beta_2,
            epsilon,
            amsgrad,
            weight_decay=number(type(self).__name__, "weight_decay", weight_decay, least=0),
            clipnorm=clipnorm,
            clipvalue=clipvalue,
            global_clipnorm=global_clipnorm,
            use_ema=use_ema,
            ema_momentum=ema_momentum,
            ema_overwrite_frequency=ema_overwrite_frequency,
            loss_scale_factor=loss_scale_factor,
            gradient_accumulation_steps=gradient_accumulation_steps,
            name=name,
            **kwargs,
        )
