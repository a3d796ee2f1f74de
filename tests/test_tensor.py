"""Tensors: what they hold, every operation on them, and labels that a GPU checks, on the CPU, on a GPU and on its emulation."""

from __future__ import annotations

import contextlib
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cases
import numpy as np
import pytest
from cases import Case
from checks import assert_same_bits, rejected
from fastcnn import Tensor, _core, config, cuda, from_dlpack, layers, models, ops
from fastcnn.errors import DeviceError

Array = np.ndarray[Any, Any]
DTYPES = [np.uint8, np.uint16, np.int32, np.int64, np.float32, np.float64]


# What they hold


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 4), (2, 3, 4, 5)])
def test_arrays_go_in_and_come_back(device: str, dtype: type, shape: tuple[int, ...]) -> None:
    array = (np.random.default_rng(1).random(shape) * 200).astype(dtype)
    there = Tensor(array, device)
    assert (there.shape, there.ndim, there.size, there.dtype, there.device) == (
        shape,
        len(shape),
        array.size,
        dtype,
        device,
    )
    assert_same_bits([there.numpy(), np.asarray(there), Tensor(there).numpy()], [np.asarray(array)] * 3)


def test_a_tensor_is_a_copy_whatever_the_strides_and_the_byte_order(device: str) -> None:
    array = np.arange(24.0, dtype=np.float32).reshape(2, 3, 4)
    for given in (array, array.T, array[::-1, ::2], array.astype(">f4")):
        there = Tensor(given, device)
        np.testing.assert_array_equal(there.numpy(), given)
    there = Tensor(array, device)
    copy = Tensor(there)
    array[...] = 0
    ops.sgd(there, there, learning_rate=1.0)
    assert there.numpy().max() == 0
    assert copy.numpy().max() == 23


def test_a_tensor_of_no_device_s_name_lies_on_the_one_in_use(device: str) -> None:
    before = config.get_device()
    config.set_device(device)
    try:
        assert Tensor([1.0, 2.0]).device == device
    finally:
        config.set_device(before)
    assert Tensor(Tensor([1], "cpu")).device == "cpu"


def test_a_tensor_shows_what_it_is(device: str) -> None:
    there = Tensor(np.float32([1, 2]), device)
    assert repr(there) == f"Tensor([1., 2.], dtype=float32, device='{device}')"
    assert len(there) == 2
    with pytest.raises(TypeError, match="no length"):
        len(Tensor(np.float32(1), device))


@pytest.mark.skipif(not _core.why_not_cuda(0), reason="there is a GPU")
def test_a_gpu_that_cannot_be_used_is_an_error_wherever_it_is_asked_for() -> None:
    reason = re.escape(_core.why_not_cuda(0))

    class OnGpu:
        def __dlpack_device__(self) -> tuple[int, int]:
            return 2, 0

        def __dlpack__(self, **options: Any) -> Any:
            raise AssertionError("it was asked for its memory")

    for call in (
        lambda: Tensor([1.0], "cuda"),
        lambda: cuda.synchronize(),
        lambda: cuda.synchronize("cuda:100"),
        lambda: from_dlpack(OnGpu()),
    ):
        with pytest.raises(DeviceError, match=reason):
            call()
    with pytest.raises(TypeError, match=f"relu: x is a OnGpu that cannot be read .*{reason}"):
        ops.relu(OnGpu())


def test_a_gpu_that_is_not_there_is_an_error_wherever_it_is_asked_for(on_gpu: str) -> None:
    for call in (lambda: Tensor([1.0], "cuda:100"), lambda: cuda.synchronize("cuda:100")):
        with pytest.raises(DeviceError, match=r"device cuda:100: there (is|are) "):
            call()


def test_what_cannot_be_a_tensor_is_named() -> None:
    with rejected(TypeError, "Tensor", "value has dtype complex64"):
        Tensor(np.zeros(2, np.complex64), "cpu")
    with rejected(TypeError, "Tensor", "value has dtype <U1"):
        Tensor("a", "cpu")
    with rejected(ValueError, "Tensor", "device must be 'cpu', 'cuda' or 'cuda:0' (or another number), but is 'gpu'"):
        Tensor([1.0], "gpu")
    with pytest.raises(ValueError, match="only by a copy"):
        np.asarray(Tensor([1.0], "cpu"), copy=False)


# Operations on them


