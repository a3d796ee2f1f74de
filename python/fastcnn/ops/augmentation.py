"""Pictures changed at random: the numbers of each image, and what becomes of it by them. See `fastcnn.ops`; `csrc/ops/augmentation.h` has the mathematics.

x is (N, H, W, C); `numbers` is (N, k), what `draw_uniform` gives, and each image's row of it says alone what becomes of that image. Numbers are in
the units of the `factor` of Keras's layer. `mix` takes two pictures for one (csrc/ops/mix.h).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fastcnn import _core
from fastcnn._operands import Array, Arrays, Size, pair
from fastcnn.ops.elementwise import _check_stream

__all__ = [
    "adjust_brightness",
    "adjust_contrast",
    "adjust_saturation",
    "crop",
    "draw_mixing",
    "draw_uniform",
    "erase",
    "flip",
    "mix",
    "rotate",
    "translate",
    "zoom",
]


def draw_uniform(
    n: int, low: Sequence[float], high: Sequence[float], *, seed: int, step: int = 0, purpose: int = 0
) -> NDArray[np.float32]:
    """Numbers for n images, (n, k): column j lies between low[j] and high[j], k up to 6.

    Counter-based: image i has the numbers from 4 * ceil(k / 4) * i on of the Philox stream (seed, step, purpose), so that its own do not depend on
    how many images there are. seed, step : in [0, 2**64). purpose : in [0, 2**31).
    """
    _check_stream("draw_uniform", seed, step, purpose)
    numbers: NDArray[np.float32] = _core.draw_uniform(n, list(low), list(high), seed, step, purpose)
    return numbers


def flip(x: Array, numbers: Array, mode: str = "horizontal_and_vertical") -> Array:
    """Each image whose number is at most 0.5 is turned over: mode "horizontal" exchanges left and right, "vertical" top and bottom.

    "horizontal_and_vertical" does both, by the one number, as Keras's RandomFlip does: half of the images are turned by 180 degrees. numbers : (N, 1).
    """
    of = Arrays("flip", x)
    return of.kind(_core.flip(of("x", x), of("numbers", numbers), mode))


def crop(
    x: Array,
    numbers: Array,
    size: Size,
    *,
    padding: int = 0,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
) -> Array:
    """A window of `size` pixels, (P, Q), of each image with `padding` pixels put around it: (N, P, Q, C).

    numbers : (N, 2), the row and the column of the padded image at which the window begins, their fractions cut off, as far as there is room. fill_mode : what lies around an image,
    "constant" (fill_value), "reflect", "wrap" or "nearest", as in Keras; see `translate`. ValueError for a window that is larger than the padded image.
    """
    of = Arrays("crop", x)
    return of.kind(
        _core.crop(of("x", x), of("numbers", numbers), pair("crop", "size", size), padding, fill_mode, fill_value)
    )


def translate(
    x: Array, numbers: Array, *, fill_mode: str = "reflect", interpolation: str = "bilinear", fill_value: float = 0.0
) -> Array:
    """Each image (a, b) is moved down by a of its height and to the right by b of its width. numbers : (N, 2).

    fill_mode : what an image "abcd" is beyond its borders: "reflect" dcba|abcd|dcba, "wrap" abcd|abcd|abcd, "nearest" aaaa|abcd|dddd, "constant"
    `fill_value`. interpolation : "bilinear", or "nearest" for the nearest pixel. As Keras's RandomTranslation, and TensorFlow.
    """
    of = Arrays("translate", x)
    return of.kind(_core.translate(of("x", x), of("numbers", numbers), interpolation, fill_mode, fill_value))


def rotate(
    x: Array, numbers: Array, *, fill_mode: str = "reflect", interpolation: str = "bilinear", fill_value: float = 0.0
) -> Array:
    """Each image is turned about its middle by its number of full turns, counterclockwise. numbers : (N, 1). The rest as for `translate`."""
    of = Arrays("rotate", x)
    return of.kind(_core.rotate(of("x", x), of("numbers", numbers), interpolation, fill_mode, fill_value))


def zoom(
    x: Array, numbers: Array, *, fill_mode: str = "reflect", interpolation: str = "bilinear", fill_value: float = 0.0
) -> Array:
    """Each image (a, b) shows 1 + a times as many rows and 1 + b times as many columns: above 0 it becomes smaller.

    numbers : (N, 2), or (N, 1) for one number in both directions. The rest as for `translate`.
    """
    of = Arrays("zoom", x)
    return of.kind(_core.zoom(of("x", x), of("numbers", numbers), interpolation, fill_mode, fill_value))


def adjust_brightness(x: Array, numbers: Array, *, low: float = 0.0, high: float = 255.0) -> Array:
    """x + number * (high - low), cut to [low, high]. numbers : (N, 1)."""
    of = Arrays("adjust_brightness", x)
    return of.kind(_core.adjust_brightness(of("x", x), of("numbers", numbers), low, high))


def adjust_contrast(x: Array, numbers: Array, *, low: float = 0.0, high: float = 255.0) -> Array:
    """(x - m) * number + m, m the mean of the image's channel, cut to [low, high]. numbers : (N, 1)."""
    of = Arrays("adjust_contrast", x)
    return of.kind(_core.adjust_contrast(of("x", x), of("numbers", numbers), low, high))


