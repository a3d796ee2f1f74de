"""`fit(augment=[...])`, MixUp and CutMix: what a training step sees, and that nothing else sees it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastcnn
import numpy as np
import pytest
from backends import CPU_BACKENDS, GPUS, running_or_skipped
from fastcnn import config, layers, losses, models, optimizers
from fastcnn.augmentation import CutMix, Mixing, MixUp, beta_quantiles, chosen
from fastcnn.plan import Plan
from fastcnn.variables import VariableStore
from numpy.typing import NDArray
from small import CLASSES, compiled, data

Array = NDArray[Any]
IMAGE = (6, 5, 3)
MIXINGS = [MixUp(), MixUp(1.0, seed=-3), CutMix(), CutMix((1, 1), seed=2**63)]
each_mixing = pytest.mark.parametrize("mixing", MIXINGS, ids=str)
STACK = [MixUp(0.4), layers.RandomFlip("horizontal"), layers.RandomPaddedCrop(1), CutMix()]


@pytest.fixture(params=[*CPU_BACKENDS, *GPUS])
def anywhere(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each backend that plans run on."""
    with running_or_skipped(request.param):
        yield request.param


# The distribution of the shares.


@pytest.mark.parametrize(
    ("low", "high"),
    [(0.2, 0.2), (1, 1), (0.03, 0.03), (0.7, 0.7), (3, 3), (40, 40), (600, 600), (1e4, 1e4), (1e-6, 1), (0.3, 0.5)],
)
def test_quantiles_are_those_of_beta(low: float, high: float) -> None:
    quantiles = beta_quantiles(low, high)
    assert (quantiles.dtype, quantiles.shape) == (np.float32, (1025,))
    assert quantiles[512] == 0.5
    assert (np.diff(quantiles) >= 0).all()
    np.testing.assert_allclose(quantiles + quantiles[::-1], 1, rtol=0, atol=1e-7)
    n, rng = 400_000, np.random.default_rng(0)
    a = rng.uniform(low, high, n)
    wanted = np.sort(rng.beta(a, a))
    got = np.sort(np.interp(rng.random(n), np.arange(1025) / 1024, quantiles))
    assert abs(got.mean() - 0.5) < 3e-3
    assert abs(got.var() - wanted.var()) < (0.002 + 4 / np.sqrt(n)) * wanted.var()
    # The outermost reach to 0 where Beta's do, else not beyond them.
    assert quantiles[0] > wanted[4] if low > 1 else quantiles[0] < 1e-9
    # Kolmogorov and Smirnov, as of two samples, and what the straight lines between the quantiles are off by; both draw numbers near 0 and 1 more finely than float32 tells
    steps = np.linspace(0, 1, 5001)[1:-1]
    distance = np.abs(np.searchsorted(got, steps) - np.searchsorted(wanted, steps)).max() / n
    assert distance < 2.5 * np.sqrt(2 / n) + 1 / 2048


def test_even_shares_have_even_quantiles() -> None:
    np.testing.assert_allclose(beta_quantiles(1, 1), np.arange(1025) / 1024, rtol=0, atol=1e-6)


# Steps.


def pictures(n: int, *shape: int, dtype: Any = np.uint8) -> tuple[Array, Array]:
    rng = np.random.default_rng(n)
    return rng.integers(0, 256, (n, *shape)).astype(dtype), rng.integers(0, 10, n).astype(np.int32)


def planned(mixings: list[Mixing], *front: layers.Layer, shape: tuple[int, ...] = IMAGE) -> Plan:
    """A plan whose outputs are its images, which are taken for logits of classes."""
    stack = [*front, layers.Flatten()]
    for layer in stack:
        layer.build(shape)
    optimizer = optimizers.SGD(0.0)
    optimizer.build(VariableStore([]))
    return Plan(stack, shape, losses.CategoricalCrossentropy(from_logits=True), optimizer, seed=7, mixings=mixings)


def step(plan: Plan, x: Array, y: Array, number: int = 1, rows: Any = None, weights: Any = None) -> tuple[Array, Array]:
    """The images and the labels that the step saw."""
    rows = np.arange(len(x)) if rows is None else rows
    plan.train_step(x, y, rows, weights, learning_rate=0.0, step=number)
    return plan.outputs().reshape(len(rows), *x.shape[1:]), plan.mixed_targets()


