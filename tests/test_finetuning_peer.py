"""Fine-tuning from models that a real Keras has saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fastcnn
import numpy as np
import pytest
from checks import assert_close
from drawn import KINDS
from fastcnn import finetuning
from peer_keras import QUIET, keras_or_skip

pytestmark = [*QUIET, pytest.mark.usefixtures("cache_of_its_own")]


@pytest.fixture(scope="module")
def keras() -> Any:
    return keras_or_skip()


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_a_model_of_keras_s_is_a_start(keras: Any, drawings: Path, tmp_path: Path, ending: str) -> None:
    keras.utils.set_random_seed(1)
    words = keras.layers
    model = keras.Sequential(
        [
            words.Input((16, 16, 3)),
            words.Rescaling(1 / 255),
            words.Conv2D(8, 3, padding="same", use_bias=False),
            words.BatchNormalization(),
            words.Activation("relu"),
            words.MaxPooling2D(),
            words.Flatten(),
            words.Dense(24, activation="relu"),
            words.Dropout(0.2),
            words.Dense(5),
            words.Softmax(),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    pictures = np.random.default_rng(2).integers(0, 256, (40, 16, 16, 3)).astype(np.uint8)
    model.fit(pictures, np.arange(40) % 5, epochs=2, verbose=0)  # so that the averages have moved
    path = tmp_path / f"mine.{ending}"
    model.save(path)

    features = finetuning.start.load(path, None, 1.0, 0.0, "test")
    want = keras.Model(model.inputs, model.layers[-4].output).predict(pictures, verbose=0)
    assert_close(features.predict(pictures, verbose=0), want.astype(np.float64), 1e-5)

    done = fastcnn.fine_tune(drawings, path, seed=1, out=tmp_path / "run", verbose=0)  # nothing but the defaults
    assert done.test is not None
    again = keras.models.load_model(tmp_path / "run" / "model.h5", compile=False)
    assert_close(done.model.predict(pictures, verbose=0), again.predict(pictures, verbose=0).astype(np.float64), 1e-5)
    assert done.test.accuracy > 1.5 / len(KINDS)
