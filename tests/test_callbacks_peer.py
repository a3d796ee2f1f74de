"""The callbacks beside a real Keras 3's: fed with the same logs they set, write and say the same. ModelCheckpoint and EarlyStopping: test_peer_fit.py."""

from __future__ import annotations

import inspect
import math
import types
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastcnn import callbacks, layers, losses, models, optimizers
from hypothesis import given, settings
from hypothesis import strategies as st
from peer_keras import QUIET, keras_or_skip
from small import CLASSES, SHAPE, data

pytestmark = QUIET

OURS = types.SimpleNamespace(layers=layers, losses=losses, models=models, optimizers=optimizers, callbacks=callbacks)
X, Y = data()
PIXELS = X.astype(np.float32) / 255

# Eighths, which float32 (Keras's comparisons) and float64 (ours) both hold.
eighths = st.integers(-8, 24).map(lambda eighth: eighth / 8)
courses = st.lists(st.one_of(eighths, eighths, eighths, st.just(math.nan)), min_size=1, max_size=14)


@pytest.fixture(scope="module")
def keras() -> Any:
    return keras_or_skip()


class Stub:
    """Stands for a model of either library."""

    metrics_names = ("loss",)
    metrics = ()

    def __init__(self, words: Any, rate: float = 0.25) -> None:
        self.optimizer = words.optimizers.SGD(rate)
        self.stop_training = False

    def rate(self) -> np.float32:
        return np.float32(self.optimizer.learning_rate)


def printed(capsys: pytest.CaptureFixture[str], keras: Any, action: Any) -> list[str]:
    """The lines that an action prints. Keras begins its own on a new line, since a bar may stand before them: empty ones do not count."""
    capsys.readouterr()
    keras.config.enable_interactive_logging()
    try:
        action()
    finally:
        keras.config.disable_interactive_logging()
    return [line for line in capsys.readouterr().out.splitlines() if line]


@pytest.mark.parametrize(
    "name",
    ["CSVLogger", "LambdaCallback", "LearningRateScheduler", "ReduceLROnPlateau", "SwapEMAWeights", "TerminateOnNaN"],
)
def test_arguments_their_order_and_their_defaults_are_keras_s(keras: Any, name: str) -> None:
    kinds = getattr(callbacks, name), getattr(keras.callbacks, name)
    ours, theirs = (
        [(argument.name, argument.default) for argument in inspect.signature(kind).parameters.values() if argument.kind != argument.VAR_KEYWORD]
        for kind in kinds
    )  # fmt: skip
    assert ours == theirs


# ReduceLROnPlateau and LearningRateScheduler.


@settings(max_examples=80)
@given(
    values=courses,
    arguments=st.fixed_dictionaries(
        {
            "factor": st.sampled_from([0.5, 0.1, 0.0]),
            "patience": st.integers(0, 3),
            "mode": st.sampled_from(["auto", "min", "max"]),
            "min_delta": st.sampled_from([1e-4, 0, 0.125, -0.5]),
            "cooldown": st.integers(0, 3),
            "min_lr": st.sampled_from([0.0, 0.1, 0.06, 0.25, 1]),
        }
    ),
)
def test_reduce_lr_on_plateau(values: list[float], arguments: dict[str, Any], keras: Any) -> None:
    results = []
    for words in (OURS, keras):
        callback, stub, course = words.callbacks.ReduceLROnPlateau(**arguments), Stub(words), []
        callback.set_model(stub)
        for _ in range(2):
            callback.on_train_begin()
            for epoch, value in enumerate(values):
                logs = {"val_loss": value}
                callback.on_epoch_end(epoch, logs)
                best = repr(float(callback.best))
                course.append((stub.rate(), logs, callback.wait, callback.cooldown_counter, callback.in_cooldown(), best))  # fmt: skip
        results.append(repr(course))
    assert results[0] == results[1]


def test_what_reduce_lr_on_plateau_says(keras: Any, capsys: pytest.CaptureFixture[str]) -> None:
    said = []
    for words in (OURS, keras):
        for rate, factor, least in ((0.25, 0.1, 0), (0.1, 0.3, 0.01), (1e-3, 0.1, 0.0)):
            callback = words.callbacks.ReduceLROnPlateau(factor=factor, patience=1, min_lr=least, verbose=1)
            callback.set_model(Stub(words, rate))
            said.append(printed(capsys, keras, lambda run=callback: [run.on_epoch_end(epoch, {"val_loss": 1.0}) for epoch in range(5)]))  # fmt: skip
    assert said[:3] == said[3:]
    assert [len(lines) for lines in said[:3]] == [4, 2, 4]


@pytest.mark.parametrize("name", ["EarlyStopping", "ReduceLROnPlateau"])
def test_what_they_warn_of(keras: Any, name: str) -> None:
    messages = []
    for words in (OURS, keras):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            callback = getattr(words.callbacks, name)(mode="best")
            callback.set_model(Stub(words))
            callback.on_train_begin()
            callback.on_epoch_end(0, {"loss": 1.0, "accuracy": 0.5})
        messages.append([str(warning.message) for warning in caught if warning.category is UserWarning])
    assert messages[0] == messages[1]
    assert len(messages[0]) == 2


