"""The backends themselves: one that is absent is seen, and where it is required, fatal."""

from __future__ import annotations

import numpy as np
import pytest
from backends import BACKENDS, AbsentError, required_backends, running_on, running_or_skipped
from fastcnn import _core, ops


def test_operations_run_on_the_backend_that_was_asked_for(backend: str) -> None:
    assert f"cpu-{_core.isa()}" == backend


def test_operations_run_on_a_gpu() -> None:
    """Visible where there is none: then tests/ops has run on the emulation alone."""
    with running_or_skipped("cuda"):
        np.testing.assert_array_equal(ops.relu(np.float32([-1, 2])), [0, 2])


def test_the_emulation_runs_and_leaves_nothing_behind() -> None:
    before = ops.elementwise._core
    with running_or_skipped("cuda-simt"):
        assert ops.elementwise._core.device() == "cuda:0"
        np.testing.assert_array_equal(ops.relu(np.float32([-1, 2])), [0, 2])
    assert ops.elementwise._core is before


def test_the_backend_of_before_comes_back() -> None:
    before = _core.isa()
    with running_on("cpu-baseline"):
        assert _core.isa() == "baseline"
    assert _core.isa() == before


def test_an_absent_backend_says_what_there_is() -> None:
    with pytest.raises(AbsentError, match=r"cpu-mmx: .* have baseline"), running_on("cpu-mmx"):
        pass


def test_every_instruction_set_that_is_built_is_a_backend() -> None:
    assert {f"cpu-{isa}" for isa in _core.info()["instruction_sets_built"]} <= set(BACKENDS)


def test_required_backends_are_named_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTCNN_REQUIRE", "cpu-baseline, cpu-avx2,")
    assert required_backends() == {"cpu-baseline", "cpu-avx2"}
    monkeypatch.delenv("FASTCNN_REQUIRE")
    assert required_backends() == set()


def test_a_required_backend_that_does_not_exist_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTCNN_REQUIRE", "cpu-avx5")
    with pytest.raises(ValueError, match=r"FASTCNN_REQUIRE names cpu-avx5; the backends are cpu-baseline, "):
        required_backends()


@pytest.mark.parametrize(("required", "outcome"), [("", pytest.skip.Exception), ("cpu-avx512", pytest.fail.Exception)])
def test_an_absent_backend_is_a_skip_or_where_required_a_failure(
    required: str, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASTCNN_REQUIRE", required)
    monkeypatch.setattr(_core, "available_isas", lambda: ["baseline"])
    wanted = r"cpu-avx512: this build and this processor have baseline"
    with pytest.raises(outcome, match=wanted), running_or_skipped("cpu-avx512"):
        pass
