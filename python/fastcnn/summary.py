"""The table that `Sequential.summary` prints, as Keras 3 draws it. Private."""

from __future__ import annotations

import shutil
import sys
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastcnn.layers import Layer
    from fastcnn.stack import Stack

__all__: list[str] = []

_WIDEST = 88  # columns, unless line_length says otherwise
_ENDS = (0.45, 0.80, 1.0)  # where the three columns end, as parts of the line
_HEADER = ("Layer (type)", "Output Shape", "Param #")
# Left, between, right and along: the top, the line under the header, the lines between rows, the bottom; then the bars of header and rows.
_LINES = ("┏┳┓━", "┡╇┩━", "├┼┤─", "└┴┘─", "┃", "│")
_ASCII_LINES = ("+++-", "+++=", "+++-", "+++-", "|", "|")


def table(model: Stack, line_length: int | None = None) -> str:
    """The summary as one text that ends in a newline: the layers, then the counts of parameters and their sizes.

    line_length : columns; None means those of the terminal less 4, at most 88. Raises ValueError where that is too narrow.
    """
    line_length = line_length or min(_WIDEST, shutil.get_terminal_size().columns - 4)
    ends = [int(end * line_length) for end in _ENDS]
    widths = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    if min(widths) < 5:
        raise ValueError(f"summary: line_length is {line_length}, which is too narrow for the table")
    inner = [widths[0] - 3, widths[1] - 4, widths[2] - 3]  # four bars, and a space at each side of a cell
    top, under, between, bottom, header_bar, bar = _LINES if _can_print("".join(_LINES)) else _ASCII_LINES
    rows = [_row([[cell] for cell in _HEADER], inner, header_bar)]
    body = [
        _row([_wrap(cell, width) for cell, width in zip(_fields(layer), inner, strict=True)], inner, bar)
        for layer in model.layers
    ]
    text = [f'Model: "{model.name}"', _line(top, inner), *rows, _line(under, inner)]
    for index, row in enumerate(body):
        text += [row] if index == 0 else [_line(between, inner), row]
    text += [_line(bottom, inner), *_counts(model)]
    return "\n".join(text) + "\n"


def _fields(layer: Layer | Stack) -> tuple[str, str, str]:
    shape = "?"
    if layer.built and layer.output_shape is not None:
        batch = () if layer.output_shape[:1] == (None,) else (None,)  # that of a model has it already
        shape = f"({', '.join(map(str, (*batch, *layer.output_shape)))})"
    count = f"{layer.count_params():,}" if layer.built else "0 (unbuilt)"
    return f"{layer.name} ({type(layer).__name__})", shape, count


def _counts(model: Stack) -> list[str]:
    trainable, frozen = (
        sum(variable.size for variable in variables)
        for variables in (model.trainable_weights, model.non_trainable_weights)
    )
    lines = [
        f" Trainable params: {trainable:,} ({_bytes(4 * trainable)})",
        f" Non-trainable params: {frozen:,} ({_bytes(4 * frozen)})",
    ]
    total, size = trainable + frozen, 4 * (trainable + frozen)
    optimizer = model.optimizer
    if optimizer is not None and optimizer.built:
        # Keras counts the step number (8 bytes) and the learning rate (4, if it is no schedule) among the optimizer's parameters.
        count = (2 if optimizer.schedule is None else 1) + len(optimizer.slots) * trainable
        lines.append(f" Optimizer params: {count:,} ({_bytes(4 * count + 4)})")
        total, size = total + count, size + 4 * count + 4
    return [f" Total params: {total:,} ({_bytes(size)})", *lines]


def _bytes(size: float) -> str:
    units = ["GB", "MB", "KB", "B"]
    while size >= 1024 and len(units) > 1:
        size /= 1024
        units.pop()
    return f"{size:.2f} {units[-1]}"


def _wrap(cell: str, width: int) -> list[str]:
    """The cell in lines of `width`; a single word that is longer ends in an ellipsis."""
    lines = textwrap.wrap(cell, width, break_long_words=False, break_on_hyphens=False) or [""]
    ellipsis = "…" if _can_print("…") else "~"
    return [line if len(line) <= width else line[: width - 1] + ellipsis for line in lines]


def _row(cells: list[list[str]], widths: list[int], bar: str) -> str:
    lines = []
    for index in range(max(map(len, cells))):
        parts = [cell[index] if index < len(cell) else "" for cell in cells]
        padded = [f"{parts[0]:<{widths[0]}}", f"{parts[1]:<{widths[1]}}", f"{parts[2]:>{widths[2]}}"]
        lines.append(bar + bar.join(f" {part} " for part in padded) + bar)
    return "\n".join(lines)


def _line(characters: str, widths: list[int]) -> str:
    left, between, right, along = tuple(characters)
    return left + between.join(along * (width + 2) for width in widths) + right


def _can_print(text: str) -> bool:
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True
