"""The errors that Python has no word for. Everything else is a ValueError, a TypeError or an OSError.

Each message is one sentence for the person who reads it: what was asked, what came, what was wanted.
"""

__all__ = ["DeviceError", "FormatError"]


class DeviceError(RuntimeError):
    """A device that was asked for cannot be used. The message says why, and what to do about it."""


class FormatError(ValueError):
    """A file does not hold what it should. The message begins with the file and names the place in it."""
