"""MixUp and CutMix beside a real Keras's: given the same numbers the same pictures and labels, and shares that are spread alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fastcnn import ops
from fastcnn.augmentation import CutMix, Mixing, MixUp
from peer_keras import QUIET, assert_near, keras_or_skip

pytestmark = QUIET

N, H, W, C, K = 40, 17, 32, 3, 10


@pytest.fixture(scope="module")
def keras() -> Any:
    return keras_or_skip()


def told(theirs: Any, numbers: Any, shift: int, boxed: bool) -> dict[str, Any]:
    """What Keras's layer is told, by our numbers."""
    order = np.roll(np.arange(len(numbers)), -shift)
    if not boxed:
        return {"mix_weight": numbers[:, 0], "permutation_order": order}
    root = np.sqrt(1 - numbers[:, 0])
    corners = []
    for size, place in ((W, numbers[:, 2]), (H, numbers[:, 1])):
        begin = place * (size - root * size)
        corners += [begin, begin + root * size]
    masks, weights = theirs._generate_batch_mask((len(numbers), H, W, C), corners)
    return {"batch_masks": masks, "mix_weight": weights, "permutation_order": order}


@pytest.mark.parametrize("mixing", [MixUp(), MixUp(1.0), CutMix(), CutMix((1, 1))], ids=str)
def test_given_the_numbers_pictures_and_labels_are_keras_s(keras: Any, mixing: Mixing, backend: str) -> None:
    theirs = keras.layers.CutMix() if mixing._boxed else keras.layers.MixUp()
    rng = np.random.default_rng(0)
    x = np.float32(rng.integers(0, 256, (N, H, W, C)))
    y = np.eye(K, dtype=np.float32)[rng.integers(0, K, N)]
    for seed in range(4):
        numbers, shift = ops.draw_mixing(N, mixing._quantiles(), seed=seed)
        transformation = told(theirs, numbers, shift, mixing._boxed)
        images, labels = ops.mix(x, y, numbers, shift=shift, boxed=mixing._boxed)
        assert_near(images, theirs.transform_images(x, transformation), seed)
        assert_near(labels, theirs.transform_labels(y, transformation), seed)


def distance(first: Any, second: Any) -> float:
    """Of Kolmogorov and Smirnov, for as many of both."""
    first, second = np.sort(first), np.sort(second)
    steps = np.linspace(0, 1, 1001)[1:-1]
    return float(np.abs(np.searchsorted(first, steps) - np.searchsorted(second, steps)).max() / len(first))


def shares_of(mixing: Mixing, n: int) -> Any:
    return ops.draw_mixing(n, mixing._quantiles(), seed=1)[0][:, 0]


@pytest.mark.parametrize("alpha", [0.2, 0.5, 1.0])
def test_shares_are_spread_as_mix_up_s(keras: Any, alpha: float) -> None:
    keras.utils.set_random_seed(1)
    n = 3000
    theirs = keras.layers.MixUp(alpha).get_random_transformation(np.zeros((n, 1, 1, 1), np.float32))
    assert distance(shares_of(MixUp(alpha), n), np.asarray(theirs["mix_weight"])) < 2.47 * np.sqrt(2 / n)


@pytest.mark.parametrize("factor", [1.0, (0.4, 0.6)])
def test_shares_are_spread_as_cut_mix_s(keras: Any, factor: Any) -> None:
    """Keras draws alpha once for a batch, so each of its batches gives one share here."""
    keras.utils.set_random_seed(1)
    n, theirs = 1000, keras.layers.CutMix(factor)
    drawn = [float(theirs._generate_mix_weight(1, theirs.generator)[0]) for _ in range(n)]
    assert distance(shares_of(CutMix(factor), n), drawn) < 2.47 * np.sqrt(2 / n)


def test_the_arguments_are_keras_s(keras: Any) -> None:
    assert keras.layers.MixUp().alpha == MixUp().alpha
    assert tuple(keras.layers.CutMix().factor) == CutMix().factor
    assert tuple(keras.layers.CutMix((0.2, 0.6)).factor) == CutMix((0.2, 0.6)).factor
