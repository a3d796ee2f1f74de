"""Where the batches of `fit`, `evaluate` and `predict` come from: arrays, which are cut here, or an iterable that gives them; and `PyDataset`.

Both kinds answer the same questions of the loops in `training.py`: is there another epoch, which batches has it, how many. What a batch must be is
checked by `models.py` with `arrays.py`. Which batches an epoch of arrays has, and in which order, follows from the seed, the number of the epoch and
the steps done, so that a training in two parts is one in one part.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from fastcnn import _core
from fastcnn._arguments import only, positive_integer
from fastcnn.arrays import Array, Gathering, readable, step_function
from fastcnn.plan import Plan

__all__ = ["PyDataset"]

_SHUFFLE = (
    2  # of Philox's (seed, step, purpose): the order of an epoch. 1 is that of the initial weights, see initializers.py
)


class PyDataset:
    """Base class of data that come in batches of your own making: override `__getitem__` and `__len__`, as in Keras, where it is also `Sequence`.

    `dataset[i]` is batch i: (x, y), (x, y, sample_weight), or x alone for `predict`. `len(dataset)` is the number of batches; without it, and with
    `num_batches` None, there is no end, and `fit` needs `steps_per_epoch`. `on_epoch_begin` and `on_epoch_end` are called around each epoch.

    Batches are made one after the other on the thread that trains: only the defaults of workers and use_multiprocessing are supported, and
    max_queue_size means nothing then, as in Keras.
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        owner = type(self).__name__
        only(owner, "workers", workers, 1, 0)
        only(owner, "use_multiprocessing", use_multiprocessing, False)
        self.workers, self.use_multiprocessing, self.max_queue_size = workers, use_multiprocessing, max_queue_size

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__}: __getitem__(index) must give a batch, such as (x, y)")

    @property
    def num_batches(self) -> int | None:
        """How many batches there are, `len(self)`; None for no end."""
        return len(self) if hasattr(self, "__len__") else None

    def __iter__(self) -> Iterator[Any]:
        index, count = 0, self.num_batches
        while count is None or index < count:
            yield self[index]
            index += 1

    def on_epoch_begin(self) -> None:
        """Before the first batch of an epoch is asked for."""

    def on_epoch_end(self) -> None:
        """After the last batch of an epoch."""


class Given(NamedTuple):
    """What a user gave a method to go through, as it came.

    where : the method. called : the argument that came, "x" or "validation_data". steps_name : that of its steps.
    """

    where: str
    x: Any
    y: Any = None
    sample_weight: Any = None
    class_weight: Any = None
    batch_size: Any = None
    steps: Any = None
    steps_name: str = "steps"
    called: str = "x"

    @property
    def of(self) -> str:
        """What comes before the names of images, labels and weights in errors."""
        return "" if self.called == "x" else f"{self.called}'s "

    @property
    def are_batches(self) -> bool:
        """Whether x is an iterable of batches and no array. A list is one if it holds tuples, such as (x, y), and there are no labels beside it."""
        x = self.x
        if isinstance(x, (list, tuple)):
            return self.y is None and len(x) > 0 and isinstance(x[0], tuple)
        if isinstance(x, (str, bytes, Mapping)) or hasattr(x, "__array__") or hasattr(x, "__dlpack__"):
            return False
        return isinstance(x, Iterable) or (hasattr(x, "__getitem__") and hasattr(x, "__len__"))

    def checked_size(self) -> int:
        """Images a batch, 32 by default."""
        return 32 if self.batch_size is None else positive_integer(self.where, "batch_size", self.batch_size)

    def checked_steps(self) -> int | None:
        """Batches an epoch, or None for all that there are."""
        return None if self.steps is None else positive_integer(self.where, self.steps_name, self.steps)

    def refuse_beside_batches(self) -> None:
        """ValueError for what an iterable of batches has itself."""
        for argument, value in (
            ("y", self.y),
            ("sample_weight", self.sample_weight),
            ("batch_size", self.batch_size),
        ):
            if value is not None:
                came = f"{self.where}: {argument} cannot be given where x is an iterable of batches"
                raise ValueError(f"{came}, here a {type(self.x).__name__}: the batches hold it")

    def refuse_to_repeat(self, epochs: int) -> None:
        """ValueError where something that can be gone through once would have to be gone through again."""
        if self.are_batches and epochs > 1 and self.steps is None and isinstance(self.x, Iterator):
            once = f"{self.where}: {self.called} is an iterator, which can be gone through once, but there are {epochs} epochs"
            raise ValueError(f"{once}: give {self.steps_name}, or what begins anew, such as a PyDataset or a list")


