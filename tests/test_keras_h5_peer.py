"""formats/keras_h5.py and a real Keras 3: it loads our files, we load its files, and what we write is what it writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import fastcnn
import h5py
import numpy as np
import pytest
from fastcnn import losses, models
from models_in_words import MODELS, OPTIMIZERS, images, labels
from peer_files import assert_agrees, assert_part_of, build, train
from peer_keras import QUIET, keras_or_skip

pytestmark = QUIET


@pytest.fixture(scope="module")
def keras() -> Any:
    return keras_or_skip()


def load_with_optimizer(keras: Any, path: Path) -> Any:
    """Keras's `load_model`, and the optimizer's slots.

    Keras 3.15 forgets them: its loader builds the optimizer for the variables that the Sequential has outside its layers, which are none, and such a
    model cannot be trained on, be the file ours or Keras's own. Here it gets a new optimizer, built for the right variables, and the arrays
    as that loader hands them over: in the file's order.
    """
    model = keras.models.load_model(path)
    with h5py.File(path) as file:
        group = file["optimizer_weights"]
        arrays = [group[name][()] for name in group.attrs["weight_names"]]
    if len(model.optimizer.variables) == 2:
        optimizer = type(model.optimizer).from_config(model.optimizer.get_config())
        model.compile(optimizer, model.loss, metrics=["accuracy"])
        optimizer.build(model.trainable_variables)
        optimizer.set_weights(arrays)
    return model


@pytest.mark.parametrize("trained", [False, True], ids=["untrained", "trained"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", MODELS)
def test_keras_loads_our_file_and_goes_on_training(
    keras: Any, tmp_path: Path, name: str, optimizer: str, trained: bool
) -> None:
    fastcnn.set_seed(3)
    ours = build(fastcnn, name, optimizer)
    if trained:
        train(ours)
    ours.save(tmp_path / "model.h5")
    theirs = load_with_optimizer(keras, tmp_path / "model.h5")
    if not trained:
        ours.optimizer.build(ours.store)  # as Keras does when it loads
    assert_agrees(ours, theirs)
    assert [layer.name for layer in theirs.layers] == [layer.name for layer in ours.layers]
    if "Dropout" not in {type(layer).__name__ for layer in ours.layers}:
        batch = images(seed=9), labels(seed=9)
        np.testing.assert_allclose(ours.train_on_batch(*batch), theirs.train_on_batch(*batch), rtol=1e-5)
        assert ours.optimizer.iterations == theirs.optimizer.iterations.numpy()
        for mine, its in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_allclose(mine, its, atol=1e-4)
    theirs.fit(images(), labels(), verbose=0)


@pytest.mark.parametrize("name", MODELS)
def test_keras_loads_our_model_that_was_not_compiled(keras: Any, tmp_path: Path, name: str) -> None:
    ours = build(fastcnn, name, None)
    ours.save(tmp_path / "model.h5")
    assert_agrees(ours, keras.models.load_model(tmp_path / "model.h5"))


@pytest.mark.parametrize("trained", [False, True], ids=["untrained", "trained"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", MODELS)
def test_we_load_keras_s_file_and_write_it_as_keras_did(
    keras: Any, tmp_path: Path, name: str, optimizer: str, trained: bool
) -> None:
    keras.utils.set_random_seed(4)
    theirs = build(keras, name, optimizer)
    if trained:
        train(theirs)
    theirs.save(tmp_path / "theirs.h5")
    ours = models.load_model(tmp_path / "theirs.h5")
    if not trained:
        theirs.optimizer.build(theirs.trainable_variables)
    assert_agrees(ours, theirs)
    if trained:
        ours.save(tmp_path / "ours.h5")
        assert_same_file(tmp_path / "ours.h5", tmp_path / "theirs.h5")


def test_what_keras_compiles_by_name_is_understood(keras: Any, tmp_path: Path) -> None:
    theirs = build(keras, "a softmax as the last layer", None)
    for metrics in (
        ["accuracy"],
        ["acc", "sparse_categorical_accuracy"],
        [keras.metrics.SparseCategoricalAccuracy("mine")],
        None,
    ):
        theirs.compile("adam", "sparse_categorical_crossentropy", metrics=metrics)
        train(theirs)
        theirs.save(tmp_path / "model.h5")
        ours = models.load_model(tmp_path / "model.h5")
        assert type(ours.loss) is losses.SparseCategoricalCrossentropy
        names = [metric if isinstance(metric, str) else metric.name for metric in metrics or []]
        assert ours.metrics_names == ["loss", *names]


def test_one_hot_labels(keras: Any, tmp_path: Path) -> None:
    for loss in ("categorical_crossentropy", keras.losses.CategoricalCrossentropy()):
        theirs = build(keras, "a softmax as the last layer", None)
        theirs.compile("sgd", loss, metrics=["accuracy"])
        theirs.save(tmp_path / "model.h5")
        ours = models.load_model(tmp_path / "model.h5")
        one_hot = np.eye(5, dtype=np.float32)[labels()]
        got, want = ours.evaluate(images(), one_hot, verbose=0), theirs.evaluate(images(), one_hot, verbose=0)
        np.testing.assert_allclose(got, want, rtol=1e-5)
        ours.save(tmp_path / "ours.h5")
        again = keras.models.load_model(tmp_path / "ours.h5")
        np.testing.assert_allclose(again.evaluate(images(), one_hot, verbose=0), want, rtol=1e-6)


def test_keras_model_built_by_its_first_batch(keras: Any, tmp_path: Path) -> None:
    theirs = keras.Sequential(MODELS["the tutorial's"](keras.layers))
    theirs.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    train(theirs)
    theirs.save(tmp_path / "model.h5")
    assert_agrees(models.load_model(tmp_path / "model.h5"), theirs)


def test_keras_model_with_a_lambda_or_an_unknown_layer_is_refused_by_name(keras: Any, tmp_path: Path) -> None:
    for layer, name in (
        (keras.layers.Lambda(lambda x: x), "Lambda"),
        (keras.layers.LayerNormalization(), "LayerNormalization"),
    ):
        keras.Sequential([keras.layers.Input((4,)), layer, keras.layers.Dense(2)]).save(tmp_path / "model.h5")
        with pytest.raises(fastcnn.FormatError, match=rf"model\.h5: model_config/layer 1: .*{name}"):
            models.load_model(tmp_path / "model.h5")


def assert_same_file(ours: Path, theirs: Path) -> None:
    """The same groups, data sets and attributes, of the same types; configs may lack what a later Keras adds, and a loss be more explicit."""
    with h5py.File(ours) as mine, h5py.File(theirs) as its:
        assert contents(mine) == contents(its)
        for attribute in ("model_config", "training_config"):
            written, wanted = json.loads(mine.attrs[attribute]), json.loads(its.attrs[attribute])
            assert_part_of(written, wanted, attribute)


def contents(file: h5py.File) -> dict[str, Any]:
    found: dict[str, Any] = {}

    def note(name: str, node: h5py.Group | h5py.Dataset) -> None:
        if isinstance(node, h5py.Dataset):
            found[name] = (node.dtype, node.shape, node[()].tobytes())
        for key, value in node.attrs.items():
            kind = node.attrs.get_id(key).dtype
            is_version_or_config = key == "keras_version" or key.endswith("_config")
            found[f"{name}@{key}"] = (kind, None if is_version_or_config else np.asarray(value).tolist())

    note("", file)
    file.visititems(note)
    return found
