"""A small network in float64 whose kinks can be chosen: what a step of training gives if ReLU or a maximum decides one way or the other.

ReLU at 0 and a maximum at a tie have no gradient; a program takes one of two, and which one hangs on the last bit of a float32 sum. `Network` computes
the gradient in float64, finds the places where float32 cannot tell (`kinks`), and `explain` shows that a result which differs from
float64's is float64's with other choices at some of these places, and nowhere else.

The layers of the network are words: "conv" ('valid', stride 1), "pool" (the maximum of 2x2), "relu", "leaky_relu" (0.2), "silu", "gelu", "flatten" and
"dense"; it ends in softmax cross-entropy. A ReLU before a maximum is written behind it, where it is the same function with the same gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import reference
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

__all__ = ["Kink", "Network", "explain"]

Array = NDArray[np.float64]
Choices = dict[
    int, NDArray[Any]
]  # by layer: of each ReLU whether it lets through, of each maximum which of the four won

# What float32 may be off by in a sum, as a part of the sum of its terms' sizes. Roundings partly cancel, so sums of 27 to 1,024 terms stay far below
# their number times 2^-24, even over inputs that are off themselves; test_network64.py looks at what they are off by.
ROUNDING = 16 * 2.0**-24

SLOPES = {"relu": 0.0, "leaky_relu": 0.2}  # below 0
SMOOTH = {"silu": (reference.silu, reference.silu_backward), "gelu": (reference.gelu, reference.gelu_backward)}
STEEPEST = 1.13  # the largest slope of these


class Kink(NamedTuple):
    """A place where the choice is open: element `where` (its first index is the image) of the layer's choices could be `other`."""

    layer: int
    where: tuple[int, ...]
    other: int


class Network:
    """The network with its weights, run forward on a batch x with class numbers y.

    choices : of each ReLU and maximum, by its place in `layers`, as float64 makes them. kinks : those that float32 may make otherwise.
    doubt : how far float32 may be off in the logits.
    """

    def __init__(
        self, layers: Sequence[str], weights: Sequence[NDArray[Any]], x: NDArray[Any], y: NDArray[Any]
    ) -> None:
        self.layers = list(layers)
        self.y = np.asarray(y)
        self.inputs: list[Array] = []
        self.parameters: dict[int, tuple[Array, Array]] = {}
        self.choices: Choices = {}
        self.kinks: list[Kink] = []
        remaining = iter([np.asarray(weight, np.float64) for weight in weights])
        value = np.asarray(x, np.float64)
        doubt = np.zeros_like(value)
        for index, layer in enumerate(self.layers):
            self.inputs.append(value)
            if layer in ("conv", "dense"):
                w, b = self.parameters[index] = next(remaining), next(remaining)
                apply = _conv if layer == "conv" else np.matmul
                value, doubt = apply(value, w) + b, ROUNDING * (apply(np.abs(value), np.abs(w)) + np.abs(b))
            elif layer in SLOPES:
                value = self._relu(index, value, doubt)
            elif layer in SMOOTH:
                value, doubt = SMOOTH[layer][0](value), STEEPEST * doubt
            elif layer == "pool":
                value, doubt = self._pool(index, value, doubt)
            else:
                value, doubt = value.reshape(len(value), -1), doubt.reshape(len(value), -1)
        self.logits, self.doubt = value, doubt

    def gradients(self, choices: Choices | None = None, images: slice = slice(None)) -> list[Array]:
        """The gradients of the mean loss by all weights; with `images`, the part that comes from them, and `choices` are theirs alone."""
        chosen = self.choices if choices is None else choices
        exponentials = np.exp(self.logits[images] - self.logits[images].max(axis=1, keepdims=True))
        d = exponentials / exponentials.sum(axis=1, keepdims=True)
        d[np.arange(len(d)), self.y[images]] -= 1
        d /= len(self.y)
        found: list[list[Array]] = []
        for index in range(len(self.layers) - 1, -1, -1):
            x, layer = self.inputs[index][images], self.layers[index]
            if layer in ("conv", "dense"):
                w = self.parameters[index][0]
                found.append(_parameter_gradients(layer, x, d, w.shape))
                d = _input_gradient(layer, d, w)
            elif layer in SLOPES:
                d = d * np.where(chosen[index], 1, SLOPES[layer])
            elif layer in SMOOTH:
                d = SMOOTH[layer][1](d, x)
            elif layer == "pool":
                d = _unpool(d, chosen[index], x.shape)
            else:
                d = d.reshape(x.shape)
        return [gradient for pair in reversed(found) for gradient in pair]

    def change(self, kinks: Sequence[Kink]) -> list[Array]:
        """By how much `gradients()` changes when these kinks are taken the other way."""
        total = [np.zeros(array.shape) for pair in self.parameters.values() for array in pair]
        for image in {kink.where[0] for kink in kinks}:
            one = slice(image, image + 1)
            choices = {index: choice[one].copy() for index, choice in self.choices.items()}
            before = self.gradients(choices, one)
            for kink in kinks:
                if kink.where[0] == image:
                    choices[kink.layer][(0, *kink.where[1:])] = kink.other
            for sum_, new, old in zip(total, self.gradients(choices, one), before, strict=True):
                sum_ += new - old
        return total

    def _relu(self, index: int, x: Array, doubt: Array) -> Array:
        self.choices[index] = x > 0
        for where in np.argwhere(np.abs(x) <= doubt):
            place = tuple(int(i) for i in where)
            self.kinks.append(Kink(index, place, int(not self.choices[index][place])))
        return np.where(x > 0, x, SLOPES[self.layers[index]] * x)

    def _pool(self, index: int, x: Array, doubt: Array) -> tuple[Array, Array]:
        windows, doubts = _windows(x), _windows(doubt)
        winner = windows.argmax(axis=-1)
        best, its_doubt = (np.take_along_axis(values, winner[..., None], -1) for values in (windows, doubts))
        near = best - windows <= its_doubt + doubts
        if self.layers[index + 1] == "relu":
            near &= best > -its_doubt  # below that it is cut
        np.put_along_axis(near, winner[..., None], False, -1)
        self.choices[index] = winner
        for *where, other in np.argwhere(near):
            self.kinks.append(Kink(index, tuple(int(i) for i in where), int(other)))
        return best[..., 0], its_doubt[..., 0]