@pytest.mark.parametrize("case", cases.EDGES, ids=str)
def test_every_operation_gives_tensors_the_bits_that_it_gives_arrays(device: str, case: Case) -> None:
    arrays = case.draw()
    tensors: dict[str, Any] = {name: Tensor(array, device) for name, array in arrays.items()}
    wanted = case.run(ops, arrays)
    results = getattr(ops, case.function)(**tensors, **case.settings)
    if results is None:  # in place
        results = [tensors[name] for name in cases.CHANGED[case.function] if name in tensors]
    for got, want in zip(results if isinstance(results, (tuple, list)) else [results], wanted, strict=True):
        assert isinstance(got, Tensor)
        assert got.device == device
        assert_same_bits([got.numpy()], [want])


def test_work_on_tensors_runs_where_they_lie_whatever_the_device_in_use(on_gpu: str) -> None:
    here, there = Tensor(np.float32([-1, 2]), "cpu"), Tensor(np.float32([-1, 2]), "cuda")
    for device in ("cpu", "cuda"):
        config.set_device(device)
        assert ops.relu(here).device == "cpu"
        assert ops.relu(there).device == "cuda:0"
        np.testing.assert_array_equal(ops.relu(ops.rescale(there, -1.0)).numpy(), [1, 0])


def test_numpy_arrays_and_tensors_on_the_cpu_go_together() -> None:
    x, w = np.float32([[1, 2]]), np.float32([[3], [4]])
    assert isinstance(ops.dense(x, Tensor(w, "cpu")), np.ndarray)
    result = ops.dense(Tensor(x, "cpu"), w)
    assert isinstance(result, Tensor)
    np.testing.assert_array_equal(result.numpy(), [[11]])


def test_arguments_on_two_devices_are_named(on_gpu: str) -> None:
    x, w = np.float32([[1, 2]]), np.float32([[3], [4]])
    with rejected(ValueError, "dense", "w lies on cpu, but x on cuda:0; Tensor(w, 'cuda:0') is a copy there"):
        ops.dense(Tensor(x, "cuda"), w)
    with rejected(ValueError, "dense", "w lies on cuda:0, but x on cpu; Tensor(w, 'cpu') is a copy there"):
        ops.dense(x, Tensor(w, "cuda"))
    with rejected(ValueError, "relu_backward", "y lies on cpu, but dy on cuda:0"):
        ops.relu_backward(Tensor(x, "cuda"), Tensor(x, "cpu"))


def test_another_gpu_s_tensors_are_computed_on_there(on_gpu: str) -> None:
    if config._core.why_not_cuda(1):
        pytest.skip("there is one GPU")
    first, second = (Tensor(np.float32([-1, 2]), f"cuda:{index}") for index in range(2))
    assert ops.relu(second).device == "cuda:1"
    np.testing.assert_array_equal(ops.relu(second).numpy(), [0, 2])
    with rejected(ValueError, "relu_backward", "y lies on cuda:1, but dy on cuda:0"):
        ops.relu_backward(first, second)
    np.testing.assert_array_equal(Tensor(second, "cuda:0").numpy(), [-1, 2])


def test_a_model_takes_tensors(device: str) -> None:
    """By a copy in numpy's memory where they lie on a GPU: a model keeps its data where it computes."""
    x, y = np.random.default_rng(3).random((20, 4), np.float32), np.arange(20) % 3

    def history(x: Any, y: Any) -> dict[str, list[float]]:
        config.set_seed(1)
        model = models.Sequential([layers.Input((4,)), layers.Dense(3, activation="softmax")])
        model.compile("adam", "sparse_categorical_crossentropy")
        return model.fit(x, y, batch_size=8, epochs=2, verbose=0).history

    assert history(Tensor(x, device), Tensor(y, device)) == history(x, y)


# Labels


