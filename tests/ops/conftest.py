"""Every test of an operation runs on every backend."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def on_every_backend(backend: str) -> None:
    pass
