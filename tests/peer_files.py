"""What the tests of Keras's two kinds of file share: the models, trained a little, and what a file must have carried over."""

from __future__ import annotations

from typing import Any

import numpy as np
from fastcnn.formats.keras_config import optimizer_arrays
from models_in_words import INPUT_SHAPE, MODELS, OPTIMIZERS, images, labels
from peer_keras import assert_near

__all__ = ["assert_agrees", "assert_part_of", "build", "train"]


def build(words: Any, name: str, optimizer: str | None) -> Any:
    """The model of that name in the words of fastcnn or keras, compiled if there is an optimizer."""
    model = words.models.Sequential([words.layers.Input(INPUT_SHAPE), *MODELS[name](words.layers)])
    if optimizer is not None:
        loss = words.losses.SparseCategoricalCrossentropy(from_logits="softmax" not in name)
        model.compile(OPTIMIZERS[optimizer](words.optimizers), loss, metrics=["accuracy"])
    return model


def train(model: Any) -> None:
    for seed in range(3):
        model.train_on_batch(images(seed=seed), labels(seed=seed))


def assert_agrees(ours: Any, theirs: Any, *, but: tuple[str, ...] = ()) -> None:
    """The same weights, the same optimizer with the same state, and outputs that agree. but : what of the optimizer's config may differ."""
    for mine, its in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, its)
    assert_near(ours.predict(images(), verbose=0), theirs.predict(images(), verbose=0))
    assert (ours.optimizer is None) == (getattr(theirs, "optimizer", None) is None)
    if ours.optimizer is None:
        return
    iteration, learning_rate, *arrays = (variable.numpy() for variable in theirs.optimizer.variables)
    assert ours.optimizer.iterations == iteration
    assert np.float32(ours.optimizer.learning_rate) == learning_rate
    for (name, mine), its in zip(optimizer_arrays(ours)[2:], arrays, strict=True):
        if iteration > 0 or not name.endswith(
            "_average"
        ):  # which begins with the weights here, in Keras with 0, and for both in the first step
            np.testing.assert_array_equal(mine, its)
    mine, its = ours.optimizer.get_config(), theirs.optimizer.get_config()
    assert {name: its[name] for name in mine if name not in but} == {
        name: mine[name] for name in mine if name not in but
    }


def assert_part_of(ours: Any, theirs: Any, place: str) -> None:
    if isinstance(ours, dict):
        assert set(ours) <= set(theirs), place
        for key, value in ours.items():
            assert_part_of(value, theirs[key], f"{place}/{key}")
    elif isinstance(ours, list):
        assert len(ours) == len(theirs), place
        for index, (value, other) in enumerate(zip(ours, theirs, strict=True)):
            assert_part_of(value, other, f"{place}/{index}")
    else:
        assert ours == theirs, place