X = np.float32([[1, 2, 3], [4, 5, 7]])


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_labels_may_lie_beside_x_or_on_the_cpu(device: str, dtype: type) -> None:
    labels = np.array([2, 0], dtype)
    wanted = ops.softmax_cross_entropy(X, labels)
    for given in (labels, Tensor(labels, "cpu"), Tensor(labels, device)):
        for got, want in zip(ops.softmax_cross_entropy(Tensor(X, device), given), wanted, strict=True):
            np.testing.assert_allclose(got.numpy(), want, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@pytest.mark.parametrize("wrong", [3, -1, 2**31 - 1])
def test_a_label_on_a_gpu_that_is_no_class_is_told_when_it_is_waited_for(on_gpu: str, dtype: type, wrong: int) -> None:
    """In the very words that it gets on the CPU, for the first of them; nothing is broken by it."""
    labels = np.zeros(100, dtype)
    labels[[40, 70, 99]] = wrong, 5, -7
    x = np.zeros((100, 3), np.float32)
    with pytest.raises(ValueError, match=rf"labels\[40\] is {wrong}") as on_cpu:
        ops.softmax_cross_entropy(Tensor(x, "cpu"), Tensor(labels, "cpu"))
    there = Tensor(x, "cuda")
    loss, _ = ops.softmax_cross_entropy(there, Tensor(labels, "cuda"))
    with pytest.raises(ValueError, match=r"softmax_cross_entropy: labels must be in \[0, 3\)") as told:
        loss.numpy()
    assert str(told.value) == str(on_cpu.value)
    cuda.synchronize()
    np.testing.assert_array_equal(ops.relu(there).numpy(), x)
    with pytest.raises(ValueError, match=rf"labels\[40\] is {wrong}"):  # of numpy's, before anything is started
        ops.softmax_cross_entropy(there, labels)
    ops.softmax_cross_entropy(there, Tensor(labels, "cuda"))
    with pytest.raises(ValueError, match=rf"labels\[40\] is {wrong}"):
        cuda.synchronize()


def test_a_fault_that_is_told_at_the_wrong_moment_leaves_nothing_half_done(on_gpu: str) -> None:
    """Whoever waits next gets it, and what that call was to change is changed all the same; a training does not ask for it."""
    arrays = [np.full(50, value, np.float32) for value in (1, 0.5, 0.25, 2)]
    parameters, gradients, momentum, velocity = (array.copy() for array in arrays)
    ops.adam(parameters, gradients, momentum, velocity, step=1)
    there = Tensor(X, "cuda")
    ops.softmax_cross_entropy(there, Tensor(np.array([0, 9]), "cuda"))
    other = [array.copy() for array in arrays]
    with pytest.raises(ValueError, match=r"labels\[1\] is 9"):
        ops.adam(*other, step=1)
    for got, want in zip(other, (parameters, gradients, momentum, velocity), strict=True):
        np.testing.assert_array_equal(got, want)
    ops.softmax_cross_entropy(there, Tensor(np.array([0, 9]), "cuda"))
    model = models.Sequential([layers.Input((3,)), layers.Dense(3)])
    model.compile("adam", "mse")
    model.fit(X, X, verbose=0)
    with pytest.raises(ValueError, match=r"labels\[1\] is 9"):
        cuda.synchronize()


def test_two_threads_may_wait_while_a_third_makes_faults(on_gpu: str) -> None:
    there, labels = Tensor(X, "cuda"), Tensor(np.array([0, 9]), "cuda")
    busy = True

    def wait() -> int:
        told = 0
        while busy:
            try:
                cuda.synchronize()
            except ValueError:
                told += 1
        return told

    with ThreadPoolExecutor(2) as waiting:
        counts = [waiting.submit(wait) for _ in range(2)]
        for _ in range(200):
            ops.softmax_cross_entropy(there, labels)
        busy = False
        assert sum(count.result() for count in counts) <= 200
    with contextlib.suppress(ValueError):
        cuda.synchronize()


def test_every_argument_says_where_an_operation_runs(on_gpu: str) -> None:
    """Not the first alone: these lie on the CPU, beside numpy arrays that would have gone to the GPU."""
    x = np.float32([[1, -2, 3]])
    here = Tensor(x, "cpu")
    for backward in (ops.relu_backward, ops.sigmoid_backward, ops.softmax_backward):
        np.testing.assert_array_equal(backward(x, here), backward(x, x.copy()))
    rows = np.float32([[0.5, 0.25, 0.25]])
    wanted = ops.softmax_cross_entropy(Tensor(x, "cuda"), Tensor(rows, "cuda"))
    for got, want in zip(ops.softmax_cross_entropy(Tensor(x, "cuda"), Tensor(rows, "cpu")), wanted, strict=True):
        assert_same_bits([got.numpy()], [want.numpy()])
    assert isinstance(ops.softmax_cross_entropy(x, rows, weights=Tensor(np.float32([2]), "cpu"))[0], np.ndarray)


def test_labels_of_another_type_are_named(device: str) -> None:
    with rejected(
        TypeError, "softmax_cross_entropy", f"labels has dtype uint8, but on {device} must be int32 or int64"
    ):
        ops.softmax_cross_entropy(Tensor(X, device), Tensor(np.uint8([2, 0]), device))
