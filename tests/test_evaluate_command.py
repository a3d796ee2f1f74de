"""`python -m fastcnn.evaluate`: what it prints, into a pipe, a file and a terminal; what a user can get wrong. The numbers: test_evaluate.py."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from pathlib import Path

import fastcnn
import pytest
from commands import run, run_in_terminal
from evaluated import X, Y, colour_model, small_model, trained_on_digits
from fastcnn import _command, _text, evaluate, evaluation, models, tutorial
from fastcnn.datasets import named
from PIL import Image

SHARED = Path(os.environ.get("FASTCNN_SHARED") or Path(__file__).resolve().parents[2] / "shared")
LAST = re.compile(r"accuracy ([01]\.\d{4})  loss (\d+\.\d{4})  images (\d+)")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained_on_digits(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some of the test digits as class folders of PNG, and a file that is none."""
    folder = tmp_path_factory.mktemp("pictures")
    for index in range(60):
        path = folder / str(Y[index, 0]) / f"{index:03}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(X[index]).save(path)
    (folder / "3" / "notes.txt").write_text("no picture")
    return folder


def test_the_last_line_and_the_table_in_a_pipe(trained: Path) -> None:
    done = run("evaluate", trained.name, "--dataset", "digits", cwd=trained.parent)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert "\r" not in done.stdout
    found = evaluation.evaluate_model(trained, "digits", verbose=0)
    last = LAST.fullmatch(lines[-1])
    assert last
    assert last.groups() == (f"{found.accuracy:.4f}", f"{found.loss:.4f}", "360")
    head = lines.index("class  precision  recall  count")
    assert [line.split() for line in lines[head + 1 : head + 11]] == [
        [score.name, f"{score.precision:.4f}", f"{score.recall:.4f}", str(score.count)] for score in found.classes
    ]
    assert lines[0].startswith("model.h5: 10 classes, images of 32x32x3, raw pixels 0..255")
    assert "digits: 360 test images" in lines


def test_a_folder_of_pictures_gives_the_numbers_of_its_pixels(trained: Path, pictures: Path) -> None:
    done = run("evaluate", trained, "--data", pictures, cwd=pictures)
    assert (done.returncode, done.stderr) == (0, "")
    loss, accuracy = models.load_model(trained).evaluate(X[:60], Y[:60], verbose=0)  # type: ignore[misc]
    last = LAST.fullmatch(done.stdout.splitlines()[-1])
    assert last
    assert float(last[1]) == pytest.approx(accuracy, abs=1e-4)
    assert float(last[2]) == pytest.approx(loss, abs=1e-4)
    assert last[3] == "60"
    text = " ".join(done.stdout.split())
    assert "left out: 1" in text
    assert "notes.txt: is no image of a known format" in text
    assert "resized to 32x32 RGB where they differ, sides stretched, by Pillow's bilinear filter" in text


def test_a_terminal_of_80_columns_gets_bars_that_vanish(trained: Path, pictures: Path) -> None:
    code, drawn, lines = run_in_terminal("evaluate", trained, "--data", pictures, cwd=trained.parent)
    assert code == 0
    assert sum("images/s" in part for part in drawn) > 3
    assert max(len(part) for part in drawn if "images/s" in part) <= 80
    assert not any("images/s" in line for line in lines)
    assert LAST.fullmatch(lines[-2])


