"""Lines for terminals, pipes and log files: what a name may do to them, and tables that fit into 80 columns. Private.

Names of files and classes may come from anybody, so nothing in them reaches a terminal but what can be printed.
"""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Sequence

__all__: list[str] = []

COLUMNS = 80


def printable(name: str) -> str:
    """The name with what cannot be printed (escape sequences, line breaks, bytes that are no UTF-8) as \\x1b and the like."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape", "backslashreplace").decode()
        for letter in name
    )


def width(text: str) -> int:
    """The columns that printable text takes: two for a wide letter (Chinese, emoji), none for an accent that stands on its own."""
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )


def padded(text: str, columns: int) -> str:
    """The text in exactly so many columns, at least 3: longer text ends in "..."."""
    if width(text) > columns:
        while width(text) > columns - 3:
            text = text[:-1]
        text += "..."
    return text + " " * (columns - width(text))


def table(head: Sequence[str], rows: Sequence[Sequence[str]], indent: str = "") -> str:
    """Names at the left, numbers at the right, within 80 columns; a name that is too long for that is cut.

    head : of every column; empty strings make no head line. rows : of as many cells each, the first a name that is printable.
    """
    lines = [row for row in [head, *rows] if any(row)]
    if not lines:
        return ""
    numbers = [max(width(row[column]) for row in lines) for column in range(1, len(head))]
    room = COLUMNS - len(indent) - sum(size + 2 for size in numbers)
    names = min(max(width(row[0]) for row in lines), room)
    return "\n".join(
        indent
        + padded(row[0], names)
        + "".join(f"  {cell:>{size}}" for cell, size in zip(row[1:], numbers, strict=True))
        for row in lines
    )


def wrapped(text: str, indent: str = "") -> str:
    """The text in lines of 80 columns, the later ones indented; a word that is longer stays whole."""
    return textwrap.fill(text, COLUMNS, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
