"""The random layers in models: a training step changes its pictures by the seed, the step and their places in the batch, and nothing else is changed."""

from __future__ import annotations

import copy
import pickle
import re
from pathlib import Path
from typing import Any

import fastcnn
import numpy as np
import pytest
from fastcnn import config, layers, losses, models, optimizers
from fastcnn.plan import Plan
from fastcnn.variables import VariableStore
from numpy.typing import NDArray

Array = NDArray[Any]
IMAGE = (13, 11, 3)
LAYERS = [
    lambda: layers.RandomFlip(),
    lambda: layers.RandomPaddedCrop(3),
    lambda: layers.RandomPaddedCrop(2, "constant", 0.5, seed=3),
    lambda: layers.RandomTranslation(0.2, (0.1, 0.3)),
    lambda: layers.RandomRotation(0.2, fill_mode="wrap", interpolation="nearest"),
    lambda: layers.RandomZoom(0.3),
    lambda: layers.RandomZoom(0.3, 0.1, fill_mode="constant", fill_value=2.0),
    lambda: layers.RandomBrightness(0.3, (0, 1), seed=-5),
    lambda: layers.RandomContrast(0.5, (0, 1)),
    lambda: layers.RandomSaturation(0.9, (0, 1)),
    lambda: layers.RandomErasing(value_range=(0, 1)),
    lambda: layers.RandomErasing(fill_value=0.5, value_range=(0, 1)),
    lambda: layers.RandomCrop(6, 9),
]
each_layer = pytest.mark.parametrize("make", LAYERS, ids=lambda make: type(make()).__name__)


def pictures(n: int, *shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).random((n, *shape), dtype=np.float32)


def planned(stack: list[layers.Layer], shape: tuple[int, ...], seed: int = 7) -> Plan:
    """For training, with the outputs of the last layer as predictions."""
    for layer in stack:
        layer.build(shape)
        assert layer.output_shape is not None
        shape = layer.output_shape
    store = VariableStore([variable for layer in stack for variable in layer.weights])
    optimizer = optimizers.SGD(0.0)
    optimizer.build(store)
    assert stack[0].input_shape is not None
    return Plan(stack, stack[0].input_shape, losses.MeanSquaredError(), optimizer, seed=seed)


def trained(plan: Plan, x: Array, step: int = 1) -> Array:
    plan.train_step(
        x, np.zeros((len(x), *plan.output_shape), np.float32), np.arange(len(x)), learning_rate=0.0, step=step
    )
    return plan.outputs()


@each_layer
def test_a_step_changes_pictures_as_the_operations_do(make: Any, backend: str) -> None:
    """In place behind the gathering, and elsewhere behind a layer whose result is still wanted."""
    layer, x = make(), pictures(9, *IMAGE)
    changed = layer.augment(x, seed=7, step=3)
    np.testing.assert_array_equal(trained(planned([layer], IMAGE), x, step=3), changed)
    frozen = layers.Conv2D(3, 1, activation="relu", trainable=False)
    behind = planned([frozen, layer], IMAGE)
    frozen.set_weights([np.eye(3).reshape(1, 1, 3, 3), np.zeros(3)])
    np.testing.assert_array_equal(trained(behind, x, step=3), changed)
    np.testing.assert_array_equal(behind.forward(x), layer(x))
    assert not np.array_equal(changed, trained(behind, x, step=4))


@each_layer
def test_in_inference_and_evaluation_nothing_happens(make: Any) -> None:
    layer, x = make(), pictures(5, *IMAGE)
    plan = planned([layer], IMAGE)
    same = x[:, 3:9, 1:10] if isinstance(layer, layers.RandomCrop) else x
    np.testing.assert_array_equal(plan.forward(x), same)
    np.testing.assert_array_equal(layer(x), same)
    plan.evaluate_step(x, np.zeros(same.shape, np.float32), np.arange(5))
    np.testing.assert_array_equal(plan.outputs(), same)


def every_one() -> list[layers.Layer]:
    return [make() for make in LAYERS]


def changed_by(stack: list[layers.Layer], x: Array, seed: int, step: int) -> Array:
    for place, layer in enumerate(stack):
        assert isinstance(layer, layers.augmentation.Augmentation)
        x = layer.augment(x, seed=seed, step=step, place=place)
    return x


def test_layers_one_behind_the_other_have_numbers_of_their_own(backend: str) -> None:
    x = pictures(6, *IMAGE)
    np.testing.assert_array_equal(trained(planned(every_one(), IMAGE), x, 2), changed_by(every_one(), x, 7, 2))
    twice = trained(planned([layers.RandomPaddedCrop(), layers.RandomPaddedCrop()], IMAGE), x)
    one = layers.RandomPaddedCrop()
    assert not np.array_equal(twice, one.augment(one.augment(x, seed=7, step=1), seed=7, step=1))


