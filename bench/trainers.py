"""The tutorial's network trained by fastcnn, PyTorch and Keras, each in a worker of its own: the competitors of train.py.

Each class answers `(variant, rows)` with the seconds a step of the batches that `rows` (steps, batch) names, and `variants` are all that were tried. All train from
the same images in the same order with Adam's defaults and fetch each batch from memory; what differs is always in the peers' favour:
fastcnn takes uint8 and scales it in the step, the peers have float32 that is scaled already; fastcnn counts loss and accuracy, the peers are spared the accuracy,
and PyTorch the sum of the losses as well; Keras's fit is given each round's images in order, one after the other, and its first steps in a round are not counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from machine import images
from numpy.typing import NDArray

__all__ = ["Fastcnn", "Keras", "Torch"]

Rows = NDArray[np.int64]


class Fastcnn:
    """Two ways: the plan's step over rows drawn from all images, as fit's loop calls it; and fit itself, all of the call counted."""

    variants = ("plan", "fit")

    def __init__(self, threads: int) -> None:
        import fastcnn
        from fastcnn import _core
        from fastcnn.losses import SparseCategoricalCrossentropy
        from fastcnn.optimizers import Adam
        from fastcnn.plan import Plan
        from fastcnn.tutorial import tutorial_model

        fastcnn.set_threads(threads)
        fastcnn.set_seed(0)
        data = images()
        self._x, self._y = data.x, data.y.astype(np.int32)
        self._model, model = tutorial_model(), tutorial_model()
        loss = SparseCategoricalCrossentropy(from_logits=True)
        self._model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
        self._optimizer = Adam()
        self._optimizer.build(model.store)
        self._plan = Plan(model.layers, (32, 32, 3), loss, self._optimizer, 0)
        self._step = 0
        self.about = {**_core.info(), "threads": _core.threads(), "images": data.what}

    def __call__(self, variant: str, rows: Rows) -> float:
        return self._by_plan(rows) if variant == "plan" else self._by_fit(rows)

    def _by_plan(self, rows: Rows) -> float:
        begin = time.perf_counter()
        for batch in rows:
            self._step += 1
            self._plan.train_step(self._x, self._y, batch, learning_rate=1e-3, step=self._step)
        return (time.perf_counter() - begin) / len(rows)

    def _by_fit(self, rows: Rows) -> float:
        x, y = self._x[rows.ravel()], self._y[rows.ravel()]
        begin = time.perf_counter()
        self._model.fit(x, y, batch_size=rows.shape[1], epochs=1, verbose=0)
        return (time.perf_counter() - begin) / len(rows)


class Torch:
    """Eager and compiled, in both layouts; Adam is PyTorch's fused one.

    Tried and slower or no faster on two cores, so left out: compile's mode "max-autotune"; compiling the backward pass and the optimizer together with the
    forward pass (compiled autograd). Lower precision is not used: fastcnn computes in float32 as well.
    """

    variants = ("nchw", "channels_last", "compiled nchw", "compiled channels_last")

    def __init__(self, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        torch.manual_seed(0)
        data = images()
        x = torch.from_numpy(data.x.astype(np.float32) / np.float32(255))
        self._layouts = {"channels_last": x, "nchw": x.permute(0, 3, 1, 2).contiguous()}
        self._y = torch.from_numpy(data.y)
        self._steps: dict[str, Callable[[Any], None]] = {}
        self._torch = torch
        self.about = {"version": torch.__version__, "threads": torch.get_num_threads()}

    def __call__(self, variant: str, rows: Rows) -> float:
        step = self._steps.get(variant)
        if step is None:
            step = self._steps[variant] = self._prepared(variant)
        batches = self._torch.from_numpy(rows)
        begin = time.perf_counter()
        for batch in batches:
            step(batch)
        return (time.perf_counter() - begin) / len(rows)

    def _prepared(self, variant: str) -> Callable[[Any], None]:
        torch, nn = self._torch, self._torch.nn
        layout = variant.removeprefix("compiled ")
        model = nn.Sequential(
            *(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(64, 64, 3), nn.ReLU(), nn.Flatten(), nn.Linear(1024, 64), nn.ReLU(), nn.Linear(64, 10)),
        )
        if layout == "channels_last":
            model = model.to(memory_format=torch.channels_last)
        x, y = self._layouts[layout], self._y
        optimizer = torch.optim.Adam(model.parameters(), eps=1e-7, fused=True)

        def loss_of(batch: Any, labels: Any) -> Any:
            return nn.functional.cross_entropy(model(batch), labels)

        compute = torch.compile(loss_of) if variant.startswith("compiled") else loss_of

        def step(rows: Any) -> None:
            batch = x.index_select(0, rows)
            loss = compute(batch.permute(0, 3, 1, 2) if layout == "channels_last" else batch, y.index_select(0, rows))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

        return step


class Keras:
    """On TensorFlow: fit and train_on_batch, with XLA (jit_compile) and without; fit also with ten steps a call of the graph (steps_per_execution)."""

    variants = ("fit", "fit xla", "fit 10 steps", "fit 10 steps xla", "train_on_batch", "train_on_batch xla")

    def __init__(self, threads: int) -> None:
        import keras
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        keras.utils.set_random_seed(0)
        self._keras = keras
        data = images()
        self._x, self._y = data.x.astype(np.float32) / np.float32(255), data.y.astype(np.int32)
        self._models: dict[str, Any] = {}
        self.about = {"keras": keras.__version__, "tensorflow": tf.__version__, "backend": keras.backend.backend()}

    def __call__(self, variant: str, rows: Rows) -> float:
        model = self._models.get(variant)
        if model is None:
            model = self._models[variant] = self._prepared(variant)
        if variant.startswith("train_on_batch"):
            begin = time.perf_counter()
            for batch in rows:
                model.train_on_batch(self._x[batch], self._y[batch])
            return (time.perf_counter() - begin) / len(rows)
        clock = self._clock()
        more = rows[
            : 10 if "10 steps" in variant else 2
        ]  # the first of fit's calls also begins its pipeline, and is not counted
        order = np.concatenate([more, rows]).ravel()
        model.fit(self._x[order], self._y[order], batch_size=rows.shape[1], shuffle=False, verbose=0, callbacks=[clock])
        return float(clock.seconds / clock.steps)

    def _prepared(self, variant: str) -> Any:
        keras, layers = self._keras, self._keras.layers
        model = keras.Sequential(
            [
                keras.Input((32, 32, 3)),
                *(layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(2)),
                *(layers.Conv2D(64, 3, activation="relu"), layers.MaxPooling2D(2)),
                *(layers.Conv2D(64, 3, activation="relu"), layers.Flatten()),
                *(layers.Dense(64, activation="relu"), layers.Dense(10)),
            ]
        )
        model.compile(
            optimizer="adam",
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            jit_compile=variant.endswith("xla"),
            steps_per_execution=10 if "10 steps" in variant else 1,
        )
        return model

    def _clock(self) -> Any:
        """A callback that measures from the end of the first call of the graph to the end of the last, and counts the steps between them."""

        class Clock(self._keras.callbacks.Callback):  # type: ignore[name-defined, misc]
            seconds, steps = 0.0, 0

            def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
                now = time.perf_counter()
                if not hasattr(self, "_begin"):
                    self._begin, self._first = now, batch
                self.seconds, self.steps = now - self._begin, batch - self._first

        return Clock()