def rows_of(y: Array, classes: int) -> Array:
    return np.eye(classes, dtype=np.float32)[y]


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@each_mixing
def test_a_step_sees_what_augment_gives(mixing: Mixing, dtype: Any, anywhere: str) -> None:
    x, y = pictures(9, *IMAGE, dtype=dtype)
    rows = np.array([8, 2, 0, 5, 7])
    wanted = mixing.augment(x[rows], rows_of(y[rows], 90), seed=7, step=3)
    plan = planned([mixing])
    for labels in (y, rows_of(y, 90)):
        for got, each in zip(step(plan, x, labels, 3, rows), wanted, strict=True):
            np.testing.assert_array_equal(got, each)
    with plan.holding_data(x, y):
        plan.hold_order(rows)
        for got, each in zip(step(plan, x, y, 3, rows), wanted, strict=True):
            np.testing.assert_array_equal(got, each)
    assert not np.array_equal(step(plan, x, y, 4, rows)[0], wanted[0])
    np.testing.assert_array_equal(plan.forward(x).reshape(x.shape), np.float32(x))


@each_mixing
def test_the_loss_is_that_of_the_mixed_labels_and_a_picture_keeps_its_weight(mixing: Mixing, anywhere: str) -> None:
    x, y = pictures(9, *IMAGE, dtype=np.float32)
    weights, rows = np.random.default_rng(1).random(9).astype(np.float32), np.array([8, 2, 0, 5, 7])
    plan = planned([mixing])
    logits, targets = step(plan, x / 256, y, rows=rows, weights=weights)
    each = losses.categorical_crossentropy(targets, logits.reshape(5, 90), from_logits=True)
    assert plan.totals().loss == pytest.approx((each * weights[rows]).sum(), rel=1e-5)
    plan.reset_totals()
    plan.evaluate_step(x / 256, y, rows, weights)
    plain = losses.sparse_categorical_crossentropy(y[rows], x[rows].reshape(5, 90) / 256, from_logits=True)
    assert plan.totals().loss == pytest.approx((plain * weights[rows]).sum(), rel=1e-5)


def test_random_layers_change_what_was_mixed(anywhere: str) -> None:
    x, y = pictures(9, *IMAGE)
    flip, crop = layers.RandomFlip("horizontal"), layers.RandomPaddedCrop(2)
    mixed, _ = CutMix().augment(x, rows_of(y, 90), seed=7, step=2)
    wanted = crop.augment(flip.augment(mixed, seed=7, step=2), seed=7, step=2, place=1)
    np.testing.assert_array_equal(step(planned([CutMix()], flip, crop), x, y, 2)[0], wanted)


def test_of_several_one_is_drawn_for_each_step(anywhere: str) -> None:
    x, y = pictures(9, *IMAGE)
    several: list[Mixing] = [MixUp(1.0), CutMix((1, 1)), MixUp(1.0, seed=3)]
    plan, seen = planned(several), set()
    for number in range(1, 20):
        mixing = chosen(several, 7, number)
        seen.add(mixing)
        np.testing.assert_array_equal(
            step(plan, x, y, number)[0], mixing.augment(x, rows_of(y, 90), seed=7, step=number)[0]
        )
    assert seen == set(several)


