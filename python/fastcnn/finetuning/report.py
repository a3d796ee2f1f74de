"""report.html: what a fine-tuning has learnt and what it gets wrong, in one file that needs no other and no network.

The curves are matplotlib's, where that is installed (the extra "plots"); everything else is always there.
"""

from __future__ import annotations

import base64
import csv
import importlib.util
import io
import math
import threading
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastcnn import runs
from fastcnn._text import printable
from fastcnn.datasets import images
from fastcnn.datasets.splits import Part
from fastcnn.evaluation import Evaluation
from fastcnn.formats import atomic
from fastcnn.info import info
from fastcnn.judge import softmax
from fastcnn.utils import augmentation_sheet

if TYPE_CHECKING:
    from fastcnn.finetuning.job import FineTuned

__all__ = ["get_ready", "write"]

_WRONG = 24  # pictures that are shown
_LEFT_OUT = 50  # files that are named

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem } h2 { font-size: 1.2rem; margin-top: 2.5rem }
table { border-collapse: collapse } td, th { padding: .2rem .6rem; text-align: right; border-bottom: 1px solid #ddd }
td:first-child, th:first-child, .text td, .text th { text-align: left }
.scroll { overflow-x: auto } figure { display: inline-block; margin: 0 .8rem 1rem 0; font-size: .85rem; vertical-align: top; max-width: 9rem }
figure img { width: 96px; image-rendering: pixelated } img.sheet { max-width: 100%; image-rendering: pixelated }
.big { font-size: 2rem; font-weight: 600 } .note { color: #555 }
"""


def get_ready() -> None:
    """Begins to import what draws the curves, in a thread: it takes half a second, which a training, in C++ for the most part, leaves to others."""
    if importlib.util.find_spec("matplotlib") is not None:
        threading.Thread(target=importlib.import_module, args=("matplotlib.figure",)).start()


def write(done: FineTuned) -> Path:
    """Writes report.html into the run's folder, whole or not at all, and returns its path. ValueError for a fine-tuning that kept no folder."""
    if done.folder is None:
        raise ValueError("write: this fine-tuning kept no folder to write a report into; give it out=")
    path = done.folder / runs.REPORT
    atomic.write(path, _html(done, done.folder).encode())
    return path


def _html(done: FineTuned, folder: Path) -> str:
    names = [printable(name) for name in done.data.class_names]
    found, part, use = (
        (done.test, done.data.test, "test")
        if done.test is not None
        else (done.validation, done.data.validation, "validation")
    )
    sections = [_first(done, found, use)]
    if found is not None:
        sections += [
            ("Which classes it tells apart", _scores(found, names)),
            ("What it takes for what", _confusion(found, names)),
            (f"The most confidently wrong of the {use} pictures", _wrong(done, part, names)),
        ]
    sections += [
        ("How it learnt", _curves(folder)),
        ("Pictures as the training saw them", _augmented(done)),
        ("Settings", _settings(done)),
        ("Files that were left out", _left_out(done)),
        ("Of what and where", _environment(done, folder)),
    ]
    body = "\n".join(
        f"<h2>{escape(title)}</h2>\n{content}" if title else content for title, content in sections if content
    )
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Fine-tuned: {escape(printable(folder.name))}</title>'
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}<style>{_STYLE}</style></head>\n<body>\n{body}\n</body></html>\n'
    )


def _first(done: FineTuned, found: Evaluation | None, use: str) -> tuple[str, str]:
    data = done.data
    counts = (
        f"{len(data.train.y):,} to train on, {len(data.validation.y):,} for validation, {len(data.test.y):,} to test"
    )
    said = f"<h1>A classifier of {len(data.class_names):,} classes</h1>\n"
    if found is not None:
        said += f'<p class="big">{found.accuracy:.1%}</p><p>of {found.images:,} {use} pictures are recognised.'
        if use == "validation" and done.choice.settings.best_epoch and done.choice.settings.epochs:
            said += " These chose the best epoch, so on new pictures expect a little less; a folder test/ would tell."
        said += "</p>\n"
    return "", said + f"<p>Pictures: {counts}. It took {done.seconds:,.1f} seconds.</p>"


def _scores(found: Evaluation, names: Sequence[str]) -> str:
    rows = [
        (name, _share(score.recall), _share(score.precision), f"{score.count:,}")
        for name, score in zip(names, found.classes, strict=True)
    ]
    note = "Recall: of the pictures of a class, the share that is taken for it. Precision: of those taken for it, the share that is."
    return f'<p class="note">{note}</p>{_table(("class", "recall", "precision", "pictures"), rows)}'


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.1%}"


def _confusion(found: Evaluation, names: Sequence[str]) -> str:
    most = max(int(found.confusion.max()), 1)
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    rows = []
    for name, row in zip(names, found.confusion.tolist(), strict=True):
        cells = "".join(
            f'<td style="background:rgba(30,100,200,{0.7 * count / most:.2f})">{count:,}</td>' for count in row
        )
        rows.append(f"<tr><th>{escape(name)}</th>{cells}</tr>")
    note = "A row is what the pictures are, a column what they are taken for."
    return f'<p class="note">{note}</p><div class="scroll"><table><tr><th></th>{head}</tr>{"".join(rows)}</table></div>'


