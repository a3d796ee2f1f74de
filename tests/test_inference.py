"""`model.inference(batch_size)`: the answers of `predict`, from a copy of the weights."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from checks import assert_close
from fastcnn import config, layers, models
from fastcnn.tutorial import tutorial_model

ALLOWED = 1e-5


def images(n: int, *shape: int) -> Any:
    return np.random.default_rng(n).random((n, *shape), np.float32)


def odd_model() -> models.Sequential:
    """No size that is a multiple of anything; a pooling that is not fused, dropouts, a model in a model, a Flatten at the end."""
    inner = models.Sequential([layers.Conv2D(17, 3, padding="same"), layers.Dropout(0.5), layers.MaxPooling2D(3, 2)])
    return models.Sequential(
        [
            layers.Input((13, 11, 3)),
            layers.Conv2D(33, 3, activation="relu", kernel_initializer="he_normal"),
            layers.MaxPooling2D(),
            inner,
            layers.Softmax(),
            layers.Flatten(),
        ]
    )


MODELS = {
    "tutorial": (lambda: tutorial_model(scale=None), (32, 32, 3)),
    "raw pixels": (tutorial_model, (32, 32, 3)),
    "odd": (odd_model, (13, 11, 3)),
    "softmax": (lambda: models.Sequential([layers.Input((20,)), layers.Dense(7, activation="softmax")]), (20,)),
    "images out": (lambda: models.Sequential([layers.Input((9, 9, 16)), layers.Conv2D(16, 3)]), (9, 9, 16)),
}


@pytest.fixture(autouse=True)
def as_it_was(backend: str) -> Any:
    """Each test runs on every backend (so under the sanitizers, too: only these are built with them), whose setting is put back."""
    yield
    config.set_winograd(True)


@pytest.mark.parametrize("winograd", [True, False])
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("batch_size", [1, 5, 33])
def test_it_answers_as_predict_does(backend: str, batch_size: int, name: str, winograd: bool) -> None:
    make, shape = MODELS[name]
    config.set_winograd(winograd)
    model = make()
    answer = model.inference(batch_size)
    config.set_winograd(not winograd)  # holds for what is made from now on
    for n in {batch_size, 1, 0}:
        x = images(n, *shape)
        got, want = answer(x), model.predict_on_batch(x)
        assert got.shape == want.shape
        if n:
            assert_close(got, want.astype(np.float64), ALLOWED)
    config.set_winograd(winograd)
    x = images(batch_size, *shape)
    np.testing.assert_array_equal(answer(x), model.predict_on_batch(x))


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.float64, np.bool_, ">f4"])
def test_images_of_any_kind(kind: Any) -> None:
    model = tutorial_model()
    x = (images(4, 32, 32, 3) * 255).astype(kind)
    np.testing.assert_array_equal(model.inference(4)(x), model.predict_on_batch(x))


def test_images_as_they_may_lie_in_memory() -> None:
    model = tutorial_model(scale=None)
    answer, x = model.inference(4), images(8, 32, 32, 3)
    want = model.predict_on_batch(x)
    assert_close(answer(x[::2]), want[::2].astype(np.float64), ALLOWED)
    assert_close(answer(np.asfortranarray(x[:4])), want[:4].astype(np.float64), ALLOWED)
    assert_close(answer(x[:4].tolist()), want[:4].astype(np.float64), ALLOWED)
    grey = models.Sequential([layers.Input((8, 8, 1)), layers.Flatten(), layers.Dense(2)])
    x = images(3, 8, 8)
    np.testing.assert_array_equal(grey.inference(3)(x), grey.predict_on_batch(x))


def test_answers_are_arrays_of_their_own() -> None:
    answer, x = tutorial_model(scale=None).inference(1), images(2, 32, 32, 3)
    first = answer(x[:1])
    kept = first.copy()
    answer(x[1:])
    np.testing.assert_array_equal(first, kept)


def test_what_happens_to_the_model_changes_nothing() -> None:
    model = tutorial_model(scale=None)
    model.compile("adam", "mse")
    answer, x = model.inference(8), images(8, 32, 32, 3)
    before = answer(x)
    model.fit(x, np.zeros((8, 10)), verbose=0)
    model.pop()
    np.testing.assert_array_equal(answer(x), before)


def test_several_threads_may_ask() -> None:
    answer, x = tutorial_model(scale=None).inference(1), images(16, 32, 32, 3)
    want, got = [answer(x[i : i + 1]) for i in range(16)], [np.empty(0)] * 16

    def ask(i: int) -> None:
        for _ in range(20):
            got[i] = answer(x[i : i + 1])

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(np.stack(got), np.stack(want))


def test_what_will_not_do_is_named() -> None:
    model = tutorial_model(scale=None)
    with pytest.raises(ValueError, match="inference: batch_size must be an integer of at least 1, but is 0"):
        model.inference(0)
    with pytest.raises(ValueError, match=r"inference: the model 'm' has no weights before it is built"):
        models.Sequential([layers.Dense(2)], name="m").inference()
    answer = model.inference(2)
    with pytest.raises(ValueError, match="inference: x has 3 samples, but batches of up to 2 were prepared"):
        answer(images(3, 32, 32, 3))
    with pytest.raises(
        ValueError, match=r"inference: x has shape \(1, 32, 31, 3\), but the model takes \(N, 32, 32, 3\)"
    ):
        answer(images(1, 32, 31, 3))
    with pytest.raises(TypeError, match="inference: x has dtype float16"):
        answer(images(1, 32, 32, 3).astype(np.float16))
    assert answer(images(2, 32, 32, 3)).shape == (2, 10)  # and still works
