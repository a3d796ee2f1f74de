"""fastcnn._core with the CUDA kernels on the emulation of a GPU (tests/simt/), built when it is first asked for and kept in build/cuda-simt.

The build has everything that an ordinary one has but the CPU's faster kernels, so a test switches to it by putting it in the place of fastcnn.ops's own. With
FASTCNN_SANITIZE=1 it has these too, or those that FASTCNN_SANITIZED_SETS names (the baseline's are always there, but then not sanitized), is built under the sanitizers of
addresses, also those of the emulated device's buffers, and of undefined behaviour, and all backends are taken from it: `bash .ci/sanitize`.
"""

from __future__ import annotations

import fcntl
import functools
import importlib.machinery
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

__all__ = ["SANITIZED", "UnavailableError", "core"]

ROOT = Path(__file__).parents[1]
SANITIZED = os.environ.get("FASTCNN_SANITIZE") == "1"
FOLDER = ROOT / "build" / f"cuda-simt-{sys.implementation.cache_tag}{'-sanitized' if SANITIZED else ''}"

_ALL_SETS = "baseline;avx2;avx512"


class UnavailableError(Exception):
    """It cannot be built here, for the reason given."""


@functools.cache
def core() -> ModuleType:
    """The module. Raises UnavailableError without CMake or pybind11, and RuntimeError with the compiler's words where the build fails."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with open(FOLDER / "lock", "w") as lock:  # pytest may run in several processes
        fcntl.flock(lock, fcntl.LOCK_EX)
        _build()
    (built,) = FOLDER.glob("_core.*.so")
    loader = importlib.machinery.ExtensionFileLoader("fastcnn_emulated._core", str(built))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def _build() -> None:
    cmake = shutil.which("cmake") or shutil.which("cmake", path=str(Path(sys.executable).parent))
    if cmake is None:
        raise UnavailableError("the emulation is built with CMake, which is not installed")
    try:
        import pybind11
    except ImportError:
        raise UnavailableError("the emulation is built with pybind11, which is not installed") from None
    settings = {
        "FASTCNN_CUDA": "emulated",
        "Python_EXECUTABLE": sys.executable,
        "pybind11_DIR": pybind11.get_cmake_dir(),
        "CMAKE_BUILD_TYPE": "Release",
        "FASTCNN_INSTRUCTION_SETS": os.environ.get("FASTCNN_SANITIZED_SETS", _ALL_SETS) if SANITIZED else "baseline",
        "CMAKE_CXX_FLAGS": "-fsanitize=address,undefined -fno-sanitize-recover=undefined -g1" if SANITIZED else "",
    }
    _run(cmake, "-S", str(ROOT), "-B", str(FOLDER), *(f"-D{name}={value}" for name, value in settings.items()))
    _run(cmake, "--build", str(FOLDER), "--parallel", str(len(os.sched_getaffinity(0))))


def _run(*command: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "FASTCNN_CUDA"}  # it would win
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(
            f"building the emulation failed: {' '.join(command)}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
        )
