"""optimizers/schedules.py: values against the formulas in float64, configs, errors, and optimizers that follow them. A real Keras: test_schedules_peer.py."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import fastcnn
import numpy as np
import pytest
from fastcnn import callbacks, models, optimizers
from fastcnn.optimizers import schedules
from small import compiled, data

X, Y = data()
ROUNDING = 4e-7  # of the highest rate: a few operations in float32

HALF_COSINE = {part: 0.5 * (1 + math.cos(math.pi * part)) for part in (0, 0.1, 0.25, 0.5, 0.75)}

VALUES: list[tuple[schedules.LearningRateSchedule, dict[int, float]]] = [
    (
        schedules.ExponentialDecay(0.1, 10, 0.5),
        {0: 0.1, 5: 0.1 * 0.5**0.5, 10: 0.05, 25: 0.1 * 0.5**2.5},
    ),
    (schedules.ExponentialDecay(0.1, 10, 0.5, staircase=True), {0: 0.1, 9: 0.1, 10: 0.05, 19: 0.05, 20: 0.025}),
    (schedules.InverseTimeDecay(0.1, 4, 2.0), {0: 0.1, 1: 0.1 / 1.5, 4: 0.1 / 3, 10: 0.1 / 6}),
    (schedules.InverseTimeDecay(0.1, 4, 2.0, staircase=True), {3: 0.1, 4: 0.1 / 3, 7: 0.1 / 3, 8: 0.1 / 5}),
    (
        schedules.PiecewiseConstantDecay([3, 3, 7.5], [0.4, 9, 0.2, 0.1]),
        {0: 0.4, 3: 0.4, 4: 0.2, 7: 0.2, 8: 0.1, 10**9: 0.1},
    ),
    (schedules.PolynomialDecay(0.5, 8, 0.1), {0: 0.5, 2: 0.4, 6: 0.2, 8: 0.1, 100: 0.1}),
    (schedules.PolynomialDecay(0.5, 8, 0.1, power=2), {2: 0.1 + 0.4 * 0.75**2, 8: 0.1}),
    (schedules.PolynomialDecay(0.5, 8, 0.1, cycle=True), {0: 0.5, 8: 0.1, 9: 0.1 + 0.4 * 7 / 16, 16: 0.1, 17: 0.1 + 0.4 * 7 / 24}),
    (schedules.CosineDecay(0.1, 20), {step: 0.1 * HALF_COSINE[step / 20] for step in (0, 2, 5, 10, 15)} | {20: 0, 50: 0}),
    (schedules.CosineDecay(0.1, 20, alpha=0.2), {10: 0.1 * 0.6, 20: 0.02, 50: 0.02}),
    (
        schedules.CosineDecay(0.1, 20, warmup_target=0.5, warmup_steps=4),
        {0: 0.1, 1: 0.2, 3: 0.4, 4: 0.5, 9: 0.5 * HALF_COSINE[0.25], 14: 0.25, 24: 0, 99: 0},
    ),
    (schedules.CosineDecay(0.1, 20, warmup_target=0.5), {0: 0.5, 10: 0.25, 20: 0}),
    (
        schedules.CosineDecayRestarts(0.1, 10, m_mul=0.5),  # periods begin at 0, 10, 30, 70
        {0: 0.1, 5: 0.05, 10: 0.05, 15: 0.05 * HALF_COSINE[0.25], 20: 0.025, 30: 0.025, 50: 0.0125, 70: 0.0125},
    ),
    (
        schedules.CosineDecayRestarts(0.1, 10, t_mul=1, alpha=0.5),
        {0: 0.1, 1: 0.05 + 0.05 * HALF_COSINE[0.1], 10: 0.1, 15: 0.075, 20: 0.1},
    ),
    (
        schedules.OneCycle(0.5, 12, 4, 0.1, 0.02, "linear"),
        {0: 0.1, 1: 0.2, 3: 0.4, 4: 0.5, 6: 0.38, 10: 0.14, 12: 0.02, 99: 0.02},
    ),
    (
        schedules.OneCycle(0.5, 12, 4, 0.1, 0.02),
        {0: 0.1, 1: 0.5 - 0.4 * HALF_COSINE[0.25], 2: 0.3, 4: 0.5, 6: 0.02 + 0.48 * HALF_COSINE[0.25], 8: 0.26, 12: 0.02, 99: 0.02},
    ),
    (
        schedules.OneCycle(0.5, 20),
        {0: 0.02, 3: 0.26, 6: 0.5, 13: 0.25 + 1e-6, 20: 2e-6, 99: 2e-6},
    ),
    (schedules.OneCycle(0.5, 8, 0, shape="linear"), {0: 0.5, 4: 0.25 + 1e-6, 8: 2e-6}),
]  # fmt: skip


@pytest.mark.parametrize(("schedule", "values"), VALUES, ids=lambda value: type(value).__name__)
def test_values_are_those_of_the_formula(schedule: Any, values: dict[int, float]) -> None:
    highest = max(values.values())
    for step, value in values.items():
        rate = schedule(step)
        assert type(rate) is np.float32
        assert float(rate) == pytest.approx(value, abs=ROUNDING * highest), step
    rates = schedule(np.array(list(values)))
    assert rates.dtype == np.float32
    np.testing.assert_allclose(rates, list(values.values()), atol=ROUNDING * highest, rtol=0)


@pytest.mark.parametrize(("schedule", "values"), VALUES, ids=lambda value: type(value).__name__)
def test_a_config_makes_the_same_schedule_again(schedule: Any, values: dict[int, float]) -> None:
    written = json.loads(json.dumps(schedules.serialize(schedule)))
    again = schedules.deserialize(written)
    assert type(again) is type(schedule)
    assert again.get_config() == schedule.get_config()
    assert type(schedule).from_config(schedule.get_config())(3) == schedule(3)


class Halving(schedules.LearningRateSchedule):
    """One of a user's own."""

    def __init__(self, rate: float) -> None:
        self.rate = rate

    def __call__(self, step: int) -> float:
        return self.rate / 2**step

    def get_config(self) -> dict[str, Any]:
        return {"rate": self.rate}


