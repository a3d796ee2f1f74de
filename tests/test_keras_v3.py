"""formats/keras_v3.py and formats/keras_weights.py by themselves: what they write they read, bit for bit, and a file is the old one or the new one.

What a real Keras makes of our files, and we of its, is in test_keras_v3_peer.py; bad files are in test_keras_v3_hostile.py.
"""

from __future__ import annotations

import errno
import io
import json
import os
import resource
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import fastcnn
import h5py
import numpy as np
import pytest
from fastcnn import layers, losses, models, optimizers
from models_in_words import INPUT_SHAPE, MODELS, OPTIMIZERS, images, labels


def compiled(name: str = "the tutorial's", optimizer: str = "Adam") -> Any:
    fastcnn.set_seed(7)
    model = models.Sequential([layers.Input(INPUT_SHAPE), *MODELS[name](layers)])
    loss = losses.SparseCategoricalCrossentropy(from_logits="softmax" not in name)
    model.compile(OPTIMIZERS[optimizer](optimizers), loss, metrics=["accuracy"])
    return model


def weights_of(model: Any) -> list[bytes]:
    return [weight.tobytes() for weight in model.get_weights()]


def slots_of(model: Any) -> dict[str, bytes]:
    return {name: slot.tobytes() for name, slot in model.optimizer.slots.items()}


def assert_same(got: Any, want: Any) -> None:
    assert got.name == want.name
    assert [layer.get_config() for layer in got.layers] == [layer.get_config() for layer in want.layers]
    assert weights_of(got) == weights_of(want)
    assert got.optimizer.get_config() == want.optimizer.get_config()
    assert got.optimizer.iterations == want.optimizer.iterations
    assert got.loss.get_config() == want.loss.get_config()
    assert got.metrics_names == want.metrics_names
    assert slots_of(got) == slots_of(want)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", MODELS)
