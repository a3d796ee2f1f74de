"""`Adam`."""

from __future__ import annotations

from typing import Any

from fastcnn._arguments import number, only
from fastcnn.optimizers.base import Optimizer
from fastcnn.optimizers.schedules import LearningRateSchedule

__all__ = ["Adam"]


class Adam(Optimizer):
    """Adam, as Keras computes it: epsilon is added to the uncorrected root (PyTorch corrects it first). Source: Kingma and Ba 2015.

    Slots: momentum, velocity. Only the default of the arguments from `amsgrad` to `gradient_accumulation_steps` is supported.
    """

    operation = "adam"
    _arguments = ("learning_rate", "beta_1", "beta_2", "epsilon")

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        weight_decay: None = None,
        clipnorm: None = None,
        clipvalue: None = None,
        global_clipnorm: None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: None = None,
        loss_scale_factor: None = None,
        gradient_accumulation_steps: None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        only("Adam", "amsgrad", amsgrad, False)
        self.beta_1 = number("Adam", "beta_1", beta_1, least=0, below=1)
        self.beta_2 = number("Adam", "beta_2", beta_2, least=0, below=1)
        self.epsilon = number("Adam", "epsilon", epsilon, least=0)
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
