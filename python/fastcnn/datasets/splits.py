"""`image_folder`: one's own pictures as arrays to train on, to validate with and to test with.

    photos/cat/1.jpg photos/dog/2.png                      a part of each class is drawn for validation
    photos/train/cat/1.jpg photos/test/cat/2.jpg           test pictures are kept apart; validation is drawn from train
    photos/train/... photos/val/... photos/test/...        as they are

What a folder of classes is, `folders.py` says; what becomes of a file, `images.py`.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator, Sequence
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

__all__ = [
    "Found",
    "ImageFolder",
    "Part",
    "Picture",
    "arranged",
    "counts_of",
    "drawn_of",
    "image_folder",
    "problems",
    "read",
    "without_duplicates",
    "worth_drawing",
]

_WORTH_VALIDATING = 1_000  # pictures to train on, where others test
PARTS = TRAIN, VALIDATION, TEST = "train", "validation", "test"
_NAMES = {
    "train": TRAIN, "training": TRAIN, "val": VALIDATION, "valid": VALIDATION, "validation": VALIDATION, "test": TEST, "testing": TEST,
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
    cache : whether decoded pictures are kept in the cache folder (~/.cache/fastcnn/pictures, one file a folder and size, which may be deleted), and taken from
        there. verbose : 1 or "auto" shows a bar and a line.

    Files that are no pictures are left out and told. Pictures are in the order of class and name; nothing is scaled, shuffled or augmented.

    Raises FileNotFoundError or NotADirectoryError where there is no such folder; FormatError where it holds no classes, one class alone, two that differ in case
    alone, a class without pictures or with too few to be divided, or a class in val/ or test/ that train/ lacks; TypeError and ValueError for arguments.
    """
    owner = "image_folder"
    share = number(owner, "validation_split", validation_split, least=0, below=1)
    seed = natural(owner, "seed", seed) % 2**128
    boolean(owner, "drop_duplicates", drop_duplicates)
    found = read(owner, directory, image_size, channels, cache, verbose)
    return arranged(without_duplicates(found) if drop_duplicates else found, share, seed)


class Picture(NamedTuple):
    """One that could be read. label : its class's number. size : (height, width) in the file. digest : equal for files of the same bytes."""

    part: str
    label: int
    path: Path
    pixels: NDArray[np.uint8]
    size: tuple[int, int]
    digest: bytes


class Found(NamedTuple):
    """What is in a folder, before anything is drawn or refused. folders : of the parts that are there. class_names : of train's."""

    folders: dict[str, Path]
    class_names: tuple[str, ...]
    foreign: list[Path]  # class folders of other parts that train lacks
    pictures: list[Picture]
    left_out: list[Fault]
    shape: tuple[int, int, int]


def read(
    owner: str,
    directory: str | os.PathLike[str],
    image_size: int | Sequence[int],
    channels: int,
    cache: bool,
    verbose: int | str,
) -> Found:
    """Everything in a folder, for `image_folder` and whoever else asks (`owner`); arguments and errors as there, but for what `problems` says."""
    shape = (*pair(owner, "image_size", image_size), channels)
    if channels not in (1, 3):
        raise ValueError(f"{owner}: channels must be 1 or 3, but is {channels!r}")
    level = verbosity(verbose, owner)
    root = Path(directory)
    parts, left_out = _part_folders(root)
    inner: dict[str, folders.Folder] = {}
    for part, folder in parts.items():
        try:
            inner[part] = folders.find(folder)
        except FormatError:
            if part == TRAIN:
                raise
            inner[part] = folders.Folder((), [], [], [])  # which is one of the `problems`
    class_names = inner[TRAIN].class_names
    files: list[tuple[str, int, Path]] = []
    foreign: list[Path] = []
    for part, held in inner.items():
        left_out += held.left_out
        foreign += [parts[part] / name for name in held.class_names if name not in class_names]
        files += [
            (part, class_names.index(held.class_names[label]), path)
            for label, path in zip(held.labels, held.files, strict=True)
            if held.class_names[label] in class_names
        ]
    kept = PictureCache(root, shape) if boolean(owner, "cache", cache) else None

    def read_one(path: Path) -> tuple[NDArray[np.uint8], tuple[int, int], bytes]:
        content = images.content_of(path)
        digest = digest_of(content)
        known = None if kept is None else kept.get(digest)
        if known is None:
            picture = images.decode(path, content, shape)
            known = picture.pixels, picture.size
        if kept is not None:
            kept.put(digest, *known)
        return *known, digest

    results, faults = folders.read_each(read_one, [path for _, _, path in files], verbose=level)
    if kept is not None:
        kept.save()
    pictures = [Picture(*which, *result) for which, result in zip(files, results, strict=True) if result is not None]
    return Found(parts, class_names, foreign, pictures, left_out + faults, shape)


def without_duplicates(found: Found) -> Found:
    """With one of each file alone, see `image_folder`; the others are among what is left out."""
    first: dict[bytes, Picture] = {}
    order = {part: place for place, part in enumerate((TEST, VALIDATION, TRAIN))}
    left_out = list(found.left_out)
    for picture in sorted(
        found.pictures, key=lambda picture: order[picture.part]
    ):  # stable: by class and name within a part
        kept = first.setdefault(picture.digest, picture)
        if kept is not picture:
            left_out.append(Fault(picture.path, f"is the same file as {kept.path}"))
    stays = {id(picture) for picture in first.values()}
    return found._replace(pictures=[each for each in found.pictures if id(each) in stays], left_out=left_out)


