"""formats/atomic.py: a file is the old one or the new one, whatever happens while it is written."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fastcnn.formats.atomic import replaced

OLD, NEW = b"the old file", b"the new file"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "model.h5"
    path.write_bytes(OLD)
    return path


def write(path: Path, content: bytes = NEW) -> None:
    with replaced(path) as temporary:
        temporary.write_bytes(content)


def test_new_and_old_files_are_written(target: Path) -> None:
    for path in (target, target.with_name("other.h5")):
        write(path)
        assert path.read_bytes() == NEW
    assert sorted(path.name for path in target.parent.iterdir()) == ["model.h5", "other.h5"]


def test_content_reaches_the_disk_before_the_name_and_the_folder_after(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, os.replace

    def watched_fsync(descriptor: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def watched_replace(source: Any, destination: Any) -> None:
        assert Path(source).read_bytes() == NEW
        done.append("rename")
        replace(source, destination)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "replace", watched_replace)
    write(target)
    assert done == ["file", "rename", "folder"]


@pytest.mark.parametrize("failing", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_failure_leaves_the_old_file_alone(
    target: Path, monkeypatch: pytest.MonkeyPatch, failing: str, error: BaseException
) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(type(error)):
        write(target)
    assert target.read_bytes() == OLD
    assert list(target.parent.iterdir()) == [target]


def test_exception_in_the_block_leaves_the_old_file_alone(target: Path) -> None:
    def write_half() -> None:
        with replaced(target) as temporary:
            temporary.write_bytes(b"half of it")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_half()
    assert target.read_bytes() == OLD
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_killed_process_leaves_the_old_file(target: Path, moment: str) -> None:
    program = (
        "import os, signal, sys\n"
        "from fastcnn.formats.atomic import replaced\n"
        f"os.{moment} = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "with replaced(sys.argv[1]) as temporary:\n"
        f"    temporary.write_bytes({NEW!r})\n"
    )
    assert subprocess.run([sys.executable, "-c", program, str(target)], check=False).returncode < 0
    assert target.read_bytes() == OLD


def test_permissions_are_the_old_file_s_or_the_usual_ones(target: Path) -> None:
    target.chmod(0o640)
    write(target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    umask = os.umask(0o027)
    try:
        write(target.with_name("other.h5"))
    finally:
        os.umask(umask)
    assert stat.S_IMODE(target.with_name("other.h5").stat().st_mode) == 0o640


def test_symbolic_link_stays_one(target: Path) -> None:
    link = target.with_name("latest.h5")
    link.symlink_to(target.name)
    write(link)
    assert link.is_symlink()
    assert target.read_bytes() == NEW


def test_long_name_has_room_for_a_temporary_one(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 255)
    write(path)
    assert path.read_bytes() == NEW


def test_what_a_rename_would_destroy_is_refused(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(IsADirectoryError):
        write(target.parent)
    with pytest.raises(FileNotFoundError):
        write(target.parent / "missing" / "model.h5")
    pipe = target.with_name("pipe")
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="not a regular file"):
        write(pipe)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    monkeypatch.setattr(os, "access", lambda *_: False)  # as for a read-only file; the superuser may write all
    with pytest.raises(PermissionError):
        write(target)
    assert target.read_bytes() == OLD


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.EIO])
def test_folder_that_cannot_be_synchronized(target: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Some systems cannot at all, which is borne; an error of the disk is told."""
    fsync = os.fsync

    def refuse_folders(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", refuse_folders)
    if number == errno.EIO:
        with pytest.raises(OSError, match=os.strerror(number)):
            write(target)
    else:
        write(target)
    assert target.read_bytes() == NEW
