"""What `fit(augment=[...])` takes: random layers for one training alone, and `MixUp` and `CutMix`, which change labels and so cannot stand in a model.

    model.fit(x, y, augment=[layers.RandomFlip("horizontal"), layers.RandomPaddedCrop(4), augmentation.MixUp(0.2)])

The mathematics is in csrc/ops/mix.h, the random layers are in `fastcnn.layers`.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import cache
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastcnn import ops
from fastcnn._arguments import positive
from fastcnn.layers.augmentation import Augmentation, Factor, bounds_of, seed_of
from fastcnn.losses import Loss
from fastcnn.stage import CHOICE_PURPOSE, MIXING_PURPOSE

__all__ = ["CutMix", "MixUp"]

Floats = NDArray[np.float32]


class Mixing:
    """What MixUp and CutMix share: each picture of a batch is mixed with another one of it, and its label likewise.

    Picture i goes with picture i + s of the batch, counted around, s drawn for each step; the shares are drawn for each picture. All of it follows from the seed, the
    step and the place in the batch, alike on every device. seed : an integer, or None for the model's own.
    """

    _boxed: ClassVar[bool]

    def __init__(self, seed: int | None) -> None:
        self.seed = seed_of(type(self).__name__, seed)

    def augment(self, x: ArrayLike, y: ArrayLike, *, seed: int, step: int) -> tuple[Floats, Floats]:
        """What becomes of a batch of pictures, (N, H, W, C), and of its labels, one-hot rows (N, K), in that step of a training.

        seed : the model's; the own one goes before it.
        """
        own = (seed if self.seed is None else self.seed) % 2**64
        images, targets = np.ascontiguousarray(x, np.float32), np.ascontiguousarray(y, np.float32)
        numbers, shift = ops.draw_mixing(len(images), self._quantiles(), seed=own, step=step, purpose=MIXING_PURPOSE)
        mixed: tuple[Floats, Floats] = ops.mix(images, targets, numbers, shift=shift, boxed=self._boxed)
        return mixed

    def described(self) -> tuple[bool, list[float], int | None, int]:
        """For `_core.Plan`: whether it is boxed, the quantiles of a picture's own share, the seed and the purpose."""
        seed = None if self.seed is None else self.seed % 2**64
        return self._boxed, self._quantiles().tolist(), seed, MIXING_PURPOSE

    def _quantiles(self) -> Floats:
        raise NotImplementedError


class MixUp(Mixing):
    """A picture becomes l of itself and 1 - l of another one, pixel by pixel, and its label likewise. Source: Zhang et al. 2018.

    l is drawn from Beta(alpha, alpha). alpha : above 0; near 0 most pictures stay nearly what they were (or become the other one), 1 is any l alike.
    """

    _boxed = False

    def __init__(self, alpha: float = 0.2, *, seed: int | None = None) -> None:
        self.alpha = positive("MixUp", "alpha", alpha)
        super().__init__(seed)

    def __repr__(self) -> str:
        return f"MixUp(alpha={self.alpha}, seed={self.seed})"

    def _quantiles(self) -> Floats:
        return beta_quantiles(self.alpha, self.alpha)


class CutMix(Mixing):
    """A box of a picture, 1 - l of its area, becomes that of another one, and its label l of its own and 1 - l of the other's. Source: Yun et al. 2019.

    l is drawn from Beta(a, a). factor : a number f, for any a from 0 to f, or two between which a lies, all in [0, 1], as in Keras, which draws a
    for each batch; here it is drawn for each picture. (1, 1) is the paper's: any area alike. The label goes by the box's own size, not by the whole
    pixels in it.
    """

    _boxed = True

    def __init__(self, factor: Factor = 1.0, *, seed: int | None = None) -> None:
        self.factor = bounds_of("CutMix", "factor", factor, 0.0)
        super().__init__(seed)

    def __repr__(self) -> str:
        return f"CutMix(factor={self.factor}, seed={self.seed})"

    def _quantiles(self) -> Floats:
        smallest = 1e-6  # Keras's: there is no Beta(0, 0)
        return beta_quantiles(self.factor[0] + smallest, self.factor[1] + smallest)


