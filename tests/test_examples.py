"""The scripts in examples/ run, and say what they promise."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def test_new_classes_are_learnt_from_few_pictures(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLES / "new_classes.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    head, everything = (float(share) for share in re.findall(r": (0\.\d+) of 360 test pictures", done.stdout))
    assert everything > 0.75 > head
