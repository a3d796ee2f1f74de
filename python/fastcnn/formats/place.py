"""`Place`, a file and a place in it: how every reader of files opens it, says what is wrong where, and how much memory a file may ask for.

What is in the file is not known here.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import Iterator
from typing import Any, BinaryIO

from fastcnn.errors import FormatError

__all__ = ["LONGEST_JSON", "Place", "open_file", "room"]

LONGEST_JSON = 8 << 20  # bytes of a model's description: thousands of layers
_LONGEST_MESSAGE = 600  # characters: a file may hold a name of megabytes
_FREE = 64 << 20  # bytes that any file may ask for
_GROWTH = 2  # beyond them: as many times its own size


def room(size: int) -> int:
    """The bytes that what a file of `size` bytes holds may take in memory: weights do not compress, so a file that asks for more lies."""
    return max(_FREE, _GROWTH * size)


def open_file(path: str | os.PathLike[str]) -> BinaryIO:
    """The file, open for reading. A pipe or a device, which may never answer, is a FormatError; otherwise raises what `open` does."""
    mode = os.stat(path).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise FormatError(f"{os.fspath(path)}: is a pipe or a device, but a file must be on a disk to be read")
    return open(path, "rb")


class Place:
    """A file, and a place in it such as "model_config/layer 1"; the file's own is empty."""

    def __init__(self, file: str, place: str = "") -> None:
        self.file = file
        self.place = place

    def at(self, *parts: str) -> Place:
        """The place below this one that the parts name."""
        return Place(self.file, "/".join(part for part in (self.place, *parts) if part))

    def where(self, *parts: str) -> str:
        """The file and the place in it of this one, or of a part of it."""
        place = self.at(*parts).place
        return f"{self.file}: {place}" if place else self.file

    def error(self, message: str, *where: str) -> FormatError:
        """The FormatError that says `message`, cut if it is endless, of this place or of the part of it that `where` names."""
        if len(message) > _LONGEST_MESSAGE:
            message = f"{message[:_LONGEST_MESSAGE]}..."
        return FormatError(f"{self.where(*where)}: {message}")

    def parsed(self, text: str | bytes, *where: str) -> dict[str, Any]:
        """The JSON object that `text` is. FormatError where it is none, or one of more than LONGEST_JSON bytes."""
        if len(text) > LONGEST_JSON:
            raise self.error(f"is a JSON text of {len(text):,} bytes, but at most {LONGEST_JSON:,} are read", *where)
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise self.error(f"is no JSON ({error})", *where) from error
        if not isinstance(value, dict):
            raise self.error(f"is a JSON {type(value).__name__}, but must be an object", *where)
        return value

    @contextlib.contextmanager
    def explained(self, *where: str, hint: str = "") -> Iterator[None]:
        """What a layer, loss or optimizer says of its config becomes the file's error. Configs of any shape may come, so any error may.

        hint : what can be done, after the message.
        """
        try:
            yield
        except (FormatError, MemoryError):
            raise
        except Exception as error:
            raise self.error(f"{error}{hint}", *where) from error