@cache
def beta_quantiles(low: float, high: float) -> Floats:
    """The quantiles at k / 1024, (1025,), of a number from Beta(a, a), where a is drawn evenly from low to high.

    The integral of t^(a - 1) (1 - t)^(a - 1) from 0 to x is that of s^(a / p - 1) (1 - t)^(a - 1) / p over s = t^p, with p = min(a, 1), which has no
    pole at 0. It is summed by trapezoids from 0 to 1/2, where it is 1/2 of the whole; the rest follows by symmetry.

    Between quantiles numbers are even, so the outermost 1024ths would reach to 0 and 1, where for a far above 1 Beta has nothing: the variance would be
    1.06 of Beta's at a = 40 and 1.56 of it at a = 400. They reach as far as leaves their means what Beta's are, instead.
    """
    x = np.union1d(np.exp2(-np.linspace(1, 121, 1 << 13)), np.linspace(0, 0.5, 1 << 13))
    cumulative = np.zeros(len(x))
    nodes = np.linspace(low, high, 257)[1::2] if low < high else np.array([low])
    for a in nodes:
        power = min(a, 1.0)
        density = (4 * x * (1 - x)) ** (a - power) * (1 - x) ** (power - 1)
        sums = np.cumsum((density[1:] + density[:-1]) * np.diff(x**power))
        cumulative[1:] += sums / (2 * sums[-1] * len(nodes))
    lower = np.interp(np.arange(513) / 1024, cumulative, x)
    outermost = np.interp((np.arange(1024) + 0.5) / 1024**2, cumulative, x)
    lower[0] = max(0, 2 * outermost.mean() - lower[1])
    lower[lower < 1e-30] = 0  # whose products would be subnormal
    quantiles = np.concatenate([lower, 1 - lower[-2::-1]]).astype(np.float32)
    quantiles.flags.writeable = False
    return quantiles


def chosen(mixings: Sequence[Mixing], seed: int, step: int) -> Mixing:
    """The one of them by which the batch of that step is mixed. seed : the model's."""
    number = ops.draw_uniform(1, [0], [1], seed=seed % 2**64, step=step, purpose=CHOICE_PURPOSE)
    return mixings[int(float(number[0, 0]) * len(mixings))]


class Augment(NamedTuple):
    """What `fit(augment=...)` was given: what mixes, of which there may be several, and the random layers, which come behind it."""

    mixings: tuple[Mixing, ...] = ()
    layers: tuple[Augmentation, ...] = ()

    @classmethod
    def of(cls, given: Any, shape: Sequence[int], loss: Loss) -> Augment:
        """That, checked, for images of that shape and that loss. None is nothing. ValueError for what does not fit."""
        if given is None:
            return cls()
        if not isinstance(given, (list, tuple)):
            raise ValueError(f"fit: augment must be a list, such as [RandomFlip(), MixUp()], but is {given!r}")
        for index, entry in enumerate(given):
            if isinstance(entry, Augmentation):
                after = entry.compute_output_shape(shape)
                if after != tuple(shape):
                    raise ValueError(
                        f"fit: augment[{index}], {entry!r}, makes images of shape {after} out of {tuple(shape)}, but must keep their shape"
                    )
            elif not isinstance(entry, Mixing):
                raise ValueError(f"fit: augment[{index}] must be a random layer, MixUp or CutMix, but is {entry!r}")
            elif not loss.classes:
                raise ValueError(
                    f"fit: augment[{index}], {entry!r}, mixes the labels of classes, so it needs a categorical crossentropy (or the sparse one), "
                    f"but the model was compiled with {type(loss).__name__}"
                )
            elif len(shape) != 3:
                raise ValueError(
                    f"fit: augment[{index}], {entry!r}, mixes images, (height, width, channels), but the model takes {tuple(shape)}"
                )
        return cls(
            tuple(entry for entry in given if isinstance(entry, Mixing)),
            tuple(entry for entry in given if isinstance(entry, Augmentation)),
        )

    def front(self, shape: tuple[int, ...]) -> list[Augmentation]:
        """Copies of the layers, built for images of that shape: those that were given stay as they are."""
        front = [copy.copy(layer) for layer in self.layers]
        for layer in front:
            layer.build(shape)
        return front
