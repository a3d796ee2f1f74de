"""`python -m fastcnn.predict`: what a model sees in pictures. It parses, calls `fastcnn.evaluation.classify_images`, and prints."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fastcnn import _text
from fastcnn._command import Parser, add_pixels, add_where, integer, run

if TYPE_CHECKING:
    from fastcnn.evaluation import Classification, Prediction

__all__ = ["main"]

_DESCRIPTION = """\
Says what a model sees in pictures: the most probable classes of each file, with
their probabilities. Name files, folders, of which all pictures are taken, or
patterns. Pictures may have any size and kind that Pillow reads; they are
brought to the size that the model takes, and what was done is said.
"""

_EPILOG = """\
examples:
  python -m fastcnn.predict runs/a/model.h5 cat.jpg dog.png
      a table of the three most probable classes of each
  python -m fastcnn.predict runs/a/model.h5 --top 1 --csv *.jpg > classes.csv
      one line a picture, for a spreadsheet: image,class,probability
  python -m fastcnn.predict runs/a/model.h5 --json photos 'more/**/*.png'
      every picture in a folder, at any depth, and what a pattern matches, for
      a program
  python -m fastcnn.predict keras.h5 cat.jpg --scale 1/255
      a model of the Keras tutorial, which wants pixels from 0 to 1

pictures: one of the model's size and colours is taken as it is. Else the first
frame of an animation is taken and turned as its EXIF data say; what is
transparent lies on white; colours become 8-bit RGB (or grey, if the model takes
grey); and it is resized with Pillow's bilinear filter, its sides stretched,
nothing cut off.

pixels: a model that fastcnn.train has made takes raw pixels, 0 to 255, and
scales them itself. One from elsewhere may want others: --scale 1/255 for 0..1,
--scale 1/127.5 --offset -1 for -1..1. It sees pixel * scale + offset.

classes have the names that the model's file holds, as that of fastcnn.train
does; else they are numbers, from 0. Probabilities are the softmax of the
model's outputs, unless it ends in a softmax itself.

--json prints one object: the notes, and of each image its classes, what was
done to it, and what is wrong with it if it cannot be read.

exit codes: 0 done; 1 could not be done, or not for every file (the others are
printed, the files are named); 2 the command was not understood; 130 Ctrl-C.

From Python: fastcnn.evaluation.classify_images("model.h5", ["cat.jpg"]).
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns the exit code."""
    parser = _parser()
    options = vars(parser.parse(arguments))
    if not options["files"] and options["data"] is None:
        parser.error("which images? name files or folders")

    def work() -> None:
        from fastcnn import config, evaluation
        from fastcnn.datasets import folders
        from fastcnn.errors import FormatError

        config.set_device(options.pop("device"))
        if (threads := options.pop("threads")) is not None:
            config.set_threads(threads)
        write = _json if options.pop("json") else _csv if options.pop("csv") else None
        options.pop("csv", None)
        found = evaluation.classify_images(**options, verbose=0 if write else "auto")
        (write or _table)(found)
        sys.stdout.flush()
        if found.left_out and write:
            print(f"fastcnn.predict: left out: {_text.printable(folders.listed(found.left_out))}", file=sys.stderr)
        if wrong := [_text.printable(f"{each.path}: {each.error}") for each in found.predictions if each.error]:
            count = f"{len(wrong):,} of {len(found.predictions):,} images cannot be read:"
            raise FormatError(" ".join([count, *wrong]) if len(wrong) == 1 else "\n  ".join([count, *wrong]))

    return run("predict", work)


def _table(found: Classification) -> None:
    rows = [(_text.printable(name), f"{share:.4f}") for each in found.predictions for name, share in each.classes]
    lines = iter(_text.table(("", ""), rows, indent="  ").split("\n"))
    for each in found.predictions:
        if not each.error:
            print(f"\n{_text.printable(each.path)}")
            if each.changes:
                print(_text.wrapped(f"  ({each.changes})", "   "))
            for _ in each.classes:
                print(next(lines))


def _json(found: Classification) -> None:
    import json

    print(json.dumps({"notes": list(found.notes), "images": [_entry(each) for each in found.predictions]}, indent=2))


def _entry(each: Prediction) -> dict[str, object]:
    if each.error:
        return {"image": each.path, "error": each.error}
    classes = [{"class": name, "probability": share} for name, share in each.classes]
    return {"image": each.path, "changes": each.changes, "classes": classes}


def _csv(found: Classification) -> None:
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["image", "class", "probability"])
    for each in found.predictions:
        writer.writerows([each.path, name, f"{share:.6g}"] for name, share in each.classes)


def _parser() -> Parser:
    parser = Parser("predict", _DESCRIPTION, _EPILOG)
    add = parser.add_argument
    add("model", metavar="MODEL", help="the model's file, of fastcnn or Keras")
    add("files", metavar="IMAGE", nargs="*", help="image files, folders of them, patterns")
    add("--data", metavar="DIR", help="a folder with one folder of images a class, where nothing else is wanted")
    add("--top", type=integer(1), default=3, metavar="N", help="classes of each image (default: 3)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument("--csv", action="store_true", help="print comma-separated values")
    add_pixels(parser)
    add_where(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
