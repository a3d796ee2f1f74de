"""`replaced` and `write`: a file is written whole or not at all. Every format writes through them; what is in the file is not their business."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

__all__ = ["replaced", "write"]


def write(path: str | os.PathLike[str], content: bytes | memoryview) -> None:
    """Writes a file of that content, whole or not at all. Folders that are missing are made. Raises what `replaced` does."""
    with replaced(path, make_folders=True) as temporary:
        temporary.write_bytes(content)


@contextlib.contextmanager
def replaced(path: str | os.PathLike[str], *, make_folders: bool = False) -> Iterator[Path]:
    """Gives the path of an empty temporary file beside `path`; when the block ends, that file takes `path`'s place in one step.

    Whatever happens, an exception, Ctrl-C or a power cut, `path` is either the old file or the new one: the new one is on the disk before it
    gets the name. A block that raises leaves `path` as it was and no temporary file. The new file has the old one's permissions, or the
    usual ones if there was none; if `path` is a symbolic link, the file that it points to is replaced.

    make_folders : whether folders that are missing are made. Raises FileNotFoundError where they are missing and not made, PermissionError where
    `path` is a file that may not be written, IsADirectoryError where it is a folder, and OSError, naming `path`, for what else the system
    refuses, such as writing to a full disk.
    """
    target = Path(os.path.realpath(path))
    if make_folders:
        target.parent.mkdir(parents=True, exist_ok=True)
    _refuse_what_must_stay(target)
    temporary = target.with_name(f".{target.name[:50]}.{secrets.token_hex(8)}.tmp")
    # 0o666 less the umask, as any new file; tempfile's would be readable by nobody else.
    os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    try:
        yield temporary
        with contextlib.suppress(FileNotFoundError):
            shutil.copymode(target, temporary)
        _synchronize(temporary, os.O_RDWR)
        os.replace(temporary, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.errno is not None and error.filename in (None, os.fspath(temporary)):
            message = f"{error.strerror}; nothing was written, and what was there before is unchanged"
            raise OSError(error.errno, message, os.fspath(path)) from error
        raise
    _synchronize_folder(target.parent)


def _refuse_what_must_stay(target: Path) -> None:
    """A rename would replace what writing could not: a read-only file, a device."""
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(target))
    if target.exists() and not target.is_file():
        raise OSError(errno.EINVAL, "not a regular file", os.fspath(target))
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.fspath(target))


def _synchronize(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _synchronize_folder(folder: Path) -> None:
    """Without it a power cut may bring the old name back. Systems that cannot do it to a folder (Windows, some network disks) do without."""
    if os.name != "posix":
        return
    try:
        _synchronize(folder, os.O_RDONLY)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
