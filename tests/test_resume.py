"""Runs that are stopped and go on: by --resume and by `fit` from a checkpoint, to the bits of a run that was never stopped."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastcnn import FormatError, config, layers, losses, models, optimizers, train, tutorial
from safetensors.numpy import load_file, save_file

EPOCHS = 30


def start(*arguments: str, cwd: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "fastcnn.train", *arguments], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def history(folder: Path) -> list[list[str]]:
    """Without the seconds."""
    return [line.split(",")[:5] for line in (folder / "history.csv").read_text().splitlines()]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that was never stopped."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    tutorial.train("digits", epochs=EPOCHS, seed=3, out=folder, verbose=0)
    return folder


def assert_same_run(folder: Path, whole: Path) -> None:
    ours, theirs = (models.load_model(run / "checkpoint.safetensors") for run in (folder, whole))
    assert (ours.epochs_done, ours.seed) == (theirs.epochs_done, theirs.seed)
    assert ours.optimizer is not None
    assert theirs.optimizer is not None
    assert ours.optimizer.iterations == theirs.optimizer.iterations
    slots = zip(ours.optimizer.slots.values(), theirs.optimizer.slots.values(), strict=True)
    for a, b in [*zip(ours.get_weights(), theirs.get_weights(), strict=True), *slots]:
        np.testing.assert_array_equal(a, b)
    assert history(folder) == history(whole)
    ours, theirs = (models.load_model(run / "model.h5") for run in (folder, whole))
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def wait_for_a_moment(process: subprocess.Popen[bytes], moments: random.Random) -> None:
    """Somewhere in the start of the process, or in or behind the first or second epoch that it trains."""
    epochs = moments.choice([None, 0, 1])
    if epochs is None:
        time.sleep(0.5 * moments.random())
        return
    assert process.stdout is not None
    seen = 0
    for line in process.stdout:
        seen += line.startswith(b"Epoch ")
        if seen == epochs and (seen or line.startswith(b"run folder")):
            break
    time.sleep(0.1 * moments.random())


def test_a_run_that_is_killed_ten_times_ends_as_one_that_never_was(tmp_path: Path, whole: Path) -> None:
    moments = random.Random(1)
    arguments = ["--dataset", "digits", "--epochs", str(EPOCHS), "--seed", "3", "--out", "run"]
    killed = 0
    for _ in range(11):
        process = start(*arguments, cwd=tmp_path)
        if killed < 10:
            wait_for_a_moment(process, moments)
            process.kill()
            killed += 1
        output = process.communicate()[0].decode()
        for file in tmp_path.glob("run/*.*"):
            if file.suffix == ".h5":
                models.load_model(file)  # whole, at any moment
            elif file.suffix == ".safetensors":
                models.load_model(file)
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL, output
        if (tmp_path / "run" / "args.json").exists():
            arguments = ["--resume", "run"]
        else:
            shutil.rmtree(tmp_path / "run", ignore_errors=True)
    assert (killed, process.returncode) == (10, 0)
    assert_same_run(tmp_path / "run", whole)


def test_a_finished_run_may_be_made_longer(tmp_path: Path, whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    short = tmp_path / "run"
    tutorial.train("digits", epochs=2, seed=3, out=short, verbose=0)
    result = tutorial.resume(short, verbose=0)
    assert result.history.epoch == []
    assert [str(len(history(short)) - 1), f"{result.accuracy:.6g}"] == [history(short)[-1][0], history(short)[-1][4]]
    assert train.main(["--resume", str(short), "--epochs", str(EPOCHS)]) == 0
    assert f"goes on after epoch 2 of {EPOCHS}" in capsys.readouterr().out
    assert_same_run(short, whole)


def test_a_run_that_never_saved_anything_begins_again(tmp_path: Path, whole: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    for name in ("model.h5", "history.csv", "checkpoint.safetensors"):
        (folder / name).unlink()
    tutorial.resume(folder, verbose=0)
    assert_same_run(folder, whole)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--resume", "nowhere"], 1, "there is no run to go on with in nowhere: it has no args.json"),
        (["--resume", "run", "--seed", "4"], 2, "--seed is the run's own, so it cannot be given with --resume"),
        (["--resume", "run", "--dataset", "digits"], 2, "--dataset is the run's own"),
    ],
)
def test_what_cannot_be_resumed_is_one_sentence(
    arguments: list[str],
    code: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        returned = train.main(arguments)
    except SystemExit as stop:
        returned = stop.code  # type: ignore[assignment]
    assert returned == code
    assert message in capsys.readouterr().err


# Checkpoints


def model(seed: int = 1) -> models.Sequential:
    config.set_seed(seed)
    it = models.Sequential(
        [
            layers.Input((6, 6, 1)),
            layers.Conv2D(4, 3, activation="relu", kernel_regularizer="l2"),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(3),
        ]
    )
    it.compile(optimizers.Adam(0.01), losses.SparseCategoricalCrossentropy(from_logits=True), ["accuracy"])
    return it


X = np.random.default_rng(0).random((40, 6, 6, 1)).astype(np.float32)
Y = np.arange(40) % 3


@pytest.mark.parametrize("optimizer", [None, "sgd"])
def test_fit_goes_on_from_a_checkpoint_bit_for_bit(optimizer: str | None, tmp_path: Path) -> None:
    def fresh() -> models.Sequential:
        it = model()
        if optimizer is not None:
            it.compile(optimizers.SGD(0.1, momentum=0.9, nesterov=True), it.loss)
        return it

    straight = fresh()
    straight.fit(X, Y, epochs=4, batch_size=16, verbose=0)
    stopped = fresh()
    stopped.fit(X, Y, epochs=2, batch_size=16, verbose=0)
    stopped.class_names = ["a", "b", "c"]
    stopped.save(tmp_path / "c.safetensors")
    config.set_seed(99)
    loaded = models.load_model(tmp_path / "c.safetensors")
    assert (loaded.epochs_done, loaded.seed, loaded.class_names) == (2, stopped.seed, ("a", "b", "c"))
    loaded.fit(X, Y, epochs=4, batch_size=16, verbose=0, initial_epoch=loaded.epochs_done)
    for a, b in zip(loaded.get_weights(), straight.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert loaded.optimizer is not None
    assert straight.optimizer is not None
    assert loaded.optimizer.iterations == straight.optimizer.iterations
    for name, slot in loaded.optimizer.slots.items():
        np.testing.assert_array_equal(slot, straight.optimizer.slots[name])


def test_a_checkpoint_without_its_training_predicts(tmp_path: Path) -> None:
    it = model()
    it.save(tmp_path / "c.safetensors")
    loaded = models.load_model(tmp_path / "c.safetensors", compile=False)
    assert not loaded.compiled
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), it.predict(X, verbose=0))
    with pytest.raises(ValueError, match="is not built"):
        models.Sequential([layers.Dense(3)]).save(tmp_path / "d.safetensors")


def damaged(path: Path, change: Any) -> None:
    """Writes the checkpoint again with its header's JSON or its arrays changed."""
    arrays = load_file(path)
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["fastcnn"])
    change(header, arrays)
    save_file(arrays, path, metadata={"fastcnn": json.dumps(header)})


