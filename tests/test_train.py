"""`python -m fastcnn.train` and the function behind it: the run folder, what is printed, the exit codes, Ctrl-C."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastcnn import _core, datasets, models, runs, train, tutorial

EPOCH = re.compile(r"Epoch (\d+)/\d+ [\d.]+s loss=\d\.\d+ accuracy=[01]\.\d+ val_loss=\d\.\d+ val_accuracy=[01]\.\d+")


def command(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs `python -m fastcnn.train` in `cwd`, its output into pipes."""
    return subprocess.run(
        [sys.executable, "-m", "fastcnn.train", *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Two epochs of digits, by the command; what it printed, and its run folder."""
    cwd = tmp_path_factory.mktemp("run")
    done = command("--dataset", "digits", "--epochs", "2", "--seed", "7", cwd=cwd)
    folders = list((cwd / "runs").iterdir())
    assert len(folders) == 1, done.stderr
    return done, folders[0]


def test_a_run_prints_plain_lines_into_a_pipe(digits_run: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    done, folder = digits_run
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert re.fullmatch(r"fastcnn \S+ on cpu \(device 'auto'\), \w+, \d+ threads, seed 7", lines[0])
    assert lines[1] == "digits: 1,437 images to train on, 360 to test, 32x32x3"
    assert lines[2] == f"run folder: {folder.relative_to(folder.parents[1])}"
    assert [found and found[1] for found in map(EPOCH.fullmatch, lines[3:5])] == ["1", "2"]
    assert re.fullmatch(r"test accuracy 0\.\d{4}, test loss \d\.\d{4}", lines[-1])


def test_a_run_folder_holds_the_model_its_history_and_its_arguments(
    digits_run: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    done, folder = digits_run
    assert re.fullmatch(r"digits-\d{8}-\d{6}", folder.name)
    assert sorted(path.name for path in folder.iterdir()) == [
        "args.json",
        "checkpoint.safetensors",
        "history.csv",
        "model.h5",
    ]
    _, (x, y) = datasets.digits.load_data()
    model = models.load_model(folder / "model.h5")
    assert model.class_names == datasets.digits.CLASS_NAMES
    results = model.evaluate(x, y, verbose=0)
    assert isinstance(results, list)
    assert done.stdout.splitlines()[-1] == f"test accuracy {results[1]:.4f}, test loss {results[0]:.4f}"
    with open(folder / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert list(rows[0]) == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "seconds"]
    assert float(rows[1]["val_accuracy"]) == pytest.approx(results[1], rel=1e-5)
    written = json.loads((folder / "args.json").read_text())
    assert written["dataset"] == "digits"
    assert (written["epochs"], written["batch_size"], written["learning_rate"], written["seed"]) == (2, 32, 0.001, 7)
    assert written["classes"] == list(datasets.digits.CLASS_NAMES)
    assert set(written["versions"]) == {"fastcnn", "python", "numpy"}


def test_the_function_does_what_the_command_does_bit_for_bit(
    digits_run: tuple[subprocess.CompletedProcess[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = tutorial.train("digits", epochs=2, seed=7, threads=1, out=tmp_path / "here", verbose=0)
    assert capsys.readouterr().out == ""
    kept = models.load_model(digits_run[1] / "model.h5")
    assert all(np.array_equal(a, b) for a, b in zip(result.model.get_weights(), kept.get_weights(), strict=True))
    assert result.folder == tmp_path / "here"
    assert result.accuracy == result.history.history["val_accuracy"][-1] > 0.8


def test_a_run_that_is_there_is_not_written_over(
    digits_run: tuple[subprocess.CompletedProcess[str], Path], tmp_path: Path
) -> None:
    folder = digits_run[1]
    before = (folder / "model.h5").read_bytes()
    done = command("--dataset", "digits", "--out", str(folder), cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        f"fastcnn.train: {folder} holds a run already (model.h5, history.csv, args.json, checkpoint.safetensors); name another folder, or move that run away\n"
    )
    assert (folder / "model.h5").read_bytes() == before


def test_two_runs_that_begin_in_the_same_second_get_two_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    class Still(runs.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return cls(2026, 1, 2, 3, 4, 5)

    monkeypatch.setattr(runs, "datetime", Still)
    names = [runs.new_folder("digits", None).as_posix() for _ in range(3)]
    assert names == [f"runs/digits-20260102-030405{suffix}" for suffix in ("", "-2", "-3")]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--epoch", "3"], 2, "there is no option --epoch; did you mean --epochs?"),
        (["--batchsize=3"], 2, "there is no option --batchsize; did you mean --batch-size?"),
        (["zebra"], 2, "'zebra' follows no option; --dataset names a data set"),
        (["--dataset", "cifar"], 2, "invalid choice: 'cifar'"),
        (["--epochs", "0"], 2, "argument --epochs: must be an integer of at least 1, but is '0'"),
        (["--batch-size", "many"], 2, "argument --batch-size: must be an integer of at least 1, but is 'many'"),
        (["--learning-rate", "-1"], 2, "argument --learning-rate: must be a number above 0, but is '-1'"),
        (
            ["--device", "gpu"],
            2,
            "argument --device: must be auto, cpu, cuda or cuda:0 (or another number), but is 'gpu'",
        ),
        (["--learning-rate", "nan"], 2, "must be a number above 0, but is 'nan'"),
        (["--seed", str(2**64)], 2, "must be an integer from 0 to 18446744073709551615"),
        (["--dataset", "digits", "--data-dir", "."], 2, "--data-dir is for CIFAR; the digits are built in"),
        pytest.param(
            ["--device", "cuda"],
            1,
            "'cuda' cannot be used, because ",
            marks=pytest.mark.skipif(_core.info()["cuda"], reason="it can be used here"),
        ),
        (["--data-dir", "missing"], 1, "no CIFAR-10 in "),
        (["--dataset", "digits", "--out", "a-file"], 1, "a-file: File exists"),
        (["--dataset", "digits", "--out", "a-file/below"], 1, "a-file/below: Not a directory"),
    ],
)
def test_what_a_user_can_get_wrong_is_one_sentence(
    arguments: list[str],
    code: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a-file").touch()
    try:
        got = train.main(arguments)
    except SystemExit as stop:
        got = int(str(stop.code))
    printed = capsys.readouterr()
    assert got == code
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-file"]


def test_what_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        out, reason = "/proc/run", "/proc/run: No such file or directory"
    else:
        tmp_path.chmod(0o500)
        out, reason = str(tmp_path / "run"), "Permission denied"
    done = command("--dataset", "digits", "--out", out, cwd=tmp_path)
    assert done.returncode == 1
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_cifar10_says_what_can_be_done_without_a_network(tmp_path: Path) -> None:
    done = command(
        cwd=tmp_path,
        FASTCNN_DATA=str(tmp_path),
        XDG_CACHE_HOME=str(tmp_path / "cache"),
        https_proxy="http://127.0.0.1:9",
    )
    assert done.returncode == 1
    assert "--dataset digits" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_help_is_a_page_of_80_columns() -> None:
    done = command("--help", cwd=Path.cwd(), COLUMNS="80")
    assert done.returncode == 0
    assert max(map(len, done.stdout.splitlines())) <= 80
    for word in ("--dataset", "--data-dir", "FASTCNN_DATA", "model.h5", "examples:", "exit codes:"):
        assert word in done.stdout


def test_ctrl_c_keeps_the_model_as_it_is(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "fastcnn.train", "--dataset", "digits", "--epochs", "500", "--out", "run"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # which nohup has taken away
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("Epoch 2/"):
            break
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out = process.stdout.read()  # not by communicate(), which forgets what has been read ahead
    _, err = process.communicate(timeout=30)
    printed = 2 + out.count("Epoch ")
    assert process.returncode == 130
    said = re.fullmatch(
        r"fastcnn\.train: stopped in epoch (\d+) of 500; kept in run: model\.h5 \(as after step ([\d,]+)\), history\.csv and checkpoint\.safetensors \((\d+) finished epochs\), args\.json\n"
        r"to go on: python -m fastcnn\.train --resume run\n",
        err,
    )
    assert said
    finished = int(said[3])
    assert finished == int(said[1]) - 1 == len((tmp_path / "run" / "history.csv").read_text().splitlines()) - 1
    assert finished - printed in (0, 1)  # an epoch is kept, then printed: the signal may come between the two
    model = models.load_model(tmp_path / "run" / "model.h5")
    assert model.optimizer is not None
    assert model.optimizer.iterations == int(said[2].replace(",", ""))
    _, (x, y) = datasets.digits.load_data()
    results = model.evaluate(x, y, verbose=0)
    assert isinstance(results, list)
    assert results[1] > 0.7


def test_ctrl_c_before_there_is_anything_leaves_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def press() -> Any:
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets.digits, "load_data", press)
    assert train.main(["--dataset", "digits"]) == 130
    assert capsys.readouterr().err == "fastcnn.train: stopped by Ctrl-C before there was anything to keep\n"


def test_a_reader_that_goes_away_ends_the_run_without_a_traceback(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "fastcnn.train", "--dataset", "digits", "--epochs", "3"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(60) == 1


def test_args_json_tells_the_seed_that_was_drawn(tmp_path: Path) -> None:
    result = tutorial.train("digits", epochs=1, out=tmp_path, verbose=0)
    seed = json.loads((tmp_path / "args.json").read_text())["seed"]
    again = tutorial.train("digits", epochs=1, seed=seed, out=tmp_path / "again", verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(result.model.get_weights(), again.model.get_weights(), strict=True))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mnist",), "dataset must be one of 'cifar10', 'cifar100', "),
        (("digits",), "no data_dir for digits, which is built in"),
    ],
)
def test_the_function_refuses_what_makes_no_sense(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tutorial.train(*arguments, data_dir=".")


def test_the_tutorials_network_is_the_tutorials() -> None:
    model = tutorial.tutorial_model(scale=None)
    assert model.count_params() == 122_570
    assert [type(layer).__name__ for layer in model.layers] == ["Conv2D", "MaxPooling2D"] * 2 + [
        "Conv2D",
        "Flatten",
        "Dense",
        "Dense",
    ]
    assert tutorial.tutorial_model((20, 24, 1), 4).output_shape == (None, 4)