def test_a_log_file_gets_plain_lines(trained: Path, tmp_path: Path) -> None:
    with open(tmp_path / "log", "w") as log:
        command = [sys.executable, "-m", "fastcnn.evaluate", str(trained), "--dataset", "digits"]
        subprocess.run(command, stdout=log, stderr=log, check=True)
    text = (tmp_path / "log").read_text()
    assert "\r" not in text
    assert "\x1b" not in text
    assert LAST.fullmatch(text.splitlines()[-1])


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["m.h5", "--datset", "digits"], 2, "there is no option --datset; did you mean --dataset?"),
        (["m.h5", "--dataset", "digits", "--scal=1"], 2, "there is no option --scal; did you mean --scale?"),
        (["m.h5"], 2, "one of the arguments --dataset --data is required"),
        (["m.h5", "--dataset", "digits", "--data", "x"], 2, "not allowed with argument --dataset"),
        (["m.h5", "--dataset", "cifar"], 2, "invalid choice: 'cifar'"),
        (["--dataset", "digits"], 2, "the following arguments are required: MODEL"),
        (["m.h5", "--dataset", "digits", "--scale", "0"], 2, "must be a number or a fraction as 1/255, and not 0, but is '0'"),
        (["m.h5", "--dataset", "digits", "--scale", "1/0"], 2, "must be a number or a fraction as 1/255, and not 0"),
        (["m.h5", "--dataset", "digits", "--offset", "x"], 2, "argument --offset: must be a number, but is 'x'"),
        (["m.h5", "--dataset", "digits", "--data-dir", "x"], 2, "--data-dir is where --dataset looks for CIFAR"),
        (["m.h5", "--data", "x", "--data-dir", "x"], 2, "--data-dir is where --dataset looks for CIFAR"),
        (["nowhere.h5", "--dataset", "digits"], 1, "nowhere.h5: No such file or directory"),
        (["broken.h5", "--dataset", "digits"], 1, "broken.h5: is not an HDF5 file"),
        (["m.txt", "--dataset", "digits"], 1, "m.txt"),
        (["m.h5", "--data", "nowhere"], 1, "nowhere: No such file or directory"),
        (["m.h5", "--data", "broken.h5"], 1, "broken.h5: Not a directory"),
        (["m.h5", "--data", "."], 1, ".: holds no folders"),
        (["m.h5", "--dataset", "digits"], 1, "m.h5: takes images of 4x4x3, but digits has images of 32x32x3"),
        (["m.h5", "--dataset", "cifar10", "--data-dir", "nowhere"], 1, "no CIFAR-10 in"),
    ],
)  # fmt: skip
def test_what_a_user_can_get_wrong_is_one_sentence(
    arguments: list[str],
    code: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    small_model().save("m.h5")
    (tmp_path / "broken.h5").write_text("no model")
    try:
        got = evaluate.main(arguments)
    except SystemExit as stop:
        got = int(str(stop.code))
    printed = capsys.readouterr()
    assert got == code, printed.err
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_the_help_is_a_page_of_80_columns(command: str) -> None:
    done = run(command, "--help", cwd=Path.cwd())
    assert (done.returncode, done.stderr) == (0, "")
    assert max(map(len, done.stdout.splitlines())) <= 80
    for word in ("MODEL", "--data", "--scale 1/255", "--device", "examples:", "exit codes:", "From Python:"):
        assert word in done.stdout


def test_names_that_a_terminal_cannot_show_do_no_harm(tmp_path: Path) -> None:
    """Escape sequences are spelt out, a name of any length is cut, and an alphabet without the letters is no crash."""
    hostile = ["\x1b[31mred\x1b[0m", "lime\nfake", "猫" * 60]
    model = colour_model(*hostile)
    model.save(tmp_path / "m.h5")
    for name, colour in zip(hostile, ("red", "lime", "blue"), strict=True):
        (tmp_path / "photos" / name).mkdir(parents=True)
        Image.new("RGB", (4, 4), colour).save(tmp_path / "photos" / name / "1.png")
    for encoding in ("utf-8", "ascii"):
        done = run("evaluate", "m.h5", "--data", "photos", cwd=tmp_path, PYTHONIOENCODING=encoding)
        assert (done.returncode, done.stderr) == (0, "")
        assert "\x1b" not in done.stdout
        assert r"\x1b[31mred\x1b[0m" in done.stdout
        assert r"lime\nfake" in done.stdout
        assert done.stdout.splitlines()[-1].startswith("accuracy 1.0000")
        if encoding == "utf-8":
            assert max(map(_text.width, done.stdout.splitlines())) <= 80


def test_tables_are_as_wide_as_they_look() -> None:
    assert _text.width("a猫e\u0301") == 4
    assert _text.padded("abcdef", 5) == "ab..."
    assert _text.padded("猫猫猫", 5) == "猫..."
    assert _text.padded("猫", 3) == "猫 "
    table = _text.table(("", "n"), [("x" * 90, "1"), ("y", "10000")]).splitlines()
    assert [len(line) for line in table] == [80, 80, 80]
    assert table[1].endswith("...      1")
    assert _text.table(("", ""), []) == ""


def test_the_commands_know_the_data_sets() -> None:
    assert _command.DATASETS == named.NAMES


def test_cifar10_from_the_folder(tmp_path: Path) -> None:
    """An untrained network, so that it takes a second; the counts are the data set's."""
    if not (SHARED / "data" / "cifar-10-batches-bin").is_dir():
        pytest.skip(
            f"no cifar-10-batches-bin in {SHARED / 'data'}; FASTCNN_SHARED names the folder whose data/ holds it"
        )
    fastcnn.set_seed(1)
    model = tutorial.tutorial_model()
    model.save(tmp_path / "m.h5")
    done = run("evaluate", "m.h5", "--dataset", "cifar10", "--data-dir", SHARED / "data", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    last = LAST.fullmatch(done.stdout.splitlines()[-1])
    assert last
    assert last[3] == "10000"
    assert float(last[2]) == pytest.approx(math.log(10), abs=0.1)
    assert done.stdout.count(" 1000\n") == 10