def test_a_schedule_of_one_s_own() -> None:
    adam = optimizers.Adam(Halving(0.5))
    adam.iterations = 3
    assert adam.learning_rate == 0.0625
    written = schedules.serialize(Halving(0.5))
    assert written == {"module": __name__, "class_name": "Halving", "config": {"rate": 0.5}, "registered_name": "Halving"}  # fmt: skip
    again = schedules.deserialize(written, custom_objects={"Halving": Halving})
    assert isinstance(again, Halving)
    assert again.rate == 0.5
    same = optimizers.Adam.from_config(adam.get_config(), custom_objects={"Halving": Halving})
    assert same.get_config() == adam.get_config()
    with pytest.raises(ValueError, match=r"schedule 'Halving' comes from .*test_schedules', and only Keras's own"):
        optimizers.Adam.from_config(adam.get_config())


def test_a_schedule_without_what_it_needs_says_so() -> None:
    class Empty(schedules.LearningRateSchedule):
        pass

    adam = optimizers.Adam(Empty())
    with pytest.raises(NotImplementedError, match=r"Empty: a schedule must define __call__\(self, step\)"):
        _ = adam.learning_rate
    with pytest.raises(NotImplementedError, match=r"Empty: a schedule must define get_config\(self\) to be saved"):
        adam.get_config()


