"""The tutorial's network trained on a GPU by fastcnn, PyTorch and JAX, each in a worker of its own: the competitors of gpu_train.py.

Each class answers `(variant, rows)` with the seconds a step of the batches that `rows` (steps, batch) names, and `variants` are all that were tried. The clock
stops when the device has done all the steps. Images, labels and the order `rows` lie on the device before it starts, for all of them; arithmetic is float32 (no TF32),
as fastcnn's is; Adam has Keras's settings. device : "cuda", or "cpu" to try the benchmark out. A peer that cannot run on it raises RuntimeError and says why.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch_networks import tutorial_cnn

__all__ = ["IMAGES", "Fastcnn", "Jax", "Torch"]

IMAGES = 8192
Rows = NDArray[np.int64]


def data() -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Images and class numbers, drawn at random."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (IMAGES, 32, 32, 3), np.uint8), rng.integers(0, 10, IMAGES).astype(np.int32)


class Fastcnn:
    """The plan's step, as fit's loop calls it. Its images are uint8, scaled in the step, which also counts loss and accuracy."""

    variants = ("plan",)

    def __init__(self, device: str) -> None:
        import fastcnn
        from fastcnn.losses import SparseCategoricalCrossentropy
        from fastcnn.optimizers import Adam
        from fastcnn.plan import Plan
        from fastcnn.tutorial import tutorial_model

        fastcnn.set_device(device)
        self._x, self._y = data()
        self._model, self._optimizer = tutorial_model(), Adam()
        self._optimizer.build(self._model.store)
        loss = SparseCategoricalCrossentropy(from_logits=True)
        self._plan = Plan(self._model.layers, (32, 32, 3), loss, self._optimizer)
        self._step = 0

    def __call__(self, variant: str, rows: Rows) -> float:
        with self._plan.holding_data(self._x, self._y), self._plan.holding_model():
            self._plan.hold_order(rows)
            self._train(rows[0])  # what is paid once an epoch is over
            self._plan.totals()
            begin = time.perf_counter()
            for batch in rows:
                self._train(batch)
            self._plan.totals()  # waits for the device
            return (time.perf_counter() - begin) / len(rows)

    def _train(self, batch: Rows) -> None:
        self._step += 1
        self._plan.train_step(self._x, self._y, batch, learning_rate=1e-3, step=self._step)


class Torch:
    """Eager, and compiled with CUDA graphs (mode "reduce-overhead"), in channels_last. Adam is the fused one. Its images are float32, scaled already."""

    variants = ("channels_last", "compiled")

    def __init__(self, device: str) -> None:
        import torch

        if device == "cuda" and not torch.cuda.is_available():
            raise RuntimeError("finds no GPU")
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        torch.backends.cudnn.benchmark = True
        x, y = data()
        scaled = torch.from_numpy(x.astype(np.float32) / np.float32(255)).permute(0, 3, 1, 2)  # so it is channels_last
        self._x, self._y = scaled.to(device), torch.from_numpy(y).long().to(device)
        self._torch: Any = torch
        self._device = device
        self._steps: dict[tuple[str, int], Callable[[Any], None]] = {}

    def __call__(self, variant: str, rows: Rows) -> float:
        key = variant, rows.shape[1]
        step = self._steps.get(key)
        if step is None:
            step = self._steps[key] = self._prepared(compiled=variant == "compiled")
        batches = self._torch.from_numpy(rows).to(self._device)
        self._wait()
        begin = time.perf_counter()
        for batch in batches:
            step(batch)
        self._wait()
        return (time.perf_counter() - begin) / len(rows)

    def _wait(self) -> None:
        if self._device == "cuda":
            self._torch.cuda.synchronize()

    def _prepared(self, *, compiled: bool) -> Callable[[Any], None]:
        torch, nn = self._torch, self._torch.nn
        model = tutorial_cnn(torch, 10).to(self._device).to(memory_format=torch.channels_last)
        optimizer = torch.optim.Adam(model.parameters(), eps=1e-7, fused=True, capturable=self._device == "cuda")
        forward = torch.compile(model, mode="reduce-overhead") if compiled else model

        def step(rows: Any) -> None:
            loss = nn.functional.cross_entropy(forward(self._x[rows]), self._y[rows])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

        return step


_IN_GRAPHS = "FUSION,CUBLAS,CUBLASLT,CUSTOM_CALL,CUDNN,CONVOLUTION,DYNAMIC_SLICE_FUSION,CONDITIONAL,WHILE"


class _Way(NamedTuple):
    """How JAX trains. scan : all steps in one jitted call. window : pooling by reduce_window; else by the maximum over two axes of (N, P, 2, Q, 2, C)."""

    scan: bool = True
    window: bool = False
    options: dict[str, Any] | None = None  # of XLA's compiler


_WAYS = {
    "step window": _Way(scan=False, window=True),
    "step reshape": _Way(scan=False),
    "scan window": _Way(window=True),
    "scan reshape": _Way(),
    "scan reshape graph": _Way(options={"xla_gpu_enable_command_buffer": _IN_GRAPHS}),
    "scan reshape nhwc": _Way(options={"xla_gpu_force_conv_nhwc": True}),
}


class Jax:
    """Without a library on top: a step a call, and all steps of a round in one call by lax.scan; pooling in two ways, whose gradients XLA compiles differently; with the
    loop in a CUDA graph, which XLA does not do by default; and with convolutions in NHWC, where XLA would choose the layout itself.

    Its images are uint8, scaled in the step; weights and Adam's state are donated. The first two losses of each variant and batch size are compared with float64's,
    and a RuntimeError says that they differ. JAX takes memory as it needs it here (by default it takes three quarters of the GPU's).
    """

    variants = tuple(_WAYS)

    def __init__(self, device: str) -> None:
        os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
        import jax

        try:
            self._device: Any = jax.devices(device)[0]
        except RuntimeError as error:
            raise RuntimeError(f"finds no GPU: {error}") from None
        jax.config.update("jax_default_matmul_precision", "highest")  # of convolutions too
        self._jax: Any = jax
        self._host_data = data()
        self._x, self._y = jax.device_put(self._host_data, self._device)
        self._rounds: dict[tuple[str, int], Callable[[Any], Any]] = {}
        self._expected: dict[int, NDArray[np.float64]] = {}

    def __call__(self, variant: str, rows: Rows) -> float:
        key = variant, rows.shape[1]
        if key not in self._rounds:
            self._rounds[key] = self._prepared(variant, *rows.shape)
        train, scan = self._rounds[key], _WAYS[variant].scan
        order = rows.astype(np.int32)
        there = self._jax.block_until_ready(self._jax.device_put(order if scan else list(order), self._device))
        begin = time.perf_counter()
        self._jax.block_until_ready(train(there))
        return (time.perf_counter() - begin) / len(rows)

    def _prepared(self, variant: str, steps: int, batch: int) -> Callable[[Any], Any]:
        """What trains on the batches of a round and returns their losses, compiled and checked."""
        jax, way, x, y = self._jax, _WAYS[variant], self._x, self._y
        step = _jax_step(jax, window=way.window)

        def all_steps(state: Any, x: Any, y: Any, rows: Any) -> Any:
            return jax.lax.scan(lambda state, batch: step(state, x, y, batch), state, rows)

        compiled = jax.jit(all_steps if way.scan else step, donate_argnums=0, compiler_options=way.options)
        weights = _weights()
        zeros = [np.zeros_like(weight) for weight in weights]
        state = jax.device_put((weights, zeros, zeros, np.float32(0)), self._device)

        def train(rows: Any) -> Any:
            nonlocal state
            if way.scan:
                state, losses = compiled(state, x, y, rows)
                return losses
            losses = []
            for batch in rows:
                state, loss = compiled(state, x, y, batch)
                losses.append(loss)
            return losses

        order = np.arange(steps * batch, dtype=np.int32).reshape(steps, batch) % IMAGES
        losses = train(jax.device_put(order if way.scan else list(order), self._device))
        got = np.array([float(loss) for loss in losses[:2]])
        if batch not in self._expected:
            self._expected[batch] = _losses_in_float64(weights, *self._host_data, order[:2])
        if not np.allclose(got, self._expected[batch][: len(got)], rtol=0, atol=1e-4):
            raise RuntimeError(f"its first losses are {got}, but {self._expected[batch]} in float64")
        return train


def _jax_step(jax: Any, *, window: bool) -> Callable[..., Any]:
    """A step: from (weights, their momenta, their velocities, steps done) and a batch to the same after it, and the loss before."""
    jnp, lax = jax.numpy, jax.lax

    def convolution(x: Any, w: Any, b: Any) -> Any:
        y = lax.conv_general_dilated(x, w, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
        return jnp.maximum(y + b, 0)

    def pooling(x: Any) -> Any:
        if window:
            return lax.reduce_window(x, -np.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        n, h, w, c = x.shape
        return x[:, : h // 2 * 2, : w // 2 * 2].reshape(n, h // 2, 2, w // 2, 2, c).max(axis=(2, 4))

    def loss_of(weights: Any, x: Any, y: Any) -> Any:
        w1, b1, w2, b2, w3, b3, w4, b4, w5, b5 = weights
        x = convolution(pooling(convolution(pooling(convolution(x, w1, b1)), w2, b2)), w3, b3)
        x = jnp.maximum(x.reshape(len(x), -1) @ w4 + b4, 0)
        logits = x @ w5 + b5
        return -(jax.nn.one_hot(y, 10) * jax.nn.log_softmax(logits)).sum(axis=1).mean()

    def step(state: Any, x: Any, y: Any, rows: Any) -> Any:
        weights, momenta, velocities, done = state
        images, labels = (array.at[rows].get(mode="promise_in_bounds") for array in (x, y))
        loss, gradients = jax.value_and_grad(loss_of)(weights, images.astype(jnp.float32) / 255, labels)
        done = done + 1
        momenta = [0.9 * m + 0.1 * g for m, g in zip(momenta, gradients, strict=True)]
        velocities = [0.999 * v + 0.001 * g * g for v, g in zip(velocities, gradients, strict=True)]
        rate = 1e-3 * jnp.sqrt(1 - 0.999**done) / (1 - 0.9**done)
        moved = zip(weights, momenta, velocities, strict=True)
        return ([w - rate * m / (jnp.sqrt(v) + 1e-7) for w, m, v in moved], momenta, velocities, done), loss

    return step


def _weights() -> list[NDArray[np.float32]]:
    """The network's, drawn as Keras draws them: Glorot's uniform ones, biases 0."""
    rng = np.random.default_rng(1)
    weights = []
    for shape in ((3, 3, 3, 32), (3, 3, 32, 64), (3, 3, 64, 64), (1024, 64), (64, 10)):
        limit = np.sqrt(6 / (np.prod(shape[:-2]) * (shape[-2] + shape[-1])))
        weights += [rng.uniform(-limit, limit, shape).astype(np.float32), np.zeros(shape[-1], np.float32)]
    return weights


def _losses_in_float64(
    weights: list[NDArray[np.float32]], x: NDArray[np.uint8], y: NDArray[np.int32], rows: NDArray[np.int32]
) -> NDArray[np.float64]:
    """Of the first steps, one for each of the batches `rows`, with tests/network64.py and tests/reference.py."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
    import reference
    from network64 import Network

    layers = ["conv", "pool", "relu", "conv", "pool", "relu", "conv", "relu", "flatten", "dense", "relu", "dense"]
    state: list[Any] = [(weight, np.zeros(weight.shape), np.zeros(weight.shape)) for weight in weights]
    losses = []
    for step, batch in enumerate(rows, 1):
        network = Network(layers, [weight for weight, _, _ in state], x[batch] / 255, y[batch])
        losses.append(reference.softmax_cross_entropy(network.logits, y[batch])[0].mean())
        if step == len(rows):
            break
        state = [
            reference.adam(weight, gradient, m, v, step=step)
            for (weight, m, v), gradient in zip(state, network.gradients(), strict=True)
        ]
    return np.array(losses)
