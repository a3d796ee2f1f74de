"""What this processor can do at most, measured in the run that quotes it: GFLOP/s of multiply-adds, GB/s of copying, ns between two cores.

`peak.cpp` is compiled once an instruction set, into a temporary folder that goes with the process.
"""

from __future__ import annotations

import ctypes
import functools
import math
import os
import platform
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path

__all__ = ["measured_copy", "measured_peak", "measured_round_trip"]

# As in CMakeLists.txt, so that the peak is that of the instructions which the kernels may use.
_FLAGS = {
    "baseline": ["-march=x86-64-v2"],
    "avx2": ["-march=x86-64-v3"],
    "avx512": ["-march=x86-64-v4", "-mprefer-vector-width=512"],
}
_SECONDS = 0.03
_REPEATS = 5


def measured_peak(threads: int, isa: str) -> float:
    """GFLOP/s in float32 of `threads` threads that do nothing but multiply-adds in registers; the best of five times 30 ms.

    isa : "baseline" (multiply, then add), "avx2" or "avx512" (fused). RuntimeError where there is no C++ compiler.
    """
    library = _library(isa)
    return max(float(library.bench_multiply_add(threads, ctypes.c_double(_SECONDS))) for _ in range(_REPEATS))


@functools.cache
def measured_copy(threads: int, size: int) -> float:
    """GB/s, reading and writing counted together, of copying one half of `size` bytes to the other, again and again: so from the cache that holds it.

    The best of five times 6 ms, by the C library's memcpy. `size` is rounded up to a power of two, and one result is kept for each.
    """
    rounded = 1 << max(10, size - 1).bit_length()
    if rounded != size:
        return measured_copy(threads, rounded)
    library = _library("baseline")
    return max(
        float(library.bench_copy(threads, ctypes.c_int64(size), ctypes.c_double(_SECONDS / 5))) for _ in range(_REPEATS)
    )


def measured_round_trip() -> float:
    """Nanoseconds for a cache line to go from one core to another and back; the median of five times some milliseconds.

    About 100 where the two share a cache, several times as much where they do not, and all that threads exchange takes as much longer. A virtual
    machine's processors may lie either way, and change in the middle of a run: so it is asked before and after. NaN where there is one core only.
    """
    if len(os.sched_getaffinity(0)) < 2:
        return math.nan
    library = _library("baseline")
    return statistics.median(float(library.bench_round_trip(ctypes.c_int64(20_000))) for _ in range(_REPEATS))


@functools.cache
def _library(isa: str) -> ctypes.CDLL:
    flags = _FLAGS[isa] if platform.machine() in ("x86_64", "AMD64") else []
    target = Path(_folder().name) / f"peak-{isa}.so"
    command = [_compiler(), "-std=c++17", "-O3", "-ffp-contract=fast", *flags, "-shared", "-fPIC", "-pthread"]
    subprocess.run([*command, "-o", str(target), str(Path(__file__).with_name("peak.cpp"))], check=True)
    library = ctypes.CDLL(str(target))
    library.bench_multiply_add.restype = ctypes.c_double
    library.bench_copy.restype = ctypes.c_double
    library.bench_round_trip.restype = ctypes.c_double
    return library


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="fastcnn-bench-")


def _compiler() -> str:
    for name in (os.environ.get("CXX"), "g++", "clang++", "c++"):
        if name and (found := shutil.which(name)):
            return found
    raise RuntimeError("bench: measuring the peak needs a C++ compiler: install g++ or clang++, or name one with CXX")
