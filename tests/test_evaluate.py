"""`evaluate_model` and `python -m fastcnn.evaluate`: the numbers against hand counts, `model.evaluate` and Keras; what is printed; the errors."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import fastcnn
import numpy as np
import pytest
from commands import run, run_in_terminal
from fastcnn import _command, _text, evaluate, evaluation, layers, losses, models, tutorial
from fastcnn.datasets import digits, named
from fastcnn.errors import FormatError
from peer_keras import QUIET, keras_or_skip
from PIL import Image

SHARED = Path(os.environ.get("FASTCNN_SHARED") or Path(__file__).resolve().parents[2] / "shared")
LAST = re.compile(r"accuracy ([01]\.\d{4})  loss (\d+\.\d{4})  images (\d+)")

(_, _), (X, Y) = digits.load_data()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file of one epoch of digits."""
    folder = tmp_path_factory.mktemp("run")
    tutorial.train("digits", epochs=1, seed=3, out=folder, verbose=0)
    return folder / "model.h5"


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


def small_model(**arguments: Any) -> models.Sequential:
    """Three classes of 4x4 pixels, from a fixed seed."""
    fastcnn.set_seed(1)
    return models.Sequential([layers.Input((4, 4, 3)), layers.Flatten(), layers.Dense(3, **arguments)])


# ---------------------------------------------------------------------------------------------------------------------
# The numbers


def test_scores_are_those_counted_by_hand() -> None:
    labels = np.array([0, 0, 0, 1, 1, 3])
    outputs = np.eye(4)[[0, 0, 1, 1, 0, 0]]
    outputs[5] = [np.nan, 5, 1, np.nan]  # NaN is no largest value: class 1
    found = evaluation.scores(labels, outputs, "abcd")
    assert found.confusion.tolist() == [[2, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0]]
    assert [score.name for score in found.classes] == list("abcd")
    assert [score.count for score in found.classes] == [3, 2, 0, 1]
    assert [score.precision for score in found.classes[:2]] == [2 / 3, 1 / 3]
    assert [score.recall for score in found.classes if score.count] == [2 / 3, 1 / 2, 0]
    assert math.isnan(found.classes[2].precision)
    assert math.isnan(found.classes[2].recall)
    assert math.isnan(found.classes[3].precision)
    assert (found.accuracy, found.images) == (3 / 6, 6)


@pytest.mark.parametrize("batch_size", [1, 7, 32, 1000])
def test_accuracy_and_loss_are_those_of_model_evaluate(trained: Path, batch_size: int) -> None:
    model = models.load_model(trained)
    loss, accuracy = model.evaluate(X, Y, batch_size, verbose=0)  # type: ignore[misc]
    for source in (trained, str(trained), model):
        found = evaluation.evaluate_model(source, "digits", batch_size=batch_size, verbose=0)
        assert (found.accuracy, found.loss, found.images) == (accuracy, loss, 360)
    assert [score.name for score in found.classes] == list("0123456789")
    assert [score.count for score in found.classes] == np.bincount(Y[:, 0]).tolist()


def test_the_caller_s_model_stays_as_it_was(trained: Path) -> None:
    model = models.load_model(trained, compile=False)
    before, store = [weight.copy() for weight in model.get_weights()], model.store
    evaluation.evaluate_model(model, "digits", scale=0.5, verbose=0)
    assert not model.compiled
    assert model.store is store
    assert [layer.name for layer in model.layers] == [layer.name for layer in models.load_model(trained).layers]
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize("head", ["logits", "softmax layer", "softmax activation"])
def test_a_model_that_was_not_compiled_gets_the_cross_entropy(head: str, tmp_path: Path) -> None:
    fastcnn.set_seed(1)
    dense = layers.Dense(10, activation="softmax" if head == "softmax activation" else None)
    last = [layers.Softmax()] if head == "softmax layer" else []
    model = models.Sequential([layers.Input((32, 32, 3)), layers.Rescaling(1 / 255), layers.Flatten(), dense, *last])
    model.save(tmp_path / "m.h5")
    found = evaluation.evaluate_model(tmp_path / "m.h5", "digits", verbose=0)
    weights, bias = (weight.astype(np.float64) for weight in model.get_weights())
    logits = (X.reshape(360, -1) / 255) @ weights + bias
    logs = logits - logits.max(1, keepdims=True)
    logs -= np.log(np.exp(logs).sum(1, keepdims=True))
    assert found.loss == pytest.approx(-logs[np.arange(360), Y[:, 0]].mean(), rel=1e-5)
    assert found.accuracy == pytest.approx((logits.argmax(1) == Y[:, 0]).mean())


