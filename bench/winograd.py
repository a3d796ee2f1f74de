"""Winograd's algorithm beside the direct sum, with 3x3 filters: `python bench/winograd.py`. One thread, each instruction set.

The figures are how many times as fast the call is where Winograd's algorithm may be used: conv2d, its gradients, and conv2d_relu_max_pool2d with windows of 2x2. "direct"
stands where it is not, because it would not pay: there the results are the same to the bit. A call allocates its results and transforms the filters.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from fastcnn import _core, config, ops
from harness import compare, interleave, repeats_for, save, seconds_a_call
from one_thread import one_thread

__all__ = ["main"]

CHANNELS = [(16, 16), (16, 32), (24, 24), (32, 32), (32, 64), (64, 64), (128, 128), (256, 256)]
OUTPUTS = [(1, 1), (1, 12), (2, 2), (3, 3), (4, 4), (6, 6), (9, 9), (12, 12), (13, 13), (32, 32), (62, 62)]
FLOPS = 1e8  # of a call, about
SECONDS = 0.01
OPERATIONS: dict[str, Callable[[Any, Any, Any, str], Any]] = {  # of x, w, dy and the padding
    "conv2d": lambda x, w, dy, padding: ops.conv2d(x, w, padding=padding),
    "conv2d_relu_max_pool2d": lambda x, w, dy, padding: ops.conv2d_relu_max_pool2d(x, w, padding=padding),
    "conv2d_dgrad": lambda x, w, dy, padding: _core.conv2d_dgrad(dy, w, x.shape, (1, 1), padding),
    "conv2d_wgrad": lambda x, w, dy, padding: _core.conv2d_wgrad(x, dy, w.shape, (1, 1), padding),
}


def measure(
    operation: Callable[[Any, Any, Any, str], Any],
    channels: tuple[int, int],
    outputs: tuple[int, int],
    padding: str,
    rounds: int,
) -> tuple[int, bool, dict[str, list[float]]]:
    """The number of images, whether Winograd's algorithm was used, and the seconds a call of both ways in each round."""
    (c, k), (p, q), border = channels, outputs, 2 if padding == "valid" else 0
    n = max(1, round(FLOPS / (2 * 9 * c * k * p * q)))
    random = np.random.default_rng(0)
    shapes = (n, p + border, q + border, c), (3, 3, c, k), (n, p, q, k)
    x, w, dy = (random.normal(size=shape).astype(np.float32) for shape in shapes)
    repeats = repeats_for(lambda: operation(x, w, dy, padding), SECONDS)

    def result(allowed: bool) -> Any:
        config.set_winograd(allowed)
        result = operation(x, w, dy, padding)
        return result[0] if isinstance(result, tuple) else result

    def timed(allowed: bool) -> float:
        config.set_winograd(allowed)
        return seconds_a_call(lambda: operation(x, w, dy, padding), repeats)

    used = not np.array_equal(result(True), result(False))
    return n, used, interleave({"winograd": lambda: timed(True), "direct": lambda: timed(False)}, rounds)


def main() -> None:
    """The command."""
    options = one_thread(__doc__)
    table = []
    for isa in options.isa:
        _core.set_isa(isa)
        for padding in ("valid", "same"):
            print(f"\n{isa}, {padding}: outputs of " + " ".join(f"{p:>4}x{q:<3}" for p, q in OUTPUTS))
            for name, operation in OPERATIONS.items():
                for channels in CHANNELS:
                    line = []
                    for outputs in OUTPUTS:
                        if "pool" in name and min(outputs) < 2:
                            line.append("")
                            continue
                        n, used, seconds = measure(operation, channels, outputs, padding, options.rounds)
                        ratio = compare(seconds["winograd"], seconds["direct"]).of_rounds
                        line.append(f"{ratio.median:.2f}" if used else "direct")
                        case = {
                            "isa": isa,
                            "operation": name,
                            "channels": channels,
                            "outputs": outputs,
                            "padding": padding,
                        }
                        table.append(
                            {**case, "images": n, "used": used, "times_as_fast": ratio._asdict(), "rounds": seconds}
                        )
                    print(f"{name:<24}{channels[0]:>4} to {channels[1]:<4}" + " ".join(f"{ratio:>8}" for ratio in line))
    config.set_winograd(True)
    save("winograd", {"table": table})


if __name__ == "__main__":
    main()
