"""Sequential trained and used: fit, evaluate, predict, steps by hand, compile, files. Bad input is in test_fit_errors.py, the stack in test_stack.py."""

from __future__ import annotations

import re
import tracemalloc
from pathlib import Path
from typing import Any

import fastcnn
import numpy as np
import pytest
from fastcnn import callbacks, layers, losses, models, optimizers
from fastcnn.plan import Plan
from small import CLASSES, compiled, data


def same(a: models.Sequential, b: models.Sequential) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a.get_weights(), b.get_weights(), strict=True))


def test_a_model_learns_and_the_history_says_so() -> None:
    x, y = data(200)
    model = compiled()
    history = model.fit(x, y, epochs=30, validation_data=data(50, seed=1), verbose=0)
    assert list(history.history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert history.epoch == list(range(30))
    assert all(len(values) == 30 for values in history.history.values())
    assert all(type(value) is float for values in history.history.values() for value in values)
    assert history.history["loss"][-1] < 0.5 * history.history["loss"][0]
    assert history.history["val_accuracy"][-1] > 0.9
    assert model.history is history
    assert history.params == {"verbose": 0, "epochs": 30, "steps": 7}


def test_what_evaluate_gives_agrees_with_the_predictions() -> None:
    x, y = data()
    model = compiled()
    model.fit(x, y, epochs=5, verbose=0)
    logits = model.predict(x, verbose=0).astype(np.float64)
    loss = np.mean(np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(y)), y])
    accuracy = np.mean(logits.argmax(axis=1) == y)
    assert model.evaluate(x, y, verbose=0) == pytest.approx([loss, accuracy], rel=1e-5)
    assert model.evaluate(x, y, batch_size=7, verbose=0, return_dict=True) == pytest.approx(
        {"loss": loss, "accuracy": accuracy}, rel=1e-5
    )
    assert model.test_on_batch(x, y) == pytest.approx([loss, accuracy], rel=1e-5)
    assert model.metrics_names == ["loss", "accuracy"]
    model.compile("adam", losses.SparseCategoricalCrossentropy(from_logits=True))
    assert model.evaluate(x, y, verbose=0) == pytest.approx(loss, rel=1e-5)


def test_predict_gives_the_same_for_any_batch_size_and_nothing_for_nothing() -> None:
    x, _ = data()
    model = compiled()
    whole = model.predict(x, batch_size=1000, verbose=0)
    assert whole.shape == (75, CLASSES)
    assert whole.dtype == np.float32
    for size in (1, 7, 32, 75):
        np.testing.assert_allclose(model.predict(x, batch_size=size, verbose=0), whole, rtol=1e-5, atol=1e-6)
    assert np.array_equal(model(x), whole)
    assert np.array_equal(model.predict_on_batch(x), whole)
    assert model.predict(x[:0], verbose=0).shape == (0, CLASSES) == model(x[:0]).shape


@pytest.mark.parametrize("labels", [np.uint8, np.int64, np.uint64, np.float32, "column", "list"])
def test_labels_of_any_type_that_holds_classes_give_the_same_model(labels: Any) -> None:
    x, y = data()
    given = {"column": y[:, None], "list": y.tolist()}[labels] if isinstance(labels, str) else y.astype(labels)
    expected, model = compiled(), compiled()
    expected.fit(x, y, verbose=0)
    model.fit(x, given, verbose=0)
    assert same(model, expected)


def test_one_hot_labels_train_as_class_numbers_do() -> None:
    x, y = data()
    sparse, categorical = compiled(), compiled(loss=losses.CategoricalCrossentropy(from_logits=True))
    a = sparse.fit(x, y, epochs=2, verbose=0).history
    b = categorical.fit(x, np.eye(CLASSES)[y], epochs=2, verbose=0).history
    assert a["accuracy"] == b["accuracy"]
    assert a["loss"] == pytest.approx(b["loss"], rel=1e-5)


def same_pixels(x: np.ndarray[Any, Any]) -> dict[str, np.ndarray[Any, Any]]:
    """The images of x in other types and other places in memory."""
    wide = np.zeros((len(x), 16, 16, 2), np.float32)
    wide[:, ::2, ::2, :1] = x
    return {
        "float32": x.astype(np.float32),
        "float64": x.astype(np.float64),
        "int64": x.astype(np.int64),
        "int16": x.astype(np.int16),
        "big-endian": x.astype(">f4"),
        "Fortran order": np.asfortranarray(x),
        "every second pixel": wide[:, ::2, ::2, :1],
        "every second image": x.repeat(2, axis=0)[::2],
        "backwards": np.ascontiguousarray(x[::-1])[::-1],
        "read-only": np.frombuffer(x.tobytes(), np.uint8).reshape(x.shape),
        "without the channel": x[..., 0],
        "with an axis too many": x[..., None],
    }