DAMAGES: dict[str, tuple[Any, str]] = {
    "another version": (lambda h, a: h.update(version=2), r"fastcnn: is version 2, but this fastcnn reads 1"),
    "no model": (lambda h, a: h.pop("model"), r"fastcnn/model: has no list of layers"),
    "a lambda": (
        lambda h, a: h["model"]["layers"].append(
            {"module": "keras.layers", "class_name": "Lambda", "config": {"name": "l"}}
        ),
        r"Lambda 'l' holds code",
    ),
    "an unknown layer": (
        lambda h, a: h["model"]["layers"].append({"module": "os", "class_name": "system", "config": {}}),
        r"layer 5: .*'system'",
    ),
    "absurd sizes": (
        lambda h, a: h["model"]["layers"][-1]["config"].update(units=10**9),
        r"more than the file can hold",
    ),
    "a missing array": (lambda h, a: a.pop("dense/kernel"), r"has no array 'dense/kernel'"),
    "an array of another shape": (
        lambda h, a: a.update({"dense/bias": np.zeros(4, np.float32)}),
        r"dense/bias: is float32 \(4,\), but float32 \(3,\) is wanted",
    ),
    "an array of another type": (
        lambda h, a: a.update({"dense/bias": np.zeros(3)}),
        r"dense/bias: is float64 \(3,\), but float32 \(3,\) is wanted",
    ),
    "a slot that is missing": (
        lambda h, a: a.pop("optimizer/velocity/dense/bias"),
        r"has no array 'optimizer/velocity/dense/bias'",
    ),
    "a negative number of steps": (lambda h, a: h.update(iterations=-1), r"iterations: must be a whole number"),
    "a seed that is none": (lambda h, a: h.update(seed="1"), r"seed: must be a whole number"),
    "class names that are none": (lambda h, a: h.update(class_names=[1]), r"class_names"),
    "an unknown optimizer": (lambda h, a: h.update(optimizer="zebra"), r"training: .*'zebra'"),
}


@pytest.mark.parametrize(("change", "message"), DAMAGES.values(), ids=DAMAGES)
def test_a_checkpoint_with_something_else_in_it_is_named(change: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    it = model()
    for layer, name in zip(it.layers, ("conv", "flatten", "dropout", "dense"), strict=True):
        layer.name = name
    it.fit(X, Y, verbose=0)
    it.save(path)
    damaged(path, change)
    with pytest.raises(FormatError, match=rf"c\.safetensors: .*{message}"):
        models.load_model(path)


@pytest.mark.parametrize("size", [0, 7, 8, 100, -1])
def test_a_checkpoint_that_is_cut_off_is_named(size: int, tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    model().save(path)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(FormatError, match=r"c\.safetensors: "):
        models.load_model(path)


def test_other_files_by_that_name_are_named(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    save_file({"a": np.zeros(3, np.float32)}, path)
    with pytest.raises(FormatError, match="is no checkpoint of fastcnn's"):
        models.load_model(path)
    path.write_bytes((2**40).to_bytes(8, "little") + b"{}")
    with pytest.raises(FormatError, match="has a header of 1,099,511,627,776 bytes"):
        models.load_model(path)
    with pytest.raises(FileNotFoundError):
        models.load_model(tmp_path / "d.safetensors")
