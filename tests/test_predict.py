"""`classify_images` and `python -m fastcnn.predict`: probabilities against float64, every form of output, and what cannot be read."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import fastcnn
import numpy as np
import pytest
from checks import rejected
from commands import run, run_in_terminal
from fastcnn import evaluation, layers, models, predict
from fastcnn.errors import FormatError
from numpy.typing import NDArray
from peer_keras import QUIET, keras_or_skip
from PIL import Image

NAMES = ("cat", "dog", "frog")


def network(*last: layers.Layer) -> models.Sequential:
    fastcnn.set_seed(1)
    first = [layers.Input((6, 8, 3)), layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(3)]
    return models.Sequential([*first, *last])


def pixels(seed: int, height: int = 6, width: int = 8) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model with names, m.h5; three pictures, a.png and b.png of its size, c.jpg of another; no.txt, which is none."""
    model = network()
    model.class_names = NAMES
    model.save(tmp_path / "m.h5")
    for seed, name in enumerate(("a.png", "b.png")):
        Image.fromarray(pixels(seed)).save(tmp_path / name)
    Image.fromarray(pixels(2, 60, 40)).save(tmp_path / "c.jpg")
    (tmp_path / "no.txt").write_text("no picture")
    return tmp_path


def probabilities(model: models.Sequential, x: NDArray[Any]) -> NDArray[np.float64]:
    """In float64, from the weights."""
    weights, bias = (weight.astype(np.float64) for weight in model.get_weights())
    powers = np.exp((x.reshape(len(x), -1) / 255) @ weights + bias)
    return np.asarray(powers / powers.sum(1, keepdims=True))


def test_probabilities_are_the_softmax_of_the_outputs_sorted(folder: Path) -> None:
    found = evaluation.classify_images(folder / "m.h5", [folder / "a.png", str(folder / "b.png")], verbose=0)
    wanted = probabilities(network(), np.stack([pixels(0), pixels(1)]))
    for prediction, row in zip(found.predictions, wanted, strict=True):
        names, shares = zip(*prediction.classes, strict=True)
        assert list(names) == [NAMES[index] for index in np.argsort(-row)]
        np.testing.assert_allclose(shares, np.sort(row)[::-1], rtol=1e-5)
        assert sum(shares) == pytest.approx(1, abs=1e-12)
        assert (prediction.changes, prediction.error) == ("", "")
    assert [prediction.path for prediction in found.predictions] == [str(folder / "a.png"), str(folder / "b.png")]


@pytest.mark.parametrize("last", [layers.Softmax, lambda: layers.Activation("softmax")])
def test_a_model_that_ends_in_a_softmax_has_said_its_probabilities(folder: Path, last: Any) -> None:
    found = evaluation.classify_images(network(last()), [folder / "a.png"], verbose=0)
    wanted = np.sort(probabilities(network(), pixels(0)[None])[0])[::-1]
    np.testing.assert_allclose([share for _, share in found.predictions[0].classes], wanted, rtol=1e-5)
    assert "probabilities: the model's outputs; its file names no classes, so these are numbers" in found.notes
    assert {name for name, _ in found.predictions[0].classes} == {"0", "1", "2"}


def test_the_batch_size_changes_nothing_and_top_cuts(folder: Path) -> None:
    files = [folder / "a.png", folder / "b.png", folder / "c.jpg"]
    whole = evaluation.classify_images(folder / "m.h5", files, verbose=0)
    parts = evaluation.classify_images(folder / "m.h5", files, top=2, batch_size=1, verbose=0)
    for one, other in zip(whole.predictions, parts.predictions, strict=True):
        assert one.classes[:2] == other.classes
    assert whole.predictions[2].changes == "40x60 RGB, resized to 8x6"


def test_a_folder_with_class_folders_is_classified_file_by_file(folder: Path) -> None:
    for name in ("x/1.png", "y/2.png"):
        path = folder / "photos" / name
        path.parent.mkdir(parents=True)
        Image.fromarray(pixels(3)).save(path)
    (folder / "photos" / "stray.png").write_text("")
    found = evaluation.classify_images(folder / "m.h5", [folder / "a.png"], data=folder / "photos", verbose=0)
    assert [Path(each.path).name for each in found.predictions] == ["a.png", "1.png", "2.png"]
    assert [fault.path.name for fault in found.left_out] == ["stray.png"]
    with pytest.raises(ValueError, match="there must be files, or a folder as data"):
        evaluation.classify_images(folder / "m.h5")


