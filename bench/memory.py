"""The peak memory of a training, fastcnn beside PyTorch and Keras: `python bench/memory.py [--batch 512]`. On Linux alone.

Each in a process of its own (trainers.py): what is resident once the package is imported, the images lie in memory and the network is made, is subtracted from the
peak while some steps are trained.
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import os
from typing import Any

import numpy as np
from harness import save

__all__ = ["main"]

STEPS = 6
COMPETITORS = {
    "fastcnn plan": ("Fastcnn", "plan"),
    "torch nchw": ("Torch", "nchw"),
    "torch channels_last": ("Torch", "channels_last"),
    "keras train_on_batch": ("Keras", "train_on_batch"),
    "keras tf.function": ("Keras", "tf.function"),
}


def status(name: str) -> int:
    """A number of /proc/self/status in bytes."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(name))


def measure(name: str, batch: int, threads: int) -> int:
    """Bytes at the peak beyond those before; called in a new process."""
    import trainers

    kind, variant = COMPETITORS[name]
    trainer = getattr(trainers, kind)(threads)
    rows = np.random.default_rng(0).permutation(STEPS * batch).reshape(STEPS, batch)
    gc.collect()
    before = status("VmRSS")
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the peak begins anew
    trainer(variant, rows)
    return status("VmHWM") - before


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, nargs="+", default=[32, 512])
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    outcomes: list[dict[str, Any]] = []
    context = multiprocessing.get_context("spawn")
    for batch in options.batch:
        print(f"\nbatch {batch}: MiB beyond import, images and network; the median of {options.rounds}")
        peaks: dict[str, list[int]] = {}
        for name in COMPETITORS:
            for _ in range(options.rounds):
                with context.Pool(1) as pool:
                    peaks.setdefault(name, []).append(pool.apply(measure, (name, batch, options.threads)))
        ours = float(np.median(peaks["fastcnn plan"]))
        for name, values in peaks.items():
            peak = float(np.median(values))
            print(f"{name:<24}{peak / 2**20:10.1f}{peak / ours:8.1f}x")
        outcomes.append({"batch": batch, "threads": options.threads, "peak_bytes": peaks})
    save("memory", {"outcomes": outcomes})


if __name__ == "__main__":
    main()
