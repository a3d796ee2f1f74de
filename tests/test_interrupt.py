"""Ctrl-C: KeyboardInterrupt within half a second, and a model that can be used and saved."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastcnn import callbacks, losses, models
from fastcnn.formats import interrupts
from fastcnn.tutorial import tutorial_model

SOON = 0.3  # seconds until Ctrl-C
WITHIN = 0.5  # seconds until KeyboardInterrupt


def model_and_data(count: int) -> tuple[models.Sequential, Any, Any]:
    model = tutorial_model()
    model.compile("adam", losses.SparseCategoricalCrossentropy(from_logits=True), ["accuracy"])
    random = np.random.default_rng(0)
    return model, random.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8), random.integers(0, 10, count)


def interrupted(work: Callable[[], object], after: float = SOON) -> float:
    """Calls `work`, presses Ctrl-C after a while, and returns the seconds from there to KeyboardInterrupt."""
    pressed = 0.0

    def press() -> None:
        nonlocal pressed
        pressed = time.perf_counter()
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(after, press)
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            work()
        return time.perf_counter() - pressed
    finally:
        timer.cancel()
        timer.join()


@pytest.fixture(autouse=True)
def python_hears_ctrl_c() -> Iterator[None]:
    """As it does but in a process that was started in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("batch_size", [1, 32, 4000])
def test_fit_stops_and_the_model_goes_on_as_if_nothing_had_been(batch_size: int, tmp_path: Path) -> None:
    model, x, y = model_and_data(4000)
    assert interrupted(lambda: model.fit(x, y, batch_size, epochs=1000, verbose=0)) < WITHIN
    assert len(model.history.history.get("loss", [])) == len(model.history.epoch)
    before = model.evaluate(x[:200], y[:200], verbose=0)
    model.save(tmp_path / "kept.h5")
    assert models.load_model(tmp_path / "kept.h5").evaluate(x[:200], y[:200], verbose=0) == before
    history = model.fit(x[:200], y[:200], epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()


def test_the_history_so_far_stays_with_the_model() -> None:
    model, x, y = model_and_data(320)

    class Press(callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
            if (self.model.history.epoch, batch) == ([0, 1], 4):
                os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, epochs=5, callbacks=Press(), verbose=0)
    assert model.history.epoch == [0, 1]
    assert all(len(values) == 2 for values in model.history.history.values())
    assert model.optimizer is not None
    assert model.optimizer.iterations == 2 * 10 + 5


@pytest.mark.parametrize("method", ["evaluate", "predict"])
def test_evaluate_and_predict_stop_too(method: str) -> None:
    model, x, y = model_and_data(2000)
    x, y = np.broadcast_to(x[:1], (400_000, 32, 32, 3)), np.zeros(400_000, np.int32)  # more than half a second of work
    arguments = (x, y) if method == "evaluate" else (x,)
    assert interrupted(lambda: getattr(model, method)(*arguments, batch_size=500, verbose=0)) < WITHIN
    assert model.predict(x[:3], verbose=0).shape == (3, 10)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_block_that_hangs_is_left_at_the_second_interruption() -> None:
    reached = []

    def press_twice() -> None:
        with interrupts.deferred():
            for press in ("first", "second"):
                signal.raise_signal(signal.SIGINT)
                reached.append(press)

    with pytest.raises(KeyboardInterrupt):
        press_twice()
    assert reached == ["first"]

    class Dropping:
        def __del__(self) -> None:
            press_once_more()

    def press_once_more() -> None:
        signal.raise_signal(signal.SIGINT)

    def lose_the_second() -> None:
        with interrupts.deferred():
            signal.raise_signal(signal.SIGINT)
            Dropping()  # Python drops what is raised in there

    with pytest.raises(KeyboardInterrupt):
        lose_the_second()
    with interrupts.deferred():
        pass  # and what was deferred before is not heard of again


@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_an_interruption_while_a_file_is_written_or_read_is_not_lost(ending: str, tmp_path: Path) -> None:
    """h5py cleans up where Python drops exceptions: of so many interruptions, some would be lost."""
    path = tmp_path / f"model.{ending}"
    model, _, _ = model_and_data(1)
    model.save(path)

    def again_and_again(action: Callable[[], object], timer: threading.Timer) -> None:
        timer.start()  # on a busy machine it is over before this has returned
        end = time.monotonic() + 5
        while time.monotonic() < end:
            action()

    for action in (lambda: model.save(path), lambda: models.load_model(path)):
        for i in range(40):
            timer = threading.Timer(0.002 + 0.0007 * i, os.kill, (os.getpid(), signal.SIGINT))
            with pytest.raises(KeyboardInterrupt):
                again_and_again(action, timer)
            timer.join()
        assert models.load_model(path).built
