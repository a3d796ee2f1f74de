"""Every test of an operation runs on every backend, and with NaN in the memory that its results will be written to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from backends import offered_backends, running_or_skipped
from checks import dirty_heap


@pytest.fixture(params=offered_backends())
def backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each backend in turn, by name; operations run on it."""
    with running_or_skipped(request.param):
        yield request.param


@pytest.fixture(autouse=True)
def on_every_backend(backend: str) -> None:
    dirty_heap()
