"""dropout, of single values and of whole channels."""

from __future__ import annotations

from typing import Any

import cases
import numpy as np
import pytest
import reference_random
from cases import Case
from checks import assert_all_close, assert_close, rejected
from fastcnn import ops
from hypothesis import given
from hypothesis import strategies as st
from strategies import seeds, whole_numbers

X = np.ones(1000, np.float32)


@pytest.mark.parametrize("case", cases.of("dropout", "spatial_dropout"), ids=str)
def test_agrees_with_float64(case: Case) -> None:
    assert_all_close(case.run(ops), case.run(reference_random), case.allowed)


@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=3),
    st.sampled_from([0.0, 0.1, 0.5, 0.999]),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    seeds,
)
def test_agrees_with_float64_for_any_shape_and_stream(
    shape: list[int], rate: float, seed: int, step: int, purpose: int, values: int
) -> None:
    x = whole_numbers(values, *shape)
    settings: dict[str, Any] = {"seed": seed, "step": step, "purpose": purpose}
    assert_close(ops.dropout(x, rate, **settings), reference_random.dropout(x, rate, **settings), cases.ROUNDINGS)


def test_a_rate_of_zero_drops_nothing() -> None:
    np.testing.assert_array_equal(ops.dropout(X, 0.0, seed=1), X)


@pytest.mark.parametrize("other", [{"seed": 2}, {"seed": 1 + 2**32}, {"step": 1}, {"purpose": 1}])
def test_seed_step_and_purpose_each_name_another_stream(other: dict[str, int]) -> None:
    y = ops.dropout(X, 0.5, seed=1)
    np.testing.assert_array_equal(y, ops.dropout(X, 0.5, seed=1, step=0, purpose=0))
    assert 400 < (y != ops.dropout(X, 0.5, **({"seed": 1} | other))).sum() < 600


def test_a_dropped_nan_is_zero_and_a_kept_one_stays() -> None:
    y = ops.dropout(np.full(1000, np.nan, np.float32), 0.5, seed=1)
    np.testing.assert_array_equal(np.isnan(y), ops.dropout(X, 0.5, seed=1) != 0)
    assert not y[~np.isnan(y)].any()


def test_channels_are_dropped_whole_and_each_image_has_its_own() -> None:
    y = ops.spatial_dropout(np.ones((50, 3, 4, 40), np.float32), 0.5, seed=1)
    kept = y[:, 0, 0] != 0
    np.testing.assert_array_equal(y, np.broadcast_to(2 * kept[:, None, None], y.shape))
    assert 900 < kept.sum() < 1100
    assert len(np.unique(kept, axis=0)) == 50


IMAGES = np.ones((2, 3, 3, 4), np.float32)


@pytest.mark.parametrize(("operation", "x"), [("dropout", X), ("spatial_dropout", IMAGES)])
@pytest.mark.parametrize("rate", [-0.1, 1.0, 1.5, float("nan")])
def test_a_rate_out_of_range_is_named(operation: str, x: Any, rate: float) -> None:
    with rejected(ValueError, operation, "rate", "[0, 1)", rate if rate != 1 else 1):
        getattr(ops, operation)(x, rate, seed=1)


def test_what_is_no_images_is_named() -> None:
    with rejected(ValueError, "spatial_dropout", "x must have shape (N, H, W, C)", "(1000,)"):
        ops.spatial_dropout(X, 0.5, seed=1)


@pytest.mark.parametrize(
    ("name", "value"),
    [("seed", -1), ("seed", 2**64), ("step", -1), ("step", 2**64), ("purpose", -1), ("purpose", 2**32)],
)
@pytest.mark.parametrize(("operation", "x"), [("dropout", X), ("spatial_dropout", IMAGES)])
def test_a_stream_out_of_range_is_named(operation: str, x: Any, name: str, value: int) -> None:
    with rejected(ValueError, operation, name, value):
        getattr(ops, operation)(x, 0.5, **({"seed": 1} | {name: value}))
