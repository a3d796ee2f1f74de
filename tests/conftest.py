"""What all tests share: the fixture of backends, and hypothesis's settings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import emulation
import pytest
from backends import CPU_BACKENDS, GPUS, required_backends, running_or_skipped
from hypothesis import HealthCheck, settings
from tunings import drawings_in

# A test that draws shapes runs in a function-scoped backend, which is the same for all its examples, and its first
# example may be slow.
settings.register_profile(
    "here",
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.register_profile("sanitized", settings.get_profile("here"), max_examples=8, derandomize=True, database=None)
settings.register_profile("ci", settings.get_profile("here"), derandomize=True, database=None)
settings.load_profile("sanitized" if emulation.SANITIZED else "ci" if os.environ.get("CI") else "here")


def pytest_configure(config: pytest.Config) -> None:
    try:
        required_backends()
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None


@pytest.fixture
def cache_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, for this test alone."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "fastcnn"


@pytest.fixture(scope="module")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pictures to fine-tune with."""
    return drawings_in(tmp_path_factory.mktemp("drawings"))


@pytest.fixture(params=CPU_BACKENDS)
def backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each of the CPU's instruction sets in turn, by name; operations and plans run on it. (For operations alone, tests/ops/conftest.py has more.)"""
    with running_or_skipped(request.param):
        yield request.param


@pytest.fixture(params=["cpu", *GPUS])
def device(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where Tensors lie, by the device's name."""
    if request.param == "cpu":
        yield "cpu"
        return
    with running_or_skipped(request.param):
        yield "cuda:0"


@pytest.fixture(params=GPUS)
def on_gpu(request: pytest.FixtureRequest) -> Iterator[str]:
    """The backend in use is that of a GPU."""
    with running_or_skipped(request.param):
        yield request.param
