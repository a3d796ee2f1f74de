"""What HDF5's library trusts in a file and should not; `hdf5.py` calls these checks before the library reads.

The library (1.14.6) never ends where an object in a heap of texts says that it takes no room; it asks the system for as many bytes as a heap or a
text says that it has, before it sees that there are fewer. So heaps, and the attributes that are read, are walked here first, in the file's bytes.
Source: HDF5 File Format Specification 3.0, II.A (superblock), III.E (global heaps), IV.A (object headers).
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator

from fastcnn.formats.place import Place, room

__all__ = ["Content", "check_attribute", "check_file"]

Content = bytes | mmap.mmap

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_HEAP = b"GCOL\x01"  # a global heap's signature and version
_HEADER = struct.Struct("<8xQ")  # of a heap: signature, version, then its size
_OBJECT = struct.Struct("<H6xQ")  # of an object in it: its number, 0 for the free rest, references, then its size
_MOST_OBJECTS = 1_000_000
_HEADER_1, _MESSAGE_1 = struct.Struct("<BxH4xL4x"), struct.Struct("<HHB3x")  # an object's header, and a message in it
_MESSAGE_2 = struct.Struct("<BHB")  # the same in the newer layout
_BLOCK = struct.Struct("<QQ")  # where a header goes on, and in how many bytes
_MOST_BLOCKS = 1000
_ATTRIBUTE = struct.Struct("<BBHHH")  # version, flags, and the sizes of name, type and shape
_TEXT = struct.Struct("<L12x")  # a text's length, and the place in a heap where it lies
_CONTINUES, _IS_ATTRIBUTE, _TELLS_OF_ATTRIBUTES = 0x10, 0x0C, 0x15
_NUMBERS_AND_STRINGS, _VARIABLE = (0, 1, 3), 9  # classes of types


def check_file(place: Place, content: Content) -> None:
    """FormatError where `content` is no HDF5 file, has offsets of other than 8 bytes (nobody's models have), or a heap that does not add up."""
    if content[:8] != _SIGNATURE:
        raise place.error("is not an HDF5 file")
    widths = content[13:15] if content[8:9] < b"\x02" else content[9:11]
    if widths != b"\x08\x08":
        raise place.error("is a damaged HDF5 file (its offsets and lengths do not have 8 bytes)")
    objects = 0
    start = content.find(_HEAP)
    while start >= 0:
        objects += _objects(place, content, start, _MOST_OBJECTS - objects)
        start = content.find(_HEAP, start + 1)


def _objects(place: Place, content: Content, start: int, most: int) -> int:
    """How many objects the heap at `start` has."""
    size = _HEADER.unpack_from(content, start)[0] if start + _HEADER.size <= len(content) else 0
    end = start + size
    if size < _HEADER.size or end > len(content):
        raise place.error(f"is a damaged HDF5 file (a heap of {size:,} bytes does not fit into it)")
    count, at = 0, start + _HEADER.size
    while at + _OBJECT.size <= end:
        number, length = _OBJECT.unpack_from(content, at)
        taken = length if number == 0 else _OBJECT.size + (length + 7) // 8 * 8
        count += 1
        if taken < _OBJECT.size or at + taken > end or count > most:
            raise place.error(f"is a damaged HDF5 file (a heap's object of {length:,} bytes does not fit into it)")
        at += taken
    return count


def check_attribute(place: Place, content: Content, address: int, name: str) -> None:
    """FormatError where the attribute of that name, of the object whose header is at `address`, is neither numbers nor texts that the file can hold.

    An object with more attributes than its header has room for (some hundreds of kilobytes of names) is refused too. An attribute that is not
    there is no fault.
    """
    try:
        for kind, flags, message in _messages(content, address):
            if kind == _TELLS_OF_ATTRIBUTES and message[-16:-8] != b"\xff" * 8 and message[-8:] != b"\xff" * 8:
                raise place.error("has its attributes elsewhere in the file, which is not supported")
            if kind == _IS_ATTRIBUTE and (fault := _fault(message, flags, name, room(len(content)))):
                raise place.error(fault, name)
    except (struct.error, IndexError) as error:
        raise place.error(f"has a damaged header ({error})") from error


def _messages(content: Content, address: int) -> Iterator[tuple[int, int, bytes]]:
    """The type, flags and bytes of each message in an object's header, in either of its two layouts."""
    new = content[address : address + 4] == b"OHDR"
    if new:
        flags = content[address + 5]
        width = 1 << (flags & 3)
        at = address + 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
        blocks = [(at + width, int.from_bytes(content[at : at + width], "little"))]
    else:
        flags = 0
        blocks = [(address + _HEADER_1.size, _HEADER_1.unpack_from(content, address)[2])]
    layout, more = (_MESSAGE_2, 2 if flags & 4 else 0) if new else (_MESSAGE_1, 0)
    for start, size in blocks:  # which grow on the way
        at, end = start, min(start + size, len(content))
        while at + layout.size + more <= end:
            kind, length, shared = layout.unpack_from(content, at)
            at += layout.size + more
            message = content[at : min(at + length, end)]
            at += length
            if kind == _CONTINUES:
                place, there = _BLOCK.unpack_from(message)
                blocks.append((place + 4, there - 8) if new else (place, there))  # within a signature and a checksum
                if len(blocks) > _MOST_BLOCKS or place > len(content):
                    raise IndexError("it does not end")
            yield kind, shared, message


def _fault(message: bytes, flags: int, name: str, most: int) -> str | None:
    version, shared, *sizes = _ATTRIBUTE.unpack_from(message)
    at = _ATTRIBUTE.size + (1 if version == 3 else 0)
    parts = []
    for size in sizes:
        parts.append(message[at : at + size])
        at += (size + 7) // 8 * 8 if version == 1 else size
    written, kind, _ = parts
    if flags & 2 or written.rstrip(b"\0") != name.encode():
        return "is kept elsewhere in the file, which is not supported" if flags & 2 else None
    if version > 1 and shared:
        return "has a type that is kept elsewhere in the file, which is not supported"
    group = kind[0] & 15
    if group == _VARIABLE and kind[1] & 15 == 1:  # texts, of any lengths
        values = message[at:]
        if sum(length for (length,) in _TEXT.iter_unpack(values[: len(values) // 16 * 16])) > most:
            return "is a text longer than the file"
        return None
    return None if group in _NUMBERS_AND_STRINGS else "is neither numbers nor text"
