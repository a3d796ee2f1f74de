"""report.html: everything in one file, nothing from elsewhere, names from anybody, with matplotlib and without; and as a real browser shows it."""

from __future__ import annotations

import base64
import html
import importlib.util
import io
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import fastcnn
import numpy as np
import pytest
from checks import rejected
from drawn import KINDS, folder_of_drawings
from fastcnn.datasets import Part, image_folder
from fastcnn.finetuning import FineTuned, report
from PIL import Image

VOID = {"meta", "img", "br"}
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# Opens a page in a frame of a given width, and says what of it can be seen.
LOOK = """<!doctype html><meta charset="utf-8"><iframe width="{width}" height="2000" src="{page}"></iframe><pre id="seen">nothing</pre>
<script>
document.querySelector("iframe").onload = ({{target}}) => {{
  const page = target.contentDocument;
  document.getElementById("seen").textContent = JSON.stringify({{
    text: page.body.innerText,
    images: [...page.images].map(({{naturalWidth, width, alt}}) => ({{naturalWidth, width, alt}})),
    needed: page.documentElement.scrollWidth,
    fetched: target.contentWindow.performance.getEntriesByType("resource").map(({{name}}) => name).filter(name => !name.startsWith("data:")),
    mode: page.compatMode,
  }});
}};
</script>"""


