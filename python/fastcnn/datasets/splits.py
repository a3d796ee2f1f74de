"""`image_folder`: one's own pictures as arrays to train on, to validate with and to test with.

    photos/cat/1.jpg photos/dog/2.png                      a part of each class is drawn for validation
    photos/train/cat/1.jpg photos/test/cat/2.jpg           test pictures are kept apart; validation is drawn from train
    photos/train/... photos/val/... photos/test/...        as they are

What a folder of classes is, `folders.py` says; what becomes of a file, `images.py`.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._arguments import boolean, natural, number, pair
from ..errors import FormatError
from ..progress import verbosity
from . import folders, images
from .folders import Fault
from .picture_cache import PictureCache, digest_of

__all__ = ["ImageFolder", "Part", "image_folder", "part_folders"]

_TRAIN, _VALIDATION, _TEST = "train", "validation", "test"
_NAMES = {
    "train": _TRAIN, "training": _TRAIN, "val": _VALIDATION, "valid": _VALIDATION, "validation": _VALIDATION, "test": _TEST, "testing": _TEST,
}  # fmt: skip


class Part(NamedTuple):
    """x : pictures (N, height, width, channels), uint8. y : class numbers (N,). files : where they are from."""

    x: NDArray[np.uint8]
    y: NDArray[np.int64]
    files: list[Path]


class ImageFolder(NamedTuple):
    """class_names : by number. validation, test : without pictures where there are none. left_out : what was no picture, and why."""

    class_names: tuple[str, ...]
    train: Part
    validation: Part
    test: Part
    left_out: list[Fault]


def image_folder(
    directory: str | os.PathLike[str],
    image_size: int | Sequence[int] = (32, 32),
    *,
    channels: int = 3,
    validation_split: float = 0.2,
    seed: int = 0,
    drop_duplicates: bool = False,
    cache: bool = True,
    verbose: int | str = 0,
) -> ImageFolder:
    """The pictures of a folder that has one folder a class, or train/, val/ and test/ with one folder a class in each.

    image_size : the height and width that all are brought to (`images.read`); one number for both. channels : 3, or 1 for grey.
    validation_split : where there is no folder val/, the share of each class's training pictures that is drawn for validation, at least one picture and
        not all; 0 for none. seed : of the draw, which is by the files' contents: names do not matter, and a new picture changes little of it.
    drop_duplicates : leaves out, and tells, pictures whose files are the same bytes as another's: of test, validation and train the first in that order, and
        in a part the first by class and name, stays.
    cache : whether decoded pictures are kept in the cache folder, and taken from there. verbose : 1 or "auto" shows a bar and a line.

    Files that are no pictures are left out and told. Pictures are in the order of class and name; nothing is scaled, shuffled or augmented.

    Raises FileNotFoundError or NotADirectoryError where there is no such folder; FormatError where it holds no classes, one class alone, two that differ in case
    alone, a class without pictures or with too few to be divided, or a class in val/ or test/ that train/ lacks; TypeError and ValueError for arguments.
    """
    owner = "image_folder"
    height, width = pair(owner, "image_size", image_size)
    if channels not in (1, 3):
        raise ValueError(f"{owner}: channels must be 1 or 3, but is {channels!r}")
    share = number(owner, "validation_split", validation_split, least=0, below=1)
    seed = natural(owner, "seed", seed) % 2**128
    boolean(owner, "drop_duplicates", drop_duplicates)
    level = verbosity(verbose, owner)
    root, shape = Path(directory), (height, width, channels)
    found, left_out = part_folders(root)
    class_names = found[_TRAIN].class_names
    kept = PictureCache(root, shape) if boolean(owner, "cache", cache) else None
    files = [(part, label, path) for part, of in found.items() for label, path in _labelled(of, class_names)]

    def read(path: Path) -> tuple[NDArray[np.uint8], bytes]:
        content = images.content_of(path)

        def decode() -> images.Picture:
            return images.decode(path, content, shape)

        digest = digest_of(content)
        return decode().pixels if kept is None else kept.pixels(digest, decode), digest

    results, faults = folders.read_each(read, [path for _, _, path in files], verbose=level)
    if kept is not None:
        kept.save()
    left_out += faults
    pictures = [
        _Picture(part, label, path, *result)
        for (part, label, path), result in zip(files, results, strict=True)
        if result is not None
    ]
    if drop_duplicates:
        pictures = _without_duplicates(pictures, left_out)
    _check_classes(root, class_names, pictures, _VALIDATION not in found and share > 0, left_out)
    if _VALIDATION not in found and share > 0:
        pictures = _divided(pictures, share, seed)
    train, validation, test = (
        _part([picture for picture in pictures if picture.part == part], shape) for part in (_TRAIN, _VALIDATION, _TEST)
    )
    return ImageFolder(class_names, train, validation, test, left_out)


def part_folders(root: Path) -> tuple[dict[str, folders.Folder], list[Fault]]:
    """The parts of a data set, "train" and maybe "validation" and "test", and what is in none. Raises what `image_folder` raises of folders."""
    left_out: list[Fault] = []
    inner = folders.entries(root)
    parts: dict[str, Path] = {}
    train = [entry for entry in inner if _NAMES.get(entry.name.casefold()) == _TRAIN and entry.is_dir()]
    if train and any(entry.is_dir() for entry in folders.entries(train[0])):
        for entry in inner:
            part = _NAMES.get(entry.name.casefold()) if entry.is_dir() else None
            if part is None:
                left_out.append(Fault(entry, f"lies beside {train[0].name}, and is neither it nor val nor test"))
            elif part in parts:
                raise FormatError(f"{root}: both {parts[part].name} and {entry.name} are folders for {part}; keep one")
            else:
                parts[part] = entry
    else:
        parts[_TRAIN] = root
    found = {part: folders.find(folder) for part, folder in parts.items()}
    for folder in found.values():
        left_out.extend(folder.left_out)
    names = found[_TRAIN].class_names
    _check_names(parts[_TRAIN], names)
    for part, folder in found.items():
        unknown = [name for name in folder.class_names if name not in names]
        if unknown:
            raise FormatError(
                f"{parts[part]}: has the class {unknown[0]!r}, which {parts[_TRAIN]} lacks; rename the folder, or take it away"
            )
    return found, left_out


class _Picture(NamedTuple):
    part: str
    label: int
    path: Path
    pixels: NDArray[np.uint8]
    digest: bytes


def _labelled(folder: folders.Folder, class_names: Sequence[str]) -> Iterable[tuple[int, Path]]:
    """The files with their class numbers among all classes."""
    numbers = [class_names.index(name) for name in folder.class_names]
    return ((numbers[label], path) for label, path in zip(folder.labels, folder.files, strict=True))


def _check_names(folder: Path, names: Sequence[str]) -> None:
    if len(names) == 1:
        raise FormatError(f"{folder}: has one class alone, {names[0]!r}; there is nothing to tell it from")
    alike: dict[str, str] = {}
    for name in names:
        before = alike.setdefault(unicodedata.normalize("NFC", name).casefold(), name)
        if before != name:
            raise FormatError(f"{folder}: {before!r} and {name!r} differ in case alone; put their pictures together")


def _check_classes(
    root: Path, names: Sequence[str], pictures: Sequence[_Picture], divided: bool, left_out: Sequence[Fault]
) -> None:
    """That there is something to train on in each class, and to validate with."""
    counts = np.bincount([picture.label for picture in pictures if picture.part == _TRAIN], minlength=len(names))
    for name, count in zip(names, counts, strict=True):
        if count == 0:
            why = [fault for fault in left_out if fault.path.parent.name == name]
            reason = f" ({folders.listed(why)})" if why else ""
            raise FormatError(
                f"{root}: the class {name!r} has no picture to train on{reason}; add some, or take its folder away"
            )
        if count == 1 and divided:
            raise FormatError(
                f"{root}: the class {name!r} has one picture, which cannot be trained on and validated with; add more, or take validation_split=0"
            )


def _without_duplicates(pictures: Sequence[_Picture], left_out: list[Fault]) -> list[_Picture]:
    first: dict[bytes, _Picture] = {}
    order = {part: place for place, part in enumerate((_TEST, _VALIDATION, _TRAIN))}
    for picture in sorted(pictures, key=lambda picture: order[picture.part]):  # stable: by class and name within a part
        kept = first.setdefault(picture.digest, picture)
        if kept is not picture:
            left_out.append(Fault(picture.path, f"is the same file as {kept.path}"))
    stays = {id(picture) for picture in first.values()}
    return [picture for picture in pictures if id(picture) in stays]


def _divided(pictures: Sequence[_Picture], share: float, seed: int) -> list[_Picture]:
    """With some of each class's training pictures in the part for validation."""
    drawn: set[int] = set()
    for label in sorted({picture.label for picture in pictures}):
        rows = [i for i, picture in enumerate(pictures) if (picture.part, picture.label) == (_TRAIN, label)]
        rows.sort(key=lambda row: digest_of(seed.to_bytes(16, "little") + pictures[row].digest))
        drawn.update(rows[: min(max(round(share * len(rows)), 1), len(rows) - 1)])
    return [picture._replace(part=_VALIDATION) if index in drawn else picture for index, picture in enumerate(pictures)]


def _part(pictures: Sequence[_Picture], shape: tuple[int, int, int]) -> Part:
    x = np.stack([picture.pixels for picture in pictures]) if pictures else np.empty((0, *shape), np.uint8)
    return Part(x, np.array([picture.label for picture in pictures], np.int64), [picture.path for picture in pictures])
