"""CIFAR-10: 50,000 training and 10,000 test images of 32x32 pixels in ten classes, as Keras gives them.

Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009,
https://www.cs.toronto.edu/~kriz/cifar.html.
How its files are found and read: `_cifar.py`.
"""

import os

from . import _cifar, _store

__all__ = ["CLASS_NAMES", "load_data"]

CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

_RECORDS = 10_000  # a file


def load_data(data_dir: str | os.PathLike[str] | None = None) -> tuple[_cifar.Split, _cifar.Split]:
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
    return _cifar.load(_published(), data_dir)


_TRAIN = tuple(f"data_batch_{i}" for i in range(1, 6))
_BINARY = _cifar.Layout("cifar-10-batches-bin", tuple(f"{name}.bin" for name in _TRAIN), "test_batch.bin")

ARCHIVE = _store.Archive(
    url="https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    size=170_052_171,
    md5="c32a1d4ab5d03f1284b67883e8d87530",
    folder=_BINARY.folder,
    members={name: _RECORDS * (1 + 3 * 32 * 32) for name in (*_BINARY.train, _BINARY.test)},
)


def _published() -> _cifar.Published:
    return _cifar.Published(
        module="cifar10",
        title="CIFAR-10",
        binary=_BINARY,
        pickled=_cifar.Layout("cifar-10-batches-py", _TRAIN, "test_batch"),
        labels=(_cifar.Labels("labels", len(CLASS_NAMES)),),
        train_records=_RECORDS,
        test_records=_RECORDS,
        archive=ARCHIVE,
    )
