"""Every test of an operation runs on every backend, and with NaN in the memory that its results will be written to."""

from __future__ import annotations

import pytest
from checks import dirty_heap


@pytest.fixture(autouse=True)
def on_every_backend(backend: str) -> None:
    dirty_heap()
