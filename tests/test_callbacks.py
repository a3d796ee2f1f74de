"""The callbacks: which hooks are called, when and with what; ModelCheckpoint and EarlyStopping. Against a real Keras: test_peer_fit.py."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastcnn import callbacks, models, optimizers
from fastcnn.metrics import SparseCategoricalAccuracy
from small import compiled, data

X, Y = data()


class Recorder(callbacks.Callback):
    """Writes down every call."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, ...]] = []

    def _note(self, *call: Any) -> None:
        self.calls.append(call)

    def on_train_begin(self, logs: Any = None) -> None:
        self._note("train_begin")

    def on_train_end(self, logs: Any = None) -> None:
        self._note("train_end", sorted(logs or {}))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._note("epoch_begin", epoch)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._note("epoch_end", epoch, sorted(logs))

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self._note("train_batch_begin", batch)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._note("train_batch_end", batch, sorted(logs))

    def on_test_begin(self, logs: Any = None) -> None:
        self._note("test_begin")

    def on_test_end(self, logs: Any = None) -> None:
        self._note("test_end", sorted(logs))

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        self._note("test_batch_begin", batch)

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        self._note("test_batch_end", batch, sorted(logs))

    def on_predict_begin(self, logs: Any = None) -> None:
        self._note("predict_begin")

    def on_predict_end(self, logs: Any = None) -> None:
        self._note("predict_end")

    def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
        self._note("predict_batch_begin", batch)

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        self._note("predict_batch_end", batch, logs["outputs"].shape)


TRAINED = ["accuracy", "loss"]


def test_fit_calls_every_hook_in_its_place() -> None:
    recorder = Recorder()
    compiled().fit(
        X, Y, batch_size=40, epochs=2, initial_epoch=1, validation_data=(X[:9], Y[:9]), callbacks=[recorder], verbose=0
    )
    everything = [*TRAINED, "val_accuracy", "val_loss"]
    assert recorder.calls == [
        ("train_begin",),
        ("epoch_begin", 1),
        ("train_batch_begin", 0),
        ("train_batch_end", 0, TRAINED),
        ("train_batch_begin", 1),
        ("train_batch_end", 1, TRAINED),
        ("test_begin",),
        ("test_batch_begin", 0),
        ("test_batch_end", 0, TRAINED),
        ("test_end", TRAINED),
        ("epoch_end", 1, everything),
        ("train_end", everything),
    ]
    assert recorder.params == {"verbose": 0, "epochs": 2, "steps": 2}


def test_evaluate_and_predict_call_theirs() -> None:
    model, recorder = compiled(), Recorder()
    model.evaluate(X, Y, batch_size=50, callbacks=recorder, verbose=0)
    model.predict(X, batch_size=50, callbacks=[[recorder]], verbose=0)
    assert recorder.calls == [
        ("test_begin",),
        ("test_batch_begin", 0),
        ("test_batch_end", 0, TRAINED),
        ("test_batch_begin", 1),
        ("test_batch_end", 1, TRAINED),
        ("test_end", TRAINED),
        ("predict_begin",),
        ("predict_batch_begin", 0),
        ("predict_batch_end", 0, (50, 3)),
        ("predict_batch_begin", 1),
        ("predict_batch_end", 1, (25, 3)),
        ("predict_end",),
    ]


