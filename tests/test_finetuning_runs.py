"""Fine-tunings that keep a folder: one that was stopped ends as one that never was, what cannot be gone on with is said; and the command."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from checks import assert_same_bits
from commands import run
from drawn import KINDS
from fastcnn import finetuning, models
from fastcnn.datasets import image_folder
from fastcnn.errors import FormatError
from test_splits import classes
from tunings import tuned

pytestmark = pytest.mark.usefixtures("cache_of_its_own")


def history(folder: Path) -> list[list[str]]:
    """Without the seconds."""
    return [line.split(",")[:5] for line in (folder / "history.csv").read_text().splitlines()]


@pytest.mark.parametrize("more", [[], ["--validation-split", "0.2", "--best-epoch"]], ids=["last", "best"])
def test_a_run_that_is_killed_five_times_ends_as_one_that_never_was(
    drawings: Path, tmp_path: Path, more: list[str]
) -> None:
    arguments = ["--data", str(drawings), "--start", "tutorial_cnn", "--seed", "3", "--device", "cpu", "--epochs", "60", "--batch-size", "8", *more]  # fmt: skip
    done = run("finetune", *arguments, "--out", "whole", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    whole, folder, moments, killed = tmp_path / "whole", tmp_path / "run", random.Random(2), 0
    command = [*arguments, "--out", "run"]
    for _ in range(6):
        process = subprocess.Popen(
            [sys.executable, "-m", "fastcnn.finetune", *command], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )  # fmt: skip
        if killed < 5:
            epochs, seen = moments.choice([None, 1, 2]), 0
            assert process.stdout is not None
            for line in process.stdout if epochs else ():
                seen += line.startswith(b"Epoch ")
                if seen == epochs:
                    break
            time.sleep((0.1 if epochs else 1.0) * moments.random())
            process.kill()
            killed += 1
        output = process.communicate()[0].decode()
        for file in (*folder.glob("*.h5"), *folder.glob("*.safetensors")):
            models.load_model(file)  # whole, at any moment
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL, output
        if (folder / "args.json").exists():
            command = ["--resume", "run", "--device", "cpu"]
        else:
            shutil.rmtree(folder, ignore_errors=True)
    assert (killed, process.returncode) == (5, 0)
    assert history(folder) == history(whole)
    for name in ("model.h5", "checkpoint.safetensors"):
        assert_same_bits(models.load_model(folder / name).get_weights(), models.load_model(whole / name).get_weights())


def test_after_ctrl_c_it_says_what_is_kept_and_how_to_go_on(drawings: Path, tmp_path: Path) -> None:
    arguments = ["--data", drawings, "--start", "tutorial_cnn", "--device", "cpu", "--epochs", "2000", "--out", "run"]
    process = subprocess.Popen(
        [sys.executable, "-m", "fastcnn.finetune", *map(str, arguments)], cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # which nohup has taken away
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("Epoch 3/"):
            break
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130, said
    assert "stopped in epoch" in said
    assert "kept in run: model.h5 (epoch" in said
    assert said.endswith("\nto go on: python -m fastcnn.finetune --resume run\n")
    assert models.load_model(tmp_path / "run" / "checkpoint.safetensors").epochs_done >= 1


def test_a_run_without_a_checkpoint_begins_again(drawings: Path, tmp_path: Path) -> None:
    done = tuned(drawings, out=tmp_path / "run", epochs=2)
    for name in ("model.h5", "history.csv", "checkpoint.safetensors"):
        (tmp_path / "run" / name).unlink()
    assert_same_bits(finetuning.resume(tmp_path / "run", verbose=0).model.get_weights(), done.model.get_weights())
    again = finetuning.resume(tmp_path / "run", verbose=0)  # finished: nothing is trained
    assert again.history.epoch == []
    assert_same_bits(again.model.get_weights(), done.model.get_weights())


def test_what_cannot_be_resumed_is_said(drawings: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no run to go on with"):
        finetuning.resume(tmp_path)
    tuned(image_folder(drawings), out=tmp_path / "arrays", epochs=1)
    with pytest.raises(FormatError, match=r"arrays: .* did not come from a folder"):
        finetuning.resume(tmp_path / "arrays")
    root = shutil.copytree(drawings, tmp_path / "pictures")
    tuned(root, out=tmp_path / "run", epochs=1)
    (root / "train" / "disc").rename(root / "train" / "ring")
    shutil.rmtree(root / "test")
    with pytest.raises(FormatError, match="other pictures"):
        finetuning.resume(tmp_path / "run")
    arguments = tmp_path / "run" / "args.json"
    arguments.write_text(arguments.read_text().replace('"lower_rate"', '"lower"'))
    with pytest.raises(FormatError, match=r"args\.json: is not the arguments of a fine-tuning"):
        finetuning.resume(tmp_path / "run")
    with pytest.raises(FileExistsError, match="holds a run already"):
        tuned(drawings, out=tmp_path / "run")


def test_the_command_says_what_it_reaches_and_what_it_left_out(drawings: Path, tmp_path: Path) -> None:
    root = shutil.copytree(drawings, tmp_path / "photos")
    (root / "train" / "disc" / "text.png").write_text("no picture")
    done = run("finetune", "--data", root, "--start", "tutorial_cnn", "--epochs", 1, "--out", "run", "--seed", 1, cwd=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "text.png: is no image of a known format" in " ".join(done.stdout.split())  # it is wrapped
    assert "test accuracy 0." in done.stdout
    assert "kept in run, after" in done.stdout
    assert "chosen" in done.stdout
    predicted = run("predict", "run/model.h5", drawings / "test" / "disc" / "000.png", cwd=tmp_path)
    assert predicted.returncode == 0
    assert all(kind in predicted.stdout for kind in KINDS)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "exactly one of --data and --resume"),
        (["--resume", "x", "--data", "y"], 2, "exactly one of --data and --resume"),
        (["--resume", "x", "--epochs", "3"], 2, "--epochs is the run's own"),
        (["--resume", "x"], 1, "no run to go on with in x"),
        (["--data", "nowhere"], 1, "nowhere"),
        (["--data", "one", "--lower-rate", "2"], 2, "--lower-rate: must be a number from 0 to 1"),
        (["--data", "one", "--weight-decay", "-1"], 2, "--weight-decay: must be a number of at least 0"),
        (["--data", "one", "--validation-split", "1"], 2, "--validation-split: must be a number from 0 to below 1"),
        (["--data", "one", "--image-size", "16"], 1, "(16, 16, 3); leave out image_size"),
        (["--data", "one"], 1, "one class alone, 'cat'"),
        (["--data", "one", "--start", "resnet"], 1, "finetune: start must be 'vgg8' or 'tutorial_cnn'"),
        (["--data", "one", "--start", "one/cat/0.png"], 1, "must end in .keras"),
        (["--data", "one", "--start", "mine.pt"], 1, "must end in .keras"),
    ],
)
def test_what_will_not_do_is_one_sentence(tmp_path: Path, arguments: list[str], code: int, said: str) -> None:
    classes(tmp_path / "one", {"cat": 3})
    done = run("finetune", *arguments, cwd=tmp_path)
    assert done.returncode == code
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "runs").exists()
    assert "Traceback" not in done.stderr
