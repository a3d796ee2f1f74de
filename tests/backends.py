"""The backends that every operation is tested on, and how to switch between them. The fixture is in conftest.py."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fastcnn import _core

# One a line: CPU instruction sets by the names of _core.available_isas(). Other devices join them here, with their way in
# running_on().
BACKENDS = (
    "cpu-baseline",
    "cpu-avx2",
    "cpu-avx512",
)


class AbsentError(Exception):
    """This build or this machine lacks a backend, for the reason given."""


@contextmanager
def running_on(backend: str) -> Iterator[None]:
    """Operations run on `backend` within the block. Raises AbsentError where that cannot be."""
    isa = backend.removeprefix("cpu-")
    if isa not in _core.available_isas():
        raise AbsentError(f"{backend}: this build and this processor have {', '.join(_core.available_isas())}")
    before = _core.isa()
    _core.set_isa(isa)
    try:
        yield
    finally:
        _core.set_isa(before)


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
