"""LearningRateScheduler and ReduceLROnPlateau: what they set, when, and what they say. A real Keras: test_callbacks_peer.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fastcnn import callbacks, optimizers
from fastcnn.metrics import SparseCategoricalAccuracy
from fastcnn.optimizers import schedules
from small import compiled, data

X, Y = data()


class Stub:
    """Stands for the model."""

    metrics_names = ("loss", "accuracy")
    metrics = (SparseCategoricalAccuracy("accuracy"),)

    def __init__(self, rate: Any) -> None:
        self.optimizer = optimizers.SGD(rate)
        self.stop_training = False


def rates_of(callback: callbacks.Callback, epochs: list[dict[str, float]], rate: Any = 1.0) -> list[float]:
    """The learning rate after each epoch of a training with these logs."""
    stub, rates = Stub(rate), []
    callback.set_model(stub)  # type: ignore[arg-type]
    callback.on_train_begin({})
    for epoch, logs in enumerate(epochs):
        callback.on_epoch_begin(epoch, {})
        callback.on_epoch_end(epoch, logs)
        rates.append(stub.optimizer.learning_rate)
    callback.on_train_end({})
    return rates


def losses_of(*values: float) -> list[dict[str, float]]:
    return [{"val_loss": value} for value in values]


@pytest.mark.parametrize(
    "schedule",
    [
        lambda epoch: 0.5**epoch,
        lambda epoch, rate: rate if epoch == 0 else rate / 2,
        lambda epoch, rate=0.0: np.float32(0.5**epoch),
        lambda epoch: np.float64(0.5**epoch),
    ],
)
def test_a_function_sets_the_rate_of_each_epoch(schedule: Callable[..., float]) -> None:
    scheduler = callbacks.LearningRateScheduler(schedule)
    history = compiled(optimizer=optimizers.SGD(1.0)).fit(X, Y, epochs=3, callbacks=[scheduler], verbose=0).history
    assert history["learning_rate"] == [1.0, 0.5, 0.25]
    assert list(history) == ["accuracy", "loss", "learning_rate"]


def test_the_steps_of_an_epoch_have_its_rate() -> None:
    steered, plain = compiled(optimizer=optimizers.SGD(1.0)), compiled(optimizer=optimizers.SGD(0.1))
    steered.fit(
        X, Y, epochs=2, callbacks=[callbacks.LearningRateScheduler(lambda epoch: [0.1, 0.05][epoch])], verbose=0
    )
    plain.fit(X, Y, verbose=0)
    assert plain.optimizer is not None
    plain.optimizer.learning_rate = 0.05
    plain.fit(X, Y, verbose=0)
    for a, b in zip(steered.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("value", [1, True, None, "0.1", np.float16(0.5)])
def test_a_function_must_return_a_float(value: Any) -> None:
    with pytest.raises(
        ValueError, match=r"LearningRateScheduler: schedule must return a float, but for epoch 0 it returned"
    ):
        rates_of(callbacks.LearningRateScheduler(lambda epoch, rate: value), [{}])


def test_an_error_within_the_function_is_not_taken_for_its_arguments() -> None:
    def broken(epoch: int, rate: float) -> float:
        return rate + "0.1"  # type: ignore[operator, no-any-return]

    with pytest.raises(TypeError, match="unsupported operand"):
        rates_of(callbacks.LearningRateScheduler(broken), [{}])


def test_an_optimizer_with_a_schedule_is_not_steered() -> None:
    scheduler = callbacks.LearningRateScheduler(lambda epoch: 0.1)
    with pytest.raises(TypeError, match="SGD: learning_rate follows CosineDecay"):
        rates_of(scheduler, [{}], schedules.CosineDecay(0.1, 10))
    with pytest.raises(TypeError, match="SGD: learning_rate follows CosineDecay"):
        rates_of(callbacks.ReduceLROnPlateau(patience=0), losses_of(1, 1), schedules.CosineDecay(0.1, 10))


def test_the_rate_is_shown_with_the_epoch_and_the_change_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    scheduler = callbacks.LearningRateScheduler(lambda epoch: 0.25, verbose=1)
    compiled(optimizer=optimizers.SGD(1.0)).fit(X, Y, callbacks=[scheduler], verbose=2)
    said, line = capsys.readouterr().out.splitlines()
    assert said == "Epoch 1: LearningRateScheduler setting learning rate to 0.25."
    assert line.endswith(" learning_rate=0.250")


@pytest.mark.parametrize(
    ("arguments", "values", "rates"),
    [
        ({"patience": 1, "factor": 0.5}, (3, 2, 2.5, 2.5, 1), (1, 1, 0.5, 0.25, 0.25)),
        ({"patience": 2, "factor": 0.5}, (3, 3, 3, 3, 3), (1, 1, 0.5, 0.5, 0.25)),
        ({"patience": 1, "factor": 0.5, "cooldown": 1}, (3, 3, 3, 3, 3), (1, 0.5, 0.25, 0.125, 0.0625)),
        ({"patience": 1, "factor": 0.5, "cooldown": 2}, (3, 3, 3, 3, 3, 3), (1, 0.5, 0.5, 0.25, 0.25, 0.125)),
        ({"patience": 1, "factor": 0.5, "min_lr": 0.3}, (3, 3, 3, 3), (1, 0.5, 0.3, 0.3)),
        ({"patience": 1, "factor": 0.5, "min_lr": 2}, (3, 3, 3), (1, 1, 1)),
        ({"patience": 1, "factor": 0.5, "min_delta": 0.5}, (3, 2.6, 2.6, 2), (1, 0.5, 0.25, 0.25)),
        ({"patience": 1, "factor": 0.5, "mode": "max"}, (3, 4, 4), (1, 1, 0.5)),
        ({"patience": 1, "factor": 0.5}, (3, np.nan, np.nan), (1, 0.5, 0.25)),
        ({"patience": 0, "factor": 0.5}, (3, 2, 2), (1, 1, 0.5)),
    ],
)
def test_a_plateau_lowers_the_rate(
    arguments: dict[str, Any], values: tuple[float, ...], rates: tuple[float, ...]
) -> None:
    assert rates_of(callbacks.ReduceLROnPlateau(**arguments), losses_of(*values)) == list(rates)


def test_a_metric_should_rise() -> None:
    epochs = [{"val_accuracy": value} for value in (0.5, 0.6, 0.6, 0.4)]
    assert rates_of(callbacks.ReduceLROnPlateau("val_accuracy", 0.5, 1), epochs) == [1, 1, 0.5, 0.25]


def test_the_logs_have_the_rate_with_which_the_epoch_was_trained() -> None:
    epochs = losses_of(1, 1, 1)
    rates_of(callbacks.ReduceLROnPlateau(factor=0.5, patience=1), epochs)
    assert [logs["learning_rate"] for logs in epochs] == [1, 1, 0.5]


def test_a_reduction_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    rates_of(callbacks.ReduceLROnPlateau(factor=0.5, patience=1, verbose=1), losses_of(1, 1))
    assert capsys.readouterr().out == "Epoch 2: ReduceLROnPlateau reducing learning rate to 0.5.\n"


def test_each_fit_begins_anew_but_for_the_rate() -> None:
    callback = callbacks.ReduceLROnPlateau(factor=0.5, patience=1, cooldown=5)
    rates_of(callback, losses_of(1, 1))
    assert callback.in_cooldown()
    callback.on_train_begin()
    assert (callback.best, callback.wait, callback.cooldown_counter, callback.in_cooldown()) == (None, 0, 0, False)


def test_plateaus_that_cannot_be() -> None:
    with pytest.raises(ValueError, match=r"ReduceLROnPlateau: factor must be below 1, but is 1.0"):
        callbacks.ReduceLROnPlateau(factor=1.0)
    with pytest.raises(ValueError, match="ReduceLROnPlateau: monitor 'other' is neither a loss nor a compiled metric"):
        rates_of(callbacks.ReduceLROnPlateau("other"), [{}])
    with pytest.warns(UserWarning, match="mode 'best' is unknown") as warned:
        assert callbacks.ReduceLROnPlateau(mode="best").mode == "auto"
    assert warned[0].filename == __file__
    missing = r"conditioned on metric `val_loss` which is not available. Available metrics are: loss,learning_rate\."
    with pytest.warns(UserWarning, match=missing):
        assert rates_of(callbacks.ReduceLROnPlateau(patience=0), [{"loss": 1.0}]) == [1.0]
