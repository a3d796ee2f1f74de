"""What hypothesis draws: shapes at their borders, and arrays of small whole numbers, whose sums are exact in any order."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

batches = st.sampled_from([0, 1, 2, 5])
channels = st.sampled_from([1, 2, 3, 8, 15, 16, 17, 32, 33])
sizes = st.integers(1, 9)
strides = st.integers(1, 4)
seeds = st.integers(0, 2**32 - 1)


class Sliding(NamedTuple):
    """An image and a window on it."""

    image: tuple[int, int]
    window: tuple[int, int]
    stride: tuple[int, int]
    padding: str | tuple[tuple[int, int], tuple[int, int]]


def strides_for(window: tuple[int, int]) -> st.SearchStrategy[tuple[int, int]]:
    """Any; or the window's own size, as poolings mostly have it."""
    return st.one_of(st.tuples(strides, strides), st.just(window))


@st.composite
def slidings(draw: st.DrawFn, padding_beyond_window: bool) -> Sliding:
    """Any window that fits. Where padding stays below the window's size, each window holds a pixel of the image."""
    image = draw(st.tuples(sizes, sizes))
    kind = draw(st.sampled_from(["valid", "same", "explicit"]))
    if kind != "explicit":
        largest = image if kind == "valid" else (10, 10)
        window = draw(st.tuples(st.integers(1, largest[0]), st.integers(1, largest[1])))
        return Sliding(image, window, draw(strides_for(window)), kind)
    sides = []
    window = []
    for extent in image:
        size = draw(st.integers(1, extent))
        amount = st.integers(0, size + 3 if padding_beyond_window else size - 1)
        sides.append(draw(st.tuples(amount, amount)))
        window.append(size)
    size = (window[0], window[1])
    return Sliding(image, size, draw(strides_for(size)), (sides[0], sides[1]))


def whole_numbers(seed: int, *shape: int) -> NDArray[np.float32]:
    return np.float32(np.random.default_rng(seed).integers(-4, 5, shape))
