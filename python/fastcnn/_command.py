"""What the command lines share: a parser whose errors are one sentence, and the exit codes. Private.

0    done
1    it could not be done: no data, no such device, a folder that cannot be written
2    the command was not understood
130  Ctrl-C
"""

from __future__ import annotations

import argparse
import difflib
import io
import math
import os
import re
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import NoReturn

__all__: list[str] = []

DATASETS = (
    "cifar10",
    "cifar100",
    "cifar100-coarse",
    "digits",
)  # datasets.named.NAMES, here so that --help need not import numpy


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that takes no abbreviations, and names the nearest option for one that there is not."""

    def __init__(self, command: str, description: str, epilog: str) -> None:
        super().__init__(
            prog=f"python -m fastcnn.{command}",
            description=description,
            epilog=epilog,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def parse(self, arguments: Sequence[str] | None) -> argparse.Namespace:
        """The options; exits with 2 and a sentence where they make no sense."""
        given = sys.argv[1:] if arguments is None else list(arguments)
        for name in (argument.partition("=")[0] for argument in given[: given.index("--") if "--" in given else None]):
            if name.startswith("--") and name not in self._option_string_actions:
                self._refuse(name)  # before argparse misses what was misspelt
        options, unknown = self.parse_known_intermixed_args(given)  # so that options may stand between files
        if unknown:
            self._refuse(unknown[0].partition("=")[0] if unknown[0].startswith("-") else unknown[0])
        return options

    def _refuse(self, name: str) -> NoReturn:
        if not name.startswith("-"):
            options = {"--dataset": "names a data set", "--out": "names the run folder"}
            hints = [
                f"; {option} {meaning}" for option, meaning in options.items() if option in self._option_string_actions
            ]
            self.error(f"{name!r} follows no option" + "".join(hints))
        near = difflib.get_close_matches(name, self._option_string_actions, n=1)
        self.error(f"there is no option {name}" + (f"; did you mean {near[0]}?" if near else ""))

    def error(self, message: str) -> NoReturn:
        """Exits with 2."""
        self.exit(2, f"{self.prog}: {message} (--help explains the options)\n")


def integer(least: int, most: int | None = None) -> Callable[[str], int]:
    """A type for argparse: an integer of at least `least` and, if that is given, at most `most`."""

    def convert(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least or (most is not None and value > most):
            wanted = f"of at least {least}" if most is None else f"from {least} to {most}"
            raise argparse.ArgumentTypeError(f"must be an integer {wanted}, but is {text!r}")
        return value

    return convert


def positive(text: str) -> float:
    """A type for argparse: a finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"must be a number above 0, but is {text!r}")
    return value


def device(text: str) -> str:
    """A type for argparse: "auto", "cpu", "cuda" or "cuda:1". Whether there is such a device is asked later."""
    if not re.fullmatch(r"auto|cpu|cuda(:\d{1,3})?", text):
        raise argparse.ArgumentTypeError(f"must be auto, cpu, cuda or cuda:0 (or another number), but is {text!r}")
    return text


def factor(text: str) -> float:
    """A type for argparse: a finite number that is not 0, also as a fraction: 0.5, 1/255, -1/127.5."""
    top, slash, bottom = text.partition("/")
    try:
        value = float(top) / float(bottom) if slash else float(top)
    except (ValueError, ZeroDivisionError):
        value = math.nan
    if not math.isfinite(value) or value == 0:
        raise argparse.ArgumentTypeError(f"must be a number or a fraction as 1/255, and not 0, but is {text!r}")
    return value


def number(text: str) -> float:
    """A type for argparse: a finite number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"must be a number, but is {text!r}")
    return value


def not_negative(text: str) -> float:
    """A type for argparse: a finite number of at least 0."""
    if (value := number(text)) < 0:
        raise argparse.ArgumentTypeError(f"must be a number of at least 0, but is {text!r}")
    return value


def share(text: str) -> float:
    """A type for argparse: a number of at least 0 and below 1."""
    if not 0 <= (value := number(text)) < 1:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to below 1, but is {text!r}")
    return value


def part(text: str) -> float:
    """A type for argparse: a number from 0 to 1."""
    if not 0 <= (value := number(text)) <= 1:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 1, but is {text!r}")
    return value


def add_dataset(parser: argparse._ActionsContainer, meaning: str, default: str | None = None) -> None:
    """Adds --dataset, one of DATASETS."""
    names = f"{', '.join(DATASETS[:-1])} or {DATASETS[-1]}"
    standard = f" (default: {default})" if default else ""
    parser.add_argument(
        "--dataset", choices=DATASETS, default=default, metavar="NAME", help=f"{meaning}: {names}{standard}"
    )


def add_where(parser: Parser) -> None:
    """Adds --device and --threads."""
    parser.add_argument(
        "--device",
        type=device,
        default="auto",
        metavar="DEVICE",
        help="where to compute: auto (a GPU that works, else the CPU; the default), cpu, cuda, or a GPU's number as cuda:1",
    )
    parser.add_argument("--threads", type=integer(1), metavar="N", help="threads on the CPU (default: one a processor)")


def add_switch(group: argparse._ActionsContainer, name: str, meaning: str) -> None:
    """Adds --name and --no-name; without either it is None."""
    group.add_argument(f"--{name}", action=argparse.BooleanOptionalAction, default=None, help=meaning)


def add_pixels(parser: Parser) -> None:
    """Adds --scale, --offset and --batch-size, for commands that show images to a model that may come from elsewhere."""
    parser.add_argument(
        "--scale",
        type=factor,
        default=1.0,
        metavar="X",
        help="what pixels 0..255 are multiplied with before the model sees them (default: 1, raw pixels)",
    )
    parser.add_argument("--offset", type=number, default=0.0, metavar="X", help="what is added after that (default: 0)")
    parser.add_argument(
        "--batch-size", type=integer(1), default=32, metavar="N", help="images at a time (default: 32); changes speed"
    )


def run(command: str, work: Callable[[], None]) -> int:
    """Calls `work` and returns the exit code. What a user can cause is said in one sentence on stderr; everything else is a traceback."""
    from fastcnn.errors import DeviceError, FormatError

    for stream in (
        sys.stdout,
        sys.stderr,
    ):  # a name that the terminal's alphabet lacks is shown as \\xe9, and is no crash
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_: _say(command, f"warning: {message}")
            work()
        sys.stdout.flush()
    except KeyboardInterrupt as stop:
        _say(command, str(stop) or "stopped by Ctrl-C before there was anything to keep")
        return 130
    except BrokenPipeError:  # whoever read our output has gone
        _drop_output()
        return 1
    except (DeviceError, FormatError) as error:
        _say(command, str(error))
        return 1
    except ImportError as error:
        if "FASTCNN_ISA" not in str(error):
            raise
        _say(command, str(error))
        return 1
    except MemoryError as error:
        _say(command, f"out of memory: {error}" if str(error) else "out of memory")
        return 1
    except OSError as error:
        named = error.strerror and error.filename is not None
        _say(command, f"{os.fsdecode(error.filename)}: {error.strerror}" if named else error.strerror or str(error))
        try:
            sys.stdout.flush()
        except OSError:  # it is the output that cannot be written
            _drop_output()
        return 1
    return 0


def _drop_output() -> None:
    """What could not be written is not tried again at the end of Python, which would make the exit code 120."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(command: str, message: str) -> None:
    print(f"fastcnn.{command}: {message}", file=sys.stderr)
