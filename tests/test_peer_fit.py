"""Models, training and callbacks beside a real Keras 3: the same words give the same numbers, the same names and the same decisions."""

from __future__ import annotations

import math
import re
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastcnn import callbacks, layers, losses, models, optimizers
from hypothesis import given, settings
from hypothesis import strategies as st
from peer_keras import QUIET, keras_or_skip
from small import CLASSES, SHAPE, data

pytestmark = QUIET

OURS = types.SimpleNamespace(layers=layers, losses=losses, models=models, optimizers=optimizers, callbacks=callbacks)
X, Y = data()
PIXELS = X.astype(np.float32) / 255
ROUNDING = 1e-5  # relative: sums of at most 75 float32 losses in another order


@pytest.fixture(scope="module")
def keras() -> Any:
    return keras_or_skip(graphs=True)  # as most of its users train


def smooth(words: Any, *, metrics: Any = ("accuracy",), rate: float = 0.1, sparse: bool = True) -> Any:
    """A compiled model without ReLU and maximum, whose training two libraries can follow side by side."""
    model = words.models.Sequential(
        [
            words.layers.Input(SHAPE),
            words.layers.AveragePooling2D(2),
            words.layers.Flatten(),
            words.layers.Dense(CLASSES),
        ]
    )
    loss = words.losses.SparseCategoricalCrossentropy if sparse else words.losses.CategoricalCrossentropy
    model.compile(
        words.optimizers.SGD(rate), loss(from_logits=True), metrics=list(metrics) if metrics is not None else None
    )
    random = np.random.default_rng(3)
    model.set_weights([random.normal(0, 0.3, weight.shape).astype(np.float32) for weight in model.get_weights()])
    return model


@pytest.mark.parametrize(
    "arguments",
    [
        {"epochs": 3},
        {"epochs": 2, "batch_size": 7},
        {"epochs": 4, "initial_epoch": 2},
        {"epochs": 0},
        {"epochs": 1, "initial_epoch": 3},
        {"epochs": 2, "validation_split": 0.35},
        {"epochs": 2, "validation_split": 0.01},
        {"epochs": 2, "batch_size": 10, "validation_data": (PIXELS[:13], Y[:13])},
        {"epochs": 1, "validation_split": 0.5, "validation_data": (PIXELS[:3], Y[:3])},
    ],
)
def test_fit(arguments: dict[str, Any], keras: Any) -> None:
    ours, theirs = smooth(OURS), smooth(keras)
    mine = ours.fit(PIXELS, Y, shuffle=False, verbose=0, **arguments)
    its = theirs.fit(PIXELS, Y, shuffle=False, verbose=0, **arguments)
    assert (mine.epoch, mine.params) == (its.epoch, its.params)
    assert list(mine.history) == list(its.history)
    for name, values in its.history.items():
        assert mine.history[name] == pytest.approx(values, rel=ROUNDING)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("metrics", [None, [], ["accuracy"], ["acc"], ["sparse_categorical_accuracy"]])
def test_what_evaluate_and_the_steps_by_hand_return(metrics: Any, keras: Any) -> None:
    ours, theirs = smooth(OURS, metrics=metrics), smooth(keras, metrics=metrics)
    for method in ("evaluate", "test_on_batch", "train_on_batch", "evaluate"):
        more = {"verbose": 0} if method == "evaluate" else {}
        for kind in ({}, {"return_dict": True}):
            mine, its = (
                getattr(ours, method)(PIXELS, Y, **more, **kind),
                getattr(theirs, method)(PIXELS, Y, **more, **kind),
            )
            mine_flat = list(mine.values()) if isinstance(mine, dict) else np.atleast_1d(mine).tolist()
            its_flat = list(its.values()) if isinstance(its, dict) else np.atleast_1d(its).tolist()
            assert isinstance(mine, (float, list, dict))
            assert isinstance(mine, list) == isinstance(its, list)
            assert isinstance(mine, dict) == isinstance(its, dict)
            assert not isinstance(its, dict) or list(mine) == list(its)
            assert mine_flat == pytest.approx(its_flat, rel=ROUNDING)


