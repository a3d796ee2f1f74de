"""Step for step with a real Keras: from its weights, its optimizer's state and its batch, one step of ours gives the weights that it gives.

Courses of training are not compared: two programs that add in another order part at the first ReLU or maximum that lies on its kink, PyTorch in two
layouts from itself too. Single steps from the same state are, and where one differs it must be because of such a kink, and of nothing else: each
of the two results must be float64's with a choice that the kinks leave open (network64.py).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
import reference
from fastcnn import layers, losses, models, ops, optimizers
from network64 import Array, Network, explain
from numpy.typing import NDArray
from peer_keras import QUIET, keras_or_skip

pytestmark = QUIET

STEPS = 50
MUST_AGREE = 45
ALLOWED = 5e-5  # of the model's largest weight
# Of the largest weight, or the largest value of a slot, when both optimizers are fed with the same gradients: in one step, and after all of them
# (Keras takes Adam's 1 - beta_2^step in float32, which is 1.3e-5 off).
ALLOWED_OF_THE_OPTIMIZER = 1e-6
ALLOWED_OF_ITS_COURSE = 5e-6
BATCH = 32
LAYERS = ["conv", "pool", "relu", "conv", "pool", "relu", "conv", "relu", "flatten", "dense", "relu", "dense"]

Weights = list[NDArray[np.float32]]


class Rule(NamedTuple):
    """An optimizer in Keras's and fastcnn's words, its step in float64 and as an operation of ours, and their arguments."""

    make: Callable[[Any], Any]
    in_float64: Callable[..., tuple[Any, ...]]
    ours: Callable[..., None]
    arguments_of: Callable[[int], dict[str, Any]]  # of the step, from 0


RULES = {
    "Adam": Rule(lambda optimizers: optimizers.Adam(), reference.adam, ops.adam, lambda step: {"step": step + 1}),
    "SGD with Nesterov momentum": Rule(
        lambda optimizers: optimizers.SGD(0.01, momentum=0.9, nesterov=True),
        reference.sgd,
        ops.sgd,
        lambda step: {"learning_rate": 0.01, "momentum_rate": 0.9, "nesterov": True},
    ),
}


class State(NamedTuple):
    """Of a model in training: the weights, and each weight's slots of the optimizer."""

    weights: Weights
    slots: list[Weights]


@pytest.fixture(scope="module")
def keras() -> Any:
    return keras_or_skip()


