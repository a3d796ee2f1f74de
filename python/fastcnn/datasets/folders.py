"""Folders of images: one folder a class, as people keep their own pictures. `find` says what is there, `load` reads it. `pictures_at` is for pictures without classes.

    photos/cat/1.jpg  photos/cat/2.png  photos/dog/a.webp

The classes are the folders in the order of their names. Hidden files and folders (".DS_Store") are passed over; whatever else is no
image that can be read is told, never dropped in silence. How a file becomes pixels is `images.py`'s business.
"""

from __future__ import annotations

import glob
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError
from ..progress import Progress
from . import images

__all__ = [
    "Fault",
    "Folder",
    "Loaded",
    "broken_link",
    "entries",
    "find",
    "listed",
    "load",
    "pictures_at",
    "read_all",
    "read_each",
]

T = TypeVar("T")

_MOST_NAMED = 5  # of what an error lists


class Fault(NamedTuple):
    """A file that was left out, and why."""

    path: Path
    reason: str


class Folder(NamedTuple):
    """What a folder holds. class_names : in order. files, labels : the files of each class, by class and name. left_out : what is no file in a class."""

    class_names: tuple[str, ...]
    files: list[Path]
    labels: list[int]
    left_out: list[Fault]


class Loaded(NamedTuple):
    """The images of a folder: x (N, height, width, channels) uint8, y (N,) class numbers, their files, and what was left out."""

    x: NDArray[np.uint8]
    y: NDArray[np.int64]
    class_names: tuple[str, ...]
    files: list[Path]
    left_out: list[Fault]


def find(folder: str | os.PathLike[str]) -> Folder:
    """The classes of `folder` and their files, without opening one.

    Raises FileNotFoundError or NotADirectoryError where there is no such folder, FormatError where it has no class folders, or folders of
    folders alone (a data set of train/ and test/, say, of which one must be named).
    """
    root = Path(folder)
    inside = entries(root)
    classes = [entry for entry in inside if entry.is_dir()]
    if not classes:
        raise FormatError(f"{root}: holds no folders, but wanted is one folder a class: {root / 'cat' / '1.jpg'}")
    found = Folder(tuple(entry.name for entry in classes), [], [], [])
    found.left_out.extend(
        Fault(entry, broken_link(entry) or "lies beside the class folders, in none")
        for entry in inside
        if not entry.is_dir()
    )
    for label, entry in enumerate(classes):
        for path in entries(entry):
            if path.is_dir():
                found.left_out.append(Fault(path, "is a folder within a class, and is not looked into"))
            else:
                found.files.append(path)
                found.labels.append(label)
    if not found.files:
        inner = next((fault.path.parent for fault in found.left_out if fault.path.parent != root), None)
        hint = f"; name one of those in it, such as {inner}" if inner else "; put some in, or name another folder"
        raise FormatError(f"{root}: its folders hold no images{hint}")
    return found


def load(folder: str | os.PathLike[str], shape: tuple[int, int, int], *, verbose: int = 0) -> Loaded:
    """All images of `folder`, each brought to `shape` as `images.read` does it; those that cannot be read are left out and told.

    verbose : 1 shows a bar on a terminal and then a line, 0 nothing.

    Raises what `find` raises, and FormatError where no image at all can be read.
    """
    found = find(folder)
    pictures, faults = read_all(found.files, shape, verbose=verbose)
    kept = [index for index, picture in enumerate(pictures) if picture is not None]
    if not kept:
        raise FormatError(f"{Path(folder)}: none of its {len(found.files):,} files can be read: {listed(faults)}")
    return Loaded(
        np.stack([picture.pixels for picture in pictures if picture is not None]),
        np.array(found.labels)[kept],
        found.class_names,
        [found.files[index] for index in kept],
        found.left_out + faults,
    )