def test_one_hot_labels(keras: Any) -> None:
    y = np.eye(CLASSES)[Y] * 0.8 + 0.2 / CLASSES
    ours, theirs = smooth(OURS, sparse=False), smooth(keras, sparse=False)
    mine, its = (model.fit(PIXELS, y, shuffle=False, verbose=0).history for model in (ours, theirs))
    assert {name: values[0] for name, values in mine.items()} == pytest.approx(
        {name: values[0] for name, values in its.items()}, rel=ROUNDING
    )


@pytest.mark.parametrize("dtype", ["uint8", "int32", "float32", "float64", "bool"])
def test_images_of_any_type_are_scaled_by_nothing(dtype: str, keras: Any) -> None:
    x = (X > 90 if dtype == "bool" else X).astype(dtype)
    for images in (
        x,
        x[..., 0],
    ):  # the second lacks the axis of the one channel, and gets it; a model of Keras's takes only one of them
        ours, theirs = smooth(OURS), smooth(keras)
        np.testing.assert_allclose(
            ours.predict(images, verbose=0), theirs.predict(images, verbose=0), rtol=1e-4, atol=1e-3
        )


@pytest.mark.parametrize("shape", [(75, 7, 8, 1), (75, 8, 8, 3), (75, 64), (8, 8, 1)])
def test_both_refuse_images_of_the_wrong_size(shape: tuple[int, ...], keras: Any) -> None:
    for model in (smooth(OURS), smooth(keras)):
        with pytest.raises(ValueError, match=r"."):
            model.predict(np.zeros(shape, np.float32), verbose=0)


