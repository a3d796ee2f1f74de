"""BatchNormalization in models: what training changes, what is frozen, what answers, and what goes on from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fastcnn
import numpy as np
import pytest
from checks import assert_close
from fastcnn import layers, losses, models, optimizers
from fastcnn.folding import fold_batch_norms

SHAPE = (8, 8, 3)


@pytest.fixture(autouse=True)
def on_every_backend(backend: str) -> None:
    """The plan's side of it runs everywhere."""


def model(**settings: Any) -> models.Sequential:
    fastcnn.set_seed(1)
    stack = models.Sequential(
        [
            layers.Input(SHAPE),
            layers.Conv2D(6, 3, use_bias=False),
            layers.BatchNormalization(**settings),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(4),
        ]
    )
    stack.compile(optimizers.SGD(0.1, momentum=0.9), losses.SparseCategoricalCrossentropy(from_logits=True))
    return stack


def batch(count: int, seed: int = 0) -> tuple[Any, Any]:
    random = np.random.default_rng(seed)
    return random.normal(size=(count, *SHAPE)).astype(np.float32), random.integers(0, 4, count)


def convolved(it: models.Sequential, x: Any) -> Any:
    return np.float64(fastcnn.ops.conv2d(x, it.layers[0].get_weights()[0]))


def test_the_moving_averages_follow_the_batches() -> None:
    it, (x, y) = model(momentum=0.75), batch(20)
    z = convolved(it, x)
    it.train_on_batch(x, y)
    norm = it.layers[1]
    assert_close(norm.moving_mean.numpy(), 0.25 * z.mean((0, 1, 2)), 1e-5)
    assert_close(norm.moving_variance.numpy(), 0.75 + 0.25 * z.var((0, 1, 2)), 1e-5)


def test_a_large_batch_has_one_mean() -> None:
    """However large: it does not go through in parts."""
    it, (x, y) = model(momentum=0.0), batch(5000)
    z = convolved(it, x)
    it.train_on_batch(x, y)
    assert_close(it.layers[1].moving_variance.numpy(), z.var((0, 1, 2)), 1e-5)


def test_answers_do_not_hang_on_the_batch() -> None:
    it, (x, y) = model(), batch(64)
    it.fit(x, y, epochs=2, verbose=0)
    assert_close(it.predict_on_batch(x[:3]), np.float64(it.predict(x, verbose=0)[:3]), 1e-6)


@pytest.mark.parametrize(
    "settings", [{}, {"scale": False}, {"center": False}, {"scale": False, "center": False}], ids=str
)
def test_what_is_frozen_stays_as_it_is(settings: dict[str, bool]) -> None:
    it, (x, y) = model(**settings), batch(32)
    it.fit(x, y, epochs=1, verbose=0)
    before = it.get_weights()
    it.layers[1].trainable = False
    z = it.predict_on_batch(x)
    it.train_on_batch(x, y)
    after = it.get_weights()
    for old, new in zip(before[1:-2], after[1:-2], strict=True):
        np.testing.assert_array_equal(old, new)
    assert (before[0] != after[0]).any()
    logits = z - z.max(1, keepdims=True)
    loss = (np.log(np.exp(logits).sum(1)) - logits[np.arange(32), y]).mean()
    it.set_weights(before)
    assert it.train_on_batch(x, y) == pytest.approx(loss, rel=1e-5)  # by the moving averages, as in inference
    it.layers[1].trainable = True
    it.train_on_batch(x, y)
    assert (it.get_weights()[-4] != before[-4]).any()


def test_inference_folds_it_into_the_layer_before() -> None:
    it, (x, y) = model(), batch(64)
    it.fit(x, y, epochs=3, verbose=0)
    assert_close(it.inference(8)(x[:8]), np.float64(it.predict_on_batch(x[:8])), 1e-5)
    dense = models.Sequential(
        [layers.Input((5,)), layers.Dense(3), layers.BatchNormalization(scale=False), layers.Dense(2)]
    )
    dense.layers[1].set_weights([np.float32([1, 2, 3]), np.float32([0.5, -1, 2]), np.float32([0.1, 4, 9])])
    x = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)
    before = dense.get_weights()
    assert_close(dense.inference(7)(x), np.float64(dense.predict_on_batch(x)), 1e-6)
    for old, new in zip(before, dense.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("use_bias", [False, True])
def test_inference_folds_it_into_convolutions_of_each_kind(use_bias: bool) -> None:
    x = np.random.default_rng(0).normal(size=(7, 6, 6, 3)).astype(np.float32)
    it = models.Sequential(
        [
            layers.Input((6, 6, 3)),
            layers.DepthwiseConv2D(3, depth_multiplier=2, use_bias=use_bias),
            layers.BatchNormalization(),
            layers.SeparableConv2D(5, 3, use_bias=use_bias),
            layers.BatchNormalization(),
        ]
    )
    random = np.random.default_rng(1)
    it.set_weights([random.uniform(0.5, 2, weight.shape).astype(np.float32) for weight in it.get_weights()])
    stages = [stage for layer in it.layers for stage in layer.stages()]
    folded = fold_batch_norms(stages, it.store, it.store.buffer.copy())
    assert [stage.operation for stage in folded] == ["depthwise_conv2d", "depthwise_conv2d", "conv2d"]
    assert_close(it.inference(7)(x), np.float64(it.predict_on_batch(x)), 1e-5)


def test_a_training_goes_on_from_its_file_to_the_bit(tmp_path: Path) -> None:
    x, y = batch(96)
    straight = model()
    straight.fit(x, y, epochs=4, verbose=0)
    halves = model()
    halves.fit(x, y, epochs=2, verbose=0)
    halves.save(tmp_path / "half.safetensors")
    again = models.load_model(tmp_path / "half.safetensors")
    again.fit(x, y, epochs=4, initial_epoch=2, verbose=0)
    for got, want in zip(again.get_weights(), straight.get_weights(), strict=True):
        np.testing.assert_array_equal(got, want)


def test_a_batch_that_ends_early_leaves_all_as_it_was() -> None:
    it, (x, _) = model(), batch(8)
    before = it.get_weights()
    with pytest.raises(ValueError, match="classes run from 0 to 3"):
        it.train_on_batch(x, np.full(8, 9))
    for old, new in zip(before, it.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_bad_arguments_are_named() -> None:
    for settings, message in (
        ({"momentum": 1.5}, r"BatchNormalization: momentum must be in \[0, 1\], but is 1.5"),
        ({"epsilon": -1}, "BatchNormalization: epsilon must be finite and at least 0, but is -1"),
        ({"renorm": True}, "BatchNormalization: renorm=True is not supported"),
    ):
        with pytest.raises(ValueError, match=message):
            layers.BatchNormalization(**settings)
    with pytest.raises(TypeError, match="axis must be an integer"):
        layers.BatchNormalization(axis="last")
    with pytest.raises(ValueError, match="axis=1 is not supported"):
        layers.BatchNormalization(axis=1).build(SHAPE)
    norm = layers.BatchNormalization()
    norm.build(SHAPE)
    with pytest.raises(ValueError, match="has 4 channels, but the weights want 3"):
        norm.build((8, 8, 4))
