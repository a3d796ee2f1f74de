"""Learning rates that change with the step: `Adam(learning_rate=CosineDecay(0.001, 10_000))`. Keras 3's names, arguments and values; OneCycle is
fastcnn's own.

A schedule is called with a step, counted from 0, or an array of steps, and gives the learning rate of that step as a float32, or an array of
them. It computes in float32, operation for operation as Keras does, and agrees with Keras on TensorFlow: to the bit where there is no power, cosine
or logarithm, which the two round in their own ways, and else to 4e-7 of the highest rate. (Within `fit`, TensorFlow divides by multiplying with the
reciprocal, and so differs from the same schedule called by hand; where a step is a multiple of decay_steps and PolynomialDecay cycles, by a period.)
Keras computes in the type of `initial_learning_rate`, so that an integer there gives 0; here it is a number like any other.

Every argument that is a number must be finite (ValueError), and decay_steps above 0. `name` does nothing but stand in the config.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from fastcnn import _serialization
from fastcnn._arguments import boolean, number

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "OneCycle",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "serialize",
]

_ONE, _HALF, _PI = np.float32(1), np.float32(0.5), np.float32(math.pi)


class LearningRateSchedule:
    """Base class, of your own schedules too: these define `__call__(step)`, which returns a number of at least 0, and to be saved `get_config`.

    The step that an optimizer asks for is its `iterations`, an int.
    """

    keras_module: ClassVar[str] = "keras.optimizers.schedules"

    def __call__(self, step: Any) -> Any:
        """The learning rate at a step."""
        raise NotImplementedError(f"{type(self).__name__}: a schedule must define __call__(self, step)")

    def get_config(self) -> dict[str, Any]:
        """The arguments that make the same schedule."""
        raise NotImplementedError(f"{type(self).__name__}: a schedule must define get_config(self) to be saved")

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> LearningRateSchedule:
        """The schedule of that `get_config`."""
        return cls(**config)


class _Schedule(LearningRateSchedule):
    """What those of this module share: the arguments, in Keras's order, are attributes."""

    _arguments: ClassVar[tuple[str, ...]]

    def get_config(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self._arguments}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> LearningRateSchedule:
        """The schedule of that `get_config`. ValueError for a key that is not an argument."""
        return _serialization.construct(cls, config)

    def _number(self, argument: str, value: Any) -> float:
        """The number as it was given, int or float, as Keras has it in the config."""
        checked = number(type(self).__name__, argument, value)
        return int(value) if isinstance(value, (int, np.integer)) else checked

    def _positive(self, argument: str, value: Any) -> float:
        if not (checked := self._number(argument, value)) > 0:
            raise ValueError(f"{type(self).__name__}: {argument} must be above 0, but is {value!r}")
        return checked


class _Decay(_Schedule):
    """What ExponentialDecay and InverseTimeDecay share."""

    _arguments = ("initial_learning_rate", "decay_steps", "decay_rate", "staircase", "name")

    def __init__(
        self, initial_learning_rate: float, decay_steps: float, decay_rate: float, staircase: bool, name: str | None
    ) -> None:
        self.initial_learning_rate = self._number("initial_learning_rate", initial_learning_rate)
        self.decay_steps = self._positive("decay_steps", decay_steps)
        self.decay_rate = self._number("decay_rate", decay_rate)
        self.staircase = boolean(type(self).__name__, "staircase", staircase)
        self.name = name

    def _periods(self, step: Any) -> Any:
        periods = np.float32(step) / np.float32(self.decay_steps)
        return np.floor(periods) if self.staircase else periods


class ExponentialDecay(_Decay):
    """initial_learning_rate * decay_rate ** (step / decay_steps). staircase : whether step / decay_steps is rounded down. Default False."""

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str | None = "ExponentialDecay",
    ) -> None:
        super().__init__(initial_learning_rate, decay_steps, decay_rate, staircase, name)

    def __call__(self, step: Any) -> Any:
        return np.float32(self.initial_learning_rate) * np.power(np.float32(self.decay_rate), self._periods(step))


class InverseTimeDecay(_Decay):
    """initial_learning_rate / (1 + decay_rate * step / decay_steps). staircase : whether step / decay_steps is rounded down. Default False."""

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str | None = "InverseTimeDecay",
    ) -> None:
        super().__init__(initial_learning_rate, decay_steps, decay_rate, staircase, name)

    def __call__(self, step: Any) -> Any:
        return np.float32(self.initial_learning_rate) / (_ONE + np.float32(self.decay_rate) * self._periods(step))


