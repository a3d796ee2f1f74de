"""A real Keras 3 as the peer of the schedules: their values over steps and options, files, and the course of a training. Configs: test_keras_table_peer.py."""

from __future__ import annotations

import json
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastcnn import callbacks, layers, losses, models, optimizers
from fastcnn.optimizers import schedules
from keras_table import of
from peer_keras import QUIET, begin_names_again, keras_or_skip
from small import CLASSES, SHAPE, data

pytestmark = QUIET

OURS = types.SimpleNamespace(layers=layers, losses=losses, models=models, optimizers=optimizers, callbacks=callbacks)
X, Y = data()
PIXELS = X.astype(np.float32) / 255
STEPS = [*range(60), 100, 333, 1000, 12345, 10**6]


# Relative to the highest rate. What is made of +, -, *, / and rounding down is Keras's to the bit; powers, cosines and logarithms are numpy's.
ALLOWED = {
    "ExponentialDecay": 2e-7,
    "InverseTimeDecay": 0,
    "PolynomialDecay": 2e-7,
    "CosineDecay": 2e-7,
    "CosineDecayRestarts": 4e-7,
    "PiecewiseConstantDecay": 0,
}


@pytest.fixture(scope="module")
def keras() -> Any:
    return keras_or_skip()


@pytest.mark.parametrize("name", list(ALLOWED))
def test_the_rates_are_keras_s_at_every_step_with_every_option(keras: Any, name: str) -> None:
    cases = [entry.arguments for entry in of("optimizers.schedules", name)]
    assert cases
    for arguments in cases:
        ours, theirs = getattr(schedules, name)(**arguments), getattr(keras.optimizers.schedules, name)(**arguments)
        steps = (
            STEPS if name != "CosineDecayRestarts" else STEPS[:-2]
        )  # there the step's float32 is too coarse for both
        if arguments.get("warmup_target") is not None:  # then Keras takes one step alone
            wanted = np.array([theirs(keras.ops.convert_to_tensor(step, "int64")) for step in steps], np.float32)
        else:
            wanted = np.float32(theirs(keras.ops.convert_to_tensor(steps, "int64")))
        allowed = ALLOWED[name] * wanted.max()
        np.testing.assert_allclose([ours(step) for step in steps], wanted, rtol=0, atol=allowed, err_msg=str(arguments))


def test_both_refuse_what_has_no_sense(keras: Any) -> None:
    for words in (schedules, keras.optimizers.schedules):
        for name in ("ExponentialDecay", "InverseTimeDecay"):
            with pytest.raises(ValueError, match="decay_steps"):
                getattr(words, name)(0.1, 0, 0.5)
        for name in ("PolynomialDecay", "CosineDecay", "CosineDecayRestarts"):
            with pytest.raises(ValueError, match="decay_steps"):
                getattr(words, name)(0.1, -1)
        with pytest.raises(ValueError, match="boundaries"):
            words.PiecewiseConstantDecay([1, 2], [0.1, 0.2])


def test_own_schedules_are_written_as_keras_writes_them(keras: Any) -> None:
    written = []
    for base, words in ((schedules.LearningRateSchedule, schedules), (keras.optimizers.schedules.LearningRateSchedule, keras.optimizers.schedules)):  # fmt: skip
        config = {"get_config": lambda self: {}, "__module__": "somewhere", "__call__": lambda self, step: 0.1}
        mine = type("Mine", (base,), config)
        written.append(words.serialize(mine()))
        assert isinstance(words.deserialize(written[-1], custom_objects={"Mine": mine}), mine)
    assert written[0] == written[1]


@pytest.mark.parametrize("kind", ["Adam", "SGD"])
def test_an_optimizer_treats_its_schedule_as_keras_s_does(keras: Any, kind: str) -> None:
    begin_names_again(keras)
    configs = []
    for words in (optimizers, keras.optimizers):
        optimizer = getattr(words, kind)(0.5)
        optimizer.learning_rate = words.schedules.CosineDecay(0.1, 10)
        assert float(optimizer.learning_rate) == pytest.approx(0.1)
        with pytest.raises(TypeError, match=r"schedule|LearningRateSchedule"):
            optimizer.learning_rate = 0.5
        optimizer.learning_rate = words.schedules.PiecewiseConstantDecay([0], [0.25, 1.0])
        assert float(optimizer.learning_rate) == 0.25
        configs.append(optimizer.get_config())
        again = getattr(words, kind).from_config(json.loads(json.dumps(configs[-1])))
        assert again.get_config() == configs[-1]
    assert {name: configs[1][name] for name in configs[0]} == configs[0]


# A training. Steps that are powers of two, for TensorFlow compiles a division by another constant to a multiplication.

TRAININGS: list[tuple[str, dict[str, Any]]] = [
    ("ExponentialDecay", {"initial_learning_rate": 0.3, "decay_steps": 4, "decay_rate": 0.5}),
    ("ExponentialDecay", {"initial_learning_rate": 0.3, "decay_steps": 4, "decay_rate": 0.5, "staircase": True}),
    ("InverseTimeDecay", {"initial_learning_rate": 0.3, "decay_steps": 2, "decay_rate": 0.5}),
    ("PolynomialDecay", {"initial_learning_rate": 0.3, "decay_steps": 4, "power": 2.0, "cycle": True}),
    ("CosineDecay", {"initial_learning_rate": 0.0, "decay_steps": 8, "warmup_target": 0.3, "warmup_steps": 4}),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.3, "first_decay_steps": 2, "m_mul": 0.5}),
    ("PiecewiseConstantDecay", {"boundaries": [3, 7], "values": [0.3, 0.1, 0.01]}),
]