def test_the_numbers_of_dropout_are_the_same_without_them() -> None:
    x = np.ones((4, *IMAGE), np.float32)
    alone = trained(planned([layers.Dropout(0.5)], IMAGE), x)
    np.testing.assert_array_equal(trained(planned([layers.RandomFlip(), layers.Dropout(0.5)], IMAGE), x), alone)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_neither_threads_nor_parts_change_a_bit(threads: int, backend: str) -> None:
    """A batch of large pictures goes through in parts, each of a multiple of four."""
    x = pictures(50, 72, 72, 3)
    before = config.get_threads()
    config.set_threads(threads)
    try:
        got = trained(planned(every_one(), (72, 72, 3)), x)
    finally:
        config.set_threads(before)
    np.testing.assert_array_equal(got, changed_by(every_one(), x, 7, 1))


def test_pictures_of_any_kind_of_number_are_changed_alike() -> None:
    x = np.random.default_rng(0).integers(0, 256, (6, *IMAGE)).astype(np.uint8)
    wanted = trained(planned(every_one(), IMAGE), np.float32(x))
    for dtype in (np.uint8, np.float64):
        np.testing.assert_array_equal(trained(planned(every_one(), IMAGE), x.astype(dtype)), wanted)


def test_a_batch_of_one_is_the_first_of_many() -> None:
    plan = planned(every_one(), IMAGE)
    x = pictures(4, *IMAGE)
    np.testing.assert_array_equal(trained(plan, x[:1]), trained(plan, x)[:1])


def test_a_layer_that_learns_may_not_come_before() -> None:
    stack = [layers.Input(IMAGE), layers.Conv2D(3, 3), layers.RandomFlip(), layers.Flatten(), layers.Dense(2)]
    model = models.Sequential(stack)
    model.compile("sgd", "mse")
    x, y = pictures(4, *IMAGE), np.zeros((4, 2))
    assert model.predict(x, verbose=0).shape == (4, 2)
    assert model.evaluate(x, y, verbose=0) > 0
    before = model.get_weights()
    with pytest.raises(ValueError, match="training: a layer that changes pictures at random stands behind one that"):
        model.fit(x, y, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), before, strict=True))
    stack[1].trainable = False
    model.fit(x, y, verbose=0)


# Called by themselves.


def test_a_call_in_training_changes_pictures_each_time_otherwise() -> None:
    x = pictures(20, *IMAGE)
    layer = layers.RandomPaddedCrop(seed=5)
    first, second = layer(x, training=True), layer(x, training=True)
    assert not np.array_equal(first, second)
    again = layers.RandomPaddedCrop(seed=5)
    np.testing.assert_array_equal(again(x, training=True), first)
    np.testing.assert_array_equal(first, again.augment(x, seed=0, step=1))
    for training in (None, False):
        np.testing.assert_array_equal(layer(x, training=training), x)
    results = []
    for seed in (3, 3, 4):
        fastcnn.set_seed(seed)
        results.append(layers.RandomFlip()(x, training=True))
    assert np.array_equal(*results[:2])
    assert not np.array_equal(*results[1:])


def test_what_augment_takes() -> None:
    flip = layers.RandomFlip(name="f")
    x = np.random.default_rng(0).integers(0, 256, (6, *IMAGE)).astype(np.uint8)
    np.testing.assert_array_equal(flip.augment(x, seed=1, step=1), flip.augment(x.tolist(), seed=1, step=1))
    with pytest.raises(ValueError, match=re.escape("RandomFlip 'f': a sample must be an image, (height, width, channels), but has shape (11, 3)")):  # fmt: skip
        flip.augment(x[0], seed=1, step=1)
    with pytest.raises(TypeError, match="RandomFlip 'f': x must be an array, but is a layer"):
        flip.augment(flip, seed=1, step=1)
    with pytest.raises(ValueError, match=r"RandomCrop 'c': the window \(14, 2\) is larger than the image \(13, 11\)"):
        layers.RandomCrop(14, 2, name="c").augment(x, seed=1, step=1)


def test_layers_that_were_called_are_copied_and_pickled() -> None:
    x, layer = pictures(20, *IMAGE), layers.RandomPaddedCrop()
    layer(x, training=True)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        np.testing.assert_array_equal(twin(x, training=True), copy.deepcopy(layer)(x, training=True))


# Models.