class Page(HTMLParser):
    """Refuses what is not closed, and keeps the text, the images and what points elsewhere."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.said: list[str] = []
        self.images: list[str] = []
        self.links: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "src":
                self.images.append(value or "")
            assert name not in ("href", "srcset", "onload", "onerror")
        assert tag not in ("script", "link", "iframe")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.said.append(data)


def tuned(root: Path, out: Path, **more: Any) -> FineTuned:
    settings = {"epochs": 2, "head_epochs": 5, "batch_size": 8, "seed": 1, "verbose": 0, **more}
    return fastcnn.fine_tune(root, "tutorial_cnn", out=out, **settings)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder_of_drawings(tmp_path / "photos" / "train", dict.fromkeys(KINDS, 8))
    folder_of_drawings(tmp_path / "photos" / "test", dict.fromkeys(KINDS, 8), 100)
    return tmp_path / "photos"


def test_it_says_what_was_learnt_and_what_is_wrong(root: Path, tmp_path: Path) -> None:
    (root / "train" / "disc" / "text.png").write_text("no picture")
    done = tuned(root, tmp_path / "run")
    path = report.write(done)
    assert path == tmp_path / "run" / "report.html"
    page = Page(path.read_text(encoding="utf-8"))
    said = " ".join(page.said)
    assert done.test is not None
    assert f"{done.test.accuracy:.1%}" in said
    for words in ("24 test pictures", "recall", "most confidently wrong", "Settings", "learning_rate", "chosen for all amounts", "text.png", "instruction_set", f"{done.seconds:,.1f} seconds"):  # fmt: skip
        assert words in said
    for source in page.images:
        kind, _, content = source.partition(",")
        assert kind == "data:image/png;base64"
        Image.open(io.BytesIO(base64.b64decode(content))).load()
    wrong = int(24 - np.trace(done.test.confusion))
    assert said.count(", but is ") == min(wrong, 24)


def test_the_counts_are_those_of_the_evaluation(root: Path, tmp_path: Path) -> None:
    done = tuned(root, tmp_path / "run")
    text = report.write(done).read_text(encoding="utf-8")
    table = text[text.index("What it takes for what") :]
    cells = re.findall(r"<td style[^>]*>([\d,]+)</td>", table[: table.index("</table>")])
    assert done.test is not None
    assert [int(cell) for cell in cells] == done.test.confusion.ravel().tolist()


@pytest.mark.parametrize("installed", [False, True])
def test_curves_need_matplotlib_and_their_numbers_do_not(
    root: Path, tmp_path: Path, installed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if installed:
        pytest.importorskip("matplotlib")
    else:
        found = importlib.util.find_spec
        monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "matplotlib" else found(name, *more))  # fmt: skip
    text = report.write(tuned(root, tmp_path / "run")).read_text(encoding="utf-8")
    assert ("loss and accuracy of each epoch" in text) == installed
    assert ("fastcnn[plots]" in text) == (not installed)
    loss = (tmp_path / "run" / "history.csv").read_text().splitlines()[1].split(",")[1]
    assert loss in text


def test_names_from_anybody_stay_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = folder_of_drawings(tmp_path / "photos", {"disc": 6, "cross": 6})
    (root / "disc").rename(root / "<script>alert(1)&amp;")
    for number, file in enumerate(sorted((root / "cross").iterdir())):
        file.rename(file.with_name(f'"><img src=x onerror=alert({number})>\x1b[1m.png'))
    done = tuned(root, tmp_path / "run", epochs=0, validation_split=0.5)
    page = Page(report.write(done).read_text(encoding="utf-8"))
    assert "<script>alert(1)&amp;" in " ".join(page.said)
    assert all(source.startswith("data:") for source in page.images)
    assert "The head alone was trained." in " ".join(page.said)


def test_without_validation_and_test_there_is_still_a_report(root: Path, tmp_path: Path) -> None:
    done = tuned(root / "train", tmp_path / "run", validation_split=0, flip=False, shift=0)
    said = " ".join(Page(report.write(done).read_text(encoding="utf-8")).said)
    assert "24 to train on, 0 for validation, 0 to test" in said
    assert "most confidently wrong" not in said
    assert "Pictures as the training saw them" not in said


def test_arrays_have_no_file_names_and_a_class_may_be_missing_from_the_test(root: Path, tmp_path: Path) -> None:
    data = image_folder(root)
    few = data.test.y < 2
    test = Part(data.test.x[few], data.test.y[few], [])
    done = tuned(data._replace(test=test), tmp_path / "run", epochs=0)
    said = " ".join(Page(report.write(done).read_text(encoding="utf-8")).said)
    assert "nan" not in said
    assert re.search(r"but is \w+\s+number \d+", said)


def test_a_report_needs_a_folder(root: Path) -> None:
    done = fastcnn.fine_tune(root, "tutorial_cnn", epochs=0, head_epochs=1, seed=0, verbose=0)
    with rejected(ValueError, "write", "out="):
        report.write(done)


def seen(browser: str, page: Path, width: int, folder: Path) -> Any:
    """What the browser shows of a page, `width` pixels wide."""
    look = folder / "look.html"
    look.write_text(LOOK.format(width=width, page=page.absolute().as_uri()), encoding="utf-8")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--allow-file-access-from-files", f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=20000", "--dump-dom", look.as_uri()]  # fmt: skip
    shown = subprocess.run(command, capture_output=True, timeout=120, check=True).stdout.decode()
    found = re.search(r'<pre id="seen">(.*?)</pre>', shown, re.DOTALL)
    assert found is not None, shown
    return json.loads(html.unescape(found[1]))


@pytest.mark.parametrize("width", [375, 1200])  # of a telephone, and of a screen
def test_a_browser_shows_all_of_it(root: Path, tmp_path: Path, width: int) -> None:
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip(f"browser: none of {', '.join(BROWSERS)} is installed")
    (root / "train" / "disc").rename(root / "train" / "<b>disc & \u00e9\u4e16\u754c")
    (root / "test" / "disc").rename(root / "test" / "<b>disc & \u00e9\u4e16\u754c")
    done = tuned(root, tmp_path / "run")
    page = report.write(done)
    shown = seen(browser, page, width, tmp_path)
    assert shown["mode"] == "CSS1Compat"  # no quirks
    assert shown["fetched"] == []
    assert shown["needed"] <= width, "the page is wider than its window"
    assert len(shown["images"]) == len(Page(page.read_text(encoding="utf-8")).images) > 1
    for image in shown["images"]:
        assert min(image["naturalWidth"], image["width"]) > 0, image
    assert done.test is not None
    for words in (
        f"{done.test.accuracy:.1%}",
        "<b>disc & \u00e9\u4e16\u754c",
        "learning_rate",
        "most confidently wrong",
    ):
        assert words in shown["text"]
