"""`fastcnn.info`: the function and the command."""

from __future__ import annotations

import json
import platform
import subprocess
import sys

import pytest
from fastcnn import _core, config, info


def test_info_says_what_a_bug_report_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTCNN_SOMETHING", "1")
    facts = info.info()
    assert json.loads(json.dumps(facts)) == facts
    assert facts["version"]
    assert facts["compiler"]
    assert platform.python_version() in facts["python"]
    assert set(facts["packages"]) == {"numpy", "h5py", "safetensors", "Pillow", "tqdm"}
    assert facts["processor"]
    assert 1 <= facts["cores_usable"] <= facts["cores"]
    assert facts["instruction_set"] == _core.isa()
    assert facts["instruction_set"] in facts["instruction_sets_available"]
    assert set(facts["instruction_sets_available"]) <= set(facts["instruction_sets_built"])
    assert facts["threads"] == config.get_threads()
    assert facts["cuda"] or facts["cuda_reason"]
    assert facts["environment"]["FASTCNN_SOMETHING"] == "1"


def test_the_command_prints_a_line_a_fact() -> None:
    done = subprocess.run([sys.executable, "-m", "fastcnn.info"], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    names = [line.split("  ")[0] for line in done.stdout.splitlines()]
    assert names == [name.replace("_", " ") for name in info.info()]
    assert any(line.startswith("instruction sets built") and "baseline" in line for line in done.stdout.splitlines())


def test_the_command_takes_no_arguments() -> None:
    done = subprocess.run([sys.executable, "-m", "fastcnn.info", "--jsn"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--jsn" in done.stderr