def test_the_logs_of_a_batch_are_the_means_of_the_epoch_so_far() -> None:
    seen: list[dict[str, float]] = []

    class Collect(callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            seen.append(logs)

    history = compiled(optimizer=optimizers.SGD(0.0)).fit(X, Y, callbacks=Collect(), shuffle=False, verbose=0).history
    still = compiled()
    for count, logs in zip((32, 64, 75), seen, strict=True):
        assert logs == pytest.approx(still.evaluate(X[:count], Y[:count], verbose=0, return_dict=True))
    assert seen[-1] == {name: values[0] for name, values in history.items()}


def test_hooks_of_a_batch_that_nobody_overrides_cost_nothing() -> None:
    class Old(callbacks.Callback):
        def on_batch_end(self, batch: int, logs: Any = None) -> None:
            self.last = batch

    class Nothing(callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            pass

    old = Old()
    on_the_object = callbacks.Callback()
    batches: list[int] = []
    on_the_object.on_train_batch_end = lambda batch, logs=None: batches.append(batch)  # type: ignore[method-assign]
    hooks = callbacks.CallbackList([Nothing(), old, on_the_object], compiled(), "fit", verbose=0, epochs=1, steps=1)
    assert hooks.train_batch_begin == ()
    assert len(hooks.train_batch_end) == 2
    compiled().fit(X, Y, callbacks=[old, on_the_object], verbose=0)
    assert old.last == 2
    assert batches == [0, 1, 2]


def test_a_callback_ends_the_training_after_the_batch() -> None:
    class Stop(callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.model.stop_training = batch == 1

    model = compiled()
    history = model.fit(X, Y, epochs=3, validation_split=0.1, callbacks=Stop(), verbose=0)
    assert history.epoch == [0]
    assert "val_loss" in history.history
    assert model.optimizer is not None
    assert model.optimizer.iterations == 2
    assert model.fit(X, Y, epochs=2, verbose=0).epoch == [0, 1]


def test_what_a_callback_adds_to_the_logs_is_in_the_history() -> None:
    class Rate(callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            logs["rate"] = 0.5**epoch

    mine = callbacks.History()
    history = compiled().fit(X, Y, epochs=2, callbacks=[Rate(), mine], verbose=0)
    assert history is mine
    assert history.history["rate"] == [1.0, 0.5]


def test_a_callback_has_no_model_before_it_is_used() -> None:
    with pytest.raises(RuntimeError, match="EarlyStopping: the callback has no model before fit"):
        _ = callbacks.EarlyStopping().model


# ModelCheckpoint and EarlyStopping, fed with logs.


class Stub:
    """Stands for the model: remembers what was saved and which weights were set."""

    metrics_names = ("loss", "accuracy")
    metrics = (SparseCategoricalAccuracy("accuracy"),)

    def __init__(self) -> None:
        self.saved: list[str] = []
        self.weights = 0
        self.stop_training = False

    def save(self, path: str) -> None:
        self.saved.append(Path(path).name)

    def get_weights(self) -> list[Any]:
        return [self.weights]

    def set_weights(self, weights: list[Any]) -> None:
        self.weights = weights[0]


def fed(callback: callbacks.Callback, logs: Iterable[dict[str, float]]) -> Stub:
    """Runs a training whose epochs have these logs; the weights are the epoch's number."""
    stub = Stub()
    callback.set_model(stub)  # type: ignore[arg-type]
    callback.on_train_begin()
    for epoch, log in enumerate(logs):
        stub.weights = epoch
        callback.on_epoch_end(epoch, log)
        if stub.stop_training:
            break
    callback.on_train_end()
    return stub


def losses_of(*values: float) -> list[dict[str, float]]:
    return [{"val_loss": value} for value in values]


def test_a_checkpoint_is_written_every_epoch_under_its_name(tmp_path: Path) -> None:
    path = tmp_path / "made" / "{epoch:02d}-{val_loss:.2f}.h5"
    stub = fed(callbacks.ModelCheckpoint(path), losses_of(0.5, 0.75))
    assert stub.saved == ["01-0.50.h5", "02-0.75.h5"]
    assert path.parent.is_dir()


@pytest.mark.parametrize(
    ("arguments", "logs", "saved"),
    [
        ({}, losses_of(3, 2, 2.5, 1), [0, 1, 3]),
        ({}, losses_of(3, 3, np.nan, 2), [0, 3]),
        ({"monitor": "val_accuracy"}, [{"val_accuracy": value} for value in (0.1, 0.3, 0.2)], [0, 1]),
        ({"mode": "max"}, losses_of(3, 2, 2.5, 4), [0, 3]),
        ({"monitor": "other", "mode": "min"}, [{"other": value} for value in (1, 2, 0)], [0, 2]),
        ({"initial_value_threshold": 2.5}, losses_of(3, 2, 2.2), [1]),
    ],
)
def test_only_the_best_is_saved(
    arguments: dict[str, Any], logs: list[dict[str, float]], saved: list[int], tmp_path: Path
) -> None:
    checkpoint = callbacks.ModelCheckpoint(tmp_path / "{epoch}.h5", save_best_only=True, **arguments)
    assert fed(checkpoint, logs).saved == [f"{epoch + 1}.h5" for epoch in saved]


def test_a_checkpoint_says_what_it_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fed(callbacks.ModelCheckpoint(tmp_path / "m.h5", save_best_only=True, verbose=1), losses_of(3, 4))
    path = tmp_path / "m.h5"
    assert capsys.readouterr().out.splitlines() == [
        f"Epoch 1: val_loss improved from None to 3.00000, saving model to {path}",
        f"Epoch 1: finished saving model to {path}",
        "Epoch 2: val_loss did not improve from 3.00000",
    ]


def test_a_checkpoint_without_its_value_warns_and_saves(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Can save best model only with val_loss available"):
        assert fed(callbacks.ModelCheckpoint(tmp_path / "m.h5", save_best_only=True), [{"loss": 1.0}]).saved == ["m.h5"]


def test_checkpoints_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"filepath is 'm', but wanted is one that ends in .keras, .h5, .hdf5 or .safet"
    ):
        callbacks.ModelCheckpoint("m")
    with pytest.raises(ValueError, match=r"filepath is 'm.h5', but wanted is one that ends in .weights.h5, for save_w"):
        callbacks.ModelCheckpoint("m.h5", save_weights_only=True)
    with pytest.raises(ValueError, match="save_freq=100 is not supported; only 'epoch' is"):
        callbacks.ModelCheckpoint("m.h5", save_freq=100)  # type: ignore[arg-type]
    with pytest.raises(KeyError, match=r"names 'val_acc', but the logs have \['val_loss'\]"):
        fed(callbacks.ModelCheckpoint("{val_acc}.h5"), losses_of(1))
    with pytest.raises(ValueError, match="monitor 'other' is neither a loss nor a compiled metric"):
        fed(callbacks.ModelCheckpoint("m.h5", monitor="other"), [{"other": 1.0}])
    (tmp_path / "m.h5").mkdir()
    with pytest.raises(IsADirectoryError, match="is a folder, but wanted is a file"):
        fed(callbacks.ModelCheckpoint(tmp_path / "m.h5"), losses_of(1))
    with pytest.warns(UserWarning, match="mode 'best' is unknown"):
        assert callbacks.ModelCheckpoint("m.h5", mode="best").mode == "auto"


@pytest.mark.parametrize(
    ("arguments", "values", "stopped", "best"),
    [
        ({}, (3, 2, 2.5, 1), 2, 1),
        ({}, (3, 3, 3), 1, 0),
        ({"patience": 2}, (3, 2, 2.5, 2.2, 1), 3, 1),
        ({"patience": 2}, (3, 2, 2.5, 1, 1.5), 0, 3),
        ({"min_delta": 0.5}, (3, 2.6, 2), 1, 0),
        ({"mode": "max", "patience": 1}, (3, 2, 4), 1, 0),
        ({"baseline": 2.0, "patience": 2}, (3, 2.5, 2.2, 1), 0, 3),
        ({"baseline": 2.0, "patience": 2}, (3, 2.5, 2.6, 1), 2, 1),
        ({"start_from_epoch": 2, "patience": 1}, (1, 2, 5, 4, 4.5), 4, 3),
        ({"patience": 1}, (np.nan, 2, 1), 1, 0),
    ],
)
def test_early_stopping(arguments: dict[str, Any], values: tuple[float, ...], stopped: int, best: int) -> None:
    stopping = callbacks.EarlyStopping(restore_best_weights=True, **arguments)
    stub = fed(stopping, losses_of(*values))
    assert (stopping.stopped_epoch, stopping.best_epoch, stub.weights) == (stopped, best, best)
    assert fed(stopping, losses_of(*values)).weights == best  # a second training begins anew


def test_early_stopping_leaves_the_weights_unless_asked_and_says_what_it_does(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert fed(callbacks.EarlyStopping(), losses_of(1, 2)).weights == 1
    fed(callbacks.EarlyStopping(restore_best_weights=True, verbose=1), losses_of(1, 2))
    said = ["Epoch 2: early stopping", "Restoring model weights from the end of the best epoch: 1."]
    assert capsys.readouterr().out.splitlines() == said


def test_early_stopping_without_its_value_warns_and_goes_on() -> None:
    message = "Early stopping conditioned on metric `val_loss` which is not available. Available metrics are: loss"
    with pytest.warns(UserWarning, match=re.escape(message)):
        assert not fed(callbacks.EarlyStopping(), [{"loss": 1.0}]).stop_training


@pytest.mark.parametrize("name", ["m.keras", "m.h5", "m.hdf5", "m.safetensors", "m.weights.h5"])
def test_a_checkpoint_of_every_kind_holds_the_weights(name: str, tmp_path: Path) -> None:
    x, y = data(20)
    model = compiled()
    checkpoint = callbacks.ModelCheckpoint(tmp_path / name, save_weights_only=name.endswith(".weights.h5"))
    model.fit(x, y, callbacks=[checkpoint], verbose=0)
    if checkpoint.save_weights_only:
        kept = compiled()
        with pytest.warns(UserWarning, match="the optimizer '.*' stays as it is"):  # which has made no step yet
            kept.load_weights(tmp_path / name)
    else:
        kept = models.load_model(tmp_path / name)
    assert all(np.array_equal(a, b) for a, b in zip(kept.get_weights(), model.get_weights(), strict=True))


def test_both_in_a_real_training(tmp_path: Path) -> None:
    x, y = data(200)
    y = np.random.default_rng(0).permutation(y)  # nothing to learn, so that the validation soon gets worse
    checkpoint = callbacks.ModelCheckpoint(tmp_path / "best.h5", save_best_only=True)
    stopping = callbacks.EarlyStopping(patience=2, restore_best_weights=True)
    model = compiled(optimizer=optimizers.Adam(0.05))
    history = model.fit(x, y, epochs=60, validation_split=0.3, callbacks=[checkpoint, stopping], verbose=0)
    best = int(np.argmin(history.history["val_loss"]))
    assert len(history.epoch) == best + 3 < 60
    kept = models.load_model(tmp_path / "best.h5")
    assert all(np.array_equal(a, b) for a, b in zip(kept.get_weights(), model.get_weights(), strict=True))