def test_names_as_in_tensorflow() -> None:
    from fastcnn.keras.optimizers.schedules import CosineDecay

    assert CosineDecay is schedules.CosineDecay
    assert fastcnn.keras.optimizers.schedules is schedules is fastcnn.optimizers.schedules


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: schedules.ExponentialDecay(0.1, 0, 0.5), ValueError, "ExponentialDecay: decay_steps must be above 0, but is 0"),
        (lambda: schedules.CosineDecay(float("nan"), 3), ValueError, "CosineDecay: initial_learning_rate must be finite, but is nan"),
        (lambda: schedules.CosineDecayRestarts(0.1, -1), ValueError, "CosineDecayRestarts: first_decay_steps must be above 0, but is -1"),
        (lambda: schedules.InverseTimeDecay(0.1, 3, "a"), TypeError, "InverseTimeDecay: decay_rate must be a number, but is 'a'"),  # type: ignore[arg-type]
        (lambda: schedules.PolynomialDecay(0.1, 3, cycle=2), TypeError, "PolynomialDecay: cycle must be True or False, but is 2"),  # type: ignore[arg-type]
        (lambda: schedules.PiecewiseConstantDecay([1, 2], [1, 2]), ValueError, "PiecewiseConstantDecay: boundaries must have at least one entry and values one more, but they have 2 and 2"),
        (lambda: schedules.PiecewiseConstantDecay([], [1]), ValueError, "PiecewiseConstantDecay: boundaries must have at least one entry and values one more, but they have 0 and 1"),
        (lambda: schedules.PiecewiseConstantDecay([2, 1], [1, 2, 3]), ValueError, "PiecewiseConstantDecay: boundaries must not fall, but are [2, 1]"),
        (lambda: schedules.PiecewiseConstantDecay([1], [1, "b"]), TypeError, "PiecewiseConstantDecay: values[1] must be a number, but is 'b'"),  # type: ignore[list-item]
        (lambda: schedules.OneCycle(0.1, 0), ValueError, "OneCycle: total_steps must be above 0, but is 0"),
        (lambda: schedules.OneCycle(0.1, 10, 10), ValueError, "OneCycle: warmup_steps must be at least 0 and below total_steps, but is 10"),
        (lambda: schedules.OneCycle(0.1, 10, -1), ValueError, "OneCycle: warmup_steps must be at least 0 and below total_steps, but is -1"),
        (lambda: schedules.OneCycle(0.1, 10, final_learning_rate=float("inf")), ValueError, "OneCycle: final_learning_rate must be finite, but is inf"),
        (lambda: schedules.OneCycle(0.1, 10, shape="cos"), ValueError, "OneCycle: shape must be 'cosine' or 'linear', but is 'cos'"),
        (lambda: schedules.CosineDecay.from_config({"decay_step": 3}), ValueError, "CosineDecay: unknown argument 'decay_step'; did you mean 'decay_steps'? known: 'alpha', 'decay_steps', 'initial_learning_rate', 'name', 'warmup_steps', 'warmup_target'"),
        (lambda: schedules.deserialize({"class_name": "CosineDecays", "config": {}}), ValueError, "schedules.deserialize: unknown schedule 'CosineDecays'; did you mean 'CosineDecay'? known: 'CosineDecay', 'CosineDecayRestarts', 'ExponentialDecay', 'InverseTimeDecay', 'OneCycle', 'PiecewiseConstantDecay', 'PolynomialDecay'"),
        (lambda: schedules.deserialize("CosineDecay"), ValueError, "schedules.deserialize: a schedule must be a dict, but is 'CosineDecay'"),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_what_will_not_do_is_named(make: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match="^" + re.escape(message) + "$"):
        make()


# Optimizers that follow a schedule.


def test_an_optimizer_has_the_rate_of_its_step() -> None:
    sgd = optimizers.SGD(schedules.PiecewiseConstantDecay([1, 2], [0.4, 0.2, 0.1]))
    rates = []
    for sgd.iterations in range(4):
        rates.append(sgd.learning_rate)
    assert rates == [float(np.float32(rate)) for rate in (0.4, 0.4, 0.2, 0.1)]
    config = sgd.get_config()
    assert config["learning_rate"]["class_name"] == "PiecewiseConstantDecay"
    again = optimizers.get(json.loads(json.dumps({"class_name": "SGD", "config": config})))
    assert again.get_config() == config
    assert again.learning_rate == float(np.float32(0.4))


def test_a_number_cannot_take_a_schedule_s_place() -> None:
    adam = optimizers.Adam(0.5)
    assert adam.schedule is None
    for kind in (schedules.CosineDecay(0.1, 10), schedules.InverseTimeDecay(0.1, 10, 1.0)):
        adam.learning_rate = kind
        assert adam.schedule is kind
    with pytest.raises(TypeError, match=r"Adam: learning_rate follows InverseTimeDecay, so only a schedule may take its place, not 0.5"):  # fmt: skip
        adam.learning_rate = 0.5


