"""The recipe of `applications.VGG8` beside the same recipe in PyTorch, `python bench/recipe.py`: a hundred steps of each, in turn.

The same network, batches, flips and crops, loss, momentum, rates and slow weights; PyTorch's decay goes through the momentum, which takes no longer. fastcnn's time is that of
whole calls of `fit`, which count the accuracy too. PyTorch is eager and compiled, in channels_last, with its fused SGD, and picks its crops out of padded uint8 batches by one index.
Dense GFLOP/s are those of the convolutions summed up tap by tap: three times forward, but for the first layer, which does not learn, and the second's gradient by its input.
"""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from fastcnn.applications import VGG8
from fastcnn.recipes.vgg8 import RECIPE, prepare
from harness import Summary, Worker, compare, interleave, save, seconds_spun
from machine import images
from numpy.typing import NDArray
from peak import measured_peak
from torch_networks import vgg8

__all__ = ["Fastcnn", "Torch", "main"]

FROZEN = 2 * 32 * 32 * 4 * 3 * 24  # floating point operations of an image, forward
FIRST = 2 * 32 * 32 * 9 * 24 * 64
REST = 2 * 9 * (16 * 16 * (64 * 64 + 64 * 256) + 8 * 8 * 2 * 256 * 256 + 4 * 4 * 256 * 256)
FLOPS = FROZEN + 2 * FIRST + 3 * REST
PAUSE = 0.05
SAMPLES = 50_000

Rows = NDArray[np.int64]


class Fastcnn:
    """`fit`, all of the call counted."""

    variants = ("fit",)

    def __init__(self, threads: int) -> None:
        import fastcnn
        from fastcnn import _core

        fastcnn.set_device("cpu")
        fastcnn.set_threads(threads)
        fastcnn.set_seed(0)
        data = images()
        self._x, self._y = data.x, data.y
        self._model = VGG8(weights=None, classifier_activation=None)
        prepare(self._model, self._x)
        RECIPE.compile(self._model, SAMPLES)
        self._callbacks = RECIPE.callbacks(SAMPLES)  # which count on from call to call
        self.about = {**_core.info(), "threads": _core.threads(), "images": data.what}

    def __call__(self, variant: str, rows: Rows) -> float:
        x, y = self._x[rows.ravel()][:, :, ::-1], self._y[rows.ravel()]  # as in every other epoch
        begin = time.perf_counter()
        self._model.fit(x, y, rows.shape[1], verbose=0, callbacks=self._callbacks, augment=RECIPE.augmentations())
        return (time.perf_counter() - begin) / len(rows)


