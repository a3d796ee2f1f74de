"""`Monitor`, the base of the callbacks that watch a value. Private."""

from __future__ import annotations

from fastcnn._warnings import warn
from fastcnn.callbacks.base import Callback

__all__ = ["Monitor"]


class Monitor(Callback):
    """Compares a value of the logs with the best so far: smaller is better for losses and errors, greater for accuracies, or as `mode` says."""

    def __init__(self, monitor: str, mode: str) -> None:
        super().__init__()
        if mode not in ("auto", "min", "max"):
            warn(f"{type(self).__name__} mode '{mode}' is unknown, fallback to auto mode.")
            mode = "auto"
        self.monitor = monitor
        self.mode = mode
        self.min_delta = 0.0
        self.best: float | None = None

    def _greater_is_better(self) -> bool:
        if self.mode != "auto":
            return self.mode == "max"
        name = self.monitor.removeprefix("val_")
        if name == "loss":
            return False
        metrics = zip(self.model.metrics_names[1:], self.model.metrics, strict=True)
        better = next((metric.greater_is_better for own, metric in metrics if own == name), None)
        if better is not None:
            return better
        raise ValueError(
            f"{type(self).__name__}: monitor '{self.monitor}' is neither a loss nor a compiled metric that says whether small or great is "
            "good; pass mode='min' or mode='max'"
        )

    def _is_improvement(self, value: float, reference: float | None) -> bool:
        if reference is None:
            return True
        return value - self.min_delta > reference if self._greater_is_better() else value + self.min_delta < reference
