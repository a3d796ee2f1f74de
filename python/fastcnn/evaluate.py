"""`python -m fastcnn.evaluate`: how good a model is. It parses, calls `fastcnn.evaluation.evaluate_model`, and prints."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fastcnn import _text
from fastcnn._command import Parser, add_dataset, add_pixels, add_where, run

if TYPE_CHECKING:
    from fastcnn.evaluation import Evaluation

__all__ = ["main"]

_DESCRIPTION = """\
Says how good a model is: its accuracy and loss over images that it has not been
trained on, and for each class

  precision   of the images that it takes for this class, the share that is
  recall      of the images of this class, the share that it takes for it
  count       the images of this class

A dash stands where there is nothing to divide by. The last line is for scripts:

  accuracy 0.7081  loss 0.8732  images 10000
"""

_EPILOG = """\
examples:
  python -m fastcnn.evaluate runs/a/model.h5 --dataset cifar10
      the 10,000 test images of CIFAR-10
  python -m fastcnn.evaluate runs/a/model.h5 --data photos/test
      your own pictures: photos/test/cat/1.jpg, photos/test/dog/1.png, ...
  python -m fastcnn.evaluate keras.h5 --dataset cifar10 --scale 1/255
      a model of the Keras tutorial, which wants pixels from 0 to 1

pixels: a model that fastcnn.train has made takes raw pixels, 0 to 255, and
scales them itself. One from elsewhere may want others: --scale 1/255 for 0..1,
--scale 1/127.5 --offset -1 for -1..1. It sees pixel * scale + offset.

--data: the folders in DIR are the classes. Pictures of any size and kind that
Pillow reads are brought to the size that the model takes, sides stretched.
Hidden files are passed over; what else is no picture is listed and left out.

classes are matched by their names where the model's file has them, as those of
fastcnn.train do. Where it has none, its outputs are taken for the classes of
the data in their order (of a folder: the order of the names); that is said.

the loss is the one that the model was compiled with; without one, it is the
cross-entropy.

exit codes: 0 done; 1 could not be done (no such file, a model and data that do
not go together); 2 the command was not understood; 130 Ctrl-C.

From Python: fastcnn.evaluation.evaluate_model("model.h5", "cifar10").
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns the exit code."""
    parser = _parser()
    options = vars(parser.parse(arguments))
    if options["data_dir"] is not None and options["dataset"] in (None, "digits"):
        parser.error("--data-dir is where --dataset looks for CIFAR; a folder of pictures is --data")

    def work() -> None:
        from fastcnn import config, evaluation

        config.set_device(options.pop("device"))
        if (threads := options.pop("threads")) is not None:
            config.set_threads(threads)
        print(_report(evaluation.evaluate_model(**options)))

    return run("evaluate", work)


def _report(found: Evaluation) -> str:
    rows = [
        (_text.printable(score.name), _share(score.precision), _share(score.recall), str(score.count))
        for score in found.classes
    ]
    table = _text.table(("class", "precision", "recall", "count"), rows)
    return f"\n{table}\n\naccuracy {found.accuracy:.4f}  loss {found.loss:.4f}  images {found.images}"


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.4f}"


def _parser() -> Parser:
    parser = Parser("evaluate", _DESCRIPTION, _EPILOG)
    add = parser.add_argument
    add("model", metavar="MODEL", help="the model's file, of fastcnn or Keras")
    images = parser.add_mutually_exclusive_group(required=True)
    add_dataset(images, "the test images of a known data set")
    images.add_argument("--data", metavar="DIR", help="your own images: a folder with one folder a class")
    add("--data-dir", metavar="DIR", help="the folder that holds CIFAR, for --dataset; nothing is downloaded into it")
    add_pixels(parser)
    add_where(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
