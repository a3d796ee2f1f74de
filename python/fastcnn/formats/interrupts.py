"""`deferred`: Ctrl-C waits for the end of a block. h5py cleans up in weak references' callbacks, where Python drops every exception, and so the interruption."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

__all__ = ["deferred"]


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """What SIGINT would do within the block, it does at its end; a second one does it at once, for the block may hang on a dead disk.

    Only the main thread gets signals; in others this does nothing.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    came: list[Any] = []

    def keep(*arguments: Any) -> None:
        came.append(arguments)
        if len(came) > 1:
            before(*arguments)

    signal.signal(signal.SIGINT, keep)
    try:
        yield
    except KeyboardInterrupt:
        came.clear()  # the second one got through
        raise
    finally:
        signal.signal(signal.SIGINT, before)
        if came:  # also where the second one was dropped
            before(*came[0])