def test_a_model_with_a_categorical_loss_is_evaluated_with_it(trained: Path) -> None:
    model = models.load_model(trained)
    model.compile("sgd", losses.CategoricalCrossentropy(from_logits=True), ["accuracy"])
    loss, accuracy = model.evaluate(X, np.eye(10)[Y[:, 0]], verbose=0)  # type: ignore[misc]
    found = evaluation.evaluate_model(model, "digits", verbose=0)
    assert (found.accuracy, found.loss) == (accuracy, loss)


def test_scale_and_offset_are_what_the_model_sees(trained: Path, tmp_path: Path) -> None:
    with_rescaling = models.load_model(trained)
    bare = models.Sequential([layers.Input((32, 32, 3)), *with_rescaling.layers[1:]])
    bare.save(tmp_path / "bare.h5")
    wanted = evaluation.evaluate_model(trained, "digits", verbose=0)
    found = evaluation.evaluate_model(tmp_path / "bare.h5", "digits", scale=1 / 255, verbose=0)
    assert found.accuracy == wanted.accuracy
    assert found.loss == pytest.approx(wanted.loss, rel=1e-6)
    x = X.astype(np.float64) / 127.5 - 1
    bare.compile(loss=losses.SparseCategoricalCrossentropy(from_logits=True))
    found = evaluation.evaluate_model(bare, "digits", scale=1 / 127.5, offset=-1, verbose=0)
    assert found.loss == pytest.approx(bare.evaluate(x, Y, verbose=0), rel=1e-5)


@QUIET[0]
@QUIET[1]
@pytest.mark.parametrize("softmax", [False, True])
def test_a_keras_model_gets_keras_s_numbers(tmp_path: Path, softmax: bool) -> None:
    keras = keras_or_skip()
    model = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            keras.layers.Conv2D(8, 3, activation="relu"),
            keras.layers.MaxPooling2D(4),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax" if softmax else None),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=not softmax)
    model.compile("adam", loss, metrics=["accuracy"])
    (x, y), _ = digits.load_data()
    model.fit(x / 255, y, epochs=1, verbose=0)
    model.save(tmp_path / "keras.h5")
    loss, accuracy = model.evaluate(X / 255, Y, verbose=0)
    found = evaluation.evaluate_model(tmp_path / "keras.h5", "digits", scale=1 / 255, verbose=0)
    assert found.loss == pytest.approx(loss, rel=1e-4)
    assert found.accuracy == pytest.approx(accuracy, abs=1.01 / 360)
    model.compile("rmsprop", loss)  # an optimizer that may be unknown here is no obstacle
    model.save(tmp_path / "other.h5")
    again = evaluation.evaluate_model(tmp_path / "other.h5", "digits", scale=1 / 255, verbose=0)
    assert again.loss == pytest.approx(found.loss, rel=1e-6)


def colours(folder: Path, *names: str) -> Path:
    """A folder with one picture a class, all of that colour."""
    for name in names:
        (folder / name).mkdir(parents=True)
        Image.new("RGB", (9, 5), name).save(folder / name / "1.png")
    return folder


