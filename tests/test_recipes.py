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
from fastcnn import applications, optimizers
from fastcnn.datasets import cifar10, named
from fastcnn.formats import half_weights
from fastcnn.recipes import recipe, tutorial_cnn, vgg8

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
    assert rates[0] < made.learning_rate / 20
    assert rates[1] == pytest.approx(made.learning_rate)
    assert rates[2] < made.learning_rate / 1000
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


@pytest.mark.parametrize(("module", "network"), [(tutorial_cnn, "TutorialCNN"), (vgg8, "VGG8")])
def test_help_names_the_network_and_its_settings(module: Any, network: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        module.main(["--help"])
    assert stopped.value.code == 0
    said = capsys.readouterr().out
    assert f"epochs {module.RECIPE.epochs}" in said
    assert f"applications.{network} " in said
    assert "--seeds" in said