def smooth(words: Any, optimizer: Any) -> Any:
    """A compiled model without ReLU and maximum, whose training two libraries can follow side by side."""
    stack = [words.layers.Input(SHAPE), words.layers.AveragePooling2D(2), words.layers.Flatten(), words.layers.Dense(CLASSES)]  # fmt: skip
    model = words.models.Sequential(stack)
    model.compile(optimizer, words.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    random = np.random.default_rng(3)
    model.set_weights([random.normal(0, 0.3, weight.shape).astype(np.float32) for weight in model.get_weights()])
    return model


def recorder(words: Any) -> Any:
    """A callback that notes the learning rate before and after each step."""

    def note(self: Any, batch: int, logs: Any = None) -> None:
        self.rates.append(float(self.model.optimizer.learning_rate))

    hooks = {"on_train_batch_begin": note, "on_train_batch_end": note, "rates": []}
    return type("Recorder", (words.callbacks.Callback,), hooks)()


@pytest.mark.parametrize(("name", "arguments"), TRAININGS)
def test_a_training_follows_keras_s_course(keras: Any, name: str, arguments: dict[str, Any]) -> None:
    courses, weights, histories = [], [], []
    for words in (OURS, keras):
        model = smooth(words, words.optimizers.SGD(getattr(words.optimizers.schedules, name)(**arguments)))
        watcher = recorder(words)
        history = model.fit(PIXELS, Y, batch_size=20, epochs=3, shuffle=False, callbacks=[watcher], verbose=0)
        courses.append(watcher.rates)
        histories.append(history.history)
        weights.append(model.get_weights())
    assert len(courses[0]) == 24
    assert courses[0] == pytest.approx(courses[1], abs=2e-7)
    assert list(histories[0]) == list(histories[1])  # no learning rate among them
    for mine, its in zip(*weights, strict=True):
        np.testing.assert_allclose(mine, its, atol=1e-5)


@pytest.mark.parametrize("ending", ["h5", "keras"])
@pytest.mark.parametrize("kind", ["Adam", "SGD"])
@pytest.mark.parametrize(("name", "arguments"), TRAININGS)
def test_files_are_read_by_the_other(
    keras: Any, kind: str, ending: str, name: str, arguments: dict[str, Any], tmp_path: Path
) -> None:
    more = {"momentum": 0.9} if kind == "SGD" else {}
    for writer, reader in ((OURS, keras), (keras, OURS)):
        schedule = getattr(writer.optimizers.schedules, name)(**arguments)
        model = smooth(writer, getattr(writer.optimizers, kind)(schedule, **more))
        model.fit(PIXELS, Y, epochs=1, batch_size=30, shuffle=False, verbose=0)
        path = tmp_path / f"{'ours' if writer is OURS else 'theirs'}.{ending}"
        model.save(path)
        again = reader.models.load_model(path)
        assert int(again.optimizer.iterations) == 3
        assert float(again.optimizer.learning_rate) == pytest.approx(float(model.optimizer.learning_rate), abs=2e-7)
        ours, theirs = (again, model) if reader is OURS else (model, again)
        config = theirs.optimizer.get_config()
        assert {key: config[key] for key in ours.optimizer.get_config()} == ours.optimizer.get_config()
        if reader is keras and ending == "h5":  # Keras 3.15 forgets the state in its own legacy files too
            continue
        slots = [ours.store.view(slot, variable) for variable in ours.weights for slot in ours.optimizer.slots.values()]
        for mine, its in zip(slots, theirs.optimizer.variables[1:], strict=True):
            np.testing.assert_array_equal(mine, its.numpy())
        for each in (model, again):
            each.fit(PIXELS, Y, epochs=1, batch_size=30, shuffle=False, verbose=0)
        for one, other in zip(model.get_weights(), again.get_weights(), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_a_schedule_of_fastcnn_s_own_is_to_keras_one_of_a_user_s(keras: Any, ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"model.{ending}"
    model = smooth(OURS, optimizers.SGD(schedules.OneCycle(0.1, 10)))
    model.train_on_batch(PIXELS, Y)
    model.save(path)
    with pytest.raises(TypeError, match="Could not locate class 'OneCycle'"):
        keras.models.load_model(path)
    assert keras.models.load_model(path, compile=False).count_params() == model.count_params()

    class OneCycle(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc,name-defined]
        def __init__(self, **arguments: Any) -> None:
            self.arguments = arguments

        def __call__(self, step: Any) -> Any:
            return 0.1

    read = keras.models.load_model(path, custom_objects={"OneCycle": OneCycle})
    assert read.optimizer._learning_rate.arguments == schedules.OneCycle(0.1, 10).get_config()


def test_the_summary_counts_no_rate(keras: Any) -> None:
    lines = []
    for words in (OURS, keras):
        model = smooth(words, words.optimizers.Adam(words.optimizers.schedules.CosineDecay(0.1, 10)))
        model.train_on_batch(PIXELS, Y)
        texts: list[str] = []
        model.summary(print_fn=texts.append)
        lines.append([line for text in texts for line in text.splitlines() if "params" in line])
    assert lines[0] == lines[1]
