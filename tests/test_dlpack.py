"""DLPack: memory that Tensors lend and borrow, on the CPU, on a GPU and on its emulation."""

from __future__ import annotations

import gc
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fastcnn import Tensor, from_dlpack, ops, tensor

Array = np.ndarray[Any, Any]
DTYPES = [np.uint8, np.uint16, np.int32, np.int64, np.float32, np.float64]


class Theirs:
    """What the other library makes of memory that it is lent."""

    def __init__(self, source: Any) -> None:
        assert source.__dlpack_device__() == (2, 0)
        self.tensor = from_dlpack(source)


class Producer:
    """Another library's array, which is in truth a Tensor: says what it was asked for, and how."""

    def __init__(self, array: Tensor, versions: bool = True) -> None:
        self.array, self.versions = array, versions
        self.asked: dict[str, Any] = {}

    def __array_namespace__(self) -> SimpleNamespace:
        return SimpleNamespace(from_dlpack=Theirs)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.array.__dlpack_device__()

    def __dlpack__(self, **options: Any) -> Any:
        if "max_version" in options and not self.versions:
            raise TypeError("unexpected keyword argument 'max_version'")
        self.asked = options
        return self.array.__dlpack__(**options)


@pytest.mark.parametrize("versions", [True, False])
def test_memory_of_another_library_is_taken_without_a_copy(device: str, versions: bool) -> None:
    theirs = Producer(Tensor(np.arange(6, dtype=np.float32).reshape(2, 3), device), versions)
    ours = from_dlpack(theirs)
    assert (ours.shape, ours.dtype, ours.device) == ((2, 3), np.float32, device)
    ops.sgd(ours, ours, learning_rate=1.0)
    assert theirs.array.numpy().max() == 0
    stream = None if device == "cpu" else tensor._core.stream(0)
    assert theirs.asked == ({"stream": stream, "max_version": (1, 0)} if versions else {"stream": stream})


def test_memory_lives_as_long_as_somebody_uses_it(device: str) -> None:
    source = Tensor(np.arange(1000, dtype=np.float32), device)
    ours = from_dlpack(Producer(source))
    unused = source.__dlpack__(stream=None if device == "cpu" else -1)
    del source, unused
    gc.collect()
    np.testing.assert_array_equal(ours.numpy(), np.arange(1000))


def test_an_operation_on_another_library_s_gpu_array_gives_that_library_its_own_kind(on_gpu: str) -> None:
    there = Producer(Tensor(np.float32([-1, 2]), "cuda"))
    result: Any = ops.relu(there)
    assert isinstance(result, Theirs)
    np.testing.assert_array_equal(result.tensor.numpy(), [0, 2])


def test_streams_are_cudas_numbers(on_gpu: str) -> None:
    there = Tensor(np.float32([1]), "cuda")
    for stream in (None, -1, 1, 2, tensor._core.stream(0)):
        there.__dlpack__(stream=stream)
    for stream in (0, -2):
        with pytest.raises(BufferError, match=rf"stream must be None, -1, 1, 2 or a CUDA stream, but is {stream}"):
            there.__dlpack__(stream=stream)


def test_a_copy_for_the_cpu_is_lent_to_who_asks_for_it(device: str) -> None:
    there = Tensor(np.float32([1, 2]), device)
    for version in (None, (1, 0)):
        capsule = there.__dlpack__(dl_device=(1, 0), max_version=version)
        here = tensor.Tensor._of(tensor._core.from_dlpack(capsule))
        assert here.device == "cpu"
        np.testing.assert_array_equal(here.numpy(), [1, 2])
        with pytest.raises(BufferError, match="used already"):
            tensor._core.from_dlpack(capsule)
    with pytest.raises(BufferError, match=r"cannot be lent as one on device \(2, 7\)"):
        there.__dlpack__(dl_device=(2, 7))
    copy = from_dlpack(Producer(Tensor._of(tensor._core.from_dlpack(there.__dlpack__(copy=True, stream=None)))))
    ops.sgd(copy, copy, learning_rate=1.0)
    np.testing.assert_array_equal(there.numpy(), [1, 2])


def test_numpy_reads_a_tensor_on_the_cpu_without_a_copy() -> None:
    here = Tensor(np.arange(6, dtype=np.int32).reshape(2, 3), "cpu")
    view = np.from_dlpack(here)
    np.testing.assert_array_equal(view, here.numpy())
    np.asarray(np.from_dlpack(here))
    assert view.__array_interface__["data"] == np.from_dlpack(here).__array_interface__["data"]


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones((2, 3), np.float32).T, "it does not lie in C order; make it contiguous first"),
        (np.ones(2, np.complex64), "its type is none of uint8, uint16, int32"),
        (np.ones((1,) * 9, np.float32), "an array has 9 axes, more than 8"),
    ],
)
def test_what_cannot_be_taken_is_a_buffer_error(array: Array, message: str) -> None:
    with pytest.raises(BufferError, match=message):
        from_dlpack(array)


def test_memory_that_may_not_be_written_is_not_taken() -> None:
    array = np.ones(2, np.float32)
    array.flags.writeable = False
    with pytest.raises(BufferError, match=r"read-?only"):
        from_dlpack(array)


@pytest.mark.peer
@pytest.mark.parametrize("dtype", DTYPES)
def test_torch_lends_and_borrows(dtype: type) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch lends its tensors here, and is not installed")
    array = np.arange(6).astype(dtype).reshape(2, 3)
    here = Tensor(array, "cpu")
    theirs = torch.from_dlpack(here)
    np.testing.assert_array_equal(theirs.numpy(), array)
    theirs[0, 0] = 9
    assert here.numpy()[0, 0] == 9
    back = from_dlpack(theirs)
    theirs[1, 1] = 8
    assert back.numpy()[1, 1] == 8
    del theirs, here
    gc.collect()
    assert back.numpy()[1, 1] == 8
