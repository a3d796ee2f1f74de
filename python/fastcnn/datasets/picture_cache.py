"""Decoded pictures kept on disk by their content, so that a folder is decoded once, whatever its files are called and wherever they move. Private."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from . import _store, images

__all__: list[str] = []

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
        self._known: dict[bytes, NDArray[np.uint8]] = {}
        self._wanted: dict[bytes, NDArray[np.uint8]] = {}
        self._path: Path | None = None
        try:
            name = digest_of(os.fsencode(folder.resolve())).hex()
            self._path = _store.folders()[-1] / "pictures" / f"{name}-{'x'.join(map(str, shape))}.safetensors"
            self._load(self._path)
        except Exception:  # no home, no permission, a damaged file: it is decoded again
            self._known = {}

    def pixels(self, digest: bytes, decode: Callable[[], images.Picture]) -> NDArray[np.uint8]:
        """Those of a file with these bytes; `decode` where they are not known. Several threads may ask at once."""
        found = self._known.get(digest)
        pixels = decode().pixels if found is None else found
        self._wanted[digest] = pixels
        return pixels

    def save(self) -> None:
        """Keeps what was asked for, if that is something else than before."""
        if self._path is None or self._wanted.keys() == self._known.keys() or not self._wanted:
            return
        from safetensors.numpy import save

        from ..formats import atomic

        keys = sorted(self._wanted)
        arrays = {
            "digests": np.frombuffer(b"".join(keys), np.uint8).reshape(-1, _DIGEST),
            "pixels": np.stack([self._wanted[key] for key in keys]),
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
            digests, pixels = file.get_tensor("digests"), file.get_tensor("pixels")
        if pixels.dtype == np.uint8 and pixels.shape == (len(digests), *self._shape):
            self._known = {digest.tobytes(): picture for digest, picture in zip(digests, pixels, strict=True)}
