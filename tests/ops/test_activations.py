"""leaky_relu, bounded_relu, silu and gelu, and their gradients. relu, sigmoid and softmax have files of their own."""

from __future__ import annotations

from typing import Any

import cases
import numpy as np
import pytest
import reference
from cases import Case
from checks import Array, assert_all_close, assert_close, rejected
from fastcnn import ops
from hypothesis import given
from hypothesis import strategies as st
from strategies import seeds, whole_numbers

NAMES = ("leaky_relu", "bounded_relu", "silu", "gelu")
GRADIENTS = tuple(f"{name}_backward" for name in NAMES)
SMOOTH: list[tuple[str, dict[str, Any]]] = [("silu", {}), ("gelu", {}), ("gelu", {"approximate": True})]
KINKED: list[tuple[str, dict[str, Any]]] = [
    ("leaky_relu", {}),
    ("leaky_relu", {"negative_slope": 0.0}),
    ("bounded_relu", {"max_value": 2.0}),
    ("bounded_relu", {"negative_slope": 0.5, "threshold": 1.0}),
    ("bounded_relu", {"negative_slope": 1.5, "threshold": 2.0, "max_value": 1.0}),
]
each = pytest.mark.parametrize(("name", "settings"), [*SMOOTH, *KINKED])
smooth = pytest.mark.parametrize(("name", "settings"), SMOOTH)
PLACES = np.array([0, 7, 15, 16, 18])  # in whole vectors and in the rest of one
ELSEWHERE = np.setdiff1d(np.arange(19), PLACES)


def among_others(value: float) -> Array:
    """19 values, of which those at PLACES are this one."""
    values = np.full(19, 0.5, np.float32)
    values[PLACES] = value
    return values


def slopes(name: str, x: Array, settings: dict[str, Any]) -> Array:
    """The slope at each x, by the gradient of 1."""
    needed = ops.leaky_relu(x, **settings) if name == "leaky_relu" else x
    slope: Array = getattr(ops, f"{name}_backward")(np.ones_like(x), needed, **settings)
    return slope


@pytest.mark.parametrize("case", cases.of(*NAMES, *GRADIENTS), ids=str)
def test_agrees_with_float64(case: Case) -> None:
    assert_all_close(case.run(ops), case.run(reference), case.allowed)


@each
@given(st.lists(st.integers(0, 40), min_size=1, max_size=3), seeds)
def test_agrees_with_float64_for_any_shape(name: str, settings: dict[str, Any], shape: list[int], seed: int) -> None:
    """Whole numbers, kinks among them."""
    x, dy = whole_numbers(seed, *shape), whole_numbers(seed + 1, *shape)
    assert_close(getattr(ops, name)(x, **settings), getattr(reference, name)(x, **settings), cases.SHORT_SUM)
    backward = f"{name}_backward"
    assert_close(
        getattr(ops, backward)(dy, x, **settings), getattr(reference, backward)(dy, x, **settings), cases.SHORT_SUM
    )


@smooth
def test_every_value_and_slope_is_as_near_as_the_header_says(name: str, settings: dict[str, Any]) -> None:
    x = np.float32(np.concatenate([np.linspace(-20, 20, 100_003), np.geomspace(1e-30, 1, 500), -np.geomspace(1e-30, 1, 500)]))  # fmt: skip
    one = np.ones_like(x)
    backward = f"{name}_backward"
    for got, want in (
        (getattr(ops, name)(x, **settings), getattr(reference, name)(x, **settings)),
        (getattr(ops, backward)(one, x, **settings), getattr(reference, backward)(one, x, **settings)),
    ):
        error, allowed = np.abs(got - want), np.maximum(1e-7, 1e-6 * np.abs(want))
        worst = (error / allowed).argmax()
        assert error[worst] < allowed[worst], (x[worst], got[worst], want[worst])


@smooth
@pytest.mark.parametrize(("x", "y"), [(np.nan, np.nan), (np.inf, np.inf), (-np.inf, np.nan), (-3e38, 0), (3e38, 3e38), (0, 0), (-100, 0)])  # fmt: skip
def test_the_ends_and_what_is_not_finite(name: str, settings: dict[str, Any], x: float, y: float) -> None:
    got = getattr(ops, name)(among_others(x), **settings)
    np.testing.assert_array_equal(got[PLACES], np.float32(y))
    np.testing.assert_allclose(got[ELSEWHERE], getattr(reference, name)(np.float64(0.5), **settings), rtol=1e-6)


