"""Warnings that point to the user's own line. Private."""

from __future__ import annotations

import sys
import warnings

__all__: list[str] = []

_PACKAGE = __name__.partition(".")[0]


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """`warnings.warn`, at the innermost line that is not this package's."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
