"""A data set comes whole over the network, verified, or it does not come at all and leaves nothing behind.

Against a server on 127.0.0.1 with a small archive; what load_data() gives is in test_datasets.py.
"""

import gzip
import hashlib
import io
import os
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastcnn.datasets import _store, cifar10
from fastcnn.errors import FormatError

N = 5  # records a file
FOLDER = "cifar-10-batches-bin"
NAMES = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]
CONTENT = {name: bytes([i]) * (N * 3073) for i, name in enumerate(NAMES)}

Member = tuple[str, Any]  # a name, and its bytes or a TarInfo of another kind


def packed(*more: Member, without: str = "", first: tuple[Member, ...] = ()) -> bytes:
    """The .tar.gz of the set, with other members before and after it."""
    whole = [(f"{FOLDER}/{name}", raw) for name, raw in CONTENT.items() if name != without]
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        folder = tarfile.TarInfo(FOLDER)
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for name, content in (*first, *whole, (f"{FOLDER}/readme.html", b"<html>"), *more):
            if isinstance(content, tarfile.TarInfo):
                content.name = name
                tar.addfile(content)
            else:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


def with_a_wrong_crc(content: bytes) -> bytes:
    """The archive without the zeros at its end, so that it is read up to gzip's checksum, and with another checksum."""
    raw = gzip.compress(gzip.decompress(content).rstrip(b"\0"))
    return raw[:-8] + bytes([raw[-8] ^ 1]) + raw[-7:]


