"""CIFAR-10: 50,000 training and 10,000 test images of 32x32 pixels in ten classes, as Keras gives them.

Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009,
https://www.cs.toronto.edu/~kriz/cifar.html.
Here: its two layouts on disk and their checks. Folders and the download: `_store.py`; untrusted pickles: `_pickles.py`.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError
from . import _pickles, _store

__all__ = ["CLASS_NAMES", "load_data"]

CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

_Bytes = NDArray[np.uint8]
_Split = tuple[_Bytes, _Bytes]

_RECORDS = 10_000  # a file
_PLANE = 32 * 32
_RECORD = 1 + 3 * _PLANE  # bytes of a binary record: the label, then the red, green and blue planes, row by row
_CHUNK = 250  # records read at a time


class _Layout(NamedTuple):
    folder: str
    train: tuple[str, ...]
    test: str
    read: Callable[[Path, _Bytes, _Bytes], None]


def load_data(data_dir: str | os.PathLike[str] | None = None) -> tuple[_Split, _Split]:
    """Return CIFAR-10, from this machine if it is there, else downloaded once and kept.

    Looked for, in this order, in `data_dir`, or where none is given in the folder that the environment variable
    FASTCNN_DATA names and in the user's cache folder (~/.cache/fastcnn, $XDG_CACHE_HOME/fastcnn,
    ~/Library/Caches/fastcnn). Each may be the data set's own folder or hold it as `cifar-10-batches-bin` (the binary
    version) or `cifar-10-batches-py` (the python version, read without running code from it).

    If none holds it, 170 MB are downloaded into the folder of FASTCNN_DATA, without one into the cache folder. Nothing
    is ever downloaded into `data_dir`: who names a folder means what is in it, and a misspelt one is an error. The
    checksum is verified for a download, and not for files that are there already.

    Parameters
    ----------
    data_dir : path or None
        The only folder to look in.

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        x : uint8 (n, 32, 32, 3), red, green, blue, contiguous; y : uint8 (n, 1), an index into `CLASS_NAMES`.
        n is 50,000 and 10,000. 184 MB in all, and less than 2 MB more while they are read from the binary version.

    Raises
    ------
    FileNotFoundError
        `data_dir` does not hold the data set, or a folder holds a part of it.
    ConnectionError
        It is not on this machine and cannot be downloaded. The message says what can be done without a network.
    FormatError
        A file is cut off, is something else, or holds a label above 9; or the download is not what was expected.
    """
    layout, folder = _locate(data_dir)
    train = _empty(len(layout.train) * _RECORDS)
    test = _empty(_RECORDS)
    for i, name in enumerate(layout.train):
        part = slice(i * _RECORDS, (i + 1) * _RECORDS)
        layout.read(folder / name, train[0][part], train[1][part])
    layout.read(folder / layout.test, *test)
    return train, test


def _empty(n: int) -> _Split:
    return np.empty((n, 32, 32, 3), np.uint8), np.empty((n, 1), np.uint8)


def _locate(data_dir: str | os.PathLike[str] | None) -> tuple[_Layout, Path]:
    roots = _store.folders() if data_dir is None else [Path(data_dir).expanduser().absolute()]
    for root in roots:
        if found := _find(root):
            return found
    looked = (
        f"cifar10: no CIFAR-10 in {' or '.join(map(str, roots))} (looked for data_batch_1.bin or data_batch_1 there, "
        f"in {' and in '.join(layout.folder for layout in _LAYOUTS)})"
    )
    if data_dir is not None:
        raise FileNotFoundError(
            f"{looked}; nothing is downloaded into a folder that is named: leave it out, or set FASTCNN_DATA to where "
            "data sets shall be kept"
        )
    try:
        return _BINARY, _store.fetch(ARCHIVE, roots[0])
    except ConnectionError as error:
        raise ConnectionError(
            f"{looked}, and it could not be downloaded: {error}. Without a network: `--dataset digits` "
            "(fastcnn.datasets.digits) is built in, and `--data-dir DIR` (load_data(DIR), or FASTCNN_DATA=DIR) takes "
            f"a folder into which {ARCHIVE.url} was unpacked elsewhere"
        ) from error


def _find(root: Path) -> tuple[_Layout, Path] | None:
    """The layout and folder of a whole data set in `root`, or None. Raises FileNotFoundError for a part of one."""
    partial = ""
    for folder in (root, *(root / layout.folder for layout in _LAYOUTS)):
        for layout in _LAYOUTS:
            names = (*layout.train, layout.test)
            missing = [name for name in names if not (folder / name).is_file()]
            if not missing:
                return layout, folder
            if len(missing) < len(names):
                partial = partial or f"cifar10: {folder} holds only a part of CIFAR-10, without {', '.join(missing)}"
    if partial:
        raise FileNotFoundError(partial)
    return None


def _read_binary(path: Path, x: _Bytes, y: _Bytes) -> None:
    """Fill x (n, 32, 32, 3) and y (n, 1) from the n records of `path`."""
    wanted = len(x) * _RECORD
    size = path.stat().st_size
    if size != wanted:
        raise FormatError(f"{path}: {size:,} bytes, where {len(x):,} records of {_RECORD:,} are {wanted:,}")
    with open(path, "rb") as file:
        for start in range(0, len(x), _CHUNK):
            part = slice(start, min(start + _CHUNK, len(x)))
            records = np.fromfile(file, np.uint8, (part.stop - start) * _RECORD).reshape(-1, _RECORD)
            y[part] = records[:, :1]
            _interleave(records[:, 1:], x[part])
    _check_labels(y, path)


def _read_pickled(path: Path, x: _Bytes, y: _Bytes) -> None:
    """Fill x (n, 32, 32, 3) and y (n, 1) from the pickled dictionary in `path`."""
    batch = _pickles.load(path)
    if not isinstance(batch, dict):
        raise FormatError(f"{path}: a pickled {type(batch).__name__}, where a dict with 'data' and 'labels' was wanted")
    data, labels = (batch.get(key.encode(), batch.get(key)) for key in ("data", "labels"))
    if not isinstance(data, _pickles.Bytes) or data.values.shape != (len(x), 3 * _PLANE):
        came = data.values.shape if isinstance(data, _pickles.Bytes) else type(data).__name__
        raise FormatError(f"{path}: 'data' is {came}, where a uint8 array of shape {(len(x), 3 * _PLANE)} was wanted")
    if not isinstance(labels, list) or len(labels) != len(x) or not all(type(label) is int for label in labels):
        raise FormatError(f"{path}: 'labels' is not a list of {len(x):,} integers")
    y[:, 0] = _check_labels(np.array(labels, np.object_), path)
    _interleave(data.values, x)


def _interleave(planes: _Bytes, x: _Bytes) -> None:
    """Copy planes (n, 3072) into x (n, 32, 32, 3). Plane by plane takes a third of the time of one transposition."""
    pixels = x.reshape(len(x), _PLANE, 3)
    for channel in range(3):
        pixels[:, :, channel] = planes[:, channel * _PLANE : (channel + 1) * _PLANE]


def _check_labels(labels: NDArray[Any], path: Path) -> NDArray[Any]:
    wrong = np.flatnonzero((labels < 0) | (labels >= len(CLASS_NAMES)))
    if len(wrong):
        first = wrong[0]
        raise FormatError(
            f"{path}: record {first} (from 0) has the label {labels.flat[first]}, where 0 to 9 are possible"
        )
    return labels


_TRAIN = tuple(f"data_batch_{i}" for i in range(1, 6))
_BINARY = _Layout("cifar-10-batches-bin", tuple(f"{name}.bin" for name in _TRAIN), "test_batch.bin", _read_binary)
_PICKLED = _Layout("cifar-10-batches-py", _TRAIN, "test_batch", _read_pickled)
_LAYOUTS = (_BINARY, _PICKLED)

ARCHIVE = _store.Archive(
    url="https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    size=170_052_171,
    md5="c32a1d4ab5d03f1284b67883e8d87530",
    folder=_BINARY.folder,
    members={name: _RECORDS * _RECORD for name in (*_BINARY.train, _BINARY.test)},
)