@pytest.mark.parametrize("threads", [1, 2, 3])
@each_mixing
def test_neither_threads_nor_parts_change_a_bit(mixing: Mixing, threads: int, backend: str) -> None:
    x, y = pictures(50, 72, 72, 3)
    plan = planned([mixing], shape=(72, 72, 3))
    before = config.get_threads()
    config.set_threads(threads)
    try:
        got = step(plan, x, y)
    finally:
        config.set_threads(before)
    for one, other in zip(got, mixing.augment(x, rows_of(y, 72 * 72 * 3), seed=7, step=1), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_picture_alone_is_mixed_with_itself() -> None:
    x, y = pictures(1, *IMAGE)
    for mixing in MIXINGS:
        images, targets = step(planned([mixing]), x, y)
        np.testing.assert_allclose(images, x, rtol=1e-6)
        np.testing.assert_allclose(targets, rows_of(y, 90), atol=1e-6)


def test_labels_that_were_not_mixed_cannot_be_asked_for() -> None:
    x, y = pictures(9, *IMAGE)
    plain, mixing = planned([]), planned([MixUp()])
    for plan in (plain, mixing):
        plan.evaluate_step(x, y, np.arange(9))
        with pytest.raises(ValueError, match="plan: the last batch was not mixed"):
            plan.mixed_targets()
    step(mixing, x[:4], y[:4])
    mixing.evaluate_step(x, y, np.arange(9))
    with pytest.raises(ValueError, match="plan: the last batch was not mixed"):
        mixing.mixed_targets()


# Models.


def test_a_training_learns_and_nothing_of_it_stays_in_the_model(tmp_path: Path) -> None:
    x, y = data(300)
    model = compiled()
    written = model.to_json()
    history = model.fit(x, y, epochs=25, verbose=0, augment=[MixUp(0.2), layers.RandomFlip("horizontal")])
    assert model.evaluate(x, y, verbose=0)[1] > 0.9  # type: ignore[index]
    assert history.history["loss"][-1] < history.history["loss"][0]
    assert model.to_json() == written
    model.save(tmp_path / "model.keras")
    loaded = models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


def test_inference_and_validation_see_images_as_they_are() -> None:
    x, y = data()
    model = compiled(optimizer=optimizers.SGD(0.0))
    before, evaluated = model.predict(x, verbose=0), model.evaluate(x, y, verbose=0, return_dict=True)
    history = model.fit(x, y, validation_data=(x, y), verbose=0, augment=STACK).history
    assert isinstance(evaluated, dict)
    assert history["val_loss"] == [evaluated["loss"]]
    assert history["val_accuracy"] == [evaluated["accuracy"]]
    assert history["loss"] != history["val_loss"]
    np.testing.assert_array_equal(model.predict(x, verbose=0), before)
    assert model.evaluate(x, y, verbose=0, return_dict=True) == evaluated
    assert model.train_on_batch(x, y, return_dict=True)["loss"] == pytest.approx(evaluated["loss"], rel=1e-5)  # type: ignore[call-overload]


def weights_after(y: Any = None, **arguments: Any) -> list[Array]:
    x, classes = data()
    model = compiled(**{name: arguments.pop(name) for name in ("loss", "metrics") if name in arguments})
    model.fit(x, classes if y is None else y, epochs=2, verbose=0, **arguments)
    return model.get_weights()


def same(first: list[Array], second: list[Array]) -> bool:
    return all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))


def test_a_training_is_the_same_again_and_on_any_number_of_threads() -> None:
    first = weights_after(augment=STACK)
    before = config.get_threads()
    config.set_threads(3)
    try:
        assert same(weights_after(augment=STACK), first)
    finally:
        config.set_threads(before)
    assert not same(weights_after(), first)
    assert same(weights_after(augment=[]), weights_after())


def test_the_place_of_a_mixing_in_the_list_means_nothing() -> None:
    flip = layers.RandomFlip("horizontal")
    assert same(weights_after(augment=[flip, MixUp()]), weights_after(augment=[MixUp(), flip]))


def test_class_numbers_and_one_hot_rows_are_trained_on_alike() -> None:
    y = np.eye(CLASSES)[data()[1]]
    for smoothing in (0.0, 0.1):
        sparse = losses.SparseCategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
        rows = losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
        assert same(weights_after(loss=sparse, augment=STACK), weights_after(y, loss=rows, augment=STACK))


def test_a_training_in_two_parts_is_the_same_as_one(tmp_path: Path) -> None:
    x, y = data()
    whole, parts = compiled(), compiled()
    whole.fit(x, y, epochs=3, verbose=0, augment=STACK)
    parts.fit(x, y, epochs=1, verbose=0, augment=STACK)
    parts.save(tmp_path / "model.safetensors")
    resumed = models.load_model(tmp_path / "model.safetensors")
    resumed.fit(x, y, epochs=3, initial_epoch=1, verbose=0, augment=STACK)
    assert same(resumed.get_weights(), whole.get_weights())


def test_batches_of_an_iterable_and_images_that_are_copied_are_changed_alike() -> None:
    x, y = data()
    plain, batches, copied = (compiled() for _ in range(3))
    plain.fit(x, y, shuffle=False, verbose=0, augment=STACK)
    batches.fit([(x[i : i + 32], y[i : i + 32]) for i in (0, 32, 64)], shuffle=False, verbose=0, augment=STACK)
    copied.fit(np.asfortranarray(x.astype(np.int16)), y, shuffle=False, verbose=0, augment=STACK)
    assert same(plain.get_weights(), batches.get_weights())
    assert same(plain.get_weights(), copied.get_weights())