class PiecewiseConstantDecay(_Schedule):
    """values[i] for the first i for which step <= boundaries[i], and values[-1] after the last boundary.

    boundaries : steps, at least one, none smaller than the one before. values : one more than boundaries. ValueError otherwise.
    """

    _arguments = ("boundaries", "values", "name")

    def __init__(
        self, boundaries: Sequence[float], values: Sequence[float], name: str | None = "PiecewiseConstant"
    ) -> None:
        self.boundaries = [self._number(f"boundaries[{i}]", boundary) for i, boundary in enumerate(boundaries)]
        self.values = [self._number(f"values[{i}]", value) for i, value in enumerate(values)]
        self.name = name
        if len(self.boundaries) != len(self.values) - 1 or not self.boundaries:
            counts = f"{len(self.boundaries)} and {len(self.values)}"
            raise ValueError(
                f"PiecewiseConstantDecay: boundaries must have at least one entry and values one more, but they have {counts}"
            )
        if self.boundaries != sorted(self.boundaries):
            raise ValueError(f"PiecewiseConstantDecay: boundaries must not fall, but are {self.boundaries}")

    def __call__(self, step: Any) -> Any:
        passed = np.searchsorted(np.asarray(self.boundaries, np.float64), step, side="left")
        return np.asarray(self.values, np.float32)[passed]


class PolynomialDecay(_Schedule):
    """(initial_learning_rate - end_learning_rate) * (1 - step / decay_steps) ** power + end_learning_rate, up to decay_steps, then the end.

    cycle : whether, instead, beyond decay_steps the next multiple of it takes its place. Default False.
    """

    _arguments = ("initial_learning_rate", "decay_steps", "end_learning_rate", "power", "cycle", "name")

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str | None = "PolynomialDecay",
    ) -> None:
        self.initial_learning_rate = self._number("initial_learning_rate", initial_learning_rate)
        self.decay_steps = self._positive("decay_steps", decay_steps)
        self.end_learning_rate = self._number("end_learning_rate", end_learning_rate)
        self.power = self._number("power", power)
        self.cycle = boolean("PolynomialDecay", "cycle", cycle)
        self.name = name

    def __call__(self, step: Any) -> Any:
        done, steps = np.float32(step), np.float32(self.decay_steps)
        if self.cycle:
            steps = steps * np.where(done == 0, _ONE, np.ceil(done / steps))
        else:
            done = np.minimum(done, steps)
        start, end = np.float32(self.initial_learning_rate), np.float32(self.end_learning_rate)
        return (start - end) * np.power(_ONE - done / steps, np.float32(self.power)) + end


class CosineDecay(_Schedule):
    """Half a cosine from initial_learning_rate at step 0 down to alpha times it at decay_steps. Source: Loshchilov and Hutter 2017.

    warmup_target : if not None, the rate rises from initial_learning_rate to it in a line in the first warmup_steps, and decays from it in the
    decay_steps after these.
    """

    _arguments = ("initial_learning_rate", "decay_steps", "alpha", "name", "warmup_target", "warmup_steps")

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str | None = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: float = 0,
    ) -> None:
        self.initial_learning_rate = self._number("initial_learning_rate", initial_learning_rate)
        self.decay_steps = self._positive("decay_steps", decay_steps)
        self.alpha = self._number("alpha", alpha)
        self.name = name
        self.warmup_target = None if warmup_target is None else self._number("warmup_target", warmup_target)
        self.warmup_steps = self._number("warmup_steps", warmup_steps)

    def __call__(self, step: Any) -> Any:
        start, steps, done = np.float32(self.initial_learning_rate), np.float32(self.decay_steps), np.float32(step)
        if self.warmup_target is None:
            return self._decayed(np.minimum(done, steps), start)
        target, warmup = np.float32(self.warmup_target), np.float32(self.warmup_steps)
        done = np.minimum(done, steps + warmup)
        rising = (target - start) * (done / (warmup or _ONE)) + start
        return np.where(done < warmup, rising, self._decayed(done - warmup, target))[()]

    def _decayed(self, done: Any, start: Any) -> Any:
        cosine = _HALF * (_ONE + np.cos(_PI * (done / np.float32(self.decay_steps))))
        return start * (np.float32(1 - self.alpha) * cosine + np.float32(self.alpha))


class CosineDecayRestarts(_Schedule):
    """Half a cosine over first_decay_steps from initial_learning_rate down to alpha times it, then again and again, each t_mul times as long as the
    last and from m_mul times its height. Source: Loshchilov and Hutter 2017 (SGDR).

    With a t_mul below 1 the periods have a sum, and after it there is no rate: NaN, as in Keras.
    """

    _arguments = ("initial_learning_rate", "first_decay_steps", "t_mul", "m_mul", "alpha", "name")

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str | None = "SGDRDecay",
    ) -> None:
        self.initial_learning_rate = self._number("initial_learning_rate", initial_learning_rate)
        self.first_decay_steps = self._positive("first_decay_steps", first_decay_steps)
        self.t_mul = self._number("t_mul", t_mul)
        self.m_mul = self._number("m_mul", m_mul)
        self.alpha = self._number("alpha", alpha)
        self.name = name

    def __call__(self, step: Any) -> Any:
        restarts, done = self._period(np.float32(step) / np.float32(self.first_decay_steps))
        height = np.power(np.float32(self.m_mul), restarts)
        cosine = _HALF * height * (_ONE + np.cos(_PI * done))
        alpha = np.float32(self.alpha)
        return np.float32(self.initial_learning_rate) * ((_ONE - alpha) * cosine + alpha)

    def _period(self, done: Any) -> tuple[Any, Any]:
        """The number of the period, and the part of it that is done, at `done` first periods."""
        growth = np.float32(self.t_mul)
        if growth == 1:
            restarts = np.floor(done)
            return restarts, done - restarts
        with np.errstate(divide="ignore", invalid="ignore"):
            restarts = np.floor(np.log(_ONE - done * (_ONE - growth)) / np.log(growth))
            length = np.power(growth, restarts)
            return restarts, (done - (_ONE - length) / (_ONE - growth)) / length


