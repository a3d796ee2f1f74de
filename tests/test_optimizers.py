"""Optimizers as objects: settings, state, configs, errors. Their arithmetic is tested in ops/, a real Keras in test_keras_surface.py."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from fastcnn import optimizers
from fastcnn._naming import reset_names
from fastcnn._serialization import serialize
from fastcnn.variables import Variable, VariableStore


def store() -> VariableStore:
    return VariableStore([Variable("kernel", np.ones((3, 4))), Variable("bias", np.ones(4))])


def test_the_defaults_are_keras_s() -> None:
    adam, sgd = optimizers.Adam(), optimizers.SGD()
    assert (adam.learning_rate, adam.beta_1, adam.beta_2, adam.epsilon) == (0.001, 0.9, 0.999, 1e-7)
    assert (sgd.learning_rate, sgd.momentum, sgd.nesterov) == (0.01, 0.0, False)
    assert (adam.weight_decay, sgd.weight_decay, optimizers.AdamW().weight_decay) == (None, None, 0.004)
    assert (adam.clipping, adam.averaging) == (None, (False, 0.99, 0))
    assert (adam.operation, adam.settings()) == ("adam", {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7})
    assert (sgd.operation, sgd.settings()) == ("sgd", {"momentum": 0.0, "nesterov": False})


def test_the_state_is_flat_and_as_long_as_the_store() -> None:
    memory = store()
    for optimizer, slots in [
        (optimizers.Adam(), ["momentum", "velocity"]),
        (optimizers.SGD(), []),
        (optimizers.SGD(momentum=0.9), ["momentum"]),
        (optimizers.AdamW(), ["momentum", "velocity"]),
    ]:
        assert (optimizer.built, optimizer.slots, optimizer.iterations) == (False, {}, 0)
        optimizer.build(memory)
        assert optimizer.built
        assert list(optimizer.slots) == slots
        for slot in optimizer.slots.values():
            assert (slot.shape, slot.dtype) == (memory.buffer.shape, np.float32)
            assert not slot.any()
            assert slot.ctypes.data % 64 == 0


def test_building_again_keeps_the_state_and_another_model_is_refused() -> None:
    memory, adam = store(), optimizers.Adam(name="mine")
    adam.build(memory)
    adam.slots["momentum"][0] = 3
    adam.build(memory)
    assert adam.slots["momentum"][0] == 3
    with pytest.raises(ValueError, match="Adam: 'mine' trains another model already"):
        adam.build(store())


def test_the_learning_rate_may_change_and_is_written_as_float32() -> None:
    adam = optimizers.Adam(1e-3)
    assert adam.get_config()["learning_rate"] == float(np.float32(0.001))
    adam.learning_rate = 0.5
    assert adam.get_config()["learning_rate"] == 0.5
    with pytest.raises(ValueError, match="Adam: learning_rate must be finite and at least 0, but is -1"):
        adam.learning_rate = -1
    assert adam.learning_rate == 0.5


def test_names_and_configs_are_ways_to_an_optimizer() -> None:
    reset_names()
    assert [optimizers.get(name).name for name in ("adam", "Adam", "ADAM", "sgd")] == [
        "adam",
        "adam_1",
        "adam_2",
        "sgd",
    ]
    mine = optimizers.SGD(0.1, momentum=0.9, nesterov=True, name="mine")
    assert optimizers.get(mine) is mine
    again = optimizers.get(serialize(mine))
    assert type(again) is optimizers.SGD
    assert again.get_config() == mine.get_config()
    assert again.settings() == {"momentum": 0.9, "nesterov": True}
    assert type(optimizers.get({"class_name": "sgd", "config": {}})) is optimizers.SGD  # as Keras takes it


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("loss_scale_factor", 2.0),
        ("gradient_accumulation_steps", 4),
    ],
)
@pytest.mark.parametrize("kind", list(optimizers.KNOWN.values()))
def test_what_keras_has_and_we_do_not_is_refused_by_name(kind: Any, argument: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{kind.__name__}: {argument}={value} is not supported; only .* is$"):
        kind(**{argument: value})
    assert kind(**{argument: kind().get_config()[argument]})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optimizers.get("adamm"), "optimizers.get: unknown optimizer 'adamm'; did you mean 'adam'?"),
        (lambda: optimizers.get("rmsprop"), "optimizers.get: unknown optimizer 'rmsprop'; known: 'adam', 'adamw', 'sgd'"),
        (lambda: optimizers.get(3), "optimizers.get: an optimizer must be a name, an Optimizer or its config, but is 3"),
        (lambda: optimizers.Adam(amsgrad=True), "Adam: amsgrad=True is not supported; only False is"),
        (lambda: optimizers.Adam(beta_3=0.9), "Adam: unknown argument 'beta_3'; did you mean 'beta_2'?"),
        (lambda: optimizers.Adam(jit_compile=True), "Adam: unknown argument 'jit_compile'"),
        (lambda: optimizers.Adam(beta_1=1), "Adam: beta_1 must be in [0, 1), but is 1"),
        (lambda: optimizers.SGD(momentum=2), "SGD: momentum must be in [0, 1], but is 2"),
        (lambda: optimizers.SGD(learning_rate=float("nan")), "SGD: learning_rate must be finite and at least 0, but is nan"),
        (lambda: optimizers.SGD(weight_decay=-1), "SGD: weight_decay must be finite and at least 0, but is -1"),
        (lambda: optimizers.Adam(clipnorm=0), "Adam: clipnorm must be above 0, but is 0"),
        (lambda: optimizers.AdamW(clipvalue=-1), "AdamW: clipvalue must be above 0, but is -1"),
        (lambda: optimizers.SGD(global_clipnorm=float("inf")), "SGD: global_clipnorm must be finite, but is inf"),
        (lambda: optimizers.SGD(clipvalue=1, clipnorm=2), "SGD: only one of clipnorm, global_clipnorm, clipvalue can be set, but there are clipnorm=2.0 and clipvalue=1.0"),
        (lambda: optimizers.Adam(ema_momentum=1.5), "Adam: ema_momentum must be in [0, 1], but is 1.5"),
        (lambda: optimizers.Adam(ema_overwrite_frequency=0), "Adam: ema_overwrite_frequency must be an integer of at least 1, but is 0"),
        (lambda: optimizers.SGD.from_config({"momentun": 0.9}), "SGD: unknown argument 'momentun'; did you mean 'momentum'?"),
    ],
)  # fmt: skip
def test_what_will_not_do_is_named(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        make()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weight_decay": "0.1"}, "weight_decay must be a number, but is '0.1'"),
        ({"weight_decay": None}, "weight_decay must be a number, but is None"),
        ({"clipnorm": [1]}, "clipnorm must be a number, but is [1]"),
        ({"use_ema": 1}, "use_ema must be True or False, but is 1"),
    ],
)
def test_what_is_of_another_kind_is_named(arguments: Any, message: str) -> None:
    with pytest.raises(TypeError, match=re.escape(f"AdamW: {message}")):
        optimizers.AdamW(**arguments)


def test_weights_can_be_excluded_from_the_decay() -> None:
    memory, adam = store(), optimizers.AdamW()
    kernel, bias = memory.variables
    assert (adam.decay_of(kernel), adam.decay_of(bias)) == (0.004, 0.004)
    adam.exclude_from_weight_decay(var_names=["bia", "other"])
    assert (adam.decay_of(kernel), adam.decay_of(bias)) == (0.004, 0)
    adam.exclude_from_weight_decay([kernel])
    assert (adam.decay_of(kernel), adam.decay_of(bias)) == (0, 0.004)
    adam.exclude_from_weight_decay()
    assert (adam.decay_of(kernel), adam.decay_of(bias)) == (0.004, 0.004)
    with pytest.raises(TypeError, match="AdamW: var_list must hold variables, but has 'bias'"):
        adam.exclude_from_weight_decay(["bias"])  # type: ignore[list-item]


def test_the_learning_rate_can_be_scaled() -> None:
    memory, adam = store(), optimizers.Adam()
    kernel, bias = memory.variables
    for scales, expected in (
        ({}, (1, 1)),
        ({"bias": 64, "": 0.5}, (0.5, 64)),
        ({"": 0.5, "bias": 64}, (0.5, 0.5)),
        ({"": 0.5, bias: 0}, (0.5, 0)),
        (None, (1, 1)),
    ):
        adam.scale_learning_rate(scales)
        assert (adam.rate_scale_of(kernel), adam.rate_scale_of(bias)) == expected
    with pytest.raises(TypeError, match="Adam: scales must be by variables or regular expressions, but one is by 3"):
        adam.scale_learning_rate({3: 1.0})
    with pytest.raises(ValueError, match="Adam: scales has '\\(', which is no regular expression"):
        adam.scale_learning_rate({"(": 1.0})
    with pytest.raises(ValueError, match="Adam: the scale of 'bias' must be finite and at least 0, but is -1"):
        adam.scale_learning_rate({"bias": -1})


def test_averages_begin_with_the_weights_also_of_what_begins_to_learn_later() -> None:
    memory, sgd = store(), optimizers.SGD(momentum=0.9, use_ema=True)
    kernel, bias = memory.variables
    bias.trainable = False
    sgd.build(memory)
    assert list(sgd.slots) == ["momentum", "average"]
    average = sgd.slots["average"]
    np.testing.assert_array_equal(memory.view(average, kernel), 1)
    average[:] = 5
    bias.assign(np.full(4, 7))
    sgd.build(memory)
    np.testing.assert_array_equal(average, 5)
    bias.trainable = True
    sgd.build(memory)
    np.testing.assert_array_equal(memory.view(average, kernel), 5)
    np.testing.assert_array_equal(memory.view(average, bias), 7)
    sgd.finalize_variable_values([kernel])
    np.testing.assert_array_equal(kernel.value, 5)
    sgd.use_ema = False
    sgd.build(memory)
    assert list(sgd.slots) == ["momentum"]
    memory.buffer[:] = 3
    sgd.finalize_variable_values([kernel])
    np.testing.assert_array_equal(kernel.value, 3)


def test_a_function_is_refused_as_a_learning_rate() -> None:
    with pytest.raises(TypeError, match="Adam: learning_rate must be a number or a LearningRateSchedule, but is"):
        optimizers.Adam(lambda: 0.1)  # type: ignore[arg-type, return-value]
