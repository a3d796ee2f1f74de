"""sgd, which works in place."""

from __future__ import annotations

from typing import Any

import cases
import numpy as np
import pytest
import reference
from cases import Case
from checks import assert_all_close, rejected
from fastcnn import ops
from hypothesis import given
from hypothesis import strategies as st
from strategies import seeds


def zeros(n: int = 3) -> dict[str, Any]:
    return {name: np.zeros(n, np.float32) for name in ("parameters", "gradients", "momentum")}


@pytest.mark.parametrize("case", cases.of("sgd"), ids=str)
def test_agrees_with_float64(case: Case) -> None:
    want = case.run(reference)
    assert_all_close(case.run(ops), want, case.allowed)


@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=4),
    st.floats(1e-5, 1),
    st.sampled_from([0.0, 0.5, 0.9, 1.0]),
    st.booleans(),
    st.sampled_from([0.0, 0.004, 0.5]),
    seeds,
)
def test_agrees_with_float64_for_any_shape_and_setting(
    shape: list[int], learning_rate: float, momentum_rate: float, nesterov: bool, weight_decay: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    arrays = {name: cases.squares(*shape)(rng) for name in ("parameters", "gradients", "momentum")}
    arrays["gradients"] *= -1  # so that nothing cancels
    settings: dict[str, Any] = {"learning_rate": learning_rate, "momentum_rate": momentum_rate, "nesterov": nesterov}
    settings["weight_decay"] = weight_decay
    p, m = reference.sgd(**arrays, **settings)
    before = arrays["momentum"].copy()
    ops.sgd(**arrays, **settings)
    assert_all_close([arrays["parameters"]], [p], cases.SHORT_SUM)
    if momentum_rate == 0:
        np.testing.assert_array_equal(arrays["momentum"], before)
    else:
        assert_all_close([arrays["momentum"]], [m], cases.SHORT_SUM)


def test_nan_comes_through() -> None:
    arrays = zeros(20)
    arrays["gradients"][[3, 18]] = np.nan
    ops.sgd(**arrays, momentum_rate=0.9)
    for name in ("parameters", "momentum"):
        np.testing.assert_array_equal(np.flatnonzero(np.isnan(arrays[name])), [3, 18])


@pytest.mark.parametrize("name", ["gradients", "momentum"])
def test_an_array_of_another_shape_is_named(name: str) -> None:
    with rejected(ValueError, "sgd", name, "(3,)", "(4,)"):
        ops.sgd(**(zeros() | {name: np.zeros(4, np.float32)}), momentum_rate=0.9)


@pytest.mark.parametrize("name", ["parameters", "momentum"])
def test_what_is_updated_must_be_writable_and_in_c_order(name: str) -> None:
    read_only = np.zeros(3, np.float32)
    read_only.flags.writeable = False
    for array in (read_only, np.zeros(6, np.float32)[::2]):
        with rejected(ValueError, "sgd", name, "in place", "writable", "C order"):
            ops.sgd(**(zeros() | {name: array}), momentum_rate=0.9)


@pytest.mark.parametrize("rate", [-0.1, 1.5, float("nan")])
def test_a_momentum_rate_out_of_range_is_named(rate: float) -> None:
    with rejected(ValueError, "sgd", "momentum_rate", "[0, 1]", rate):
        ops.sgd(**zeros(), momentum_rate=rate)


def test_a_weight_decay_out_of_range_is_named() -> None:
    with rejected(ValueError, "sgd", "weight_decay", "at least 0", -0.1):
        ops.sgd(**zeros(), weight_decay=-0.1)


def test_a_momentum_rate_without_its_array_is_named() -> None:
    with rejected(ValueError, "sgd", "momentum_rate", 0.9, "array"):
        ops.sgd(np.zeros(3, np.float32), np.zeros(3, np.float32), momentum_rate=0.9)
