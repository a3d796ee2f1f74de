"""What augmentation costs: a training step of the tutorial's network with each of `fit`'s augmentations beside one without, `python bench/augmentation.py`.

A figure is the time that the augmentation adds to a step, as a part of the plain step's in the same round. Batches of CIFAR-10, as uint8, through the plan.
"""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Callable
from typing import Any

import fastcnn
import numpy as np
from fastcnn import layers, losses
from fastcnn.augmentation import Augment, CutMix, MixUp
from fastcnn.optimizers import Adam
from fastcnn.plan import Plan
from fastcnn.tutorial import tutorial_model
from harness import Summary, interleave, save
from machine import images

__all__ = ["main"]

SHAPE = (32, 32, 3)
AUGMENTATIONS: dict[str, Callable[[], list[Any]]] = {
    "flip and padded crop": lambda: [layers.RandomFlip("horizontal"), layers.RandomPaddedCrop(4)],
    "flip": lambda: [layers.RandomFlip("horizontal")],
    "padded crop": lambda: [layers.RandomPaddedCrop(4)],
    "translation": lambda: [layers.RandomTranslation(0.1, 0.1)],
    "rotation": lambda: [layers.RandomRotation(0.05)],
    "zoom": lambda: [layers.RandomZoom(0.1)],
    "brightness": lambda: [layers.RandomBrightness(0.2)],
    "contrast": lambda: [layers.RandomContrast(0.2)],
    "saturation": lambda: [layers.RandomSaturation(0.2)],
    "erasing": lambda: [layers.RandomErasing()],
    "MixUp": lambda: [MixUp(0.2)],
    "CutMix": lambda: [CutMix()],
}


class Trainer:
    """A training of the tutorial's network, with augmentations or with none."""

    def __init__(self, augmentations: list[Any], x: Any, y: Any, batch: int) -> None:
        loss, optimizer, model = losses.SparseCategoricalCrossentropy(from_logits=True), Adam(), tutorial_model()
        augment = Augment.of(augmentations, SHAPE, loss)
        optimizer.build(model.store)
        self._plan = Plan([*augment.front(SHAPE), *model.leaves], SHAPE, loss, optimizer, 0, mixings=augment.mixings)
        self._batches = np.random.default_rng(0).permutation(len(x))[: len(x) // batch * batch].reshape(-1, batch)
        self._x, self._y, self._done = x, y, 0

    def seconds(self, steps: int) -> float:
        """Of a step, the mean of the next so many."""
        begin = time.perf_counter()
        for _ in range(steps):
            rows = self._batches[self._done % len(self._batches)]
            self._done += 1
            self._plan.train_step(self._x, self._y, rows, learning_rate=1e-4, step=self._done)
        self._plan.totals()  # waits for the last step
        return (time.perf_counter() - begin) / steps


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, nargs="+", default=[32, 128])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    fastcnn.set_device("cpu")
    fastcnn.set_threads(options.threads)
    data = images()
    x, y = data.x, data.y.astype(np.int32)
    table = []
    for batch in options.batch:
        steps = max(4, 1600 // batch)
        trainers = {name: Trainer(make(), x, y, batch) for name, make in {"none": list, **AUGMENTATIONS}.items()}
        timed = {name: functools.partial(trainer.seconds, steps) for name, trainer in trainers.items()}
        seconds = interleave(timed, options.rounds)
        plain = Summary.of(seconds["none"])
        print(f"\nbatch {batch}, {options.threads} threads: {plain.median * 1e6:.0f} us a step; more with")
        for name in AUGMENTATIONS:
            more = Summary.of([own / none - 1 for own, none in zip(seconds[name], seconds["none"], strict=True)])
            print(f"{name:<22}{more.median:7.1%}  ({more.lower:.1%} to {more.upper:.1%})")
            table.append({"batch": batch, "augmentation": name, "more_of_a_step": more._asdict()})
        table.append({"batch": batch, "augmentation": "none", "seconds_a_step": plain._asdict()})
    save("augmentation", {"images": data.what, "threads": options.threads, "table": table})


if __name__ == "__main__":
    main()