class Data(NamedTuple):
    """Images, their labels and, if not all count the same, their weights, checked and converted. Labels are None where nobody needs them."""

    x: Array
    y: Any = None
    weights: Array | None = None


class Batch(NamedTuple):
    """A batch: those `rows` of images, labels and weights."""

    x: Array
    y: Any
    rows: NDArray[np.int64]
    weights: Array | None


class Batches(Protocol):
    """What a loop over batches asks.

    steps : batches of an epoch, or None where nobody knows. asked : whether the user has asked for as many, so that fewer are worth a warning.
    """

    steps: int | None
    asked: bool

    def begin(self, epoch: int = 0, iterations: int = 0) -> bool:
        """Prepares an epoch, which counts from 0, after that many steps of training. Says whether there is a batch for it."""

    def sample_shape(self) -> tuple[int, ...]:
        """The shape of an image of the epoch that has begun. ValueError where it has no batches, but for arrays."""

    def step(self, plan: Plan) -> Plan | Gathering:
        """What takes these batches: the plan, or something that makes each readable for it."""

    def holding(self, step: Plan | Gathering) -> AbstractContextManager[None]:
        """Within the block, what can lie on the device all the time does."""

    def epoch(self, step: Plan | Gathering | None = None) -> Iterator[Batch]:
        """The batches of the epoch that has begun. step : is told their order, where it holds the images."""

    def split(self, part: float, size: int | None, steps: int | None) -> tuple[Batches, Batches]:
        """Those of the first images, and those of the last, which are that part of all; of these `steps` batches of `size` images."""


@dataclass(frozen=True)
class _Order:
    """In which order things are gone through, and which part of it is an epoch's.

    count : of things, `size` at a time. steps : of an epoch, at most. Where an epoch is no whole pass, the next goes on where it ended, and the
    last of a pass may be short, as in Keras.
    """

    count: int
    size: int
    steps: int | None
    seed: int | None  # to shuffle with, or None

    def of(self, epoch: int, iterations: int) -> tuple[NDArray[np.int64], range]:
        """The things in the order of the pass to which that epoch belongs; and where its steps begin. iterations : steps done before."""
        a_pass = math.ceil(self.count / self.size)
        steps = min(a_pass, self.steps or a_pass)
        begin = steps * (epoch % math.ceil(a_pass / steps)) if steps else 0
        starts = range(self.size * begin, min(self.size * (begin + steps), self.count), self.size)
        if self.seed is None:
            return np.arange(self.count), starts
        order = _core.random_permutation(self.count, self.seed, max(iterations - begin, 0), _SHUFFLE)
        return order, starts


class ArrayBatches:
    """Batches of arrays: `batch_size` images each, the last of a pass perhaps fewer.

    steps : of an epoch, or None for a whole pass. seed : each pass has an order of its own, drawn with it; None for the order of the data.
    """

    def __init__(self, data: Data, batch_size: int, steps: int | None = None, seed: int | None = None) -> None:
        self.data = data
        self._order = _Order(len(data.x), batch_size, steps, seed)
        self.asked = steps is not None
        self.steps: int | None = steps or math.ceil(len(data.x) / batch_size)
        self._begun = 0, 0

    def begin(self, epoch: int = 0, iterations: int = 0) -> bool:
        self._begun = epoch, iterations
        return len(self.data.x) > 0

    def sample_shape(self) -> tuple[int, ...]:
        return self.data.x.shape[1:]

    def step(self, plan: Plan) -> Plan | Gathering:
        return step_function(plan, self.data.x)

    def holding(self, step: Plan | Gathering) -> AbstractContextManager[None]:
        x, y, weights = self.data
        return step.holding_data(x, y, weights)

    def epoch(self, step: Plan | Gathering | None = None) -> Iterator[Batch]:
        order, starts = self._order.of(*self._begun)
        if step is not None:
            step.hold_order(order)
        (x, y, weights), size = self.data, self._order.size
        for start in starts:
            yield Batch(x, y, order[start : start + size], weights)

    def split(self, part: float, size: int | None, steps: int | None) -> tuple[Batches, Batches]:
        (x, y, weights), count = self.data, len(self.data.x)
        kept = math.floor(count * (1 - part))
        if kept == 0 or kept == count:
            who = "training" if kept == 0 else "validation"
            raise ValueError(f"fit: validation_split={part} of {count} images leaves none for {who}")
        first, last = (
            Data(x[images], y[images], None if weights is None else weights[images])
            for images in (slice(None, kept), slice(kept, None))
        )
        order = self._order
        return ArrayBatches(first, order.size, order.steps, order.seed), ArrayBatches(last, size or order.size, steps)


