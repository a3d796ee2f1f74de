"""The data sets: what load_data() gives, where it looks, and that nothing broken or hostile gets through.

The download has its own file, test_datasets_download.py.
"""

import contextlib
import hashlib
import os
import pickle
import subprocess
import sys
import tracemalloc
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastcnn.datasets import _cifar, _pickles, _store, cifar10, digits
from fastcnn.errors import FormatError
from pickles import python2_dumps

SHARED = Path(os.environ.get("FASTCNN_SHARED") or Path(__file__).resolve().parents[2] / "shared")
N = 7  # records a file in the small sets made here
NAMES = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
FOLDER = "cifar-10-batches-bin"


# ---------------------------------------------------------------------------------------------------------------------
# digits


def test_digits_have_the_shapes_of_cifar10() -> None:
    for (x, y), n in zip(digits.load_data(), (1437, 360), strict=True):
        assert x.shape == (n, 32, 32, 3)
        assert x.dtype == np.uint8
        assert x.flags.c_contiguous
        assert y.shape == (n, 1)
        assert y.dtype == np.uint8
        assert x.min() == 0
        assert x.max() == 255
    assert list(digits.CLASS_NAMES) == [str(i) for i in range(10)]


def test_digits_are_the_published_ones_and_the_note_beside_them_says_so() -> None:
    with np.load(digits._FILE, allow_pickle=False) as file:
        images, labels = file["images"], file["labels"]
    checksum = hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()
    note = Path(digits.__file__).with_name("digits.LICENSE.md").read_text()
    assert checksum in note
    assert "CC BY 4.0" in note
    assert "10.24432/C50P49" in note
    assert images.max() == 16
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_every_value_of_a_digit_fills_its_block() -> None:
    (x, _), _ = digits.load_data()
    small = x[:, ::4, ::4, :1]
    assert (x.reshape(-1, 8, 4, 8, 4, 3) == small.reshape(-1, 8, 1, 8, 1, 1)).all()


def test_the_split_of_the_digits_is_every_fifth_of_those_ordered_by_class() -> None:
    with np.load(digits._FILE, allow_pickle=False) as file:
        images, labels = file["images"], file["labels"].tolist()
    test = sorted(sorted(range(1797), key=lambda i: labels[i])[::5])
    train = sorted(set(range(1797)) - set(test))
    for (x, y), rows in zip(digits.load_data(), (train, test), strict=True):
        assert y[:, 0].tolist() == [labels[i] for i in rows]
        assert np.abs(x[:, ::4, ::4, 0] - images[rows] * (255 / 16)).max() <= 0.5
        assert np.abs(np.bincount(y[:, 0]) / len(rows) - np.bincount(labels) / 1797).max() < 1 / 360  # stratified


