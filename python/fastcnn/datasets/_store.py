"""Where data sets are looked for and kept on this machine, and how one that is missing is fetched.

Knows folders, archives and checksums; what is inside the files is the business of each data set's own module.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple

from ..errors import FormatError

__all__ = ["Archive", "fetch", "folders"]

_CHUNK = 1 << 18
_TIMEOUT = 30.0  # seconds without a byte


class Archive(NamedTuple):
    """A .tar.gz on the network, and the regular files in its one folder that are wanted, with their sizes in bytes."""

    url: str
    size: int
    md5: str
    folder: str
    members: Mapping[str, int]


def folders() -> list[Path]:
    """The folders for data sets, best first: what FASTCNN_DATA names, if anything, then the user's cache folder.

    The first is where a download goes. The cache folder is ~/Library/Caches/fastcnn on macOS, %LOCALAPPDATA%\\fastcnn
    on Windows, elsewhere $XDG_CACHE_HOME/fastcnn or ~/.cache/fastcnn. Raises FileNotFoundError where there is neither
    FASTCNN_DATA nor a home folder.
    """
    found = []
    if named := os.environ.get("FASTCNN_DATA"):
        found.append(Path(named).expanduser().absolute())
    try:
        found.append(_cache())
    except RuntimeError as error:  # pathlib's, for a user without a home
        if not found:
            raise FileNotFoundError(
                "this user has no home folder to keep data sets in: name one with FASTCNN_DATA"
            ) from error
    return found


def _cache() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "fastcnn"
    # The XDG specification wants a relative path ignored.
    named = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME", "")
    return (Path(named) if os.path.isabs(named) else Path.home() / ".cache") / "fastcnn"


def fetch(archive: Archive, root: Path) -> Path:
    """Download `archive`, verify it, and leave its wanted files in `root / archive.folder`, which is returned.

    Everything is written into a temporary folder inside `root` and renamed at the end in one step: whatever happens,
    `root` holds the whole data set or nothing new. Two processes may do so at once. A progress bar is shown where
    standard error is a terminal.

    Raises
    ------
    ConnectionError
        The network failed, or the transfer ended early.
    FormatError
        What came is not what was expected: size, checksum or contents.
    FileExistsError
        The target exists and holds something else. OSError: the folder cannot be written, or the disk is full.
    """
    import tempfile

    target = root / archive.folder
    root.mkdir(parents=True, exist_ok=True)
    if _occupied(target):
        raise FileExistsError(f"{target} is in the way of {archive.url}, which unpacks to it: move it or complete it")
    with tempfile.TemporaryDirectory(prefix=f".{archive.folder}-", suffix=".part", dir=root) as scratch:
        packed = Path(scratch, "archive.tar.gz")
        unpacked = Path(scratch, archive.folder)
        _download(archive, packed)
        _unpack(archive, packed, unpacked)
        _publish(archive, unpacked, target)
    return target


def _occupied(target: Path) -> bool:
    if target.is_dir() and not target.is_symlink():
        return any(target.iterdir())
    return os.path.lexists(target)


def open_url(url: str) -> IO[bytes]:
    """Open `url` for reading. Tests put something else here."""
    from urllib.request import urlopen

    response: IO[bytes] = urlopen(url, timeout=_TIMEOUT)
    return response


def _chunks(url: str) -> Iterator[bytes]:
    """What comes from `url`, piece by piece; every failure of the network is a ConnectionError."""
    from http.client import HTTPException
    from urllib.error import HTTPError

    try:
        with open_url(url) as response:
            while chunk := response.read(_CHUNK):
                yield chunk
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        if isinstance(error, HTTPError):
            reason = str(error)
            error.close()
        raise ConnectionError(f"{url}: {reason}") from None


def _download(archive: Archive, path: Path) -> None:
    import hashlib

    from tqdm import tqdm

    digest = hashlib.md5(usedforsecurity=False)
    received = 0
    name = archive.url.rpartition("/")[2]
    with open(path, "wb") as file, tqdm(total=archive.size, desc=name, unit="B", unit_scale=True, disable=None) as bar:
        for chunk in _chunks(archive.url):
            received += len(chunk)
            if received > archive.size:
                raise FormatError(f"{archive.url}: more than the {archive.size:,} bytes that were expected")
            file.write(chunk)
            digest.update(chunk)
            bar.update(len(chunk))
    if received < archive.size:
        raise ConnectionError(f"{archive.url}: the transfer ended after {received:,} of {archive.size:,} bytes")
    if digest.hexdigest() != archive.md5:
        raise FormatError(f"{archive.url}: the MD5 of what came is {digest.hexdigest()}, expected {archive.md5}")


def _unpack(archive: Archive, packed: Path, folder: Path) -> None:
    """Write the wanted members of `packed` into `folder`, under their own names; no other name is ever used."""
    import gzip
    import shutil
    import tarfile
    import zlib

    folder.mkdir()
    missing = dict(archive.members)
    try:
        with tarfile.open(packed, "r:gz") as tar:
            for member in tar:
                directory, _, name = member.name.rpartition("/")
                if directory != archive.folder or name not in archive.members:
                    continue
                if name not in missing:
                    raise FormatError(f"{archive.url}: holds {member.name} twice")
                if not member.isreg():
                    raise FormatError(f"{archive.url}: {member.name} is not a regular file")
                wanted = missing.pop(name)
                if member.size != wanted:
                    raise FormatError(
                        f"{archive.url}: {member.name} has {member.size:,} bytes, where {wanted:,} were expected"
                    )
                source = tar.extractfile(member)
                assert source is not None  # a regular file
                with source, open(folder / name, "xb") as file:
                    shutil.copyfileobj(source, file, _CHUNK)
                    file.flush()
                    os.fsync(file.fileno())
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise FormatError(f"{archive.url}: not a readable .tar.gz: {error}") from error
    if missing:
        raise FormatError(f"{archive.url}: has no {archive.folder}/{next(iter(missing))}")


def _publish(archive: Archive, unpacked: Path, target: Path) -> None:
    """Rename `unpacked` to `target`, so that it survives a loss of power; another process may have been faster."""
    _sync_folder(unpacked)
    with suppress(OSError):  # an empty folder is replaced by POSIX's rename, but not by Windows's
        target.rmdir()
    try:
        os.rename(unpacked, target)
    except OSError:
        if not all((target / name).is_file() for name in archive.members):
            raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    with suppress(PermissionError):  # Windows opens no folders
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
