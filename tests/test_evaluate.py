"""`evaluate_model`: the numbers against hand counts, `model.evaluate` and Keras; the names of classes; the errors. The command: test_evaluate_command.py."""

from __future__ import annotations

import math
from pathlib import Path

import fastcnn
import numpy as np
import pytest
from evaluated import X, Y, colour_model, small_model, trained_on_digits
from fastcnn import evaluation, layers, losses, models
from fastcnn.datasets import digits
from fastcnn.errors import FormatError
from peer_keras import QUIET, keras_or_skip
from PIL import Image


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained_on_digits(tmp_path_factory.mktemp("run"))


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
