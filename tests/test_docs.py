"""The pages of docs/: their code runs, page by page from top to bottom, prints what the page shows, and their links lead somewhere.

A page's Python runs as one script, then its commands (`sh`), in the same folder. A `text` block is what the block before it prints: word for word, but
for numbers with a decimal point and times, which differ a little from machine to machine; a line "..." leaves lines out. Python that imports matplotlib is left
out where that is not installed.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted((ROOT / "docs").glob("*.md"))


def run(command: list[str], folder: Path) -> str:
    environment = os.environ | {
        "COLUMNS": "80",
        "MPLBACKEND": "Agg",
        "PYTHONIOENCODING": "utf-8",
        "XDG_CACHE_HOME": str(folder / "cache"),
    }
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def can_run(python: str) -> bool:
    return "import matplotlib" not in python or importlib.util.find_spec("matplotlib") is not None


def without_decimals(text: str) -> str:
    """The text with one sign for each number that has a decimal point and for each of seconds, and one space for several."""
    return re.sub(r"[ \t]+", " ", re.sub(r"\d+\.\d+|\d+(?=s\b)", "#", text))


def missing(shown: str, printed: str) -> str:
    """The first part of what a page shows that was not printed, behind the part before it; or nothing."""
    rest = without_decimals(printed)
    for part in filter(None, re.split(r"^\.\.\.\n", without_decimals(shown), flags=re.MULTILINE)):
        before, found, rest = rest.partition(part)
        if not found:
            return f"{part}\nis not in\n{before}"
    return ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_code_of_a_page_runs_and_prints_what_it_shows(page: Path, tmp_path: Path) -> None:
    blocks = re.findall(r"^```(python|sh|text)\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
    if not blocks:
        pytest.skip("has none")
    marker = "<end of a block>"
    scripts = [block if can_run(block) else "" for language, block in blocks if language == "python"]
    (tmp_path / "page.py").write_text(f"print({marker!r})\n".join(scripts), encoding="utf-8")
    printed = iter(run([sys.executable, "page.py"], tmp_path).split(f"{marker}\n"))
    output = ""
    for language, block in blocks:
        if language == "python":
            output = next(printed)
        elif language == "sh":
            lines = [line.split() for line in block.strip().splitlines()]
            assert all(line[:2] == ["python", "-m"] for line in lines), block
            output = "".join(run([sys.executable, *line[1:]], tmp_path) for line in lines)
        else:
            assert missing(block, output) == ""


def test_what_is_not_printed_is_found() -> None:
    printed = "one 1.25\ntwo   2.5 s\nthree\nfour\n"
    assert missing("one 1.5\ntwo 20.5 s\n", printed) == ""
    assert missing("one 1.5\n...\nfour\n", printed) == ""
    assert missing("four\n...\none 1.5\n", printed)
    assert missing("two 2 s\n", printed)
    assert missing("Epoch 1/2 0.5s\n", "Epoch 1/2 12s\n") == ""
    assert missing("Epoch 1/2 0.5s\n", "Epoch 2/2 0.5s\n")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert target.startswith("https://") or (page.parent / target).exists(), target