class GivenBatches:
    """Batches that an iterable gives: a generator, a PyDataset, a list, another framework's loader.

    check : makes Data of an entry and its number, or raises. The number is the index, where there is one, else it counts from 0 in each pass. seed : things with a length and an index are gone
    through in an order of each pass's own, drawn with it; None for their order. goes_on : whether an epoch of fewer steps than a pass has goes on
    where the one before it ended, as in training. Otherwise each begins anew, but of an iterator, which cannot.
    """

    def __init__(
        self, given: Given, check: Callable[[Any, int], Data], seed: int | None = None, *, goes_on: bool = False
    ) -> None:
        self._source, self._check, self._goes_on = given.x, check, goes_on
        self._name = f"{given.where}: {given.called}"
        count = _length(given.x)
        self._limit = given.checked_steps()
        self._indexed = count is not None and hasattr(given.x, "__getitem__")
        self._order = _Order(count or 0, 1, self._limit, seed)
        self.asked = self._limit is not None
        self.steps: int | None = self._limit or count
        self._entries: Iterator[tuple[int, Any]] | None = None
        self._next: Data | None = None  # what has been looked at already
        self._has_begun = False

    def begin(self, epoch: int = 0, iterations: int = 0) -> bool:
        if self._has_begun:  # to look at the first batch, before the training
            return self._next is not None
        self._has_begun = True
        _call(self._source, "on_epoch_begin")
        once = isinstance(self._source, Iterator)
        goes_on = once or (self._goes_on and self._limit is not None and not self._indexed)
        if self._entries is None or not goes_on:
            self._start(epoch, iterations)
        self._next = self._take()
        if self._next is None and goes_on and not once:  # the last epoch ended where the pass did
            self._start(epoch, iterations)
            self._next = self._take()
        return self._next is not None

    def sample_shape(self) -> tuple[int, ...]:
        if self._next is None:
            raise ValueError(f"{self._name} has no batches")
        return self._next.x.shape[1:]

    def step(self, plan: Plan) -> Plan | Gathering:
        return plan

    def holding(self, step: Plan | Gathering) -> AbstractContextManager[None]:
        return nullcontext()

    def epoch(self, step: Plan | Gathering | None = None) -> Iterator[Batch]:
        done = 0
        data, self._next = self._next, None
        try:
            while data is not None:
                yield Batch(data.x, data.y, np.arange(len(data.x)), data.weights)
                done += 1
                data = None if done == self._limit else self._take()
        finally:
            self._has_begun = False
            _call(self._source, "on_epoch_end")

    def split(self, part: float, size: int | None, steps: int | None) -> tuple[Batches, Batches]:
        raise ValueError("fit: validation_split is of arrays, but x is an iterable of batches: use validation_data")

    def _start(self, epoch: int, iterations: int) -> None:
        if self._indexed:
            order, starts = self._order.of(epoch, iterations)
            self._entries = ((int(order[start]), self._source[int(order[start])]) for start in starts)
        else:
            self._entries = enumerate(self._source)

    def _take(self) -> Data | None:
        assert self._entries is not None
        for number, entry in self._entries:
            data = self._check(entry, number)
            return data._replace(x=readable(data.x))
        return None


def parts(entry: object, where: str, most: int = 3) -> tuple[Any, ...]:
    """The parts of an entry of an iterable: (x,), (x, y) or (x, y, sample_weight), in a tuple or a list. ValueError for anything else."""
    if isinstance(entry, (tuple, list)) and 1 <= len(entry) <= most:
        return tuple(entry)
    came = f"{len(entry)} entries" if isinstance(entry, (tuple, list)) else f"a {type(entry).__name__}"
    raise ValueError(f"{where} must be (x, y) or (x, y, sample_weight), but is {came}")


def _length(source: Any) -> int | None:
    """How many entries it says it has; None where it does not say."""
    if isinstance(source, types.GeneratorType):
        return None
    if isinstance(source, PyDataset):
        return source.num_batches
    try:
        return len(source)
    except TypeError:  # as what has no end says it
        return None


def _call(source: Any, hook: str) -> None:
    function = getattr(source, hook, None)
    if function is not None:
        function()