def test_both_refuse_a_plateau_that_cannot_be(keras: Any) -> None:
    for words in (OURS, keras):
        for factor in (1.0, 2):
            with pytest.raises(ValueError, match="factor"):
                words.callbacks.ReduceLROnPlateau(factor=factor)
        callback = words.callbacks.ReduceLROnPlateau("other")
        callback.set_model(Stub(words))
        with pytest.raises(ValueError, match="other"):
            callback.on_epoch_end(0, {})
        scheduled = words.optimizers.SGD(words.optimizers.schedules.CosineDecay(0.1, 10))
        for change in (
            lambda words=words: words.callbacks.LearningRateScheduler(lambda epoch: 0.1).on_epoch_begin,
            lambda words=words: words.callbacks.ReduceLROnPlateau("loss", patience=0).on_epoch_end,
        ):
            hook = change()
            hook.__self__.set_model(types.SimpleNamespace(optimizer=scheduled))
            if hook.__name__ == "on_epoch_end":
                hook(0, {"loss": 1.0})
            with pytest.raises(TypeError):
                hook(1, {"loss": 1.0})


SCHEDULES: dict[str, Any] = {
    "one argument": lambda epoch: 0.1 / (epoch + 1),
    "two arguments": lambda epoch, rate: rate * 0.9,
    "a default": lambda epoch, rate=3.0: rate * 0.3,
    "float32": lambda epoch, rate: np.float32(rate) * np.float32(0.3),
    "float64": lambda epoch: np.float64(0.1),
    "an int": lambda epoch: 1,
    "a bool": lambda epoch: True,
    "float16": lambda epoch: np.float16(0.5),
    "None": lambda epoch: None,
    "an array": lambda epoch: np.array([0.1]),
    "a string": lambda epoch: "0.1",
    "an error within": lambda epoch, rate: rate + "0.1",
    "three arguments": lambda epoch, rate, more: rate,
    "a bound method": {0: 0.5, 1: 0.25}.get,
}


