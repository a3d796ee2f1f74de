"""Training the tutorial's network: fastcnn against PyTorch and Keras, `python bench/train.py`. What each does is in trainers.py.

Every competitor does the same number of steps a round, in its framework's own process, while the others sleep. The ratio is that of the fastest peer to the
slower of fastcnn's two ways. GFLOP/s are those of the dense network (25.74 MFLOP an image and step), so fastcnn, which leaves out what pooling makes
zero, does fewer. The data are CIFAR-10's first epoch, from FASTCNN_DATA or shared/data beside the clone; random images, if they are not there.
"""

from __future__ import annotations

import argparse
import functools
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import trainers
from harness import Summary, Worker, compare, interleave, save, seconds_spun
from peak import measured_peak, measured_round_trip

__all__ = ["main"]

FLOPS = (
    25.74e6  # of an image in a step: 9.10 forward, as much again for each gradient, but none by the first layer's input
)
IMAGES = 50_000
PAUSE = 0.05  # OpenMP's threads spin for some milliseconds after their work, and TensorFlow's for a moment
FRAMEWORKS: dict[str, Any] = {"fastcnn": trainers.Fastcnn, "torch": trainers.Torch, "keras": trainers.Keras}


def measure(batch: int, steps: int, rounds: int, workers: dict[str, Worker], variants: dict[str, list[str]]) -> Any:
    """Seconds a step in each round, by "framework variant"."""
    rng = np.random.default_rng(0)
    batches = np.concatenate([rng.permutation(IMAGES)[: IMAGES // batch * batch] for _ in range(2)]).reshape(-1, batch)
    done: dict[str, int] = {}

    def train(framework: str, variant: str) -> float:
        """Goes on where this competitor has stopped, so that all see the same batches in the same order."""
        begin = done.get(f"{framework} {variant}", 0)
        done[f"{framework} {variant}"] = begin + steps
        rows = batches[np.arange(begin, begin + steps) % len(batches)]
        return float(workers[framework].call(variant, rows))

    competitors: dict[str, Callable[[], float]] = {
        f"{framework} {variant}": functools.partial(train, framework, variant)
        for framework, names in variants.items()
        for variant in names
    }
    return interleave(competitors, rounds, warmup=2, pause=PAUSE)


def report(seconds: dict[str, list[float]], batch: int, threads: int, peak: float) -> dict[str, Any]:
    """Prints the table and returns it for the record."""
    print(f"\nbatch {batch}, {threads} threads; measured peak {peak:.0f} GFLOP/s")
    print(f"{'':<34}{'ms a step':>10}{'quartiles':>17}{'images/s':>11}{'GFLOP/s':>9}{'of peak':>9}")
    table: dict[str, Any] = {}
    for name, samples in sorted(seconds.items(), key=lambda item: Summary.of(item[1]).median):
        s = Summary.of(samples)
        rate, flops = batch / s.median, batch * FLOPS / s.median * 1e-9
        quartiles = f"{s.lower * 1e3:.3f}..{s.upper * 1e3:.3f}"
        print(f"{name:<34}{s.median * 1e3:10.3f}{quartiles:>17}{rate:11,.0f}{flops:9.1f}{flops / peak:9.0%}")
        table[name] = {
            "seconds_a_step": s._asdict(),
            "rounds": samples,
            "images_a_second": rate,
            "gflops": flops,
            "share_of_peak": flops / peak,
        }
    ours, theirs = slowest_and_fastest(seconds)
    outcome: dict[str, Any] = {"batch": batch, "threads": threads, "peak_gflops": peak, "competitors": table}
    if theirs:
        ratio = compare(seconds[ours], seconds[theirs])
        r = ratio.of_rounds
        print(
            f"{theirs} / {ours}: {ratio.of_medians:.2f} by the medians, {r.median:.2f} ({r.lower:.2f}..{r.upper:.2f}) within the rounds"
        )
        outcome |= {
            "ours": ours,
            "best_peer": theirs,
            "ratio_of_medians": ratio.of_medians,
            "ratio_within_rounds": r._asdict(),
        }
    return outcome


def slowest_and_fastest(seconds: dict[str, list[float]]) -> tuple[str, str | None]:
    """The slower of fastcnn's ways, and the fastest of all peers', if there are any."""

    def median(name: str) -> float:
        return Summary.of(seconds[name]).median

    ours = [name for name in seconds if name.startswith("fastcnn ")]
    theirs = [name for name in seconds if name not in ours]
    return max(ours, key=median), min(theirs, key=median) if theirs else None


def main() -> None:
    parser = argparse.ArgumentParser(description="Training the tutorial's network: fastcnn against PyTorch and Keras.")
    parser.add_argument("--batch", type=int, nargs="+", default=[32], help="batch sizes (default: 32)")
    parser.add_argument("--threads", type=int, default=2, help="of every framework (default: 2)")
    parser.add_argument("--rounds", type=int, default=20, help="measurements of each competitor (default: 20)")
    parser.add_argument(
        "--steps", type=int, help="in a round (default: 50 at batch 32, and as many images at others, but 4 or more)"
    )
    parser.add_argument(
        "--peers", nargs="*", choices=("torch", "keras"), default=["torch", "keras"], help="default: both"
    )
    options = parser.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    workers = {
        framework: Worker("trainers", FRAMEWORKS[framework].__name__, options.threads)
        for framework in ("fastcnn", *options.peers)
    }
    variants = {framework: list(FRAMEWORKS[framework].variants) for framework in workers}
    about = workers["fastcnn"].about
    print(f"images: {about['images']}; fastcnn uses {about['instruction_set']}")
    outcomes = []
    for batch in options.batch:
        steps = options.steps or max(4, 1600 // batch)
        before, round_trips = measured_peak(options.threads, about["instruction_set"]), [measured_round_trip()]
        seconds = measure(batch, steps, options.rounds, workers, variants)
        peak = max(before, measured_peak(options.threads, about["instruction_set"]))
        round_trips.append(measured_round_trip())
        outcome = report(seconds, batch, options.threads, peak)
        print("from core to core and back: {:.0f} ns before, {:.0f} ns after".format(*round_trips))
        outcomes.append({**outcome, "steps_a_round": steps, "nanoseconds_from_core_to_core_and_back": round_trips})
    save(
        "train",
        {
            "images": about["images"],
            "frameworks": {name: worker.about for name, worker in workers.items()},
            "rounds": options.rounds,
            "mflop_an_image": FLOPS / 1e6,
            "seconds_spun_in_a_pause": seconds_spun(workers),
            "outcomes": outcomes,
        },
    )
    for worker in workers.values():
        worker.close()


if __name__ == "__main__":
    main()
