"""How the tests run the real commands: in a pipe, and in a terminal of 80 columns."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

__all__ = ["run", "run_in_terminal"]


def run(command: str, *arguments: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`python -m fastcnn.COMMAND ARGUMENTS` in `cwd`, its output into pipes."""
    return subprocess.run(
        [sys.executable, "-m", f"fastcnn.{command}", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "COLUMNS": "80", **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def in_terminal(program: str, cwd: Path | None = None) -> tuple[int, str]:
    """The exit code of Python code in a pseudo-terminal of 80 columns, and what it wrote there."""
    if not hasattr(os, "openpty"):
        pytest.skip("this system has no pseudo-terminals")
    import fcntl
    import struct
    import termios

    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=cwd, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    written = b""
    while True:
        try:
            chunk = os.read(ours, 1 << 16)
        except OSError:  # Linux's way to say that the other side is closed
            break
        if not chunk:
            break
        written += chunk
    os.close(ours)
    return process.wait(60), written.decode()


def run_in_terminal(command: str, *arguments: object, cwd: Path) -> tuple[int, list[str], list[str]]:
    """A command in such a terminal: the exit code, what was drawn (every state of a bar too), and the lines that stay."""
    code, written = in_terminal(
        f"import sys; from fastcnn import progress, {command}; progress._BETWEEN_DRAWINGS = 0.0; "
        f"sys.exit({command}.main({[*map(str, arguments)]!r}))",
        cwd,
    )
    text = written.replace("\r\n", "\n")
    return code, re.split(r"[\r\n]+", text), [line.rpartition("\r")[2] for line in text.split("\n")]
