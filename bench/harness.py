"""How the benchmarks measure: competitors in turn, round by round; workers in processes of their own; medians, quartiles, ratios; JSON.

A speed is a ratio, measured side by side in one run: so every round runs each competitor once, and begins with another one each time. What is
measured is in ops.py, train.py, tutorial.py and accuracy.py; machine and versions come from machine.py, the peak from peak.py.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import multiprocessing
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import machine
import numpy as np

__all__ = [
    "Ratio",
    "Summary",
    "Worker",
    "compare",
    "interleave",
    "keep_memory",
    "process_output",
    "process_seconds",
    "repeats_for",
    "save",
    "seconds_a_call",
    "seconds_spun",
]

RESULTS = Path(__file__).resolve().parent / "results"


class Summary(NamedTuple):
    """Of several measurements of one thing: the median, the quartiles, and how many rounds there were."""

    median: float
    lower: float
    upper: float
    rounds: int

    @classmethod
    def of(cls, samples: Sequence[float]) -> Summary:
        lower, median, upper = np.percentile(samples, (25, 50, 75))
        return cls(float(median), float(lower), float(upper), len(samples))

    @property
    def spread(self) -> float:
        """Half the distance between the quartiles, as a part of the median."""
        return (self.upper - self.lower) / 2 / self.median if self.median else 0.0


class Ratio(NamedTuple):
    """How much longer theirs takes than ours: by the medians; and the median and quartiles of the ratios within each round."""

    of_medians: float
    of_rounds: Summary


def compare(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """The ratio theirs / ours of measurements that were taken in the same rounds, in order."""
    rounds = [b / a for a, b in zip(ours, theirs, strict=True)]
    return Ratio(Summary.of(theirs).median / Summary.of(ours).median, Summary.of(rounds))


def interleave(
    competitors: Mapping[str, Callable[[], float]], rounds: int, *, warmup: int = 1, pause: float = 0.0
) -> dict[str, list[float]]:
    """What each competitor returned (seconds, as a rule) in each round, without the first `warmup` rounds.

    Every round begins with the next competitor. pause : seconds between two, so that the threads of the one have gone to sleep before the other's turn.
    """
    names = list(competitors)
    results: dict[str, list[float]] = {name: [] for name in names}
    for number in range(-warmup, rounds):
        begin = number % len(names)
        for name in names[begin:] + names[:begin]:
            time.sleep(pause)
            result = competitors[name]()
            if number >= 0:
                results[name].append(result)
    return results


def seconds_a_call(work: Callable[[], object], repeats: int) -> float:
    """The mean time of `repeats` calls in a row, after one more to warm up; without Python's garbage collector."""
    work()
    collecting = gc.isenabled()
    gc.disable()
    try:
        begin = time.perf_counter()
        for _ in range(repeats):
            work()
        return (time.perf_counter() - begin) / repeats
    finally:
        if collecting:
            gc.enable()


def repeats_for(work: Callable[[], object], seconds: float) -> int:
    """How many calls take about `seconds`."""
    return max(1, min(100_000, round(seconds / seconds_a_call(work, 3))))


def keep_memory() -> None:
    """Tells glibc's malloc to keep what is freed, so that a call's results lie in memory that is there already, and no call pays for the system's making pages of
    zeros. Elsewhere nothing happens."""
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        trim_threshold, mmap_max = -1, -4
        mallopt(trim_threshold, (1 << 31) - 1)
        mallopt(mmap_max, 0)


class Worker:
    """A competitor in a process of its own, so that its threads and its allocator disturb nobody. Its malloc keeps its memory (`keep_memory`), unless BENCH_MALLOC=default.

    The process imports `module` and calls its function `make` once; what that returns answers each `call`. Its time in the processor between two calls is
    counted: `idle` are the seconds of each pause that its threads spent spinning, which must be next to nothing.
    """

    def __init__(self, module: str, make: str, *arguments: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, module, make, arguments), daemon=True)
        self._process.start()
        theirs.close()
        self.idle: list[float] = []
        self.about: Any = self._receive()

    def call(self, *arguments: Any) -> Any:
        """The answer. RuntimeError with the worker's traceback if it raised."""
        self._connection.send(arguments)
        return self._receive()

    def close(self) -> None:
        """Ends the process."""
        self._connection.close()
        self._process.join(5)
        self._process.kill()

    def _receive(self) -> Any:
        try:
            answer, error, idle = self._connection.recv()
        except EOFError:
            raise RuntimeError("bench: a worker has died") from None
        if error:
            raise RuntimeError(f"bench: a worker failed\n{error}")
        if idle is not None:
            self.idle.append(idle)
        return answer


def seconds_spun(workers: Mapping[str, Worker]) -> dict[str, float]:
    """Of each worker, the median over the pauses; printed, since whoever spins slows the others down."""
    spun = {name: Summary.of(worker.idle[1:]).median for name, worker in workers.items()}
    print("spun in a pause: " + ", ".join(f"{name} {seconds * 1e3:.2f} ms" for name, seconds in spun.items()))
    return spun


def _serve(connection: Connection, module: str, make: str, arguments: tuple[Any, ...]) -> None:
    """What a worker's process does until its pipe is closed. The first answer is the `about` of what `make` returned."""
    os.dup2(2, 1)  # what a framework prints is no result
    if os.environ.get("BENCH_MALLOC") != "default":
        keep_memory()
    work: Any = None
    slept_at: float | None = None
    asked: tuple[Any, ...] = ()
    while True:
        idle = None if slept_at is None else time.process_time() - slept_at
        answer, error = None, ""
        try:
            if work is None:
                work = getattr(importlib.import_module(module), make)(*arguments)
                answer = getattr(work, "about", None)
            else:
                answer = work(*asked)
        except Exception:
            error = traceback.format_exc()
        connection.send((answer, error, idle))
        if work is None:
            return
        slept_at = time.process_time()
        try:
            asked = connection.recv()
        except EOFError:
            return


def process_seconds(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> float:
    """Wall time of a process from its start to its end; otherwise as `process_output`."""
    begin = time.perf_counter()
    process_output(arguments, environment)
    return time.perf_counter() - begin


def process_output(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    """What a process prints. Raises CalledProcessError, with what it wrote, where it fails."""
    done = subprocess.run(
        arguments, env={**os.environ, **(environment or {})}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.stderr.write(done.stderr)
        raise subprocess.CalledProcessError(done.returncode, arguments)
    return done.stdout


def save(name: str, results: Mapping[str, Any]) -> Path:
    """Writes results/<date>-<name>.json (-2, -3 ... for a later one of the same day) and says so. Machine, versions, commit and command are added."""
    now = datetime.now().astimezone()
    RESULTS.mkdir(exist_ok=True)
    stem = f"{now:%Y-%m-%d}-{name}"
    path, number = RESULTS / f"{stem}.json", 1
    while path.exists():
        number += 1
        path = RESULTS / f"{stem}-{number}.json"
    facts = {
        "benchmark": name,
        "written": now.isoformat(timespec="seconds"),
        "command": machine.command(),
        "commit": machine.commit(),
        "machine": _MACHINE,
        "versions": machine.versions(),
    }
    path.write_text(json.dumps({**facts, **results}, indent=1, default=_plain) + "\n")
    print(f"written: {path.relative_to(machine.ROOT)}")
    if (busy := _MACHINE["load_average_at_start"]) > 0.5:
        print(f"note: the machine was busy at the start (load average {busy:.1f}), so these figures are rough")
    return path


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"{value!r} cannot be written as JSON")


_MACHINE = machine.machine()  # when the module is imported, so that the load is that of the others