class OneCycle(_Schedule):
    """One rise from initial_learning_rate at step 0 to max_learning_rate at warmup_steps, one fall to final_learning_rate at total_steps, and no change
    after that. Source: Smith 2018, "A disciplined approach to neural network hyper-parameters". Keras has no such schedule.

    total_steps : those of the whole training, epochs times the batches of an epoch. warmup_steps : default, of None, 0.3 of them.
    initial_learning_rate : default a 25th of max_learning_rate. final_learning_rate : default a 10,000th of the initial one. (PyTorch's defaults.)
    shape : "cosine", a half of one each way, or "linear".
    """

    keras_module = "fastcnn.optimizers.schedules"
    _arguments = (
        "max_learning_rate",
        "total_steps",
        "warmup_steps",
        "initial_learning_rate",
        "final_learning_rate",
        "shape",
        "name",
    )

    def __init__(
        self,
        max_learning_rate: float,
        total_steps: float,
        warmup_steps: float | None = None,
        initial_learning_rate: float | None = None,
        final_learning_rate: float | None = None,
        shape: str = "cosine",
        name: str | None = "OneCycle",
    ) -> None:
        self.max_learning_rate = self._number("max_learning_rate", max_learning_rate)
        self.total_steps = self._positive("total_steps", total_steps)
        self.warmup_steps = None if warmup_steps is None else self._number("warmup_steps", warmup_steps)
        if self.warmup_steps is not None and not 0 <= self.warmup_steps < self.total_steps:
            raise ValueError(
                f"OneCycle: warmup_steps must be at least 0 and below total_steps, but is {warmup_steps!r}"
            )
        self.initial_learning_rate, self.final_learning_rate = (
            None if rate is None else self._number(argument, rate)
            for argument, rate in (
                ("initial_learning_rate", initial_learning_rate),
                ("final_learning_rate", final_learning_rate),
            )
        )
        if shape not in ("cosine", "linear"):
            raise ValueError(f"OneCycle: shape must be 'cosine' or 'linear', but is {shape!r}")
        self.shape = shape
        self.name = name

    def __call__(self, step: Any) -> Any:
        highest = self.max_learning_rate
        first = highest / 25 if self.initial_learning_rate is None else self.initial_learning_rate
        last = first / 10_000 if self.final_learning_rate is None else self.final_learning_rate
        turn = 0.3 * self.total_steps if self.warmup_steps is None else self.warmup_steps
        done = np.float32(step)
        risen = done / np.float32(turn or 1)
        fallen = np.minimum((done - np.float32(turn)) / np.float32(self.total_steps - turn), _ONE)
        rising, falling = self._above(first, risen), self._above(last, _ONE - fallen)
        return np.where(done < np.float32(turn), rising, falling)[()]

    def _above(self, low: float, part: Any) -> Any:
        """The rate at that part of the way up from `low` to the highest."""
        height = part if self.shape == "linear" else _HALF * (_ONE - np.cos(_PI * part))
        return np.float32(low) + np.float32(self.max_learning_rate - low) * height


KNOWN: dict[str, type[LearningRateSchedule]] = {
    kind.__name__: kind
    for kind in (
        CosineDecay,
        CosineDecayRestarts,
        ExponentialDecay,
        InverseTimeDecay,
        OneCycle,
        PiecewiseConstantDecay,
        PolynomialDecay,
    )
}


def serialize(learning_rate_schedule: LearningRateSchedule) -> dict[str, Any]:
    """The schedule as Keras writes it, OneCycle as one of a user's own: {module, class_name, config, registered_name}. NotImplementedError where it has no `get_config`."""
    written = _serialization.serialize(learning_rate_schedule)
    kind = type(learning_rate_schedule)
    if kind is KNOWN.get(kind.__name__):
        return {**written, "registered_name": kind.__name__} if kind is OneCycle else written
    module = None if kind.__module__ == "__main__" else kind.__module__
    return {**written, "module": module, "registered_name": kind.__name__}


def deserialize(
    config: Mapping[str, Any], custom_objects: Mapping[str, type[LearningRateSchedule]] | None = None
) -> LearningRateSchedule:
    """The schedule that `serialize` or Keras wrote. custom_objects : your own classes by name. ValueError for what is neither yours nor known here."""
    if not isinstance(config, Mapping):
        raise ValueError(f"schedules.deserialize: a schedule must be a dict, but is {config!r}")
    own = (custom_objects or {}).get(str(config.get("class_name")))
    if own is not None:
        return own.from_config(dict(config["config"]))
    return _serialization.deserialize("schedules.deserialize", "schedule", config, KNOWN)