def _wrong(done: FineTuned, part: Part, names: Sequence[str]) -> str:
    assert done.outputs is not None  # there is an evaluation of them
    shares = softmax(done.outputs)
    taken = shares.argmax(axis=1)
    wrong = np.flatnonzero(taken != part.y)
    wrong = wrong[np.argsort(-shares[wrong, taken[wrong]], kind="stable")][:_WRONG]
    if not len(wrong):
        return "<p>None: all are right.</p>"
    return "".join(
        f"<figure>{_picture(part.x[i])}<figcaption>{escape(names[taken[i]])} {shares[i, taken[i]]:.0%}, but is "
        f"{escape(names[part.y[i]])}<br><small>{escape(printable(part.files[i].name) if part.files else f'number {i}')}</small></figcaption></figure>"
        for i in wrong
    )


def _curves(folder: Path) -> str:
    with (folder / runs.HISTORY).open(newline="") if (folder / runs.HISTORY).exists() else io.StringIO() as file:
        rows = list(csv.DictReader(file))
    if not rows:
        return "<p>The head alone was trained.</p>"
    columns = {name: [float(row[name]) if row[name] else None for row in rows] for name in list(rows[0])[1:5]}
    table = _table(
        ("epoch", "training loss", "accuracy", "validation loss", "accuracy"),
        [(row["epoch"], *(row[name] or "-" for name in columns)) for row in rows],
    )
    if importlib.util.find_spec("matplotlib") is None:
        note = '<p class="note">With matplotlib (<code>pip install "fastcnn[plots]"</code>) the curves stand here as well.</p>'
        return f"{note}<details open><summary>Each epoch</summary>{table}</details>"
    return f"{_plot(columns)}<details><summary>Each epoch</summary>{table}</details>"


def _plot(columns: dict[str, list[float | None]]) -> str:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.2))
    figure.subplots_adjust(left=0.06, right=0.99, bottom=0.15, top=0.91, wspace=0.12)
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        for prefix, label in (("", "training, as augmented"), ("val_", "validation")):
            points = [(epoch, value) for epoch, value in enumerate(columns[prefix + name], 1) if value is not None]
            if points:
                axes.plot(*zip(*points, strict=True), label=label)
        axes.set(xlabel="epoch", title=name)
        axes.grid(alpha=0.3)
    figure.axes[0].legend()
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=120)
    return f'<img style="max-width:100%" alt="loss and accuracy of each epoch" src="{_data(drawn.getvalue())}">'


def _augmented(done: FineTuned) -> str:
    layers = done.choice.settings.augmentations()
    if not layers or not done.choice.settings.epochs:
        return ""
    labels = done.data.train.y
    rows = [int(np.flatnonzero(labels == label)[0]) for label in np.unique(labels)[:6]]
    sheet = augmentation_sheet(layers, done.data.train.x[rows], seed=0)
    note = "At the left as they are in the folder, then as eight epochs might have seen them."
    return f'<p class="note">{note}</p><img class="sheet" alt="pictures, moved and mirrored" width="{2 * sheet.shape[1]}" src="{_data(images.as_png(sheet))}">'


def _settings(done: FineTuned) -> str:
    reasons = done.choice.reasons
    rows = [
        (name, _said(value), f"chosen for {reasons[name]}" if name in reasons else "")
        for name, value in asdict(done.choice.settings).items()
    ]
    return _table(("setting", "value", "why"), rows, "text")


def _left_out(done: FineTuned) -> str:
    faults = done.data.left_out
    if not faults:
        return ""
    rows = [(printable(str(fault.path)), printable(fault.reason)) for fault in faults[:_LEFT_OUT]]
    more = f"<p>And {len(faults) - _LEFT_OUT:,} more; python -m fastcnn.check_data --all names them.</p>"
    return _table(("file", "why"), rows, "text") + (more if len(faults) > _LEFT_OUT else "")


def _environment(done: FineTuned, folder: Path) -> str:
    facts, asked = info(), runs.read_arguments(folder, ("data", "start", "seed"))
    wanted = ("version", "python", "platform", "processor", "cores_usable", "instruction_set", "device", "threads")
    rows = [(name, printable(_said(asked[name] or "given in Python"))) for name in ("data", "start")]
    rows += [("seed", str(asked["seed"])), *((name, _said(facts[name])) for name in wanted)]
    return _table(("", ""), [*rows, ("seconds", f"{done.seconds:,.1f}")], "text")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "") -> str:
    first = f"<tr>{''.join(f'<th>{escape(cell)}</th>' for cell in head)}</tr>" if any(head) else ""
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="scroll"><table class="{kind}">{first}{body}</table></div>'


def _said(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _picture(pixels: NDArray[np.uint8]) -> str:
    return f'<img alt="" src="{_data(images.as_png(pixels))}">'


def _data(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
