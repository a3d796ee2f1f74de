"""What a user is told who takes a wrong turn: warnings at their own line, names that are not there, and what to do instead."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastcnn
import numpy as np
import pytest
from commands import run
from fastcnn import keras
from fastcnn.datasets import _store, cifar10
from fastcnn.keras import callbacks, layers, losses, models, optimizers

X = np.random.default_rng(0).random((64, 8), np.float32)
Y = np.arange(64) % 3


def classifier(*, units: int = 3, activation: str | None = None, loss: Any = None) -> models.Sequential:
    model = models.Sequential([layers.Input((8,)), layers.Dense(units, activation)])
    model.compile("sgd", loss or losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def fit_nan() -> None:
    x = X.copy()
    x[3] = np.nan
    classifier().fit(x, Y, batch_size=64, verbose=0)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: classifier(activation="softmax").fit(X, Y, verbose=0), "from_logits=True, but the last layer is a softmax"),
        (lambda: classifier(units=1, activation="softmax", loss="binary_crossentropy").fit(X, Y % 2, verbose=0), "a softmax over a single output is always 1"),
        (lambda: classifier().fit(X, Y, verbose=0, callbacks=[callbacks.EarlyStopping()]), "Early stopping conditioned on metric `val_loss`"),
        (lambda: classifier().fit(X, Y, verbose=0, callbacks=[callbacks.ReduceLROnPlateau()]), "Learning rate reduction is conditioned on metric `val_loss`"),
        (lambda: callbacks.EarlyStopping(mode="up"), "EarlyStopping mode 'up' is unknown"),
        (fit_nan, "fit: the loss is nan in epoch 1, step 1; a smaller learning rate may help, or x holds NaN or infinity"),
        (lambda: classifier().fit(((X, Y) for _ in range(2)), steps_per_epoch=3, verbose=0), "fit: epoch 1 has 2 steps instead of 3"),
        (lambda: classifier().predict(iter([X]), steps=3, verbose=0), "predict: x has 1 step instead of 3"),
    ],
)  # fmt: skip
def test_a_warning_points_to_the_line_that_called(act: Callable[[], Any], message: str) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        act()
    assert [(Path(each.filename).name, message in str(each.message)) for each in caught] == [
        (Path(__file__).name, True)
    ]


@pytest.mark.parametrize(
    ("look_up", "message"),
    [
        (lambda: keras.layers.LayerNormalization, "module 'fastcnn.keras.layers' has no 'LayerNormalization' (what of Keras is there: docs/keras.md)"),
        (lambda: keras.layers.Conv2d, "module 'fastcnn.keras.layers' has no 'Conv2d'; did you mean 'Conv2D'?"),
        (lambda: keras.Model, "module 'fastcnn.keras' has no 'Model' (what of Keras is there"),
        (lambda: keras.optimizers.RMSprop, "module 'fastcnn.keras.optimizers' has no 'RMSprop' (what"),
        (lambda: fastcnn.nn, "module 'fastcnn' has no 'nn' (what of Keras is there: docs/keras.md)"),  # type: ignore[attr-defined]
    ],
)  # fmt: skip
def test_a_name_that_is_not_there_says_where_to_look(look_up: Callable[[], Any], message: str) -> None:
    with pytest.raises(AttributeError, match="^" + re.escape(message)):
        look_up()


def test_an_argument_of_old_and_arguments_that_are_refused() -> None:
    with pytest.raises(ValueError, match="Adam: unknown argument 'lr'; did you mean 'learning_rate'"):
        optimizers.Adam(lr=0.1)
    with pytest.raises(ValueError, match=r"known: .*'strides'") as error:
        layers.Conv2D(8, 3, speed=1)
    for refused in ("groups", "data_format", "dtype"):
        assert refused not in str(error.value)
    with pytest.raises(ValueError, match=r"unknown loss 'mae'; .*known: .*'mean_squared_error'"):
        losses.get("mae")


def test_errors_of_python_s_own_name_the_class_that_was_written() -> None:
    with pytest.raises(TypeError, match=r"Sequential\.compile\(\) got an unexpected keyword argument 'optimzer'"):
        models.Sequential().compile(optimzer="adam")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"Sequential\.summary\(\) got an unexpected"):
        models.Sequential().summary(expand_nested=True)  # type: ignore[call-arg]


def test_a_model_is_called_as_in_inference() -> None:
    model = classifier()
    for thing in (model, model.layers[0]):
        assert np.array_equal(thing(X, training=False), thing(X))
        with pytest.raises(ValueError, match="training=True is not supported; only False is"):
            thing(X, training=True)


def test_labels_that_were_forgotten() -> None:
    with pytest.raises(TypeError, match="fit: y is None, but wanted is an array"):
        classifier().fit(X)


def test_a_schedule_of_one_s_own_in_a_file(tmp_path: Path) -> None:
    class Constant(optimizers.schedules.LearningRateSchedule):
        def __call__(self, step: Any) -> float:
            return 0.1

        def get_config(self) -> dict[str, Any]:
            return {}

    model = classifier()
    model.compile(optimizers.SGD(Constant()), "mse")
    for name in ("m.keras", "m.h5", "m.safetensors"):
        model.save(tmp_path / name)
        with pytest.raises(fastcnn.FormatError, match=r"schedule 'Constant'.*; compile=False reads the model without"):
            models.load_model(tmp_path / name)
        assert len(models.load_model(tmp_path / name, compile=False).weights) == 2


def test_no_network_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(url: str) -> Any:
        raise OSError("Name or service not known")

    monkeypatch.setenv("FASTCNN_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(_store, "open_url", refuse)
    with pytest.raises(ConnectionError, match=r"Without a network: fastcnn\.datasets.digits") as error:
        cifar10.load_data()
    assert error.value.__suppress_context__
    assert error.value.__cause__ is None


def test_the_package_as_a_command_lists_the_commands(tmp_path: Path) -> None:
    came = subprocess.run([sys.executable, "-m", "fastcnn"], cwd=tmp_path, capture_output=True, text=True, check=True)
    listed = set(re.findall(r"python -m fastcnn\.(\w+)", came.stdout))
    package = Path(fastcnn.__file__).parent
    assert listed == {path.stem for path in package.glob("*.py") if "def main(" in path.read_text()}
    assert max(map(len, came.stdout.splitlines())) <= 80


def test_words_that_follow_no_option(tmp_path: Path) -> None:
    came = run("train", "digits", cwd=tmp_path)
    assert (came.returncode, "'digits' follows no option; --dataset names a data set" in came.stderr) == (2, True)


def test_a_folder_in_place_of_pictures(tmp_path: Path) -> None:
    model = models.Sequential([layers.Input((8, 8, 3)), layers.Flatten(), layers.Dense(2)])
    model.save(tmp_path / "m.h5")
    came = run("predict", "m.h5", ".", cwd=tmp_path)
    assert came.returncode == 1
    assert "there is no picture to look at: m.h5: is no picture by its name; .: holds no pictures" in came.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="cpu: this system has no /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_cannot_be_written(tmp_path: Path, unbuffered: str) -> None:
    with open("/dev/full", "w") as full:
        came = subprocess.run(
            [sys.executable, "-m", "fastcnn.info"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert came.returncode == 1
    assert came.stderr.startswith("fastcnn.info: No space left on device")
