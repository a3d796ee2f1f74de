"""Files .h5 that are damaged, foreign or malicious, each made from a good one, with what the error for it must say. The .keras are in hostile_files.py."""

from __future__ import annotations

import io
import json
import pickle
import struct
from collections.abc import Callable
from typing import Any

import h5py
from hostile_files import CANARY, Pickled, entry, lambda_of_keras

__all__ = ["HOSTILE_H5"]


def in_h5(change: Callable[[h5py.File], Any]) -> Callable[[bytes], bytes]:
    def spoil(content: bytes) -> bytes:
        file = io.BytesIO(content)
        with h5py.File(file, "r+") as opened:
            change(opened)
        return file.getvalue()

    return spoil


def h5_layer(index: int, new: Any) -> Callable[[bytes], bytes]:
    def change(file: h5py.File) -> None:
        written = json.loads(file.attrs["model_config"])
        written["config"]["layers"][index] = new
        file.attrs["model_config"] = json.dumps(written)

    return in_h5(change)


def texts_of(content: bytes, length: int) -> bytes:
    """Every attribute's text said to be of that length: what lies before the address of the heap where they are."""
    spoiled, heap = bytearray(content), content.index(b"GCOL")
    at = content.find(struct.pack("<Q", heap))
    while at >= 0:
        if content[at + 8 : at + 12] < b"\x10" and at > 4:
            spoiled[at - 4 : at] = struct.pack("<L", length)
        at = content.find(struct.pack("<Q", heap), at + 1)
    return bytes(spoiled)


def many_attributes() -> bytes:
    file = io.BytesIO()
    with h5py.File(file, "w", libver="latest") as opened:
        for index in range(20):
            opened.attrs[f"keras_version{index}"] = "3.15.1"
    return file.getvalue()


def first_heap(content: bytes, offset: int, value: int) -> bytes:
    at = content.index(b"GCOL") + offset
    return content[:at] + struct.pack("<Q", value) + content[at + 8 :]


HOSTILE_H5: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda _: b"", "is not an HDF5 file"),
    "pickle": (lambda _: pickle.dumps(Pickled()), "is not an HDF5 file"),
    "cut": (lambda content: content[:3000], "is a damaged HDF5 file"),
    "heap without end": (lambda content: first_heap(content, 8, 1 << 40), "a heap of 1,099,511,627,776 bytes"),
    "heap that is never done": (
        lambda content: (
            first_heap(content, 16, 0)[: content.index(b"GCOL") + 24]
            + bytes(8)
            + content[content.index(b"GCOL") + 32 :]
        ),
        "a heap's object of 0 bytes",
    ),
    "text without end": (lambda content: texts_of(content, 0x7FFFFFFF), "is a text longer than the file"),
    "header without end": (
        lambda content: content.replace(b"\x10\0\x10\0\0\0\0\0", b"\x10\0\x10\0\0\0\0\0" + b"\x60" + bytes(7))[
            : len(content)
        ],
        ": ",
    ),
    "attributes elsewhere": (
        lambda _: many_attributes(),
        "has its attributes elsewhere in the file, which is not supported",
    ),
    "Lambda": (h5_layer(2, entry("Lambda", name="evil", function=lambda_of_keras())), "Lambda 'evil' holds code"),
    "os.system": (h5_layer(2, entry("system", "os", command=f"touch {CANARY}")), "layer 'system' comes from 'os'"),
    "absurd size": (h5_layer(3, entry("Dense", units=10**8)), "weights of shape (32, 100000000) are more than"),
    "20,000 layers": (
        in_h5(
            lambda file: file.attrs.update(
                model_config=json.dumps(
                    {"class_name": "Sequential", "config": {"layers": [entry("ReLU") for _ in range(20_000)]}}
                )
            )
        ),
        "has 20,000 layers",
    ),
    "config of 9 MB": (in_h5(lambda file: file.attrs.update(model_config=" " * (9 << 20))), "at most 8,388,608"),
}
