"""The facts that a measurement is worthless without: machine, versions, commit, command. And the data that the benchmarks train on."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["ROOT", "Images", "cifar10", "cifar10_root", "command", "commit", "images", "machine", "versions"]

ROOT = Path(__file__).resolve().parent.parent

_PACKAGES = ("fastcnn", "numpy", "torch", "keras", "tensorflow", "tensorflow-cpu", "onnxruntime", "jax", "jaxlib")
_FLAGS = ("sse4_2", "avx", "fma", "avx2", "amx", "neon", "asimd", "sve")  # and all that begin with avx512


def machine() -> dict[str, Any]:
    """Processor, flags, cores, memory, system, and how busy it was when it was asked."""
    facts = _cpuinfo()
    flags = facts.get("flags", facts.get("Features", "")).split()
    return {
        "processor": facts.get("model name") or platform.processor() or platform.machine(),
        "family_model_stepping": [facts.get(name, "") for name in ("cpu family", "model", "stepping")],
        "flags": [flag for flag in flags if flag in _FLAGS or flag.startswith(("avx512", "amx"))],
        "cores": os.cpu_count(),
        "cores_usable": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(),
        "load_average_at_start": os.getloadavg()[0],
    }


def versions() -> dict[str, str]:
    """Of Python, fastcnn and the peers; those that are not installed are left out. Imports none of them."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def commit() -> str:
    """The commit that is checked out, with "+changes" where files differ from it; "unknown" outside a clone."""

    def git(*arguments: str) -> str:
        return subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=True).stdout

    try:
        changed = git("status", "--porcelain", "--untracked-files=no").strip()
        return git("rev-parse", "HEAD").strip() + ("+changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def command() -> str:
    """How this process was started, from the root of the repository; with the variables of the environment that change what is measured."""
    variables = [
        f"{name}={os.environ[name]}"
        for name in ("BENCH_MALLOC", "FASTCNN_ISA", "OMP_NUM_THREADS")
        if name in os.environ
    ]
    script = os.path.relpath(sys.argv[0], ROOT) if os.path.exists(sys.argv[0]) else sys.argv[0]
    return " ".join([*variables, "python", shlex.join([script, *sys.argv[1:]])])


class Images(NamedTuple):
    """x : (N, 32, 32, 3) uint8. y : (N,) int64, in [0, 10). what : where they are from, for the record."""

    x: NDArray[np.uint8]
    y: NDArray[np.int64]
    what: str


def cifar10_root() -> Path | None:
    """The folder that holds cifar-10-batches-bin: FASTCNN_DATA, or shared/data beside the clone; None where it is in neither."""
    for folder in (os.environ.get("FASTCNN_DATA"), str(ROOT.parent / "shared" / "data")):
        if folder and (Path(folder) / "cifar-10-batches-bin" / "test_batch.bin").is_file():
            return Path(folder).resolve()
    return None


def cifar10(root: Path) -> tuple[Images, Images]:
    """CIFAR-10's training and test images from its binary layout, by numpy alone."""

    def read(*names: str) -> Images:
        files = [np.fromfile(root / "cifar-10-batches-bin" / name, np.uint8) for name in names]
        records = np.concatenate(files).reshape(-1, 1 + 3072)
        pixels = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        return Images(np.ascontiguousarray(pixels), records[:, 0].astype(np.int64), "CIFAR-10")

    return read(*(f"data_batch_{i}.bin" for i in range(1, 6))), read("test_batch.bin")


def images() -> Images:
    """50,000 images to train on: CIFAR-10's, or, where it is not on this machine, random ones, and `what` says so."""
    if (root := cifar10_root()) is not None:
        return cifar10(root)[0]
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (50_000, 32, 32, 3), np.uint8)
    return Images(x, rng.integers(0, 10, len(x)), "random images (CIFAR-10 was not found)")


def _cpuinfo() -> dict[str, str]:
    """The first processor's lines of /proc/cpuinfo; nothing where there is none."""
    try:
        text = Path("/proc/cpuinfo").read_text(errors="replace").split("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in text.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}
