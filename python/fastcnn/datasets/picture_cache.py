"""Decoded pictures kept on disk by their content, so that a folder is decoded once, whatever its files are called. Private."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _store, images

__all__: list[str] = []

Kept = tuple[NDArray[np.uint8], tuple[int, int]]

_DIGEST = 16  # bytes


def digest_of(content: bytes) -> bytes:
    """What files of the same bytes have in common."""
    return hashlib.blake2b(content, digest_size=_DIGEST).digest()


class PictureCache:
    """The pictures of one folder in one shape. It is only a help: what cannot be read or written is as if it were not there.

    folder : the pictures'. shape : (height, width, channels). Kept in one file in the cache folder of data sets (`_store.folders`), beside those of other
    folders and shapes; it holds what the last use wanted, and no more.
    """

    def __init__(self, folder: Path, shape: tuple[int, int, int]) -> None:
        self._shape = shape
        self._known: dict[bytes, Kept] = {}
        self._wanted: dict[bytes, Kept] = {}
        self._path: Path | None = None
        try:
            name = digest_of(os.fsencode(folder.resolve())).hex()
            self._path = _store.folders()[-1] / "pictures" / f"{name}-{'x'.join(map(str, shape))}.safetensors"
            self._load(self._path)
        except Exception:  # no home, no permission, a damaged file: it is decoded again
            self._known = {}

    def get(self, digest: bytes) -> Kept | None:
        """The pixels, and the size in the file, of a file with these bytes, or None. Several threads may ask at once."""
        return self._known.get(digest)

    def put(self, digest: bytes, pixels: NDArray[np.uint8], size: tuple[int, int]) -> None:
        """That these are wanted."""
        self._wanted[digest] = pixels, size

    def save(self) -> None:
        """Keeps what was asked for, if that is something else than before."""
        if self._path is None or self._wanted.keys() == self._known.keys() or not self._wanted:
            return
        from safetensors.numpy import save

        from ..formats import atomic

        keys = sorted(self._wanted)
        arrays: dict[str, NDArray[Any]] = {
            "digests": np.frombuffer(b"".join(keys), np.uint8).reshape(-1, _DIGEST),
            "pixels": np.stack([self._wanted[key][0] for key in keys]),
            "sizes": np.array([self._wanted[key][1] for key in keys], np.int32),
        }
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            atomic.write(self._path, save(arrays, {"decoder": images.decoder()}))
        except OSError:
            return

    def _load(self, path: Path) -> None:
        from safetensors import safe_open

        with safe_open(path, framework="numpy") as file:
            if (file.metadata() or {}).get("decoder") != images.decoder():
                return
            digests, pixels, sizes = (file.get_tensor(name) for name in ("digests", "pixels", "sizes"))
        if pixels.dtype == np.uint8 and pixels.shape == (len(digests), *self._shape):
            self._known = {
                digest.tobytes(): (picture, (int(size[0]), int(size[1])))
                for digest, picture, size in zip(digests, pixels, sizes, strict=True)
            }
