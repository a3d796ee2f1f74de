"""Times every operation of fastcnn.ops, in each instruction set, beside PyTorch: `python bench/ops.py`.

The kernels are timed, not what is around them. Each public function is called once while the calls that it makes into the core are written down, and
these are timed, with their arguments as the core takes them: conv2d_backward is a dgrad and a wgrad. A call still allocates its results, as PyTorch's does, but
malloc is told to keep memory, so that a result lies where the last one lay; page faults are counted and printed. What a call costs that does nothing is printed too.
(The calls of
conv2d_relu_max_pool2d's gradients check the index first, which a plan does not.) The arrays are the same in every call, so what fits a cache is in it, for all alike.

GFLOP/s are those of the dense operation, also where a kernel does less (conv2d_relu_max_pool2d's gradients; padding that is left out), so more than the
peak is possible. GB/s count each array once for each time that it must be read or written; their peak is memcpy's with as many bytes.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import resource
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
from fastcnn import _core, ops
from harness import Ratio, Summary, Worker, compare, interleave, keep_memory, repeats_for, save, seconds_a_call
from peak import measured_copy, measured_peak

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
import cases  # the table that the tests check

__all__ = ["Call", "calls_of", "main", "run_call", "table"]

SECONDS = 0.004  # of each competitor in a round
PAUSE = 0.03  # PyTorch's OpenMP threads spin for some milliseconds after their work
DENSE = ("conv2d", "dense", "depthwise")  # what is measured in GFLOP/s begins with these


class Call(NamedTuple):
    """A call into the core that an operation makes. flops : its part of the case's."""

    function: str
    name: str
    arguments: tuple[Any, ...]
    flops: int

    @property
    def title(self) -> str:
        return f"{self.function} {self.name}".replace(" layer", "")


class Row(NamedTuple):
    """What was measured of a call: the seconds of each round, by instruction set and by PyTorch's variants."""

    call: Call
    ours: dict[str, list[float]]
    theirs: dict[str, list[float]]
    bytes: int

    @property
    def peer(self) -> tuple[str, list[float]] | None:
        """PyTorch's fastest."""
        return min(self.theirs.items(), key=lambda item: Summary.of(item[1]).median) if self.theirs else None


# What is timed


