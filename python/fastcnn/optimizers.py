"""Optimizers, with Keras 3's names, defaults and behaviour: their settings and state. The arithmetic is in the core (`ops.adam`, `ops.sgd`).

The state is a few flat arrays laid out as the model's `VariableStore`, so that a step is one kernel over all weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from fastcnn._arguments import boolean, number, only, unknown, unrecognized
from fastcnn._naming import auto_name
from fastcnn._serialization import deserialize
from fastcnn.variables import Array, VariableStore, aligned_zeros

__all__ = ["KNOWN", "SGD", "Adam", "Optimizer", "get"]

# What every optimizer of Keras takes and ours has only the default of, in the order in which Keras writes it.
_DEFAULTS: dict[str, Any] = {
    "weight_decay": None,
    "clipnorm": None,
    "global_clipnorm": None,
    "clipvalue": None,
    "use_ema": False,
    "ema_momentum": 0.99,
    "ema_overwrite_frequency": None,
    "loss_scale_factor": None,
    "gradient_accumulation_steps": None,
}


class Optimizer:
    """Base class.

    learning_rate : at least 0; may be set at any time and holds from the next step on. Schedules are not supported.
    iterations : how many steps have been made.
    slots : the state by Keras's names, each a float32 array laid out as the store's buffer; empty until `build`.
    operation : the optimizer's name in the core; `settings()` are its arguments there.
    """

    keras_module: ClassVar[str] = "keras.optimizers"
    operation: ClassVar[str]
    _arguments: ClassVar[tuple[str, ...]]  # those that the class has beside the ones of all

    def __init__(self, learning_rate: float, name: str | None, more: Mapping[str, Any], **unsupported: Any) -> None:
        owner = type(self).__name__
        for argument, value in unsupported.items():
            only(owner, argument, value, _DEFAULTS[argument])
        unrecognized(owner, more, {"name", *_DEFAULTS, *self._arguments})
        self.learning_rate = learning_rate
        self.name = name or auto_name(owner)
        self.iterations = 0
        self.slots: dict[str, Array] = {}
        self._store: VariableStore | None = None

    @property
    def learning_rate(self) -> float:
        """The step size."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._learning_rate = number(type(self).__name__, "learning_rate", value, least=0)

    @property
    def built(self) -> bool:
        """Whether `build` was called."""
        return self._store is not None

    def build(self, store: VariableStore) -> None:
        """Makes the slots, all 0, for the variables of a store. ValueError if it has those of another: an optimizer trains one model."""
        if self._store is not None and self._store is not store:
            raise ValueError(
                f"{type(self).__name__}: {self.name!r} trains another model already; give each model an optimizer of its own"
            )
        if self._store is None:
            self._store = store
            self.slots = {name: aligned_zeros(store.buffer.size) for name in self._slot_names()}

    def settings(self) -> dict[str, float]:
        """The arguments of the operation in the core, but for the learning rate."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """The arguments that make the same optimizer, as Keras writes them: the learning rate rounded to float32."""
        return {"name": self.name, "learning_rate": float(np.float32(self.learning_rate)), **_DEFAULTS}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Optimizer:
        """The optimizer of that `get_config`, with no state. ValueError for a key that is not an argument, or a value not supported."""
        return cls(**config)

    def _slot_names(self) -> tuple[str, ...]:
        raise NotImplementedError


class Adam(Optimizer):
    """Adam, as Keras computes it: epsilon is added to the uncorrected root (PyTorch corrects it first). Source: Kingma and Ba 2015.

    Slots: momentum, velocity. Only the default of the arguments from `amsgrad` to `gradient_accumulation_steps` is supported.
    """

    operation = "adam"
    _arguments = ("learning_rate", "beta_1", "beta_2", "epsilon", "amsgrad")

    def __init__(
        self,
        learning_rate: float = 0.001,
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


class SGD(Optimizer):
    """Stochastic gradient descent, as Keras computes it: m = momentum m - lr g, then w += m, or momentum m - lr g with Nesterov's.

    momentum : in [0, 1]. nesterov : has an effect only with momentum. Slots: momentum, unless it is 0. Only the default of the arguments from
    `weight_decay` to `gradient_accumulation_steps` is supported. Source: Sutskever, Martens, Dahl and Hinton 2013.
    """

    operation = "sgd"
    _arguments = ("learning_rate", "momentum", "nesterov")

    def __init__(
        self,
        learning_rate: float = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
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
        self.momentum = number("SGD", "momentum", momentum, least=0)
        if self.momentum > 1:
            raise ValueError(f"SGD: momentum must be in [0, 1], but is {momentum!r}")
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


KNOWN: dict[str, type[Optimizer]] = {"Adam": Adam, "SGD": SGD}

_BY_LOWER = {name.lower(): kind for name, kind in KNOWN.items()}


def get(identifier: Any, owner: str = "optimizers.get") -> Optimizer:
    """The optimizer of that name (in any case, as in Keras), serialised dict, or itself. (Keras takes no class here, and neither do we.)

    ValueError for an unknown name (with the nearest known one) or anything else.
    """
    if isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, Mapping):
        return deserialize(owner, "optimizer", identifier, KNOWN)
    if isinstance(identifier, str):
        if identifier.lower() not in _BY_LOWER:
            raise ValueError(unknown(owner, "optimizer", identifier, _BY_LOWER))
        return _BY_LOWER[identifier.lower()]()  # type: ignore[call-arg]
    raise ValueError(f"{owner}: an optimizer must be a name, an Optimizer or its config, but is {identifier!r}")
