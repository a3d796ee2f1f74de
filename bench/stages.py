"""Where a step of training goes: each stage of the tutorial's network beside two floors, `python bench/stages.py`. Writes JSON and a plot, an .svg.

Real steps of the plan with batches of CIFAR-10, whose stages are timed one by one, on weights that an epoch has trained, since what the gradients skip hangs on
them. The dense floor is the time that the dense stage's multiply-adds take at the peak measured in the same run, what a pooling drops included; the own floor is
that of those which are done: Winograd's products, and the winners that pass the ReLU.
"""

from __future__ import annotations

import argparse
import os
from typing import Any, NamedTuple

import fastcnn
import numpy as np
from fastcnn import _core
from fastcnn.losses import SparseCategoricalCrossentropy
from fastcnn.optimizers import Adam
from fastcnn.plan import Plan
from fastcnn.tutorial import tutorial_model
from harness import RESULTS, Summary, save
from machine import images
from peak import measured_peak

__all__ = ["main"]

PLAN = [
    *("gather", "conv2d_relu_max_pool2d", "conv2d_relu_max_pool2d", "conv2d_relu"),
    *("dense_relu", "dense", "softmax_cross_entropy", "optimizer"),
]
STEPS = 200  # of a round
WINOGRAD = 36 * 64 * 64  # of the third layer: a tile an image


class Stage(NamedTuple):
    """parts : which of the plan's stages, and whether backward. dense, own : multiply-adds of an image, and those that are done."""

    name: str
    parts: tuple[tuple[int, bool], ...]
    dense: float
    own: float


def stages(won1: float, won2: float) -> list[Stage]:
    """won1, won2 : winners of an image that pass the ReLU, in the first and the second layer."""
    dense = 64 * (1024 + 10)
    return [
        Stage("gather, scale", ((0, False),), 0, 0),
        Stage("convolution 1, ReLU, pooling", ((1, False),), 30 * 30 * 32 * 27, 28 * 28 * 32 * 27),
        Stage("convolution 2, ReLU, pooling", ((2, False),), 13 * 13 * 64 * 288, 9 * 36 * 32 * 64),
        Stage("convolution 3, ReLU", ((3, False),), 16 * 64 * 576, WINOGRAD),
        Stage("dense layers", ((4, False), (5, False)), dense, dense),
        Stage("loss", ((6, True),), 0, 0),
        Stage("dense layers, back", ((4, True), (5, True)), 2 * dense, 2 * dense),
        Stage("convolution 3, ReLU, back", ((3, True),), 2 * 16 * 64 * 576, 2 * WINOGRAD),
        Stage("convolution 2, back", ((2, True),), 2 * 13 * 13 * 64 * 288, 2 * won2 * 288),
        Stage("convolution 1, back", ((1, True),), 30 * 30 * 32 * 27, won1 * 27),
        Stage("Adam", ((7, False),), 0, 0),
    ]


def winners(model: Any, x: Any) -> tuple[float, float]:
    """Of an image, by the unfused operations."""
    counts, a = [], x.astype(np.float32) / np.float32(255)
    for w, b in zip(model.get_weights()[0:4:2], model.get_weights()[1:4:2], strict=True):
        a, index = _core.conv2d_relu_max_pool2d(a, w, b, (1, 1), "valid", (2, 2), (2, 2), "valid")
        read = index[:, :14, :14] if not counts else index  # the second layer's pooling reads 14 of 15
        counts.append(float((read != 255).sum() / len(x)))
    return counts[0], counts[1]


def plot(measured: list[tuple[str, float, float, float]], title: str) -> str:
    """An .svg: of each stage its microseconds, and above its bar the two floors. measured : (name, us, dense floor, own floor)."""
    left, width, row, scale = 230, 900, 34, 560 / max(max(us, dense) for _, us, dense, _ in measured)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{row * len(measured) + 76}" font-family="sans-serif" font-size="13">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{left}" y="20" font-weight="bold">{title}</text>',
    ]
    for i, (color, what) in enumerate(
        (("#2166ac", "measured"), ("#bbbbbb", "dense floor"), ("#f4a582", "floor of what is computed"))
    ):
        x = left + 150 * i
        lines.append(
            f'<rect x="{x}" y="32" width="12" height="12" fill="{color}"/><text x="{x + 18}" y="43">{what}</text>'
        )
    for i, (name, us, dense, own) in enumerate(measured):
        y = 58 + row * i
        lines.append(f'<text x="{left - 8}" y="{y + 16}" text-anchor="end">{name}</text>')
        for top, height, value, color in (
            (0, 12, us, "#2166ac"),
            (13, 5, dense, "#bbbbbb"),
            (19, 5, own, "#f4a582"),
        ):
            if value:
                lines.append(
                    f'<rect x="{left}" y="{y + top}" width="{value * scale:.1f}" height="{height}" fill="{color}"/>'
                )
        lines.append(f'<text x="{left + us * scale + 6:.1f}" y="{y + 11}">{us:.0f} us</text>')
    return "\n".join([*lines, "</svg>", ""])


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    fastcnn.set_device("cpu")
    fastcnn.set_threads(options.threads)
    data = images()
    x, y = data.x, data.y.astype(np.int32)
    fastcnn.set_seed(0)
    model, loss = tutorial_model(), SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    model.fit(x, y, verbose=0)
    optimizer = Adam()
    optimizer.build(model.store)
    plan = Plan(model.leaves, (32, 32, 3), loss, optimizer, 0)
    assert [name for name, _, _ in plan.stage_times()] == PLAN
    parts = stages(*winners(model, x[:1000]))
    peak = measured_peak(options.threads, _core.isa()) * 1e9
    random, rounds, steps = np.random.default_rng(0), [], min(STEPS, len(x) // options.batch)
    for number in range(options.rounds + 1):
        plan.begin_timing()
        for step, rows in enumerate(random.permutation(len(x))[: steps * options.batch].reshape(steps, options.batch)):
            plan.train_step(x, y, rows, learning_rate=0.0, step=number * steps + step + 1)
        rounds.append(np.array([[forward, backward] for _, forward, backward in plan.stage_times()]) / steps)
    rows, table = [], []
    print(f"batch {options.batch}, {options.threads} threads, peak {peak * 1e-9:.0f} GFLOP/s; microseconds")
    print(f"{'':<34}{'measured':>10}{'dense floor':>13}{'own floor':>11}")
    for part in parts:
        seconds = [sum(times[stage][int(back)] for stage, back in part.parts) for times in rounds[1:]]
        summary = Summary.of(seconds)
        us, dense, own = (
            summary.median * 1e6,
            *(2e6 * options.batch * flops / peak for flops in (part.dense, part.own)),
        )
        print(f"{part.name:<34}{us:10.1f}{dense:13.1f}{own:11.1f}")
        rows.append((part.name, us, dense, own))
        table.append(
            {"stage": part.name, "seconds": summary._asdict(), "dense_floor": dense * 1e-6, "own_floor": own * 1e-6}
        )
    total = [sum(values) for values in zip(*(row[1:] for row in rows), strict=True)]
    print(f"{'all of them':<34}{total[0]:10.1f}{total[1]:13.1f}{total[2]:11.1f}")
    title = f"A training step of the tutorial's network, batch {options.batch}, {options.threads} threads"
    (RESULTS / "stages.svg").write_text(plot(rows, title))
    save("stages", {"batch": options.batch, "threads": options.threads, "peak_gflops": peak * 1e-9, "stages": table})


if __name__ == "__main__":
    main()
