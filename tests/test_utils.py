"""`fastcnn.utils` and `fastcnn.backend`, against a real Keras; what they refuse."""

from __future__ import annotations

import random
from typing import Any

import fastcnn
import numpy as np
import pytest
from fastcnn import backend, layers, models, utils
from fastcnn.keras import backend as keras_backend
from fastcnn.keras import utils as keras_utils
from peer_keras import QUIET, keras_or_skip

CASES: list[tuple[Any, dict[str, Any]]] = [
    ([0, 2, 1], {}),
    ([0, 2, 1], {"num_classes": 5}),
    (np.array([[3], [0]], np.uint8), {"num_classes": 4}),
    (np.array([[3], [0]], np.uint8), {}),
    (np.arange(6).reshape(2, 3), {}),
    (np.arange(6).reshape(2, 3, 1), {}),
    ([1.0, 0.0], {}),
    (np.array([True, False]), {}),
    (3, {}),
    (np.zeros((0,), np.int64), {"num_classes": 3}),
    (np.zeros((1, 1), np.int64), {}),
    ([1], {}),
]


PEER, QUIETLY = QUIET


def peer(test: Any) -> Any:
    return PEER(QUIETLY(test))


@pytest.fixture(scope="module")
def keras() -> Any:
    return keras_or_skip()


@pytest.mark.parametrize(("x", "arguments"), CASES)
@peer
def test_to_categorical_gives_what_keras_gives(keras: Any, x: Any, arguments: dict[str, Any]) -> None:
    wanted = keras.utils.to_categorical(x, **arguments)
    came = utils.to_categorical(x, **arguments)
    assert came.dtype == wanted.dtype
    np.testing.assert_array_equal(came, wanted)


def test_to_categorical_by_hand() -> None:
    np.testing.assert_array_equal(utils.to_categorical([2, 0]), [[0, 0, 1], [1, 0, 0]])


@pytest.mark.parametrize(
    ("x", "classes", "message"),
    [
        ([0, -1], None, r"x holds -1, but wanted are whole numbers in \[0, 1\)"),
        ([0, 3], 3, r"x holds 3, but wanted are whole numbers in \[0, 3\)"),
        ([0, 0.5], 3, r"x holds 0.5, but wanted are whole numbers in \[0, 3\)"),
        ([0, np.nan], 3, r"x holds nan, but wanted are whole numbers in \[0, 3\)"),
        (["cat"], 3, "x must hold class numbers, but has dtype <U3"),
        ([], None, "so num_classes must be given"),
        ([0], 0, "num_classes must be an integer of at least 1, but is 0"),
    ],
)
def test_to_categorical_refuses_what_is_no_class(x: Any, classes: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        utils.to_categorical(x, classes)


@peer
def test_set_random_seed_seeds_python_and_numpy_as_keras_does(keras: Any) -> None:
    drawn = []
    for seeding in (keras.utils.set_random_seed, utils.set_random_seed):
        seeding(7)
        drawn.append((random.random(), np.random.rand()))  # noqa: NPY002 that it seeds the old generator is the question
    assert drawn[0] == drawn[1]


def test_set_random_seed_is_set_seed_too() -> None:
    weights = []
    for seeding in (utils.set_random_seed, fastcnn.set_seed):
        seeding(7)
        weights.append(models.Sequential([layers.Input((4,)), layers.Dense(3)]).get_weights()[0])
    np.testing.assert_array_equal(weights[0], weights[1])


@pytest.mark.parametrize("seed", [-1, 2**32, 1.0, None, True])
def test_a_seed_that_numpy_cannot_take_is_refused_before_anything_is_seeded(seed: Any) -> None:
    random.seed(1)
    wanted = random.random()
    random.seed(1)
    with pytest.raises(ValueError, match=r"seed must be an integer with 0 <= seed < 2\*\*32"):
        utils.set_random_seed(seed)
    assert random.random() == wanted


def test_names_begin_again() -> None:
    for clear in (utils.clear_session, backend.clear_session):
        layers.Dense(1)
        clear()
        assert [layers.Dense(1).name, layers.Dense(1).name] == ["dense", "dense_1"]


@peer
def test_the_backend_says_what_keras_s_says(keras: Any) -> None:
    for name in ("image_data_format", "floatx", "epsilon"):
        assert getattr(backend, name)() == getattr(keras.backend, name)()


def test_they_are_where_keras_has_them() -> None:
    assert keras_utils.to_categorical is utils.to_categorical
    assert keras_backend.clear_session is utils.clear_session
    assert fastcnn.utils is utils
