"""formats/keras_v3.py, formats/keras_weights.py and a real Keras 3: it loads our files and goes on training, we load its, and both write the same."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from pathlib import Path
from typing import Any

import fastcnn
import h5py
import numpy as np
import pytest
from fastcnn import layers, models
from models_in_words import MODELS, OPTIMIZERS, images, labels
from peer_files import assert_agrees, assert_part_of, build, train
from peer_keras import QUIET, assert_near, keras_or_skip

pytestmark = QUIET


@pytest.fixture(scope="module")
def keras() -> Any:
    return keras_or_skip()


def assert_both_go_on_alike(ours: Any, theirs: Any) -> None:
    """One step from the same state gives the same loss and the same weights; and `fit` runs. (Dropout draws other numbers in each.)"""
    if "Dropout" not in {type(layer).__name__ for layer in ours.layers}:
        batch = images(seed=9), labels(seed=9)
        np.testing.assert_allclose(ours.train_on_batch(*batch), theirs.train_on_batch(*batch), rtol=1e-5)
        assert ours.optimizer.iterations == theirs.optimizer.iterations.numpy()
        for mine, its in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_allclose(mine, its, atol=1e-4)
    ours.fit(images(), labels(), verbose=0)
    theirs.fit(images(), labels(), verbose=0)


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
    ours.save(tmp_path / "model.keras")
    theirs = keras.models.load_model(tmp_path / "model.keras")
    if not trained:
        ours.optimizer.build(ours.store)  # as Keras does when it loads
    assert_agrees(ours, theirs)
    assert [layer.name for layer in theirs.layers] == [layer.name for layer in ours.layers]
    assert_both_go_on_alike(ours, theirs)


@pytest.mark.parametrize("optimizer", [None, *OPTIMIZERS])
@pytest.mark.parametrize("name", MODELS)
def test_we_load_keras_s_file_go_on_training_and_write_it_as_keras_did(
    keras: Any, tmp_path: Path, name: str, optimizer: str | None
) -> None:
    keras.utils.set_random_seed(4)
    theirs = build(keras, name, optimizer)
    if optimizer is not None:
        train(theirs)
    theirs.save(tmp_path / "theirs.keras")
    ours = models.load_model(tmp_path / "theirs.keras")
    assert_agrees(ours, theirs)
    ours.save(tmp_path / "ours.keras")
    assert_same_archive(tmp_path / "ours.keras", tmp_path / "theirs.keras")
    if optimizer is not None:
        assert_both_go_on_alike(ours, theirs)


def test_frozen_layers_pass_both_ways(keras: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    name = "the tutorial's"
    ours, theirs = build(fastcnn, name, None), build(keras, name, None)
    for model, words in ((ours, fastcnn), (theirs, keras)):
        model.layers[0].trainable = model.layers[4].trainable = False
        model.compile(
            OPTIMIZERS["Adam"](words.optimizers), words.losses.SparseCategoricalCrossentropy(from_logits=True)
        )
        train(model)
    ours.save(path)
    loaded = keras.models.load_model(path)
    assert [layer.trainable for layer in loaded.layers] == [layer.trainable for layer in ours.layers]
    assert_agrees(ours, loaded)
    assert_both_go_on_alike(ours, loaded)
    theirs.save(path)
    assert_agrees(models.load_model(path), theirs)
    # Frozen after Keras has compiled: its optimizer keeps what it has of the layer, here and there.
    other = build(keras, name, "Adam")
    train(other)
    other.layers[2].trainable = False
    other.save(path)
    assert models.load_model(path).optimizer.iterations == 3


def test_models_that_wait_for_their_first_batch_pass_both_ways(keras: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    name = "the tutorial's"
    ours, theirs = models.Sequential(MODELS[name](layers)), keras.Sequential(MODELS[name](keras.layers))
    with pytest.warns(UserWarning, match="not built yet"):
        ours.save(path)
    assert not keras.models.load_model(path).built
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs.save(path)
    assert not models.load_model(path).built
    theirs.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    train(theirs)
    theirs.save(path)
    assert_agrees(models.load_model(path), theirs)


def test_what_keras_compiles_by_name_or_by_function_is_understood(keras: Any, tmp_path: Path) -> None:
    for loss, metrics in (
        ("sparse_categorical_crossentropy", ["accuracy"]),
        (keras.losses.sparse_categorical_crossentropy, ("acc", "sparse_categorical_accuracy")),
        ([keras.losses.SparseCategoricalCrossentropy()], [[keras.metrics.SparseCategoricalAccuracy("mine")]]),
        ("sparse_categorical_crossentropy", [keras.metrics.sparse_categorical_accuracy]),
        ("sparse_categorical_crossentropy", None),
    ):
        theirs = build(keras, "a softmax as the last layer", None)
        theirs.compile("adam", loss, metrics=metrics)
        train(theirs)
        theirs.save(tmp_path / "model.keras")
        ours = models.load_model(tmp_path / "model.keras")
        got = ours.evaluate(images(), labels(), verbose=0, return_dict=True)
        want = theirs.evaluate(images(), labels(), verbose=0, return_dict=True)
        assert list(got) == list(want)
        np.testing.assert_allclose(list(got.values()), list(want.values()), rtol=1e-5)


@pytest.mark.parametrize("optimizer", [None, "Adam", "SGD", "SGD with momentum"])
@pytest.mark.parametrize("name", MODELS)
def test_weights_pass_both_ways(keras: Any, tmp_path: Path, name: str, optimizer: str | None) -> None:
    path = tmp_path / "model.weights.h5"
    ours, theirs = build(fastcnn, name, optimizer), build(keras, name, optimizer)
    if optimizer is not None:
        train(ours)
        train(theirs)
    ours.save_weights(path)
    theirs.load_weights(path)
    assert_agrees(ours, theirs, but=("name",))  # such a file has no names
    if optimizer is not None:
        train(theirs)
    theirs.save_weights(path)
    ours.load_weights(path)
    assert_agrees(ours, theirs, but=("name",))
    for ending in (".keras", ".h5"):
        theirs.save(tmp_path / f"model{ending}")
        other = build(fastcnn, name, None)
        other.load_weights(tmp_path / f"model{ending}")
        assert_near(other.predict(images(), verbose=0), theirs.predict(images(), verbose=0))


def test_where_the_optimizer_s_state_does_not_fit_keras_leaves_it_too(keras: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.weights.h5"
    name = "the tutorial's"
    trained = build(keras, name, "Adam")
    train(trained)
    trained.save_weights(path)
    for optimizer, there in (("Adam", 2), ("SGD with momentum", 2)):
        ours, theirs = build(fastcnn, name, optimizer), build(keras, name, optimizer)
        for model in (ours, theirs):
            with pytest.warns(UserWarning, match=f"it has {there} variables"):
                model.load_weights(path)
        assert ours.optimizer.iterations == theirs.optimizer.iterations.numpy() == 0


def test_keras_model_with_a_lambda_an_unknown_layer_or_a_class_of_its_own_is_refused_by_name(
    keras: Any, tmp_path: Path
) -> None:
    path = tmp_path / "model.keras"

    class Mine(keras.layers.Dense):  # type: ignore[misc,name-defined]
        pass

    class MyModel(keras.Sequential):  # type: ignore[misc,name-defined]
        pass

    stack = keras.Sequential
    functional = keras.Model((x := keras.Input((4,))), keras.layers.Dense(2)(x))
    for model, message in (
        (stack([keras.layers.Lambda(lambda x: x, name="mine")]), "config.json/layer 1: Lambda 'mine' holds code"),
        (stack([keras.layers.GaussianNoise(0.5)]), "config.json/layer 1: unknown layer 'GaussianNoise'"),
        (
            stack([Mine(3)]),
            "config.json/layer 1: layer 'Mine' comes from .*, and only Keras's own|unknown layer 'Mine'",
        ),
        (
            stack([stack([keras.layers.Lambda(lambda x: x, name="mine")])]),
            "config.json/layer 1/layer 1: Lambda 'mine' holds code",
        ),
        (MyModel([keras.layers.Dense(2)]), "config.json: the model is a 'MyModel'"),
        (functional, "config.json: the model is a 'Functional'"),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.build((None, 4))
            model.save(path)
        with pytest.raises(fastcnn.FormatError, match=rf"model\.keras: ({message})"):
            models.load_model(path)


def assert_same_archive(ours: Path, theirs: Path) -> None:
    """The same members, the same arrays at the same places, and a config that is part of Keras's (which says more often that a layer is built)."""
    with zipfile.ZipFile(ours) as mine, zipfile.ZipFile(theirs) as its:
        assert mine.namelist() == its.namelist()
        assert [info.compress_type for info in mine.infolist()] == [info.compress_type for info in its.infolist()]
        assert set(json.loads(mine.read("metadata.json"))) == set(json.loads(its.read("metadata.json")))
        written, wanted = json.loads(mine.read("config.json")), json.loads(its.read("config.json"))
        assert_part_of(written, wanted, "config.json")
        assert list(written) == list(wanted)
        assert list(written["compile_config"]) == list(wanted["compile_config"])
        assert contents(mine.read("model.weights.h5")) == contents(its.read("model.weights.h5"))


def contents(file: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {}

    def note(name: str, node: h5py.Group | h5py.Dataset) -> None:
        found[name] = (node.dtype, node.shape, node[()].tobytes()) if isinstance(node, h5py.Dataset) else None
        for key, value in node.attrs.items():
            found[f"{name}@{key}"] = (node.attrs.get_id(key).dtype, value)

    with h5py.File(io.BytesIO(file)) as arrays:
        note("", arrays)
        arrays.visititems(note)
    return found
