"""No shape falls off a cliff: convolutions with odd channels beside those with the next multiple of 16, `python bench/cliffs.py`. One thread, each instruction set.

A figure is the time of a call divided by that with both channels rounded up to a multiple of 16, which does all of the work and more: above 1, somebody would do better to
pad. Then batches of odd sizes, through the tutorial's network, beside the next multiple of 16. The worst of each are listed at the end.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

import fastcnn
import numpy as np
from fastcnn import _core, ops
from fastcnn.tutorial import tutorial_model
from harness import compare, interleave, repeats_for, save, seconds_a_call
from one_thread import one_thread

__all__ = ["main"]

CHANNELS = [(1, 1), (1, 32), (3, 32), (3, 17), (17, 17), (17, 32), (32, 33), (33, 33), (33, 1)]
IMAGES, FILTERS, STRIDES = [8, 15, 32, 56, 224], [1, 3, 5, 7], [1, 2]
BATCHES = [1, 3, 7, 15, 17, 31, 33, 47, 63, 100, 127, 250, 511, 1000]
FLOPS = 3e7  # of a call, about; more where one image is more
SECONDS = 0.003  # of each in a round
OPERATIONS: dict[str, Callable[[Any, Any, Any, int], Any]] = {  # of x, w, dy and the stride
    "conv2d": lambda x, w, dy, stride: ops.conv2d(x, w, stride=stride),
    "conv2d_relu_max_pool2d": lambda x, w, dy, stride: ops.conv2d_relu_max_pool2d(x, w, stride=stride),
    "conv2d_dgrad": lambda x, w, dy, stride: _core.conv2d_dgrad(dy, w, x.shape, (stride, stride), "valid"),
    "conv2d_wgrad": lambda x, w, dy, stride: _core.conv2d_wgrad(x, dy, w.shape, (stride, stride), "valid"),
}


def rounded(number: int) -> int:
    """The next multiple of 16."""
    return -(-number // 16) * 16


def measure(
    operation: Callable[[Any, Any, Any, int], Any],
    channels: tuple[int, int],
    side: int,
    window: int,
    stride: int,
    rounds: int,
) -> dict[str, list[float]]:
    """The seconds a call in each round, with these channels and with rounded ones."""
    outputs = (side - window) // stride + 1
    wide = rounded(channels[0]), rounded(channels[1])
    n = max(1, round(FLOPS / (2 * window**2 * wide[0] * wide[1] * outputs**2)))
    random = np.random.default_rng(0)

    def call(c: int, k: int) -> Callable[[], Any]:
        shapes = (n, side, side, c), (window, window, c, k), (n, outputs, outputs, k)
        x, w, dy = (random.normal(size=shape).astype(np.float32) for shape in shapes)
        return lambda: operation(x, w, dy, stride)

    return beside(call(*channels), call(*wide), SECONDS, rounds)


def beside(odd: Callable[[], Any], wide: Callable[[], Any], seconds: float, rounds: int) -> dict[str, list[float]]:
    """The seconds a call of both in each round. seconds : about, of each in a round."""
    calls = {"odd": odd, "rounded": wide}
    timed = {name: functools.partial(seconds_a_call, call, repeats_for(call, seconds)) for name, call in calls.items()}
    return interleave(timed, rounds)


def measure_channels(isa: str, rounds: int) -> list[dict[str, Any]]:
    """Prints the tables of all operations, and returns their cells."""
    table = []
    shapes = [(s, f, t) for s, f, t in itertools.product(IMAGES, FILTERS, STRIDES) if f <= s and (f > 1 or t == 1)]
    for name, operation in OPERATIONS.items():
        print(f"\n{isa}, {name}: image/filter/stride, by channels")
        print(" " * 9 + " ".join(f"{c:>3}>{k:<3}" for c, k in CHANNELS))
        for side, window, stride in shapes:
            line = []
            for channels in CHANNELS:
                if "pool" in name and (side - window) // stride + 1 < 2:
                    line.append("       ")
                    continue
                seconds = measure(operation, channels, side, window, stride, rounds)
                ratio = compare(seconds["rounded"], seconds["odd"]).of_rounds
                line.append(f"{ratio.median:7.2f}")
                shape = {
                    "isa": isa,
                    "operation": name,
                    "channels": channels,
                    "image": side,
                    "filter": window,
                    "stride": stride,
                }
                table.append({**shape, "of_the_rounded_ones_time": ratio._asdict(), "rounds": seconds})
            print(f"{side:>4}/{window}/{stride} " + " ".join(line))
    return table


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
    cells, batches = [], measure_batches(options.rounds)
    for isa in options.isa:
        _core.set_isa(isa)
        cells += measure_channels(isa, options.rounds)
    worst = sorted(cells, key=lambda cell: -cell["of_the_rounded_ones_time"]["median"])
    slower = [cell for cell in cells if cell["of_the_rounded_ones_time"]["lower"] > 1]
    print(
        f"\n{len(cells)} cells, {len(slower)} of which take longer than the rounded ones, in three of four rounds; the worst:"
    )
    for cell in worst[:12]:
        print(
            f"{cell['of_the_rounded_ones_time']['median']:.2f}  {cell['isa']} {cell['operation']} {cell['channels'][0]} to {cell['channels'][1]}, "
            f"image {cell['image']}, filter {cell['filter']}, stride {cell['stride']}"
        )
    save("cliffs", {"cells": cells, "batches": batches})


if __name__ == "__main__":
    main()
