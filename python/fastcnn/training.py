"""The loops behind `Sequential.fit`, `evaluate` and `predict`: one call into the core a batch, and what Python does around it. Private.

What goes in has been checked by `models.py` and `arrays.py`; callbacks are in `callbacks.py`, what is printed in `progress.py`.
"""

from __future__ import annotations

import math
import time
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import _core
from .arrays import Array, step_function
from .callbacks import CallbackList
from .progress import Progress, values

if TYPE_CHECKING:
    from .models import Sequential
    from .plan import Plan

__all__: list[str] = []

_SHUFFLE = 2  # of Philox's (seed, step, purpose): the order of an epoch. 1 is the initial weights', see initializers.py
_now = time.perf_counter


class Data(NamedTuple):
    """Images and their labels, checked and ready for the plan."""

    x: Array
    y: Array


def fit(
    model: Sequential,
    plan: Plan,
    data: Data,
    validation: Data | None,
    *,
    batch_size: int,
    epochs: int,
    initial_epoch: int,
    shuffle: bool,
    verbose: int,
    callbacks: CallbackList,
) -> None:
    """Trains from `initial_epoch` up to `epochs`, and leaves what it saw in the History of `callbacks`."""
    model.stop_training = False
    callbacks.call("on_train_begin")
    logs: dict[str, Any] | None = None
    watch = _Watch()
    for epoch in range(initial_epoch, epochs):
        callbacks.call("on_epoch_begin", epoch)
        progress = Progress(f"Epoch {epoch + 1}/{epochs}", len(data.x), verbose)
        try:
            logs = _train_epoch(model, plan, data, batch_size, shuffle, callbacks, progress, lambda *at, epoch=epoch: watch(epoch, *at))
            if validation is not None:
                seen = evaluate(model, plan, validation, batch_size, callbacks)
                logs.update({f"val_{name}": value for name, value in seen.items()})
            progress.close()
            callbacks.call("on_epoch_end", epoch, logs)
            progress.finish(values(logs))
        finally:
            progress.close()
        if model.stop_training:
            break
    callbacks.call("on_train_end", logs)
