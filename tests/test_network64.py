"""network64.py itself: its gradients are right, it finds the kinks that a result has taken otherwise, and it does not explain what is wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from fastcnn import ops
from network64 import Array, Kink, Network, explain

LAYERS = ["conv", "pool", "relu", "conv", "relu", "flatten", "dense", "relu", "dense"]
OTHERS = ["conv", "gelu", "pool", "conv", "leaky_relu", "flatten", "dense", "silu", "dense"]


def network(kinks: int = 0, layers: Sequence[str] = LAYERS) -> Network:
    """A small one, of either kind; with biases moved so that at least `kinks` of the first layer's maxima lie on ReLU's kink."""
    rng = np.random.default_rng(0)
    shapes = [(3, 3, 2, 4), (4,), (2, 2, 4, 5), (5,), (45, 6), (6,), (6, 3), (3,)]
    weights = [rng.normal(0, 0.5, shape).astype(np.float32) for shape in shapes]
    x, y = rng.random((4, 10, 11, 2), np.float32), rng.integers(0, 3, 4)
    if kinks:
        for channel in range(kinks):
            weights[1][channel] = 0
            weights[1][channel] -= np.float32(Network(LAYERS, weights, x, y).inputs[2][channel, 1, 1, channel])
    return Network(layers, weights, x, y)


def step(gradients: Sequence[Array]) -> list[Array]:
    return [-gradient for gradient in gradients]


@pytest.mark.parametrize("layers", [LAYERS, OTHERS], ids=["relu", "others"])
def test_gradients_are_those_of_finite_differences(layers: list[str]) -> None:
    it = network(layers=layers)
    weights = [array.copy() for pair in it.parameters.values() for array in pair]

    def loss() -> float:
        logits = Network(layers, weights, it.inputs[0], it.y).logits
        return float((np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(4), it.y]).mean())

    for array, gradient in zip(weights, it.gradients(), strict=True):
        for place in np.random.default_rng(1).integers(0, array.shape, (5, array.ndim)):
            at = tuple(place)
            value = array[at]
            array[at] = value + 1e-6
            above = loss()
            array[at] = value - 1e-6
            below = loss()
            array[at] = value
            assert gradient[at] == pytest.approx((above - below) / 2e-6, rel=1e-5, abs=1e-9)


def test_float32_is_off_by_less_than_the_doubt(backend: str) -> None:
    """So a choice that float32 makes otherwise is among the kinks."""
    rng = np.random.default_rng(2)
    shapes = [(3, 3, 3, 32), (32,), (3, 3, 32, 64), (64,), (1600, 64), (64,)]
    weights = [(rng.normal(0, 1, shape) / np.sqrt(np.prod(shape[:-1]))).astype(np.float32) for shape in shapes]
    x = rng.random((8, 16, 16, 3), np.float32)
    it = Network(["conv", "pool", "relu", "conv", "relu", "flatten", "dense"], weights, x, np.zeros(8, int))
    pooled, _ = ops.max_pool2d(ops.conv2d(x, weights[0], weights[1]))
    second = ops.relu(ops.conv2d(ops.relu(pooled), weights[2], weights[3]))
    off = np.abs(ops.dense(second.reshape(8, -1), weights[4], weights[5]) - it.logits)
    assert (off < it.doubt).all()


def test_no_kink_where_there_is_a_margin() -> None:
    assert network().kinks == []


def test_kinks_that_were_taken_otherwise_are_found() -> None:
    it = network(kinks=3)
    assert {kink.where for kink in it.kinks if kink.layer == 2} >= {(channel, 1, 1, channel) for channel in range(3)}
    for turned in ([], it.kinks[:1], it.kinks[:3]):
        got = step([g + c for g, c in zip(it.gradients(), it.change(turned), strict=True)])
        found = explain(it, got, step, 1e-12)
        assert found is not None
        assert set(found) == set(turned)


def test_a_maximum_at_a_tie_is_a_kink() -> None:
    x = np.zeros((1, 3, 3, 1))
    x[0, 0, 0] = x[0, 1, 1] = 1
    it = Network(
        ["conv", "pool", "relu", "flatten", "dense"],
        [np.ones((2, 2, 1, 1)), np.ones(1), np.ones((1, 2)), np.zeros(2)],
        x,
        np.zeros(1, int),
    )
    assert it.kinks == []  # the window's values are 3, 2, 2 and 2
    x[0, 0, 0] = 0
    it = Network(
        ["conv", "pool", "relu", "flatten", "dense"],
        [np.ones((2, 2, 1, 1)), np.ones(1), np.ones((1, 2)), np.zeros(2)],
        x,
        np.zeros(1, int),
    )
    assert it.kinks == [Kink(1, (0, 0, 0, 0), other) for other in (1, 2, 3)]


def test_what_is_wrong_is_not_explained_by_kinks() -> None:
    it = network(kinks=3)
    for layer in range(8):
        wrong = it.gradients()
        wrong[layer] = wrong[layer] * 1.01
        assert explain(it, step(wrong), step, 1e-5 * np.abs(wrong[layer]).max()) is None
