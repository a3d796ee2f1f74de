"""Every entry of keras_table.py beside a real Keras, in numbers: values, gradients, penalties, distributions and steps."""

from __future__ import annotations

import math
from typing import Any

import fastcnn
import numpy as np
import pytest
from fastcnn import losses, models, ops
from fastcnn._naming import snake_case
from fastcnn.formats.keras_config import optimizer_arrays
from keras_table import AUGMENTATIONS, TABLE, Entry, each, normal, pair
from peer_keras import QUIET, assert_near, keras_or_skip
from through_plan import can_feed, train_step

pytestmark = [*QUIET, pytest.mark.filterwarnings("ignore:a softmax over a single output")]  # Keras warns of it too

OF_A_LOSS = 1e-6  # relative
OF_A_SLOT = 3e-5  # of its largest value: Keras takes Adam's 1 - beta_2^step in float32, which is 1.3e-5 off
BATCH = 5


@pytest.fixture(scope="module")
def keras() -> Any:
    return keras_or_skip()


# Layers. Those that change pictures at random: test_augmentation_peer.py.

DROPOUTS = {"Dropout", "SpatialDropout2D"}
OTHERS = {entry.name for entry in TABLE["layers"]} - DROPOUTS


def layer_pair(keras: Any, entry: Entry, x: Any) -> tuple[Any, Any]:
    """Both layers, built for x and with the same weights; biases are not 0."""
    ours, theirs = pair(keras, "layers", entry)
    theirs.build(x.shape)
    weights = [normal(*weight.shape, seed=8 + index) / 2 for index, weight in enumerate(theirs.weights)]
    weights = [abs(w) if its.name == "moving_variance" else w for w, its in zip(weights, theirs.weights, strict=True)]
    theirs.set_weights(weights)
    ours.build(x.shape[1:])
    assert [(weight.name, weight.shape) for weight in ours.weights] == [(weight.name, weight.shape) for weight in theirs.weights]  # fmt: skip
    assert ours.count_params() == theirs.count_params()
    ours.set_weights(weights)
    return ours, theirs


def batches(entry: Entry) -> list[Any]:
    return [normal(BATCH, *shape, seed=index) for index, shape in enumerate(entry.shapes)]


@each("layers", but=("InputLayer", *AUGMENTATIONS))
def test_a_layer_gives_what_keras_s_gives(keras: Any, module: str, entry: Entry, backend: str) -> None:
    for x in batches(entry):
        ours, theirs = layer_pair(keras, entry, x)
        assert (None, *ours.compute_output_shape(x.shape[1:])) == theirs.compute_output_shape((None, *x.shape[1:]))
        for count in (BATCH, 1):
            assert_near(ours(x[:count]), theirs(x[:count]), x.shape)
        assert ours(x[:0]).shape == (0, *ours.output_shape)  # test_keras_differences_peer.py tells why not its
        pixels = np.uint8(np.abs(50 * x))
        assert_near(ours(pixels), theirs(np.float32(pixels)), x.shape)


@each("layers", but=("InputLayer", *DROPOUTS, *AUGMENTATIONS))
def test_a_layer_s_gradients_are_keras_s(keras: Any, module: str, entry: Entry, backend: str) -> None:
    """Those of a loss of its outputs and its penalties, by its input and by its weights."""
    import tensorflow as tf

    fed = [x for x in batches(entry) if can_feed(x)]
    assert fed
    for x in fed:
        ours, theirs = layer_pair(keras, entry, x)
        variable = tf.Variable(x)
        with tf.GradientTape() as tape:
            outputs = theirs(variable, training=True) if entry.name == "BatchNormalization" else theirs(variable)
            targets = normal(*outputs.shape, seed=3)
            total = keras.losses.MeanSquaredError()(targets, outputs) + sum(theirs.losses)
        wanted = tape.gradient(total, [variable, *theirs.trainable_variables])
        step = train_step([ours], losses.MeanSquaredError(), x, targets)
        assert_near(step.outputs, outputs, x.shape)
        for mine, its in zip([step.dx, *step.gradients], wanted, strict=True):
            assert_near(mine, its, x.shape)


@each("layers", but=OTHERS)
def test_a_dropout_keeps_as_many_as_keras_s_and_scales_them_alike(keras: Any, module: str, entry: Entry) -> None:
    """Other random numbers, but the same kind of mask: of values, or of whole channels; and the gradient goes where the values went."""
    import tensorflow as tf

    keras.utils.set_random_seed(1)
    rate, whole = entry.arguments["rate"], entry.name == "SpatialDropout2D"
    for shape in entry.shapes:
        x = normal(40, *shape)
        targets = normal(*x.shape, seed=3)
        ours, theirs = layer_pair(keras, entry, x)
        variable = tf.Variable(x)
        with tf.GradientTape() as tape:
            outputs = theirs(variable, training=True)
            total = keras.losses.MeanSquaredError()(targets, outputs)
        first, second = (train_step([ours], losses.MeanSquaredError(), x, targets, step=step) for step in (1, 2))
        assert rate == 0 or not np.array_equal(first.outputs, second.outputs)
        for y, dx in [(first.outputs, first.dx), (second.outputs, second.dx), (outputs.numpy(), tape.gradient(total, variable).numpy())]:  # fmt: skip
            kept = y != 0
            scale = kept / (1 - rate)
            np.testing.assert_allclose(y, x * scale, rtol=1e-6)
            np.testing.assert_allclose(dx, 2 * (y - targets) / y.size * scale, rtol=1e-5, atol=1e-9)
            units = kept[:, 0, 0, :] if whole else kept
            assert not whole or (kept == units[:, np.newaxis, np.newaxis, :]).all()
            assert abs(units.mean() - (1 - rate)) <= 4.5 * math.sqrt(rate * (1 - rate) / units.size)