@pytest.mark.parametrize("name", list(SCHEDULES))
def test_learning_rate_scheduler(keras: Any, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    results = []
    for words in (OURS, keras):
        callback, stub, course = words.callbacks.LearningRateScheduler(SCHEDULES[name], verbose=1), Stub(words), []
        callback.set_model(stub)

        def run(callback: Any = callback, stub: Any = stub, course: list[Any] = course) -> None:
            try:
                for epoch in range(3):
                    logs = {"loss": 1.0}
                    callback.on_epoch_begin(epoch, {})
                    callback.on_epoch_end(epoch, logs)
                    course.append((stub.rate(), logs))
            except (TypeError, ValueError) as error:
                course.append(type(error))

        said = printed(capsys, keras, run)
        results.append((repr(course), said))
    assert results[0] == results[1]


# CSVLogger.

TRAININGS: list[list[list[dict[str, Any]]]] = [
    [[{"loss": 0.5, "accuracy": 0.1}, {"loss": 0.25, "accuracy": 0.3}]],
    [[{"loss": 0.5, "val_loss": 1.0}, {"loss": math.nan, "val_loss": math.inf}]],
    [[{"loss": 0.5}, {"loss": 0.25, "val_loss": 2.0, "more": 1}, {}]],
    [[{"b": [1, 2.5], "a": np.arange(3), "c": ("x", "y"), "val_a": {"k": 1}}]],
    [[{"a": np.array(3.5), "b": np.float32(0.1), "c": np.float64(0.1), "d": 1, "e": True, "f": None, "val_g": ""}]],
    [[{"text": 'a "quoted", and; separated\nvalue', "other": "\t"}]],
    [[{}], [{"loss": 1.0}]],
    [[], [{"loss": 1.0}]],
    [[{"loss": 1.0}], [{"loss": 2.0, "val_loss": 3.0}], [{"val_loss": 4.0}]],
]


@pytest.mark.parametrize("before", [None, "", "old\n", "\n", "epoch,loss"])
@pytest.mark.parametrize("append", [False, True])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("trainings", TRAININGS)
def test_csv_logger(
    trainings: Any, separator: str, append: bool, before: str | None, keras: Any, tmp_path: Path
) -> None:
    written = []
    for words in (OURS, keras):
        path = tmp_path / ("ours" if words is OURS else "theirs")
        if before is not None:
            path.write_text(before)
        logger = words.callbacks.CSVLogger(path, separator=separator, append=append)
        for epochs in trainings:
            logger.on_train_begin()
            for epoch, logs in enumerate(epochs):
                logger.on_epoch_end(epoch, logs)
            logger.on_train_end()
        written.append(path.read_bytes())
    assert written[0] == written[1]


# TerminateOnNaN, LambdaCallback, callbacks of one's own.


@pytest.mark.parametrize("raise_error", [False, True])
def test_terminate_on_nan(raise_error: bool, keras: Any, capsys: pytest.CaptureFixture[str]) -> None:
    results = []
    for words in (OURS, keras):
        for logs in (None, {}, {"loss": 1e38}, {"loss": math.nan}, {"loss": math.inf}, {"loss": -math.inf}, {"val_loss": math.nan}):  # fmt: skip
            callback, stub, raised = words.callbacks.TerminateOnNaN(raise_error=raise_error), Stub(words), []
            callback.set_model(stub)

            def run(callback: Any = callback, logs: Any = logs, raised: list[bool] = raised) -> None:
                try:
                    callback.on_train_batch_end(3, logs)
                except RuntimeError:
                    raised.append(True)

            results.append((printed(capsys, keras, run), stub.stop_training, raised))
    assert results[:7] == results[7:]
    assert results[3] == (([], False, [True]) if raise_error else (["Batch 3: Invalid loss, terminating training"], True, []))  # fmt: skip


def smooth(words: Any, rate: float = 0.1) -> Any:
    """A compiled model without ReLU and maximum, whose training two libraries can follow side by side."""
    stack = [words.layers.Input(SHAPE), words.layers.AveragePooling2D(2), words.layers.Flatten(), words.layers.Dense(CLASSES)]  # fmt: skip
    model = words.models.Sequential(stack)
    loss = words.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(words.optimizers.SGD(rate), loss, metrics=["accuracy"])
    random = np.random.default_rng(3)
    model.set_weights([random.normal(0, 0.3, weight.shape).astype(np.float32) for weight in model.get_weights()])
    return model


def test_every_hook_of_a_callback_of_functions_and_what_it_gets(keras: Any) -> None:
    numbered = [f"on_{what}_{when}" for what in ("epoch", "train_batch", "test_batch", "predict_batch") for when in ("begin", "end")]  # fmt: skip
    others = [f"on_{what}_{when}" for what in ("train", "test", "predict") for when in ("begin", "end")]
    results = []
    for words in (OURS, keras):
        calls: list[Any] = []

        def numbered_hook(name: str, calls: list[Any] = calls) -> Any:
            return lambda number, logs: calls.append((name, number, sorted(logs)))

        def other_hook(name: str, calls: list[Any] = calls) -> Any:
            return lambda logs: calls.append((name, sorted(logs)))

        hooks = {name: numbered_hook(name) for name in numbered} | {name: other_hook(name) for name in others}
        steps = [words.callbacks.LambdaCallback(**hooks), words.callbacks.LearningRateScheduler(lambda epoch: 0.1)]
        model = smooth(words)
        model.fit(PIXELS, Y, epochs=2, batch_size=40, validation_split=0.4, callbacks=steps, verbose=0)
        model.fit(PIXELS, Y, epochs=0, callbacks=steps, verbose=0)
        model.evaluate(PIXELS, Y, callbacks=steps, verbose=0)
        model.predict(PIXELS, callbacks=steps, verbose=0)
        results.append(calls)
    assert results[0] == results[1]
    assert {call[0] for call in results[0]} == {*numbered, *others}


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 0, 2]])
def test_a_training_that_they_steer(order: list[int], keras: Any, tmp_path: Path) -> None:
    results = []
    for words in (OURS, keras):
        path = tmp_path / ("ours" if words is OURS else "theirs")
        steps = [
            words.callbacks.LearningRateScheduler(lambda epoch, rate: rate * (1.5 if epoch == 2 else 0.9)),
            words.callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=1, min_delta=0.03),
            words.callbacks.CSVLogger(path),
        ]
        model = smooth(words, 0.2)
        history = model.fit(PIXELS, Y, epochs=8, shuffle=False, validation_split=0.2, callbacks=[steps[i] for i in order], verbose=0)  # fmt: skip
        results.append((history.history, path.read_text().splitlines()[0], model.get_weights()))
    (mine, my_header, my_weights), (its, its_header, its_weights) = results
    assert list(mine) == list(its)
    assert mine["learning_rate"] == its["learning_rate"]
    assert len(set(mine["learning_rate"])) == 8
    for name, values in its.items():
        assert mine[name] == pytest.approx(values, rel=1e-5)
    assert my_header == its_header
    for a, b in zip(my_weights, its_weights, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.filterwarnings("ignore:fit. the loss is:RuntimeWarning")
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_training_that_is_lost(value: float, keras: Any) -> None:
    x = PIXELS.copy()
    x[25] = value
    results = []
    for words in (OURS, keras):
        model, ends = smooth(words), []
        steps = [words.callbacks.TerminateOnNaN(), words.callbacks.LambdaCallback(on_train_end=ends.append)]
        history = model.fit(x, Y, epochs=3, batch_size=10, shuffle=False, callbacks=steps, verbose=0)
        results.append((history.epoch, int(model.optimizer.iterations), len(ends)))
    assert results[0] == results[1] == ([0], 3, 1)
