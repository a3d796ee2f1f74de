"""`LambdaCallback`, a callback made of functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastcnn._arguments import unrecognized
from fastcnn.callbacks.base import Callback

__all__ = ["LambdaCallback"]

Hook = Callable[..., Any] | None
_HOOKS = [name for name in vars(Callback) if name.startswith(("on_", "set_"))]


class LambdaCallback(Callback):
    """A callback whose hooks are the functions given: those below, and any other of `Callback` by its name (`on_test_end=...`).

    `on_epoch_begin` and `on_epoch_end` are called with (epoch, logs), those of batches with (batch, logs), the others with (logs). None, the
    default, does nothing.

    Raises ValueError for a name that is no hook. (Keras keeps it as an attribute.)
    """

    def __init__(
        self,
        on_epoch_begin: Hook = None,
        on_epoch_end: Hook = None,
        on_train_begin: Hook = None,
        on_train_end: Hook = None,
        on_train_batch_begin: Hook = None,
        on_train_batch_end: Hook = None,
        **kwargs: Hook,
    ) -> None:
        super().__init__()
        unrecognized("LambdaCallback", {name: hook for name, hook in kwargs.items() if name not in _HOOKS}, _HOOKS)
        hooks: dict[str, Hook] = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **kwargs,
        }
        self.__dict__.update({name: hook for name, hook in hooks.items() if hook is not None})
