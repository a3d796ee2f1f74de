"""What changes pictures at random, in float64, as reference.py has the other operations: from the formulas of csrc/ops/augmentation.h, pixel by pixel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from reference import Float64, as_float64
from reference_random import random_bits, random_uniform

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
    "normals",
    "rotate",
    "translate",
    "zoom",
]

NOISE = 1 << 31


def draw_uniform(
    n: int, low: Sequence[float], high: Sequence[float], *, seed: int, step: int = 0, purpose: int = 0
) -> Float64:
    k = len(low)
    whole = -(-k // 4) * 4
    u = random_uniform(n * whole, seed, step, purpose).reshape(n, whole)[:, :k]
    return as_float64(low) + u * np.float64(np.float32(as_float64(high) - as_float64(low)))


def flip(x: ArrayLike, numbers: ArrayLike, mode: str = "horizontal_and_vertical") -> Float64:
    y = as_float64(x).copy()
    for i, [number] in enumerate(np.asarray(numbers)):
        if number <= 0.5:
            y[i] = y[i, :: -1 if "vertical" in mode else 1, :: -1 if "horizontal" in mode else 1]
    return y


def read(image: Float64, h: int, w: int, fill_mode: str, fill_value: float) -> Any:
    """The pixel (h, w) of an image that goes on for ever."""
    place = []
    for i, size in ((h, image.shape[0]), (w, image.shape[1])):
        if fill_mode == "constant" and not 0 <= i < size:
            return np.full(image.shape[2], fill_value)
        around = [*range(size), *reversed(range(size))] if fill_mode == "reflect" else list(range(size))
        place.append(min(max(i, 0), size - 1) if fill_mode == "nearest" else around[i % len(around)])
    return image[place[0], place[1]]


def crop(
    x: ArrayLike,
    numbers: ArrayLike,
    size: Sequence[int],
    *,
    padding: int = 0,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
) -> Float64:
    x = as_float64(x)
    n, height, width, channels = x.shape
    y = np.zeros((n, *size, channels))
    for i, (a, b) in enumerate(np.asarray(numbers, np.float64)):
        top = int(min(max(a, 0), height + 2 * padding - size[0])) - padding
        left = int(min(max(b, 0), width + 2 * padding - size[1])) - padding
        for p in range(size[0]):
            for q in range(size[1]):
                y[i, p, q] = read(x[i], top + p, left + q, fill_mode, fill_value)
    return y


def held(x: float, size: int) -> float:
    """Where "wrap" reads between pixels: TensorFlow's words for it, which leave no pixel between the last and the first."""
    last = size - 1
    if last == 0:
        return 0.0
    if x < 0:
        x += size * (int(-x / last) + 1)
    elif x > last:
        x -= size * int(x / last)
    return min(max(x, 0.0), last)


def resample(
    x: ArrayLike,
    place: Callable[[int, int, int], tuple[float, float]],
    fill_mode: str,
    interpolation: str,
    fill_value: float,
    nudge: tuple[float, float],
) -> Float64:
    """place(i, h, w): the row and the column of image i that are read for its pixel (h, w). nudge : what is added to them."""
    x = as_float64(x)
    n, height, width, _ = x.shape
    y = np.zeros(x.shape)
    for i, h, w in np.ndindex(n, height, width):
        row, column = (each + by for each, by in zip(place(i, h, w), nudge, strict=True))
        if fill_mode == "wrap":
            row, column = held(row, height), held(column, width)
        if interpolation == "nearest":
            nearest = (int(np.copysign(np.floor(abs(each) + 0.5), each)) for each in (row, column))
            y[i, h, w] = read(x[i], *nearest, fill_mode, fill_value)
            continue
        top, left = int(np.floor(row)), int(np.floor(column))
        for down in (0, 1):
            for right in (0, 1):
                share = abs(1 - down - (row - top)) * abs(1 - right - (column - left))
                if share > 0:
                    y[i, h, w] += share * read(x[i], top + down, left + right, fill_mode, fill_value)
    return y


def translate(
    x: ArrayLike,
    numbers: ArrayLike,
    *,
    fill_mode: str = "reflect",
    interpolation: str = "bilinear",
    fill_value: float = 0.0,
    nudge: tuple[float, float] = (0.0, 0.0),
) -> Float64:
    _, height, width, _ = np.shape(x)
    shifts = np.asarray(numbers, np.float64) * (height, width)
    return resample(
        x, lambda i, h, w: (h - shifts[i, 0], w - shifts[i, 1]), fill_mode, interpolation, fill_value, nudge
    )


def rotate(
    x: ArrayLike,
    numbers: ArrayLike,
    *,
    fill_mode: str = "reflect",
    interpolation: str = "bilinear",
    fill_value: float = 0.0,
    nudge: tuple[float, float] = (0.0, 0.0),
) -> Float64:
    _, height, width, _ = np.shape(x)
    middle = complex((width - 1) / 2, (height - 1) / 2)
    turns = np.exp(2j * np.pi * np.asarray(numbers, np.float64)[:, 0])

    def place(i: int, h: int, w: int) -> tuple[float, float]:
        at = (complex(w, h) - middle) * turns[i] + middle
        return at.imag, at.real

    return resample(x, place, fill_mode, interpolation, fill_value, nudge)


