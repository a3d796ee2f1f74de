"""The same input gives the same bits: with any number of threads, run after run, whatever else the process does."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import cases
import numpy as np
import pytest
from backends import running_on
from cases import Case
from checks import Array, assert_same_bits
from fastcnn import _core, ops

THREADS = (1, 2, 3, 8)


@pytest.fixture(autouse=True)
def threads_as_before() -> Iterator[None]:
    before = _core.threads()
    yield
    _core.set_threads(before)


def assert_no_bit_changes(case: Case, numbers_of_threads: Sequence[int]) -> None:
    """From the results of one thread to those of others."""
    arrays = case.draw()

    def results(threads: int) -> tuple[Array, ...]:
        _core.set_threads(threads)
        return case.run(ops, {name: array.copy() for name, array in arrays.items()})

    want = results(1)
    for threads in numbers_of_threads:
        assert_same_bits(results(threads), want)


@pytest.mark.parametrize("case", cases.ALL, ids=str)
def test_the_number_of_threads_changes_no_bit(backend: str, case: Case) -> None:
    assert_no_bit_changes(case, THREADS * 2)


@pytest.mark.parametrize("n", range(1, 71))
def test_the_number_of_threads_changes_no_bit_of_a_gradient_for_any_batch(backend: str, n: int) -> None:
    """wgrad sums over the batch: it is what could."""
    convolution = [
        *cases.conv2d("small", (n, 9, 9, 5), (3, 3, 5, 17)),
        *cases.conv2d("same", (n, 8, 8, 16), (3, 3, 16, 32), 1, "same"),
    ]
    for case in (*convolution, *cases.dense("any", n, 33, 20)):
        assert_no_bit_changes(case, THREADS[1:])


def test_more_threads_than_blocks_of_channels_change_no_bit(backend: str) -> None:
    """Then the gradient by w is cut into smaller blocks."""
    for case in cases.conv2d("wider", (2, 8, 8, 150), (3, 3, 150, 230), padding="same"):
        assert_no_bit_changes(case, (20, 100))


def test_random_numbers_do_not_depend_on_threads() -> None:
    want = _core.random_uniform(100_001, 1, 2, 3), _core.random_permutation(10_001, 1, 2, 3)
    _core.set_threads(3)
    assert_same_bits((_core.random_uniform(100_001, 1, 2, 3), _core.random_permutation(10_001, 1, 2, 3)), want)


def digest(backend: str) -> str:
    """Of the results of every case."""
    sha = hashlib.sha256()
    with running_on(backend):
        for case in cases.ALL:
            for array in case.run(ops):
                sha.update(array.tobytes())
    return sha.hexdigest()


def test_another_process_gives_the_same_bits(backend: str) -> None:
    script = f"import test_determinism; print(test_determinism.digest({backend!r}))"
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=here, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == digest(backend)


def test_an_image_gives_the_same_bits_wherever_its_array_begins(backend: str) -> None:
    """No kernel takes another way for an address that is no multiple of a vector."""
    case = next(case for case in cases.EDGES if case.name == "same strided")
    want = case.run(ops)
    for offset in range(1, 16):
        shifted = {
            name: np.zeros(array.size + offset, np.float32)[offset:].reshape(array.shape)
            for name, array in case.draw().items()
        }
        for name, array in case.draw().items():
            shifted[name][...] = array
        assert_same_bits(case.run(ops, shifted), want)
