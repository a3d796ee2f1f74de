"""Files of models that are damaged, foreign or malicious: each ends in a FormatError that names it, runs nothing, and takes little time and memory.

They are made in hostile_files.py and hostile_h5.py, and loaded in quarantine.py. What the errors of a .h5 say in detail is in test_keras_h5_hostile.py.
"""

from __future__ import annotations

import os
import pickle
import random
import zipfile
from pathlib import Path

import pytest
from fastcnn import models
from fastcnn.errors import FormatError
from hostile_files import CANARY, CODE, HOSTILE, WEIGHTS, Pickled, good
from hostile_h5 import HOSTILE_H5
from quarantine import MOST_BYTES, MOST_SECONDS, Outcome, loaded


def judged(path: Path, outcome: Outcome, message: str = "") -> list[str]:
    """What is wrong with the outcome for a hostile file; nothing should be."""
    faults = []
    if outcome.error != "FormatError":
        faults.append(f"ended in {outcome.error or 'a model'}: {outcome.message}")
    elif not outcome.message.startswith(f"{path}: ") or message not in outcome.message or len(outcome.message) > 1200:
        faults.append(f"said {outcome.message[:500]}")
    if outcome.seconds > MOST_SECONDS or outcome.memory > MOST_BYTES:
        faults.append(f"took {outcome.seconds:.1f} s and {outcome.memory >> 20} MiB")
    return faults + [f"ran {event}" for event in outcome.events]


def test_hostile_files_end_in_a_format_error_that_names_them_and_run_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    good().save("good.keras")
    good().save("good.h5")
    with zipfile.ZipFile("good.keras") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    legacy = Path("good.h5").read_bytes()
    cases = []
    for index, (name, (spoil, message)) in enumerate(HOSTILE.items()):
        folder = tmp_path / str(index)
        folder.mkdir()
        (folder / "model.keras").write_bytes(spoil(dict(parts)))
        cases.append((name, folder / "model.keras", message))
    for name, (spoil_h5, message) in HOSTILE_H5.items():
        path = tmp_path / f"{name}.h5"
        path.write_bytes(spoil_h5(legacy))
        cases.append((f".h5, {name}", path, message))
    for name, content in (("empty", b""), ("pickle", pickle.dumps(Pickled())), ("cut", parts[WEIGHTS][:5000])):
        path = tmp_path / f"{name}.weights.h5"
        path.write_bytes(content)
        cases.append((f".weights.h5, {name}", path, "HDF5 file"))
    assert len(cases) > 80
    before = sorted(tmp_path.rglob("*"))
    outcomes = loaded([path for _, path, _ in cases])
    faults = [
        f"{name}: {fault}"
        for (name, path, message), outcome in zip(cases, outcomes, strict=True)
        for fault in judged(path, outcome, message)
    ]
    assert faults == []
    assert sorted(tmp_path.rglob("*")) == before  # no canary, and nothing unpacked


@pytest.mark.parametrize("ending", ["h5", "keras", "weights.h5", "safetensors"])
def test_a_pipe_that_nobody_writes_into_is_not_waited_for(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"model.{ending}"
    os.mkfifo(path)
    with pytest.raises(FormatError, match=r"model\..*: is a pipe or a device, but a file must be on a disk"):
        good().load_weights(path) if ending == "weights.h5" else models.load_model(path)


def test_bytes_flipped_and_cut_at_random_crash_nothing(tmp_path: Path) -> None:
    """A flip may hit what nobody reads; then the file is as good as before."""
    model, draw = good(), random.Random(20)
    files = []
    for ending in (".keras", ".h5", ".weights.h5"):
        path = tmp_path / f"good{ending}"
        (model.save_weights if "weights" in ending else model.save)(path)
        content = path.read_bytes()
        for index in range(40):
            spoiled = bytearray(content)
            for _ in range(draw.choice((1, 1, 8, 64))):
                spoiled[draw.randrange(len(spoiled) if index % 2 else 3000)] = draw.randrange(256)
            if index % 8 == 7:
                del spoiled[draw.randrange(len(spoiled)) :]
            files.append(tmp_path / f"{index}{ending}")
            files[-1].write_bytes(spoiled)
    outcomes = loaded(files)
    faults = [
        f"{path.name}: {fault}"
        for path, outcome in zip(files, outcomes, strict=True)
        for fault in judged(path, outcome)
        if not fault.startswith("ended in a model")
    ]
    assert faults == []
    assert sum(outcome.error == "FormatError" for outcome in outcomes) > 60


def test_the_good_files_load_in_quarantine(tmp_path: Path) -> None:
    model = good()
    for ending in (".keras", ".h5"):
        model.save(tmp_path / f"good{ending}")
    model.save_weights(tmp_path / "good.weights.h5")
    for outcome in loaded([tmp_path / f"good{ending}" for ending in (".keras", ".h5", ".weights.h5")]):
        assert (outcome.error, outcome.message, outcome.events) == ("", "", [])
        assert outcome.memory < MOST_BYTES // 4


@pytest.mark.parametrize(
    ("program", "fault"),
    [
        (CODE, f"ran open({CANARY!r}, 'w'"),
        ("eval('1 + 1')", "ran compile("),
        ("import pickle; pickle.loads(pickle.dumps(print))", "ran pickle.find_class"),
        ("import os; os.system('true')", "ran os.system"),
        ("import colorsys", "ran import("),
        ("bytearray(b'x' * (700 << 20))", "took"),
        ("import time; time.sleep(5.1)", "took"),
        ("import os; os.abort()", "ended in signal 6"),
        ("raise ValueError('what')", "ended in ValueError: what"),
        ("pass", "ended in a model"),
    ],
)
def test_what_the_quarantine_looks_for_it_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, fault: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "model.keras"
    [outcome] = loaded([path], program)
    assert any(found.startswith(fault) for found in judged(path, outcome)), outcome