def zoom(
    x: ArrayLike,
    numbers: ArrayLike,
    *,
    fill_mode: str = "reflect",
    interpolation: str = "bilinear",
    fill_value: float = 0.0,
    nudge: tuple[float, float] = (0.0, 0.0),
) -> Float64:
    _, height, width, _ = np.shape(x)
    times = 1 + np.broadcast_to(np.asarray(numbers, np.float64), (len(np.asarray(x)), 2))
    middle = (height - 1) / 2, (width - 1) / 2
    return resample(
        x,
        lambda i, h, w: ((h - middle[0]) * times[i, 0] + middle[0], (w - middle[1]) * times[i, 1] + middle[1]),
        fill_mode,
        interpolation,
        fill_value,
        nudge,
    )


def of_images(numbers: ArrayLike) -> Float64:
    return as_float64(numbers).reshape(-1, 1, 1, 1)


def adjust_brightness(x: ArrayLike, numbers: ArrayLike, *, low: float = 0.0, high: float = 255.0) -> Float64:
    return np.clip(as_float64(x) + of_images(numbers) * (high - low), low, high)


def adjust_contrast(x: ArrayLike, numbers: ArrayLike, *, low: float = 0.0, high: float = 255.0) -> Float64:
    x = as_float64(x)
    mean = x.mean(axis=(1, 2), keepdims=True)
    return np.clip((x - mean) * of_images(numbers) + mean, low, high)


def adjust_saturation(x: ArrayLike, numbers: ArrayLike, *, low: float = 0.0, high: float = 255.0) -> Float64:
    """By way of the smallest channel: at the saturation s of the largest value v it is v (1 - s), and the others lie between in the old proportions."""
    x, a = as_float64(x), of_images(numbers)[..., 0]
    most, least = x.max(axis=-1), x.min(axis=-1)
    coloured = (most > 0) & (most > least)
    saturation = np.where(coloured, 1 - least / np.where(coloured, most, 1), 0)
    wanted = np.clip(saturation * (a / (1 - a + 1e-7)), low, high)
    between = (most[..., None] - x) / np.where(coloured, most - least, 1)[..., None]
    return most[..., None] - np.where(coloured[..., None], between * (most * wanted)[..., None], 0)


def normals(count: int, seed: int, step: int, purpose: int) -> Float64:
    """Standard normals: from the numbers u, v the two with radius sqrt(-2 log(1 - u)) and angle 2 pi v."""
    u, v = random_uniform(count + count % 2, seed, step, purpose | NOISE).reshape(-1, 2).T
    points = np.sqrt(-2 * np.log1p(-u)) * np.exp(2j * np.pi * v)
    return np.stack([points.real, points.imag], axis=1).ravel()[:count]


def erased(shape: Sequence[int], numbers: ArrayLike) -> NDArray[np.bool_]:
    """Which pixels are: (N, H, W, 1)."""
    mask = np.zeros((*shape[:3], 1), bool)
    for i, (a, b, c, d, most, drawn) in enumerate(np.asarray(numbers, np.float64)):
        inside = []
        for size, part, place in ((shape[1], a, c), (shape[2], b, d)):
            length = np.sqrt(part) * size
            begin = place * (size - length)
            inside.append((np.arange(size) >= begin) & (np.arange(size) < begin + length))
        mask[i, ..., 0] = np.outer(*inside) & (drawn < most)
    return mask


def erase(
    x: ArrayLike,
    numbers: ArrayLike,
    *,
    fill_value: float | None = None,
    low: float = 0.0,
    high: float = 255.0,
    seed: int = 0,
    step: int = 0,
    purpose: int = 0,
) -> Float64:
    x = as_float64(x)
    noise = high * normals(x.size, seed, step, purpose).reshape(x.shape)
    return np.where(erased(x.shape, numbers), np.clip(noise if fill_value is None else fill_value, low, high), x)


def draw_mixing(n: int, quantiles: ArrayLike, *, seed: int, step: int = 0, purpose: int = 0) -> tuple[Float64, int]:
    table = np.asarray(quantiles, np.float32)
    u = random_uniform(4 * n, seed, step, purpose).reshape(n, 4)
    place = 1024 * u[:, 0]
    below = place.astype(int)
    share = as_float64(table)[below] + (place - below) * as_float64(table[below + 1] - table[below])
    shift = 1 + int(random_bits(4, seed, step, purpose)[3]) % (n - 1) if n > 1 else 0
    return np.stack([share, u[:, 1], u[:, 2]], axis=1), shift


def mix(
    x: ArrayLike, targets: ArrayLike, numbers: ArrayLike, *, shift: int = 1, boxed: bool = False
) -> tuple[Float64, Float64]:
    x, targets, numbers = as_float64(x), as_float64(targets), np.asarray(numbers, np.float32)
    left = np.float32(1) - numbers[:, :1]
    shares = as_float64(numbers[:, :1]), as_float64(left)
    mixed = shares[0] * targets + shares[1] * np.roll(targets, -shift, axis=0)
    other = np.roll(x, -shift, axis=0)
    if not boxed:
        return of_images(shares[0]) * x + of_images(shares[1]) * other, mixed
    box = np.concatenate([left, left, numbers[:, 1:], left + 1, left], axis=1)  # the last two: always erased
    return np.where(erased(x.shape, box), other, x), mixed
