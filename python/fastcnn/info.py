"""`python -m fastcnn.info`, and `info()`: what a bug report needs to say about this installation and this machine."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastcnn._command import run

__all__ = ["info", "main"]


def info() -> dict[str, Any]:
    """What this installation is and what it runs on, ready for JSON.

    Keys: version, location, python, packages (name: version), platform, processor, cores, cores_usable, memory_gb, compiler,
    instruction_sets_built, instruction_sets_available (of these, on this processor), instruction_set (in use), cuda, cuda_reason (why not),
    device, threads, environment (the FASTCNN_* variables). What cannot be found out is None.
    """
    from importlib.metadata import PackageNotFoundError, version

    import fastcnn
    from fastcnn import _core, config

    packages = {}
    for name in ("numpy", "h5py", "safetensors", "Pillow", "tqdm"):
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = "not installed"
    return {
        "version": fastcnn.__version__,
        "location": str(Path(fastcnn.__file__).parent),
        "python": f"{platform.python_implementation()} {platform.python_version()} ({sys.executable})",
        "packages": packages,
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "cores_usable": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": _memory_gb(),
        **_core.info(),
        "device": config.get_device(),
        "threads": config.get_threads(),
        "environment": {name: value for name, value in sorted(os.environ.items()) if name.startswith("FASTCNN_")},
    }


def _processor() -> str | None:
    """The processor's name as the system knows it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() in ("model name", "Model", "Hardware"):
                return value.strip()
    except OSError:
        pass  # not Linux
    if sys.platform == "darwin":
        import subprocess

        asked = subprocess.run(
            ["sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True, check=False
        )
        if asked.returncode == 0:
            return asked.stdout.strip()
    return platform.processor() or platform.machine() or None


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        return None


def _lines(facts: dict[str, Any]) -> list[str]:
    width = max(map(len, facts)) + 2
    return [f"{name.replace('_', ' '):{width}}{_text(value)}" for name, value in facts.items()]


def _text(value: Any) -> str:
    if isinstance(value, dict):
        value = [f"{name} {entry}" for name, entry in value.items()]
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if value not in (None, "") else "-"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: prints one line a fact. Returns the exit code."""
    import argparse

    argparse.ArgumentParser(
        prog="python -m fastcnn.info",
        description="Says what this installation of fastcnn is and what it runs on. Paste the output into a bug report.",
        epilog="From Python: fastcnn.info.info() gives the same as a dict.",
    ).parse_args(arguments)
    return run("info", lambda: print("\n".join(_lines(info()))))


if __name__ == "__main__":
    sys.exit(main())
