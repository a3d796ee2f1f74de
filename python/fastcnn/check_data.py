"""`python -m fastcnn.check_data`: what is wrong or odd in a folder of pictures. It parses, calls `fastcnn.datasets.check_folder`, and prints."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fastcnn import _text
from fastcnn._command import Parser, integer, run, share

if TYPE_CHECKING:
    from fastcnn.datasets.checking import Checked

__all__ = ["main"]

_DESCRIPTION = """\
Looks at every picture of a folder before anything is trained on it, and says what
is there, what is wrong and what to do about it: files that cannot be read, empty
and tiny classes, classes of very different size, files that are there twice (in
training and test, say), pictures that are small or squeezed.
"""

_EPILOG = """\
examples:
  python -m fastcnn.check_data photos
      photos/cat/1.jpg, photos/dog/1.png, ...: one folder a class; or
      photos/train/cat/1.jpg, ..., photos/test/cat/7.jpg, ...
  python -m fastcnn.check_data photos --image-size 64 --all
      for a network that takes 64x64 pixels; every file is named
  python -m fastcnn.check_data photos --json
      for scripts

exit codes: 0 it can be trained on; 1 it cannot, or there is no such folder;
2 the command was not understood; 130 Ctrl-C.

From Python: fastcnn.datasets.check_folder("photos").
"""

_NAMED = 5  # files under a finding, without --all; those that cannot be used are all named


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns the exit code."""
    parser = Parser("check_data", _DESCRIPTION, _EPILOG)
    add = parser.add_argument
    add("directory", metavar="DIR", help="the folder of pictures")
    add("--image-size", type=integer(1), default=32, metavar="N", help="the side that pictures are brought to (default: 32)")  # fmt: skip
    add(
        "--validation-split",
        type=share,
        metavar="X",
        help="the share that is to be held out where there is no folder val (default: what finetune would)",
    )
    add("--all", action="store_true", help="name every file, not only those that cannot be used and the first few of others")  # fmt: skip
    add("--json", action="store_true", help="one line of JSON")
    options = parser.parse(arguments)
    code = 0

    def work() -> None:
        nonlocal code
        from fastcnn.datasets import check_folder

        checked = check_folder(
            options.directory,
            options.image_size,
            validation_split=options.validation_split,
            verbose=0 if options.json else "auto",
        )
        print(_as_json(checked) if options.json else _report(checked, options.all))
        code = int(any(finding.serious for finding in checked.findings))

    return run("check_data", work) or code


def _report(checked: Checked, everything: bool) -> str:
    parts = list(checked.counts)
    rows = [
        (_text.printable(name), *(str(checked.counts[part][number]) for part in parts))
        for number, name in enumerate(checked.class_names)
    ]
    if len(rows) > 1:
        rows.append(("in all", *(str(sum(checked.counts[part])) for part in parts)))
    blocks = [_text.table(("class", *parts), rows)] if rows else []
    if checked.sizes:
        names = ("smallest", "median", "largest")
        sizes = [f"{name} {width}x{height}" for name, (height, width) in zip(names, checked.sizes, strict=True)]
        blocks.append(f"sizes: {', '.join(sizes)}")
    for finding in checked.findings:
        text = _text.printable(finding.text) + (f": {finding.remedy}" if finding.remedy else "")
        lines = [_text.wrapped(f"{'STOP ' if finding.serious else 'note '}{text}", "     ")]
        named = finding.files if everything or finding.each else finding.files[:_NAMED]
        lines += [f"     {_text.printable(str(file.path))}: {_text.printable(file.reason)}" for file in named]
        if len(named) < len(finding.files):
            lines.append(f"     and {len(finding.files) - len(named):,} more (--all names them)")
        blocks.append("\n".join(lines))
    if not checked.findings:
        blocks.append("nothing is wrong")
    return "\n\n".join(blocks)


def _as_json(checked: Checked) -> str:
    findings = [
        {
            **finding._asdict(),
            "files": [{"path": os.fspath(file.path), "reason": file.reason} for file in finding.files],
        }
        for finding in checked.findings
    ]
    return json.dumps({**checked._asdict(), "findings": findings})


if __name__ == "__main__":
    sys.exit(main())