@pytest.fixture(scope="module", params=RULES)
def course(request: pytest.FixtureRequest, keras: Any) -> tuple[Rule, list[State]]:
    """A rule, and Keras's states before the first and after each step of a training with it."""
    rule = RULES[request.param]
    keras.utils.set_random_seed(0)
    model = tutorial(keras)
    model.compile(rule.make(keras.optimizers), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.optimizer.build(model.trainable_variables)
    states = [state_in_keras(model, model.optimizer)]
    for step in range(STEPS):
        model.train_on_batch(*batch(step))
        states.append(state_in_keras(model, model.optimizer))
    return rule, states


@pytest.fixture(scope="module", params=RULES)
def recorded(request: pytest.FixtureRequest, keras: Any) -> tuple[Rule, list[Weights], list[State]]:
    """A rule, the gradients of a training in Keras, and the states before the first and after each step that Keras's optimizer took with them."""
    import tensorflow as tf

    rule = RULES[request.param]
    keras.utils.set_random_seed(1)
    model, optimizer = tutorial(keras), rule.make(keras.optimizers)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer.build(model.trainable_variables)
    gradients, states = [], [state_in_keras(model, optimizer)]
    for step in range(STEPS):
        x, y = batch(step)
        with tf.GradientTape() as tape:
            value = loss(y, model(x, training=True))
        found = tape.gradient(value, model.trainable_variables)
        optimizer.apply(found, model.trainable_variables)
        gradients.append([gradient.numpy() for gradient in found])
        states.append(state_in_keras(model, optimizer))
    return rule, gradients, states


class Ours:
    layers, models = layers, models


def tutorial(words: Any) -> Any:
    """The tutorial's network, in Keras's or fastcnn's words."""
    layers = words.layers
    stack = [
        layers.Conv2D(32, (3, 3), activation="relu"),
        layers.MaxPooling2D((2, 2)),
        layers.Conv2D(64, (3, 3), activation="relu"),
        layers.MaxPooling2D((2, 2)),
        layers.Conv2D(64, (3, 3), activation="relu"),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dense(10),
    ]
    return words.models.Sequential([layers.Input((32, 32, 3)), *stack])


def batch(step: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Images that can be learnt: each class has a pattern of coarse squares, half hidden under noise."""
    patterns = np.random.default_rng(0).random((10, 8, 8, 3)).repeat(4, axis=1).repeat(4, axis=2)
    rng = np.random.default_rng(1000 + step)
    y = rng.integers(0, 10, BATCH)
    return (0.5 * patterns[y] + 0.5 * rng.random((BATCH, 32, 32, 3))).astype(np.float32), y


def state_in_keras(model: Any, optimizer: Any) -> State:
    """Keras keeps the slots of a weight side by side, behind the iteration and the learning rate."""
    arrays = [variable.numpy() for variable in optimizer.variables[2:]]
    weights = model.get_weights()
    each = len(arrays) // len(weights)
    return State(weights, [arrays[each * i : each * (i + 1)] for i in range(len(weights))])


def put(model: Any, state: State, steps_done: int) -> None:
    """Makes our model and its optimizer what Keras's are."""
    model.set_weights(state.weights)
    for variable, slots in zip(model.weights, state.slots, strict=True):
        for ours, theirs in zip(model.optimizer.slots.values(), slots, strict=True):
            model.store.view(ours, variable)[...] = theirs
    model.optimizer.iterations = steps_done


def largest(arrays: Sequence[NDArray[Any]]) -> float:
    return max(float(np.abs(array).max()) for array in arrays)


def difference(ours: Sequence[NDArray[Any]], theirs: Sequence[NDArray[Any]]) -> float:
    return largest([mine - its for mine, its in zip(ours, theirs, strict=True)])


def test_one_step_from_keras_s_state_gives_keras_s_weights(course: tuple[Rule, list[State]], backend: str) -> None:
    rule, states = course
    model = tutorial(Ours)
    model.compile(rule.make(optimizers), losses.SparseCategoricalCrossentropy(from_logits=True))
    model.optimizer.build(model.store)
    exceptions = []
    for step, (before, after) in enumerate(itertools.pairwise(states)):
        put(model, before, step)
        model.train_on_batch(*batch(step))
        allowed = ALLOWED * largest(before.weights)
        if difference(model.get_weights(), after.weights) > allowed:
            exceptions.append(step)
            assert_parted_at_kinks(rule, before, step, model.get_weights(), after.weights, allowed)
    assert STEPS - len(exceptions) >= MUST_AGREE, f"steps {exceptions} differ, each at a kink"


def assert_parted_at_kinks(
    rule: Rule, before: State, step: int, ours: Weights, theirs: Weights, allowed: float
) -> None:
    network = Network(LAYERS, before.weights, *batch(step))

    def after(gradients: Sequence[Array]) -> list[Array]:
        return step_in_float64(rule, before, step, gradients)

    of_ours, of_theirs = explain(network, ours, after, allowed), explain(network, theirs, after, allowed)
    assert of_ours is not None, f"step {step}: no choice at the {len(network.kinks)} kinks gives our weights"
    assert of_theirs is not None, f"step {step}: no choice at the {len(network.kinks)} kinks gives Keras's weights"
    assert set(of_ours) != set(of_theirs), f"step {step}: the same choices at the kinks, but other weights"


def step_in_float64(rule: Rule, before: State, step: int, gradients: Sequence[Array]) -> list[Array]:
    parts = zip(before.weights, gradients, before.slots, strict=True)
    return [
        rule.in_float64(weight, gradient, *slots, **rule.arguments_of(step))[0] for weight, gradient, slots in parts
    ]


def test_parted_steps_are_told_from_wrong_ones(course: tuple[Rule, list[State]]) -> None:
    """What the test above does with an exception, seen with one that is none: kinks taken otherwise pass, a wrong gradient does not."""
    rule, states = course
    before, step = next((state, i) for i, state in enumerate(states) if Network(LAYERS, state.weights, *batch(i)).kinks)
    network = Network(LAYERS, before.weights, *batch(step))
    gradients = network.gradients()
    turned = max(network.kinks, key=lambda kink: largest(network.change([kink])))

    def after(gradients: Sequence[Array]) -> Weights:
        return [weight.astype(np.float32) for weight in step_in_float64(rule, before, step, gradients)]

    straight = after(gradients)
    other = after([gradient + change for gradient, change in zip(gradients, network.change([turned]), strict=True)])
    allowed = difference(straight, other) / 4
    assert_parted_at_kinks(rule, before, step, straight, other, allowed)
    wrong = after([*gradients[:2], gradients[2] + 100 * np.abs(gradients[2]).max(), *gradients[3:]])
    with pytest.raises(AssertionError, match="no choice at the"):
        assert_parted_at_kinks(rule, before, step, wrong, other, allowed)


def test_optimizers_fed_with_keras_s_gradients_keep_with_keras(
    recorded: tuple[Rule, list[Weights], list[State]], backend: str
) -> None:
    """In each step from Keras's state, and over all the steps without going back to it."""
    rule, gradients, states = recorded
    course = copy_of(states[0])
    for step, (fed, (before, after)) in enumerate(zip(gradients, itertools.pairwise(states), strict=True)):
        single = copy_of(before)
        for mine, allowed in ((single, ALLOWED_OF_THE_OPTIMIZER), (course, ALLOWED_OF_ITS_COURSE)):
            for weight, gradient, slots in zip(mine.weights, fed, mine.slots, strict=True):
                rule.ours(weight, gradient, *slots, **rule.arguments_of(step))
            for ours, theirs in zip(kinds(mine), kinds(after), strict=True):
                assert difference(ours, theirs) <= allowed * largest(theirs), f"step {step}"


def copy_of(state: State) -> State:
    return State([w.copy() for w in state.weights], [[slot.copy() for slot in slots] for slots in state.slots])


def kinds(state: State) -> list[Weights]:
    """The weights, the first slots of all weights, the second ones."""
    return [state.weights, *(list(slots) for slots in zip(*state.slots, strict=True))]
