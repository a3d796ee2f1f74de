"""The README's commands and its script do what it says, run from the README's own text.

Left out: what installs (.ci/run installs from the sdist, and by the test command), the test command itself, and the long CIFAR-10 training, of which the script
stands for one epoch.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
SHARED = Path(os.environ.get("FASTCNN_SHARED") or ROOT.parent / "shared")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def run(command: list[str], folder: Path, **environment: str) -> str:
    done = subprocess.run(
        command, cwd=folder, env=os.environ | environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_first_screen_has_the_two_commands() -> None:
    install_and_train, install_and_test = (block.strip() for block in blocks("sh")[:2])
    assert install_and_train == "pip install . && python -m fastcnn.train --dataset digits"
    assert install_and_test == 'pip install ".[test]" && python -m pytest -n auto --dist worksteal'
    assert README.index(install_and_test) < README.index("\n## ")


def test_the_first_command_trains_on_digits(tmp_path: Path) -> None:
    train = blocks("sh")[0].strip().partition(" && ")[2]
    output = run([sys.executable, *train.split()[1:]], tmp_path)
    accuracies = [float(found) for found in re.findall(r"val_accuracy=([01]\.\d+)", output)]
    assert len(accuracies) == 10
    # The seed is a new one each time. Of 60 seeds the mean is 0.976 and the spread 0.007, but now and then an epoch of Adam is a step back (0.931 was seen).
    assert statistics.median(accuracies[-3:]) > 0.95
    (told,) = re.findall(r"test accuracy ([01]\.\d+)", output)
    assert float(told) == pytest.approx(accuracies[-1], abs=0.001)
    assert {file.name for file in tmp_path.glob("runs/*/*")} == {
        "model.h5",
        "history.csv",
        "args.json",
        "checkpoint.safetensors",
    }


def test_the_script_trains_and_saves(tmp_path: Path) -> None:
    if not (SHARED / "data" / "cifar-10-batches-bin").is_dir():
        pytest.skip(
            f"no cifar-10-batches-bin in {SHARED / 'data'}; FASTCNN_SHARED names the folder whose data/ holds it"
        )
    (script,) = (block for block in blocks("python") if "model.fit" in block)
    assert script.count("epochs=10") == 1
    (tmp_path / "script.py").write_text(script.replace("epochs=10", "epochs=1"))
    output = run([sys.executable, "script.py"], tmp_path, FASTCNN_DATA=str(SHARED / "data"))
    assert float(re.findall(r"val_accuracy=([01]\.\d+)", output)[-1]) > 0.45
    assert (tmp_path / "cifar10_cnn.h5").stat().st_size > 4 * 122_570


def test_every_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("https://") or (ROOT / target).exists(), target