def network() -> models.Sequential:
    fastcnn.set_seed(1)
    model = models.Sequential(
        [
            layers.Input(IMAGE),
            layers.RandomFlip("horizontal"),
            layers.RandomPaddedCrop(2),
            layers.Conv2D(4, 3, activation="relu"),
            layers.Flatten(),
            layers.Dropout(0.2),
            layers.Dense(3),
        ]
    )
    model.compile("adam", losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def test_a_training_in_two_parts_is_the_same_as_one(tmp_path: Path) -> None:
    x, y = pictures(40, *IMAGE), np.arange(40) % 3
    whole, parts = network(), network()
    whole.fit(x, y, epochs=3, batch_size=16, verbose=0)
    parts.fit(x, y, epochs=1, batch_size=16, verbose=0)
    parts.save(tmp_path / "model.safetensors")
    resumed = models.load_model(tmp_path / "model.safetensors")
    resumed.fit(x, y, epochs=3, batch_size=16, initial_epoch=1, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(whole.get_weights(), resumed.get_weights(), strict=True))


@pytest.mark.parametrize("ending", [".keras", ".h5", ".safetensors"])
def test_files_keep_every_one(tmp_path: Path, ending: str) -> None:
    model = models.Sequential([layers.Input(IMAGE), *every_one()])
    model.save(tmp_path / f"model{ending}")
    loaded = models.load_model(tmp_path / f"model{ending}")
    assert [layer.get_config() for layer in loaded.layers] == [layer.get_config() for layer in model.layers]
    assert loaded.output_shape == (None, 6, 9, 3)


# What is refused.


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.RandomFlip("sideways"), "RandomFlip: unknown mode 'sideways'; "),
        (lambda: layers.RandomFlip(seed=1.5), "RandomFlip: seed must be an integer or None, but is 1.5"),
        (lambda: layers.RandomFlip(data_format="channels_first"), "RandomFlip: data_format='channels_first' is not supported"),
        (lambda: layers.RandomFlip(bounding_box_format="xyxy"), "RandomFlip: unknown argument 'bounding_box_format'"),
        (lambda: layers.RandomTranslation(1.5, 0), "RandomTranslation: height_factor must lie in [-1, 1], but is 1.5"),
        (lambda: layers.RandomTranslation(0, (0.1, 0.2, 0.3)), "RandomTranslation: width_factor must be a number or two, but is (0.1, 0.2, 0.3)"),
        (lambda: layers.RandomTranslation(0, 0, fill_mode="mirror"), "RandomTranslation: unknown fill_mode 'mirror'; known: "),
        (lambda: layers.RandomTranslation(0, 0, interpolation="cubic"), "RandomTranslation: unknown interpolation 'cubic'; known: "),
        (lambda: layers.RandomRotation((0.5, -2)), "RandomRotation: factor must lie in [-1, 1], but is (0.5, -2)"),
        (lambda: layers.RandomZoom(-1.0), "RandomZoom: height_factor must lie in (-1, 1], but is -1.0"),
        (lambda: layers.RandomZoom(0.5, (-1, 0)), "RandomZoom: width_factor must lie in (-1, 1], but is (-1, 0)"),
        (lambda: layers.RandomCrop(0, 4), "RandomCrop: height must be an integer of at least 1, but is 0"),
        (lambda: layers.RandomPaddedCrop(-1), "RandomPaddedCrop: padding must be an integer of at least 0, but is -1"),
        (lambda: layers.RandomPaddedCrop(fill_mode="zeros"), "RandomPaddedCrop: unknown fill_mode 'zeros'; known: "),
        (lambda: layers.RandomBrightness(0.5, (1, 1)), "RandomBrightness: value_range must be (low, high), but is (1, 1)"),
        (lambda: layers.RandomBrightness(0.5, 255), "RandomBrightness: value_range must be two numbers, but is 255"),
        (lambda: layers.RandomContrast(-0.5), "RandomContrast: factor must lie in [0, 1], but is -0.5"),
        (lambda: layers.RandomContrast(0.5, (1, 0)), "RandomContrast: value_range must be (low, high), but is (1, 0)"),
        (lambda: layers.RandomSaturation(0.5, (1, 2)), "RandomSaturation: value_range must hold 0, but is (1, 2)"),
        (lambda: layers.RandomErasing(scale=(0.5, 2)), "RandomErasing: scale must lie in [0, 1], but is (0.5, 2)"),
        (lambda: layers.RandomCrop(9, 9, name="c").build((8, 9, 3)), "RandomCrop 'c': the window (9, 9) is larger than the image (8, 9)"),
        (lambda: layers.RandomSaturation(0.5, name="s").build((8, 9, 1)), "RandomSaturation 's': a sample must be an image of three channels, (height, width, 3), but has shape (8, 9, 1)"),
        (lambda: layers.RandomFlip(name="f").build((8, 9)), "RandomFlip 'f': a sample must be an image, (height, width, channels), but has shape (8, 9)"),
    ],
)  # fmt: skip
def test_arguments_that_will_not_do_are_named(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        make()


@pytest.mark.parametrize("kind", [layers.RandomFlip, lambda seed: layers.Dropout(0.5, seed=seed)])
def test_any_integer_is_a_seed_and_counts_by_its_lowest_64_bits(kind: Any) -> None:
    x, y = pictures(8, 4, 4, 3), np.arange(8) % 2

    def trained(seed: int) -> Any:
        fastcnn.set_seed(1)
        it = models.Sequential([layers.Input((4, 4, 3)), kind(seed=seed), layers.Flatten(), layers.Dense(2)])
        it.compile("sgd", losses.SparseCategoricalCrossentropy(from_logits=True))
        it.train_on_batch(x, y)
        return it.get_weights()[0]

    for seed, same in ((2**63 + 5, 5 - 2**63), (2**64 + 5, 5), (-1, 2**64 - 1)):
        np.testing.assert_array_equal(trained(seed), trained(same))
