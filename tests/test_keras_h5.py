"""formats/keras_h5.py by itself: what `save` writes `load` reads, bit for bit; and the tutorial's model as Keras saved it.

What a real Keras makes of our files, and we of its, is in test_keras_h5_peer.py; bad files are in test_keras_h5_hostile.py.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import fastcnn
import h5py
import numpy as np
import pytest
from fastcnn import layers, losses, models, optimizers
from fastcnn.formats import keras_h5
from models_in_words import INPUT_SHAPE, MODELS, OPTIMIZERS, images, labels

SHARED = Path(os.environ.get("FASTCNN_SHARED") or Path(__file__).parents[2] / "shared")


def compiled(name: str, optimizer: str = "Adam") -> Any:
    fastcnn.set_seed(7)
    model = models.Sequential([layers.Input(INPUT_SHAPE), *MODELS[name](layers)])
    probabilities = "softmax" in name
    loss = losses.SparseCategoricalCrossentropy(from_logits=not probabilities)
    model.compile(OPTIMIZERS[optimizer](optimizers), loss, metrics=["accuracy"])
    return model


def assert_same_model(got: Any, want: Any) -> None:
    assert got.name == want.name
    assert [layer.get_config() for layer in got.layers] == [layer.get_config() for layer in want.layers]
    assert got.input_shape == want.input_shape
    assert [weight.tobytes() for weight in got.get_weights()] == [weight.tobytes() for weight in want.get_weights()]


def assert_same_training(got: Any, want: Any) -> None:
    assert got.optimizer.get_config() == want.optimizer.get_config()
    assert got.optimizer.iterations == want.optimizer.iterations
    assert got.loss.get_config() == want.loss.get_config()
    assert got.metrics_names == want.metrics_names
    assert list(got.optimizer.slots) == list(want.optimizer.slots)
    for name, slot in want.optimizer.slots.items():
        assert got.optimizer.slots[name].tobytes() == slot.tobytes()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", MODELS)
def test_trained_model_comes_back_bit_for_bit(tmp_path: Path, name: str, optimizer: str) -> None:
    model = compiled(name, optimizer)
    model.fit(images(), labels(), batch_size=10, epochs=2, verbose=0)
    keras_h5.save(model, tmp_path / "model.h5")
    loaded = keras_h5.load(tmp_path / "model.h5")
    assert_same_model(loaded, model)
    assert_same_training(loaded, model)
    assert loaded.predict(images(), verbose=0).tobytes() == model.predict(images(), verbose=0).tobytes()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training_goes_on_as_if_it_had_not_been_interrupted(tmp_path: Path, optimizer: str) -> None:
    model = compiled("the tutorial's", optimizer)
    model.train_on_batch(images(), labels())
    keras_h5.save(model, tmp_path / "model.h5")
    loaded = keras_h5.load(tmp_path / "model.h5")
    for seed in (2, 3):
        assert loaded.train_on_batch(images(seed=seed), labels()) == model.train_on_batch(images(seed=seed), labels())
    assert_same_model(loaded, model)
    assert_same_training(loaded, model)


def test_untrained_uncompiled_and_unbuilt_models_come_back(tmp_path: Path) -> None:
    untrained = compiled("ragged borders")
    uncompiled = models.Sequential([layers.Conv2D(2, 3, input_shape=INPUT_SHAPE)], name="uncompiled")
    unbuilt = models.Sequential(MODELS["the tutorial's"](layers))
    for model in (untrained, uncompiled, unbuilt):
        keras_h5.save(model, tmp_path / "model.h5")
        loaded = keras_h5.load(tmp_path / "model.h5")
        assert (loaded.built, loaded.compiled) == (model.built, model.compiled)
        if model.built:
            assert_same_model(loaded, model)
    loaded.build((None, *INPUT_SHAPE))
    assert loaded.count_params() > 0


def test_learning_rate_that_was_changed_while_training_comes_back(tmp_path: Path) -> None:
    model = compiled("the tutorial's")
    model.optimizer.learning_rate = 0.25
    keras_h5.save(model, tmp_path / "model.h5")
    assert keras_h5.load(tmp_path / "model.h5").optimizer.learning_rate == 0.25


def test_model_that_lost_a_layer_after_training_is_saved_without_the_optimizer_s_slots(tmp_path: Path) -> None:
    model = compiled("a softmax as the last layer")
    model.train_on_batch(images(), labels())
    model.pop()
    model.pop()
    keras_h5.save(model, tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5") as file:
        assert [name.split("/")[-1] for name in file["optimizer_weights"].attrs["weight_names"]] == [
            "iteration",
            "learning_rate",
        ]
    assert_same_model(keras_h5.load(tmp_path / "model.h5"), model)


def test_compile_false_reads_the_model_alone(tmp_path: Path) -> None:
    model = compiled("the tutorial's")
    model.train_on_batch(images(), labels())
    keras_h5.save(model, tmp_path / "model.h5")
    loaded = keras_h5.load(tmp_path / "model.h5", compile=False)
    assert not loaded.compiled
    assert_same_model(loaded, model)


def test_lists_of_names_too_long_for_one_attribute_are_split(tmp_path: Path) -> None:
    deep = models.Sequential([layers.Input((4,)), *(layers.Dense(1, name=f"{index:0200d}") for index in range(400))])
    deep.compile("adam", losses.SparseCategoricalCrossentropy(from_logits=True))
    deep.train_on_batch(np.ones((1, 4), np.float32), np.zeros(1))
    keras_h5.save(deep, tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5") as file:
        assert {"layer_names0", "layer_names1"} <= set(file["model_weights"].attrs)
    loaded = keras_h5.load(tmp_path / "model.h5")
    assert_same_model(loaded, deep)
    assert_same_training(loaded, deep)


@pytest.mark.parametrize("libver", ["earliest", "v108", "latest"])
@pytest.mark.parametrize("track_order", [False, True])
def test_every_layout_of_hdf5_is_read(tmp_path: Path, libver: str, track_order: bool) -> None:
    model = compiled("the tutorial's")
    model.train_on_batch(images(), labels())
    keras_h5.save(model, tmp_path / "model.h5")
    with (
        h5py.File(tmp_path / "model.h5") as old,
        h5py.File(tmp_path / "other.h5", "w", libver=libver, track_order=track_order) as new,
    ):
        new.attrs.update(old.attrs)
        for name in old:
            old.copy(name, new)
    loaded = keras_h5.load(tmp_path / "other.h5")
    assert_same_model(loaded, model)
    assert_same_training(loaded, model)


def test_missing_folders_are_made_and_paths_may_be_strings(tmp_path: Path) -> None:
    path = f"{tmp_path}/a/b/model.h5"
    keras_h5.save(compiled("the tutorial's"), path)
    assert keras_h5.load(path).built


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_save_that_fails_leaves_the_old_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    path = tmp_path / "model.h5"
    model = compiled("the tutorial's")
    keras_h5.save(model, path)
    before = path.read_bytes()
    model.train_on_batch(images(), labels())

    def fail(*_: Any) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(os, failing, fail)
        with pytest.raises(OSError, match="the disk is full"):
            keras_h5.save(model, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    keras_h5.save(model, path)
    assert_same_model(keras_h5.load(path), model)


def test_process_killed_in_the_middle_of_a_save_leaves_the_old_model(tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    program = (
        "import os, signal, sys, h5py\n"
        "from fastcnn import layers, models\n"
        "model = models.Sequential([layers.Input((4,)), layers.Dense(3)])\n"
        "model.save(sys.argv[1])\n"
        "h5py.Group.create_dataset = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)\n"
        "model.save(sys.argv[1])\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert keras_h5.load(path).count_params() == 15


def test_reference_model_of_keras_gives_its_logits(backend: str) -> None:
    folder = SHARED / "reference"
    if not folder.is_dir() and "FASTCNN_SHARED" not in os.environ:
        pytest.skip(f"there is no {folder}; FASTCNN_SHARED names the folder with reference/ and data/")
    reference = np.load(folder / "cifar10_cnn_keras_logits.npz")
    records = np.fromfile(SHARED / "data" / "cifar-10-batches-bin" / "test_batch.bin", np.uint8, 256 * 3073).reshape(
        256, 3073
    )
    pixels = records[:, 1:].reshape(256, 3, 32, 32).transpose(0, 2, 3, 1) / 255
    model = models.load_model(folder / "cifar10_cnn.h5")
    logits = model.predict(pixels, verbose=0)
    assert np.abs(logits - reference["logits"]).max() < 1e-4
    np.testing.assert_array_equal(records[:, 0], reference["labels"])
    assert model.optimizer.iterations == 10 * 1563