class Torch:
    """The same in PyTorch."""

    variants = ("channels_last", "compiled channels_last")

    def __init__(self, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        torch.manual_seed(0)
        data = images()
        self._torch: Any = torch
        shift = RECIPE.shift
        self._padded = torch.from_numpy(np.pad(data.x, ((0, 0), (shift, shift), (shift, shift), (0, 0))))
        self._y = torch.from_numpy(data.y)
        self._steps: dict[str, Callable[[Any], None]] = {}
        self.about = {"version": torch.__version__, "threads": torch.get_num_threads()}

    def __call__(self, variant: str, rows: Rows) -> float:
        if variant not in self._steps:
            self._steps[variant] = self._prepared(variant)
        step, batches = self._steps[variant], self._torch.from_numpy(rows)
        begin = time.perf_counter()
        for batch in batches:
            step(batch)
        return (time.perf_counter() - begin) / len(rows)

    def _prepared(self, variant: str) -> Callable[[Any], None]:
        torch = self._torch
        model = vgg8(torch, 10).to(memory_format=torch.channels_last)
        model[0].requires_grad_(False)
        learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
        kernels = [parameter for parameter in learning if parameter.dim() > 1]
        biases = [parameter for parameter in learning if parameter.dim() == 1]
        fast = RECIPE.learning_rate * RECIPE.rate_scales["_bn/beta"]
        groups = [{"params": kernels, "weight_decay": RECIPE.weight_decay}, {"params": biases, "lr": fast}]
        optimizer = torch.optim.SGD(groups, RECIPE.learning_rate, RECIPE.momentum, nesterov=True, fused=True)
        rates = torch.optim.lr_scheduler.OneCycleLR(
            optimizer,
            [RECIPE.learning_rate, fast],
            total_steps=RECIPE.steps(SAMPLES),
            pct_start=RECIPE.warmup,
            cycle_momentum=False,
        )
        loss_of = torch.nn.CrossEntropyLoss(label_smoothing=RECIPE.label_smoothing)
        slow = [weight.detach().clone() for weight in model.state_dict().values() if weight.is_floating_point()]
        done = 0

        def forward(pictures: Any, labels: Any) -> Any:
            return loss_of(model(pictures), labels)

        if variant.startswith("compiled"):
            forward = torch.compile(forward)

        def step(batch: Any) -> None:
            nonlocal done
            optimizer.zero_grad(set_to_none=True)
            forward(self._augmented(batch), self._y[batch]).backward()
            optimizer.step()
            rates.step()
            done += 1
            if done % RECIPE.lookahead == 0:
                weights = [weight for weight in model.state_dict().values() if weight.is_floating_point()]
                torch._foreach_lerp_(slow, weights, 0.5)
                torch._foreach_copy_(weights, slow)

        return step

    def _augmented(self, batch: Any) -> Any:
        torch, count = self._torch, len(batch)
        down, right = (torch.randint(0, 2 * RECIPE.shift + 1, (count, 1)) for _ in range(2))
        rows, columns = down + torch.arange(32), right + torch.arange(32)
        columns = torch.where(torch.rand(count, 1) < 0.5, columns.flip(1), columns)
        pictures = self._padded[batch[:, None, None], rows[:, :, None], columns[:, None, :]]
        return (pictures.float() / 64 - 2).permute(0, 3, 1, 2)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--steps", type=int, default=5, help="of each, in a round")
    options = parser.parse_args()
    workers = {name: Worker("recipe", name, options.threads) for name in ("Fastcnn", "Torch")}
    about = workers["Fastcnn"].about
    peak = measured_peak(options.threads, about["instruction_set"])
    random = np.random.default_rng(0)

    def train(framework: str, variant: str) -> float:
        rows = random.permutation(SAMPLES)[: options.steps * RECIPE.batch_size].reshape(options.steps, -1)
        return float(workers[framework].call(variant, rows))

    competitors: dict[str, Callable[[], float]] = {
        f"{framework} {variant}": functools.partial(train, framework, variant)
        for framework, kind in (("Fastcnn", Fastcnn), ("Torch", Torch))
        for variant in kind.variants
    }
    seconds = interleave(competitors, options.rounds, pause=PAUSE)
    peak = max(peak, measured_peak(options.threads, about["instruction_set"]))
    print(f"batch {RECIPE.batch_size}, {options.threads} threads; measured peak {peak:.0f} GFLOP/s; {about['images']}")
    dense = RECIPE.batch_size * FLOPS
    table = {}
    for name, samples in seconds.items():
        s = Summary.of(samples)
        rate = dense / s.median * 1e-9
        epoch = s.median * SAMPLES / RECIPE.batch_size
        print(f"{name:<28}{s.median * 1e3:9.0f} ms a step{epoch:8.0f} s an epoch{rate:8.0f} dense GFLOP/s")
        table[name] = {"seconds_a_step": s._asdict(), "rounds": samples, "dense_gflops": rate}
    ours, best = (
        "Fastcnn fit",
        min((n for n in seconds if n.startswith("Torch")), key=lambda n: Summary.of(seconds[n]).median),
    )
    ratio = compare(seconds[ours], seconds[best])
    print(f"{best} / {ours}: {ratio.of_medians:.2f} by the medians, {ratio.of_rounds.median:.2f} within the rounds")
    print(f"the dense floor of a step: {dense / peak * 1e-6:.0f} ms")
    save(
        "recipe",
        {
            "peak_gflops": peak,
            "dense_gflop_a_step": dense * 1e-9,
            "competitors": table,
            "ratio": {"best_peer": best, "of_medians": ratio.of_medians, "of_rounds": ratio.of_rounds._asdict()},
            "seconds_spun_in_a_pause": seconds_spun(workers),
            "frameworks": {name: worker.about for name, worker in workers.items()},
        },
    )
    for worker in workers.values():
        worker.close()


if __name__ == "__main__":
    main()