@pytest.mark.parametrize("rate", [math.nan, math.inf, -0.1])
def test_a_rate_that_makes_no_step_is_refused_and_named(rate: float) -> None:
    class Lost(schedules.LearningRateSchedule):
        def __call__(self, step: int) -> float:
            return 0.1 if step < 2 else rate

    model = compiled(optimizer=optimizers.SGD(Lost()))
    with pytest.raises(ValueError, match=f"SGD: the learning rate of Lost at step 2 must be finite and at least 0, but is {rate}"):  # fmt: skip
        model.fit(X, Y, batch_size=10, verbose=0)
    assert model.optimizer is not None
    assert model.optimizer.iterations == 2
    assert all(np.isfinite(weights).all() for weights in model.get_weights())


class ByHand(callbacks.Callback):
    """Sets the learning rate before each step, and notes it."""

    def __init__(self, schedule: Any) -> None:
        super().__init__()
        self.schedule = schedule

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        optimizer = self.model.optimizer
        assert optimizer is not None
        optimizer.learning_rate = float(self.schedule(optimizer.iterations))


@pytest.mark.parametrize("kind", [optimizers.Adam, optimizers.SGD])
@pytest.mark.parametrize(("schedule", "values"), VALUES, ids=lambda value: type(value).__name__)
def test_a_training_takes_the_steps_of_the_schedule(kind: Any, schedule: Any, values: dict[int, float]) -> None:
    scheduled, steered = compiled(optimizer=kind(schedule)), compiled(optimizer=kind(0.0))
    scheduled.fit(X, Y, batch_size=25, epochs=4, verbose=0)
    steered.fit(X, Y, batch_size=25, epochs=4, verbose=0, callbacks=ByHand(schedule))
    scheduled.train_on_batch(X, Y)
    assert steered.optimizer is not None
    steered.optimizer.learning_rate = float(schedule(12))
    steered.train_on_batch(X, Y)
    for a, b in zip(scheduled.get_weights(), steered.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["model.h5", "model.keras", "model.safetensors"])
@pytest.mark.parametrize("optimizer", [optimizers.Adam, optimizers.SGD])
@pytest.mark.parametrize(
    "schedule",
    [schedules.CosineDecay(0.01, 8, warmup_target=0.05, warmup_steps=2), schedules.OneCycle(0.05, 6)],
    ids=lambda schedule: type(schedule).__name__,
)
def test_a_file_keeps_the_schedule_and_the_training_goes_on(
    schedule: Any, optimizer: Any, name: str, tmp_path: Path
) -> None:
    model = compiled(optimizer=optimizer(schedule))
    model.fit(X, Y, epochs=1, verbose=0)
    model.save(tmp_path / name)
    again = models.load_model(tmp_path / name)
    assert again.optimizer is not None
    assert model.optimizer is not None
    assert again.optimizer.get_config() == model.optimizer.get_config()
    assert (again.optimizer.iterations, again.optimizer.learning_rate) == (3, float(schedule(3)))
    for each in (model, again):
        each.fit(X, Y, epochs=1, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_file_of_weights_has_the_state_of_an_optimizer_with_a_schedule(tmp_path: Path) -> None:
    model, again = (compiled(seed, optimizer=optimizers.Adam(schedules.CosineDecay(0.01, 8))) for seed in (1, 2))
    for each, epochs in ((model, 2), (again, 1)):
        each.fit(X, Y, epochs=epochs, verbose=0)
    model.save_weights(tmp_path / "model.weights.h5")
    again.load_weights(tmp_path / "model.weights.h5")
    assert again.optimizer is not None
    assert again.optimizer.iterations == 6
    for each in (model, again):
        each.fit(X, Y, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["model.h5", "model.keras", "model.safetensors"])
def test_a_file_with_a_schedule_of_one_s_own_names_it_when_it_is_read(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    compiled(optimizer=optimizers.SGD(Halving(0.1))).save(path)
    with pytest.raises(fastcnn.FormatError, match=rf"{name}: .*'Halving'"):
        models.load_model(path)
    assert models.load_model(path, compile=False).built