@pytest.mark.parametrize("activation", ["sigmoid", None])
@pytest.mark.parametrize("compiled", [False, True])
def test_one_output_is_for_the_second_of_two_classes(activation: str | None, compiled: bool, tmp_path: Path) -> None:
    photos = colours(tmp_path, "black", "red", "lime", "blue")
    for name in ("red", "lime", "blue"):
        (photos / name / "1.png").rename(photos / ("black" if name == "lime" else "blue") / f"{name}.png")
        if name != "blue":
            (photos / name).rmdir()
    fastcnn.set_seed(2)
    model = models.Sequential([layers.Input((4, 4, 3)), layers.Flatten(), layers.Dense(1, activation=activation)])
    loss = losses.BinaryCrossentropy(from_logits=activation is None)
    if compiled:
        model.compile(loss=loss)
    found = evaluation.evaluate_model(model, data=photos, scale=1 / 255, verbose=0)
    weights, bias = (weight.astype(np.float64) for weight in model.get_weights())
    x = np.array([[0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]])[:, None].repeat(16, 1).reshape(4, 48)
    y = np.array([0, 0, 1, 1])
    p = 1 / (1 + np.exp(-(x @ weights + bias)[:, 0]))
    assert found.loss == pytest.approx(-np.log(np.where(y == 1, p, 1 - p)).mean(), rel=1e-5)
    assert found.accuracy == ((p > 0.5) == y).mean()
    assert [(score.name, score.count) for score in found.classes] == [("black", 2), ("blue", 2)]
    said = evaluation.classify_images(model, data=photos, scale=1 / 255, verbose=0)
    np.testing.assert_allclose([dict(each.classes)["1"] for each in said.predictions], p, rtol=1e-5)
    np.testing.assert_allclose([dict(each.classes)["0"] for each in said.predictions], 1 - p, rtol=1e-5)


def test_penalties_belong_to_the_loss_as_in_model_evaluate() -> None:
    fastcnn.set_seed(1)
    dense = layers.Dense(10, kernel_regularizer=fastcnn.regularizers.L2(0.1))
    model = models.Sequential([layers.Input((32, 32, 3)), layers.Rescaling(1 / 255), layers.Flatten(), dense])
    model.compile("sgd", losses.SparseCategoricalCrossentropy(from_logits=True))
    found = evaluation.evaluate_model(model, "digits", verbose=0)
    penalty = 0.1 * float((dense.weights[0].value.astype(np.float64) ** 2).sum())
    without = losses.SparseCategoricalCrossentropy(from_logits=True)(Y, model.predict(X, verbose=0))
    assert penalty > 0.1
    assert found.loss == model.evaluate(X, Y, verbose=0) == pytest.approx(float(without) + penalty, rel=1e-5)


# ---------------------------------------------------------------------------------------------------------------------
# Names of classes


def test_a_file_keeps_the_names_of_the_classes(tmp_path: Path) -> None:
    model = small_model()
    assert model.class_names is None
    model.save(tmp_path / "without.h5")
    assert models.load_model(tmp_path / "without.h5").class_names is None
    names = ["Käse", "猫", 'a "b"\n']
    model.class_names = names  # type: ignore[assignment]
    model.save(tmp_path / "with.h5")
    assert models.load_model(tmp_path / "with.h5").class_names == tuple(names)
    for wrong in ("abc", [1, 2, 3], {"a": 1}):
        with pytest.raises(TypeError, match="class_names: must be a list of strings, or None"):
            model.class_names = wrong  # type: ignore[assignment]
    with pytest.raises(ValueError, match="'a' is there twice"):
        model.class_names = ("a", "b", "a")


@pytest.mark.parametrize("text", ["[1, 2]", "{}", "no json", '["a", "a"]'])
def test_names_that_are_none_are_a_format_error(tmp_path: Path, text: str) -> None:
    import h5py

    small_model().save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "r+") as file:
        file.attrs["fastcnn_class_names"] = text
    with pytest.raises(FormatError, match=r"m\.h5: fastcnn_class_names: is no list of class names"):
        models.load_model(tmp_path / "m.h5")


@QUIET[0]
@QUIET[1]
def test_keras_passes_over_the_names(tmp_path: Path) -> None:
    keras = keras_or_skip()
    model = small_model()
    model.class_names = ("a", "b", "c")
    model.save(tmp_path / "m.h5")
    x = np.random.default_rng(0).random((5, 4, 4, 3), np.float32)
    np.testing.assert_allclose(keras.models.load_model(tmp_path / "m.h5").predict(x, verbose=0), model(x), rtol=1e-5)


