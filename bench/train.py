"""Training of the tutorial's network: fastcnn against PyTorch and Keras, in turn, each in a process of its own.

    python bench/train.py [--batch-sizes 32] [--threads 2] [--rounds 9] [--steps 100]

Prints the time of a step, images a second, GFLOP/s in dense terms (25.74 MFLOP an image, as if nothing were skipped) with their share of the peak measured in the
same run, and how much longer each peer takes; trainers.py says what each competitor does and which of its settings were tried.
"""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

import numpy as np
from harness import Summary, Worker, compare, interleave, save
from machine import images
from peak import measured_peak

FLOPS_AN_IMAGE = 25.74e6
COMPETITORS = ("Fastcnn", "Torch", "Keras")
PAUSE = 0.05  # seconds between two competitors: spinning threads have gone to sleep by then


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[32])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument(
        "--steps", type=int, default=100, help="of each competitor in a round, at batch 32; fewer at larger ones"
    )
    options = parser.parse_args()

    import trainers

    peak = measured_peak(options.threads, _best_isa())
    workers = {name: Worker("trainers", name, options.threads) for name in COMPETITORS}
    results: list[dict[str, Any]] = []
    rng = np.random.default_rng(0)
    for batch_size in options.batch_sizes:
        steps = max(10, options.steps * 32 // batch_size)
        rows = rng.permutation(len(images().y))[: steps * batch_size].reshape(steps, batch_size)
        runs = {
            f"{name} {variant}": partial(workers[name].call, variant, rows)
            for name in COMPETITORS
            for variant in getattr(trainers, name).variants
        }
        times = interleave(runs, options.rounds, pause=PAUSE)
        ours = min(
            (name for name in times if name.startswith("Fastcnn")), key=lambda name: Summary.of(times[name]).median
        )
        print(f"\nbatch {batch_size}, {options.threads} threads, peak {peak:.0f} GFLOP/s, {steps} steps a round")
        print(f"{'':32}{'ms a step':>10}{'quartiles':>16}{'images/s':>10}{'GFLOP/s':>9}{'of peak':>9}{'takes':>8}")
        for name, seconds in times.items():
            step, ratio = Summary.of(seconds), compare(times[ours], seconds)
            rate = FLOPS_AN_IMAGE * batch_size / step.median
            quartiles = f"{step.lower * 1e3:.2f}-{step.upper * 1e3:.2f}"
            print(
                f"{name:32}{step.median * 1e3:10.2f}{quartiles:>16}{batch_size / step.median:10,.0f}{rate / 1e9:9.0f}{rate / 1e9 / peak:9.0%}"
                f"{ratio.of_rounds.median:7.2f}x"
            )
            results.append(
                {
                    "batch_size": batch_size,
                    "competitor": name,
                    "seconds_a_step": step._asdict(),
                    "ratio": ratio,
                    "rounds": seconds,
                }
            )
    save(
        "train",
        {
            "threads": options.threads,
            "peak_gflops": peak,
            "about": {name: worker.about for name, worker in workers.items()},
            "seconds_spun_in_a_pause": {name: Summary.of(worker.idle).median for name, worker in workers.items()},
            "results": results,
        },
    )
    for worker in workers.values():
        worker.close()


def _best_isa() -> str:
    from fastcnn import _core

    return str(_core.available_isas()[-1])


if __name__ == "__main__":
    main()
