"""What the command lines share: a parser whose errors are one sentence, and the exit codes. Private.

0    done
1    it could not be done: no data, no such device, a folder that cannot be written
2    the command was not understood
130  Ctrl-C
"""

from __future__ import annotations

import argparse
import difflib
import math
import os
import re
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

__all__: list[str] = []


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
        options, unknown = self.parse_known_args(arguments)
        if unknown:
            name = unknown[0].partition("=")[0]
            known = [option for action in self._actions for option in action.option_strings]
            near = difflib.get_close_matches(name, known, n=1)
            self.error(f"there is no option {name}" + (f"; did you mean {near[0]}?" if near else ""))
        return options

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


def run(command: str, work: Callable[[], None]) -> int:
    """Calls `work` and returns the exit code. What a user can cause is said in one sentence on stderr; everything else is a traceback."""
    from fastcnn.errors import DeviceError, FormatError

    try:
        work()
        sys.stdout.flush()
    except KeyboardInterrupt as stop:
        _say(command, str(stop) or "stopped by Ctrl-C before there was anything to keep")
        return 130
    except BrokenPipeError:  # whoever read our output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
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
        _say(command, f"{os.fsdecode(error.filename)}: {error.strerror}" if named else str(error))
        return 1
    return 0


def _say(command: str, message: str) -> None:
    print(f"fastcnn.{command}: {message}", file=sys.stderr)
