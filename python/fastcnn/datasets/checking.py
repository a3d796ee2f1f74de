"""`check_folder`: what is wrong or odd in a folder of pictures, all of it, before any training; and what to do about it."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from .._arguments import number
from ..errors import FormatError
from . import splits
from .folders import Fault
from .splits import PARTS, TEST, TRAIN, VALIDATION, Found, Picture

__all__ = ["Checked", "Finding", "check_folder"]

_FEW = 20  # pictures of a class
_UNEVEN = 3  # times as many as the rarest class
_STRETCHED = 1.5  # how many times as wide, for its height, as what it becomes


class Finding(NamedTuple):
    """Something to know. serious : whether nothing can be trained as it is. text : what it is. remedy : what to do, or what is done.

    files : those that it is about, each with what there is to say about it. each : whether every one of them needs looking at, however many.
    """

    serious: bool
    text: str
    remedy: str
    files: Sequence[Fault] = ()
    each: bool = False


class Checked(NamedTuple):
    """class_names : of the folder. counts : of each part that is there, "train", "validation", "test", the readable pictures of each class. sizes : the
    smallest, the median and the largest (height, width) of the files, each side for itself; empty without pictures. findings : the serious ones first.
    """

    class_names: tuple[str, ...]
    counts: dict[str, list[int]]
    sizes: list[tuple[int, int]]
    findings: list[Finding]


def check_folder(
    directory: str | os.PathLike[str],
    image_size: int | Sequence[int] = (32, 32),
    *,
    channels: int = 3,
    validation_split: float | None = None,
    cache: bool = True,
    verbose: int | str = 0,
) -> Checked:
    """Looks at every picture of a folder as `image_folder` would read it, with the same arguments, and says what it finds.

    validation_split : None for what a fine-tuning would draw.

    Raises what `image_folder` raises where there is no such folder, and for arguments; all else becomes findings.
    """
    if validation_split is not None:
        validation_split = number("check_folder", "validation_split", validation_split, least=0, below=1)
    try:
        found = splits.read("check_folder", directory, image_size, channels, cache, verbose)
    except FormatError as error:  # no classes at all
        return Checked((), {}, [], [Finding(True, str(error), "")])
    if validation_split is None:
        of_parts = {part: sum(splits.counts_of(found, part)) for part in PARTS}
        validation_split = splits.worth_drawing(of_parts[TRAIN], of_parts[TEST] > 0)
    findings = [Finding(True, problem, "") for problem in splits.problems(found, validation_split)]
    findings += [
        *_left_out(found),
        *_same_files(found),
        *_few(found),
        *_lacking(found),
        *_uneven(found),
        *_sizes(found),
    ]
    sizes = np.array([picture.size for picture in found.pictures])
    spread = [(int(h), int(w)) for h, w in np.quantile(sizes, (0, 0.5, 1), axis=0)] if len(sizes) else []
    return Checked(
        found.class_names,
        {part: splits.counts_of(found, part) for part in PARTS if part in found.folders},
        spread,
        findings,
    )


def _left_out(found: Found) -> Iterator[Finding]:
    if found.left_out:
        yield Finding(
            False,
            f"{_files(len(found.left_out), 'cannot', 'cannot')} be used",
            "left out of everything; mend or take away",
            found.left_out,
            each=True,
        )


def _same_files(found: Found) -> Iterator[Finding]:
    groups = defaultdict(list)
    for picture in found.pictures:
        groups[picture.digest].append(picture)
    several = [group for group in groups.values() if len(group) > 1]
    kinds = {
        "under different classes": [group for group in several if len({each.label for each in group}) > 1],
        "in different parts, so that the figures flatter": [
            group for group in several if len({each.part for each in group}) > 1
        ],
        "within a part": [
            group
            for group in several
            if len({each.label for each in group}) == 1 and len({each.part for each in group}) == 1
        ],
    }
    remedies = (
        "decide which class is right, and delete the others",
        "finetune's --drop-duplicates (drop_duplicates) keeps the one in test or validation",
        "finetune's --drop-duplicates (drop_duplicates) keeps the first",
    )
    for (where, alike), remedy in zip(kinds.items(), remedies, strict=True):
        if alike:
            copies = [
                Fault(other.path, f"is the same file as {group[0].path}") for group in alike for other in group[1:]
            ]
            yield Finding(False, f"{_files(len(copies), 'repeats another', 'repeat others')} {where}", remedy, copies)


def _few(found: Found) -> Iterator[Finding]:
    few = [
        f"{name} ({count})"
        for name, count in zip(found.class_names, splits.counts_of(found, TRAIN), strict=True)
        if 0 < count < _FEW
    ]
    if few:
        yield Finding(
            False,
            f"few pictures to train on: {', '.join(few)}",
            f"more of them help most, up to some hundreds; below {_FEW} even a network that has learnt before tells little",
        )


def _lacking(found: Found) -> Iterator[Finding]:
    for part in (VALIDATION, TEST):
        if part in found.folders:
            none = [
                name for name, count in zip(found.class_names, splits.counts_of(found, part), strict=True) if not count
            ]
            if none and len(none) < len(found.class_names):  # else it is one of the problems
                yield Finding(
                    False,
                    f"no pictures in {found.folders[part].name} of: {', '.join(none)}",
                    "the figures say nothing of them",
                )


def _uneven(found: Found) -> Iterator[Finding]:
    counts = dict(zip(found.class_names, splits.counts_of(found, TRAIN), strict=True))
    there = {name: count for name, count in counts.items() if count}
    if there and max(there.values()) > _UNEVEN * min(there.values()):
        most, least = max(there, key=lambda name: there[name]), min(there, key=lambda name: there[name])
        yield Finding(
            False,
            f"{most} has {there[most]:,} pictures, {least} {there[least]:,}",
            "fastcnn.finetune lets rare classes count more; in fit class_weight does: the number of pictures over the number of classes times the class's",
        )


def _sizes(found: Found) -> Iterator[Finding]:
    height, width, _ = found.shape
    small = [picture for picture in found.pictures if picture.size[0] < height and picture.size[1] < width]
    if small:
        yield Finding(
            False,
            f"{_files(len(small), 'is', 'are')} smaller than {width}x{height}",
            "enlarged, which adds nothing; a smaller image_size (--image-size) is faster",
            _sized(small),
        )
    stretched = []
    for picture in found.pictures:
        ratio = picture.size[1] / picture.size[0] * height / width
        if not 1 / _STRETCHED < ratio < _STRETCHED:
            stretched.append(picture)
    if stretched:
        yield Finding(
            False,
            f"{_files(len(stretched), 'is', 'are')} much wider or higher than {width}x{height}",
            "squeezed to it, nothing is cut off; where the thing fills little of the picture, cut it out yourself",
            _sized(stretched),
        )


def _sized(pictures: Iterable[Picture]) -> list[Fault]:
    return [Fault(picture.path, f"is {picture.size[1]}x{picture.size[0]}") for picture in pictures]


def _files(count: int, one: str, several: str) -> str:
    return f"1 file {one}" if count == 1 else f"{count:,} files {several}"