@pytest.mark.parametrize("sparse", [True, False])
def test_metrics_are_told_the_mixed_labels(sparse: bool) -> None:
    x, y = data()
    loss: losses.Loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    if not sparse:
        loss, y = losses.CategoricalCrossentropy(from_logits=True), np.eye(CLASSES)[y]
    told: list[Array] = []

    def keep(y_true: Array, y_pred: Array) -> Array:
        told.append(np.array(y_true))
        return np.zeros(len(y_true), np.float32)

    model = compiled(loss=loss, metrics=["accuracy", keep], weighted_metrics=["accuracy"])
    history = model.fit(x, y, epochs=3, verbose=0, augment=[CutMix()]).history
    assert history["accuracy"] == pytest.approx(history["weighted_accuracy"])  # by the core, and by Python
    assert [len(each) for each in told] == 3 * [32, 32, 11]
    if not sparse:
        assert any(((each > 0.1) & (each < 0.9)).any() for each in told)
        np.testing.assert_allclose(np.concatenate(told).sum(axis=1), 1, rtol=1e-6)


def test_the_layers_that_were_given_stay_as_they_were() -> None:
    flip = layers.RandomFlip()
    x, y = data()
    compiled().fit(x, y, verbose=0, augment=[flip])
    assert not flip.built
    flip.build((3, 2, 1))
    compiled().fit(x, y, verbose=0, augment=(flip,))
    assert flip.input_shape == (3, 2, 1)


def test_a_model_that_is_not_built_yet_and_its_own_random_layers() -> None:
    x, y = data()
    fastcnn.set_seed(1)
    model = models.Sequential([layers.RandomFlip("vertical"), layers.Flatten(), layers.Dense(CLASSES, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(x, y, verbose=0, augment=STACK)
    assert len(model.layers) == 3


# What is refused.


@pytest.mark.parametrize(
    ("augment", "loss", "message"),
    [
        (MixUp(), None, "fit: augment must be a list, such as [RandomFlip(), MixUp()], but is MixUp(alpha=0.2, seed=None)"),
        ("flip", None, "fit: augment must be a list, such as [RandomFlip(), MixUp()], but is 'flip'"),
        ([layers.RandomFlip(), 3], None, "fit: augment[1] must be a random layer, MixUp or CutMix, but is 3"),
        ([MixUp], None, "fit: augment[0] must be a random layer, MixUp or CutMix, but is <class"),
        ([layers.Dropout(0.5, name="d")], None, "fit: augment[0] must be a random layer, MixUp or CutMix, but is <Dropout d>"),
        ([layers.RandomCrop(4, 8, name="c")], None, "fit: augment[0], <RandomCrop c>, makes images of shape (4, 8, 1) out of (8, 8, 1), but must keep"),
        ([layers.RandomSaturation(0.5, name="s")], None, "RandomSaturation 's': a sample must be an image of three channels"),
        ([CutMix()], "mse", "fit: augment[0], CutMix(factor=(0.0, 1.0), seed=None), mixes the labels of classes, so it needs a categorical crossentropy"),
        ([MixUp()], "binary_crossentropy", "but the model was compiled with BinaryCrossentropy"),
    ],
)  # fmt: skip
def test_what_cannot_augment_is_named(augment: Any, loss: Any, message: str) -> None:
    x, y = data()
    model = compiled(**({} if loss is None else {"loss": loss}))
    with pytest.raises(ValueError, match=re.escape(message)):
        model.fit(x, y if loss is None else np.eye(CLASSES)[y], verbose=0, augment=augment)
    assert model.optimizer is not None
    assert model.optimizer.iterations == 0


def test_vectors_are_not_mixed() -> None:
    model = models.Sequential([layers.Input((64,)), layers.Dense(CLASSES)])
    model.compile("sgd", losses.SparseCategoricalCrossentropy(from_logits=True))
    x, y = data()
    with pytest.raises(ValueError, match=re.escape("mixes images, (height, width, channels), but the model takes (64,)")):  # fmt: skip
        model.fit(x.reshape(-1, 64), y, verbose=0, augment=[MixUp()])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MixUp(0), "MixUp: alpha must be above 0, but is 0"),
        (lambda: MixUp(seed=1.5), "MixUp: seed must be an integer or None, but is 1.5"),  # type: ignore[arg-type]
        (lambda: CutMix(1.5), "CutMix: factor must lie in [0, 1], but is 1.5"),
        (lambda: CutMix((0.1, 0.2, 0.3)), "CutMix: factor must be a number or two, but is (0.1, 0.2, 0.3)"),
        (lambda: CutMix(seed=True), "CutMix: seed must be an integer or None, but is True"),
    ],
)
def test_arguments_that_will_not_do_are_named(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        make()
