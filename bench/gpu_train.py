"""A training step of the tutorial's network on a GPU: fastcnn beside PyTorch and JAX, for gpu.py. What each does is in gpu_trainers.py.

Prints a line for each batch size and variant: the median of the rounds and the quartiles, in ms. Rounds are interleaved; a round is 20 steps. A peer that is not
installed, that finds no GPU, or a variant of a peer's that fails, has a line that says so. `--try-out` tries the benchmark where there is no GPU: on the CPU, with
one round of two steps of 8 images, so its figures mean nothing.
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
from collections.abc import Callable
from typing import Any

import gpu_trainers
import numpy as np
from harness import Summary, Worker, interleave

__all__ = ["main"]

FRAMEWORKS: dict[str, Any] = {"fastcnn": gpu_trainers.Fastcnn, "torch": gpu_trainers.Torch, "jax": gpu_trainers.Jax}


def skipped(what: str, why: str) -> None:
    print(f"skipped {what}: {why}", flush=True)


def started(device: str) -> dict[str, Worker]:
    """The workers of fastcnn and of the peers that can run here."""
    workers = {}
    for framework, trainer in FRAMEWORKS.items():
        if importlib.util.find_spec(framework) is None:
            skipped(framework, "not installed")
            continue
        try:
            workers[framework] = Worker("gpu_trainers", trainer.__name__, device)
        except RuntimeError as error:
            if framework == "fastcnn":
                raise
            skipped(framework, last_line(error))
    return workers


def competitors(workers: dict[str, Worker], batch: int, steps: int) -> dict[str, Callable[[], float]]:
    """A round of each variant, by "framework variant"; each has been run once, in which it is compiled, and those that failed are left out."""
    rng = np.random.default_rng(0)

    def one_round(framework: str, variant: str) -> float:
        return float(workers[framework].call(variant, rng.integers(0, gpu_trainers.IMAGES, (steps, batch))))

    rounds: dict[str, Callable[[], float]] = {}
    for framework in workers:
        for variant in FRAMEWORKS[framework].variants:
            name, train = f"{framework} {variant}", functools.partial(one_round, framework, variant)
            try:
                train()
            except (RuntimeError, OSError) as error:  # OSError: its worker has died of an earlier variant
                if framework == "fastcnn":
                    raise
                skipped(f"{name} at batch {batch}", last_line(error))
                continue
            rounds[name] = train
    return rounds


def last_line(error: Exception) -> str:
    """What a worker's traceback ends with."""
    return str(error).strip().splitlines()[-1].removeprefix("RuntimeError: ")


def main() -> None:
    parser = argparse.ArgumentParser(description="A training step on a GPU: fastcnn beside PyTorch and JAX.")
    parser.add_argument(
        "--try-out", action="store_true", help="on the CPU, a round of two small steps: does the benchmark run?"
    )
    tried_out = parser.parse_args().try_out
    batches, steps, rounds, warmup = ((8,), 2, 1, 0) if tried_out else ((32, 512), 20, 7, 1)
    workers = started("cpu" if tried_out else "cuda")
    for batch in batches:
        for name, seconds in interleave(competitors(workers, batch, steps), rounds, warmup=warmup).items():
            s = Summary.of(seconds)
            figures = f"{s.median * 1e3:9.3f} ({s.lower * 1e3:.3f}..{s.upper * 1e3:.3f})"
            print(f"batch {batch:4} {name:<24}{figures}", flush=True)
    for worker in workers.values():
        worker.close()


if __name__ == "__main__":
    main()
