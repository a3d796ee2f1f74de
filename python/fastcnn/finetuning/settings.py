"""`Settings` of a fine-tuning, and `choose`, which takes them by the amount of data and says why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from fastcnn import layers
from fastcnn._arguments import boolean, natural, number, positive, positive_integer
from fastcnn.datasets import splits
from fastcnn.errors import FormatError
from fastcnn.layers import Layer

__all__ = ["Choice", "Settings", "choose"]

_UNEVEN = 1.5  # times as many pictures as the rarest class has
_LIGHT = 40_000_000  # multiply-adds; what is lighter takes little time, and gains by more epochs and a higher rate
_DECAYED = 0.87  # the sum of rate times decay over all steps: kernels shrink by no more than e to the power of that
# What concerns the training of the whole network, not that of a head alone.
_OF_ALL = ("learning_rate", "lower_rate", "weight_decay", "warmup", "global_clipnorm", "shift", "flip")
_WORTH_CHOOSING_BY = 100  # pictures to validate with


@dataclass(frozen=True)
class Settings:
    """How a network is fine-tuned: all of it, by AdamW; before that, if it is to be, its new head alone, on features that are computed once.

    validation_split : the share of the training pictures that is held out, where the pictures have no part for validation; 0 for none.
    best_epoch : whether the epoch with the lowest validation loss stays, instead of the last. patience : epochs without a lower one after which the training ends.
    head_epochs : passes over the features; 0 for none. epochs : passes over the pictures, of the whole network; 0 leaves it with its new head.
    batch_size : pictures a step. learning_rate : the highest of a cycle that rises for `warmup` of the steps and falls to nothing.
    lower_rate : the share of it that the first layer has; those between it and the head in equal ratios. weight_decay : what
    kernels lose of themselves in a step, times the rate; nothing else decays. label_smoothing : what a picture's own class loses to all.
    shift : pictures are moved by up to so many pixels. flip : and mirrored, left to right, half of them. class_weight : whether rare classes count more,
    so that all count alike. global_clipnorm : how large all gradients together may be.
    """

    validation_split: float
    best_epoch: bool
    head_epochs: int
    epochs: int
    batch_size: int
    learning_rate: float
    lower_rate: float
    weight_decay: float
    label_smoothing: float
    shift: int
    flip: bool
    class_weight: bool
    patience: int
    warmup: float = 0.2
    global_clipnorm: float = 2.0

    def augmentations(self) -> list[Layer]:
        """What `fit` is given."""
        flip: list[Layer] = [layers.RandomFlip("horizontal")] if self.flip else []
        return [*flip, *([layers.RandomPaddedCrop(self.shift)] if self.shift else [])]


class Choice(NamedTuple):
    """The settings, and for each that was not asked for, why it is what it is."""

    settings: Settings
    reasons: dict[str, str]


def choose(
    counts: Sequence[int],
    side: int,
    asked: Mapping[str, Any] | None = None,
    *,
    validation: int | None = None,
    tested: bool = False,
    multiply_adds: float = math.inf,
) -> Choice:
    """The settings for so many training pictures of each class, of which those for validation are still to be drawn.

    side : of the pictures, in pixels. asked : settings by name that are to be as they are; TypeError and ValueError for what they cannot be.
    validation : pictures of a part for validation, from which then none are drawn; None where there is none. tested : whether there is a part to test with.
    multiply_adds : of the start, for one picture. Raises FormatError, a ValueError, where an epoch is to be chosen by pictures that there are none of.
    """
    given = _checked(dict(asked or {}))
    total, classes = sum(counts), len(counts)
    each = total / classes
    uneven = max(counts) > _UNEVEN * max(min(counts), 1)
    few = f"{each:,.0f} pictures a class"
    batch_size = min(max(total // 16, min(40, total)), 128)
    light = multiply_adds < _LIGHT
    passes, least = (24, 8_000) if light else (12, 2_400)
    seen = min(max(passes * total, least), passes * 5_000)  # pictures in all, or as many as there are
    epochs = min(max(round(seen / total), 6), 60)
    rate = 0.004 if light else _rounded(min(0.018 / each**0.5, 0.004))
    steps = given.get("epochs", epochs) * -(-total // given.get("batch_size", batch_size))
    travelled = steps * given.get("learning_rate", rate) / 2
    alone = given.get("epochs") == 0
    if alone and (without := [name for name in _OF_ALL if name in given]):
        raise ValueError(f"fine_tune: {without[0]} changes nothing with epochs=0, which trains a new head alone")
    choosing = given.get("best_epoch", "patience" in given)
    usual = 0.0 if validation is not None else splits.worth_drawing(total, tested and not choosing)
    split = given.get("validation_split", usual)
    judging = sum(splits.drawn_of(count, split) for count in counts) if validation is None else validation
    if choosing and not judging:
        raise FormatError(
            f"fine_tune: {'best_epoch' if 'best_epoch' in given else 'patience'} wants pictures for validation, but there are none"
        )
    chosen: dict[str, tuple[Any, str]] = {
        "validation_split": (
            split,
            "there is a part for validation"
            if validation is not None
            else "all are wanted, and others test"
            if not split
            else f"{total:,} pictures",
        ),
        "best_epoch": (
            choosing or judging >= _WORTH_CHOOSING_BY,
            "patience that was asked for"
            if choosing
            else f"{judging:,} pictures for validation"
            if judging
            else "no pictures for validation",
        ),
        "head_epochs": (
            min(max(-(-500 // -(-total // batch_size)), 10), 100) if alone else 0,
            f"{total:,} pictures, whose features are computed once"
            if alone
            else "learning with everything else: alone and first, a head knows few pictures by heart",
        ),
        "epochs": (epochs, few + (", a light network" if light else "")),
        "batch_size": (
            batch_size,
            f"a sixteenth of {total:,} pictures, from 40 to 128" if total >= 40 else f"{total:,} pictures",
        ),
        "learning_rate": (rate, "a light network" if light else few),
        "weight_decay": (_rounded(_DECAYED / max(travelled, _DECAYED)), f"{steps:,} steps"),
        "lower_rate": (0.5 if each < 200 else 1.0, few),
        "label_smoothing": (0.1, "all amounts"),
        "shift": (max(side // 8, 1), f"an eighth of {side} pixels"),
        "flip": (True, "things that look as well in a mirror, as most do; not letters"),
        "class_weight": (uneven, f"from {min(counts):,} to {max(counts):,} pictures a class"),
        "patience": (60, "no early end, since the rate falls to nothing and the best epoch is often late"),
    }
    for field in fields(Settings):
        chosen.setdefault(field.name, (field.default, "all amounts"))
    values = {name: given.get(name, value) for name, (value, _) in chosen.items()}
    if (lost := values["learning_rate"] * values["weight_decay"]) >= 1:
        raise ValueError(
            f"fine_tune: learning_rate * weight_decay, what kernels lose in a step, must be below 1, but is {lost:g}"
        )
    unused = {*(_OF_ALL if alone else ()), *(() if values["best_epoch"] else ("patience",))}
    reasons = {name: reason for name, (_, reason) in chosen.items() if name not in given and name not in unused}
    return Choice(Settings(**values), reasons)


def _rounded(number: float) -> float:
    """To two digits."""
    return float(f"{number:.1e}")


def _checked(asked: dict[str, Any]) -> dict[str, Any]:
    owner = "fine_tune"
    unknown = asked.keys() - {field.name for field in fields(Settings)}
    if unknown:
        raise TypeError(f"{owner}: unknown argument {min(unknown)!r}")
    for name, value in asked.items():
        if name in ("head_epochs", "epochs", "shift", "patience"):
            asked[name] = natural(owner, name, value)
        elif name == "batch_size":
            asked[name] = positive_integer(owner, name, value)
        elif name in ("learning_rate", "global_clipnorm"):
            asked[name] = positive(owner, name, value)
        elif name in ("flip", "class_weight", "best_epoch"):
            asked[name] = boolean(owner, name, value)
        elif name == "weight_decay":
            asked[name] = number(owner, name, value, least=0)
        elif name == "lower_rate":
            asked[name] = number(owner, name, value, least=0, most=1)
        else:
            asked[name] = number(owner, name, value, least=0, below=1)
    return asked
