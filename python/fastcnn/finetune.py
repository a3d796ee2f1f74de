"""`python -m fastcnn.finetune`: a classifier for one's own pictures. It parses, calls `fastcnn.finetuning.fine_tune`, and prints."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fastcnn._command import (
    Parser,
    add_switch,
    add_where,
    factor,
    integer,
    not_negative,
    number,
    part,
    positive,
    run,
    share,
)

if TYPE_CHECKING:
    from fastcnn.finetuning import FineTuned

__all__ = ["main"]

_DESCRIPTION = """\
Makes a classifier for your own pictures out of a network that has learnt others.
No option but --data is needed; what is chosen is said, and why.

  photos/cat/1.jpg photos/dog/2.png ...       one folder a class, or
  photos/train/cat/... photos/test/cat/...    with test (and val) pictures apart

The run folder gets model.h5, which fastcnn.predict takes; report.html, which says
what it gets wrong; and all that is needed to go on after Ctrl-C or a crash.
"""

_EPILOG = """\
examples:
  python -m fastcnn.check_data photos
      first of all: what is wrong with them
  python -m fastcnn.finetune --data photos
      from the shipped VGG8, with everything chosen by the amount of data
  python -m fastcnn.finetune --data photos --minutes 1
      fewer epochs, where all would take longer than a minute
  python -m fastcnn.finetune --data photos --start mine.h5 --scale 1/255
      from a model of your own, Keras's too, here one that wants pixels 0..1
  python -m fastcnn.finetune --resume runs/fine-tuned-20261129-010203
      goes on where that run was stopped, and ends as if it had not been

exit codes: 0 done; 1 could not be done (pictures that cannot be trained on, a
model that does not fit); 2 the command was not understood; 130 Ctrl-C.

From Python: fastcnn.fine_tune("photos") does the same.
"""

_SETTINGS = {  # of finetuning.Settings, as options: their types and what they are
    "validation_split": (share, "X", "the share of pictures that is held out where there is no folder val"),
    "epochs": (integer(0), "N", "passes over the pictures, of the whole network; 0: a new head alone"),
    "head_epochs": (integer(0), "N", "passes over their features, of the new head"),
    "batch_size": (integer(1), "N", "pictures a step"),
    "learning_rate": (positive, "X", "the highest, of the last layers"),
    "lower_rate": (part, "X", "the share of it that the first layer has"),
    "label_smoothing": (share, "X", "what a picture's own class loses to all"),
    "weight_decay": (not_negative, "X", "what kernels lose of themselves, times the rate"),
    "warmup": (share, "X", "the share of the steps in which the rate rises"),
    "global_clipnorm": (positive, "X", "how large all gradients together may be"),
    "shift": (integer(0), "N", "by how many pixels pictures are moved at most"),
    "patience": (integer(0), "N", "epochs without a better validation loss that are borne; implies --best-epoch"),
}
_SWITCHES = {
    "best_epoch": "keep the epoch with the best validation loss, not the last",
    "flip": "mirror half of the pictures (not for letters)",
    "class_weight": "let rare classes count more",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns the exit code."""
    parser = _parser()
    options = vars(parser.parse(arguments))
    device, threads, resumed = options.pop("device"), options.pop("threads"), options.pop("resume")
    if (resumed is None) == (options["data"] is None):
        parser.error("exactly one of --data and --resume must be given")
    asked = {name: value for name, value in options.items() if value is not None}
    if resumed is not None and asked:
        parser.error(f"--{next(iter(asked)).replace('_', '-')} is the run's own, so it cannot be given with --resume")

    def work() -> None:
        from fastcnn import config, finetuning
        from fastcnn.errors import FormatError
        from fastcnn.finetuning import report

        if threads is not None:
            config.set_threads(threads)
        if resumed is None:
            config.set_device(device)
            try:
                done = finetuning.fine_tune(asked.pop("data"), asked.pop("start", "vgg8"), keep=True, **asked)
            except FormatError as error:  # under the command's own name
                raise FormatError(str(error).removeprefix("fine_tune: ")) from error
        else:
            done = finetuning.resume(resumed, device=None if device == parser.get_default("device") else device)
        report.write(done)
        print(_report(done))

    return run("finetune", work)


def _report(done: FineTuned) -> str:
    lines = []
    parts = [("validation", done.validation), ("test", done.test)]
    for name, found in parts:
        if found is not None:
            lines.append(f"{name} accuracy {found.accuracy:.4f}, loss {found.loss:.4f}, {found.images:,} pictures")
    lines.append(f"kept in {done.folder}, after {done.seconds:.1f} seconds; report.html there says more")
    return "\n".join(lines)


def _parser() -> Parser:
    parser = Parser("finetune", _DESCRIPTION, _EPILOG)
    add = parser.add_argument
    add("--data", metavar="DIR", help="your pictures")
    add("--start", metavar="NAME", help="vgg8 (the default), tutorial_cnn, or the file of a model")
    add("--image-size", type=integer(1), metavar="N", help="the side that pictures are brought to (default: what the start takes)")  # fmt: skip
    add("--minutes", type=positive, metavar="X", help="about how long it may take in all")
    add("--resume", metavar="DIR", help="go on with the run in this folder")
    add("--out", metavar="DIR", help="the run folder (default: runs/fine-tuned-<time>)")
    add("--seed", type=integer(0, 2**64 - 1), metavar="N", help="the same seed gives the same model, bit for bit (default: a new one)")  # fmt: skip
    add("--drop-duplicates", action="store_true", default=None, help="leave out files that are there already")
    add("--scale", type=factor, metavar="X", help="what pixels 0..255 are multiplied with before the start sees them (default: 1)")  # fmt: skip
    add("--offset", type=number, metavar="X", help="what is added after that (default: 0)")
    settings = parser.add_argument_group("settings, which are chosen by the amount of data where they are not given")
    for name, (kind, letter, meaning) in _SETTINGS.items():
        settings.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar=letter, help=meaning)
    for name, meaning in _SWITCHES.items():
        add_switch(settings, name.replace("_", "-"), meaning)
    add_where(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
