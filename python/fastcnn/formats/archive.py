"""`opened`: careful reading of zip archives that may come from anybody. What the members mean is not known here; `keras_v3.py` knows.

Nothing is unpacked to the disk: members are read into memory, by their exact names, each only as far as it may go. The list of members is
checked first, and an archive with one that no program would write innocently is refused as a whole.
"""

from __future__ import annotations

import contextlib
import os
import stat
import struct
import zipfile
from collections.abc import Iterator
from typing import BinaryIO

from fastcnn.formats.place import Place, open_file, room

__all__ = ["Archive", "opened"]

_LONGEST_LIST = 1 << 20  # bytes of the list of members
_END = struct.Struct(
    "<4s4H2LH"
)  # the end record: signature, four counts, the list's size and place, the comment's length
_END_SIGNATURE, _ZIP64_SIGNATURE, _ZIP64_SIZE = b"PK\x05\x06", b"PK\x06\x07", 20
_ENCRYPTED = 0x1 | 0x40 | 0x2000  # flags: a password, a strong one, a hidden list
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the other two unpack without a limit


@contextlib.contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[Archive]:
    """The archive at `path`, open for reading until the block ends.

    Raises FileNotFoundError, PermissionError or IsADirectoryError as `open` does, and FormatError, naming the file and the member, where it is no
    zip archive, is damaged, or has a member that is encrypted, named twice, a link, too large for its place in the file, or whose name leads out
    of a folder.
    """
    whole = Place(os.fspath(path))
    with open_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        _check_end(whole, file, size)
        with _reading(whole):
            archive = zipfile.ZipFile(file)
        with archive:
            _check_members(whole, archive.infolist())
            yield Archive(whole, archive, size)


class Archive(Place):
    """An open archive, whose members have innocent names. size : the bytes of the file."""

    def __init__(self, place: Place, archive: zipfile.ZipFile, size: int) -> None:
        super().__init__(place.file, place.place)
        self.size = size
        self._archive = archive

    def __contains__(self, name: str) -> bool:
        return name in self._archive.namelist()

    def read(self, name: str, longest: int) -> bytes:
        """The content of the member of that name. FormatError where it is missing, damaged, or has more than `longest` bytes."""
        if name not in self:
            raise self.error(f"has no member {name!r}")
        info = self._archive.getinfo(name)
        if info.file_size > longest:
            raise self.error(f"has {info.file_size:,} bytes, but at most {longest:,} are read", name)
        with _reading(self, name), self._archive.open(info) as member:
            content = member.read(info.file_size + 1)  # with a number, it never unpacks more than these
        if len(content) != info.file_size:
            raise self.error(f"has {len(content):,} bytes, but should have {info.file_size:,}", name)
        return content


def _check_end(whole: Place, file: BinaryIO, size: int) -> None:
    """Looks at the end record before `zipfile` reads the list of members, which may be of any length."""
    start = max(0, size - _END.size - 0xFFFF)
    file.seek(start)
    tail = file.read()
    at = len(tail) - _END.size
    if at < 0 or tail[at : at + 4] != _END_SIGNATURE or tail[-2:] != b"\0\0":
        at = tail.rfind(_END_SIGNATURE)
    if at < 0 or len(tail) - at < _END.size:
        raise whole.error("is not a zip archive, or is cut off")
    list_size = _END.unpack_from(tail, at)[5]
    if tail[max(0, at - _ZIP64_SIZE) : at].startswith(_ZIP64_SIGNATURE):
        raise whole.error("is an archive of more than 4 GB or 65,535 members, which is not supported")
    if list_size > _LONGEST_LIST:
        raise whole.error(f"has a list of members of {list_size:,} bytes, but at most {_LONGEST_LIST:,} are read")
    file.seek(0)


def _check_members(whole: Place, members: list[zipfile.ZipInfo]) -> None:
    names: set[str] = set()
    for member in members:
        name = member.orig_filename
        fault = _fault(member, name, name in names)
        if fault is not None:
            raise whole.error(f"the member {name[:200]!r} {fault}")
        names.add(name)


def _fault(member: zipfile.ZipInfo, name: str, known: bool) -> str | None:
    mode = member.external_attr >> 16
    parts = name.removesuffix("/").split("/")
    if not name.isprintable() or "\\" in name or ":" in name or any(part in ("", ".", "..") for part in parts):
        return "has a name that leads elsewhere, which no model's has"
    if known:
        return "is there twice"
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link or a device, not a file"
    if member.flag_bits & _ENCRYPTED:
        return "is encrypted"
    if member.compress_type not in _METHODS:
        return f"is compressed by method {member.compress_type}, but only stored and deflated ones are read"
    if member.compress_type == zipfile.ZIP_STORED and member.file_size != member.compress_size:
        return f"is stored in {member.compress_size:,} bytes, but should have {member.file_size:,}"
    if member.file_size > room(member.compress_size):
        return f"unpacks {member.compress_size:,} bytes to {member.file_size:,}, more than any model's does"
    return None


@contextlib.contextmanager
def _reading(place: Place, *where: str) -> Iterator[None]:
    """zipfile raises whatever comes to its hand when a file is damaged."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        raise place.error(f"is damaged ({error})", *where) from error