def adjust_saturation(x: Array, numbers: Array, *, low: float = 0.0, high: float = 255.0) -> Array:
    """The saturation of each pixel (of three channels) times a / (1 - a), a the image's number: 0 is grey, 0.5 nothing, 1 the fullest colours.

    numbers : (N, 1). low, high : what the saturation is cut to, as in Keras's RandomSaturation, where it is the range of the values.
    """
    of = Arrays("adjust_saturation", x)
    return of.kind(_core.adjust_saturation(of("x", x), of("numbers", numbers), low, high))


def erase(
    x: Array,
    numbers: Array,
    *,
    fill_value: float | None = None,
    low: float = 0.0,
    high: float = 255.0,
    seed: int = 0,
    step: int = 0,
    purpose: int = 0,
) -> Array:
    """A box of an image becomes `fill_value`, or normal noise times `high`; cut to [low, high].

    numbers : (N, 6): the parts of the area that are a square with the box's height and with its width; how far down and to the right it lies, from
    0 to 1; the probability with which it is erased; and what must lie below that. seed, step, purpose : of the noise, as for `draw_uniform`.
    Source: Zhong et al. 2020, as Keras's RandomErasing.
    """
    of = Arrays("erase", x)
    _check_stream("erase", seed, step, purpose)
    return of.kind(_core.erase(of("x", x), of("numbers", numbers), fill_value, low, high, seed, step, purpose))


def draw_mixing(
    n: int, quantiles: NDArray[np.float32], *, seed: int, step: int = 0, purpose: int = 0
) -> tuple[NDArray[np.float32], int]:
    """What `mix` takes for n pictures: numbers (n, 3), of which the first has the given distribution and the others lie in [0, 1), and the shift.

    quantiles : (1025,), those of the distribution at k / 1024; between them it is even. shift : from 1 to n - 1, the same for the batch; 0 for one
    picture. Counter-based, as `draw_uniform`; the shift depends on n, the numbers do not.
    """
    _check_stream("draw_mixing", seed, step, purpose)
    of = Arrays("draw_mixing", quantiles)
    numbers, shift = _core.draw_mixing(n, of("quantiles", quantiles), seed, step, purpose)
    return of.kind(numbers), shift


def mix(x: Array, targets: Array, numbers: Array, *, shift: int = 1, boxed: bool = False) -> tuple[Array, Array]:
    """Picture i and picture (i + shift) mod N in one, and their targets likewise: the pictures (N, H, W, C) and the targets (N, K).

    targets : (N, K), one-hot rows or any shares. numbers : (N, 3), (l, a, b) of each picture: what is left of its own target, and, where `boxed`,
    where the other's box lies, from 0 to 1 downwards and to the right. Not `boxed` (MixUp), a pixel is l of its own and 1 - l of the other's;
    `boxed` (CutMix), the other's in a box of that share of the area, else its own. ValueError for a shift outside [0, N).
    Sources: Zhang et al. 2018, Yun et al. 2019, as Keras's MixUp and CutMix.
    """
    of = Arrays("mix", x)
    y, mixed = _core.mix(of("x", x), of("targets", targets), of("numbers", numbers), shift, boxed)
    return of.kind(y), of.kind(mixed)
