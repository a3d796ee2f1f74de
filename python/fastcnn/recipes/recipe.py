"""What a recipe is, and the command around it: train on CIFAR-10 with some seeds, measure on its test pictures, write the weights in half precision."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fastcnn import config, layers, losses, optimizers, runs
from fastcnn._command import Parser, add_where, integer, run
from fastcnn.callbacks import Callback
from fastcnn.datasets import named
from fastcnn.formats import atomic, half_weights
from fastcnn.layers import Layer
from fastcnn.models import Sequential
from fastcnn.recipes.lookahead import Lookahead

__all__ = ["THOUSAND", "Recipe", "accuracy", "main"]

Network = Callable[..., Sequential]
Preparation = Callable[[Sequential, Any], None]  # of a model, by the training pictures

THOUSAND = slice(0, 1000)  # of the test pictures: those on which a card gives the figure of its file


@dataclass(frozen=True)
class Recipe:
    """SGD with Nesterov's momentum and one cycle of the rate, on pictures that are flipped and moved by up to `shift` pixels.

    learning_rate : at the top of the cycle, which it reaches after `warmup` of the steps. shape, first_rate, last_rate : of the cycle (`schedules.OneCycle`), the
    rates as parts of the highest; by default cosines, from a 25th to nearly nothing. weight_decay : as Keras's, a multiple of the rate, of kernels alone.
    label_smoothing : what a picture's own class loses to all. alternating : whether a picture is flipped in every other epoch, and not by chance in
    each. rate_scales : by what the rate is multiplied for some weights (`Optimizer.scale_learning_rate`).
    lookahead : after how many steps the slow weights follow (`Lookahead`), the last time by a quarter; 0 for never.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    warmup: float
    momentum: float
    weight_decay: float
    label_smoothing: float
    shift: int
    alternating: bool = False
    shape: str = "cosine"
    first_rate: float = 1 / 25
    last_rate: float = 1 / 250_000
    rate_scales: Mapping[str, float] = field(default_factory=dict)
    lookahead: int = 0

    def steps(self, samples: int) -> int:
        """Of a whole training with that many pictures."""
        return self.epochs * -(-samples // self.batch_size)

    def compile(self, model: Sequential, samples: int) -> None:
        """For that many training pictures."""
        steps = self.steps(samples)
        highest = self.learning_rate
        rate = optimizers.schedules.OneCycle(
            highest, steps, self.warmup * steps, self.first_rate * highest, self.last_rate * highest, self.shape
        )
        optimizer = optimizers.SGD(rate, momentum=self.momentum, nesterov=True, weight_decay=self.weight_decay)
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        optimizer.scale_learning_rate(self.rate_scales)
        loss = losses.SparseCategoricalCrossentropy(from_logits=True, label_smoothing=self.label_smoothing)
        model.compile(optimizer, loss, metrics=["accuracy"])

    def augmentations(self) -> list[Layer]:
        """What `fit` is given."""
        flip = [] if self.alternating else [layers.RandomFlip("horizontal")]
        return [*flip, layers.RandomPaddedCrop(self.shift)]

    def fit(self, model: Sequential, x: Any, y: Any, seed: int, callbacks: Sequence[Callback] = ()) -> None:
        """The training, of a compiled model. seed : of which pictures are flipped first, where they alternate."""
        every = [*self.callbacks(len(x)), *callbacks]
        if not self.alternating:
            model.fit(x, y, self.batch_size, self.epochs, 0, every, augment=self.augmentations())
            return
        first = np.random.default_rng(seed).random(len(x)) < 0.5
        x = np.where(first[:, None, None, None], x[:, :, ::-1], x)
        for epoch in range(self.epochs):
            seen = x[:, :, ::-1] if epoch % 2 else x
            augment = self.augmentations()
            model.fit(seen, y, self.batch_size, epoch + 1, 0, every, initial_epoch=epoch, augment=augment)

    def callbacks(self, samples: int) -> list[Callback]:
        """Those that `fit` is given, anew for each training."""
        return [Lookahead(self.lookahead, self.steps(samples), 0.25)] if self.lookahead else []


def accuracy(model: Sequential, x: Any, y: Any) -> float:
    """Of a model of logits or probabilities."""
    return float((model.predict(x, batch_size=500, verbose=0).argmax(axis=1) == y.reshape(-1)).mean())


class _Lines(Callback):
    """A line an epoch."""

    def __init__(self, total: int) -> None:
        super().__init__()
        self._total, self._start = total, time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        seen = logs or {}
        seconds = time.perf_counter() - self._start
        print(
            f"epoch {epoch + 1:>3} of {self._total}: accuracy {seen['accuracy']:.4f}, loss {seen['loss']:.4f}, {seconds:,.0f} s",
            flush=True,
        )


def _train(
    module: str, recipe: Recipe, network: Network, prepare: Preparation, seed: int, data: Any, folder: Path
) -> dict[str, Any]:
    """One training: its weights in the folder, and what they reach, in single and, read from the file, in half precision."""
    (x, y), (test_x, test_y), _ = data
    config.set_seed(seed)
    model = network(weights=None, classifier_activation=None)
    prepare(model, x)
    recipe.compile(model, len(x))
    start = time.perf_counter()
    recipe.fit(model, x, y, seed, [_Lines(recipe.epochs)])
    seconds = time.perf_counter() - start
    path = folder / f"{module}-cifar10-seed{seed}.safetensors"
    single = accuracy(model, test_x, test_y)
    digest = half_weights.save(model, path)
    half_weights.load(model, path)
    reached = {
        "seed": seed,
        "accuracy": single,
        "accuracy_of_file": accuracy(model, test_x, test_y),
        "accuracy_of_file_on_first_thousand": accuracy(model, test_x[THOUSAND], test_y[THOUSAND]),
        "seconds": seconds,
        "file": path.name,
        "sha256": digest,
    }
    print(f"seed {seed}: {reached['accuracy']:.4f}; the file {reached['accuracy_of_file']:.4f}, {digest}", flush=True)
    return reached


def main(
    module: str,
    recipe: Recipe,
    network: Network,
    arguments: Sequence[str] | None = None,
    prepare: Preparation = lambda model, pictures: None,
) -> int:
    """The command `python -m fastcnn.recipes.MODULE`. prepare : what is done to a new model before it is compiled. Returns the exit code."""
    name = network.__name__
    settings = ", ".join(f"{key} {value}" for key, value in asdict(recipe).items())
    parser = Parser(
        f"recipes.{module}",
        f"Trains applications.{name} on CIFAR-10 and writes its weights in half precision.\n\n{settings}",
        "The folder gets a .safetensors for each seed, and results.json: what each reaches on the 10,000 test pictures, its seconds and SHA-256.",
    )
    add = parser.add_argument
    add("--data-dir", metavar="DIR", help="the folder that holds CIFAR-10; nothing is downloaded into it")
    add("--seeds", type=integer(0, 2**64 - 1), nargs="+", default=[0, 1, 2], metavar="N", help="default: 0 1 2")
    add("--out", default=f"runs/{module}", metavar="DIR", help=f"default: runs/{module}")
    add_where(parser)
    options = parser.parse(arguments)

    def work() -> None:
        config.set_device(options.device)
        if options.threads is not None:
            config.set_threads(options.threads)
        data = named.load("cifar10", options.data_dir, "recipe")
        folder = Path(options.out)
        folder.mkdir(parents=True, exist_ok=True)
        reached: list[dict[str, Any]] = []
        for seed in options.seeds:
            reached.append(_train(module, recipe, network, prepare, seed, data, folder))
            _write(folder / "results.json", recipe, name, reached)

    return run(f"recipes.{module}", work)


def _write(path: Path, recipe: Recipe, name: str, reached: Sequence[dict[str, Any]]) -> None:
    accuracies = [each["accuracy"] for each in reached]
    written = {
        "network": name,
        "recipe": asdict(recipe),
        "mean": statistics.fmean(accuracies),
        "spread": statistics.stdev(accuracies) if len(accuracies) > 1 else None,
        "runs": list(reached),
        **runs.made_with(),
    }
    atomic.write(path, (json.dumps(written, indent=2) + "\n").encode())