# Losses.


def labelled(entry: Entry, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Labels and predictions of a loss: logits, or probabilities that end at 0 and 1."""
    random = np.random.default_rng(4)
    rows, logits = (9, *shape), bool(entry.arguments.get("from_logits"))
    if entry.data == "floats":
        return normal(*rows, seed=1), normal(*rows, seed=2)
    if entry.data == "01":
        p = 3 * normal(*rows) if logits else random.random(rows, dtype=np.float32)
        p[0], p[1] = (0, 9) if logits else (0, 1)
        return random.integers(0, 2, rows).astype(np.float32), p
    p = 3 * normal(*rows) if logits else random.dirichlet(np.ones(shape[-1]), 9).astype(np.float32)
    p[0] = np.eye(shape[-1])[0]
    classes = random.integers(0, shape[-1], 9)
    return (classes if entry.data == "classes" else random.dirichlet(np.ones(shape[-1]), 9).astype(np.float32)), p


WEIGHTS = np.float32([1, 0, 2, 0.5, 0, 1, 1, 3, 0.25])


# Keras says that one class is not enough; it computes with it all the same.
one_class = pytest.mark.filterwarnings("ignore:In loss categorical_crossentropy, expected y_pred.shape:SyntaxWarning")


@one_class
@each("losses")
def test_a_loss_is_keras_s_on_arrays(keras: Any, module: str, entry: Entry) -> None:
    ours, theirs = pair(keras, module, entry)
    functions = [getattr(words.losses, snake_case(entry.name)) for words in (fastcnn, keras)]
    options = {name: value for name, value in entry.arguments.items() if name in ("from_logits", "label_smoothing")}
    for shape in entry.shapes:
        y, p = labelled(entry, shape)
        lacking = [y[..., 0]] if shape[-1:] == (1,) and entry.data in ("01", "floats") else []
        for labels in [y, *([y[:, np.newaxis]] if entry.data == "classes" else []), *lacking]:
            assert ours(labels, p) == pytest.approx(float(theirs(labels, p)), rel=OF_A_LOSS)
            for weights in (WEIGHTS, WEIGHTS[:, np.newaxis]) if len(shape) == 1 else ():
                wanted = float(theirs(labels, p, sample_weight=weights))
                assert ours(labels, p, sample_weight=weights) == pytest.approx(wanted, rel=OF_A_LOSS)
        if shape:
            mine, its = (function(y, p, **options) for function in functions)
            np.testing.assert_allclose(mine, its, rtol=OF_A_LOSS, atol=1e-7)


def test_every_function_of_losses_is_that_of_an_entry() -> None:
    functions = {name for name in losses.__all__ if name.islower() and name not in ("get",)}
    assert functions == {snake_case(entry.name) for entry in TABLE["losses"]}


@one_class
@each("losses")
def test_a_loss_s_gradient_is_keras_s(keras: Any, module: str, entry: Entry, backend: str) -> None:
    """By the predictions, and by the logits before the activation that the loss undoes; with weights of the samples and without."""
    import tensorflow as tf

    for shape in entry.shapes:
        y, p = labelled(entry, shape)
        if not can_feed(p):
            continue
        ours, theirs = pair(keras, module, entry)
        undone = None if ours.from_logits else ours.undoes
        for activation, weights in (
            (a, w) for a in {None, undone} for w in (None, WEIGHTS) if w is None or p.ndim == 2
        ):
            x = p if activation is None else 3 * normal(*p.shape, seed=6)
            variable = tf.Variable(x)
            with tf.GradientTape() as tape:
                outputs = keras.layers.Activation(activation)(variable)
                value = theirs(y, outputs, sample_weight=weights)
            labels = np.int32(y) if entry.data == "classes" else y
            step = train_step([fastcnn.layers.Activation(activation)], ours, x, labels, weights)
            assert step.loss == pytest.approx(float(value), rel=2 * OF_A_LOSS), (shape, activation)
            assert_near(step.dx, tape.gradient(value, variable), (shape, activation))


# Regularizers.


@each("regularizers")
def test_a_regularizer_s_penalty_and_gradient_are_keras_s(keras: Any, module: str, entry: Entry) -> None:
    import tensorflow as tf

    for shape in entry.shapes:
        w = normal(*shape) * (normal(*shape, seed=1) > -1)  # some are 0
        ours, theirs = pair(keras, module, entry)
        variable = tf.Variable(w)
        with tf.GradientTape() as tape:
            value = theirs(variable)
        wanted = tape.gradient(value, variable)
        wanted = np.zeros(shape) if wanted is None else wanted  # L1L2's, that does nothing
        assert ours(w) == pytest.approx(float(value), rel=1e-6)
        assert_near(ops.penalty(np.asarray(w, np.float32), l1=ours.l1, l2=ours.l2)[1], wanted, shape)
        layer: Any = None
        if len(shape) == 2 and w.size:
            layer = fastcnn.layers.Dense(shape[-1], kernel_regularizer=ours)
        elif len(shape) == 4:
            layer = fastcnn.layers.Conv2D(shape[-1], shape[:2], padding="same", kernel_regularizer=ours)
        if layer is not None:  # nothing goes in and nothing is wanted, so that the penalty's gradient is all there is
            x = np.zeros((2, *([3, 3] if len(shape) == 4 else []), shape[-2]), np.float32)
            layer.build(x.shape[1:])
            layer.set_weights([w, np.zeros(shape[-1])])
            step = train_step([layer], losses.MeanSquaredError(), x, np.zeros((2, *layer.output_shape), np.float32))
            assert_near(step.gradients[0], wanted, shape)


# Initializers.


@each("initializers")
def test_initial_values_have_the_distribution_of_keras_s(keras: Any, module: str, entry: Entry) -> None:
    for index, shape in enumerate(entry.shapes):
        seed = {} if entry.data == "values" or "seed" in entry.arguments else {"seed": 1 + index}
        ours, theirs = (np.asarray(each(shape)) for each in pair(keras, module, entry, **seed))
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
        if entry.data == "values":
            np.testing.assert_array_equal(ours, theirs)
            continue
        mine, its = (np.sort(values.ravel().astype(np.float64)) for values in (ours, theirs))
        # Kolmogorov and Smirnov: of two samples of n from one distribution, in one of 10^5 cases the distance is above 2.47 sqrt(2 / n)
        steps = np.concatenate([mine, its])
        distance = np.abs(np.searchsorted(mine, steps, "right") - np.searchsorted(its, steps, "right")).max() / its.size
        assert distance < 2.47 * np.sqrt(2 / its.size)
        spread = its.std()
        assert abs(mine.mean() - its.mean()) < 4.5 * spread * math.sqrt(2 / its.size)
        assert abs(mine.std() / spread - 1) < 4.5 * math.sqrt(1 / its.size)
        if entry.data == "bounded":
            assert np.abs(mine[[0, -1]] - its[[0, -1]]).max() < 0.01 * spread
        else:
            assert np.abs(mine[[0, -1]] - its[[0, -1]]).max() < 2 * spread


@each("initializers")
def test_an_initializer_fills_odd_shapes_as_keras_s_does(keras: Any, module: str, entry: Entry) -> None:
    for shape in (
        ((), (1,), (0,), (0, 3), (1, 1, 1, 1)) if "input_axes" not in entry.arguments else ((0, 1, 1, 1), (1, 2, 3, 4))
    ):
        ours, theirs = (np.asarray(each(shape)) for each in pair(keras, module, entry))
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
        assert np.isfinite(ours).all()


# Optimizers.


@each("optimizers")
def test_an_optimizer_s_steps_are_keras_s(keras: Any, module: str, entry: Entry, backend: str) -> None:
    """Of a dense layer and a mean squared error, whose gradients have no kinks."""
    import tensorflow as tf

    x, y = normal(BATCH, 6), normal(BATCH, 3, seed=1)
    weights = [normal(6, 3, seed=2), normal(3, seed=3)]
    optimizer, theirs = pair(keras, module, entry)
    ours = models.Sequential([fastcnn.layers.Input((6,)), fastcnn.layers.Dense(3)])
    ours.compile(optimizer, "mse")
    ours.set_weights(weights)
    layer = keras.layers.Dense(3)
    layer.build((None, 6))
    layer.set_weights(weights)
    for step in range(1, 7):
        ours.train_on_batch(x, y)
        with tf.GradientTape() as tape:
            value = keras.losses.MeanSquaredError()(y, layer(x))
        theirs.apply(tape.gradient(value, layer.trainable_variables), layer.trainable_variables)
        assert optimizer.iterations == int(theirs.iterations) == step
        assert optimizer.learning_rate == pytest.approx(float(theirs.learning_rate), rel=1e-6)
        for mine, its in zip(ours.get_weights(), layer.get_weights(), strict=True):
            assert_near(mine, its, step)
        for (name, mine), its in zip(optimizer_arrays(ours), theirs.variables, strict=True):
            np.testing.assert_allclose(mine, its, rtol=0, atol=OF_A_SLOT * np.abs(its).max(), err_msg=f"{step}: {name}")