@pytest.mark.parametrize("split", [1.0, 0.999])
def test_both_refuse_a_split_that_leaves_nothing(split: float, keras: Any) -> None:
    for model in (smooth(OURS), smooth(keras)):
        with pytest.raises(ValueError, match=r"."):
            model.fit(PIXELS, Y, validation_split=split, verbose=0)


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("state", ["unbuilt", "built", "trained"])
def test_the_summary(state: str, columns: int, keras: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    texts = []
    for words in (OURS, keras):
        stack = [
            words.layers.Conv2D(32, 3, activation="relu", name="first"),
            words.layers.MaxPooling2D((2, 2), name="a_name_that_is_much_longer_than_the_column_that_it_stands_in"),
            words.layers.Dropout(0.1, name="third"),
            words.layers.Flatten(name="flat"),
            words.layers.Dense(1234, name="dense"),
            words.layers.Dense(10, name="last"),
        ]
        model = words.models.Sequential(
            stack if state == "unbuilt" else [words.layers.Input((32, 32, 3)), *stack], name="net"
        )
        if state == "trained":
            model.compile("adam", words.losses.SparseCategoricalCrossentropy(from_logits=True))
            model.train_on_batch(np.zeros((2, 32, 32, 3), np.float32), np.zeros(2))
        model.summary(print_fn=texts.append)
    if state == "unbuilt":  # Keras says "0 (unbuilt)" of most layers without weights, and "0" of poolings and Dropout
        texts = [re.sub(r"  0 \(unbuilt\)|            0(?= │)", "  0 (unbuilt)", text) for text in texts]
    assert texts[0] == texts[1]


def recorder(base: Any) -> Any:
    """A callback of the given library that writes down its hooks, with the names in the logs."""
    calls: list[tuple[Any, ...]] = []
    hooks = [f"on_{what}_{when}" for what in ("train", "test", "predict", "epoch") for when in ("begin", "end")]
    hooks += [f"on_{what}_batch_{when}" for what in ("train", "test", "predict") for when in ("begin", "end")]

    def method(hook: str) -> Any:
        def note(self: Any, *arguments: Any, logs: Any = None) -> None:
            numbers = [value for value in arguments if isinstance(value, int)]
            names = next((sorted(value) for value in (*arguments, logs) if isinstance(value, dict)), [])
            calls.append((hook, *numbers, names))

        return note

    return type("Recorder", (base,), {**{hook: method(hook) for hook in hooks}, "calls": calls})()


def test_the_hooks_of_a_callback(keras: Any) -> None:
    recorders = []
    for words in (OURS, keras):
        watcher, model = recorder(words.callbacks.Callback), smooth(words)
        model.fit(
            PIXELS, Y, epochs=3, initial_epoch=1, batch_size=40, validation_split=0.4, callbacks=[watcher], verbose=0
        )
        model.evaluate(PIXELS, Y, callbacks=[watcher], verbose=0)
        model.predict(PIXELS, callbacks=[watcher], verbose=0)
        recorders.append(watcher.calls)
    assert recorders[0] == recorders[1]


class Stub:
    """Stands for a model of either library: remembers what is saved, and has the number of the epoch for weights."""

    metrics_names = ("loss",)
    metrics = ()

    def __init__(self) -> None:
        self.saved: list[str] = []
        self.weights = 0
        self.stop_training = False

    def save(self, path: str, **more: Any) -> None:
        self.saved.append(Path(path).name)

    def get_weights(self) -> int:
        return self.weights

    def set_weights(self, weights: int) -> None:
        self.weights = weights


def fed(callback: Any, values: list[float], trainings: int = 2) -> Stub:
    """Gives the callback trainings whose epochs have these losses."""
    stub = Stub()
    callback.set_model(stub)
    for _ in range(trainings):
        stub.stop_training = False
        callback.on_train_begin()
        for epoch, value in enumerate(values):
            stub.weights = epoch
            callback.on_epoch_begin(epoch)
            callback.on_epoch_end(epoch, {"val_loss": value})
            if stub.stop_training:
                break
        callback.on_train_end()
    return stub


# Eighths, which float32 (Keras's comparisons) and float64 (ours) both hold.
eighths = st.integers(-8, 24).map(lambda eighth: eighth / 8)
courses = st.lists(st.one_of(eighths, eighths, eighths, st.just(math.nan)), min_size=1, max_size=12)


@settings(max_examples=60)
@given(
    values=courses,
    arguments=st.fixed_dictionaries(
        {
            "min_delta": st.sampled_from([0, 0.125, -0.5]),
            "patience": st.integers(0, 4),
            "mode": st.sampled_from(["auto", "min", "max"]),
            "baseline": st.one_of(st.none(), eighths),
            "restore_best_weights": st.booleans(),
            "start_from_epoch": st.integers(0, 3),
        }
    ),
)
def test_early_stopping(values: list[float], arguments: dict[str, Any], keras: Any) -> None:
    results = []
    for words in (OURS, keras):
        stopping = words.callbacks.EarlyStopping(**arguments)
        stub = fed(stopping, values)
        best = None if stopping.best is None else repr(float(stopping.best))
        results.append(
            (stub.weights, stub.stop_training, stopping.stopped_epoch, stopping.best_epoch, stopping.wait, best)
        )
    assert results[0] == results[1]


@settings(max_examples=60)
@given(
    values=courses,
    arguments=st.fixed_dictionaries(
        {
            "save_best_only": st.booleans(),
            "mode": st.sampled_from(["auto", "min", "max"]),
            "initial_value_threshold": st.one_of(st.none(), eighths),
        }
    ),
)
def test_model_checkpoint(
    values: list[float], arguments: dict[str, Any], keras: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp()
    saved = [
        fed(words.callbacks.ModelCheckpoint(folder / "{epoch:02d}-{val_loss:.2f}.h5", **arguments), values).saved
        for words in (OURS, keras)
    ]
    assert saved[0] == saved[1]
