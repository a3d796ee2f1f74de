"""Variables and the buffer that holds them."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from fastcnn.variables import Variable, VariableStore, aligned_zeros
from hypothesis import given
from hypothesis import strategies as st


@given(st.lists(st.lists(st.integers(0, 5), max_size=3), max_size=5))
def test_a_store_lays_out_aligned_views_that_keep_their_values(shapes: list[list[int]]) -> None:
    variables = [
        Variable("v", np.arange(np.prod(shape, dtype=int)).reshape(shape) + i + 1) for i, shape in enumerate(shapes)
    ]
    before = [variable.numpy() for variable in variables]
    store = VariableStore(variables)
    covered = np.zeros(store.buffer.size, bool)
    assert store.buffer.size == 0 or store.buffer.ctypes.data % 64 == 0
    for variable, value in zip(variables, before, strict=True):
        offset = store.offset(variable)
        assert offset % 16 == 0
        assert variable.store is store
        np.testing.assert_array_equal(variable.value, value)
        assert np.shares_memory(variable.value, store.buffer) == bool(variable.size)
        np.testing.assert_array_equal(store.view(store.buffer, variable), value)
        assert not covered[offset : offset + variable.size].any()
        covered[offset : offset + variable.size] = True
    assert not store.buffer[~covered].any()


def test_a_variable_moves_to_another_store_and_leaves_the_first() -> None:
    one, other = Variable("kernel", np.ones((2, 2))), Variable("bias", [1.0, 2.0])
    first = VariableStore([one, other])
    second = VariableStore([one])
    one.assign([[5, 6], [7, 8]])
    assert (first.buffer[:4] == 1).all()
    np.testing.assert_array_equal(second.buffer[:4], [5, 6, 7, 8])
    with pytest.raises(ValueError, match="is not in this store"):
        second.offset(other)
    with pytest.raises(ValueError, match="was given twice"):
        VariableStore([one, one])


def test_what_is_assigned_must_fit() -> None:
    variable = Variable("kernel", np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"'kernel' has shape \(2, 3\), but the value has \(3, 2\)"):
        variable.assign(np.zeros((3, 2)))
    with pytest.raises(ValueError, match=r"but the value has \(\)"):
        variable.assign(1.0)
    with pytest.raises(TypeError, match="takes real numbers, but the value has dtype complex128"):
        variable.assign(np.zeros((2, 3), complex))


def test_a_variable_is_read_as_an_array_by_copy_and_written_in_place() -> None:
    variable = Variable("kernel", np.arange(6).reshape(2, 3))
    assert (variable.shape, variable.size, variable.dtype) == ((2, 3), 6, "float32")
    for copied in (variable.numpy(), np.asarray(variable), np.array(variable, dtype=np.float64)):
        np.testing.assert_array_equal(copied, [[0, 1, 2], [3, 4, 5]])
        copied[...] = 9
    assert variable.value[1, 2] == 5
    assert repr(variable) == "<Variable kernel, shape=(2, 3), dtype=float32>"


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 1000])
def test_aligned_zeros(size: int) -> None:
    zeros = aligned_zeros(size)
    assert (zeros.shape, zeros.dtype) == ((size,), np.float32)
    assert size == 0 or zeros.ctypes.data % 64 == 0
    assert not zeros.any()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))])
def test_copies_are_views_of_their_own_store(copied: Any) -> None:
    moved, stays = Variable("kernel", np.ones((2, 2))), Variable("bias", [1.0, 2.0])
    old = VariableStore([moved, stays])
    new = VariableStore([moved])
    _, twins, store = copied((old, [stays, moved], new))
    assert twins[1].store is store
    for twin, original in zip(twins, [stays, moved], strict=True):
        np.testing.assert_array_equal(twin.value, original.value)
        assert np.shares_memory(twin.value, twin.store.buffer)
        assert not np.shares_memory(twin.value, original.value)
        twin.assign(np.full(twin.shape, 7))
        assert (twin.store.view(twin.store.buffer, twin) == 7).all()
    alone = copied(Variable("kernel", [1.0]))
    assert alone.store is None
    assert alone.value == 1