def test_trained_model_comes_back_bit_for_bit_and_goes_on(tmp_path: Path, name: str, optimizer: str) -> None:
    model = compiled(name, optimizer)
    model.fit(images(), labels(), batch_size=10, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = models.load_model(tmp_path / "model.keras")
    assert_same(loaded, model)
    assert loaded.predict(images(), verbose=0).tobytes() == model.predict(images(), verbose=0).tobytes()
    loaded.seed = model.seed  # of dropout; a file does not hold it
    assert loaded.train_on_batch(images(seed=2), labels()) == model.train_on_batch(images(seed=2), labels())
    assert_same(loaded, model)


def test_a_model_that_is_not_trained_compiled_or_built_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    untrained = compiled()
    untrained.save(path)
    loaded = models.load_model(path)
    assert loaded.compiled
    assert loaded.optimizer.iterations == 0
    assert weights_of(loaded) == weights_of(untrained)
    uncompiled = models.Sequential([layers.Conv2D(2, 3, input_shape=INPUT_SHAPE)])
    uncompiled.save(path)
    loaded = models.load_model(path)
    assert not loaded.compiled
    assert weights_of(loaded) == weights_of(uncompiled)
    unbuilt = models.Sequential(MODELS["the tutorial's"](layers), name="waits")
    with pytest.warns(UserWarning, match="'waits' is saved without weights: it is not built yet"):
        unbuilt.save(path)
    loaded = models.load_model(path)
    assert not loaded.built
    loaded.build((None, *INPUT_SHAPE))
    assert np.ptp(loaded.get_weights()[0]) > 0  # drawn, not the zeros that a file's weights replace


def test_compile_false_reads_the_model_alone(tmp_path: Path) -> None:
    model = compiled()
    model.train_on_batch(images(), labels())
    model.save(tmp_path / "model.keras")
    loaded = models.load_model(tmp_path / "model.keras", compile=False)
    assert not loaded.compiled
    assert weights_of(loaded) == weights_of(model)


@pytest.mark.parametrize("names", [None, ("cat", "dog"), ("häuser", "\u732b")])
def test_the_names_of_the_classes_lie_in_the_file(tmp_path: Path, names: tuple[str, ...] | None) -> None:
    model = compiled()
    model.class_names = names
    model.save(tmp_path / "model.keras")
    assert models.load_model(tmp_path / "model.keras").class_names == names


def test_frozen_layers_have_no_slots_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    model = compiled()
    model.layers[0].trainable = False
    model.train_on_batch(images(), labels())
    model.save(path)
    with zipfile.ZipFile(path) as file, h5py.File(io.BytesIO(file.read("model.weights.h5"))) as arrays:
        assert len(arrays["optimizer/vars"]) == 2 + 2 * (len(model.weights) - 2)
    loaded = models.load_model(path)
    assert [layer.trainable for layer in loaded.layers] == [layer.trainable for layer in model.layers]
    assert loaded.train_on_batch(images(), labels()) == model.train_on_batch(images(), labels())
    assert_same(loaded, model)


def test_what_lies_in_the_archive(tmp_path: Path) -> None:
    model = models.Sequential(
        [layers.Input((6, 6, 1)), *(layers.Conv2D(2, 2) for _ in range(3)), layers.ReLU(), layers.Flatten()]
    )
    model.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as file:
        assert file.testzip() is None
        assert file.namelist() == ["metadata.json", "config.json", "model.weights.h5"]
        assert json.loads(file.read("config.json"))["compile_config"] == {}
        with h5py.File(io.BytesIO(file.read("model.weights.h5"))) as arrays:
            assert list(arrays["layers"]) == ["conv2d", "conv2d_1", "conv2d_2", "flatten", "re_lu"]
            for name, layer in zip(("conv2d", "conv2d_1", "conv2d_2"), model.layers, strict=False):
                np.testing.assert_array_equal(arrays[f"layers/{name}/vars/0"], layer.kernel.value)
                np.testing.assert_array_equal(arrays[f"layers/{name}/vars/1"], layer.bias.value)


# Weights alone.


@pytest.mark.parametrize("ending", [".weights.h5", ".keras", ".h5"])
def test_weights_come_back_into_a_model_of_the_same_layers(tmp_path: Path, ending: str) -> None:
    model = compiled("ragged borders")
    model.train_on_batch(images(), labels())
    path = f"{tmp_path}/folder/model{ending}"
    (model.save_weights if "weights" in ending else model.save)(path)
    other = models.Sequential([layers.Input(INPUT_SHAPE), *MODELS["ragged borders"](layers)])
    assert weights_of(other) != weights_of(model)
    other.load_weights(path)
    assert weights_of(other) == weights_of(model)
    assert other.predict(images(), verbose=0).tobytes() == model.predict(images(), verbose=0).tobytes()


def test_the_optimizer_s_state_comes_with_the_weights_where_it_fits(tmp_path: Path) -> None:
    path = tmp_path / "model.weights.h5"
    model = compiled()
    model.train_on_batch(images(), labels())
    model.save_weights(path)
    kept = weights_of(model), slots_of(model), model.optimizer.learning_rate
    model.optimizer.learning_rate = 0.5
    model.train_on_batch(images(), labels())
    model.load_weights(path)
    assert (weights_of(model), slots_of(model)) == kept[:2]
    assert model.optimizer.learning_rate == np.float32(kept[2])
    assert model.optimizer.iterations == 1
    for optimizer in ("Adam", "SGD with momentum"):  # not built yet, and another
        other = compiled(optimizer=optimizer)
        before = other.optimizer.get_config()
        with pytest.warns(UserWarning, match=r"the optimizer '.*' stays as it is: it has 2 variables, but .* has 18"):
            other.load_weights(path)
        assert weights_of(other) == kept[0]
        assert (other.optimizer.get_config(), other.optimizer.iterations) == (before, 0)


def test_weights_that_do_not_fit_change_nothing_or_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "model.weights.h5"
    small, large = (
        models.Sequential([layers.Input((4,)), layers.Dense(3, name="first"), layers.Dense(units, name="last"), *more])
        for units, more in ((2, []), (5, [layers.Dense(1, name="more")]))
    )
    large.save_weights(path)
    before = weights_of(small)
    with pytest.raises(fastcnn.FormatError, match=r"layers/dense_1/vars/0: has shape \(3, 5\), but must have \(3, 2\)"):
        small.load_weights(path)
    assert weights_of(small) == before
    with pytest.warns(UserWarning, match="layer 'last' keeps its weights") as warned:
        small.load_weights(path, skip_mismatch=True)
    assert [warning.filename for warning in warned] == [__file__]
    assert weights_of(small) == weights_of(large)[:2] + before[2:]
    small.save_weights(path)
    with pytest.warns(UserWarning, match="keeps its weights") as warned:
        large.load_weights(path, skip_mismatch=True)
    last, more = (str(warning.message) for warning in warned)
    assert "layer 'last' keeps its weights" in last
    assert "layer 'more' keeps its weights" in more
    assert f"{path}: layers/dense_2/vars: is missing" in more


def test_weights_of_an_unbuilt_model_an_existing_file_and_foreign_endings(tmp_path: Path) -> None:
    unbuilt = models.Sequential([layers.Dense(2)], name="waits")
    for method in (unbuilt.save_weights, unbuilt.load_weights):
        with pytest.raises(ValueError, match="_weights: the model 'waits' has no weights before it is built"):
            method(tmp_path / "model.weights.h5")
    unbuilt.build((None, 3))
    for ending in (".h5", ".keras", ".npz", ".weights"):
        with pytest.raises(ValueError, match=r"save_weights: filepath is '.*', but must end in \.weights\.h5"):
            unbuilt.save_weights(f"{tmp_path}/model{ending}")
    with pytest.raises(ValueError, match=r"load_weights: .*must end in \.weights\.h5, \.keras, \.h5 or \.hdf5"):
        unbuilt.load_weights(tmp_path / "model.npz")
    with pytest.raises(ValueError, match=r"save: .*must end in \.keras, \.h5, \.hdf5 or "):
        unbuilt.save(tmp_path / "model.pt")
    for ending in (".weights.h5", ".keras", ".h5"):
        with pytest.raises(FileNotFoundError, match="missing"):
            unbuilt.load_weights(f"{tmp_path}/missing{ending}")
    unbuilt.save_weights(tmp_path / "model.weights.h5")
    with pytest.raises(FileExistsError, match=r"model\.weights\.h5' already"):
        unbuilt.save_weights(tmp_path / "model.weights.h5", overwrite=False)


# What fails.


@pytest.mark.parametrize("ending", [".keras", ".h5", ".weights.h5"])
def test_disk_that_fills_up_leaves_the_old_file_and_says_so(tmp_path: Path, ending: str) -> None:
    """The system itself refuses to write, after so many bytes; it is told of the limit on a file's size rather than of a full disk."""
    path = tmp_path / f"model{ending}"
    program = (
        "import resource, sys\n"
        "from fastcnn import layers, models\n"
        "model = models.Sequential([layers.Input((100,)), layers.Dense(1000)])\n"
        "write = model.save_weights if 'weights' in sys.argv[1] else model.save\n"
        "write(sys.argv[1])\n"
        "old = open(sys.argv[1], 'rb').read()\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try:\n"
        "    write(sys.argv[1])\n"
        "except OSError as error:\n"
        "    print(error)\n"
        "assert open(sys.argv[1], 'rb').read() == old\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    sentence = f"{os.strerror(errno.EFBIG)}; nothing was written, and what was there before is unchanged: {str(path)!r}"
    assert ended.stdout == f"[Errno {errno.EFBIG}] {sentence}\n"
    assert ended.stderr == ""
    assert list(tmp_path.iterdir()) == [path]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_save_that_fails_leaves_the_old_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    path = tmp_path / "model.keras"
    model = compiled()
    model.save(path)
    before = path.read_bytes()

    def fail(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(OSError, match=r"No space left on device; nothing was written.*model\.keras"):
        model.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
