"""penalty: what a regularizer adds to the loss and to a gradient."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from checks import assert_close
from fastcnn import ops


@pytest.mark.parametrize("shape", [(), (1,), (33,), (3, 3, 16, 32), (4096,), (20_003,), (0,)])
@pytest.mark.parametrize(("l1", "l2"), [(0.0, 0.0), (0.01, 0.0), (0.0, 0.02), (0.01, 0.02)])
def test_agrees_with_float64(shape: tuple[int, ...], l1: float, l2: float) -> None:
    w = np.asarray(np.random.default_rng(1).standard_normal(shape), np.float32)
    value, dw = ops.penalty(w, l1=l1, l2=l2)
    wanted, gradient = reference.penalty(w, l1=np.float32(l1), l2=np.float32(l2))
    assert value == pytest.approx(wanted, rel=1e-6)
    assert_close(dw, gradient, 1e-6)


def test_the_kink_has_no_slope_and_nan_shows() -> None:
    value, dw = ops.penalty(np.float32([0, -0.0, 2, -3]), l1=0.5)
    assert value == 2.5
    np.testing.assert_array_equal(dw, np.float32([0, 0, 0.5, -0.5]))
    assert np.isnan(ops.penalty(np.float32([np.nan, 1]), l2=0.5)[0])
