"""Models inside models beside a real Keras: the same training, frozen and not, the same table, and files both ways."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastcnn import layers, losses, models, optimizers
from peer_keras import QUIET, keras_or_skip

pytestmark = QUIET

OURS = types.SimpleNamespace(layers=layers, losses=losses, models=models, optimizers=optimizers)
X = np.random.default_rng(0).random((24, 8, 8, 1)).astype(np.float32)
Y = np.arange(24) % 3
FROZEN = {"nothing": [], "the base": [(0,)], "a layer of it": [(0, 0)], "what is deepest": [(0, 1)], "the head": [(2,)]}


@pytest.fixture(scope="module")
def keras() -> Any:
    return keras_or_skip()


def tree(words: Any, frozen: list[tuple[int, ...]]) -> Any:
    """A base with a model in it, an average, and a head that knows its input from the model alone; smooth, so that two trainings stay together."""
    base = words.models.Sequential(
        [
            words.layers.Input((8, 8, 1)),
            words.layers.Conv2D(4, 3),
            words.models.Sequential([words.layers.Conv2D(5, 3, activation="sigmoid")], name="deep"),
        ],
        name="base",
    )
    head = words.models.Sequential([words.layers.Dense(6), words.layers.Dense(3)], name="head")
    model = words.models.Sequential([base, words.layers.GlobalAveragePooling2D(), head], name="whole")
    random = np.random.default_rng(1)
    model.set_weights([random.normal(size=weight.shape).astype(np.float32) for weight in model.get_weights()])
    for place in frozen:
        part = model
        for index in place:
            part = part.layers[index]
        part.trainable = False
    loss = words.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(words.optimizers.SGD(0.1, momentum=0.9), loss, metrics=["accuracy"])
    return model


@pytest.mark.parametrize("frozen", FROZEN)
def test_training_and_summary(frozen: str, keras: Any) -> None:
    tables: list[list[str]] = []
    trained = []
    for words in (OURS, keras):
        model = tree(words, FROZEN[frozen])
        history = model.fit(X, Y, batch_size=8, epochs=3, shuffle=False, verbose=0).history
        tables.append([])
        model.summary(line_length=80, print_fn=lambda text, line_break=False: tables[-1].append(str(text)))
        trained.append((history, model.get_weights(), model.predict(X, verbose=0)))
    (mine, my_weights, my_outputs), (its, its_weights, its_outputs) = trained
    assert list(mine) == list(its)
    for name, values in its.items():
        np.testing.assert_allclose(mine[name], values, rtol=2e-5, err_msg=name)
    for my_weight, its_weight in zip(my_weights, its_weights, strict=True):
        np.testing.assert_allclose(my_weight, its_weight, rtol=2e-5, atol=2e-6)
    np.testing.assert_allclose(my_outputs, its_outputs, atol=1e-5 * np.abs(its_outputs).max())
    params = [[line for line in "".join(lines).splitlines() if "params" in line] for lines in tables]
    assert params[0] == params[1]


@pytest.mark.parametrize("ending", ["keras", "h5"])
@pytest.mark.parametrize("frozen", FROZEN)
def test_files_both_ways(frozen: str, ending: str, keras: Any, tmp_path: Path) -> None:
    mine, its = tree(OURS, FROZEN[frozen]), tree(keras, FROZEN[frozen])
    for model in (mine, its):
        model.fit(X, Y, batch_size=8, shuffle=False, verbose=0)
    mine.save(tmp_path / f"mine.{ending}")
    its.save(tmp_path / f"its.{ending}")
    for model in (models.load_model(tmp_path / f"its.{ending}"), keras.models.load_model(tmp_path / f"mine.{ending}")):
        outputs = its.predict(X, verbose=0)
        np.testing.assert_allclose(model.predict(X, verbose=0), outputs, atol=1e-5 * np.abs(outputs).max())
        assert [layer.name for layer in model.layers] == [layer.name for layer in its.layers]
        assert len(model.trainable_weights) == len(its.trainable_weights)
    going_on = models.load_model(tmp_path / f"its.{ending}")
    assert going_on.optimizer is not None
    assert going_on.optimizer.iterations == 3
    for model in (going_on, its):
        model.fit(X, Y, batch_size=8, shuffle=False, verbose=0)
    for my_weight, its_weight in zip(going_on.get_weights(), its.get_weights(), strict=True):
        np.testing.assert_allclose(my_weight, its_weight, rtol=2e-5, atol=2e-6)


def test_weights_files_both_ways(keras: Any, tmp_path: Path) -> None:
    mine, its = tree(OURS, []), tree(keras, [])
    mine.fit(X, Y, verbose=0)
    mine.save_weights(tmp_path / "mine.weights.h5")
    its.load_weights(tmp_path / "mine.weights.h5")
    for my_weight, its_weight in zip(mine.get_weights(), its.get_weights(), strict=True):
        np.testing.assert_array_equal(my_weight, its_weight)
    other = tree(OURS, [])
    its.save_weights(tmp_path / "its.weights.h5")
    other.load_weights(tmp_path / "its.weights.h5")
    np.testing.assert_array_equal(other.predict(X, verbose=0), mine.predict(X, verbose=0))


def test_words_both_ways(keras: Any) -> None:
    mine, its = tree(OURS, []), tree(keras, [])
    for model in (models.model_from_json(its.to_json()), keras.models.model_from_json(mine.to_json())):
        assert [layer.name for layer in model.layers[::2]] == ["base", "head"]
        model.set_weights(its.get_weights())
        np.testing.assert_allclose(model.predict(X, verbose=0), its.predict(X, verbose=0), atol=1e-5)
