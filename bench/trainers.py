"""The tutorial's network trained by fastcnn, PyTorch and Keras, each in a worker of its own: the competitors of train.py.

Each class answers `(variant, rows)` with the seconds a step of the batches that `rows` (steps, batch) names, and `variants` are all that were tried. All train from
the same images in the same order with Adam's defaults and fetch each batch from memory; what differs is always in the peers' favour:
fastcnn takes uint8 and scales it in the step, the peers have float32 that is scaled already; fastcnn counts loss and accuracy, the peers are spared the accuracy,
and PyTorch the sum of the losses as well; Keras's fit is given each round's images one after the other as they are trained, and its first call is not counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from machine import images
from numpy.typing import NDArray
from torch_networks import tutorial_cnn

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

        fastcnn.set_device("cpu")
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
    """Eager and compiled, in both layouts; compiled also in mode "max-autotune" and with the backend "aot_eager". Adam is PyTorch's fused one.

    Tried once and no faster than eager, so left out: compiled autograd; a compiled optimizer; compiling without inductor's own choice of layout. Lower precision
    is not used: fastcnn computes in float32 as well.
    """

    variants = (
        *("nchw", "channels_last", "compiled nchw", "compiled channels_last"),
        *("max-autotune channels_last", "aot_eager channels_last"),
    )

    def __init__(self, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        torch.manual_seed(0)
        data = images()
        x = torch.from_numpy(data.x.astype(np.float32) / np.float32(255))
        self._layouts = {"channels_last": x, "nchw": x.permute(0, 3, 1, 2).contiguous()}
        self._y = torch.from_numpy(data.y)
        self._steps: dict[str, Callable[[Any], None]] = {}
        self._torch: Any = torch
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
        how, _, layout = variant.rpartition(" ")
        model = tutorial_cnn(torch, 10)
        if layout == "channels_last":
            model = model.to(memory_format=torch.channels_last)
        x, y = self._layouts[layout], self._y
        optimizer = torch.optim.Adam(model.parameters(), eps=1e-7, fused=True)

        def loss_of(batch: Any, labels: Any) -> Any:
            return nn.functional.cross_entropy(model(batch), labels)

        ways: dict[str, Callable[[], Any]] = {
            "": lambda: loss_of,
            "compiled": lambda: torch.compile(loss_of),
            "max-autotune": lambda: torch.compile(loss_of, mode="max-autotune"),
            "aot_eager": lambda: torch.compile(loss_of, backend="aot_eager"),
        }
        compute = ways[how]()

        def step(rows: Any) -> None:
            batch = x.index_select(0, rows)
            loss = compute(batch.permute(0, 3, 1, 2) if layout == "channels_last" else batch, y.index_select(0, rows))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

        return step


class Keras:
    """On TensorFlow: fit and train_on_batch, with XLA (jit_compile) and without; fit also with ten steps a call of the graph (steps_per_execution); and, as nobody
    writes it who follows a tutorial, the model's and the optimizer's own functions in a tf.function that loops over the steps, with the images in a tensor.

    oneDNN is on, as it is by default; without it everything was slower.
    """

    variants = (
        "fit",
        "fit xla",
        "fit 10 steps",
        "fit 10 steps xla",
        "train_on_batch",
        "train_on_batch xla",
        "tf.function",
    )

    def __init__(self, threads: int) -> None:
        import keras  # type: ignore[import-untyped]
        import tensorflow as tf  # type: ignore[import-untyped]

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        keras.utils.set_random_seed(0)
        self._keras, self._tf = keras, tf
        data = images()
        self._x, self._y = data.x.astype(np.float32) / np.float32(255), data.y.astype(np.int32)
        self._steps: dict[str, Callable[[Rows], float]] = {}
        self.about = {"keras": keras.__version__, "tensorflow": tf.__version__, "backend": keras.backend.backend()}

    def __call__(self, variant: str, rows: Rows) -> float:
        if variant not in self._steps:
            self._steps[variant] = self._prepared(variant)
        return self._steps[variant](rows)

    def _prepared(self, variant: str) -> Callable[[Rows], float]:
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
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        if variant == "tf.function":
            return self._graph(model, loss)
        steps = 10 if "10 steps" in variant else 1
        model.compile("adam", loss, jit_compile=variant.endswith("xla"), steps_per_execution=steps)
        if variant.startswith("fit"):
            return lambda rows: self._fit(model, rows, steps)
        return lambda rows: self._train_on_batch(model, rows)

    def _fit(self, model: Any, rows: Rows, steps: int) -> float:
        """Without fit's first call of the graph, in which it also begins its pipeline."""
        ends: list[float] = []

        class Clock(self._keras.callbacks.Callback):  # type: ignore[name-defined, misc]
            def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
                ends.append(time.perf_counter())

        order = np.concatenate([rows[:steps], rows]).ravel()
        x, y = self._x[order], self._y[order]
        model.fit(x, y, batch_size=rows.shape[1], shuffle=False, verbose=0, callbacks=[Clock()])
        return (ends[-1] - ends[0]) / len(rows)

    def _train_on_batch(self, model: Any, rows: Rows) -> float:
        begin = time.perf_counter()
        for batch in rows:
            model.train_on_batch(self._x[batch], self._y[batch])
        return (time.perf_counter() - begin) / len(rows)

    def _graph(self, model: Any, loss: Any) -> Callable[[Rows], float]:
        tf = self._tf
        optimizer, variables = self._keras.optimizers.Adam(), model.trainable_variables
        optimizer.build(variables)
        images, labels = tf.constant(self._x), tf.constant(self._y)

        @tf.function  # type: ignore[untyped-decorator]
        def train(rows: Any) -> Any:
            last = 0.0
            for batch in rows:
                with tf.GradientTape() as tape:
                    last = loss(tf.gather(labels, batch), model(tf.gather(images, batch), training=True))
                optimizer.apply(tape.gradient(last, variables), variables)
            return last

        def work(rows: Rows) -> float:
            given = tf.constant(rows)
            begin = time.perf_counter()
            train(given).numpy()
            return (time.perf_counter() - begin) / len(rows)

        return work
