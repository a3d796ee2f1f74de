"""What each means buys: the tutorial's network trained on little, some and all of CIFAR-10, `python bench/means.py`. The answer to the tutorial's questions.

One variant a means, everything else as the tutorial has it; the pictures to train on are drawn for each seed, as many of every class. A figure is the accuracy on all
10,000 test pictures after the last epoch, the mean over the seeds; "gap" is by how much the accuracy on the training pictures, as they are, lies above it, and seconds
are those of `fit`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import fastcnn
import numpy as np
from fastcnn import layers, losses, models, optimizers, regularizers
from fastcnn.augmentation import CutMix, MixUp
from harness import save
from machine import cifar10, cifar10_root

__all__ = ["main"]

EPOCHS = {500: 60, 5_000: 30, 50_000: 10}  # of each number of pictures; in twice as many the longer trainings


@dataclass(frozen=True)
class Means:
    """What is otherwise than in the tutorial. flips : flips and padded crops. longer : twice as many epochs, the rate going down to 0 along a cosine."""

    name: str
    dropout: float = 0.0
    l2: float = 0.0
    smoothing: float = 0.0
    flips: bool = False
    mixing: Any = None
    batch: int = 32
    normalized: bool = False
    longer: bool = False

    def network(self) -> models.Sequential:
        """The tutorial's, of raw pixels, with what this adds."""
        penalty = regularizers.L2(self.l2) if self.l2 else None

        def convolution(filters: int) -> list[layers.Layer]:
            if not self.normalized:
                return [layers.Conv2D(filters, 3, activation="relu", kernel_regularizer=penalty)]
            return [
                layers.Conv2D(filters, 3, use_bias=False, kernel_regularizer=penalty),
                layers.BatchNormalization(),
                layers.ReLU(),
            ]

        return models.Sequential(
            [
                layers.Input((32, 32, 3)),
                layers.Rescaling(1 / 255),
                *convolution(32),
                layers.MaxPooling2D(),
                *convolution(64),
                layers.MaxPooling2D(),
                *convolution(64),
                layers.Flatten(),
                *([layers.Dropout(self.dropout)] if self.dropout else []),
                layers.Dense(64, activation="relu", kernel_regularizer=penalty),
                layers.Dense(10),
            ]
        )

    def augmentations(self) -> list[Any]:
        """What `fit` is given."""
        flips = [layers.RandomFlip("horizontal"), layers.RandomPaddedCrop(4)] if self.flips else []
        return [*flips, *([self.mixing] if self.mixing else [])]


MEANS = [
    Means("the tutorial's network"),
    Means("flips and padded crops", flips=True),
    Means("MixUp", mixing=MixUp()),
    Means("CutMix", mixing=CutMix()),
    Means("dropout 0.5", dropout=0.5),
    Means("L2 of 1e-3", l2=1e-3),
    Means("label smoothing 0.1", smoothing=0.1),
    Means("batch normalization", normalized=True),
    Means("batches of 128", batch=128),
    Means("batches of 512", batch=512),
    Means("twice as long, cosine", longer=True),
    Means("flips, crops, dropout 0.25, smoothing, twice as long", 0.25, 0.0, 0.1, flips=True, longer=True),
]


class Outcome(NamedTuple):
    """Of one training."""

    accuracy: float
    gap: float
    seconds: float


def train(means: Means, seed: int, train_set: Any, test_set: Any, epochs: int) -> Outcome:
    """One training; sets are (images, labels)."""
    fastcnn.set_seed(seed)
    epochs *= 2 if means.longer else 1
    steps = epochs * -(-len(train_set[0]) // means.batch)
    rate: Any = optimizers.schedules.CosineDecay(0.001, steps) if means.longer else 0.001
    model = means.network()
    loss = losses.SparseCategoricalCrossentropy(from_logits=True, label_smoothing=means.smoothing)
    model.compile(optimizers.Adam(rate), loss, metrics=["accuracy"])
    begin = time.perf_counter()
    model.fit(*train_set, batch_size=means.batch, epochs=epochs, augment=means.augmentations(), verbose=0)
    seconds = time.perf_counter() - begin
    right, known = (float(model.evaluate(*of, batch_size=500, verbose=0)[1]) for of in (test_set, train_set))
    return Outcome(right, known - right, seconds)


def some_of_each_class(labels: Any, count: int, seed: int) -> Any:
    """Which pictures: as many of every class."""
    random = np.random.default_rng(seed)
    classes = np.unique(labels)
    return np.concatenate(
        [random.permutation(np.flatnonzero(labels == each))[: count // len(classes)] for each in classes]
    )


def table_of(size: int, outcomes: dict[str, Sequence[Outcome]]) -> list[dict[str, Any]]:
    """Prints it."""
    print(f"\n{size:,} pictures, {EPOCHS[size]} epochs: accuracy (spread), gap, seconds")
    table = []
    for name, of in outcomes.items():
        accuracies = [each.accuracy for each in of]
        mean, spread = float(np.mean(accuracies)), float(np.std(accuracies, ddof=1)) if len(of) > 1 else 0.0
        gap, seconds = (float(np.mean([each[i] for each in of])) for i in (1, 2))
        print(f"{name:<54}{mean:.3f} ({spread:.3f}){gap:7.3f}{seconds:8.1f}")
        table.append({"pictures": size, "means": name, "accuracies": accuracies, "gap": gap, "seconds": seconds})
    return table


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, nargs="+", choices=list(EPOCHS), default=list(EPOCHS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    root = cifar10_root()
    if root is None:
        raise SystemExit("means.py: CIFAR-10 was not found: name its folder in FASTCNN_DATA")
    fastcnn.set_device("cpu")
    fastcnn.set_threads(options.threads)
    training, testing = cifar10(root)[:2]
    table = []
    for size in options.pictures:
        outcomes: dict[str, list[Outcome]] = {means.name: [] for means in MEANS}
        for seed in range(options.seeds):
            rows = some_of_each_class(training.y, size, seed)
            train_set, test_set = (training.x[rows], training.y[rows]), (testing.x, testing.y)
            for means in MEANS:
                outcomes[means.name].append(train(means, seed, train_set, test_set, EPOCHS[size]))
        table += table_of(size, outcomes)
    save("means", {"seeds": options.seeds, "threads": options.threads, "epochs": EPOCHS, "table": table})


if __name__ == "__main__":
    main()
