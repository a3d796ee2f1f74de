"""What happens around an optimizer's steps beside a real Keras, over whole trainings: clipping with penalties, decay, averages and who sees them.

Its steps one by one are in test_keras_table_peer.py, its files in test_keras_v3_peer.py and test_keras_h5_peer.py.
"""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastcnn import callbacks, layers, losses, models, ops, optimizers
from fastcnn.formats.keras_config import optimizer_arrays
from peer_keras import QUIET, keras_or_skip
from small import CLASSES, SHAPE, data

pytestmark = QUIET

OURS = types.SimpleNamespace(layers=layers, losses=losses, models=models, optimizers=optimizers, callbacks=callbacks)
X, Y = data()
PIXELS = X.astype(np.float32) / 255
CLIPPED = [{"clipvalue": 0.02}, {"clipnorm": 0.05}, {"global_clipnorm": 0.05}]
AVERAGED = {"use_ema": True, "ema_momentum": 0.75}


@pytest.fixture(scope="module")
def keras() -> Any:
    return keras_or_skip()


def smooth(words: Any, optimizer: Any) -> Any:
    """A compiled model without ReLU and maximum, whose training two libraries can follow side by side."""
    stack = [
        words.layers.Input(SHAPE),
        words.layers.AveragePooling2D(2),
        words.layers.Conv2D(3, 2, activation="sigmoid", kernel_regularizer="l2", bias_initializer="ones"),
        words.layers.Flatten(),
        words.layers.Dense(CLASSES, bias_regularizer="l1", name="last"),
    ]
    model = words.models.Sequential(stack)
    model.compile(optimizer, words.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    random = np.random.default_rng(3)
    model.set_weights([random.normal(0, 0.3, weight.shape).astype(np.float32) for weight in model.get_weights()])
    return model


def assert_state(ours: Any, theirs: Any) -> None:
    for mine, its in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine, its, atol=2e-5)
    for (name, mine), its in zip(optimizer_arrays(ours), theirs.optimizer.variables, strict=True):
        np.testing.assert_allclose(mine, its, atol=2e-5, err_msg=name)


@pytest.mark.parametrize("kind", ["Adam", "AdamW", "SGD"])
@pytest.mark.parametrize("more", [{}, AVERAGED, {**AVERAGED, "ema_overwrite_frequency": 4}])
@pytest.mark.parametrize("limit", CLIPPED, ids=lambda limit: next(iter(limit)))
def test_a_training_is_keras_s(kind: str, more: dict[str, Any], limit: dict[str, float], keras: Any) -> None:
    settings = {"learning_rate": 0.02, "weight_decay": 0.3, **limit, **more}
    both = [smooth(words, getattr(words.optimizers, kind)(**settings)) for words in (OURS, keras)]
    histories = [model.fit(PIXELS, Y, epochs=2, batch_size=25, shuffle=False, validation_split=0.2, verbose=0).history for model in both]  # fmt: skip
    for name, values in histories[1].items():
        assert histories[0][name] == pytest.approx(values, rel=2e-5)
    assert_state(*both)
    for model in both:
        model.fit(PIXELS, Y, epochs=1, shuffle=False, verbose=0)
    assert_state(*both)


def test_what_is_excluded_from_the_decay(keras: Any) -> None:
    for names in (["bias"], ["last"], ["last/k", "conv.*/bias"], ["other"], []):
        both = []
        for words in (OURS, keras):
            optimizer = words.optimizers.SGD(0.1, weight_decay=1.0)
            optimizer.exclude_from_weight_decay(var_names=names)
            both.append(smooth(words, optimizer))
            both[-1].train_on_batch(PIXELS, Y)
        assert_state(*both)
    both = []
    for words in (OURS, keras):
        optimizer = words.optimizers.SGD(0.1, weight_decay=1.0)
        both.append(smooth(words, optimizer))
        optimizer.exclude_from_weight_decay(both[-1].layers[1].weights)
        both[-1].train_on_batch(PIXELS, Y)
    assert_state(*both)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("limit", CLIPPED, ids=lambda limit: next(iter(limit)))
