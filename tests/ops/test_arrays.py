"""What every operation does with the arrays it is given, whatever it computes: their layout, their kind, their dtype."""

from __future__ import annotations

from typing import Any

import cases
import numpy as np
import pytest
from cases import Case
from checks import Array, assert_same_bits, layouts, rejected
from fastcnn import ops

IN_PLACE = {
    "adam": ("parameters", "momentum", "velocity"),
    "sgd": ("parameters", "momentum"),
    "moving_average": ("parameters", "average"),
}

# One case with something to compute for each function, with both kinds of labels and all arrays of an optimizer.
NAMES = (
    "ragged",
    "uneven padding",
    "same strided",
    "ragged integers",
    "ragged rows",
    "ragged nesterov",
    "images",
    "ragged bilinear",
)
CASES = [case for case in cases.EDGES if case.name in NAMES]
ARRAYS = [pytest.param(case, name, id=f"{case}-{name}") for case in CASES for name in case.arrays]
READ = [array for array in ARRAYS if array.values[1] not in IN_PLACE.get(array.values[0].function, ())]


def test_there_is_a_case_for_every_operation() -> None:
    others = {"penalty", "draw_uniform"}  # which give a number and take no array: test_penalty.py, test_augmentation.py
    others |= {
        "draw_mixing",  # test_mix.py
        "clip_gradients",
        "batch_norm",
        "batch_norm_statistics",
        "batch_norm_backward",
    }  # test_clip_gradients.py, test_batch_norm.py
    assert {case.function for case in CASES} == set(ops.__all__) - others


@pytest.mark.parametrize(("case", "name"), READ)
def test_any_layout_gives_the_same_bits_and_stays_as_it_was(case: Case, name: str) -> None:
    want = case.run(ops)
    for layout, array in layouts(case.draw()[name]):
        before = array.copy()
        assert_same_bits(case.run(ops, case.draw() | {name: array}), want)
        np.testing.assert_array_equal(array, before, err_msg=layout)


@pytest.mark.parametrize(("case", "name"), READ)
def test_a_broadcast_array_is_as_good_as_its_copy(case: Case, name: str) -> None:
    array = case.draw()[name]
    broadcast = np.broadcast_to(array.ravel()[0], array.shape)
    want = case.run(ops, case.draw() | {name: broadcast.copy()})
    assert_same_bits(case.run(ops, case.draw() | {name: broadcast}), want)


@pytest.mark.parametrize("case", [case for case in CASES if case.function not in IN_PLACE], ids=str)
def test_results_are_new_arrays_in_c_order(case: Case) -> None:
    arrays = case.draw()
    for result in case.run(ops, arrays):
        assert result.flags.c_contiguous
        assert result.flags.writeable
        assert not any(np.shares_memory(result, array) for array in arrays.values())


@pytest.mark.parametrize(("case", "name"), ARRAYS)
def test_another_dtype_is_named(case: Case, name: str) -> None:
    arrays = case.draw()
    dtype = arrays[name].dtype
    integers = [] if name == "labels" else [np.int32, np.uint8 if dtype != np.uint8 else np.uint16]
    for other in (np.float16, np.float64, object, ">f4", *integers):
        with rejected(TypeError, case.function, name, np.dtype(other), "float32" if name == "labels" else dtype):
            case.run(ops, arrays | {name: arrays[name].astype(other)})


@pytest.mark.parametrize(("case", "name"), ARRAYS)
def test_what_is_no_array_is_named(case: Case, name: str) -> None:
    optional = ("b", "momentum")
    for value in ([1.0, 2.0], 3.0, "x", *([] if name in optional else [None])):
        with rejected(TypeError, case.function, name, "array", type(value).__name__):
            case.run(ops, case.draw() | {name: value})


@pytest.mark.peer
@pytest.mark.parametrize("case", CASES, ids=str)
def test_torch_tensors_give_torch_tensors_and_the_same_bits(case: Case) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch lends its tensors here, and is not installed")
    tensors = {name: torch.from_numpy(array) for name, array in case.draw().items()}
    result = getattr(ops, case.function)(**tensors, **case.settings)
    if result is None:
        result = tuple(tensors[name] for name in IN_PLACE[case.function] if name in tensors)
    results = result if isinstance(result, tuple) else (result,)
    assert all(isinstance(tensor, torch.Tensor) for tensor in results)
    assert_same_bits([tensor.numpy() for tensor in results], case.run(ops))


@pytest.mark.peer
def test_torch_tensors_may_be_permuted_or_want_a_gradient() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch lends its tensors here, and is not installed")
    x, w = torch.rand(2, 3, 8, 8), torch.rand(5, 3, 3, 3, requires_grad=True)
    y = ops.conv2d(x.permute(0, 2, 3, 1), w.permute(2, 3, 1, 0))
    assert isinstance(y, torch.Tensor)
    torch.testing.assert_close(y.permute(0, 3, 1, 2), torch.nn.functional.conv2d(x, w.detach()))
    assert isinstance(ops.relu(torch.nn.Parameter(x)), torch.Tensor)


@pytest.mark.peer
def test_tensors_that_numpy_cannot_read_are_named() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch lends its tensors here, and is not installed")
    for tensor, part in (
        (torch.ones(3, dtype=torch.bfloat16), "x"),
        (torch.ones(3, device="meta"), "x"),
        (torch.ones(3).double(), "float64"),
    ):
        with rejected(TypeError, "relu", "x ", part, "float32"):
            ops.relu(tensor)


class Lent:
    """An array that speaks DLPack and belongs to no library."""

    def __init__(self, array: Array) -> None:
        self.array = array

    def __dlpack__(self, **options: Any) -> Any:
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.array.__dlpack_device__()


def test_whatever_speaks_dlpack_is_read() -> None:
    x = np.float32([-1, 2])
    np.testing.assert_array_equal(ops.relu(Lent(x)), [0, 2])
