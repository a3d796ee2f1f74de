"""Winograd's algorithm beside the direct sum, with 3x3 filters: `python bench/winograd.py`. One thread, each instruction set.

The figures are how many times as fast Winograd's is: conv2d, its gradients, and conv2d_relu_max_pool2d with windows of 2x2. A call allocates its results and transforms
the filters.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import fastcnn
import numpy as np
from fastcnn import _core, config, ops
from harness import compare, interleave, repeats_for, save, seconds_a_call

__all__ = ["main"]

CHANNELS = [(16, 16), (16, 32), (24, 24), (32, 32), (32, 64), (64, 64), (128, 128), (256, 256)]
IMAGES = [6, 8, 14, 15, 34, 64]
FLOPS = 1e8  # of a call, about
SECONDS = 0.01
OPERATIONS: dict[str, Callable[[Any, Any, Any], Any]] = {  # of x, w and dy
    "conv2d": lambda x, w, dy: ops.conv2d(x, w),
    "conv2d_relu_max_pool2d": lambda x, w, dy: ops.conv2d_relu_max_pool2d(x, w),
    "conv2d_dgrad": lambda x, w, dy: _core.conv2d_dgrad(dy, w, x.shape, (1, 1), "valid"),
    "conv2d_wgrad": lambda x, w, dy: _core.conv2d_wgrad(x, dy, w.shape, (1, 1), "valid"),
}


def measure(
    operation: Callable[[Any, Any, Any], Any], channels: tuple[int, int], side: int, rounds: int
) -> tuple[int, dict[str, list[float]]]:
    """The number of images, and the seconds a call of both ways in each round."""
    c, k = channels
    n = max(1, round(FLOPS / (2 * 9 * c * k * (side - 2) ** 2)))
    random = np.random.default_rng(0)
    shapes = (n, side, side, c), (3, 3, c, k), (n, side - 2, side - 2, k)
    x, w, dy = (random.normal(size=shape).astype(np.float32) for shape in shapes)
    repeats = repeats_for(lambda: operation(x, w, dy), SECONDS)

    def timed(allowed: bool) -> float:
        config.set_winograd(allowed)
        return seconds_a_call(lambda: operation(x, w, dy), repeats)

    return n, interleave({"winograd": lambda: timed(True), "direct": lambda: timed(False)}, rounds)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--isa", nargs="+", default=_core.available_isas()[::-1])
    options = parser.parse_args()
    fastcnn.set_device("cpu")
    fastcnn.set_threads(1)
    table = []
    for isa in options.isa:
        _core.set_isa(isa)
        print(f"\n{isa}: images of " + " ".join(f"{side:>8}" for side in IMAGES))
        for name, operation in OPERATIONS.items():
            for channels in CHANNELS:
                ratios = []
                for side in IMAGES:
                    n, seconds = measure(operation, channels, side, options.rounds)
                    ratio = compare(seconds["winograd"], seconds["direct"])
                    ratios.append(ratio.of_rounds.median)
                    table.append(
                        {
                            **{"isa": isa, "operation": name, "channels": channels, "side": side, "images": n},
                            **{"times_as_fast": ratio.of_rounds._asdict(), "rounds": seconds},
                        }
                    )
                print(f"{name:<24}{channels[0]:>4} to {channels[1]:<4}" + " ".join(f"{ratio:8.2f}" for ratio in ratios))
    config.set_winograd(True)
    save("winograd", {"table": table})


if __name__ == "__main__":
    main()
