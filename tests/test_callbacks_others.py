"""CSVLogger, TerminateOnNaN and LambdaCallback. A real Keras: test_callbacks_peer.py."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastcnn import callbacks, optimizers
from small import compiled, data

X, Y = data()


def write(logger: callbacks.CSVLogger, *epochs: dict[str, Any]) -> None:
    """A training with these logs."""
    logger.on_train_begin({})
    for epoch, logs in enumerate(epochs):
        logger.on_epoch_end(epoch, logs)
    logger.on_train_end({})


@pytest.mark.parametrize(
    ("arguments", "epochs", "text"),
    [
        ({}, [{"loss": 0.5, "val_loss": 1.0}, {"loss": 0.25, "val_loss": np.nan}], "epoch,loss,val_loss\r\n0,0.5,1.0\r\n1,0.25,nan\r\n"),
        ({}, [{"loss": 0.5}, {"loss": 0.25, "val_loss": 2.0, "more": 1}], "epoch,loss,val_loss\r\n0,0.5,NA\r\n1,0.25,2.0\r\n"),
        ({"separator": ";"}, [{"b": 1, "a": 2}, {}], "epoch;a;b;val_a;val_b\r\n0;2;1;NA;NA\r\n1;NA;NA;NA;NA\r\n"),
        ({}, [{"a": [1, 2], "val_b": "x,y"}], 'epoch,a,val_b\r\n0,"""[1, 2]""","x,y"\r\n'),
        ({}, [{"a": np.array(3.5), "val_b": np.float32(0.1)}], "epoch,a,val_b\r\n0,3.5,0.1\r\n"),
        ({}, [{}], "epoch\r\n0\r\n"),
        ({}, [], ""),
    ],
)  # fmt: skip
def test_a_line_an_epoch(arguments: dict[str, Any], epochs: list[dict[str, Any]], text: str, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    write(callbacks.CSVLogger(path, **arguments), *epochs)
    assert path.read_bytes().decode() == text


def test_a_file_is_begun_anew_or_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("")
    logger = callbacks.CSVLogger(path, append=True)
    write(logger, {"loss": 1, "val_loss": 2})
    write(logger, {"loss": 3, "val_loss": 4})
    assert path.read_text().split() == ["epoch,loss,val_loss", "0,1,2", "0,3,4"]
    write(callbacks.CSVLogger(path), {"val_loss": 5})
    assert path.read_text().split() == ["epoch,val_loss", "0,5"]
    with pytest.raises(FileNotFoundError):
        write(callbacks.CSVLogger(tmp_path / "no" / "log.csv"))


def test_it_has_what_the_history_has(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    steps = [callbacks.LearningRateScheduler(lambda epoch: 0.1 / (epoch + 1)), callbacks.CSVLogger(path)]
    history = compiled().fit(X, Y, epochs=3, validation_split=0.2, callbacks=steps, verbose=0).history
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row.pop("epoch") for row in rows] == ["0", "1", "2"]
    assert {name: [float(row[name]) for row in rows] for name in rows[0]} == history
    assert "learning_rate" in history


def test_the_file_is_whole_after_each_epoch_and_not_left_open(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"

    class Break(callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch == 1:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compiled().fit(X, Y, epochs=3, callbacks=[callbacks.CSVLogger(path), Break()], verbose=0)
    assert len(path.read_text().splitlines()) == 2


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_lost_loss_ends_the_training(value: float, capsys: pytest.CaptureFixture[str]) -> None:
    model, callback = compiled(), callbacks.TerminateOnNaN()
    callback.set_model(model)
    for logs in ({}, None, {"loss": None}, {"loss": 1e30}):
        callback.on_train_batch_end(0, logs)
    assert not model.stop_training
    callback.on_train_batch_end(7, {"loss": value})
    assert model.stop_training
    assert capsys.readouterr().out == "Batch 7: Invalid loss, terminating training\n"
    with pytest.raises(RuntimeError, match=f"TerminateOnNaN: the loss is {value} after batch 7"):
        callbacks.TerminateOnNaN(raise_error=True).on_train_batch_end(7, {"loss": value})


@pytest.mark.filterwarnings("ignore:fit. the loss is:RuntimeWarning")
def test_a_training_whose_steps_are_too_large_ends(capsys: pytest.CaptureFixture[str]) -> None:
    ended: list[int] = []
    model = compiled(optimizer=optimizers.SGD(1e38))
    last = callbacks.LambdaCallback(on_train_end=lambda logs: ended.append(1))
    history = model.fit(X, Y, batch_size=5, epochs=3, callbacks=[callbacks.TerminateOnNaN(), last], verbose=0)
    assert (history.epoch, ended) == ([0], [1])
    assert model.optimizer is not None
    batch = model.optimizer.iterations - 1
    assert 0 < batch < 14
    assert capsys.readouterr().out == f"Batch {batch}: Invalid loss, terminating training\n"
    model = compiled(optimizer=optimizers.SGD(1e38))
    with pytest.raises(RuntimeError, match=f"TerminateOnNaN: the loss is .* after batch {batch}"):
        model.fit(X, Y, batch_size=5, callbacks=[callbacks.TerminateOnNaN(raise_error=True), last], verbose=0)
    assert ended == [1]


def test_a_callback_of_functions() -> None:
    calls: list[Any] = []
    callback = callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: calls.append(("epoch", epoch, logs)),
        on_train_begin=lambda logs: calls.append(("train", logs)),
        on_train_batch_end=lambda batch, logs: calls.append(("batch", batch, sorted(logs))),
        on_test_batch_begin=lambda batch, logs: calls.append(("test", batch, logs)),
        on_predict_end=None,
    )
    compiled().fit(X, Y, batch_size=40, validation_split=0.2, callbacks=[callback], verbose=0)
    assert calls == [
        ("train", {}),
        ("epoch", 0, {}),
        ("batch", 0, ["accuracy", "loss"]),
        ("batch", 1, ["accuracy", "loss"]),
        ("test", 0, {}),
    ]
    hooks = callbacks.CallbackList([callback], compiled(), "fit", verbose=0, epochs=1, steps=1)
    assert (hooks.train_batch_begin, hooks.predict_batch_end) == ((), ())


def test_a_name_that_is_no_hook_is_refused() -> None:
    with pytest.raises(
        ValueError, match="LambdaCallback: unknown argument 'on_epoch_ends'; did you mean 'on_epoch_end'"
    ):
        callbacks.LambdaCallback(on_epoch_ends=print)


def test_what_callbacks_add_to_the_logs_of_an_epoch_is_not_in_those_of_the_end() -> None:
    seen: list[list[str]] = []
    note = callbacks.LambdaCallback(on_train_end=lambda logs: seen.append(list(logs)))
    compiled().fit(X, Y, callbacks=[callbacks.LearningRateScheduler(lambda epoch: 0.1), note], verbose=0)
    compiled().fit(X, Y, epochs=0, callbacks=[note], verbose=0)
    assert seen == [["accuracy", "loss"], []]
