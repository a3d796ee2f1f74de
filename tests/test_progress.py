"""What is printed while a model trains: a bar on a terminal, plain lines elsewhere, in 80 columns."""

from __future__ import annotations

import io
import re
import sys
from typing import Any

import pytest
from commands import in_terminal
from fastcnn import progress
from small import compiled, data

X, Y = data()
LINE = re.compile(r"Epoch [12]/2 [\d.]+s loss=\d\.\d+ accuracy=[01]\.\d+ val_loss=\d\.\d+ val_accuracy=[01]\.\d+")


@pytest.mark.parametrize("verbose", ["auto", 1, 2, True])
def test_a_pipe_gets_one_line_an_epoch(verbose: Any, capsys: pytest.CaptureFixture[str]) -> None:
    compiled().fit(X, Y, epochs=2, validation_split=0.2, verbose=verbose)
    printed = capsys.readouterr()
    assert printed.err == ""
    lines = printed.out.splitlines()
    assert len(lines) == 2
    assert all(LINE.fullmatch(line) for line in lines)
    assert max(map(len, lines)) <= 80


def test_evaluate_and_predict_get_a_line_and_silence_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    model = compiled()
    model.evaluate(X, Y)
    model.predict(X)
    first, second = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"Evaluate [\d.]+s loss=\d\.\d+ accuracy=[01]\.\d+", first)
    assert re.fullmatch(r"Predict [\d.]+s 75 images", second)
    model.fit(X, Y, verbose=0)
    model.evaluate(X, Y, verbose=0)
    model.predict(X, verbose=0)
    assert capsys.readouterr() == ("", "")


class Terminal(io.StringIO):
    """A standard output that says that it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("verbose", [1, 2])
def test_a_terminal_gets_a_bar_that_gives_way_to_the_line(verbose: int, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(progress, "_BETWEEN_DRAWINGS", 0.0)
    monkeypatch.setenv("COLUMNS", "80")
    compiled().fit(X, Y, epochs=2, validation_split=0.2, verbose=verbose)
    written = terminal.getvalue()
    bars = [part for part in written.split("\r") if "images/s" in part]
    assert len(bars) == (4 if verbose == 1 else 0)
    for bar in bars:
        assert re.match(r"Epoch [12]/2 +\d+%\|.*\| loss=\S+ accuracy=\S+ [\d,]+ images/s \d+:\d\d left", bar)
    lines = [line.rpartition("\r")[2] for line in written.rstrip("\n").split("\n")]
    assert [bool(LINE.fullmatch(line)) for line in lines] == [True, True]


def test_a_bar_is_taken_away_when_the_training_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    from fastcnn import callbacks

    class Fail(callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if batch == 1:
                raise KeyboardInterrupt

    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(progress, "_BETWEEN_DRAWINGS", 0.0)
    with pytest.raises(KeyboardInterrupt):
        compiled().fit(X, Y, callbacks=Fail())
    assert terminal.getvalue().endswith("\r")
    assert "images/s" in terminal.getvalue()


def test_a_real_terminal_of_80_columns_holds_the_bar() -> None:
    code, written = in_terminal(
        "from fastcnn import progress, tutorial, losses, datasets\n"
        "progress._BETWEEN_DRAWINGS = 0.0\n"
        "(x, y), _ = datasets.digits.load_data()\n"
        "model = tutorial.tutorial_model()\n"
        "model.compile('adam', losses.SparseCategoricalCrossentropy(from_logits=True), ['accuracy'])\n"
        "model.fit(x, y, epochs=1, validation_split=0.1)\n"
    )
    assert code == 0
    parts = re.split(r"[\r\n]+", written)
    assert sum("images/s" in part for part in parts) > 3
    assert max(map(len, parts)) <= 80


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.52512, "1.525"),
        (0.63123, "0.631"),
        (1.0, "1.000"),
        (0.0123456, "0.0123"),
        (1.234e-05, "1.2e-5"),
        (0.0, "0.000"),
        (123.456, "123.5"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
    ],
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert progress.number(value) == text


@pytest.mark.parametrize(
    ("duration", "text"), [(0.042, "0.04s"), (0.42, "0.4s"), (3.44, "3.4s"), (13.2, "13s"), (3765, "1:02:45")]
)
def test_durations_are_short(duration: float, text: str) -> None:
    assert progress.seconds(duration) == text
