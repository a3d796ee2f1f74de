"""Initial values of weights, with Keras 3's names, defaults and distributions.

An initializer is called with a shape and gives float32. Random ones draw from Philox keyed by their seed, so the same seed gives the same
values on every machine, though not the values that Keras draws. As in Keras, one initializer gives the same values every time.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from fastcnn import config as settings
from fastcnn._arguments import float32_only, number, unknown
from fastcnn._naming import snake_case
from fastcnn._serialization import construct, deserialize

__all__ = [
    "KNOWN",
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "constant",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "random_normal",
    "random_uniform",
    "truncated_normal",
    "variance_scaling",
    "zeros",
    "zeros_within",
]

Array: TypeAlias = npt.NDArray[np.float32]
Axes: TypeAlias = Sequence[int] | None

_PURPOSE = 1  # of Philox's (seed, step, purpose): the initial values of weights
_TRUNCATED_STDDEV = 0.87962566103423978  # of a standard normal cut at -2 and 2: sqrt(1 - 4 pdf(2) / (cdf(2) - cdf(-2)))
_room: ContextVar[int | None] = ContextVar("room", default=None)  # bytes, within `zeros_within`


@contextlib.contextmanager
def zeros_within(room: int) -> Iterator[None]:
    """In the block, every initializer gives zeros, for a file to fill, and at most `room` bytes in all: ValueError before more are allocated."""
    token = _room.set(room)
    try:
        yield
    finally:
        _room.reset(token)


class Initializer:
    """Base class. `initializer(shape)` gives a new float32 array; `dtype` is None or "float32"."""

    keras_module: ClassVar[str] = "keras.initializers"

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        float32_only(type(self).__name__, dtype)
        room = _room.get()
        if room is not None:
            size = 4 * math.prod(shape)
            if size > room:
                raise ValueError(f"weights of shape {tuple(shape)} are more than the file can hold")
            _room.set(room - size)
            return np.zeros(shape, dtype=np.float32)
        return self._values(tuple(shape))

    def get_config(self) -> dict[str, Any]:
        """The arguments that make the same initializer, as Keras writes them."""
        return {}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Initializer:
        """The initializer of that `get_config`. ValueError for a key that is not an argument."""
        return construct(cls, config)

    def _values(self, shape: tuple[int, ...]) -> Array:
        raise NotImplementedError


class Zeros(Initializer):
    """0 everywhere."""

    def _values(self, shape: tuple[int, ...]) -> Array:
        return np.zeros(shape, dtype=np.float32)


class Ones(Initializer):
    """1 everywhere."""

    def _values(self, shape: tuple[int, ...]) -> Array:
        return np.ones(shape, dtype=np.float32)


class Constant(Initializer):
    """`value` everywhere, a number."""

    def __init__(self, value: float = 0.0) -> None:
        self.value = number("Constant", "value", value)

    def _values(self, shape: tuple[int, ...]) -> Array:
        return np.full(shape, self.value, dtype=np.float32)

    def get_config(self) -> dict[str, Any]:
        return {"value": self.value}


class _Random(Initializer):
    """What random initializers share: the seed, an integer, or None for one that `fastcnn.set_seed` or the system provides."""

    def __init__(self, seed: int | None = None) -> None:
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, (int, np.integer))):
            raise ValueError(f"{type(self).__name__}: seed must be an integer or None, but is {seed!r}")
        self._given_seed = None if seed is None else int(seed)
        self.seed = settings.draw_seed() if seed is None else int(seed)

    def get_config(self) -> dict[str, Any]:
        return {"seed": self._given_seed}

    def _uniform(self, count: int, step: int = 0) -> npt.NDArray[np.float64]:
        from fastcnn import _core

        return np.asarray(_core.random_uniform(count, self.seed % 2**64, step, _PURPOSE), dtype=np.float64)

    def _normal(self, count: int, step: int = 0) -> npt.NDArray[np.float64]:
        """Standard normals, from pairs of uniforms. Source: Box and Muller 1958."""
        half = -(-count // 2)
        first, second = np.split(self._uniform(2 * half, step), 2)
        radius, angle = np.sqrt(-2.0 * np.log1p(-first)), 2.0 * np.pi * second
        return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:count]

    def _truncated_normal(self, count: int) -> npt.NDArray[np.float64]:
        """Standard normals within [-2, 2]: the 4.6 % outside are drawn again, each round being a step of the stream."""
        values = self._normal(count)
        step = 0
        while (outside := np.flatnonzero(np.abs(values) > 2.0)).size:
            step += 1
            values[outside] = self._normal(outside.size, step)
        return values


class RandomUniform(_Random):
    """Uniform in [minval, maxval)."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None) -> None:
        self.minval, self.maxval = number("RandomUniform", "minval", minval), number("RandomUniform", "maxval", maxval)
        super().__init__(seed)

    def _values(self, shape: tuple[int, ...]) -> Array:
        values = self.minval + (self.maxval - self.minval) * self._uniform(math.prod(shape))
        return values.astype(np.float32).reshape(shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "minval": self.minval, "maxval": self.maxval}