def explain(
    network: Network, got: Sequence[NDArray[Any]], step: Callable[[Sequence[Array]], Sequence[Array]], allowed: float
) -> list[Kink] | None:
    """The kinks that a step has taken the other way than float64, or None if no choice at the open ones gives `got`.

    got : the weights after the step. step : in float64, from gradients to the weights after it. allowed : how far `got` may be off from those.
    Kinks are turned one by one, each time the one that brings the weights nearest in the sum of squares, until all are near enough.
    """
    flat = _flat(got)
    gradients = network.gradients()
    changes = {kink: network.change([kink]) for kink in network.kinks}
    turned: list[Kink] = []
    now = gradients
    while np.abs(flat - _flat(step(now))).max() > allowed:
        distance = {
            kink: _distance(flat, step(_sum(now, changes[kink]))) for kink in network.kinks if kink not in turned
        }
        best = min(distance, key=distance.__getitem__, default=None)
        if best is None or distance[best] >= _distance(flat, step(now)):
            return None
        turned.append(best)
        now = _sum(gradients, network.change(turned))
    return turned


def _sum(arrays: Sequence[Array], others: Sequence[Array]) -> list[Array]:
    return [array + other for array, other in zip(arrays, others, strict=True)]


def _distance(flat: Array, arrays: Sequence[Array]) -> float:
    return float(np.square(flat - _flat(arrays)).sum())


def _flat(arrays: Sequence[NDArray[Any]]) -> Array:
    return np.concatenate([np.asarray(array, np.float64).ravel() for array in arrays])


def _patches(x: Array, height: int, width: int) -> Array:
    """(N, P, Q, R * S * C): what each place of a filter sees."""
    view = sliding_window_view(x, (height, width), axis=(1, 2))  # N, P, Q, C, R, S
    return view.transpose(0, 1, 2, 4, 5, 3).reshape(*view.shape[:3], -1)


def _conv(x: Array, w: Array) -> Array:
    return _patches(x, *w.shape[:2]) @ w.reshape(-1, w.shape[3])


def _parameter_gradients(layer: str, x: Array, d: Array, shape: tuple[int, ...]) -> list[Array]:
    seen = _patches(x, *shape[:2]) if layer == "conv" else x
    rows = d.reshape(-1, d.shape[-1])
    return [(seen.reshape(len(rows), -1).T @ rows).reshape(shape), rows.sum(axis=0)]


def _input_gradient(layer: str, d: Array, w: Array) -> Array:
    if layer == "dense":
        return d @ w.T
    r, s = w.shape[:2]
    return _conv(np.pad(d, ((0, 0), (r - 1, r - 1), (s - 1, s - 1), (0, 0))), w[::-1, ::-1].transpose(0, 1, 3, 2))


def _windows(x: Array) -> Array:
    """(N, P, Q, C, 4): the windows of a 2x2 pooling, a ragged rest dropped."""
    n, h, w, c = x.shape
    whole = x[:, : h // 2 * 2, : w // 2 * 2].reshape(n, h // 2, 2, w // 2, 2, c)
    return whole.transpose(0, 1, 3, 5, 2, 4).reshape(n, h // 2, w // 2, c, 4)


def _unpool(d: Array, winner: NDArray[Any], shape: tuple[int, ...]) -> Array:
    n, p, q, c = d.shape
    spread = (np.arange(4) == winner[..., None]) * d[..., None]
    image = np.zeros(shape)
    image[:, : 2 * p, : 2 * q] = (
        spread.reshape(n, p, q, c, 2, 2).transpose(0, 1, 4, 2, 5, 3).reshape(n, 2 * p, 2 * q, c)
    )
    return image
