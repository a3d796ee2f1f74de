"""CIFAR-100: both layouts, both kinds of labels, what is broken, the download; on small files made here, since the set itself is 169 MB.

What CIFAR-10 shares with it (the folders, hostile pickles) is in test_datasets.py, and what can go wrong on the way in test_datasets_download.py.
"""

import hashlib
import io
import os
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastcnn.datasets import _cifar, _store, cifar10, cifar100, named
from fastcnn.errors import FormatError
from pickles import python2_dumps

SHARED = Path(os.environ.get("FASTCNN_SHARED") or Path(__file__).resolve().parents[2] / "shared")
TRAIN, TEST = 7, 4  # records
RECORD = 3074


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test finds the user's own data or reaches a network; the sets are small."""
    monkeypatch.delenv("FASTCNN_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(cifar100, "_TRAIN_RECORDS", TRAIN)
    monkeypatch.setattr(cifar100, "_TEST_RECORDS", TEST)
    monkeypatch.setattr(_cifar, "_CHUNK", 3)

    def refuse(url: str) -> Any:
        raise OSError("no network in tests")

    monkeypatch.setattr(_store, "open_url", refuse)


@pytest.fixture
def records() -> dict[str, bytes]:
    """The two files of the binary version: a coarse label, a fine label, 3,072 bytes of pixels."""
    random = np.random.default_rng(0)
    files = {}
    for name, count in (("train", TRAIN), ("test", TEST)):
        table = random.integers(0, 256, (count, RECORD), np.uint8)
        table[:, 0] = random.integers(0, 20, count)
        table[:, 1] = random.integers(0, 100, count)
        files[name] = table.tobytes()
    return files


def write_binary(folder: Path, records: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True)
    for name, raw in records.items():
        (folder / f"{name}.bin").write_bytes(raw)
    return folder


def write_pickled(folder: Path, records: dict[str, bytes], dumps: Callable[[Any], bytes], **more: Any) -> Path:
    """What the official python version holds for the same records."""
    folder.mkdir(parents=True)
    for name, raw in records.items():
        table = np.frombuffer(raw, np.uint8).reshape(-1, RECORD)
        batch = {
            b"filenames": [b"name.png"] * len(table),
            b"batch_label": b"training batch 1 of 1",
            b"fine_labels": table[:, 1].tolist(),
            b"coarse_labels": table[:, 0].tolist(),
            b"data": table[:, 2:].copy(),
        }
        (folder / name).write_bytes(dumps({**batch, **{key.encode(): value for key, value in more.items()}}))
    return folder


def assert_holds(loaded: Any, records: dict[str, bytes], label_byte: int) -> None:
    """Each pixel is where the definition of the format says, read here by plain loops."""
    for (x, y), name, count in zip(loaded, ("train", "test"), (TRAIN, TEST), strict=True):
        assert (x.shape, x.dtype, y.shape, y.dtype) == ((count, 32, 32, 3), np.uint8, (count, 1), np.uint8)
        assert x.flags.c_contiguous
        for n in range(count):
            record = records[name][n * RECORD : (n + 1) * RECORD]
            assert y[n, 0] == record[label_byte]
            for row, column in ((0, 0), (0, 31), (31, 0), (5, 17), (31, 31)):
                assert [record[2 + c * 1024 + row * 32 + column] for c in range(3)] == x[n, row, column].tolist()


def test_the_binary_version_is_read_pixel_by_pixel(tmp_path: Path, records: dict[str, bytes]) -> None:
    folder = write_binary(tmp_path / "any name", records)
    assert_holds(cifar100.load_data(data_dir=folder), records, 1)
    assert_holds(cifar100.load_data("fine", folder), records, 1)
    assert_holds(cifar100.load_data("coarse", folder), records, 0)


@pytest.mark.parametrize("protocol", ["python 2", 2, 4, 5])
def test_the_python_version_is_read_alike(tmp_path: Path, records: dict[str, bytes], protocol: Any) -> None:
    def dumps(thing: Any) -> bytes:
        return python2_dumps(thing) if protocol == "python 2" else pickle.dumps(thing, protocol)

    write_pickled(tmp_path / "cifar-100-python", records, dumps)
    assert_holds(cifar100.load_data(data_dir=str(tmp_path)), records, 1)
    assert_holds(cifar100.load_data(label_mode="coarse", data_dir=tmp_path), records, 0)


def test_the_folder_of_fastcnn_data_and_the_cache_are_searched(
    tmp_path: Path, records: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_binary(tmp_path / "cache" / "fastcnn" / "cifar-100-binary", records)
    assert_holds(cifar100.load_data(), records, 1)
    other = {name: bytes([3, 5]) + raw[2:] for name, raw in records.items()}
    write_pickled(tmp_path / "named" / "cifar-100-python", other, python2_dumps)
    monkeypatch.setenv("FASTCNN_DATA", str(tmp_path / "named"))
    assert_holds(cifar100.load_data("coarse"), other, 0)


def test_the_names_that_the_commands_use(tmp_path: Path, records: dict[str, bytes]) -> None:
    folder = write_binary(tmp_path / "set", records)
    for name, byte, names in (
        ("cifar100", 1, cifar100.CLASS_NAMES),
        ("cifar100-coarse", 0, cifar100.COARSE_CLASS_NAMES),
    ):
        loaded = named.load(name, folder)
        assert_holds((loaded.train, loaded.test), records, byte)
        assert loaded.class_names == names
    with pytest.raises(ValueError, match=r"here: dataset must be one of 'cifar10', .*, but is 'cifar-100'"):
        named.load("cifar-100", owner="here")
    with pytest.raises(ValueError, match="no data_dir for digits"):
        named.load("digits", folder)


def test_another_label_mode_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="label_mode must be 'fine' or 'coarse', but is 'superclass'"):
        cifar100.load_data("superclass")


@pytest.mark.parametrize(("change", "message"), [
    (lambda raw: raw[:-1], r"test\.bin: 12,295 bytes, where 4 records of 3,074 are 12,296"),
    (lambda raw: raw[:RECORD] + b"\x14" + raw[RECORD + 1 :], r"test\.bin: record 1 .* label 20, where 0 to 19"),
    (lambda raw: raw[: 3 * RECORD + 1] + b"\x64" + raw[3 * RECORD + 2 :], r"test\.bin: record 3 .* label 100, where 0 to 99"),
])  # fmt: skip
@pytest.mark.parametrize("label_mode", ["fine", "coarse"])
def test_a_broken_binary_file_is_named_whichever_labels_are_wanted(
    tmp_path: Path, records: dict[str, bytes], change: Callable[[bytes], bytes], message: str, label_mode: str
) -> None:
    folder = write_binary(tmp_path / "set", {**records, "test": change(records["test"])})
    with pytest.raises(FormatError, match=message):
        cifar100.load_data(label_mode, folder)


def test_a_broken_pickle_is_named(tmp_path: Path, records: dict[str, bytes]) -> None:
    folder = write_pickled(tmp_path / "set", records, python2_dumps, fine_labels=[100] * TRAIN)
    with pytest.raises(FormatError, match=r"train: record 0 .* label 100, where 0 to 99"):
        cifar100.load_data("fine", folder)
    with pytest.raises(FormatError, match=r"no_labels/train: 'fine_labels' is not a list of 7 integers"):
        cifar100.load_data("fine", write_pickled(tmp_path / "no_labels", records, python2_dumps, fine_labels=None))


def test_one_file_of_two_is_a_part_only_in_its_own_folder(tmp_path: Path, records: dict[str, bytes]) -> None:
    (tmp_path / "test").write_text("a file of somebody's")
    with pytest.raises(FileNotFoundError, match=r"no CIFAR-100 in .*cifar-100-binary and in cifar-100-python"):
        cifar100.load_data(data_dir=tmp_path)
    (write_binary(tmp_path / "cifar-100-binary", records) / "test.bin").unlink()
    with pytest.raises(FileNotFoundError, match=r"holds only a part of CIFAR-100, without test\.bin"):
        cifar100.load_data(data_dir=tmp_path)


def test_what_is_missing_is_downloaded_verified_and_kept(
    tmp_path: Path, records: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, raw in [(f"{name}.bin", raw) for name, raw in records.items()] + [("fine_label_names.txt", b"apple")]:
            info = tarfile.TarInfo(f"cifar-100-binary/{name}")
            info.size = len(raw)
            tar.addfile(info, io.BytesIO(raw))
    content = file.getvalue()
    asked = []

    def answer(url: str) -> Any:
        asked.append(url)
        return io.BytesIO(content)

    monkeypatch.setattr(_store, "open_url", answer)
    right = cifar100.ARCHIVE._replace(
        size=len(content),
        md5=hashlib.md5(content, usedforsecurity=False).hexdigest(),
        members={f"{name}.bin": len(raw) for name, raw in records.items()},
    )
    monkeypatch.setattr(cifar100, "ARCHIVE", right._replace(md5=cifar100.ARCHIVE.md5))
    with pytest.raises(FormatError, match=f"the MD5 of what came is {right.md5}, expected 03b5dce0"):
        cifar100.load_data()
    monkeypatch.setattr(cifar100, "ARCHIVE", right)
    assert_holds(cifar100.load_data(), records, 1)
    assert_holds(cifar100.load_data("coarse"), records, 0)
    assert asked == [right.url] * 2
    assert sorted(os.listdir(tmp_path / "cache" / "fastcnn" / "cifar-100-binary")) == ["test.bin", "train.bin"]


def test_without_a_network_the_error_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError, match=r"no CIFAR-100 in .*could not be downloaded.*--dataset digits"):
        cifar100.load_data()


def test_the_archive_is_the_published_one() -> None:
    archive = cifar100.ARCHIVE
    assert archive.url == "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz"
    assert (archive.size, archive.md5) == (168_513_733, "03b5dce01913d631647c71ecec9e9cb8")
    assert archive.members == {"train.bin": 50_000 * RECORD, "test.bin": 10_000 * RECORD}


def test_the_classes_are_a_hundred_and_twenty_in_the_order_of_the_alphabet() -> None:
    for names, count in ((cifar100.CLASS_NAMES, 100), (cifar100.COARSE_CLASS_NAMES, 20)):
        assert len(names) == len(set(names)) == count
        assert list(names) == sorted(names)
    assert not set(cifar100.CLASS_NAMES) & set(cifar10.CLASS_NAMES)


def test_the_real_folders_of_plants_are_classes_of_it() -> None:
    plants = SHARED / "data" / "cifar100-plants" / "test"
    if not plants.is_dir():
        pytest.skip(f"no {plants}; FASTCNN_SHARED names the folder whose data/ holds it")
    assert set(os.listdir(plants)) <= set(cifar100.CLASS_NAMES)
