"""What all tests share: the fixture of backends, and hypothesis's settings."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from backends import BACKENDS, required_backends, running_or_skipped
from hypothesis import HealthCheck, settings

# A test that draws shapes runs in a function-scoped backend, which is the same for all its examples, and its first
# example may be slow.
settings.register_profile(
    "here",
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.register_profile("ci", settings.get_profile("here"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "here")


def pytest_configure(config: pytest.Config) -> None:
    try:
        required_backends()
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each backend in turn, by name; operations run on it."""
    with running_or_skipped(request.param):
        yield request.param