class _Normal(_Random):
    """What the two normal initializers share: mean and stddev."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        self.mean = number(type(self).__name__, "mean", mean)
        self.stddev = number(type(self).__name__, "stddev", stddev, least=0)
        super().__init__(seed)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mean": self.mean, "stddev": self.stddev}


class RandomNormal(_Normal):
    """Normal with that mean and standard deviation."""

    def _values(self, shape: tuple[int, ...]) -> Array:
        return (self.mean + self.stddev * self._normal(math.prod(shape))).astype(np.float32).reshape(shape)


class TruncatedNormal(_Normal):
    """Normal cut at two `stddev` from the mean; as in Keras, `stddev` is that before the cut (0.88 of it remains)."""

    def _values(self, shape: tuple[int, ...]) -> Array:
        return (self.mean + self.stddev * self._truncated_normal(math.prod(shape))).astype(np.float32).reshape(shape)


class VarianceScaling(_Random):
    """Variance scale / n, where n is the number of inputs of a unit, of its outputs, or the mean of both.

    scale : above 0. mode : "fan_in", "fan_out" or "fan_avg". distribution : "truncated_normal" (or "normal", the same),
    "untruncated_normal" or "uniform"; any case. input_axes, output_axes : which axes of the shape to count as inputs and outputs; None
    means that of (..., in, out), with all axes before them as the filter's window, as for Conv2D and Dense.
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
        input_axes: Axes = None,
        output_axes: Axes = None,
    ) -> None:
        owner = type(self).__name__
        self.scale = number(owner, "scale", scale)
        if scale <= 0:
            raise ValueError(f"{owner}: scale must be above 0, but is {scale!r}")
        modes, distributions = ("fan_in", "fan_out", "fan_avg"), ("truncated_normal", "untruncated_normal", "uniform")
        if mode not in modes:
            raise ValueError(unknown(owner, "mode", mode, modes))
        lower = distribution.lower() if isinstance(distribution, str) else distribution
        if lower not in (*distributions, "normal"):
            raise ValueError(unknown(owner, "distribution", distribution, distributions))
        self.mode = mode
        self.distribution = "truncated_normal" if lower == "normal" else lower
        self.input_axes, self.output_axes = input_axes, output_axes
        super().__init__(seed)

    def _values(self, shape: tuple[int, ...]) -> Array:
        fan_in, fan_out = _fans(shape, self.input_axes, self.output_axes)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        stddev, count = math.sqrt(self.scale / max(1.0, fan)), math.prod(shape)
        if self.distribution == "uniform":
            values = math.sqrt(3.0) * stddev * (2.0 * self._uniform(count) - 1.0)
        elif self.distribution == "truncated_normal":
            values = stddev / _TRUNCATED_STDDEV * self._truncated_normal(count)
        else:
            values = stddev * self._normal(count)
        return values.astype(np.float32).reshape(shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "scale": self.scale,
            "mode": self.mode,
            "distribution": self.distribution,
            "input_axes": self.input_axes,
            "output_axes": self.output_axes,
        }