@pytest.mark.parametrize("kind", same_pixels(data()[0]))
def test_images_of_any_type_and_any_strides_give_the_same_model(kind: str) -> None:
    x, y = data()
    other = same_pixels(x)[kind]
    expected, model = compiled(), compiled()
    a = expected.fit(x, y, validation_split=0.2, verbose=0)
    b = model.fit(other, y, validation_split=0.2, verbose=0)
    assert a.history == b.history
    assert same(model, expected)
    assert model.evaluate(other, y, verbose=0) == expected.evaluate(x, y, verbose=0)
    assert np.array_equal(model.predict(other, verbose=0), expected.predict(x, verbose=0))
    assert np.array_equal(model(other), expected(x))
    assert model.train_on_batch(other, y) == expected.train_on_batch(x, y)


def test_truth_values_are_images_of_0_and_1_and_other_libraries_arrays_are_taken() -> None:
    x, _ = data()
    model = compiled()
    assert np.array_equal(model.predict(x > 60, verbose=0), model.predict((x > 60).astype(np.float32), verbose=0))
    torch = pytest.importorskip("torch", reason="PyTorch lends its tensors here, and is not installed")
    assert np.array_equal(model.predict(torch.from_numpy(x), verbose=0), model.predict(x, verbose=0))


@pytest.mark.parametrize("dtype", [np.uint8, np.float64, np.int32])
def test_fit_never_copies_the_data_set(dtype: type) -> None:
    x = np.zeros((20_000, 16, 16, 3), dtype)
    y = np.zeros(len(x), np.int64)
    model = models.Sequential([layers.Input((16, 16, 3)), layers.MaxPooling2D(8), layers.Flatten(), layers.Dense(2)])
    model.compile(loss=losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    tracemalloc.start()
    try:
        model.fit(x, y, batch_size=100, validation_split=0.5, verbose=0)
        model.evaluate(x, y, verbose=0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < x.nbytes / 10


def test_the_same_seed_gives_the_same_bits_with_any_number_of_threads() -> None:
    x, y = data(150)
    trained = []
    before = fastcnn.get_threads()
    try:
        for threads in (1, 2, 3, 1):
            fastcnn.set_threads(threads)
            model = compiled(seed=5)
            model.fit(x, y, epochs=2, verbose=0)
            trained.append(model)
    finally:
        fastcnn.set_threads(before)
    assert all(same(model, trained[0]) for model in trained)
    other = compiled(seed=6)
    other.fit(x, y, epochs=2, verbose=0)
    assert not same(other, trained[0])


def test_a_training_in_parts_is_that_in_one_bit_for_bit(tmp_path: Path) -> None:
    x, y = data()
    whole, parts = compiled(), compiled()
    whole.fit(x, y, epochs=3, verbose=0)
    parts.fit(x, y, epochs=1, verbose=0)
    parts.save(tmp_path / "part.h5")
    seed = parts.seed
    history = parts.fit(x, y, epochs=3, initial_epoch=1, verbose=0)
    assert history.epoch == [1, 2]
    assert same(parts, whole)
    resumed = models.load_model(tmp_path / "part.h5")
    resumed.seed = seed  # a file of Keras's has no place for it
    resumed.fit(x, y, epochs=3, initial_epoch=1, verbose=0)
    assert same(resumed, whole)


def test_steps_by_hand_are_those_of_fit() -> None:
    x, y = data()
    fitted, by_hand = compiled(), compiled()
    history = fitted.fit(x, y, shuffle=False, verbose=0).history
    results = [by_hand.train_on_batch(x[i : i + 32], y[i : i + 32]) for i in range(0, 75, 32)]
    assert same(fitted, by_hand)
    assert np.average(results, axis=0, weights=[32, 32, 11]) == pytest.approx(
        [history["loss"][0], history["accuracy"][0]]
    )
    assert by_hand.train_on_batch(x, y, return_dict=True).keys() == {"loss", "accuracy"}  # type: ignore[union-attr]
    assert by_hand.optimizer is not None
    assert by_hand.optimizer.iterations == 4


def rows_of(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray[Any, Any]]:
    """The rows of each training step from now on."""
    seen: list[np.ndarray[Any, Any]] = []
    step = Plan.train_step

    def spy(plan: Plan, x: Any, y: Any, rows: Any, *more: Any, **settings: Any) -> None:
        seen.append(rows.copy())
        step(plan, x, y, rows, *more, **settings)

    monkeypatch.setattr(Plan, "train_step", spy)
    return seen


def test_each_epoch_sees_each_image_once_in_an_order_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = rows_of(monkeypatch)
    compiled().fit(*data(), epochs=3, verbose=0)
    assert [len(rows) for rows in seen] == [32, 32, 11] * 3
    epochs = [np.concatenate(seen[i : i + 3]).tolist() for i in (0, 3, 6)]
    assert all(sorted(epoch) == list(range(75)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in [*epochs, range(75)]}) == 4


def test_without_shuffling_the_order_stays_and_a_split_holds_out_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = rows_of(monkeypatch)
    x, y = data()
    model = compiled(optimizer=optimizers.SGD(0.0))
    history = model.fit(x, y, batch_size=50, shuffle=False, validation_split=0.35, verbose=0).history
    assert [rows.tolist() for rows in seen] == [list(range(48))]  # floor(75 * 0.65)
    held_out = model.evaluate(x[48:], y[48:], verbose=0, return_dict=True)
    assert isinstance(held_out, dict)
    assert held_out == pytest.approx({"loss": history["val_loss"][0], "accuracy": history["val_accuracy"][0]})


def test_compiling_again_begins_anew_and_an_optimizer_trains_one_model() -> None:
    x, y = data()
    model = compiled()
    model.fit(x, y, verbose=0)
    first = model.optimizer
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    assert model.optimizer is not first
    assert model.optimizer is not None
    assert model.optimizer.iterations == 0
    assert model.metrics_names == ["loss"]
    model.compile(first, loss)
    model.fit(x, y, verbose=0)
    assert first is not None
    assert first.iterations == 6
    other = compiled(optimizer=first)
    with pytest.raises(ValueError, match="trains another model already"):
        other.fit(x, y, verbose=0)


def test_the_learning_rate_can_change_on_the_way() -> None:
    class Halt(callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
            assert self.model.optimizer is not None
            self.model.optimizer.learning_rate = 0.0

    x, y = data()
    once, twice = compiled(), compiled()
    once.fit(x, y, epochs=1, verbose=0)
    twice.fit(x, y, epochs=2, callbacks=Halt(), verbose=0)
    assert same(once, twice)


# Compiling.


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"optimizer": "adaam"}, "compile: unknown optimizer 'adaam'; did you mean 'adam'?"),
        ({"loss": "sparse_categorical_crosentropy"}, "did you mean 'sparse_categorical_crossentropy'?"),
        ({"metrics": ["acuracy"]}, "compile: unknown metric 'acuracy'; did you mean 'accuracy'?"),
        (
            {"metrics": ["categorical_accuracy"]},
            "takes a label for each output (one-hot rows), but SparseCategoricalCrossentropy takes class numbers",
        ),
        ({"metrics": "accuracy"}, "metrics must be a list"),
        ({"weighted_metrics": "auc"}, "weighted_metrics must be a list"),
        ({"loss": None}, "metrics without a loss"),
    ],
)
def test_what_compile_does_not_know_is_an_error_that_names_the_nearest(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        compiled(**arguments)


@pytest.mark.parametrize(
    ("metrics", "names"),
    [
        (["acc"], ["acc"]),
        (["sparse_categorical_accuracy"], ["sparse_categorical_accuracy"]),
        (["accuracy", "accuracy"], ["accuracy", "accuracy_1"]),
        ([], []),
        (None, []),
    ],
)
def test_metrics_are_called_as_keras_calls_them(metrics: Any, names: list[str]) -> None:
    model = compiled(metrics=metrics)
    assert model.metrics_names == ["loss", *names]
    assert sorted(model.fit(*data(), verbose=0).history) == sorted(["loss", *names])


# Files.


def test_a_model_is_saved_and_loaded_and_trains_on(tmp_path: Path) -> None:
    x, y = data()
    model = compiled()
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.h5")
    loaded = models.load_model(str(tmp_path / "model.h5"))
    assert np.array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    assert loaded.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
    assert loaded.train_on_batch(x, y) == model.train_on_batch(x, y)
    assert same(loaded, model)
    assert not models.load_model(tmp_path / "model.h5", compile=False).compiled


@pytest.mark.parametrize("name", ["model.pt", "model", "model.h5.txt"])
def test_other_formats_are_refused_by_name(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"save: filepath is '.*', but must end in .keras, .h5, .hdf5 or .safetensors"):
        compiled().save(tmp_path / name)
    with pytest.raises(
        ValueError, match=r"load_model: filepath is '.*', but must end in .keras, .h5, .hdf5 or .safetensors"
    ):
        models.load_model(tmp_path / name)
    for ending in ("h5", "keras"):
        with pytest.raises(FileNotFoundError):
            models.load_model(tmp_path / f"missing.{ending}")
