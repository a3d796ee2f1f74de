"""`python -m fastcnn.train`: trains the tutorial's network. It parses, calls `fastcnn.tutorial.train`, and prints."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from fastcnn._command import Parser, add_dataset, add_where, integer, positive, run

__all__ = ["main"]

_DESCRIPTION = """\
Trains the tutorial's small convolutional network (122,570 parameters) and keeps
the result in a run folder:

  model.h5      the model, which takes raw pixels 0..255 and names its classes;
                Keras reads it too
  history.csv   loss and accuracy of every epoch, on training and test images
  args.json     what was asked, the seed, the classes, versions and machine
  checkpoint.safetensors
                from which --resume goes on, after Ctrl-C, a crash, a power cut
"""

_EPILOG = """\
examples:
  python -m fastcnn.train --dataset digits
      1,797 handwritten digits, built in: no network needed, done in seconds
  python -m fastcnn.train
      CIFAR-10, ten epochs, about 0.7 test accuracy; downloads 170 MB once
  python -m fastcnn.train --data-dir ~/data --epochs 20 --seed 1 --out runs/a
      data from a folder of yours, twice as long, repeatable, kept in runs/a
  python -m fastcnn.train --resume runs/a
      goes on where that run was stopped, and ends as if it had not been;
      with --epochs 30 for longer than it was asked for

where CIFAR-10 and CIFAR-100 are looked for: --data-dir alone if it is given,
else the folder that FASTCNN_DATA names, then the cache (~/.cache/fastcnn).
cifar100-coarse is CIFAR-100 with its 20 superclasses in place of 100 classes.

Ctrl-C keeps the model as it is at that moment, and the finished epochs, from
which --resume goes on.

exit codes: 0 done; 1 could not be done (no data, no such device, a folder that
cannot be written); 2 the command was not understood; 130 Ctrl-C.

From Python: fastcnn.tutorial.train("digits", epochs=3) does the same.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns the exit code."""
    parser = _parser()
    options = parser.parse(arguments)
    if options.data_dir is not None and options.dataset == "digits":
        parser.error("--data-dir is for CIFAR; the digits are built in")

    given = vars(options)
    resumed = given.pop("resume")
    if resumed is not None:
        for name in ("dataset", "batch_size", "learning_rate", "seed", "out"):
            if given.pop(name) != parser.get_default(name):
                parser.error(f"--{name.replace('_', '-')} is the run's own, so it cannot be given with --resume")
        if given["device"] == parser.get_default("device"):
            given["device"] = None  # the run's
    elif options.epochs is None:
        given["epochs"] = 10

    def work() -> None:
        from fastcnn import tutorial

        result = tutorial.train(**given) if resumed is None else tutorial.resume(resumed, **given)
        print(f"kept in {result.folder}")
        print(f"test accuracy {result.accuracy:.4f}, test loss {result.loss:.4f}")

    return run("train", work)


def _parser() -> Parser:
    parser = Parser("train", _DESCRIPTION, _EPILOG)
    add = parser.add_argument
    add_dataset(parser, "what to train on", default="cifar10")
    add("--data-dir", metavar="DIR", help="the folder that holds CIFAR; nothing is downloaded into it")
    add(
        "--resume",
        metavar="DIR",
        help="go on with the run in this folder; of the others, --epochs, --data-dir, --device and --threads go with it",
    )
    add("--epochs", type=integer(1), metavar="N", help="passes over the training images (default: 10)")
    add("--batch-size", type=integer(1), default=32, metavar="N", help="images a step (default: 32)")
    add("--learning-rate", type=positive, default=0.001, metavar="X", help="Adam's step size (default: 0.001)")
    add(
        "--seed",
        type=integer(0, 2**64 - 1),
        metavar="N",
        help="the same seed gives the same model, bit for bit (default: a new one)",
    )
    add_where(parser)
    add("--out", metavar="DIR", help="the run folder (default: runs/<dataset>-<time>)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
