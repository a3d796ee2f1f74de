"""What scripts ask of `keras.backend`: the layout and the precision, which are one here, and `clear_session`, which is that of `utils`."""

from __future__ import annotations

from fastcnn.utils import clear_session

__all__ = ["clear_session", "epsilon", "floatx", "image_data_format"]


def image_data_format() -> str:
    """ "channels_last": images are (N, height, width, channels)."""
    return "channels_last"


def floatx() -> str:
    """ "float32", of all weights and results."""
    return "float32"


def epsilon() -> float:
    """1e-7, within which of 0 and 1 losses let no probability come."""
    return 1e-7