# ---------------------------------------------------------------------------------------------------------------------
# CIFAR-10, small: sets of N records a file, in both layouts


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test finds the user's own data, writes into the user's cache, or reaches a network without saying so."""
    monkeypatch.delenv("FASTCNN_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def refuse(url: str) -> Any:
        raise OSError("no network in tests")

    monkeypatch.setattr(_store, "open_url", refuse)


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """The six files of a binary set of N records each, and cifar10 told that this is their length."""
    monkeypatch.setattr(cifar10, "_RECORDS", N)
    monkeypatch.setattr(_cifar, "_CHUNK", 3)
    random = np.random.default_rng(0)
    files = {}
    for name in NAMES:
        raw = random.integers(0, 256, (N, 3073), np.uint8)
        raw[:, 0] = random.integers(0, 10, N)
        files[name] = raw.tobytes()
    return files


def write_binary(folder: Path, records: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True)
    for name, raw in records.items():
        (folder / f"{name}.bin").write_bytes(raw)
    return folder


def batch_of(raw: bytes) -> dict[bytes, Any]:
    """What the official python version holds for the same records."""
    table = np.frombuffer(raw, np.uint8).reshape(-1, 3073)
    return {
        b"batch_label": b"training batch",
        b"labels": table[:, 0].tolist(),
        b"data": table[:, 1:].copy(),
        b"filenames": [b"name.png"] * len(table),
    }


def write_pickled(folder: Path, records: dict[str, bytes], dumps: Callable[[Any], bytes]) -> Path:
    folder.mkdir(parents=True)
    for name, raw in records.items():
        (folder / name).write_bytes(dumps(batch_of(raw)))
    return folder


def assert_holds(loaded: Any, records: dict[str, bytes]) -> None:
    """Each pixel is where the definition of the format says, read here by plain loops."""
    (x_train, y_train), (x_test, y_test) = loaded
    for x, y, n in ((x_train, y_train, 5 * N), (x_test, y_test, N)):
        assert x.shape == (n, 32, 32, 3)
        assert x.dtype == np.uint8
        assert x.flags.c_contiguous
        assert y.shape == (n, 1)
        assert y.dtype == np.uint8
    raw = b"".join(records[name] for name in NAMES)
    x, y = np.concatenate([x_train, x_test]), np.concatenate([y_train, y_test])
    for n in range(6 * N):
        record = raw[n * 3073 : (n + 1) * 3073]
        assert y[n, 0] == record[0]
        for row, column in ((0, 0), (0, 31), (31, 0), (5, 17), (31, 31)):
            assert [record[1 + c * 1024 + row * 32 + column] for c in range(3)] == x[n, row, column].tolist()


def test_the_binary_version_is_read_pixel_by_pixel(tmp_path: Path, records: dict[str, bytes]) -> None:
    assert_holds(cifar10.load_data(write_binary(tmp_path / "any name", records)), records)


@pytest.mark.parametrize("protocol", ["python 2", 2, 4, 5])
def test_the_python_version_is_read_alike(tmp_path: Path, records: dict[str, bytes], protocol: Any) -> None:
    def dumps(thing: Any) -> bytes:
        return python2_dumps(thing) if protocol == "python 2" else pickle.dumps(thing, protocol)

    write_pickled(tmp_path / "cifar-10-batches-py", records, dumps)
    assert_holds(cifar10.load_data(str(tmp_path)), records)


def test_folders_are_searched_in_order(
    tmp_path: Path, records: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def first_label() -> int:
        return int(cifar10.load_data()[0][1][0, 0])

    def starting_with(label: int) -> dict[str, bytes]:
        return {**records, "data_batch_1": bytes([label]) + records["data_batch_1"][1:]}

    named = tmp_path / "named"
    monkeypatch.setenv("FASTCNN_DATA", str(named))
    write_binary(tmp_path / "cache" / "fastcnn" / FOLDER, starting_with(3))
    assert first_label() == 3
    write_pickled(named / "cifar-10-batches-py", starting_with(4), python2_dumps)
    assert first_label() == 4
    write_binary(named / FOLDER, starting_with(5))
    assert first_label() == 5
    monkeypatch.setenv("FASTCNN_DATA", "")
    assert first_label() == 3
    assert int(cifar10.load_data(named)[0][1][0, 0]) == 5
    with pytest.raises(FileNotFoundError, match=r"no CIFAR-10 in .*elsewhere"):
        cifar10.load_data(tmp_path / "elsewhere")


def test_the_cache_follows_the_platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache" / "fastcnn"
    assert _store.folders() == [cache]
    monkeypatch.setenv("FASTCNN_DATA", "~/data")
    assert _store.folders() == [tmp_path / "home" / "data", cache]
    monkeypatch.delenv("FASTCNN_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert _store.folders() == [tmp_path / "home" / ".cache" / "fastcnn"]
    monkeypatch.setattr(sys, "platform", "darwin")
    assert _store.folders() == [tmp_path / "home" / "Library" / "Caches" / "fastcnn"]
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    with pytest.raises(FileNotFoundError, match="FASTCNN_DATA"):
        _store.folders()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FASTCNN_DATA", "data")
    assert _store.folders() == [tmp_path / "data"]


def test_a_part_of_the_set_is_an_error_that_says_what_is_missing(tmp_path: Path, records: dict[str, bytes]) -> None:
    folder = write_binary(tmp_path / "cache" / "fastcnn" / FOLDER, records)
    (folder / "data_batch_3.bin").unlink()
    with pytest.raises(FileNotFoundError, match=rf"{folder} holds only a part of CIFAR-10, without data_batch_3\.bin"):
        cifar10.load_data()


@pytest.mark.parametrize(("spoil", "message"), [
    (lambda raw: raw[:-1], rf"data_batch_4\.bin: {N * 3073 - 1:,} bytes, where 7 records of 3,073 are {N * 3073:,}"),
    (lambda raw: b"", r"data_batch_4\.bin: 0 bytes"),
    (lambda raw: raw + raw, r"data_batch_4\.bin: 43,022 bytes"),
    (lambda raw: raw[: 5 * 3073] + b"\x0a" + raw[5 * 3073 + 1 :], r"data_batch_4\.bin: record 5 .* label 10"),
])  # fmt: skip
def test_a_broken_binary_file_is_named(
    tmp_path: Path, records: dict[str, bytes], spoil: Callable[[bytes], bytes], message: str
) -> None:
    write_binary(tmp_path / "set", {**records, "data_batch_4": spoil(records["data_batch_4"])})
    with pytest.raises(FormatError, match=message):
        cifar10.load_data(tmp_path / "set")


class Calls:
    """Pickles to a call of `function`, as a hostile file does it."""

    def __init__(self, function: Any, *args: Any, state: Any = None) -> None:
        self.reduced = (function, args) if state is None else (function, args, state)

    def __reduce__(self) -> Any:
        return self.reduced


@pytest.mark.parametrize(("change", "message"), [
    ({b"labels": [0] * (N - 1)}, "'labels' is not a list of 7 integers"),
    ({b"labels": [0.0] * N}, "'labels' is not a list of 7 integers"),
    ({b"labels": [0, 1, -1] + [0] * (N - 3)}, "record 2 .* label -1"),
    ({b"labels": [0, 10**30] + [0] * (N - 2)}, "record 1 .* label 10{30}"),
    ({b"data": np.zeros((N, 3071), np.uint8)}, r"'data' is \(7, 3071\)"),
    ({b"data": np.zeros((N, 3072), np.float32)}, "dtype '?b?'?f4'?"),
    ({b"data": np.zeros((N, 3072), object)}, "dtype '?b?'?O8'?"),
    ({b"data": [1, 2, 3]}, "'data' is list"),
    ({b"data": Calls(np.ndarray)}, r"'data' is \(0,\)"),
])  # fmt: skip
def test_a_foreign_pickle_is_named(tmp_path: Path, records: dict[str, bytes], change: Any, message: str) -> None:
    folder = write_pickled(tmp_path / "set", records, python2_dumps)
    spoilt = {**batch_of(records["data_batch_2"]), **change}
    (folder / "data_batch_2").write_bytes(pickle.dumps(spoilt, 2))
    with pytest.raises(FormatError, match=f"data_batch_2: .*{message}"):
        cifar10.load_data(folder)


def test_a_hostile_pickle_is_refused_and_not_run(tmp_path: Path, records: dict[str, bytes]) -> None:
    folder = write_pickled(tmp_path / "set", records, python2_dumps)
    hostile = {
        "posix.system": Calls(os.system, f"touch {tmp_path / 'run'}"),
        "builtins.eval": Calls(eval, "1"),
        "builtins.getattr": Calls(getattr, 1, "real"),
        "numpy.load": Calls(np.load, "x"),
        "collections.OrderedDict": OrderedDict(),
    }
    for name, thing in hostile.items():
        for protocol in (0, 2, 4):
            raw = pickle.dumps({b"data": thing}, protocol)
            (folder / "data_batch_1").write_bytes(raw)
            spelt = name.replace("builtins", "(builtins|__builtin__)").replace("posix", "(posix|nt)")
            with pytest.raises(FormatError, match=f"data_batch_1: the pickle asks for {spelt}"):
                cifar10.load_data(folder)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("program", [
    b"cnumpy.core.multiarray\n_reconstruct\n}S'__new__'\nI1\nsb.",  # a state for the class, which must not change
    b"c_codecs\nencode\n(N}V__new__\nI1\nstb.",  # the same, as slots
    b"c_codecs\nencode\n(Vtext\nVzlib\ntR.",
    b"c_codecs\nencode\n(S'text'\nVlatin1\ntR.",
    b"cnumpy.core.multiarray\n_reconstruct\n(c_codecs\nencode\n(I0\ntS'b'\ntR.",
    b"cnumpy\nndarray\n(tR(I1\n(I-1\ntcnumpy\ndtype\n(S'u1'\ntRI00\nS''\ntb.",
    b"cnumpy.core.numeric\n_frombuffer\n(I1\nI2\nI3\nI4\ntR.",
    b"\x80\x02r\xff\xff\xff\xff.", b"\x80\x05\x8e\xff\xff\xff\xff\xff\xff\xff\x7f", b"P1\n.", b"", b".", b"\x80\x63.",
    b"version https://git-lfs.github.com/spec/v1\n",
])  # fmt: skip
def test_a_pickle_that_is_no_batch_is_a_format_error(tmp_path: Path, program: bytes) -> None:
    (tmp_path / "batch").write_bytes(program)
    with pytest.raises(FormatError, match="batch: "):
        _pickles.load(tmp_path / "batch", 1000)


def test_damaged_pickles_end_in_a_batch_or_a_format_error(tmp_path: Path, records: dict[str, bytes]) -> None:
    raw = python2_dumps(batch_of(records["test_batch"][: 2 * 3073]))
    random = np.random.default_rng(3)
    path = tmp_path / "batch"
    for trial in range(300):
        spoilt = bytearray(raw if trial % 3 else raw[: random.integers(1, len(raw))])
        for _ in range(trial % 4):
            start = random.integers(0, 300) if trial % 2 else random.integers(0, len(raw))  # opcodes are at the front
            spoilt[start % len(spoilt)] = random.integers(0, 256)
        path.write_bytes(spoilt)
        with contextlib.suppress(FormatError):
            _pickles.load(path, 1 << 20)


def test_a_pickle_of_unlikely_size_is_not_even_opened(tmp_path: Path) -> None:
    (tmp_path / "batch").write_bytes(b"I12\n.")
    assert _pickles.load(tmp_path / "batch", 5) == 12
    with pytest.raises(FormatError, match="batch: 5 bytes are too many, where at most 4"):
        _pickles.load(tmp_path / "batch", 4)


# ---------------------------------------------------------------------------------------------------------------------
# CIFAR-10 itself, and what importing costs


@pytest.fixture(scope="module")
def real() -> tuple[Any, int]:
    """The real set and the most memory, in bytes, that was held while it was read."""
    data = SHARED / "data"
    if not (data / FOLDER).is_dir():
        pytest.skip(f"no {FOLDER} in {data}; FASTCNN_SHARED names the folder whose data/ holds it")
    tracemalloc.start()
    try:
        return cifar10.load_data(data), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_cifar10_is_what_its_description_says(real: tuple[Any, int]) -> None:
    (x_train, y_train), (x_test, y_test) = real[0]
    assert x_train.shape == (50_000, 32, 32, 3)
    assert x_test.shape == (10_000, 32, 32, 3)
    assert np.bincount(y_train[:, 0]).tolist() == [5000] * 10
    assert np.bincount(y_test[:, 0]).tolist() == [1000] * 10
    counts = [np.bincount(x_train[..., c].ravel(), minlength=256) / (50_000 * 1024) for c in range(3)]
    levels = np.arange(256) / 255
    means = np.array([count @ levels for count in counts])
    deviations = np.sqrt([count @ (levels - mean) ** 2 for count, mean in zip(counts, means, strict=True)])
    assert np.round(means, 4).tolist() == [0.4914, 0.4822, 0.4465]
    assert np.round(deviations, 4).tolist() == [0.2470, 0.2435, 0.2616]
    # Pictures, and not noise: neighbours are alike along rows and along columns.
    image = x_train[:1000].astype(np.float32)
    for axis in (1, 2):
        assert np.abs(np.diff(image, axis=axis)).mean() < 20 < np.abs(image - image[::-1]).mean()


def test_cifar10_is_read_in_little_more_memory_than_it_takes(real: tuple[Any, int]) -> None:
    assert real[1] < 60_000 * 3073 + 2_000_000


def test_the_class_names_are_those_of_the_official_file() -> None:
    names = SHARED / "data" / FOLDER / "batches.meta.txt"
    if not names.is_file():
        pytest.skip(f"no {names}")
    assert tuple(names.read_text().split()) == cifar10.CLASS_NAMES


def test_importing_the_data_sets_imports_nothing_for_downloads() -> None:
    heavy = {"tqdm", "PIL", "tarfile", "urllib.request", "http.client"}
    program = (
        "import sys, numpy; before = set(sys.modules); import fastcnn.datasets; "
        f"print(*({heavy} & set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