def test_gradients_that_are_not_finite(value: float, limit: dict[str, float], keras: Any) -> None:
    gradients = [np.float32([2, value, -2]), np.float32([2, 0, 1e-9, -2])]
    wanted = keras.optimizers.SGD(**limit)._clip_gradients([keras.ops.convert_to_tensor(each) for each in gradients])
    flat = np.concatenate(gradients)
    ops.clip_gradients(flat, [(0, 3), (3, 4)], **limit)
    np.testing.assert_allclose(flat, np.concatenate(wanted), rtol=1e-6)


@pytest.mark.parametrize("on_epoch", [False, True])
def test_who_sees_the_averages(on_epoch: bool, keras: Any, tmp_path: Path) -> None:
    both, seen = [], []
    for words in (OURS, keras):
        model = smooth(words, words.optimizers.SGD(0.5, **AVERAGED))
        folder = tmp_path / ("ours" if words is OURS else "theirs")
        swap = words.callbacks.SwapEMAWeights(swap_on_epoch=on_epoch)
        saver = words.callbacks.ModelCheckpoint(folder / "{epoch}.keras")
        arguments = {"epochs": 3, "batch_size": 25, "shuffle": False, "validation_split": 0.2, "verbose": 0}
        history = model.fit(PIXELS, Y, callbacks=[swap, saver], **arguments).history
        saved = []
        for epoch in (1, 2, 3):
            saved += words.models.load_model(folder / f"{epoch}.keras", compile=False).get_weights()
        model.fit(PIXELS, Y, callbacks=[swap], **arguments)
        evaluated = model.evaluate(PIXELS, Y, callbacks=[swap], verbose=0)
        both.append(model)
        seen.append((history, saved, evaluated))
    (mine, my_saved, my_values), (its, its_saved, its_values) = seen
    for name, values in its.items():
        assert mine[name] == pytest.approx(values, rel=2e-5)
    for a, b in zip(my_saved, its_saved, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-5)
    assert my_values == pytest.approx(its_values, rel=2e-5)
    assert_state(*both)


def test_where_keras_loses_the_weights_or_the_averages(keras: Any) -> None:
    """docs/keras.md says so."""
    kept = []
    for words in (OURS, keras):
        model = smooth(words, words.optimizers.SGD(0.5, **AVERAGED))
        for _ in range(3):
            model.train_on_batch(PIXELS, Y)
        before = model.get_weights()
        model.predict(PIXELS, callbacks=[words.callbacks.SwapEMAWeights()], verbose=0)
        kept.append(np.allclose(before[0], model.get_weights()[0], atol=1e-6))
    assert kept == [True, False]
    ends = []
    for words in (OURS, keras):
        model = smooth(words, words.optimizers.SGD(0.5, **AVERAGED))
        means: list[Any] = []

        class Stop(words.callbacks.Callback):  # type: ignore[misc,name-defined]
            def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
                means.append(self.model.get_weights()[0])  # noqa: B023
                self.model.stop_training = True

        swap = words.callbacks.SwapEMAWeights(swap_on_epoch=True)
        model.fit(PIXELS, Y, epochs=3, callbacks=[swap, Stop()], verbose=0)
        ends.append(np.allclose(means[0], model.get_weights()[0], atol=1e-6))
    assert ends == [True, False]


def test_class_numbers_that_are_smoothed_train_as_keras_s_one_hot_rows(keras: Any, tmp_path: Path) -> None:
    ours, theirs = (smooth(words, words.optimizers.SGD(0.5)) for words in (OURS, keras))
    ours.compile(ours.optimizer, losses.SparseCategoricalCrossentropy(from_logits=True, label_smoothing=0.2))
    theirs.compile(theirs.optimizer, keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.2))
    mine = ours.fit(PIXELS, Y, epochs=2, shuffle=False, verbose=0).history["loss"]
    its = theirs.fit(PIXELS, np.eye(CLASSES)[Y], epochs=2, shuffle=False, verbose=0).history["loss"]
    assert mine == pytest.approx(its, rel=2e-5)
    assert_state(ours, theirs)
    for ending in ("keras", "h5"):
        path = tmp_path / f"model.{ending}"
        ours.save(path)
        again = models.load_model(path)
        assert again.loss is not None
        assert again.loss.get_config() == ours.loss.get_config()
        with pytest.raises(TypeError, match="label_smoothing"):
            keras.models.load_model(path)
        assert keras.models.load_model(path, compile=False).count_params() == ours.count_params()
