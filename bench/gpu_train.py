"""A training step of the tutorial's network on a GPU: fastcnn beside PyTorch, for gpu.py. Prints a line for each batch size and competitor.

Rounds are interleaved, medians printed; a round is 20 steps and ends when the device has done them. PyTorch's best of channels_last, eager and compiled with CUDA
graphs (mode "reduce-overhead"), TF32 off, as fastcnn's arithmetic is float32; its images lie on the device as float32, fastcnn's as uint8.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from harness import Summary, interleave

STEPS, ROUNDS = 20, 7
IMAGES = 8192
Step = Callable[[], Any]


def fastcnn_round(batch: int) -> Callable[[], float]:
    import fastcnn
    from fastcnn.losses import SparseCategoricalCrossentropy
    from fastcnn.optimizers import Adam
    from fastcnn.plan import Plan
    from fastcnn.tutorial import tutorial_model

    fastcnn.set_device("cuda")
    model = tutorial_model()
    model.compile("adam", SparseCategoricalCrossentropy(from_logits=True))
    optimizer = model.optimizer
    assert isinstance(optimizer, Adam)
    optimizer.build(model.store)
    plan = Plan(model.layers, (32, 32, 3), model.loss, optimizer)
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (IMAGES, 32, 32, 3), np.uint8), rng.integers(0, 10, IMAGES).astype(np.int32)
    step = 0

    def one_round() -> float:
        nonlocal step
        with plan.holding_data(x, y), plan.holding_model():
            plan.train_step(x, y, np.arange(batch), learning_rate=1e-3, step=step + 1)  # what holding cost is over
            begin = time.perf_counter()
            for _ in range(STEPS):
                step += 1
                plan.train_step(x, y, rng.integers(0, IMAGES, batch), learning_rate=1e-3, step=step + 1)
            return (time.perf_counter() - begin) / STEPS  # each step waits for its loss

    return one_round


def torch_round(batch: int, *, compiled: bool) -> Callable[[], float]:
    import torch
    from torch import nn

    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    model: Any = nn.Sequential(
        *(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(64, 64, 3), nn.ReLU(), nn.Flatten(), nn.Linear(1024, 64), nn.ReLU(), nn.Linear(64, 10)),
    )
    model = model.cuda().to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), fused=True, capturable=True)
    x = torch.rand(IMAGES, 3, 32, 32, device="cuda").to(memory_format=torch.channels_last)
    y = torch.randint(0, 10, (IMAGES,), device="cuda")
    forward = torch.compile(model, mode="reduce-overhead") if compiled else model

    def step() -> None:
        rows = torch.randint(0, IMAGES, (batch,), device="cuda")
        loss = nn.functional.cross_entropy(forward(x[rows]), y[rows])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    def one_round() -> float:
        torch.cuda.synchronize()
        begin = time.perf_counter()
        for _ in range(STEPS):
            step()
        torch.cuda.synchronize()
        return (time.perf_counter() - begin) / STEPS

    return one_round


def main() -> None:
    for batch in (32, 512):
        competitors = {"fastcnn": fastcnn_round(batch)}
        try:
            import torch  # noqa: F401
        except ImportError:
            print("PyTorch is not installed here")
        else:
            competitors["torch channels_last"] = torch_round(batch, compiled=False)
            competitors["torch compiled"] = torch_round(batch, compiled=True)
        for name, seconds in interleave(competitors, ROUNDS, warmup=2).items():
            s = Summary.of(seconds)
            print(
                f"batch {batch:4} {name:<22}{s.median * 1e3:9.3f} ({s.lower * 1e3:.3f}..{s.upper * 1e3:.3f})",
                flush=True,
            )


if __name__ == "__main__":
    main()