def test_folders_and_patterns_stand_for_their_pictures(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("2/b.PNG", "1/deep/a.jpg", "1/z.png", "odd [1].png"):
        path = folder / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels(3)).save(path)
    (folder / "photos" / "1" / "notes.txt").write_text("no picture")
    (folder / "photos" / "1" / ".hidden.png").write_text("")
    (folder / "photos" / "1" / "round").symlink_to(folder / "photos")
    (folder / "photos" / "1" / "beside").symlink_to(folder / "photos" / "2")
    (folder / "empty").mkdir()
    monkeypatch.chdir(folder)

    def found(*names: str) -> list[str]:
        seen = evaluation.classify_images("m.h5", names, verbose=0)
        assert not any(each.error for each in seen.predictions)
        left_out.extend(f"{fault.path}: {fault.reason}" for fault in seen.left_out)
        return [each.path for each in seen.predictions]

    left_out: list[str] = []
    everything = ["photos/1/beside/b.PNG", "photos/1/deep/a.jpg", "photos/1/z.png", "photos/odd [1].png"]
    assert found("photos") == everything
    assert left_out == ["photos/1/notes.txt: is no picture by its name"]
    assert found("photos/2", "photos/1/z.png") == ["photos/2/b.PNG", "photos/1/z.png"]
    assert found("photos/*/*.png", "photos/**/deep/*") == ["photos/1/z.png", "photos/1/deep/a.jpg"]
    assert found("photos/odd [1].png") == ["photos/odd [1].png"]  # a name that exists is no pattern
    once = {"photos/2/b.PNG", *everything[1:]}  # the shortest of the ways that lead to each
    assert sorted(found("photos/**/*.*")) == sorted(once)
    assert len(found("photos/**")) == len(once)
    with rejected(TypeError, "classify_images", "files must be a list", "'photos'"):
        evaluation.classify_images("m.h5", "photos")
    left_out.clear()
    assert found("photos/[2]", "empty") == ["photos/2/b.PNG"]
    assert left_out == ["empty: holds no pictures"]
    with pytest.raises(FormatError, match="there is no picture to look at: empty: holds no pictures"):
        found("empty")


def test_scale_and_offset_are_what_the_model_sees(folder: Path) -> None:
    bare = models.Sequential([layers.Input((6, 8, 3)), *network().layers[1:]])
    one = evaluation.classify_images(network(), [folder / "a.png"], verbose=0)
    other = evaluation.classify_images(bare, [folder / "a.png"], scale=1 / 255, verbose=0)
    for (name, share), (other_name, other_share) in zip(
        one.predictions[0].classes, other.predictions[0].classes, strict=True
    ):
        assert name == other_name
        assert share == pytest.approx(other_share, rel=1e-5)
    assert "pixels from 0 to 1" in other.notes[0]