def link(kind: bytes, to: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo()
    info.type = kind
    info.linkname = to
    return info


class Server(ThreadingHTTPServer):
    """Serves `content` at every path, in the manner that `answer` says (or with that status), and counts."""

    daemon_threads = True
    content = b""
    answer: str | int = "whole"
    requests = 0


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        content, answer = self.server.content, self.server.answer
        self.server.requests += 1
        if isinstance(answer, int):
            self.send_error(answer)
            return
        self.send_response(200)
        if answer != "cut off, unannounced":
            self.send_header("Content-Length", str(len(content) + (answer == "too long")))
        self.end_headers()
        self.wfile.write(content if answer in ("whole", "too long") else content[:-100])
        if answer == "too long":
            self.wfile.write(b"!")
        if answer == "stalled":
            time.sleep(1)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server with the whole set, and cifar10 told where it is and how long its files are."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(cifar10, "_RECORDS", N)
    with Server(("127.0.0.1", 0), Handler) as server:
        offer(server, packed(), monkeypatch)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def offer(server: Server, content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    server.content = content
    archive = _store.Archive(
        url=f"http://127.0.0.1:{server.server_port}/~kriz/cifar-10-binary.tar.gz",
        size=len(content),
        md5=hashlib.md5(content, usedforsecurity=False).hexdigest(),
        folder=FOLDER,
        members={name: len(raw) for name, raw in CONTENT.items()},
    )
    monkeypatch.setattr(cifar10, "ARCHIVE", archive)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of FASTCNN_DATA, which does not exist yet; the user's cache is empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FASTCNN_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def everything_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def is_complete(root: Path) -> bool:
    return everything_in(root) == sorted([FOLDER, *(f"{FOLDER}/{name}" for name in NAMES)]) and all(
        (root / FOLDER / name).read_bytes() == raw for name, raw in CONTENT.items()
    )


def test_what_is_missing_is_downloaded_once(server: Server, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        (x_train, y_train), (x_test, y_test) = cifar10.load_data()
        assert y_train[:, 0].tolist() == [i for i in range(5) for _ in range(N)]
        assert (y_test == 5).all()
        assert (x_train == y_train[:, :, None, None]).all()
        assert (x_test == 5).all()
    assert is_complete(root)
    assert server.requests == 1
    assert capsys.readouterr() == ("", "")  # no terminal, no bar


def test_without_a_named_folder_it_goes_to_the_cache(
    server: Server, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FASTCNN_DATA")
    cifar10.load_data()
    assert is_complete(tmp_path / "cache" / "fastcnn")
    assert not root.exists()


def test_a_folder_that_was_given_is_not_downloaded_into(server: Server, root: Path, tmp_path: Path) -> None:
    (tmp_path / "given").mkdir()
    with pytest.raises(FileNotFoundError, match="nothing is downloaded into a folder that is named"):
        cifar10.load_data(tmp_path / "given")
    assert server.requests == 0
    assert everything_in(tmp_path) == ["given"]


def test_a_terminal_sees_a_bar(server: Server, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    cifar10.load_data()
    assert "cifar-10-binary.tar.gz: 100%" in terminal.getvalue()


@pytest.mark.parametrize(("answer", "message"), [
    ("cut off", r"IncompleteRead|the transfer ended after [\d,]+ of [\d,]+ bytes"),
    ("cut off, unannounced", r"the transfer ended after [\d,]+ of [\d,]+ bytes"),
    ("stalled", "timed out"),
    (404, "HTTP Error 404: Not Found"),
    (503, "HTTP Error 503"),
])  # fmt: skip
def test_a_network_that_fails_leaves_nothing_and_an_error_with_advice(
    server: Server, root: Path, monkeypatch: pytest.MonkeyPatch, answer: str | int, message: str
) -> None:
    monkeypatch.setattr(_store, "_TIMEOUT", 0.2)
    server.answer = answer
    with pytest.raises(ConnectionError, match=message) as caught:
        cifar10.load_data()
    assert everything_in(root) == []
    for advice in (str(root), FOLDER, "--dataset digits", "--data-dir DIR", "FASTCNN_DATA", cifar10.ARCHIVE.url):
        assert advice in str(caught.value)
    server.answer = "whole"
    cifar10.load_data()
    assert is_complete(root)


def test_no_network_at_all_is_the_same_error(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def unknown(*args: Any, **kwargs: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConnectionError, match=r"www\.cs\.toronto\.edu.*Name or service.*--dataset digits"):
        cifar10.load_data()
    assert everything_in(root) == []


def test_the_address_is_the_official_one() -> None:
    assert cifar10.ARCHIVE.url == "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
    assert (cifar10.ARCHIVE.size, cifar10.ARCHIVE.md5) == (170_052_171, "c32a1d4ab5d03f1284b67883e8d87530")
    assert set(cifar10.ARCHIVE.members.items()) == {(name, 30_730_000) for name in NAMES}


def test_another_archive_is_refused(server: Server, root: Path) -> None:
    server.content = server.content[:-1] + bytes([server.content[-1] ^ 1])
    with pytest.raises(FormatError, match=rf"the MD5 of what came is [0-9a-f]{{32}}, expected {cifar10.ARCHIVE.md5}"):
        cifar10.load_data()
    assert everything_in(root) == []
    server.answer = "too long"
    with pytest.raises(FormatError, match=r"more than the .* bytes that were expected"):
        cifar10.load_data()
    assert everything_in(root) == []


@pytest.mark.parametrize(("content", "message"), [
    (packed(without=NAMES[2]), f"has no {FOLDER}/{NAMES[2]}"),
    (packed((f"other/{NAMES[2]}", CONTENT[NAMES[2]]), without=NAMES[2]), f"has no {FOLDER}/{NAMES[2]}"),
    (packed((f"{FOLDER}/{NAMES[0]}", b"again")), f"holds {FOLDER}/{NAMES[0]} twice"),
    (packed((f"{FOLDER}/{NAMES[2]}", b"short"), without=NAMES[2]), rf"{NAMES[2]} has 5 bytes, where 15,365"),
    (packed((f"{FOLDER}/{NAMES[2]}", link(tarfile.SYMTYPE, "/etc/passwd")), without=NAMES[2]), "not a regular file"),
    (packed((f"{FOLDER}/{NAMES[2]}", link(tarfile.LNKTYPE, NAMES[0])), without=NAMES[2]), "not a regular file"),
    (packed((f"{FOLDER}/{NAMES[2]}", link(tarfile.FIFOTYPE, "")), without=NAMES[2]), "not a regular file"),
    (b"<html>log in first</html>", "not a readable .tar.gz"),
    (packed()[:-300], "not a readable .tar.gz"),
    (b"", "not a readable .tar.gz"),
    (with_a_wrong_crc(packed()), "not a readable .tar.gz: CRC"),
], ids=["missing", "elsewhere", "twice", "short", "symbolic link", "hard link", "pipe", "a page", "cut", "empty", "wrong CRC"])  # fmt: skip
def test_an_archive_with_the_right_checksum_and_the_wrong_contents_is_refused(
    server: Server, root: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, message: str
) -> None:
    offer(server, content, monkeypatch)
    with pytest.raises(FormatError, match=message):
        cifar10.load_data()
    assert everything_in(root) == []


def test_a_damaged_archive_gives_the_whole_set_or_a_format_error(
    server: Server, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = packed()
    for at in range(0, len(raw), len(raw) // 40):
        offer(server, raw[:at] + bytes([raw[at] ^ 0x55]) + raw[at + 1 :], monkeypatch)
        try:
            _store.fetch(cifar10.ARCHIVE, root / str(at))
        except FormatError:
            assert everything_in(root / str(at)) == []
        else:
            assert everything_in(root / str(at)) == sorted([FOLDER, *(f"{FOLDER}/{name}" for name in NAMES)])


def test_names_that_lead_elsewhere_are_never_used(
    server: Server, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evil = (
        ("../x", b"x"), (f"{FOLDER}/../../x", b"x"), (f"../{FOLDER}/{NAMES[0]}", b"x"), (str(tmp_path / "x"), b"x"),
        (f"{FOLDER}/../{NAMES[0]}", b"x"), (f"{FOLDER}/sub/{NAMES[0]}", b"x"), (f"/{FOLDER}/{NAMES[0]}", b"x"),
        ("elsewhere", link(tarfile.SYMTYPE, "/tmp")), ("elsewhere/x", b"x"), (f"{FOLDER}/unknown.bin", b"x"),
    )  # fmt: skip
    offer(server, packed(*evil, first=evil), monkeypatch)
    cifar10.load_data()
    assert is_complete(root)
    assert os.listdir(tmp_path) == ["data"]


def test_an_interrupt_leaves_nothing(server: Server, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(url: str) -> Iterator[bytes]:
        yield server.content[:1000]
        raise KeyboardInterrupt

    monkeypatch.setattr(_store, "_chunks", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cifar10.load_data()
    assert everything_in(root) == []


def test_what_is_in_the_way_is_neither_overwritten_nor_downloaded_for(server: Server, root: Path) -> None:
    (root / FOLDER).mkdir(parents=True)
    (root / FOLDER / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match=f"{root / FOLDER} is in the way"):
        cifar10.load_data()
    assert server.requests == 0
    assert everything_in(root) == [FOLDER, f"{FOLDER}/notes.txt"]
    (root / FOLDER / "notes.txt").unlink()
    cifar10.load_data()
    assert is_complete(root)


def test_a_disk_that_is_full_is_not_called_a_network_that_failed(
    server: Server, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        cifar10.load_data()
    assert not isinstance(caught.value, ConnectionError)
    assert everything_in(root) == []


def test_two_processes_may_download_at_once(server: Server, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other is done first: its files are taken, ours go."""
    publish: Callable[..., None] = _store._publish

    def overtaken(archive: _store.Archive, unpacked: Path, target: Path) -> None:
        monkeypatch.setattr(_store, "_publish", publish)
        _store.fetch(archive, target.parent)
        publish(archive, unpacked, target)

    monkeypatch.setattr(_store, "_publish", overtaken)
    (_, y_train), _ = cifar10.load_data()
    assert np.bincount(y_train[:, 0]).tolist() == [N] * 5
    assert server.requests == 2
    assert is_complete(root)
