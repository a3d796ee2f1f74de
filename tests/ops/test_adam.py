"""adam, which works in place."""

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

ARRAYS = ("parameters", "gradients", "momentum", "velocity")


def zeros(n: int = 3, **others: Any) -> dict[str, Any]:
    return {name: np.zeros(n, np.float32) for name in ARRAYS} | others


@pytest.mark.parametrize("case", cases.of("adam"), ids=str)
def test_agrees_with_float64(case: Case) -> None:
    want = case.run(reference)
    assert_all_close(case.run(ops), want, case.allowed)


@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=4),
    st.sampled_from([1, 2, 1000, 10**7]),
    st.floats(1e-5, 0.1),
    st.sampled_from([0.5, 0.9]),
    st.sampled_from([0.9, 0.999]),
    st.sampled_from([1e-8, 1e-7, 1.0]),
    st.sampled_from([0.0, 0.004, 0.5]),
    seeds,
)
def test_agrees_with_float64_for_any_shape_and_setting(
    shape: list[int],
    step: int,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    weight_decay: float,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    arrays = {name: cases.squares(*shape)(rng) for name in ARRAYS}
    arrays["parameters"] *= -1  # so that nothing cancels
    settings = {"step": step, "learning_rate": learning_rate, "beta_1": beta_1, "beta_2": beta_2, "epsilon": epsilon}
    settings["weight_decay"] = weight_decay
    want = reference.adam(**arrays, **settings)
    ops.adam(**arrays, **settings)
    assert_all_close([arrays["parameters"], arrays["momentum"], arrays["velocity"]], want, cases.SHORT_SUM)


def test_the_first_step_goes_by_the_learning_rate_against_the_gradient_whatever_its_size() -> None:
    arrays = zeros(4, gradients=np.float32([10, -1, 1e3, 0]))
    ops.adam(**arrays, step=1, learning_rate=0.5)
    np.testing.assert_allclose(
        arrays["parameters"], [-0.5, 0.5, -0.5, 0], rtol=1e-5
    )  # epsilon is 3e-6 of sqrt(v) for a gradient of 1


def test_a_decay_is_no_part_of_the_gradient_and_none_touches_nothing() -> None:
    arrays = zeros(4, parameters=np.float32([1, -2, np.inf, -0.0]))
    ops.adam(**arrays, step=1, learning_rate=0.5)
    np.testing.assert_array_equal(arrays["parameters"], np.float32([1, -2, np.inf, 0]))
    ops.adam(**arrays, step=2, learning_rate=0.5, weight_decay=0.25)
    np.testing.assert_array_equal(arrays["parameters"][:2], np.float32([0.875, -1.75]))
    assert not arrays["momentum"].any()
    assert not arrays["velocity"].any()


def test_nan_comes_through() -> None:
    arrays = zeros(20)
    arrays["gradients"][[3, 18]] = np.nan
    ops.adam(**arrays, step=1)
    for name in ("parameters", "momentum", "velocity"):
        np.testing.assert_array_equal(np.flatnonzero(np.isnan(arrays[name])), [3, 18])


@pytest.mark.parametrize("name", ["gradients", "momentum", "velocity"])
def test_an_array_of_another_shape_is_named(name: str) -> None:
    with rejected(ValueError, "adam", name, "(3,)", "(4,)"):
        ops.adam(**zeros(**{name: np.zeros(4, np.float32)}), step=1)


@pytest.mark.parametrize("name", ["parameters", "momentum", "velocity"])
def test_what_is_updated_must_be_writable_and_in_c_order(name: str) -> None:
    read_only = np.zeros(3, np.float32)
    read_only.flags.writeable = False
    for array in (read_only, np.zeros(6, np.float32)[::2]):
        with rejected(ValueError, "adam", name, "in place", "writable", "C order"):
            ops.adam(**zeros(**{name: array}), step=1)


@pytest.mark.parametrize(
    ("settings", "parts"),
    [
        ({"step": 0}, ["step", "at least 1", 0]),
        ({"step": -3}, ["step", "at least 1", -3]),
        ({"step": 1, "beta_1": 1.0}, ["beta_1", "[0, 1)", 1]),
        ({"step": 1, "beta_2": -0.5}, ["beta_2", "[0, 1)", -0.5]),
        ({"step": 1, "beta_2": float("nan")}, ["beta_2", "[0, 1)", "nan"]),
        ({"step": 1, "weight_decay": -0.1}, ["weight_decay", "at least 0", -0.1]),
        ({"step": 1, "weight_decay": float("inf")}, ["weight_decay", "finite", "inf"]),
    ],
)
def test_settings_out_of_range_are_named(settings: dict[str, Any], parts: list[object]) -> None:
    arrays = zeros()
    with rejected(ValueError, "adam", *parts):
        ops.adam(**arrays, **settings)
    assert not any(array.any() for array in arrays.values())