@QUIET[0]
@QUIET[1]
def test_a_keras_model_says_what_it_says_in_keras(folder: Path) -> None:
    keras = keras_or_skip()
    model = keras.Sequential(
        [keras.Input((6, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(4, activation="softmax")]
    )
    model.save(folder / "keras.h5")
    wanted = model.predict(pixels(0)[None] / 255, verbose=0)[0]
    found = evaluation.classify_images(folder / "keras.h5", [folder / "a.png"], scale=1 / 255, verbose=0)
    assert [int(name) for name, _ in found.predictions[0].classes] == np.argsort(-wanted).tolist()
    np.testing.assert_allclose([share for _, share in found.predictions[0].classes], np.sort(wanted)[::-1], rtol=1e-4)


# ---------------------------------------------------------------------------------------------------------------------
# The command


def test_a_table_in_a_pipe_says_how_pictures_were_resized(folder: Path) -> None:
    done = run("predict", "m.h5", "a.png", "c.jpg", "--top", 2, cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert "\r" not in done.stdout
    assert "resized to 8x6 RGB where they differ" in " ".join(done.stdout.split())
    first, second = lines.index("a.png"), lines.index("c.jpg")
    assert re.fullmatch(r"  (cat|dog|frog) +0\.\d{4}", lines[first + 1])
    assert lines[first + 3] == ""
    assert lines[second + 1] == "  (40x60 RGB, resized to 8x6)"
    assert len(lines) == second + 4


def test_json_is_one_object(folder: Path) -> None:
    done = run("predict", "m.h5", "a.png", "c.jpg", "--json", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    printed = json.loads(done.stdout)
    found = evaluation.classify_images(folder / "m.h5", [folder / "a.png", folder / "c.jpg"], verbose=0)
    assert [image["image"] for image in printed["images"]] == ["a.png", "c.jpg"]
    for image, wanted in zip(printed["images"], found.predictions, strict=True):
        assert tuple((entry["class"], entry["probability"]) for entry in image["classes"]) == wanted.classes
        assert image["changes"] == wanted.changes
    assert any("resized to 8x6" in note for note in printed["notes"])


def test_csv_is_a_line_a_class(folder: Path) -> None:
    done = run("predict", "m.h5", "--csv", "--top", 1, "a.png", "b.png", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    rows = list(csv.reader(io.StringIO(done.stdout)))
    found = evaluation.classify_images(folder / "m.h5", [folder / "a.png", folder / "b.png"], verbose=0)
    assert rows[0] == ["image", "class", "probability"]
    assert rows[1:] == [
        [name, each.classes[0][0], f"{each.classes[0][1]:.6g}"]
        for name, each in zip(("a.png", "b.png"), found.predictions, strict=True)
    ]


@pytest.mark.parametrize("form", ["--json", "--csv", None])
def test_files_that_cannot_be_read_are_named_and_the_others_classified(folder: Path, form: str | None) -> None:
    (folder / "cut.png").write_bytes((folder / "a.png").read_bytes()[:100])
    files = ["a.png", "no.txt", "nowhere.png", "cut.png", "b.png"]
    done = run("predict", "m.h5", *files, *([form] if form else []), cwd=folder)
    assert done.returncode == 1
    first, *others = done.stderr.splitlines()
    assert first == "fastcnn.predict: 3 of 5 images cannot be read:"
    assert others[:2] == ["  no.txt: is no image of a known format", "  nowhere.png: No such file or directory"]
    assert others[2].startswith("  cut.png: is a damaged image")
    assert len(others) == 3
    assert "a.png" in done.stdout
    assert "b.png" in done.stdout
    if form == "--json":
        images = json.loads(done.stdout)["images"]
        assert ["error" in image for image in images] == [False, True, True, True, False]
    else:
        assert "no.txt" not in done.stdout


def test_nothing_but_unreadable_files(folder: Path) -> None:
    done = run("predict", "m.h5", "no.txt", cwd=folder)
    assert done.returncode == 1
    assert done.stderr == "fastcnn.predict: 1 of 1 images cannot be read: no.txt: is no image of a known format\n"


def test_what_a_folder_holds_besides_is_told_in_every_form(folder: Path) -> None:
    (folder / "photos" / "x").mkdir(parents=True)
    (folder / "a.png").rename(folder / "photos" / "x" / "a.png")
    (folder / "photos" / "stray.png").write_text("")
    table = run("predict", "m.h5", "--data", "photos", cwd=folder)
    assert (table.returncode, table.stderr) == (0, "")
    assert "photos/stray.png: lies beside the class folders" in table.stdout
    for form in ("--json", "--csv"):
        done = run("predict", "m.h5", "--data", "photos", form, cwd=folder)
        assert done.returncode == 0
        assert "stray" not in done.stdout
        assert done.stderr == "fastcnn.predict: left out: photos/stray.png: lies beside the class folders, in none\n"


def test_a_terminal_gets_the_table_and_a_bar_that_vanishes(folder: Path) -> None:
    code, drawn, lines = run_in_terminal("predict", "m.h5", "a.png", "b.png", "c.jpg", cwd=folder)
    assert code == 0
    assert any("images/s" in part for part in drawn)
    assert max(map(len, drawn)) <= 80
    assert not any("images/s" in line for line in lines)
    assert "a.png" in lines
    code, drawn, _ = run_in_terminal("predict", "m.h5", "a.png", "--csv", cwd=folder)
    assert code == 0
    assert not any("images/s" in part for part in drawn)


def test_a_reader_that_goes_away_is_no_traceback(folder: Path) -> None:
    command = [sys.executable, "-m", "fastcnn.predict", "m.h5", *["a.png"] * 3000, "--csv"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(60) == 1


def test_names_of_files_do_no_harm(folder: Path) -> None:
    hostile = "\x1b[2Jcat\n.png"
    os.rename(folder / "a.png", folder / hostile)
    raw = os.fsdecode(b"caf\xe9.png")
    os.rename(folder / "b.png", folder / raw)
    for encoding in ("utf-8", "ascii"):
        done = run("predict", "m.h5", hostile, raw, hostile + "?", cwd=folder, PYTHONIOENCODING=encoding)
        assert done.returncode == 1
        assert "\x1b" not in done.stdout + done.stderr
        assert r"\x1b[2Jcat\n.png" in done.stdout
        assert done.stderr.count("\n") == 1
        assert "Traceback" not in done.stderr
        done = run("predict", "m.h5", hostile, raw, "--json", cwd=folder, PYTHONIOENCODING=encoding)
        assert [image["image"] for image in json.loads(done.stdout)["images"]] == [hostile, raw]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["m.h5"], 2, "which images? name files or folders"),
        (["m.h5", "*.gif"], 1, "1 of 1 images cannot be read: *.gif: No such file or directory"),
        (["m.h5", "a.png", "--tpo", "3"], 2, "there is no option --tpo; did you mean --top?"),
        (["m.h5", "a.png", "--jsn"], 2, "there is no option --jsn; did you mean --json?"),
        (["m.h5", "a.png", "--top", "0"], 2, "argument --top: must be an integer of at least 1, but is '0'"),
        (["m.h5", "a.png", "--json", "--csv"], 2, "not allowed with argument"),
        (["nowhere.h5", "a.png"], 1, "nowhere.h5: No such file or directory"),
        (["a.png", "a.png"], 1, "a.png"),
        (["m.h5", "--data", "nowhere"], 1, "nowhere: No such file or directory"),
    ],
)
def test_what_a_user_can_get_wrong_is_one_sentence(
    arguments: list[str],
    code: int,
    message: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folder)
    try:
        got = predict.main(arguments)
    except SystemExit as stop:
        got = int(str(stop.code))
    printed = capsys.readouterr()
    assert got == code
    assert message in printed.err
    assert printed.err.count("\n") == 1