@smooth
@pytest.mark.parametrize(("x", "slope"), [(np.nan, np.nan), (np.inf, np.nan), (-np.inf, np.nan), (-1e18, 0), (1e18, 1), (0, 0.5)])  # fmt: skip
def test_the_slopes_at_the_ends_and_of_what_is_not_finite(
    name: str, settings: dict[str, Any], x: float, slope: float
) -> None:
    got = slopes(name, among_others(x), settings)
    elsewhere = getattr(reference, f"{name}_backward")(1.0, np.float64(0.5), **settings)
    np.testing.assert_allclose(got[PLACES], np.float32(slope), rtol=1e-6)
    np.testing.assert_allclose(got[ELSEWHERE], elsewhere, rtol=1e-6)


def test_slopes_of_values_whose_square_overflows() -> None:
    far = np.float32([-3e38, 3e38])
    for name in ("silu", "gelu"):
        np.testing.assert_array_equal(slopes(name, far, {}), [0, 1])
    assert np.isnan(slopes("gelu", far, {"approximate": True})).all()


@pytest.mark.parametrize(
    ("name", "settings", "x", "y", "slope"),
    [
        ("leaky_relu", {"negative_slope": 0.25}, np.nan, np.nan, 0.25),
        ("leaky_relu", {"negative_slope": 0.25}, np.inf, np.inf, 1),
        ("leaky_relu", {"negative_slope": 0.25}, -np.inf, -np.inf, 0.25),
        ("leaky_relu", {"negative_slope": 0.25}, 0, 0, 0.25),
        ("leaky_relu", {"negative_slope": 0.0}, -np.inf, np.nan, 0),
        ("bounded_relu", {"max_value": 6.0}, np.nan, np.nan, 0),
        ("bounded_relu", {"max_value": 6.0}, np.inf, 6, 0),
        ("bounded_relu", {"max_value": 6.0}, -np.inf, 0, 0),
        ("bounded_relu", {"max_value": 6.0}, 6, 6, 1),
        ("bounded_relu", {"threshold": 1.0}, np.inf, np.inf, 1),
        ("bounded_relu", {"threshold": 1.0, "negative_slope": 0.5}, 1, 0, 0),
        ("bounded_relu", {"threshold": 1.0, "negative_slope": 0.5}, np.nan, np.nan, 0),
        ("bounded_relu", {"threshold": 1.0, "negative_slope": 0.5}, -np.inf, -np.inf, 0.5),
        ("bounded_relu", {"threshold": 2.0, "max_value": 1.0}, 3, 1, 0),
    ],
)
def test_kinks_and_what_is_not_finite(name: str, settings: dict[str, Any], x: float, y: float, slope: float) -> None:
    values = among_others(x)
    np.testing.assert_array_equal(getattr(ops, name)(values, **settings)[PLACES], np.float32(y))
    np.testing.assert_array_equal(slopes(name, values, settings)[PLACES], np.float32(slope))


def test_bounded_relu_is_relu_and_leaky_relu_where_it_has_no_bounds() -> None:
    x = cases.normal(1000)(np.random.default_rng(1))
    np.testing.assert_array_equal(ops.bounded_relu(x), ops.relu(x))
    np.testing.assert_array_equal(ops.bounded_relu(x, negative_slope=0.2), ops.leaky_relu(x))


@pytest.mark.parametrize("value", [-0.5, np.nan, np.inf])
def test_bad_settings_are_named(value: float) -> None:
    x = np.ones(3, np.float32)
    for call, arrays in ((ops.leaky_relu, (x,)), (ops.leaky_relu_backward, (x, x))):
        with rejected(ValueError, call.__name__, "negative_slope must be finite and at least 0", value):
            call(*arrays, negative_slope=value)
    for call, arrays in ((ops.bounded_relu, (x,)), (ops.bounded_relu_backward, (x, x))):
        for setting in ("negative_slope", "threshold", *(["max_value"] if value != np.inf else [])):
            with rejected(ValueError, "bounded_relu", f"{setting} must be", "at least 0", value):
                call(*arrays, **{setting: value})


@pytest.mark.parametrize(("name", "other"), list(zip(GRADIENTS, "yxxx", strict=True)))
def test_bad_shapes_are_named(name: str, other: str) -> None:
    with rejected(ValueError, name, f"{other} ", (2, 3), (3, 2)):
        getattr(ops, name)(np.ones((2, 3), np.float32), np.ones((3, 2), np.float32))
