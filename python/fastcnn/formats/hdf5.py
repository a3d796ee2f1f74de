"""`opened`: careful reading of HDF5 files that may come from anybody; `image`: the bytes of a new one. What the groups mean is not known here.

A file can name other files (external and soft links, external storage, virtual data sets): all of these are refused, so that loading a model reads
that model's file and nothing else. Whatever is wrong in a file is a FormatError that names the file and the place in it.
"""

from __future__ import annotations

import contextlib
import io
import math
import mmap
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import numpy.typing as npt

from fastcnn.errors import FormatError
from fastcnn.formats import hdf5_checks
from fastcnn.formats.place import Place, open_file

if TYPE_CHECKING:
    import h5py

__all__ = ["Node", "image", "opened"]

_LARGEST_CHUNK = 1 << 20  # bytes, or the data set's: HDF5 unpacks a chunk as a whole, however little of it is asked for


def image(fill: Callable[[h5py.File], object]) -> memoryview:
    """The bytes of a new file that `fill` fills. It is made in memory: on a full disk HDF5 fails in many words, and does not recover."""
    import h5py

    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        fill(file)
    return memory.getbuffer()


@contextlib.contextmanager
def opened(path: str | os.PathLike[str], content: bytes | None = None, place: str = "") -> Iterator[Node]:
    """The root of the file at `path`, open for reading until the block ends.

    content, place : of an HDF5 file that lies within another one, its bytes and its name there.

    Raises FileNotFoundError, PermissionError or IsADirectoryError as `open` does, and FormatError where it is no HDF5 file or a damaged one.
    """
    import h5py

    whole = Place(os.fspath(path), place)
    with contextlib.ExitStack() as stack:
        if content is None:  # HDF5's own errors do not tell a missing file from a foreign one
            mapped = stack.enter_context(_mapped(stack.enter_context(open_file(path))))
        hdf5_checks.check_file(whole, mapped if content is None else content)
        try:
            file = h5py.File(whole.file if content is None else io.BytesIO(content), "r")
        except Exception as error:
            raise whole.error(f"is a damaged HDF5 file ({error})") from error
        yield Node(whole, stack.enter_context(file), mapped if content is None else content)


def _mapped(file: BinaryIO) -> contextlib.AbstractContextManager[hdf5_checks.Content]:
    """The file's content; an empty file cannot be mapped."""
    if os.fstat(file.fileno()).st_size == 0:
        return contextlib.nullcontext(b"")
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


class Node(Place):
    """A group of an open file. `place` is its path in the file, for messages; the root's is empty."""

    def __init__(self, place: Place, group: h5py.Group, content: hdf5_checks.Content) -> None:
        super().__init__(place.file, place.place)
        self._group = group
        self._content = content  # the whole file's

    def count(self) -> int:
        """How many groups and data sets there are in this one."""
        with self._reading():
            return len(self._group)

    def __contains__(self, name: str) -> bool:
        with self._reading(name):
            return bool(self._group.id.links.exists(name.encode()))

    def group(self, name: str) -> Node:
        """The group of that name or path below this one."""
        import h5py

        found = self._follow(name)
        if not isinstance(found, h5py.Group):
            raise self.error("is no group", name)
        return Node(self.at(name), found, self._content)

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
            if found.chunks and math.prod(found.chunks) * found.dtype.itemsize > max(found.nbytes, _LARGEST_CHUNK):
                raise self.error(f"is kept in chunks of {found.chunks}, larger than its shape {shape}", name)
            return np.asarray(found[()])

    def has(self, attribute: str) -> bool:
        """Whether there is an attribute of that name."""
        with self._reading(attribute):
            return attribute in self._group.attrs

    def text(self, attribute: str) -> str | None:
        """The text of an attribute; None if there is none of that name."""
        value = self._attribute(attribute)
        if value is None:
            return None
        return self._decoded(value, attribute)

    def json(self, attribute: str) -> dict[str, Any] | None:
        """The JSON object that an attribute holds as text; None if there is no such attribute."""
        text = self.text(attribute)
        return None if text is None else self.parsed(text, attribute)

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
        import h5py

        with self._reading(name):
            hdf5_checks.check_attribute(self, self._content, h5py.h5o.get_info(self._group.id).addr, name)
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
