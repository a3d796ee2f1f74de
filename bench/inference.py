"""The tutorial's network answers: fastcnn beside onnxruntime, OpenVINO and PyTorch, `python bench/inference.py`. What each does is in inference_peers.py.

A call takes a numpy array of float32 images, scaled already, and returns a numpy array, counted from Python; each framework in a process of its own, with the same
weights, the peers in their own layout of images. Their outputs are compared first. GFLOP/s are those of the dense network.
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import inference_peers
import numpy as np
from harness import Summary, Worker, compare, interleave, save, seconds_spun
from peak import measured_peak

__all__ = ["main"]

FLOPS = 9.10e6  # of an image
SECONDS = 0.1  # of each competitor in a round
PAUSE = 0.05  # see train.py
FRAMEWORKS = {
    "fastcnn": inference_peers.Fastcnn,
    "onnxruntime": inference_peers.Onnxruntime,
    "openvino": inference_peers.Openvino,
    "torch": inference_peers.Torch,
}


def measure(
    batch: int, rounds: int, workers: dict[str, Worker], variants: dict[str, list[str]]
) -> dict[str, list[float]]:
    """Seconds a call in each round, by "framework variant"; after a look at what they answer."""
    outputs = {
        f"{name} {variant}".strip(): worker.call(variant, batch, 0)
        for name, worker in workers.items()
        for variant in variants[name]
    }
    wanted = outputs["torch nchw"] if "torch nchw" in outputs else outputs["fastcnn inference"]
    for name, output in outputs.items():
        error = np.abs(output - wanted).max() / np.abs(wanted).max()
        if error > 1e-4:
            raise SystemExit(f"{name} answers something else: off by {error:.1e} of the largest output")
    competitors: dict[str, Callable[[], float]] = {}
    for framework, names in variants.items():
        for variant in names:
            once = workers[framework].call(variant, batch, 3)
            repeats = max(1, round(SECONDS / once))
            call = functools.partial(workers[framework].call, variant, batch, repeats)
            competitors[f"{framework} {variant}".strip()] = lambda call=call: float(call())
    return interleave(competitors, rounds, warmup=1, pause=PAUSE)


def report(seconds: dict[str, list[float]], batch: int, threads: int, peak: float) -> dict[str, Any]:
    """Prints the table and returns it for the record."""
    print(f"\nbatch {batch}, {threads} threads; measured peak {peak:.0f} GFLOP/s")
    print(f"{'':<28}{'us a call':>12}{'quartiles':>21}{'images/s':>12}{'GFLOP/s':>9}{'fastcnn is':>12}")
    ours, table = seconds["fastcnn inference"], {}
    for name, samples in sorted(seconds.items(), key=lambda item: Summary.of(item[1]).median):
        s, ratio = Summary.of(samples), compare(ours, samples)
        quartiles = f"{s.lower * 1e6:.1f}..{s.upper * 1e6:.1f}"
        print(
            f"{name:<28}{s.median * 1e6:12.1f}{quartiles:>21}{batch / s.median:12,.0f}{batch * FLOPS / s.median * 1e-9:9.1f}"
            f"{ratio.of_rounds.median:11.2f}x"
        )
        table[name] = {
            "seconds_a_call": s._asdict(),
            "rounds": samples,
            "images_a_second": batch / s.median,
            "ratio_of_medians": ratio.of_medians,
            "ratio_of_rounds": ratio.of_rounds._asdict(),
        }
    return {"batch": batch, "threads": threads, "peak_gflops": peak, "competitors": table}


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 32, 512])
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=12)
    options = parser.parse_args()
    there = [name for name in FRAMEWORKS if importlib.util.find_spec(name)]
    for name in FRAMEWORKS.keys() - set(there):
        print(f"{name} is not installed, so it is left out")
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "weights.npz"
        inference_peers.write_weights(weights)
        workers = {
            name: Worker("inference_peers", FRAMEWORKS[name].__name__, options.threads, str(weights)) for name in there
        }
        variants = {name: list(FRAMEWORKS[name].variants) for name in there}
        peak = measured_peak(options.threads, workers["fastcnn"].about["instruction_set"])
        outcomes = [
            report(measure(batch, options.rounds, workers, variants), batch, options.threads, peak)
            for batch in options.batch
        ]
    about, spun = {name: worker.about for name, worker in workers.items()}, seconds_spun(workers)
    save("inference", {"about": about, "seconds_spun_in_a_pause": spun, "outcomes": outcomes})
    for worker in workers.values():
        worker.close()


if __name__ == "__main__":
    main()
