"""What the benchmarks of our own kernels by one thread share: their options and what they set. (Not in harness.py: the peers' processes import that, and not fastcnn.)"""

from __future__ import annotations

import argparse

import fastcnn
from fastcnn import _core
from harness import keep_memory

__all__ = ["one_thread"]


def one_thread(description: str | None) -> argparse.Namespace:
    """The command's options, `rounds` and `isa`, a list of instruction sets. This process computes on the CPU from here on, by one thread, and keeps its memory."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--isa", nargs="+", default=_core.available_isas()[::-1])
    options = parser.parse_args()
    fastcnn.set_device("cpu")
    fastcnn.set_threads(1)
    keep_memory()
    return options