def colour_model(*names: str) -> models.Sequential:
    """Its output i is the channel i: it takes red for its first class, lime for its second, blue for its third."""
    model = small_model(use_bias=False)
    weights = np.tile(np.eye(3, dtype=np.float32), (16, 1))
    model.set_weights([weights])
    model.class_names = names or None
    return model


def test_folders_are_matched_with_the_model_s_classes_by_name(tmp_path: Path) -> None:
    photos = colours(tmp_path / "photos", "lime", "blue")
    found = evaluation.evaluate_model(colour_model("red", "lime", "blue"), data=photos, verbose=0)
    assert found.accuracy == 1
    assert [(score.name, score.count) for score in found.classes] == [("red", 0), ("lime", 1), ("blue", 1)]
    found = evaluation.evaluate_model(colour_model("red", "blue", "lime"), data=photos, verbose=0)
    assert found.accuracy == 0
    with pytest.raises(
        ValueError,
        match=r"the model .* does not know all classes of .*photos: unknown class 'lime'; did you mean 'limes'",
    ):
        evaluation.evaluate_model(colour_model("red", "limes", "blue"), data=photos, verbose=0)


def test_a_model_without_names_takes_the_folders_in_their_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = colours(tmp_path / "photos", "blue", "lime", "red")
    found = evaluation.evaluate_model(colour_model(), data=photos)
    assert [score.name for score in found.classes] == ["blue", "lime", "red"]
    assert found.confusion.tolist() == [[0, 0, 1], [0, 1, 0], [1, 0, 0]]
    assert "names no classes: class 0 is taken for 'blue', 1 for 'lime'" in " ".join(capsys.readouterr().out.split())
    with pytest.raises(ValueError, match=r"has outputs for 3 classes and names none, but .* has 2 classes"):
        evaluation.evaluate_model(colour_model(), data=colours(tmp_path / "two", "lime", "red"), verbose=0)


def test_models_and_data_that_do_not_go_together_are_refused(tmp_path: Path, trained: Path) -> None:
    photos = colours(tmp_path / "photos", "lime", "red")
    with pytest.raises(ValueError, match=r"takes images of 4x4x3, but digits has images of 32x32x3"):
        evaluation.evaluate_model(small_model(), "digits", verbose=0)
    vectors = models.Sequential([layers.Input((12,)), layers.Dense(2)])
    with pytest.raises(ValueError, match="takes 12, but image files give height x width x 1 or 3"):
        evaluation.evaluate_model(vectors, data=photos, verbose=0)
    maps = models.Sequential([layers.Input((4, 4, 3)), layers.Conv2D(2, 3)])
    with pytest.raises(ValueError, match="gives 2x2x2 values an image, but wanted is one a class"):
        evaluation.evaluate_model(maps, data=photos, verbose=0)
    with pytest.raises(ValueError, match="names 2 classes, but its outputs are for 3"):
        evaluation.evaluate_model(colour_model("red", "lime"), data=photos, verbose=0)
    with pytest.raises(ValueError, match="does not say which shape its images have"):
        evaluation.evaluate_model(models.Sequential([layers.Flatten(), layers.Dense(2)]), data=photos, verbose=0)
    for arguments in ({}, {"dataset": "digits", "data": photos}):
        with pytest.raises(ValueError, match="exactly one of dataset and data must be given"):
            evaluation.evaluate_model(trained, **arguments)
    with pytest.raises(ValueError, match="evaluate_model: dataset must be one of"):
        evaluation.evaluate_model(trained, "mnist")
    with pytest.raises(FormatError, match=rf"{trained}: does not know all classes of .*photos: unknown class 'lime'"):
        evaluation.evaluate_model(trained, data=photos, verbose=0)


# ---------------------------------------------------------------------------------------------------------------------
# The command


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
