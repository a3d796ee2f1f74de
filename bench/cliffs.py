"""No shape falls off a cliff: convolutions and poolings with odd channels beside those with the next multiple of 16, `python bench/cliffs.py`. One thread, each instruction set.

A figure is the time of a call divided by that with both channels rounded up to a multiple of 16, which does all of the work and more: above 1, somebody would do better to
pad. Then batches of odd sizes, through the tutorial's network, beside the next multiple of 16. The worst of each are listed at the end.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import fastcnn
import numpy as np
from fastcnn import _core, ops
from fastcnn.tutorial import tutorial_model
from harness import Summary, compare, interleave, repeats_for, save, seconds_a_call
from one_thread import one_thread

__all__ = ["main"]

CHANNELS = [(1, 1), (1, 32), (3, 32), (3, 17), (17, 17), (17, 32), (32, 33), (33, 33), (33, 1)]
IMAGES, FILTERS, STRIDES = [8, 15, 32, 56, 224], [1, 3, 5, 7], [1, 2]
PADDED = [3, 5]  # filters that are tried with padding "same" too
BATCHES = [1, 3, 7, 15, 17, 31, 33, 47, 63, 100, 127, 250, 511, 1000]
FLOPS = 3e7  # of a call, about; more where one image is more
SECONDS = 0.003  # of each in a round
POOL = (2, 2), (2, 2), "valid"


class Inputs(NamedTuple):
    """What an operation is tried on: images, filters, and how these slide."""

    x: Any
    w: Any
    stride: tuple[int, int]
    padding: str

    @property
    def sliding(self) -> dict[str, Any]:
        return {"stride": self.stride, "padding": self.padding}

    def dy(self) -> Any:
        """A gradient of conv2d's outputs."""
        shape = ops.conv2d(self.x, self.w, **self.sliding).shape
        return np.random.default_rng(1).normal(size=shape).astype(np.float32)


def conv2d(inputs: Inputs) -> Callable[[], Any]:
    return lambda: ops.conv2d(inputs.x, inputs.w, **inputs.sliding)


def conv2d_dgrad(inputs: Inputs) -> Callable[[], Any]:
    (x, w, *sliding), dy = inputs, inputs.dy()
    return lambda: _core.conv2d_dgrad(dy, w, x.shape, *sliding)


def conv2d_wgrad(inputs: Inputs) -> Callable[[], Any]:
    (x, w, *sliding), dy = inputs, inputs.dy()
    return lambda: _core.conv2d_wgrad(x, dy, w.shape, *sliding)


def conv2d_relu_max_pool2d(inputs: Inputs) -> Callable[[], Any]:
    return lambda: ops.conv2d_relu_max_pool2d(inputs.x, inputs.w, **inputs.sliding)


def conv2d_relu_max_pool2d_dgrad(inputs: Inputs) -> Callable[[], Any]:
    (x, w, *sliding), (dy, index) = inputs, ops.conv2d_relu_max_pool2d(inputs.x, inputs.w, **inputs.sliding)
    return lambda: _core.conv2d_relu_max_pool2d_dgrad(dy, index, w, x.shape, *sliding, *POOL)


def conv2d_relu_max_pool2d_wgrad(inputs: Inputs) -> Callable[[], Any]:
    (x, w, *sliding), (dy, index) = inputs, ops.conv2d_relu_max_pool2d(inputs.x, inputs.w, **inputs.sliding)
    return lambda: _core.conv2d_relu_max_pool2d_wgrad(x, dy, index, w.shape, *sliding, *POOL)


def max_pool2d(inputs: Inputs) -> Callable[[], Any]:
    """Of the filter's window; its channels are the first ones."""
    return lambda: ops.max_pool2d(inputs.x, inputs.w.shape[0], **inputs.sliding)


def max_pool2d_backward(inputs: Inputs) -> Callable[[], Any]:
    window = inputs.w.shape[0]
    y, index = ops.max_pool2d(inputs.x, window, **inputs.sliding)
    return lambda: ops.max_pool2d_backward(y, index, inputs.x.shape, window, **inputs.sliding)


OPERATIONS = (
    conv2d,
    conv2d_dgrad,
    conv2d_wgrad,
    conv2d_relu_max_pool2d,
    conv2d_relu_max_pool2d_dgrad,
    conv2d_relu_max_pool2d_wgrad,
    max_pool2d,
    max_pool2d_backward,
)


