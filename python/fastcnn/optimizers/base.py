"""`Optimizer`, the base class: a learning rate or a schedule of it, and the state.

The state is a few flat arrays laid out as the model's `VariableStore`, so that a step is one kernel over all weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from fastcnn._arguments import number, only, unrecognized
from fastcnn._naming import auto_name
from fastcnn.optimizers import schedules
from fastcnn.optimizers.schedules import LearningRateSchedule
from fastcnn.variables import Array, VariableStore, aligned_zeros

__all__ = ["Optimizer"]

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

    learning_rate : a number of at least 0, or a schedule, see schedules.py. May be set at any time and holds from the next step on. (Keras takes
        a function without arguments too; we do not.)
    schedule : the schedule, or None where the learning rate is a number.
    iterations : how many steps have been made; a schedule is asked for the rate at this step.
    slots : the state by Keras's names, each a float32 array laid out as the store's buffer; empty until `build`.
    operation : the optimizer's name in the core; `settings()` are its arguments there.
    """

    keras_module: ClassVar[str] = "keras.optimizers"
    operation: ClassVar[str]
    _arguments: ClassVar[tuple[str, ...]]  # those that the class supports, beside the name

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule,
        name: str | None,
        more: Mapping[str, Any],
        **unsupported: Any,
    ) -> None:
        owner = type(self).__name__
        for argument, value in unsupported.items():
            only(owner, argument, value, _DEFAULTS[argument])
        if "lr" in more:  # Keras's word of old, and PyTorch's
            raise ValueError(f"{owner}: unknown argument 'lr'; did you mean 'learning_rate'?")
        unrecognized(owner, more, {"name", *self._arguments})
        self.schedule: LearningRateSchedule | None = None
        self.learning_rate = learning_rate
        self.name = name or auto_name(owner)
        self.iterations = 0
        self.slots: dict[str, Array] = {}
        self._store: VariableStore | None = None

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next step.

        May be set to a number or to a schedule. Where a schedule is in place, only to another: TypeError for a number, as in Keras. Reading it is a
        ValueError where the schedule gives a negative number or one that is not finite.
        """
        if self.schedule is None:
            return self._learning_rate
        where = f"the learning rate of {type(self.schedule).__name__} at step {self.iterations}"
        return number(type(self).__name__, where, self.schedule(self.iterations), least=0)

    @learning_rate.setter
    def learning_rate(self, value: float | LearningRateSchedule) -> None:
        owner = type(self).__name__
        if isinstance(value, LearningRateSchedule):
            self.schedule = value
        elif self.schedule is not None:
            kind = type(self.schedule).__name__
            raise TypeError(
                f"{owner}: learning_rate follows {kind}, so only a schedule may take its place, not {value!r}"
            )
        elif callable(value):
            raise TypeError(f"{owner}: learning_rate must be a number or a LearningRateSchedule, but is {value!r}")
        else:
            self._learning_rate = number(owner, "learning_rate", value, least=0)

    @property
    def step_size(self) -> float:
        """The learning rate as float32, as Keras and its files keep it: so a run that goes on from a file steps like the one that wrote it."""
        return float(np.float32(self.learning_rate))

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
        """The arguments that make the same optimizer, as Keras writes them: the learning rate rounded to float32, a schedule as a dict."""
        rate = self.step_size if self.schedule is None else schedules.serialize(self.schedule)
        return {"name": self.name, "learning_rate": rate, **_DEFAULTS}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Optimizer:
        """The optimizer of that `get_config`, with no state. ValueError for a key that is not an argument, or a value not supported.

        custom_objects : your own schedules by the names of their classes.
        """
        rate = config.get("learning_rate")
        if isinstance(rate, Mapping):
            config = {**config, "learning_rate": schedules.deserialize(rate, custom_objects)}
        return cls(**config)

    def _slot_names(self) -> tuple[str, ...]:
        raise NotImplementedError