class _NamedScaling(VarianceScaling):
    """What the six named cases share: only the seed and the axes are arguments."""

    _case: ClassVar[tuple[float, str, str]]

    def __init__(self, seed: int | None = None, input_axes: Axes = None, output_axes: Axes = None) -> None:
        super().__init__(*self._case, seed, input_axes, output_axes)

    def get_config(self) -> dict[str, Any]:
        return {"seed": self._given_seed, "input_axes": self.input_axes, "output_axes": self.output_axes}


class GlorotUniform(_NamedScaling):
    """Uniform, variance 2 / (in + out); the default of Conv2D and Dense. Source: Glorot and Bengio 2010."""

    _case = (1.0, "fan_avg", "uniform")


class GlorotNormal(_NamedScaling):
    """Truncated normal, variance 2 / (in + out). Source: Glorot and Bengio 2010."""

    _case = (1.0, "fan_avg", "truncated_normal")


class HeUniform(_NamedScaling):
    """Uniform, variance 2 / in. Source: He, Zhang, Ren and Sun 2015."""

    _case = (2.0, "fan_in", "uniform")


class HeNormal(_NamedScaling):
    """Truncated normal, variance 2 / in. Source: He, Zhang, Ren and Sun 2015."""

    _case = (2.0, "fan_in", "truncated_normal")


class LecunUniform(_NamedScaling):
    """Uniform, variance 1 / in. Source: LeCun, Bottou, Orr and Müller 1998."""

    _case = (1.0, "fan_in", "uniform")


class LecunNormal(_NamedScaling):
    """Truncated normal, variance 1 / in. Source: LeCun, Bottou, Orr and Müller 1998."""

    _case = (1.0, "fan_in", "truncated_normal")


# The same in Keras's lowercase names.
constant = Constant
glorot_normal = GlorotNormal
glorot_uniform = GlorotUniform
he_normal = HeNormal
he_uniform = HeUniform
lecun_normal = LecunNormal
lecun_uniform = LecunUniform
ones = Ones
random_normal = RandomNormal
random_uniform = RandomUniform
truncated_normal = TruncatedNormal
variance_scaling = VarianceScaling
zeros = Zeros

KNOWN: dict[str, type[Initializer]] = {
    kind.__name__: kind
    for kind in (
        Zeros,
        Ones,
        Constant,
        RandomUniform,
        RandomNormal,
        TruncatedNormal,
        VarianceScaling,
        GlorotUniform,
        GlorotNormal,
        HeUniform,
        HeNormal,
        LecunUniform,
        LecunNormal,
    )
}

_NAMES: dict[str, type[Initializer]] = {
    **KNOWN,
    **{snake_case(name): kind for name, kind in KNOWN.items()},
    "zero": Zeros,
    "one": Ones,
    "uniform": RandomUniform,
    "normal": RandomNormal,
}


def get(identifier: Any, owner: str = "initializers.get") -> Initializer:
    """The initializer of that name ("glorot_uniform", "GlorotUniform"), serialised dict, class, or itself.

    ValueError for an unknown name (with the nearest known one) or anything else.
    """
    if isinstance(identifier, Initializer):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Initializer):
        return identifier()
    if isinstance(identifier, Mapping):
        return deserialize(owner, "initializer", identifier, _NAMES)
    if isinstance(identifier, str):
        if identifier not in _NAMES:
            raise ValueError(unknown(owner, "initializer", identifier, _NAMES))
        return _NAMES[identifier]()
    raise ValueError(f"{owner}: an initializer must be a name, an Initializer or its config, but is {identifier!r}")


def _fans(shape: tuple[int, ...], input_axes: Axes, output_axes: Axes) -> tuple[int, int]:
    """How many inputs a unit has, and how many units an input feeds, for weights of that shape."""
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[axis] for axis in input_axes), math.prod(shape[axis] for axis in output_axes)
    if len(shape) < 2:
        size = shape[0] if shape else 1
        return size, size
    window = math.prod(shape[:-2])
    return window * shape[-2], window * shape[-1]
