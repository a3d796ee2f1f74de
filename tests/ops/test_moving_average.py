"""moving_average, which works in place."""

from __future__ import annotations

import cases
import numpy as np
import pytest
import reference
from cases import Case
from checks import assert_all_close, rejected
from fastcnn import ops


@pytest.mark.parametrize("case", cases.of("moving_average"), ids=str)
def test_agrees_with_float64(case: Case) -> None:
    assert_all_close(case.run(ops), case.run(reference), case.allowed)


def test_it_begins_with_the_weights_and_stays_where_they_stay() -> None:
    p = cases.normal(5000)(np.random.default_rng(1))
    average = np.full_like(p, 77)
    ops.moving_average(p, average, momentum=0)
    np.testing.assert_array_equal(average, p)
    for _ in range(3):
        ops.moving_average(p, average, momentum=0.75)
    np.testing.assert_array_equal(average, p)
    ops.moving_average(p, average * 0, momentum=1, overwrite=True)
    assert not p.any()


def test_bad_input_is_named() -> None:
    arrays = np.zeros(3, np.float32), np.zeros(3, np.float32)
    for momentum in (-0.1, 1.5, float("nan")):
        with rejected(ValueError, "moving_average", "momentum", "[0, 1]", momentum):
            ops.moving_average(*arrays, momentum=momentum)
    with rejected(ValueError, "moving_average", "average", "(3,)", "(4,)"):
        ops.moving_average(arrays[0], np.zeros(4, np.float32))
    read_only = np.zeros(3, np.float32)
    read_only.flags.writeable = False
    for given in ((read_only, arrays[1]), (arrays[0], read_only)):
        with rejected(ValueError, "moving_average", "in place", "writable"):
            ops.moving_average(*given)
