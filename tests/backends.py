"""The backends that every operation is tested on, and how to switch between them. The fixture is in conftest.py."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import emulation
import pytest
from fastcnn import _core, batches, config, cuda, description, info, initializers, plan, tensor
from fastcnn.ops import activations, augmentation, elementwise, matrix, normalization, pooling, spatial, training

# CPU instruction sets by the names of _core.available_isas(); the CUDA kernels on a GPU; the same kernels on the emulation of one (emulation.py).
BACKENDS = (
    "cpu-baseline",
    "cpu-avx2",
    "cpu-avx512",
    "cuda",
    "cuda-simt",
)
CPU_BACKENDS = tuple(name for name in BACKENDS if name.startswith("cpu-"))


class AbsentError(Exception):
    """This build or this machine lacks a backend, for the reason given."""


@contextmanager
def running_on(backend: str) -> Iterator[None]:
    """Operations run on `backend` within the block. Raises AbsentError where that cannot be."""
    if backend == "cuda":
        yield from _on_cuda(_core, backend)
        return
    core = _core
    if backend == "cuda-simt" or emulation.SANITIZED:
        try:
            core = emulation.core()
        except emulation.UnavailableError as reason:
            raise AbsentError(f"{backend}: {reason}") from None
    yield from _on_cuda(core, backend) if backend == "cuda-simt" else _on_cpu(core, backend)


def _on_cpu(core: ModuleType, backend: str) -> Iterator[None]:
    isa = backend.removeprefix("cpu-")
    if isa not in core.available_isas():
        raise AbsentError(f"{backend}: this build and this processor have {', '.join(core.available_isas())}")
    before = core.isa(), core.device()
    _put_in_place(core)
    core.set_isa(isa)
    core.set_device("cpu")
    try:
        yield
    finally:
        core.set_isa(before[0])
        core.set_device(before[1])
        _put_in_place(_core)


def _on_cuda(core: ModuleType, backend: str) -> Iterator[None]:
    if not core.info()["cuda"]:
        raise AbsentError(f"{backend}: {core.info()['cuda_reason']}")
    _put_in_place(core)
    device = core.device()
    core.set_device("cuda")
    try:
        yield
    finally:
        core.set_device(device)
        _put_in_place(_core)


def _put_in_place(core: ModuleType) -> None:
    ops = (activations, augmentation, elementwise, matrix, normalization, pooling, spatial, training)
    for module in (batches, config, cuda, description, info, initializers, plan, tensor, *ops):
        module._core = core


def offered_backends() -> list[str]:
    """All, but "cuda" only in a build that has it or where it is required: else each test of an operation would be skipped once more."""
    return [name for name in BACKENDS if name != "cuda" or _core.info()["cuda"] or name in required_backends()]


def required_backends() -> set[str]:
    """Those whose absence is a failure: FASTCNN_REQUIRE, with commas between them. Raises ValueError for an unknown one."""
    required = {name.strip() for name in os.environ.get("FASTCNN_REQUIRE", "").split(",")} - {""}
    if unknown := required - set(BACKENDS):
        raise ValueError(f"FASTCNN_REQUIRE names {', '.join(sorted(unknown))}; the backends are {', '.join(BACKENDS)}")
    return required


@contextmanager
def running_or_skipped(backend: str) -> Iterator[None]:
    """As running_on; a backend that is absent is a skip, or a failure where FASTCNN_REQUIRE names it."""
    try:
        with running_on(backend):
            yield
    except AbsentError as absent:
        if backend in required_backends():
            pytest.fail(f"FASTCNN_REQUIRE asks for {absent}")
        pytest.skip(str(absent))


GPUS = [
    name for name in offered_backends() if name.startswith("cuda")
]  # a real one, where it is offered, and its emulation
