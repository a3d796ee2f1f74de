"""`loaded`: hostile files are loaded in processes that are watched, so that a crash, a bomb or code that runs is seen and hurts nobody.

One process imports what loading needs, and forks a child a file. The child has an audit hook: whatever Python compiles, runs, imports, starts, or
opens but for reading that very file is noted. The system counts its memory and time.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["MOST_BYTES", "MOST_SECONDS", "Outcome", "loaded"]

MOST_BYTES, MOST_SECONDS = 1 << 30, 5.0


class Outcome(NamedTuple):
    """What became of a file: the name of the exception ("" if a model was loaded, "signal 11" after a crash) and its message; the seconds and bytes
    that it took; and what ran that should not."""

    error: str
    message: str
    seconds: float
    memory: int
    events: list[str]


def loaded(files: Sequence[Path], instead: str | None = None) -> list[Outcome]:
    """Loads each file as a model, or as weights where it ends in .weights.h5. instead : a program that is run in place of the loading."""
    ended = subprocess.run(
        [sys.executable, __file__],
        input=json.dumps([[str(file) for file in files], instead]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return [Outcome(*line) for line in map(json.loads, ended.stdout.splitlines())]


NOTED = (
    "compile",
    "exec",
    "import",
    "os.",
    "subprocess.",
    "pickle.",
    "marshal.",
    "ctypes.",
    "socket.",
    "shutil.",
    "tempfile.",
    "code.",
    "open",
)


def _child(name: str, model: Any, instead: str | None, output: int) -> None:
    import os
    import resource
    import signal

    events: list[str] = []
    watching = False

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if not watching or not event.startswith(NOTED):
            return
        reads_the_file = event == "open" and arguments[0] in (name, None) and not int(str(arguments[2])) & os.O_ACCMODE
        if not reads_the_file:
            events.append(f"{event}{arguments}"[:200])

    signal.alarm(30)
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    sys.addaudithook(watch)
    error = message = ""
    watching = True
    try:
        _load(name, model) if instead is None else exec(instead)
    except BaseException as raised:
        watching = False
        error, message = type(raised).__name__, str(raised)
    watching = False
    os.write(output, json.dumps([error, message[:5000], events[:20]]).encode())


def _load(name: str, model: Any) -> None:
    from fastcnn import models

    if name.endswith(".weights.h5"):
        model.load_weights(name)
    else:
        models.load_model(name)


def _main() -> None:
    import bz2
    import difflib
    import lzma
    import os
    import tempfile
    import time
    import warnings

    from fastcnn import layers, models

    warnings.simplefilter("ignore")
    assert all((bz2, difflib, lzma))  # what is imported for an error or for the first file is, before anybody listens
    model = models.Sequential([layers.Input((6, 6, 1)), layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(3)])
    with tempfile.TemporaryDirectory() as folder:
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        for ending in (".keras", ".h5", ".weights.h5"):
            (model.save_weights if "weights" in ending else model.save)(f"{folder}/model{ending}")
            _load(f"{folder}/model{ending}", model)
    names, instead = json.load(sys.stdin)
    for name in names:
        here, there = os.pipe()
        start = time.monotonic()
        child = os.fork()
        if child == 0:
            try:
                _child(name, model, instead, there)
            finally:
                os._exit(0)
        os.close(there)
        with os.fdopen(here) as pipe:
            told = pipe.read()
        _, status, usage = os.wait4(child, 0)
        error, message, events = json.loads(told) if told else ("no answer", "", [])
        if os.WIFSIGNALED(status):
            error = f"signal {os.WTERMSIG(status)}"
        print(json.dumps([error, message, time.monotonic() - start, 1024 * usage.ru_maxrss, events]), flush=True)


if __name__ == "__main__":
    _main()
