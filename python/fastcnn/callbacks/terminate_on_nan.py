"""`TerminateOnNaN`, which ends a training whose loss is lost."""

from __future__ import annotations

import math

from fastcnn.callbacks.base import Callback, Logs

__all__ = ["TerminateOnNaN"]


class TerminateOnNaN(Callback):
    """Stops the training after the first batch with which the epoch's loss is NaN or infinite, and says so.

    raise_error : True raises RuntimeError at once instead, so `on_train_end` is not called. Default False.

    The loss is looked at after each step, for which a GPU must be waited for.
    """

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = raise_error

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(loss):
            return
        if self.raise_error:
            raise RuntimeError(f"TerminateOnNaN: the loss is {loss} after batch {batch}")
        print(f"Batch {batch}: Invalid loss, terminating training", flush=True)
        self.model.stop_training = True
