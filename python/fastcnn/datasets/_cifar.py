"""What CIFAR-10 and CIFAR-100 share: how their files are found, fetched and read, in the two layouts that their author publishes.

A file holds so many records. In the binary version a record is its labels, a byte each, then the red, green and blue planes, row by row; in the
python version a file is a pickled dictionary with the planes as "data" and each kind of label as a list. Which files, which labels and which
checksum is for `cifar10.py` and `cifar100.py` to say. Folders and the download: `_store.py`; untrusted pickles: `_pickles.py`.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError
from . import _pickles, _store

__all__ = ["Labels", "Layout", "Published", "Split", "load"]

_Bytes = NDArray[np.uint8]
Split = tuple[_Bytes, _Bytes]

_PLANE = 32 * 32
_PIXELS = 3 * _PLANE
_CHUNK = 250  # records read at a time
_PICKLED_RECORD = 6000  # bytes of a pickle a record, at most: the pixels, the labels, a file name, and as much again to be on the safe side


class Layout(NamedTuple):
    """The files of one version: the folder that the archive unpacks to, and the names in it."""

    folder: str
    train: tuple[str, ...]
    test: str


class Labels(NamedTuple):
    """One kind of label: its key in the python version, and how many classes there are."""

    key: str
    classes: int


class Published(NamedTuple):
    """One of the two data sets.

    module, title : for messages. labels : each kind, in the order of their bytes in a binary record. train_records, test_records : in a file.
    archive : of the binary version.
    """

    module: str
    title: str
    binary: Layout
    pickled: Layout
    labels: tuple[Labels, ...]
    train_records: int
    test_records: int
    archive: _store.Archive

    @property
    def layouts(self) -> tuple[Layout, Layout]:
        return self.binary, self.pickled

    @property
    def record(self) -> int:
        """Bytes of a binary record."""
        return len(self.labels) + _PIXELS


def load(published: Published, data_dir: str | os.PathLike[str] | None, label: int = 0) -> tuple[Split, Split]:
    """(x_train, y_train), (x_test, y_test) with the labels of that kind: x (n, 32, 32, 3) and y (n, 1), both uint8.

    data_dir : the only folder to look in; None means those of `_store.folders()`, and a download where none holds the set. Raises what the
    `load_data` of the data sets say that they raise.
    """
    layout, folder = _locate(published, data_dir)
    train = _empty(len(layout.train) * published.train_records)
    test = _empty(published.test_records)
    size = published.train_records
    files = [(name, [array[i * size : (i + 1) * size] for array in train]) for i, name in enumerate(layout.train)]
    for name, (x, y) in [*files, (layout.test, test)]:
        if layout is published.binary:
            _read_binary(folder / name, x, y, published, label)
        else:
            _read_pickled(folder / name, x, y, published.labels[label])
    return train, test


def _empty(n: int) -> Split:
    return np.empty((n, 32, 32, 3), np.uint8), np.empty((n, 1), np.uint8)


def _locate(published: Published, data_dir: str | os.PathLike[str] | None) -> tuple[Layout, Path]:
    roots = _store.folders() if data_dir is None else [Path(data_dir).expanduser().absolute()]
    for root in roots:
        if found := _find(published, root):
            return found
    firsts = " or ".join(layout.train[0] for layout in published.layouts)
    looked = (
        f"{published.module}: no {published.title} in {' or '.join(map(str, roots))} (looked for {firsts} there, "
        f"in {' and in '.join(layout.folder for layout in published.layouts)})"
    )
    if data_dir is not None:
        raise FileNotFoundError(
            f"{looked}; nothing is downloaded into a folder that is named: leave it out, or set FASTCNN_DATA to where "
            "data sets shall be kept"
        )
    try:
        return published.binary, _store.fetch(published.archive, roots[0])
    except ConnectionError as error:
        raise ConnectionError(
            f"{looked}, and it could not be downloaded: {error}. Without a network: fastcnn.datasets.digits "
            "(`--dataset digits`) is built in, and load_data(data_dir=DIR) (`--data-dir DIR`, or FASTCNN_DATA=DIR) "
            f"takes a folder into which {published.archive.url} was unpacked elsewhere"
        ) from None


def _find(published: Published, root: Path) -> tuple[Layout, Path] | None:
    """The layout and folder of a whole data set in `root`, or None. Raises FileNotFoundError for a part of one.

    In `root` itself fewer than most of the files are no part of a data set: "train" and "test" are names that anything may have.
    """
    partial = ""
    for folder in (root, *(root / layout.folder for layout in published.layouts)):
        for layout in published.layouts:
            names = (*layout.train, layout.test)
            missing = [name for name in names if not (folder / name).is_file()]
            if not missing:
                return layout, folder
            if len(names) - len(missing) > (len(names) // 2 if folder == root else 0):
                partial = partial or (
                    f"{published.module}: {folder} holds only a part of {published.title}, without {', '.join(missing)}"
                )
    if partial:
        raise FileNotFoundError(partial)
    return None


def _read_binary(path: Path, x: _Bytes, y: _Bytes, published: Published, label: int) -> None:
    """Fill x (n, 32, 32, 3) and y (n, 1) from the n records of `path`. All labels are checked, those that nobody asked for too."""
    record, kinds = published.record, len(published.labels)
    size, wanted = path.stat().st_size, len(x) * record
    if size != wanted:
        raise FormatError(f"{path}: {size:,} bytes, where {len(x):,} records of {record:,} are {wanted:,}")
    with open(path, "rb") as file:
        for start in range(0, len(x), _CHUNK):
            part = slice(start, min(start + _CHUNK, len(x)))
            records = np.fromfile(file, np.uint8, (part.stop - start) * record).reshape(-1, record)
            for number, labels in enumerate(published.labels):
                _check_labels(records[:, number], labels.classes, path, start)
            y[part] = records[:, label : label + 1]
            _interleave(records[:, kinds:], x[part])


def _read_pickled(path: Path, x: _Bytes, y: _Bytes, kind: Labels) -> None:
    """Fill x (n, 32, 32, 3) and y (n, 1) from the pickled dictionary in `path`."""
    batch = _pickles.load(path, largest=(1 << 20) + len(x) * _PICKLED_RECORD)
    if not isinstance(batch, dict):
        wanted = f"a dict with 'data' and {kind.key!r} was wanted"
        raise FormatError(f"{path}: a pickled {type(batch).__name__}, where {wanted}")
    data, labels = (batch.get(key.encode(), batch.get(key)) for key in ("data", kind.key))
    if not isinstance(data, _pickles.Bytes) or data.values.shape != (len(x), _PIXELS):
        came = data.values.shape if isinstance(data, _pickles.Bytes) else type(data).__name__
        raise FormatError(f"{path}: 'data' is {came}, where a uint8 array of shape {(len(x), _PIXELS)} was wanted")
    if not isinstance(labels, list) or len(labels) != len(x) or not all(type(label) is int for label in labels):
        raise FormatError(f"{path}: {kind.key!r} is not a list of {len(x):,} integers")
    y[:, 0] = _check_labels(np.array(labels, np.object_), kind.classes, path)
    _interleave(data.values, x)


def _interleave(planes: _Bytes, x: _Bytes) -> None:
    """Copy planes (n, 3072) into x (n, 32, 32, 3). Plane by plane takes a third of the time of one transposition."""
    pixels = x.reshape(len(x), _PLANE, 3)
    for channel in range(3):
        pixels[:, :, channel] = planes[:, channel * _PLANE : (channel + 1) * _PLANE]


def _check_labels(labels: NDArray[Any], classes: int, path: Path, start: int = 0) -> NDArray[Any]:
    wrong: Sequence[int] = np.flatnonzero((labels < 0) | (labels >= classes)).tolist()
    if wrong:
        first = wrong[0]
        raise FormatError(
            f"{path}: record {start + first} (from 0) has the label {labels.flat[first]}, "
            f"where 0 to {classes - 1} are possible"
        )
    return labels
