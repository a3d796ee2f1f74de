"""`fastcnn.applications`: what its networks are, what their arguments may be, and the files of weights; the shipped ones on real pictures, where these are there."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import fastcnn
import numpy as np
import pytest
from checks import rejected
from fastcnn import applications, layers, models
from fastcnn.applications import shipped
from fastcnn.datasets import cifar10
from fastcnn.errors import FormatError
from fastcnn.formats import half_weights
from fastcnn.recipes.recipe import THOUSAND, accuracy

DATA = Path(os.environ.get("FASTCNN_SHARED") or Path(__file__).resolve().parents[2] / "shared") / "data"
NETWORKS = [applications.TutorialCNN, applications.VGG8]
PICTURES = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)


@pytest.mark.parametrize(("network", "parameters"), [(NETWORKS[0], 122_570), (NETWORKS[1], 1_973_954)])
def test_they_are_of_the_size_that_their_docstrings_say(network: Any, parameters: int) -> None:
    model = network(weights=None)
    assert model.count_params() == parameters
    assert model.input_shape == (None, 32, 32, 3)
    assert model.output_shape == (None, 10)
    np.testing.assert_allclose(model.predict(PICTURES, verbose=0).sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("network", NETWORKS)
def test_the_top_may_be_another(network: Any) -> None:
    model = network(weights=None, classes=7, classifier_activation=None, name="mine")
    assert model.name == "mine"
    assert model.output_shape == (None, 7)
    assert (model.predict(PICTURES, verbose=0) < 0).any()


@pytest.mark.parametrize(("network", "features"), [(NETWORKS[0], (4, 4, 64)), (NETWORKS[1], (4, 4, 256))])
def test_without_the_top_they_give_features(network: Any, features: tuple[int, ...]) -> None:
    fastcnn.set_seed(0)
    base = network(include_top=False, weights=None)
    assert base.output_shape == (None, *features)
    seen = base.predict(PICTURES, verbose=0)
    for pooling, pooled in (("avg", seen.mean(axis=(1, 2))), ("max", seen.max(axis=(1, 2)))):
        model = network(include_top=False, weights=None, pooling=pooling)
        model.set_weights(base.get_weights())
        np.testing.assert_allclose(model.predict(PICTURES, verbose=0), pooled, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("side", [32, 48, 96])
def test_vgg8_takes_larger_pictures(side: int) -> None:
    model = applications.VGG8(weights=None, input_shape=(side, side, 1), classes=4)
    assert model.predict(np.zeros((2, side, side, 1), np.uint8), verbose=0).shape == (2, 4)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"classes": 0}, "classes"),
        ({"weights": None, "input_shape": (8, 8, 3)}, "at least"),
        ({"weights": None, "input_shape": (32, 32)}, "(height, width, channels)"),
        ({"weights": None, "input_shape": 32}, "(height, width, channels)"),
        ({"weights": None, "input_shape": (32, 32, 0)}, "input_shape"),
        ({"weights": "imagenet"}, "'cifar10', None or the path"),
        ({"weights": 3}, "'cifar10', None or the path"),
        ({"pooling": "avg"}, "include_top=False"),
        ({"pooling": "mean", "include_top": False}, "None, 'avg' or 'max'"),
    ],
)
def test_what_does_not_go_together_is_said(network: Any, arguments: dict[str, Any], said: str) -> None:
    with rejected(ValueError, network.__name__, said):
        network(**arguments)


@pytest.mark.parametrize(
    ("network", "arguments", "said"),
    [
        *((network, {"classes": 5}, "classes is 5") for network in NETWORKS),
        *((network, {"classifier_activation": "sigmoid"}, "'softmax' or None") for network in NETWORKS),
        (applications.TutorialCNN, {"input_shape": (32, 32, 1)}, "(32, 32, 3)"),
        (applications.TutorialCNN, {"input_shape": (48, 48, 3)}, "(32, 32, 3)"),
        (applications.TutorialCNN, {"input_shape": (32, 32, 1), "include_top": False}, "(32, 32, 3)"),
        (applications.VGG8, {"input_shape": (32, 32, 1)}, "3 channels"),
        (applications.VGG8, {"input_shape": (32, 32, 4), "include_top": False}, "3 channels"),
    ],
)
def test_what_the_shipped_weights_do_not_fit_is_said(network: Any, arguments: dict[str, Any], said: str) -> None:
    with rejected(ValueError, network.__name__, said):
        network(**arguments)


@pytest.mark.parametrize("network", NETWORKS)
def test_include_top_is_true_or_false(network: Any) -> None:
    with rejected(TypeError, network.__name__, "include_top", "1"):
        network(include_top=1)


def test_weights_may_come_from_a_file_of_one_s_own(tmp_path: Path) -> None:
    model = applications.TutorialCNN(weights=None)
    model.save_weights(tmp_path / "mine.weights.h5")
    again = applications.TutorialCNN(weights=tmp_path / "mine.weights.h5")
    for one, other in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(FileNotFoundError):
        applications.TutorialCNN(weights=tmp_path / "none.weights.h5")


def test_half_precision_loses_a_thousandth_at_most(tmp_path: Path) -> None:
    model = applications.VGG8(weights=None)
    before = model.get_weights()
    digest = half_weights.save(model, tmp_path / "half.safetensors")
    half_weights.load(model, tmp_path / "half.safetensors", digest)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-7)


def test_a_weight_too_large_for_half_precision_is_not_written(tmp_path: Path) -> None:
    model = models.Sequential([layers.Input((2,)), layers.Dense(1, name="dense")])
    model.set_weights([np.full((2, 1), 1e5, np.float32), np.zeros(1, np.float32)])
    with rejected(ValueError, "save", "dense/kernel", "half precision"):
        half_weights.save(model, tmp_path / "half.safetensors")
    assert not any(tmp_path.iterdir())


def test_a_damaged_file_is_not_read(tmp_path: Path) -> None:
    model = applications.TutorialCNN(weights=None)
    path = tmp_path / "half.safetensors"
    digest = half_weights.save(model, path)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    before = model.get_weights()
    with pytest.raises(FormatError, match=r"half\.safetensors.*SHA-256"):
        half_weights.load(model, path, digest)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_file_of_a_recipe_may_be_named(tmp_path: Path) -> None:
    model = applications.VGG8(weights=None)
    half_weights.save(model, tmp_path / "vgg8-cifar10-seed0.safetensors")
    again = applications.VGG8(weights=tmp_path / "vgg8-cifar10-seed0.safetensors")
    half_weights.load(model, tmp_path / "vgg8-cifar10-seed0.safetensors")
    np.testing.assert_array_equal(model.predict(PICTURES, verbose=0), again.predict(PICTURES, verbose=0))
    with pytest.raises(FormatError, match="has no array 'conv1/kernel'"):
        applications.TutorialCNN(weights=tmp_path / "vgg8-cifar10-seed0.safetensors")
    (tmp_path / "text.safetensors").write_text("no such thing")
    with pytest.raises(FormatError, match=r"text\.safetensors: is no \.safetensors"):
        applications.TutorialCNN(weights=tmp_path / "text.safetensors")


@pytest.mark.parametrize(("network", "shape"), [(NETWORKS[0], (8, 6, 64)), (NETWORKS[1], (6, 5, 256))])
def test_the_shipped_weights_load_and_know_the_classes(network: Any, shape: tuple[int, ...]) -> None:
    model = network()
    assert model.class_names == cifar10.CLASS_NAMES
    base = network(include_top=False, input_shape=(48, 40, 3))
    assert base.output_shape == (None, *shape)
    weights = base.get_weights()
    assert weights
    for one, other in zip(weights, model.get_weights()[: len(weights)], strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_shipped_vgg8_takes_larger_pictures_with_its_top() -> None:
    model, larger = applications.VGG8(), applications.VGG8(input_shape=(64, 64, 3))
    for one, other in zip(model.get_weights(), larger.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_shipped_weights_take_five_megabytes_at_most() -> None:
    assert sum(path.stat().st_size for path in shipped.FOLDER.iterdir()) <= 5_000_000


@pytest.mark.parametrize(("network", "name"), [(NETWORKS[0], "tutorial_cnn"), (NETWORKS[1], "vgg8")])
def test_the_card_is_that_of_the_file_and_says_what_it_reaches(network: Any, name: str) -> None:
    card = shipped.path_of(name).with_suffix(".md").read_text()
    assert shipped.SHA256[name] in card
    assert f"{shipped.path_of(name).stat().st_size:,} bytes: the {network().count_params():,} parameters" in card
    claimed = float(re.findall(r"first thousand test pictures \| (0\.\d+)", card)[0])
    if not DATA.is_dir():
        pytest.skip("CIFAR-10 is not there")
    _, (x, y) = cifar10.load_data(DATA)
    reached = accuracy(network(), x[THOUSAND], y[THOUSAND])
    assert reached == pytest.approx(claimed, abs=0.0011)  # a picture, by rounding