class Shape(NamedTuple):
    """The side of an image and of a filter, the stride and the padding: "32/3/1 valid"."""

    image: int
    filter: int
    stride: int
    padding: str

    def __str__(self) -> str:
        return f"{self.image}/{self.filter}/{self.stride} {self.padding}"

    @property
    def outputs(self) -> int:
        """Pixels along a side."""
        return (
            -(-self.image // self.stride) if self.padding == "same" else (self.image - self.filter) // self.stride + 1
        )


SHAPES = [
    Shape(image, window, stride, padding)
    for image, window, stride, padding in itertools.product(IMAGES, FILTERS, STRIDES, ("valid", "same"))
    if window <= image and (window > 1 or stride == 1) and (padding == "valid" or window in PADDED)
]


def rounded(number: int) -> int:
    """The next multiple of 16."""
    return -(-number // 16) * 16


def measure(
    operation: Callable[[Inputs], Callable[[], Any]], channels: tuple[int, int], shape: Shape, rounds: int
) -> dict[str, list[float]]:
    """The seconds a call in each round, with these channels and with rounded ones."""
    wide = rounded(channels[0]), rounded(channels[1])
    n = max(1, round(FLOPS / (2 * shape.filter**2 * wide[0] * wide[1] * shape.outputs**2)))
    random = np.random.default_rng(0)

    def call(c: int, k: int) -> Callable[[], Any]:
        x, w = (n, shape.image, shape.image, c), (shape.filter, shape.filter, c, k)
        stride = shape.stride, shape.stride
        return operation(Inputs(*(random.normal(size=s).astype(np.float32) for s in (x, w)), stride, shape.padding))

    return beside(call(*channels), call(*wide), SECONDS, rounds)


def beside(odd: Callable[[], Any], wide: Callable[[], Any], seconds: float, rounds: int) -> dict[str, list[float]]:
    """The seconds a call of both in each round. seconds : about, of each in a round."""
    calls = {"odd": odd, "rounded": wide}
    timed = {name: functools.partial(seconds_a_call, call, repeats_for(call, seconds)) for name, call in calls.items()}
    return interleave(timed, rounds)


class Cell(NamedTuple):
    """A figure of the tables: how long a call takes, as a part of the time with rounded channels. seconds : of the odd one."""

    isa: str
    operation: str
    channels: tuple[int, int]
    shape: Shape
    ratio: Summary
    seconds: float

    @property
    def is_slower(self) -> bool:
        """In three of four rounds."""
        return self.ratio.lower > 1

    def __str__(self) -> str:
        (c, k), ratio = self.channels, self.ratio
        figure = f"{ratio.median:.2f} ({ratio.lower:.2f} to {ratio.upper:.2f})"
        return f"{figure} {self.isa} {self.operation} {c}>{k} {self.shape}: {self.seconds * 1e6:.0f} us"


def is_tried(operation: str, channels: tuple[int, int], shape: Shape) -> bool:
    """Not where there is nothing to pool; and a pooling once for the channels of its images, as it has no others."""
    if "pool" in operation and operation.startswith("conv2d"):
        return shape.outputs >= POOL[0][0]
    return "pool" not in operation or channels == next(pair for pair in CHANNELS if pair[0] == channels[0])


def measure_channels(isa: str, rounds: int) -> tuple[list[Cell], dict[str, list[str]]]:
    """Prints the tables of all operations. Returns their cells, and their lines by the operation's name."""
    cells, tables = [], {}
    head = " " * 16 + " ".join(f"{c:>3}>{k:<3}" for c, k in CHANNELS)
    for operation in OPERATIONS:
        name = operation.__name__
        tables[name] = [head]
        print(f"\n{isa}, {name}\n{head}")
        for shape in SHAPES:
            line = f"{shape!s:<15}"
            for channels in CHANNELS:
                if not is_tried(name, channels, shape):
                    line += " " * 8
                    continue
                seconds = measure(operation, channels, shape, rounds)
                ratio = compare(seconds["rounded"], seconds["odd"]).of_rounds
                line += f" {ratio.median:7.2f}"
                cells.append(Cell(isa, name, channels, shape, ratio, Summary.of(seconds["odd"]).median))
            tables[name].append(line.rstrip())
            print(line)
    return cells, tables


def measure_batches(rounds: int) -> list[dict[str, Any]]:
    """The same for a training step and an answer of each size of batch."""
    model = tutorial_model()
    model.compile("adam", fastcnn.losses.SparseCategoricalCrossentropy(from_logits=True), ["accuracy"])
    random = np.random.default_rng(0)
    x, y = random.integers(0, 256, (1024, 32, 32, 3), dtype=np.uint8), random.integers(0, 10, 1024)
    works: dict[str, Callable[[int], Any]] = {
        "train_on_batch": lambda n: model.train_on_batch(x[:n], y[:n]),
        "predict_on_batch": lambda n: model.predict_on_batch(x[:n]),
    }
    table = []
    print("\nbatches: " + " ".join(f"{n:>6}" for n in BATCHES))
    for name, work in works.items():
        line = []
        for n in BATCHES:
            seconds = beside(functools.partial(work, n), functools.partial(work, rounded(n)), 4 * SECONDS, rounds)
            ratio = compare(seconds["rounded"], seconds["odd"]).of_rounds
            line.append(f"{ratio.median:6.2f}")
            table.append(
                {"operation": name, "batch": n, "of_the_rounded_ones_time": ratio._asdict(), "rounds": seconds}
            )
        print(f"{name:<17}" + " ".join(line))
    return table


def main() -> None:
    """The command."""
    options = one_thread(__doc__)
    batches, cells, tables = measure_batches(options.rounds), [], {}
    for isa in options.isa:
        _core.set_isa(isa)
        of_isa, tables[isa] = measure_channels(isa, options.rounds)
        cells += of_isa
    slower = sorted((cell for cell in cells if cell.is_slower), key=lambda cell: -cell.ratio.median)
    print(
        f"\n{len(cells)} cells, {len(slower)} of which take longer than the rounded ones, in three of four rounds; the worst:"
    )
    for cell in slower[:20]:
        print(cell)
    save(
        "cliffs", {"cells": len(cells), "slower": [str(cell) for cell in slower], "tables": tables, "batches": batches}
    )


if __name__ == "__main__":
    main()
