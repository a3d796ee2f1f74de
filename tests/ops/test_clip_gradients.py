"""clip_gradients, which works in place."""

from __future__ import annotations

from typing import Any

import cases
import numpy as np
import pytest
import reference
from cases import Case
from checks import assert_all_close, assert_close, rejected
from fastcnn import ops
from hypothesis import given
from hypothesis import strategies as st
from strategies import seeds

KINDS = ("clipvalue", "clipnorm", "global_clipnorm")
SLAB = 4096  # floats


@pytest.mark.parametrize("case", cases.of("clip_gradients"), ids=str)
def test_agrees_with_float64(case: Case) -> None:
    assert_all_close(case.run(ops), case.run(reference), case.allowed)


@given(
    st.lists(st.tuples(st.integers(0, 9000), st.integers(0, 40)), max_size=5),
    st.sampled_from(KINDS),
    st.floats(1e-3, 1e3),
    seeds,
)
def test_agrees_with_float64_for_any_parts(sizes: list[tuple[int, int]], kind: str, limit: float, seed: int) -> None:
    parts, at = [], 0
    for size, gap in sizes:
        parts.append((at, size))
        at += size + gap
    g = cases.normal(at)(np.random.default_rng(seed))
    want = reference.clip_gradients(g, parts, **{kind: limit})
    ops.clip_gradients(g, parts, **{kind: limit})
    assert_close(g, want, cases.SHORT_SUM)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_small_enough_stays_to_the_bit(kind: str) -> None:
    g = cases.normal(2 * SLAB + 5)(np.random.default_rng(1))
    before = g.copy()
    ops.clip_gradients(g, [(0, 5000), (5000, len(g) - 5000)], **{kind: 1e6})
    np.testing.assert_array_equal(g, before)
    g[:] = 0
    ops.clip_gradients(g, **{kind: 0.5})
    assert not g.any()


def test_a_norm_is_that_of_each_part_or_of_all() -> None:
    g = np.float32([3, 4, 7, 0, 6, 0])  # 7 lies between the parts
    parts = [(0, 2), (3, 3)]
    each, together, values = g.copy(), g.copy(), g.copy()
    ops.clip_gradients(each, parts, clipnorm=5.5)
    np.testing.assert_allclose(each, [3, 4, 7, 0, 5.5, 0], rtol=1e-6)
    ops.clip_gradients(together, parts, global_clipnorm=1)
    np.testing.assert_allclose(together, np.array([3, 4, 7 * 61**0.5, 0, 6, 0]) / 61**0.5, rtol=1e-6)
    ops.clip_gradients(values, parts, clipvalue=3.5)
    np.testing.assert_array_equal(values, np.float32([3, 3.5, 7, 0, 3.5, 0]))


def test_large_gradients_do_not_overflow() -> None:
    g = np.float32([3e30, -4e30])
    ops.clip_gradients(g, clipnorm=1)
    np.testing.assert_allclose(g, [0.6, -0.8], rtol=1e-6)


@pytest.mark.parametrize(
    ("kind", "value", "of_the_part", "elsewhere"),
    [
        ("clipvalue", np.nan, (np.nan, 0.5), 0.5),
        ("clipvalue", -np.inf, (-0.5, 0.5), 0.5),
        ("clipnorm", np.nan, (np.nan, np.nan), 0.5),
        ("clipnorm", np.inf, (np.nan, 0), 0.5),
        ("global_clipnorm", np.nan, (np.nan, np.nan), np.nan),
        ("global_clipnorm", np.inf, (np.nan, np.nan), np.nan),
    ],
)
def test_what_is_not_finite_shows_as_in_keras(
    kind: str, value: float, of_the_part: tuple[float, float], elsewhere: float
) -> None:
    g = np.full(2 * SLAB + 1, 2, np.float32)
    g[3] = value
    ops.clip_gradients(g, [(0, 2 * SLAB), (2 * SLAB, 1)], **{kind: 0.5})
    want = np.full(2 * SLAB + 1, of_the_part[1], np.float32)
    want[3], want[-1] = of_the_part[0], elsewhere
    np.testing.assert_array_equal(g, want)


@pytest.mark.parametrize(
    ("settings", "parts"),
    [
        ({}, ["exactly one", "0 are"]),
        ({"clipnorm": 1, "clipvalue": 1}, ["exactly one", "2 are"]),
        ({"clipnorm": 0}, ["clipnorm", "above 0", 0]),
        ({"clipvalue": -1}, ["clipvalue", "above 0", -1]),
        ({"global_clipnorm": float("nan")}, ["global_clipnorm", "finite", "nan"]),
        ({"clipnorm": 1, "gradients": np.zeros((2, 3), np.float32)}, ["gradients", "(n,)", (2, 3)]),
        ({"clipnorm": 1, "gradients": np.zeros(6, np.float32)[::2]}, ["gradients", "in place", "C order"]),
        ({"clipnorm": 1, "parts": [(0, 3), (2, 1)]}, ["parts", "overlap", 2]),
        ({"clipnorm": 1, "parts": [(2, 2)]}, ["parts", "in 3 floats", 2]),
        ({"clipnorm": 1, "parts": [(-1, 2)]}, ["parts", -1]),
        ({"clipnorm": 1, "parts": [(0, -2)]}, ["parts", -2]),
        ({"clipnorm": 1, "parts": [(2**62, 2**62)]}, ["parts", 2**62]),
    ],
)
def test_bad_input_is_named(settings: dict[str, Any], parts: list[object]) -> None:
    with rejected(ValueError, "clip_gradients", *parts):
        ops.clip_gradients(**({"gradients": np.zeros(3, np.float32)} | settings))