def pictures_at(places: Iterable[str | os.PathLike[str]]) -> tuple[list[Path], list[Fault]]:
    """The files that are meant: a file by its name, a folder by all pictures in it, at any depth, a pattern by what it matches ("photos/**/*.jpg").

    There pictures are the files with an ending that Pillow knows, each once; the others are the faults, in which a folder without any picture is too.
    A name that exists is no pattern. What does not exist, or matches nothing, stays in the list, for whoever reads it to say so.
    """
    files: list[Path] = []
    faults: list[Fault] = []
    for given in places:
        place = os.fspath(given)
        is_pattern = glob.has_magic(place) and not os.path.lexists(place)
        matched = sorted(glob.glob(place, recursive=True), key=_by_depth) if is_pattern else []
        if not matched and not os.path.isdir(place):
            files.append(Path(place))
            continue
        # A pattern may match a folder and what is in it, and links lead to a file in more ways than one.
        inside: dict[str, Path] = {}
        for path in map(Path, matched or [place]):
            for file in _below(path) if path.is_dir() else [path]:
                inside.setdefault(os.path.realpath(file), file)
        before = len(files)
        for file in inside.values():
            if images.is_named_as_one(file):
                files.append(file)
            else:
                faults.append(Fault(file, "is no picture by its name"))
        if len(files) == before:
            faults.append(Fault(Path(place), "holds no pictures"))
    return files, faults


def _by_depth(name: str) -> tuple[int, str]:
    return name.count(os.sep), name


def _below(folder: Path, above: frozenset[str] = frozenset()) -> Iterator[Path]:
    """All files in a folder and those in it, without what is hidden; a link to a folder that it lies in is not followed."""
    real = os.path.realpath(folder)
    if real in above:
        return
    for entry in entries(folder):
        if entry.is_dir():
            yield from _below(entry, above | {real})
        else:
            yield entry


def read_all(
    files: Sequence[Path], shape: tuple[int, int, int], *, verbose: int = 0, line: bool = True
) -> tuple[list[images.Picture | None], list[Fault]]:
    """`images.read` of each file, some at a time; None, and a Fault, for one that cannot be read. verbose, line : whether to show a bar, and then a line."""
    return read_each(
        lambda path: images.decode(path, images.content_of(path), shape), files, verbose=verbose, line=line
    )


def read_each(
    read: Callable[[Path], T], files: Sequence[Path], *, verbose: int = 0, line: bool = True
) -> tuple[list[T | None], list[Fault]]:
    """What `read` gives for each file, called from as many threads as there are processors; otherwise as `read_all`."""
    results: list[T | None] = []
    faults: list[Fault] = []
    progress = Progress("Read", len(files), verbose)
    workers = ThreadPoolExecutor(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None)
    try:
        with images.quiet():
            tried = ((path, workers.submit(read, path)) for path in files)
            for path, result in _ahead(tried, 64):
                try:
                    results.append(result.result())
                except FormatError as error:
                    results.append(None)
                    faults.append(Fault(path, str(error).removeprefix(f"{path}: ")))
                except OSError as error:
                    results.append(None)
                    faults.append(Fault(path, broken_link(path) or error.strerror or str(error)))
                if time.perf_counter() >= progress.next_drawing:
                    progress.draw(len(results), len(results), {})
        if line:
            progress.finish(f"{len(files) - len(faults):,} images")
    finally:
        workers.shutdown(cancel_futures=True)
        progress.close()
    return results, faults


def _ahead(items: Iterable[T], count: int) -> Iterator[T]:
    """The items, of which so many have been taken before the first is given."""
    waiting: deque[T] = deque()
    for item in items:
        waiting.append(item)
        if len(waiting) > count:
            yield waiting.popleft()
    yield from waiting


def listed(faults: Sequence[Fault]) -> str:
    """The first of them in one line: "a.txt is no image of a known format; b.jpg ...; and 3 more"."""
    named = [f"{fault.path}: {fault.reason}" for fault in faults[:_MOST_NAMED]]
    more = [f"and {len(faults) - _MOST_NAMED:,} more"] if len(faults) > _MOST_NAMED else []
    return "; ".join(named + more)


def broken_link(path: Path) -> str:
    """What to say of a link that leads nowhere, or in a circle; empty for what is none."""
    if not path.is_symlink() or path.exists():
        return ""
    return f"is a link to {os.readlink(path)}, which cannot be reached (mend it, or take it away)"


def entries(folder: Path) -> list[Path]:
    """What is in a folder, by name, without what is hidden."""
    return sorted((entry for entry in folder.iterdir() if not entry.name.startswith(".")), key=lambda entry: entry.name)
