"""The random layers of keras_table.py beside a real Keras: given the same numbers the same pictures, and numbers that are spread alike."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastcnn
import numpy as np
import pytest
from fastcnn import layers, ops
from fastcnn.stage import AUGMENTATION_PURPOSE
from keras_table import AUGMENTATIONS, TABLE, Entry, each, make, normal, pair
from peer_keras import QUIET, assert_near, keras_or_skip
from reference_augmentation import erased

pytestmark = QUIET

STREAM = {"seed": 11, "step": 5}
random_layers = each("layers", but={entry.name for entry in TABLE["layers"]} - AUGMENTATIONS)


@pytest.fixture(scope="module")
def keras() -> Any:
    return keras_or_skip()


def numbers_of(layer: Any, shape: tuple[int, ...], n: int) -> Any:
    """Those that the layer draws for n images in that step."""
    stream = STREAM if layer.seed is None else STREAM | {"seed": layer.seed}
    low, high = zip(*layer._bounds(shape), strict=True)
    return ops.draw_uniform(n, low, high, purpose=AUGMENTATION_PURPOSE, **stream)


def of_images(numbers: Any) -> Any:
    return numbers.reshape(-1, 1, 1, 1)


def rotation(theirs: Any, turns: Any, height: int, width: int) -> Any:
    from keras import ops as keras_ops

    none = np.zeros(len(turns), np.float32)
    angle = keras_ops.convert_to_tensor(360 * turns)
    return theirs._compute_affine_matrix(0.5, 0.5, angle, none, none, none + 1, none, none, height, width)


# What Keras's layer is told, by our numbers a (N, k) for images of height h and width w.
TOLD: dict[str, Callable[[Any, Any, int, int], dict[str, Any]]] = {
    "RandomFlip": lambda theirs, a, h, w: {"flips": of_images(a <= 0.5)},
    "RandomTranslation": lambda theirs, a, h, w: {"translations": np.float32(a[:, ::-1] * (w, h))},
    "RandomRotation": lambda theirs, a, h, w: {"rotation_matrix": rotation(theirs, a[:, 0], h, w)},
    "RandomZoom": lambda theirs, a, h, w: {"height_zoom": 1 + a[:, :1], "width_zoom": 1 + a[:, -1:]},
    "RandomBrightness": lambda theirs, a, h, w: {"rgb_delta": of_images(a) * np.ptp(theirs.value_range)},
    "RandomContrast": lambda theirs, a, h, w: {"contrast_factor": of_images(a)},
    "RandomSaturation": lambda theirs, a, h, w: {"factor": (a / (1 - a + np.float32(1e-7)))[:, 0]},
}


@random_layers
def test_given_the_numbers_a_picture_is_keras_s(keras: Any, module: str, entry: Entry, backend: str) -> None:
    ours, theirs = pair(keras, module, entry)
    for index, shape in enumerate(entry.shapes):
        x = np.clip(normal(20, *shape, seed=index), -2, 2)
        numbers = numbers_of(ours, shape, len(x))
        got = ours.augment(x, **STREAM)
        if entry.name == "RandomCrop":
            wanted = np.concatenate([theirs.transform_images(x[i : i + 1], [int(a) for a in numbers[i]]) for i in range(len(x))])  # fmt: skip
        elif entry.name == "RandomErasing":
            low, high = theirs.value_range
            fill = got if entry.arguments.get("fill_value") is None else np.full_like(x, entry.arguments["fill_value"])
            mask = np.broadcast_to(erased(x.shape, numbers), x.shape)
            told = {"apply_erasing": mask.any(axis=(1, 2, 3)), "batch_masks": mask, "fill_value": np.clip(fill, low, high)}  # fmt: skip
            wanted = theirs.transform_images(x, told)
        else:
            wanted = theirs.transform_images(x, TOLD[entry.name](theirs, numbers, *shape[:2]))
        assert_near(got, wanted, shape)


# One number for each picture of what Keras drew, and of what we did, by which they can be compared. told : what its layer is told.
SEEN: dict[str, list[tuple[Callable[[Any, Any], Any], Callable[[Any], Any]]]] = {
    "RandomFlip": [(lambda told, theirs: told["flips"], lambda a: a[:, 0] <= 0.5)],
    "RandomTranslation": [
        (lambda told, theirs: told["translations"][:, 1] / 17, lambda a: a[:, 0]),
        (lambda told, theirs: told["translations"][:, 0] / 32, lambda a: a[:, 1]),
    ],
    "RandomRotation": [(lambda told, theirs: told["angle"] / 360, lambda a: a[:, 0])],
    "RandomZoom": [
        (lambda told, theirs: told["height_zoom"] - 1, lambda a: a[:, 0]),
        (lambda told, theirs: told["width_zoom"] - 1, lambda a: a[:, -1]),
    ],
    "RandomBrightness": [(lambda told, theirs: told["rgb_delta"] / np.ptp(theirs.value_range), lambda a: a[:, 0])],
    "RandomContrast": [(lambda told, theirs: told["contrast_factor"], lambda a: a[:, 0])],
    "RandomSaturation": [(lambda told, theirs: told["factor"], lambda a: (a / (1 - a))[:, 0])],
    "RandomErasing": [
        (
            lambda told, theirs: np.where(told["apply_erasing"], np.mean(told["batch_masks"], axis=(1, 2, 3)), 0),
            lambda a: erased((len(a), 17, 32, 1), a).mean(axis=(1, 2, 3)),
        )
    ],
}


@random_layers
def test_numbers_are_spread_as_keras_s_are(keras: Any, module: str, entry: Entry) -> None:
    keras.utils.set_random_seed(1)
    ours, theirs = pair(keras, module, entry)
    shape, n = entry.shapes[0], 3000
    assert shape[:2] == (17, 32)
    numbers = numbers_of(ours, shape, n)
    if entry.name == "RandomCrop":  # Keras draws one place for a batch
        places = np.array([theirs.get_random_transformation(np.zeros((1, *shape))) for _ in range(n // 10)])
        for axis, size in enumerate((entry.arguments["height"], entry.arguments["width"])):
            mine, its = np.floor(numbers[:, axis]), places[:, axis]
            assert (mine.min(), mine.max()) == (its.min(), its.max()) == (0, shape[axis] - size)
            assert abs(mine.mean() - its.mean()) < 4.5 * its.std() / np.sqrt(n / 10)
        return
    told = theirs.get_random_transformation(np.zeros((n, *shape), np.float32))
    for of_keras, of_ours in SEEN[entry.name]:
        its, mine = (np.sort(np.asarray(value, np.float64).ravel()) for value in (of_keras(told, theirs), of_ours(numbers)))  # fmt: skip
        # Kolmogorov and Smirnov: of two samples of n from one distribution, in one of 10^5 cases the distance is above 2.47 sqrt(2 / n)
        steps = np.concatenate([mine, its])
        distance = np.abs(np.searchsorted(mine, steps, "right") - np.searchsorted(its, steps, "right")).max() / n
        assert distance < 2.47 * np.sqrt(2 / n)


def test_noise_is_spread_as_keras_s_is(keras: Any) -> None:
    keras.utils.set_random_seed(1)
    ours, theirs = (words.layers.RandomErasing((1, 1), (1, 1), value_range=(-1, 2)) for words in (fastcnn, keras))
    x = np.zeros((4, 50, 50, 3), np.float32)
    mine, its = np.sort(ours.augment(x, **STREAM).ravel()), np.sort(np.asarray(theirs(x, training=True)).ravel())
    distance = np.abs(mine - its)[:: len(its) // 50].max()
    assert distance < 0.1
    assert (mine.min(), mine.max()) == (its.min(), its.max()) == (-1, 2)


@random_layers
def test_in_inference_both_leave_pictures_alone(keras: Any, module: str, entry: Entry) -> None:
    ours, theirs = pair(keras, module, entry)
    for shape in entry.shapes:
        x = normal(3, *shape)
        np.testing.assert_array_equal(theirs(x, training=False), x)
        if entry.name != "RandomCrop":
            np.testing.assert_array_equal(ours(x), x)
        assert (None, *ours.compute_output_shape(shape)) == tuple(theirs.compute_output_shape((None, *shape)))
        assert ours(x, training=True).shape == np.shape(theirs(x, training=True))


def saved(model: Any, path: Path) -> bool:
    """Whether it could be: Keras fails to copy the config of a layer that was given a list, as it is after it was read from a file, for a .h5."""
    try:
        model.save(path)
    except TypeError as error:
        if path.suffix != ".h5" or "cannot pickle 'module' object" not in str(error):
            raise
        return False
    return True


@pytest.mark.parametrize("ending", [".h5", ".keras"])
@random_layers
def test_a_model_with_each_goes_to_keras_and_back(
    keras: Any, module: str, entry: Entry, ending: str, tmp_path: Path
) -> None:
    for words, there in ((fastcnn, keras), (keras, fastcnn)):
        layer = make(words, "layers", entry, name="mine")
        model = words.models.Sequential([words.layers.Input(entry.shapes[0]), layer])
        if not saved(model, tmp_path / f"out{ending}"):
            continue
        arrived = [there.models.load_model(tmp_path / f"out{ending}")]
        if saved(arrived[0], tmp_path / f"back{ending}"):
            arrived.append(words.models.load_model(tmp_path / f"back{ending}"))
        for loaded in arrived:
            assert rewritten(loaded.layers[0].get_config()) == rewritten(layer.get_config())
            assert tuple(loaded.output_shape) == tuple(model.output_shape)


def rewritten(written: Any) -> Any:
    """As it is after a file: tuples are lists."""
    return json.loads(json.dumps(written))


def test_keras_says_that_a_padded_crop_is_not_its_own(keras: Any, tmp_path: Path) -> None:
    model = fastcnn.models.Sequential([layers.Input((8, 8, 3)), layers.RandomPaddedCrop(2)])
    model.save(tmp_path / "model.keras")
    with pytest.raises((TypeError, ValueError), match=r"RandomPaddedCrop|fastcnn"):
        keras.models.load_model(tmp_path / "model.keras")


def test_a_model_of_keras_s_trains_here_from_its_file(keras: Any, tmp_path: Path) -> None:
    words = keras.layers
    stack = [
        words.Input((8, 8, 3)),
        words.RandomFlip("horizontal"),
        words.RandomTranslation(0.1, 0.1),
        words.Flatten(),
        words.Dense(3),
    ]
    theirs = keras.Sequential(stack)
    theirs.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x, y = normal(20, 8, 8, 3), np.arange(20) % 3
    theirs.fit(x, y, verbose=0)
    for ending in (".keras", ".h5"):
        theirs.save(tmp_path / f"model{ending}")
        ours = fastcnn.models.load_model(tmp_path / f"model{ending}")
        assert_near(ours.predict(x, verbose=0), theirs.predict(x, verbose=0))
        ours.fit(x, y, verbose=0)
        assert not np.array_equal(ours.get_weights()[0], theirs.get_weights()[0])
