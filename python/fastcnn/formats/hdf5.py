"""`opened`: careful reading of HDF5 files that may come from anybody. What the groups mean is not known here; `keras_h5.py` knows.

A file can name other files (external and soft links, external storage, virtual data sets): all of these are refused, so that loading a model reads
that model's file and nothing else. Whatever is wrong in a file is a FormatError that names the file and the place in it.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastcnn.errors import FormatError

if TYPE_CHECKING:
    import h5py

__all__ = ["Node", "opened"]


@contextlib.contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[Node]:
    """The root of the file at `path`, open for reading until the block ends.

    Raises FileNotFoundError, PermissionError or IsADirectoryError as `open` does, and FormatError where it is no HDF5 file or a damaged one.
    """
    import h5py

    name = os.fspath(path)
    with open(name, "rb"):  # HDF5's own errors do not tell a missing file from a foreign one
        pass
    if not h5py.is_hdf5(name):
        raise FormatError(f"{name}: is not an HDF5 file")
    try:
        file = h5py.File(name, "r")
    except OSError as error:
        raise FormatError(f"{name}: is a damaged HDF5 file ({error})") from error
    with file:
        yield Node(name, file, "")


class Node:
    """A group of an open file. `place` is its path in the file, for messages; the root's is empty."""

    def __init__(self, file: str, group: h5py.Group, place: str) -> None:
        self.file = file
        self.place = place
        self._group = group

    def error(self, message: str, *where: str) -> FormatError:
        """The FormatError that says `message` of this node, or of the part of it that `where` names."""
        return FormatError(f"{self.where(*where)}: {message}")

    def where(self, *parts: str) -> str:
        """The file and the place in it of this node, or of a part of it."""
        place = "/".join(part for part in (self.place, *parts) if part)
        return f"{self.file}: {place}" if place else self.file

    def __contains__(self, name: str) -> bool:
        with self._reading(name):
            return bool(self._group.id.links.exists(name.encode()))

    def group(self, name: str) -> Node:
        """The group of that name or path below this one."""
        import h5py

        found = self._follow(name)
        if not isinstance(found, h5py.Group):
            raise self.error("is no group", name)
        return Node(self.file, found, f"{self.place}/{name}" if self.place else name)

    def array(self, name: str, shape: tuple[int, ...], kind: str) -> npt.NDArray[Any]:
        """The data set of that name or path below this one.

        shape : what its shape must be; it is compared before anything is read, so a file cannot ask for memory that nobody expects.
        kind : what its dtype may be, in numpy's letters: "f" for real, "iu" for whole numbers.
        """
        import h5py

        found = self._follow(name)
        if not isinstance(found, h5py.Dataset):
            raise self.error("is no data set", name)
        with self._reading(name):
            if found.external or found.is_virtual:
                raise self.error("keeps its values in another file, which is not opened", name)
            if found.shape != shape:
                raise self.error(f"has shape {found.shape}, but must have {shape}", name)
            if found.dtype.kind not in kind:
                wanted = "real" if kind == "f" else "whole"
                raise self.error(f"has dtype {found.dtype}, but must hold {wanted} numbers", name)
            return np.asarray(found[()])

    def text(self, attribute: str) -> str | None:
        """The text of an attribute; None if there is none of that name."""
        value = self._attribute(attribute)
        if value is None:
            return None
        return self._decoded(value, attribute)

    def json(self, attribute: str) -> dict[str, Any] | None:
        """The JSON object that an attribute holds as text; None if there is no such attribute."""
        text = self.text(attribute)
        if text is None:
            return None
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise self.error(f"is no JSON ({error})", attribute) from error
        if not isinstance(value, dict):
            raise self.error(f"is a JSON {type(value).__name__}, but must be an object", attribute)
        return value

    def names(self, attribute: str) -> list[str]:
        """The names that an attribute lists. A long list lies in `attribute`0, `attribute`1 and so on, as Keras splits it."""
        value = self._attribute(attribute)
        if value is not None:
            return self._list(value, attribute)
        names: list[str] = []
        chunk = 0
        while (value := self._attribute(f"{attribute}{chunk}")) is not None:
            names += self._list(value, f"{attribute}{chunk}")
            chunk += 1
        if not chunk:
            raise self.error(f"has no attribute {attribute!r}")
        return names

    def _list(self, value: Any, attribute: str) -> list[str]:
        if not isinstance(value, np.ndarray) or value.ndim != 1:
            raise self.error("is no list of names", attribute)
        return [self._decoded(item, attribute) for item in value]

    def _decoded(self, value: Any, attribute: str) -> str:
        try:
            text = value.decode("utf-8") if isinstance(value, bytes) else value
        except UnicodeDecodeError as error:
            raise self.error(f"is no UTF-8 text ({error})", attribute) from error
        if not isinstance(text, str):
            raise self.error(f"is no text, but {type(value).__name__}", attribute)
        return str(text)

    def _attribute(self, name: str) -> Any:
        with self._reading(name):
            return self._group.attrs.get(name)

    def _follow(self, path: str) -> Any:
        """The object at `path`, reached by hard links alone: the others, which may lead out of the file, are not even looked through."""
        import h5py

        found: Any = self._group
        for name in path.split("/"):
            with self._reading(path):
                if not name or not isinstance(found, h5py.Group) or not found.id.links.exists(name.encode()):
                    raise self.error("is missing", path)
                if found.id.links.get_info(name.encode()).type != h5py.h5l.TYPE_HARD:
                    raise self.error("is a link that may lead to another file, and is not followed", path)
                found = found[name]
        return found

    @contextlib.contextmanager
    def _reading(self, *where: str) -> Iterator[None]:
        """h5py raises whatever comes to its hand when a file is damaged."""
        try:
            yield
        except (FormatError, MemoryError):
            raise
        except Exception as error:
            raise self.error(f"cannot be read ({error})", *where) from error
