"""Models on the CUDA kernels, on a GPU where there is one and on its emulation: a training step as on the CPU, and what goes to the device and comes back.

The operations have tests/ops/ for this; the emulation itself, tests/test_simt.py.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import emulation
import numpy as np
import pytest
from backends import GPUS, running_or_skipped
from fastcnn import callbacks, config, layers, models, ops
from fastcnn.errors import DeviceError
from fastcnn.plan import Plan, Totals

Array = np.ndarray[Any, Any]


@pytest.fixture(params=GPUS)
def gpu(request: pytest.FixtureRequest) -> str:
    """The name of each in turn; the test says when it is used."""
    return str(request.param)


def data(n: int, seed: int = 0) -> tuple[Array, Array]:
    """x // 253 is 0 or 1, and so are its maxima over 8 x 8: images that differ after the pooling of small()."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, 32, 32, 3), np.uint8), rng.integers(0, 10, n)


def tutorial() -> models.Sequential:
    """The tutorial's network, with what else a plan can hold: Rescaling and Dropout."""
    return models.Sequential(
        [
            layers.Input((32, 32, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.Flatten(),
            layers.Dropout(0.25),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def small(seed: int = 1) -> models.Sequential:
    config.set_seed(seed)
    model = models.Sequential(
        [layers.Input((32, 32, 3)), layers.MaxPooling2D(8), layers.Flatten(), layers.Dropout(0.5), layers.Dense(10)]
    )
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    return model


def state(model: models.Sequential) -> list[Array]:
    assert model.optimizer is not None
    return [array.copy() for array in (model.store.buffer, *model.optimizer.slots.values())]


def set_state(model: models.Sequential, arrays: list[Array]) -> None:
    assert model.optimizer is not None
    for array, wanted in zip((model.store.buffer, *model.optimizer.slots.values()), arrays, strict=True):
        array[...] = wanted


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_five_steps_of_the_tutorials_network_match_the_cpus(optimizer: str, gpu: str) -> None:
    """Each from the CPU's state, so that rounding does not add up; one seed gives both the same weights and the same dropout."""
    config.set_seed(7)
    here = tutorial()
    config.set_seed(7)
    there = tutorial()
    for model in (here, there):
        model.compile(optimizer, "sparse_categorical_crossentropy", ["accuracy"])
    x, y = data(20)
    with running_or_skipped(gpu):
        there.train_on_batch(x[:1], y[:1])  # builds its optimizer's slots
    here.train_on_batch(x[:1], y[:1])
    np.testing.assert_allclose(there.store.buffer, here.store.buffer, atol=2e-5)
    for step in range(5):
        batch = slice(4 * step, 4 * step + 4)
        set_state(there, state(here))
        losses = here.train_on_batch(x[batch], y[batch])
        with running_or_skipped(gpu):
            assert config.get_device() == "cuda:0"
            np.testing.assert_allclose(there.train_on_batch(x[batch], y[batch]), losses, rtol=1e-5)
        assert here._plan is not None
        assert there._plan is not None
        gradients = here._plan.gradients
        np.testing.assert_allclose(there._plan.gradients, gradients, atol=5e-6 * np.abs(gradients).max())
    set_state(there, state(here))
    outputs = here.predict(x[:4], verbose=0)
    with running_or_skipped(gpu):
        np.testing.assert_allclose(there.predict(x[:4], verbose=0), outputs, atol=1e-6)


def trained(x: Array, y: Array, **settings: Any) -> tuple[Array, dict[str, list[float]]]:
    model = small()
    history = model.fit(x, y, batch_size=16, epochs=2, verbose=0, **settings).history
    return model.store.buffer.copy(), history


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_fit_does_what_it_does_on_the_cpu(dtype: type, gpu: str) -> None:
    """The same batches in the same order, the last one shorter, the same dropout."""
    x, y = data(40)
    x = np.tile(x, (30, 1, 1, 1))[:1030] if dtype == np.float64 else x  # more than are sent at once
    y = np.tile(y, 30)[: len(x)]
    x = (x / 255).astype(dtype) if dtype != np.uint8 else x // 253
    weights, history = trained(x, y, validation_data=(x[:10], y[:10]))
    with running_or_skipped(gpu):
        weights_there, history_there = trained(x, y, validation_data=(x[:10], y[:10]))
    np.testing.assert_allclose(weights_there, weights, atol=1e-5)
    for name, values in history.items():
        np.testing.assert_allclose(history_there[name], values, rtol=1e-5, err_msg=name)


SAME_BITS = """
import hashlib, sys
sys.path[:0] = {path!r}
import numpy as np
from backends import running_on
from test_cuda import data, tutorial
from fastcnn import config
with running_on("cuda-simt"):
    config.set_seed(1)
    model = tutorial()
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    x, y = data(6)
    history = model.fit(x, y, batch_size=4, verbose=0).history
    state = [model.store.buffer, *model.optimizer.slots.values()]
    print(history, hashlib.sha256(b"".join(array.tobytes() for array in state)).hexdigest())
"""


@pytest.mark.skipif(emulation.SANITIZED, reason="takes minutes under the sanitizer")
def test_the_bits_do_not_depend_on_the_order_in_which_threads_and_blocks_run() -> None:
    with running_or_skipped("cuda-simt"):
        pass  # it is built
    script = SAME_BITS.format(path=[str(Path(__file__).parent)])
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"FASTCNN_SIMT_SEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(outputs) == 1
    assert re.fullmatch(r"\{.*'loss'.*\} [0-9a-f]{64}\n", outputs.pop())


def test_data_with_gaps_are_trained_on_as_without(on_gpu: str) -> None:
    x, y = data(80)
    np.testing.assert_array_equal(trained(x[::2] // 253, y[::2])[0], trained(x[::2].copy() // 253, y[::2])[0])


def test_one_seed_gives_the_same_bits_every_time(on_gpu: str) -> None:
    x, y = data(40)
    np.testing.assert_array_equal(trained(x // 253, y)[0], trained(x // 253, y)[0])


def test_the_loss_comes_back_once_an_epoch_unless_somebody_asks(on_gpu: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0
    totals = Plan.totals

    def spy(plan: Plan) -> Totals:
        nonlocal asked
        asked += 1
        return totals(plan)

    monkeypatch.setattr(Plan, "totals", spy)
    x, y = data(40)
    _, history = trained(x // 253, y)
    assert asked == 2
    seen: list[dict[str, float]] = []

    class Listens(callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            seen.append(dict(logs))

    _, heard = trained(x // 253, y, callbacks=[Listens()])
    assert len(seen) == 6
    assert heard == history
    assert [seen[2]["loss"], seen[5]["loss"]] == history["loss"]


def test_a_loss_that_is_not_finite_is_said_with_its_step(on_gpu: str) -> None:
    model = small()
    x, y = data(32)
    images = (x // 253).astype(np.float32)
    images[20] = np.inf
    with pytest.warns(RuntimeWarning, match=r"fit: the loss is nan in epoch 1, step 3;") as caught:
        model.fit(images, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    assert len(caught) == 1


def test_steps_that_are_lost_with_the_device_do_not_count(on_gpu: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = small()
    x, y = data(48)
    model.fit(x // 253, y, batch_size=16, verbose=0)
    before = model.store.buffer.copy()

    class Dies:
        """The core's plan until the model is to come back."""

        def __init__(self, plan: Any) -> None:
            self.plan = plan

        def __getattr__(self, name: str) -> Any:
            return getattr(self.plan, name)

        def release_model(self) -> None:
            raise DeviceError("the device is gone")

    assert model._plan is not None
    monkeypatch.setattr(model._plan, "_plan", Dies(model._plan._plan))
    with pytest.raises(DeviceError, match="gone"):
        model.fit(x // 253, y, batch_size=16, verbose=0)
    assert model.optimizer is not None
    assert model.optimizer.iterations == 3
    np.testing.assert_array_equal(model.store.buffer, before)


def test_rows_may_be_others_than_those_of_the_order_that_is_held(on_gpu: str) -> None:
    """On the device already as a part of the order, or sent there: the same samples."""
    x, y = data(12)
    model = small()
    model.test_on_batch(x, y)
    plan, labels = model._plan, y.astype(np.int32)
    assert plan is not None
    order = np.arange(12)[::-1].copy()
    losses = []
    with plan.holding_data(x, labels):
        plan.hold_order(order)
        for rows in (order[3:7], order[3:7].copy(), np.array([8, 7, 6, 5]), order[8:12], order[8:12].copy()):
            plan.reset_totals()
            plan.evaluate_step(x, labels, rows)
            losses.append(plan.totals())
    assert losses[0] == losses[1] == losses[2] != losses[3] == losses[4]


class Looks(callbacks.Callback):
    """Keeps a copy of the weights after each batch, and of those that it leaves there."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Array] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.seen.append(self.model.store.buffer.copy())
        self.model.store.buffer *= 0.5


def test_a_callback_sees_and_changes_the_weights_between_batches(on_gpu: str) -> None:
    model, looks = small(), Looks()
    x, y = data(32)
    model.fit(x // 253, y, batch_size=16, verbose=0, callbacks=[looks])
    assert len(looks.seen) == 2
    assert not np.array_equal(looks.seen[0] * 0.5, looks.seen[1])
    np.testing.assert_array_equal(model.store.buffer, looks.seen[1] * 0.5)


def test_the_model_is_here_after_an_error_in_the_middle(on_gpu: str) -> None:
    class Fails(callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            raise RuntimeError("enough")

    model = small()
    before = model.store.buffer.copy()
    x, y = data(32)
    with pytest.raises(RuntimeError, match="enough"):
        model.fit(x // 253, y, verbose=0, callbacks=[Fails()])
    assert not np.array_equal(model.store.buffer, before)
    assert model.optimizer is not None
    assert model.optimizer.iterations == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: ops.conv2d(np.ones((1, 4, 4, 3), "f"), np.ones((3, 3, 4, 5), "f")),
            "conv2d: w expects 4 input channels",
        ),
        (
            lambda: ops.softmax_cross_entropy(np.ones((2, 3), "f"), np.array([0, 3])),
            r"softmax_cross_entropy: labels must be in \[0, 3\) .* labels\[1\] is 3",
        ),
        (lambda: small().fit(data(4)[0], [0, 1, 2, 10], verbose=0), "fit: .*10"),
    ],
)
def test_bad_input_gets_the_sentence_that_it_gets_on_the_cpu(call: Any, message: str, gpu: str) -> None:
    with pytest.raises(ValueError, match=message) as here:
        call()
    with running_or_skipped(gpu):
        with pytest.raises(ValueError, match=message) as there:
            call()
        np.testing.assert_array_equal(ops.relu(np.float32([-1, 1])), [0, 1])
    assert str(there.value) == str(here.value)


def test_auto_takes_the_gpu_and_the_model_moves(on_gpu: str) -> None:
    config.set_device("cpu")
    model = small()
    x, _ = data(4)
    here = model.predict(x // 253, verbose=0)
    config.set_device("auto")
    assert config.get_device() == "cuda:0"
    np.testing.assert_allclose(model.predict(x // 253, verbose=0), here, atol=1e-6)


def test_another_gpu_is_chosen_by_its_number(on_gpu: str) -> None:
    """The emulation has two, and refuses a launch on a stream of the one that is not the current."""
    if config._core.why_not_cuda(1):
        pytest.skip("there is one GPU")
    x, y = data(20)
    first = trained(x // 253, y)
    config.set_device("cuda:1")
    assert config.get_device() == "cuda:1"
    second = trained(x // 253, y)
    np.testing.assert_array_equal(second[0], first[0])
    model = small()
    model.train_on_batch(x // 253, y)
    config.set_device("cuda:0")
    model.train_on_batch(x // 253, y)
    np.testing.assert_array_equal(ops.relu(np.float32([-1, 1])), [0, 1])


def test_more_channels_than_a_grid_has_rows(on_gpu: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A grid's second side ends at 65,535 blocks, of 64 channels in a product; the emulation's sooner."""
    rows = 65_535 if on_gpu == "cuda" else 7
    monkeypatch.setenv("FASTCNN_SIMT_ROWS", str(rows))
    channels = rows * 64 + 1
    w = np.full((1, channels), 3, np.float32)
    np.testing.assert_array_equal(ops.dense(np.full((1, 1), 2, np.float32), w), 2 * w)
    if on_gpu == "cuda-simt":  # where the limit is kept
        with pytest.raises(DeviceError):
            ops.batch_norm_statistics(np.ones((2, 8192), np.float32))