def fused(name: str, x: Sequence[int], w: Sequence[int]) -> Iterator[cases.Case]:
    """conv2d_relu_max_pool2d with 2x2 windows, and its gradient where ReLU has cut three in ten."""
    n, h, width, _ = x
    r, s, c, k = w
    p, q = h - r + 1, width - s + 1
    pooled = (n, p // 2, q // 2, k)
    flops = 2 * n * p * q * k * r * s * c
    arrays = {"x": cases.normal(*x), "w": cases.normal(*w, scale=(r * s * c) ** -0.5)}

    def index(rng: np.random.Generator) -> cases.Array:
        return np.where(rng.random(pooled) < 0.3, 255, rng.integers(0, 4, pooled)).astype(np.uint8)

    yield cases.Case("conv2d_relu_max_pool2d", name, arrays | {"b": cases.normal(k)}, {}, flops, cases.SUM)
    backward = {"dy": cases.normal(*pooled), "index": index} | arrays
    yield cases.Case("conv2d_relu_max_pool2d_backward", name, backward, {}, 2 * flops, cases.SUM)


SHAPES: tuple[cases.Case, ...] = (
    *cases.conv2d("1 channel", (32, 28, 28, 1), (3, 3, 1, 32)),
    *cases.conv2d("17 to 33", (32, 16, 16, 17), (3, 3, 17, 33)),
    *cases.conv2d("1x1", (32, 16, 16, 64), (1, 1, 64, 64)),
    *cases.conv2d("5x5 same", (32, 16, 16, 32), (5, 5, 32, 32), padding="same"),
    *cases.conv2d("stride 2", (32, 33, 33, 32), (3, 3, 32, 64), 2),
    *cases.conv2d("56x56 same", (8, 56, 56, 64), (3, 3, 64, 64), padding="same"),
    *cases.depthwise_conv2d("3x3 of 32", (32, 32, 32, 32), (3, 3, 32, 1), padding="same"),
    *cases.depthwise_conv2d("3x3 of 128", (32, 14, 14, 128), (3, 3, 128, 1), padding="same"),
    *cases.depthwise_conv2d("3x3 of 64, stride 2", (32, 29, 29, 64), (3, 3, 64, 1), 2),
    *cases.depthwise_conv2d("5x5 of 96", (32, 14, 14, 96), (5, 5, 96, 1), padding="same"),
    *fused("first layer", (32, 32, 32, 3), (3, 3, 3, 32)),
    *fused("second layer", (32, 15, 15, 32), (3, 3, 32, 64)),
)


def table() -> tuple[cases.Case, ...]:
    """All that is timed: the tests' table of the tutorial's layers, and more shapes of the convolution."""
    known = {str(case) for case in cases.TIMED}
    return cases.TIMED + tuple(case for case in SHAPES if str(case) not in known)


def calls_of(case: cases.Case) -> list[Call]:
    """The calls into the core that the case's public function makes."""
    made: list[tuple[str, tuple[Any, ...]]] = []

    class Recorder:
        def __getattr__(self, name: str) -> Callable[..., Any]:
            def call(*arguments: Any) -> Any:
                made.append((name, arguments))
                return getattr(_core, name)(*arguments)

            return call

    with contextlib.ExitStack() as patches:
        for name, module in list(sys.modules.items()):
            if name.startswith("fastcnn.ops."):
                patches.enter_context(mock.patch.object(module, "_core", Recorder()))
        case.run(ops, case.draw())
    return [Call(name, case.name, arguments, case.flops // len(made)) for name, arguments in made]


def run_call(call: Call) -> Any:
    """Its result, which for adam and sgd is in its arguments."""
    return getattr(_core, call.function)(*call.arguments)


def bytes_of(call: Call, results: Any) -> int:
    """What must be read and written: each argument and each result once, what is updated in place twice."""
    arrays = [value for value in call.arguments if isinstance(value, np.ndarray)]
    if results is None:
        return (
            sum(array.nbytes for array in arrays) * 2 - arrays[1].nbytes
        )  # all but the gradients, which come second, are written as well
    return sum(array.nbytes for array in (*arrays, *(results if isinstance(results, tuple) else (results,))))


# How it is timed


def measure(call: Call, case: int, number: int, threads: int, isas: list[str], rounds: int, peer: Worker | None) -> Row:
    function = getattr(_core, call.function)
    work: Callable[[], object] = functools.partial(function, *call.arguments)

    def ours(isa: str) -> float:
        _core.set_isa(isa)
        return seconds_a_call(work, repeats_for(work, SECONDS))

    competitors: dict[str, Callable[[], float]] = {isa: functools.partial(ours, isa) for isa in isas}
    if check := rejected(call):
        competitors["check"] = lambda: seconds_a_call(check, repeats_for(check, SECONDS / 4))
    names = peer.call("ready", case, number, threads) if peer else []
    for name in names:
        competitors[f"torch {name}"] = functools.partial(peer.call, "time", name, SECONDS) if peer else float
    seconds = interleave(competitors, rounds, pause=PAUSE if peer else 0.0)
    checks = seconds.pop("check", [0.0] * rounds)
    mine = {isa: [max(t - c, 1e-9) for t, c in zip(seconds.pop(isa), checks, strict=True)] for isa in isas}
    return Row(call, mine, seconds, bytes_of(call, work()))


def rejected(call: Call) -> Callable[[], object] | None:
    """For calls that look through an array of indices first, as a step of training does not: the same call with the last index wrong, which costs the looking alone."""
    if call.function not in ("conv2d_relu_max_pool2d_dgrad", "conv2d_relu_max_pool2d_wgrad"):
        return None
    arguments = list(call.arguments)
    place = next(i for i, value in enumerate(arguments) if getattr(value, "dtype", None) == np.uint8)
    arguments[place] = arguments[place].copy()
    arguments[place].flat[-1] = 254
    function = getattr(_core, call.function)

    def look() -> None:
        try:
            function(*arguments)
        except ValueError:
            return
        raise AssertionError(f"bench: {call.function} took an index that is wrong")

    return look


def peaks(threads: int, isas: list[str]) -> dict[str, float]:
    return {isa: measured_peak(threads, isa) for isa in isas}


# What is printed


def rate(call: Call, seconds: float, size: int, threads: int, peak: float) -> tuple[float, float]:
    """GFLOP/s or GB/s, and its part of the peak."""
    if call.function.startswith(DENSE):
        achieved = call.flops / seconds * 1e-9
        return achieved, achieved / peak
    achieved = size / seconds * 1e-9
    return achieved, achieved / measured_copy(threads, size)


def print_head(unit: str, isas: list[str], threads: int, peak: dict[str, float]) -> None:
    what = (
        ", ".join(f"{isa} {peak[isa]:.0f}" for isa in isas) + " GFLOP/s"
        if unit == "GFLOP/s"
        else "memcpy's GB/s, of as many bytes"
    )
    print(f"\n{unit}, {threads} thread{'s' * (threads > 1)}. Peak: {what}")
    columns = "".join(f"{isa:>11}" for isa in isas)
    print(f"{'':37}{'µs':>8}{'':5}{columns}{'torch µs':>9}{'ratio':>7}")


def print_row(row: Row, isas: list[str], threads: int, peak: dict[str, float]) -> None:
    best = Summary.of(row.ours[isas[0]])
    text = f"{row.call.title[:37]:<37}{best.median * 1e6:8.1f} ±{best.spread:<3.0%}"
    for isa in isas:
        achieved, share = rate(row.call, Summary.of(row.ours[isa]).median, row.bytes, threads, peak[isa])
        text += f"{achieved:6.1f} {share:4.0%}"
    if row.peer:
        theirs = Summary.of(row.peer[1])
        text += f"{theirs.median * 1e6:9.1f}{theirs.median / best.median:6.2f}x"
    print(text, flush=True)


def record(row: Row, threads: int, peak: dict[str, float]) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "call": row.call.function,
        "case": row.call.name,
        "threads": threads,
        "flops": row.call.flops,
        "bytes": row.bytes,
    }
    unit = "gflops" if row.call.function.startswith(DENSE) else "gbytes_a_second"
    for isa, seconds in row.ours.items():
        summary = Summary.of(seconds)
        achieved, share = rate(row.call, summary.median, row.bytes, threads, peak[isa])
        entry[isa] = {"seconds": summary._asdict(), unit: achieved, "share_of_peak": share}
    entry["torch"] = {
        name.removeprefix("torch "): Summary.of(seconds)._asdict() for name, seconds in row.theirs.items()
    }
    if row.peer:
        ratio: Ratio = compare(next(iter(row.ours.values())), row.peer[1])
        entry["torch_best"] = row.peer[0].removeprefix("torch ")
        entry["ratio"] = {"of_medians": ratio.of_medians, "of_rounds": ratio.of_rounds._asdict()}
    return entry


def call_costs() -> dict[str, float]:
    """Seconds of calls that have nothing to do: relu of no elements, through the public function and through the core."""
    nothing = np.zeros(0, np.float32)
    ways: dict[str, Callable[[], object]] = {
        "fastcnn.ops": lambda: ops.relu(nothing),
        "core": lambda: _core.relu(nothing),
    }
    return {name: min(seconds_a_call(work, 2000) for _ in range(5)) for name, work in ways.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description="Times every operation in each instruction set, beside PyTorch.")
    parser.add_argument("--rounds", type=int, default=15, help="measurements of each (default: 15)")
    parser.add_argument(
        "--threads", type=int, nargs="+", default=[1, 2], metavar="N", help="thread counts (default: 1 2)"
    )
    parser.add_argument(
        "--isa", nargs="+", choices=_core.available_isas(), help="instruction sets (default: all of this machine)"
    )
    parser.add_argument(
        "--only", default="", metavar="WORD", help="only calls whose line holds this word: conv2d_wgrad, 'second'"
    )
    parser.add_argument("--no-torch", action="store_true", help="without PyTorch")
    options = parser.parse_args()
    isas = [isa for isa in reversed(_core.available_isas()) if isa in (options.isa or _core.available_isas())]
    keep_memory()
    peer = None if options.no_torch else Worker("torch_ops", "Peer")
    timed = [
        (index, number, call)
        for index, case in enumerate(table())
        for number, call in enumerate(calls_of(case))
        if options.only in call.title
    ]
    timed.sort(key=lambda entry: not entry[2].function.startswith(DENSE))
    results: list[dict[str, Any]] = []
    measured: dict[int, dict[str, float]] = {}
    for threads in options.threads:
        _core.set_device("cpu")
        _core.set_threads(threads)
        peak = measured[threads] = peaks(threads, isas)
        unit = ""
        for index, number, call in timed:
            new_unit = "GFLOP/s" if call.function.startswith(DENSE) else "GB/s"
            if new_unit != unit:
                print_head(unit := new_unit, isas, threads, peak)
            row = measure(call, index, number, threads, isas, options.rounds, peer)
            print_row(row, isas, threads, peak)
            results.append(record(row, threads, peak))
    costs = call_costs()
    faults = page_faults(timed[0][2])
    spun = Summary.of(peer.idle[1:]).median if peer and len(peer.idle) > 1 else 0.0
    print(
        f"\nA call that does nothing: {costs['fastcnn.ops'] * 1e6:.1f} µs through fastcnn.ops, {costs['core'] * 1e6:.1f} µs as timed here."
    )
    print(
        f"Page faults of a call, of {timed[0][2].title}: {faults:.2f}. PyTorch's threads spun {spun * 1e3:.2f} ms in a pause."
    )
    save(
        "ops",
        {
            "fastcnn": _core.info(),
            "torch": peer.about if peer else None,
            "rounds": options.rounds,
            "seconds_a_round": SECONDS,
            "peak_gflops": measured,
            "seconds_of_an_empty_call": costs,
            "page_faults_a_call": faults,
            "seconds_spun_in_a_pause": spun,
            "results": results,
        },
    )
    if peer:
        peer.close()


def page_faults(call: Call) -> float:
    """Of one call, in the mean of a thousand: whether its results lie in memory that is there already."""
    run_call(call)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(1000):
        run_call(call)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 1000


if __name__ == "__main__":
    main()
