"""The sizes of what sliding windows give, for convolution and pooling layers."""

from __future__ import annotations

from typing import Any

from fastcnn._arguments import unknown

__all__ = ["check_window", "output_size", "padding_name"]

_PADDINGS = ("valid", "same")


def padding_name(owner: str, padding: Any) -> str:
    """ "valid" or "same", from any case."""
    lower = padding.lower() if isinstance(padding, str) else padding
    if not isinstance(lower, str) or lower not in _PADDINGS:
        raise ValueError(unknown(owner, "padding", padding, _PADDINGS))
    return lower


def check_window(owner: str, argument: str, window: tuple[int, int], shape: tuple[int, ...], padding: str) -> None:
    """Refuses a window that is larger than the image, unless padding makes room for it."""
    if padding == "valid" and (window[0] > shape[0] or window[1] > shape[1]):
        raise ValueError(
            f"{owner}: {argument} {window} is larger than the image {shape[:2]}; padding='same' would make room for it"
        )


def output_size(
    shape: tuple[int, ...], window: tuple[int, int], strides: tuple[int, int], padding: str
) -> tuple[int, int]:
    """(P, Q) of an image (H, W, ...): P = ceil(H / stride) for "same", (H - R) // stride + 1 for "valid"."""
    if padding == "same":
        return -(-shape[0] // strides[0]), -(-shape[1] // strides[1])
    return (shape[0] - window[0]) // strides[0] + 1, (shape[1] - window[1]) // strides[1] + 1
