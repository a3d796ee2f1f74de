"""`Optimizer`, the base class: a learning rate or a schedule of it, and the state.

The state is a few flat arrays laid out as the model's `VariableStore`, so that a step is one kernel over all weights.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

from fastcnn._arguments import boolean, number, only, positive, positive_integer, unrecognized
from fastcnn._naming import auto_name
from fastcnn.optimizers import schedules
from fastcnn.optimizers.schedules import LearningRateSchedule
from fastcnn.variables import Array, Variable, VariableStore, aligned_zeros

__all__ = ["Optimizer"]

# What every optimizer of Keras takes and ours has only the default of, in the order in which Keras writes it.
_DEFAULTS: dict[str, Any] = {
    "loss_scale_factor": None,
    "gradient_accumulation_steps": None,
}


_LIMITS = ("clipnorm", "global_clipnorm", "clipvalue")
_AVERAGING = ("use_ema", "ema_momentum", "ema_overwrite_frequency")
_COMMON = ("name", "learning_rate", "weight_decay", *_LIMITS, *_AVERAGING)  # what every optimizer takes and uses
_AVERAGE = "average"  # the slot


class Optimizer:
    """Base class.

    learning_rate : a number of at least 0, or a schedule, see schedules.py. May be set at any time and holds from the next step on. (Keras takes
        a function without arguments too; we do not.)
    schedule : the schedule, or None where the learning rate is a number.
    weight_decay : the share of themselves, times the learning rate, that the weights lose in each step beside what the gradients say; None for no
        decay. (The gradients and the slots do not see it: Loshchilov and Hutter 2019.)
    clipnorm, global_clipnorm, clipvalue : how gradients, with what regularizers add to them, are made smaller before a step, see
        `ops.clip_gradients`; at most one of them, the others are None.
    use_ema, ema_momentum, ema_overwrite_frequency : whether the slot "average" keeps the moving average of the weights that learn, average =
        ema_momentum * average + (1 - ema_momentum) * weight after each step, beginning with the weights after the first one; and after how many
        steps it overwrites the weights, each time (None: never). At the end of `fit` it overwrites them in any case. Polyak and Juditsky 1992.
    iterations : how many steps have been made; a schedule is asked for the rate at this step.
    slots : the state by Keras's names, each a float32 array laid out as the store's buffer; empty until `build`.
    operation : the optimizer's name in the core; `settings()` are its arguments there.
    """

    keras_module: ClassVar[str] = "keras.optimizers"
    operation: ClassVar[str]
    _arguments: ClassVar[tuple[str, ...]]  # those that the class has for itself

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule,
        name: str | None,
        more: Mapping[str, Any],
        *,
        weight_decay: float | None,
        clipnorm: float | None,
        clipvalue: float | None,
        global_clipnorm: float | None,
        use_ema: bool,
        ema_momentum: float,
        ema_overwrite_frequency: int | None,
        **unsupported: Any,
    ) -> None:
        owner = type(self).__name__
        for argument, value in unsupported.items():
            only(owner, argument, value, _DEFAULTS[argument])
        if "lr" in more:  # Keras's word of old, and PyTorch's
            raise ValueError(f"{owner}: unknown argument 'lr'; did you mean 'learning_rate'?")
        unrecognized(owner, more, {*_COMMON, *self._arguments})
        self.schedule: LearningRateSchedule | None = None
        self.learning_rate = learning_rate
        self.weight_decay = None if weight_decay is None else number(owner, "weight_decay", weight_decay, least=0)
        self.clipnorm, self.global_clipnorm, self.clipvalue = (
            None if limit is None else positive(owner, argument, limit)
            for argument, limit in zip(_LIMITS, (clipnorm, global_clipnorm, clipvalue), strict=True)
        )
        _ = self.clipping  # says where more than one is set
        self.use_ema = boolean(owner, "use_ema", use_ema)
        self.ema_momentum = number(owner, "ema_momentum", ema_momentum, least=0, most=1)
        self.ema_overwrite_frequency = (
            None
            if ema_overwrite_frequency is None
            else positive_integer(owner, "ema_overwrite_frequency", ema_overwrite_frequency)
        )
        self._averaged: set[Variable] = set()  # whose averages have begun
        self._not_decayed: set[Variable] = set()  # whose weights do not decay
        self._not_decayed_names: re.Pattern[str] | None = None
        self._rate_scales: dict[str | Variable, float] = {}
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
        """Makes the slots for the variables of a store, all 0; but averages begin with the variables, also later with those that begin to learn.

        ValueError if it has the slots of another store: an optimizer trains one model.
        """
        if self._store is not None and self._store is not store:
            raise ValueError(
                f"{type(self).__name__}: {self.name!r} trains another model already; give each model an optimizer of its own"
            )
        self._store = store
        names = (*self._slot_names(), *([_AVERAGE] if self.use_ema else []))
        if list(self.slots) != list(names):
            self.slots = {name: self.slots.get(name, aligned_zeros(store.buffer.size)) for name in names}
        if self.use_ema:
            learning = {variable for variable in store.variables if variable.trainable}
            for variable in learning - self._averaged:
                store.view(self.slots[_AVERAGE], variable)[...] = variable.value
            self._averaged = learning

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        """Where `use_ema` is set, those of the variables that have averages become them; as `fit` has it done at its end."""
        if self.use_ema and self._store is not None:
            for variable in self._averaged.intersection(var_list):
                variable.assign(self._store.view(self.slots[_AVERAGE], variable))

    @property
    def averaging(self) -> tuple[bool, float, int]:
        """`use_ema`, its momentum, and the steps after which the average overwrites the weights; 0 for never."""
        return self.use_ema, self.ema_momentum, self.ema_overwrite_frequency or 0

    @property
    def clipping(self) -> tuple[str, float] | None:
        """The one of `clipnorm`, `global_clipnorm` and `clipvalue` that is set, by name, and its value; None where none is. ValueError where two are."""
        given = [(name, limit) for name in _LIMITS if (limit := getattr(self, name)) is not None]
        if len(given) > 1:
            came = " and ".join(f"{name}={limit}" for name, limit in given)
            raise ValueError(
                f"{type(self).__name__}: only one of {', '.join(_LIMITS)} can be set, but there are {came}"
            )
        return given[0] if given else None

    def exclude_from_weight_decay(
        self, var_list: Iterable[Variable] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """Lets some weights not decay, from the next call of fit or train_on_batch on; what an earlier call has excluded decays again.

        var_list : variables. var_names : regular expressions; a variable is excluded where one of them is found in its path, "dense/kernel". No file
        of Keras's says what is excluded; a `.safetensors` does.
        """
        variables = list(var_list or ())
        for variable in variables:
            if not isinstance(variable, Variable):
                raise TypeError(f"{type(self).__name__}: var_list must hold variables, but has {variable!r}")
        self._not_decayed = set(variables)
        patterns = list(var_names or ())
        self._not_decayed_names = re.compile("|".join(patterns)) if patterns else None

    def decay_of(self, variable: Variable) -> float:
        """The weight decay of a variable; 0 where it does not decay."""
        names = self._not_decayed_names
        if self.weight_decay is None or variable in self._not_decayed or (names and names.search(variable.path)):
            return 0.0
        return self.weight_decay

    def scale_learning_rate(self, scales: Mapping[Any, float] | None = None) -> None:
        """Lets some weights learn, and so decay, at the learning rate times a number, from the next call of fit or train_on_batch on.

        scales : at least 0, by variable or by a regular expression that is found in the variable's path, "dense/kernel"; the variable itself goes
        before expressions, and the first of these that is found before the others. What no entry meets has 1, as all have without scales: a call takes
        back the one before. (Keras has nothing like it. Of the files, a `.safetensors` keeps them.)
        """
        owner = type(self).__name__
        for key in scales or ():
            if not isinstance(key, (str, Variable)):
                raise TypeError(f"{owner}: scales must be by variables or regular expressions, but one is by {key!r}")
            try:
                re.compile(key if isinstance(key, str) else "")
            except re.error as error:
                raise ValueError(f"{owner}: scales has {key!r}, which is no regular expression ({error})") from None
        self._rate_scales = {
            key: number(owner, f"the scale of {key if isinstance(key, str) else key.path!r}", scale, least=0)
            for key, scale in (scales or {}).items()
        }

    def rate_scale_of(self, variable: Variable) -> float:
        """What the learning rate is multiplied by for a variable."""
        if variable in self._rate_scales:
            return self._rate_scales[variable]
        found = (it for it in self._rate_scales.items() if isinstance(it[0], str) and re.search(it[0], variable.path))
        return next(found, ("", 1.0))[1]

    def settings(self) -> dict[str, float]:
        """The arguments of the operation in the core, but for the learning rate and the weight decay."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """The arguments that make the same optimizer, as Keras writes them: the learning rate rounded to float32, a schedule as a dict."""
        rate = self.step_size if self.schedule is None else schedules.serialize(self.schedule)
        common = {name: getattr(self, name) for name in ("weight_decay", *_LIMITS, *_AVERAGING)}
        return {"name": self.name, "learning_rate": rate, **common, **_DEFAULTS}

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
