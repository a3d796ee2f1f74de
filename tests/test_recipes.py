"""The recipes: what they compile, and their command, on a few pictures in the place of CIFAR-10."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastcnn
import numpy as np
import pytest
from fastcnn import applications, layers, models, ops, optimizers
from fastcnn.datasets import cifar10, named
from fastcnn.formats import half_weights
from fastcnn.recipes import recipe, tutorial_cnn, vgg8
from fastcnn.recipes.lookahead import Lookahead

TINY = recipe.Recipe(
    epochs=2,
    batch_size=16,
    learning_rate=0.05,
    warmup=0.25,
    momentum=0.9,
    weight_decay=1e-3,
    label_smoothing=0.1,
    shift=2,
)


@pytest.fixture
def few_pictures(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    random = np.random.default_rng(0)
    sets = [
        (random.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8), random.integers(0, 10, (n, 1), dtype=np.uint8))
        for n in (48, 20)
    ]
    monkeypatch.setattr(named, "load", lambda *arguments: (*sets, cifar10.CLASS_NAMES))
    before = fastcnn.get_device()
    yield sets
    fastcnn.set_device(before)  # the command sets it for the process


@pytest.mark.parametrize("module", [tutorial_cnn, vgg8])
def test_the_rate_rises_and_falls_over_the_whole_training(module: Any) -> None:
    made = module.RECIPE
    model = applications.TutorialCNN(weights=None, classifier_activation=None)
    made.compile(model, 50_000)
    optimizer, steps = model.optimizer, made.epochs * 50_000 // made.batch_size
    assert isinstance(optimizer, optimizers.SGD)
    rates = [float(optimizer.schedule(step)) for step in (0, made.warmup * steps, steps)]
    parts = [rate / made.learning_rate for rate in rates]
    assert parts == pytest.approx([made.first_rate, 1, made.last_rate], rel=1e-6)
    assert made.first_rate < 0.25
    assert made.last_rate < 0.1
    decays = {name.split("/")[-1]: optimizer.decay_of(variable) for name, variable in model.weight_names()}
    assert decays == {"kernel": made.weight_decay, "bias": 0}


def test_the_command_trains_each_seed_and_writes_what_it_reaches(few_pictures: Any, tmp_path: Path) -> None:
    (_, _), (x, y) = few_pictures
    command = ["--seeds", "3", "4", "--out", str(tmp_path / "out"), "--device", "cpu"]
    assert recipe.main("tutorial_cnn", TINY, applications.TutorialCNN, command) == 0
    written = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [run["seed"] for run in written["runs"]] == [3, 4]
    assert written["mean"] == pytest.approx(np.mean([run["accuracy"] for run in written["runs"]]))
    assert written["recipe"]["epochs"] == 2
    for run in written["runs"]:
        path = tmp_path / "out" / run["file"]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == run["sha256"]
        model = applications.TutorialCNN(weights=None)
        half_weights.load(model, path)
        assert recipe.accuracy(model, x, y) == run["accuracy_of_file"]


def test_the_same_seed_gives_the_same_file(few_pictures: Any, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        recipe.main(
            "tutorial_cnn",
            TINY,
            applications.TutorialCNN,
            ["--seeds", "1", "--device", "cpu", "--out", str(tmp_path / folder)],
        )
    a, b = (next((tmp_path / folder).glob("*.safetensors")).read_bytes() for folder in ("a", "b"))
    assert a == b


def test_vgg8_begins_with_patches_that_are_whitened_and_layers_that_pass_on(few_pictures: Any) -> None:
    (pictures, _), _ = few_pictures
    pictures = (pictures.astype(np.uint32) @ [[2, 1, 0], [0, 1, 1], [1, 0, 3]] // 4).astype(np.uint8)  # channels alike
    model = applications.VGG8(weights=None)
    vgg8.prepare(model, pictures)
    vgg8.RECIPE.compile(model, 50_000)
    images = pictures / 64 - 2
    kernel, bias = model.get_layer("conv0").get_weights()
    y = sum(np.einsum("nhwc,ck->nhwk", images[:, i : 31 + i, j : 31 + j], kernel[i, j]) for i in (0, 1) for j in (0, 1))
    np.testing.assert_allclose(y[..., :12], -y[..., 12:])
    seen = y[..., :12].reshape(-1, 12)
    np.testing.assert_allclose(seen.T @ seen / len(seen), np.eye(12), atol=0.03)
    assert not bias.any()
    assert not model.get_layer("conv0").trainable
    (narrowing,) = model.get_layer("conv3b").get_weights()
    x = np.random.default_rng(0).random((1, 5, 4, 256), np.float32)
    np.testing.assert_array_equal(ops.conv2d(x, narrowing, padding="same"), x)
    (widening,) = model.get_layer("conv2a").get_weights()
    np.testing.assert_array_equal(ops.conv2d(x[..., :64], widening, padding="same")[..., :64], x[..., :64])
    assert widening[..., 64:].all()
    assert isinstance(model.optimizer, optimizers.SGD)
    scales = {name.split("/")[-1]: model.optimizer.rate_scale_of(weight) for name, weight in model.weight_names()}
    assert scales["beta"] == 64
    assert scales["kernel"] == 1


def test_slow_weights_follow_and_the_training_goes_on_from_them() -> None:
    x = np.random.default_rng(0).random((30, 4), np.float32)

    def model() -> models.Sequential:
        fastcnn.set_seed(0)
        it = models.Sequential([layers.Input((4,)), layers.Dense(3)])
        it.compile(optimizers.SGD(0.1), "mse")
        return it

    followed, plain = model(), model()
    slow = plain.get_weights()
    followed.fit(x, x[:, :3], 10, 2, 0, callbacks=[Lookahead(2, total=6, least=0.25)], shuffle=False)
    for step in range(1, 7):  # what the last has learnt is dropped
        plain.train_on_batch(*(rows[(step - 1) % 3 * 10 :][:10] for rows in (x, x[:, :3])))
        if step in (2, 4):
            part = 1 - 0.75 * (step / 6) ** 3
            slow = [part * fast + (1 - part) * before for before, fast in zip(slow, plain.get_weights(), strict=True)]
            plain.set_weights(slow)
    plain.set_weights(slow)
    for one, other in zip(followed.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("module", "network"), [(tutorial_cnn, "TutorialCNN"), (vgg8, "VGG8")])
def test_help_names_the_network_and_its_settings(module: Any, network: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        module.main(["--help"])
    assert stopped.value.code == 0
    said = capsys.readouterr().out
    assert f"epochs {module.RECIPE.epochs}" in said
    assert f"applications.{network} " in said
    assert "--seeds" in said
