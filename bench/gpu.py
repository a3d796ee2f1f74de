"""What only a GPU can show, in one command without a network: `python bench/gpu.py`, less than 8 minutes.

The tests of the operations and of training on the device, compute-sanitizer over them, and a training step beside PyTorch's and JAX's. Each part is a process with a
time limit and its line in the table; a part that cannot run here says why. All of it goes to results/<date>-gpu.json. Exit code 1 where a part failed.
`--backend cuda-simt` tries the command on the emulation, as far as that goes: the sanitizer is skipped there, and the benchmark tried out on the CPU.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fastcnn import _core
from harness import save
from machine import ROOT

__all__ = ["main"]

SANITIZED_FILES = (
    "test_dense_softmax.py",
    "test_softmax_cross_entropy.py",
    "test_max_pool2d.py",
)  # shared memory, shuffles


class Outcome(NamedTuple):
    """What came of a part. state : "passed", "failed" or "skipped". said : its last line, or why it was skipped. details : for the record."""

    state: str
    said: str
    details: Any = None


def run(command: Sequence[str], limit: float, environment: dict[str, str] | None = None) -> tuple[int, str]:
    """Exit status and output of a process; 124 where it ran past `limit` seconds. It is ended with all processes that it has started."""
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            return 124, output + "\nran out of time"
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        return process.returncode, output


def pytest(backend: str, where: Sequence[str], *, narrower: str = "") -> list[str]:
    """The command that runs these tests on the backend alone."""
    chosen = "cuda-simt" if backend == "cuda-simt" else "cuda and not simt"
    words = f"({chosen}) and ({narrower})" if narrower else chosen
    return [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", words, *where]


def tests(backend: str, where: Sequence[str], limit: float) -> Outcome:
    code, output = run(pytest(backend, where), limit, {"FASTCNN_REQUIRE": backend})
    lines = [line for line in output.splitlines() if line.strip()]
    failures = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    none_ran = code == 5 or not re.search(r"\d+ passed", lines[-1] if lines else "")
    state = "passed" if code == 0 and not none_ran else "failed"
    return Outcome(
        state, lines[-1] if lines else "no output", failures or (output[-4000:] if state == "failed" else None)
    )


def sanitizer(tool: str, where: Sequence[str], limit: float, narrower: str = "not any_shape") -> Outcome:
    """compute-sanitizer's `tool` over the tests, without those that draw hundreds of shapes."""
    program = shutil.which("compute-sanitizer") or shutil.which("compute-sanitizer", path="/usr/local/cuda/bin")
    if program is None:
        return Outcome("skipped", "compute-sanitizer is not installed")
    command = [program, "--tool", tool, "--error-exitcode", "9", "--target-processes", "all"]
    code, output = run([*command, *pytest("cuda", where, narrower=narrower)], limit, {"FASTCNN_REQUIRE": "cuda"})
    summary = [
        line.strip("= ") for line in output.splitlines() if "ERROR SUMMARY" in line or "RACECHECK SUMMARY" in line
    ]
    refused = re.search(r"(Unable to|not supported|permission|Internal Sanitizer Error).*", output)
    if not summary and refused:
        return Outcome("skipped", f"refused here: {refused[0]}", output[-4000:])
    clean = code == 0 and bool(summary)
    return Outcome(
        "passed" if clean else "failed",
        summary[-1] if summary else f"exit status {code}",
        None if clean else output[-8000:],
    )


def training(limit: float, *, on_gpu: bool) -> Outcome:
    """Milliseconds a step at batches 32 and 512, by competitor; and which peers were skipped, and why."""
    script = [sys.executable, str(Path(__file__).with_name("gpu_train.py"))]
    code, output = run(script if on_gpu else [*script, "--try-out"], limit)
    lines = [line for line in output.splitlines() if line.startswith(("batch ", "skipped "))]
    figures = sum(line.startswith("batch ") for line in lines)
    said = f"{figures} figures" if on_gpu else f"{figures} figures, of the CPU: only tried out"
    if code:
        return Outcome("failed", f"{said}, then exit status {code}", {"lines": lines, "output": output[-4000:]})
    return Outcome("passed", said, lines)


def gpu() -> str:
    code, output = (
        run(["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"], 30)
        if shutil.which("nvidia-smi")
        else (1, "")
    )
    return output.strip() if code == 0 else "none"


def main() -> int:
    parser = argparse.ArgumentParser(description="What only a GPU can show, in one command.")
    parser.add_argument(
        "--backend", choices=("cuda", "cuda-simt"), default="cuda", help="cuda-simt: try it on the emulation"
    )
    backend = parser.parse_args().backend
    on_gpu = backend == "cuda"
    facts = _core.info()
    if on_gpu and not facts["cuda"]:
        print(f"gpu.py: no GPU can be used here, because {facts['cuda_reason']}", file=sys.stderr)
        return 1
    not_here = Outcome("skipped", "only on a GPU")
    operations, models = (
        ["tests/ops"],
        ["tests/test_cuda.py", "tests/test_devices.py", "tests/test_tensor.py", "tests/test_dlpack.py"],
    )
    few = [f"tests/ops/{name}" for name in SANITIZED_FILES]
    parts: dict[str, Callable[[], Outcome]] = {
        "operations' whole table": lambda: tests(backend, operations, 90),
        "models and Tensors": lambda: tests(backend, models, 60),
        "memcheck, operations": lambda: sanitizer("memcheck", operations, 110) if on_gpu else not_here,
        "racecheck, some": lambda: sanitizer("racecheck", few, 45) if on_gpu else not_here,
        "synccheck, some": lambda: sanitizer("synccheck", few, 45) if on_gpu else not_here,
        "a training step, ms": lambda: training(125, on_gpu=on_gpu),
    }
    print(f"GPU: {gpu()}")
    outcomes = {}
    for name, part in parts.items():
        begin = time.monotonic()
        outcomes[name] = outcome = part()
        print(f"{name:<30}{outcome.state:<9}{time.monotonic() - begin:6.1f} s  {outcome.said}", flush=True)
        for line in outcome.details if outcome.state == "passed" and outcome.details else ():
            print(f"    {line}")
    if on_gpu:
        save("gpu", {"gpu": gpu(), "parts": {name: outcome._asdict() for name, outcome in outcomes.items()}})
    return int(any(outcome.state == "failed" for outcome in outcomes.values()))


if __name__ == "__main__":
    raise SystemExit(main())
