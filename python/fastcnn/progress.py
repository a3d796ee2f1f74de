"""What `fit`, `evaluate` and `predict` print: a bar on a terminal, plain lines elsewhere. Private.

    verbose 0          nothing
    verbose 1, "auto"  on a terminal a bar, which gives way to one line when the epoch is done; in a pipe or a file that line alone
    verbose 2          the line alone, everywhere

Lines and bar fit into 80 columns for the usual names. Drawing is tqdm's, imported when the first bar is drawn.
"""

from __future__ import annotations

import sys
import time
from typing import Any

__all__: list[str] = []

_BETWEEN_DRAWINGS = 0.1  # seconds


def verbosity(verbose: object, where: str) -> int:
    """0, 1 or 2 from what the user passed ("auto" is 1). Raises ValueError for anything else."""
    if verbose == "auto":
        return 1
    if isinstance(verbose, (bool, int)) and int(verbose) in (0, 1, 2):
        return int(verbose)
    raise ValueError(f"{where}: verbose is {verbose!r}, but wanted is 'auto', 0, 1 or 2")


def number(value: float) -> str:
    """In six characters as a rule: 123.5, 1.525, 0.631, 0.0123, 1.2e-5."""
    size = abs(value)
    if 0 < size < 0.001:
        return f"{value:.1e}".replace("e-0", "e-")
    if 0 < size < 0.0995:
        return f"{value:.4f}"
    return f"{value:.4g}" if size >= 100 else f"{value:.3f}"


def seconds(duration: float) -> str:
    """A duration in few characters: 0.04s, 3.4s, 13s, 1:02:45."""
    if duration < 0.0995:
        return f"{duration:.2f}s"
    if duration < 9.95:
        return f"{duration:.1f}s"
    if duration < 599.5:
        return f"{duration:.0f}s"
    minutes, rest = divmod(round(duration), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def _left(duration: float) -> str:
    minutes, rest = divmod(round(duration), 60)
    return f"{minutes}:{rest:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def values(logs: dict[str, Any]) -> str:
    """The numbers of `logs`, the loss before the metrics and the training before the validation."""
    names = sorted(logs, key=lambda name: (name.startswith("val_"), name not in ("loss", "val_loss")))
    return " ".join(f"{name}={number(logs[name])}" for name in names if isinstance(logs[name], (int, float)))


class Progress:
    """The display of one pass over the data: `title`, then how much of it has been done, then one line.

    steps : of the pass, or None where nobody knows; the bar then has no end. A loop compares the time with `next_drawing` at every step, and calls
    `draw` when it has come: about ten times a second.
    """

    def __init__(self, title: str, steps: int | None, verbose: int) -> None:
        self._title = title
        self._steps = steps
        self._verbose = verbose
        self._bar: Any = None
        self._start = time.perf_counter()
        self.next_drawing = self._start + _BETWEEN_DRAWINGS if verbose == 1 and _is_terminal() else float("inf")

    def draw(self, steps: int, images: int, logs: dict[str, float]) -> None:
        """Shows that so many steps and images are done, with the values so far, the rate and the time that is left."""
        now = time.perf_counter()
        self.next_drawing = now + _BETWEEN_DRAWINGS
        if self._bar is None:
            self._bar = _bar(self._title, self._steps)
        state = f"{values(logs)} {images / (now - self._start):,.0f} images/s"
        if self._steps is not None:
            state += f" {_left((self._steps - steps) * (now - self._start) / steps)} left"
        self._bar.set_description_str(state.strip(), refresh=False)
        self._bar.n = steps
        self._bar.refresh()

    def close(self) -> None:
        """Takes the bar away; what was printed stays. Safe to call twice."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def finish(self, text: str) -> None:
        """Takes the bar away and prints the line that stays."""
        duration = time.perf_counter() - self._start
        self.close()
        if self._verbose:
            print(f"{self._title} {seconds(duration)} {text}".rstrip(), flush=True)


def _is_terminal() -> bool:
    return bool(getattr(sys.stdout, "isatty", lambda: False)())


def _bar(title: str, steps: int | None) -> Any:
    from tqdm import tqdm

    kind = type("Bar", (tqdm,), {"monitor_interval": 0})  # no thread that wakes up beside the training's
    layout = f"{title} {{percentage:3.0f}}%|{{bar}}| {{desc}}" if steps is not None else f"{title} {{n}} {{desc}}"
    return kind(total=steps, bar_format=layout, file=sys.stdout, leave=False, dynamic_ncols=True, mininterval=0)