def arranged(found: Found, validation_split: float, seed: int) -> ImageFolder:
    """The parts as arrays, with validation drawn where it is to be, see `image_folder`. FormatError with the first of the `problems`."""
    for problem in problems(found, validation_split):
        raise FormatError(problem)
    pictures = found.pictures
    if validation_split > 0 and VALIDATION not in found.folders:
        pictures = _divided(pictures, validation_split, seed)
    train, validation, test = (
        _part([picture for picture in pictures if picture.part == part], found.shape) for part in PARTS
    )
    return ImageFolder(found.class_names, train, validation, test, found.left_out)


def problems(found: Found, validation_split: float) -> Iterator[str]:
    """What stands in the way of a training, each in a sentence that says what to do."""
    folder, names = found.folders[TRAIN], found.class_names
    if len(names) == 1:
        yield f"{folder}: has one class alone, {names[0]!r}; there is nothing to tell it from; add a folder with pictures of something else"
    alike: dict[str, str] = {}
    for name in names:
        before = alike.setdefault(_folded(name), name)
        if before != name:
            yield f"{folder}: {before!r} and {name!r} differ in case alone; put their pictures together"
    for path in found.foreign:
        near = [name for name in names if _folded(name) == _folded(path.name)]
        there = f" (there it is {near[0]!r})" if near else ""
        yield f"{path.parent}: has the class {path.name!r}, which {folder} lacks{there}; rename the folder, or take it away"
    for part, path in found.folders.items():
        if part != TRAIN and not any(counts_of(found, part)):
            yield f"{path}: holds no picture of the classes in {folder}; add some, or take {path.name} away"
    divided = validation_split > 0 and VALIDATION not in found.folders
    counts = counts_of(found, TRAIN)
    for name, count in zip(names, counts, strict=True):
        if count == 0:
            why = [fault for fault in found.left_out if fault.path.parent == folder / name]
            reason = f" ({folders.listed(why)})" if why else ""
            yield f"{folder}: the class {name!r} has no picture to train on{reason}; add some, or take its folder away"
        elif count == 1 and divided:
            yield f"{folder}: the class {name!r} has one picture, which cannot be trained on and validated with; add more, or hold none out: validation_split=0 (--validation-split 0)"


def worth_drawing(total: int, tested: bool) -> float:
    """The share of so many training pictures that a fine-tuning draws for validation: none of few, where others test (`tested`)."""
    return 0.0 if tested and total < _WORTH_VALIDATING else 0.1


def drawn_of(count: int, share: float) -> int:
    """How many of a class's training pictures are drawn for validation: at least one, and not all."""
    return min(max(round(share * count), 1), count - 1) if share and count else 0


def counts_of(found: Found, part: str) -> list[int]:
    """The pictures of each class in a part."""
    labels = [picture.label for picture in found.pictures if picture.part == part]
    return np.bincount(labels, minlength=len(found.class_names)).tolist() if labels else [0] * len(found.class_names)


def _part_folders(root: Path) -> tuple[dict[str, Path], list[Fault]]:
    """The folders of the parts, and what lies beside them."""
    left_out: list[Fault] = []
    parts: dict[str, Path] = {}
    inner = folders.entries(root)
    for entry in inner:
        if entry.name.casefold() in _NAMES and (broken := folders.broken_link(entry)):
            raise FormatError(f"{entry}: {broken}")
    named = [entry for entry in inner if entry.is_dir() and entry.name.casefold() in _NAMES]
    of_classes = [entry for entry in named if any(each.is_dir() for each in folders.entries(entry))]
    train = [entry for entry in of_classes if _NAMES[entry.name.casefold()] == TRAIN]
    if not train:
        if of_classes and len(named) == sum(entry.is_dir() for entry in inner):
            raise FormatError(
                f"{root}: has {of_classes[0].name}, but no folder train with one folder a class to learn from"
            )
        return {TRAIN: root}, []
    for entry in inner:
        part = _NAMES.get(entry.name.casefold()) if entry.is_dir() else None
        if part is None:
            reason = folders.broken_link(entry) or f"lies beside {train[0].name}, and is neither val nor test"
            left_out.append(Fault(entry, reason))
        elif part in parts:
            raise FormatError(f"{root}: both {parts[part].name} and {entry.name} are folders for {part}; keep one")
        else:
            parts[part] = entry
    return parts, left_out


def _folded(name: str) -> str:
    """The same for names that differ in case alone, or in how their accents are written."""
    return unicodedata.normalize("NFC", name).casefold()


def _divided(pictures: Sequence[Picture], share: float, seed: int) -> list[Picture]:
    """With some of each class's training pictures in the part for validation."""
    drawn: set[int] = set()
    for label in sorted({picture.label for picture in pictures}):
        rows = [i for i, picture in enumerate(pictures) if (picture.part, picture.label) == (TRAIN, label)]
        rows.sort(key=lambda row: digest_of(seed.to_bytes(16, "little") + pictures[row].digest))
        drawn.update(rows[: drawn_of(len(rows), share)])
    return [picture._replace(part=VALIDATION) if index in drawn else picture for index, picture in enumerate(pictures)]


def _part(pictures: Sequence[Picture], shape: tuple[int, int, int]) -> Part:
    x = np.stack([picture.pixels for picture in pictures]) if pictures else np.empty((0, *shape), np.uint8)
    return Part(x, np.array([picture.label for picture in pictures], np.int64), [picture.path for picture in pictures])
