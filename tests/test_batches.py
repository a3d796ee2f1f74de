"""fit, evaluate and predict on iterables of batches, and steps_per_epoch: the same training as on arrays, whatever gives the batches.

What does not fit, and what is told of the steps: test_batches_messages.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import fastcnn
import numpy as np
import pytest
from fastcnn import callbacks, metrics, models, utils
from small import CLASSES, SHAPE, compiled, network
from small_batches import SIZE, SOURCES, STEPS, Again, Dataset, Loader, Parts, X, Y, forever, parts, same


def history(model: models.Sequential, *arguments: Any, **options: Any) -> dict[str, list[float]]:
    return model.fit(*arguments, verbose=0, **options).history


@pytest.mark.parametrize("source", SOURCES)
def test_batches_train_as_the_arrays_they_were_cut_from(source: str, device: str) -> None:
    fastcnn.set_device(device)
    try:
        arrays, batches = compiled(), compiled()
        expected = history(arrays, X, Y, SIZE, 2, validation_data=(X[:20], Y[:20]), shuffle=False)
        held = [(X[:16], Y[:16]), (X[16:20], Y[16:20])]
        got = history(batches, SOURCES[source](), epochs=2, validation_data=held, shuffle=False)
        assert got == expected
        assert same(arrays, batches)
    finally:
        fastcnn.set_device("cpu")


def test_a_generator_is_gone_on_with_from_epoch_to_epoch() -> None:
    arrays, generated = compiled(), compiled()
    expected = history(arrays, X, Y, SIZE, 3, shuffle=False)
    assert history(generated, forever(), epochs=3, steps_per_epoch=STEPS) == expected
    assert same(arrays, generated)


def test_a_dataset_without_an_end() -> None:
    class Endless(utils.PyDataset):
        def __getitem__(self, index: int) -> Parts:
            return parts()[index % STEPS]

    arrays, endless = compiled(), compiled()
    assert Endless().num_batches is None
    assert history(endless, Endless(), epochs=2, steps_per_epoch=STEPS) == history(arrays, X, Y, SIZE, 2, shuffle=False)


def test_a_model_without_an_input_is_built_for_the_first_batch() -> None:
    fastcnn.set_seed(1)
    model = models.Sequential(network()[1:])
    model.compile("adam", "mse")
    targets = np.eye(CLASSES, dtype=np.float32)[Y]
    model.fit(iter(parts(X, targets)), verbose=0)
    assert model.input_shape == (None, *SHAPE)


def test_batches_of_any_kind_of_array_and_odd_strides() -> None:
    arrays, batches = compiled(), compiled()
    kinds = [np.int32, np.float64, np.dtype(">f4"), np.uint8, np.float32]
    odd = [(np.repeat(x.astype(kind), 2, axis=1)[:, ::2], list(y)) for (x, y), kind in zip(parts(), kinds, strict=True)]
    assert history(arrays, X, Y, SIZE, shuffle=False) == history(batches, odd, shuffle=False)
    assert same(arrays, batches)


def test_weights_of_batches_and_of_classes() -> None:
    weights, of_class = np.linspace(0, 2, len(X)), {0: 0.5, 2: 3.0}
    plain = history(compiled(), X, Y, SIZE, sample_weight=weights, shuffle=False)
    assert history(compiled(), parts(X, Y, weights), shuffle=False) == plain
    plain = history(compiled(), X, Y, SIZE, class_weight=of_class, shuffle=False)
    assert history(compiled(), parts(), class_weight=of_class, shuffle=False) == plain
    with pytest.raises(ValueError, match="fit: x, batch 0: class_weight and sample_weight cannot be given together"):
        compiled().fit(parts(X, Y, weights), class_weight=of_class, shuffle=False)


def test_metrics_see_each_batch() -> None:
    def measured() -> models.Sequential:
        return compiled(metrics=["accuracy", metrics.SparseTopKCategoricalAccuracy(2)], weighted_metrics=["accuracy"])

    weights = np.linspace(0, 2, len(X))
    expected = history(measured(), X, Y, SIZE, sample_weight=weights, shuffle=False)
    assert history(measured(), parts(X, Y, weights), shuffle=False) == expected


# Order.


def test_batches_with_an_index_are_shuffled_anew_each_epoch_and_by_the_seed() -> None:
    first, second = Dataset(), Dataset()
    compiled().fit(first, epochs=3, verbose=0)
    compiled().fit(second, epochs=3, verbose=0)
    assert first.asked == second.asked
    epochs = [first.asked[i : i + STEPS + 2] for i in range(0, len(first.asked), STEPS + 2)]
    assert all((epoch[0], epoch[-1]) == ("begin", "end") and sorted(epoch[1:-1]) == [*range(STEPS)] for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3
    other = Dataset()
    compiled(seed=2).fit(other, epochs=3, verbose=0)
    assert other.asked != first.asked


def test_shuffle_false_leaves_the_order_and_evaluate_and_predict_never_change_it() -> None:
    dataset, model = Dataset(), compiled()
    model.fit(dataset, shuffle=False, verbose=0)
    model.evaluate(dataset, verbose=0)
    model.predict(dataset, verbose=0)
    assert [index for index in dataset.asked if isinstance(index, int)] == [*range(STEPS)] * 3


@pytest.mark.parametrize("source", [lambda: (X, Y), lambda: (Dataset(),)])
@pytest.mark.parametrize("steps", [None, 2, 4])
def test_a_training_in_two_parts_equals_one_in_one(source: Callable[[], Parts], steps: int | None) -> None:
    arguments = {"batch_size": SIZE} if len(source()) == 2 else {}
    whole, half = compiled(), compiled()
    with pytest.warns(UserWarning, match="instead of") if steps else nullcontext():
        history(whole, *source(), epochs=6, steps_per_epoch=steps, **arguments)
        history(half, *source(), epochs=4, steps_per_epoch=steps, **arguments)
        history(half, *source(), epochs=6, initial_epoch=4, steps_per_epoch=steps, **arguments)
    assert same(whole, half)


# Steps.


class Rows(callbacks.Callback):
    """How many steps each epoch had."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[int] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.steps.append(0)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        assert batch == self.steps[-1]
        self.steps[-1] += 1


@pytest.mark.parametrize("source", [(X, Y), (Dataset(),), (Again(),), (Loader(),)])
def test_an_epoch_of_fewer_steps_goes_on_where_the_last_ended(source: Parts) -> None:
    size = {"batch_size": SIZE} if len(source) == 2 else {}
    counted = Rows()
    with pytest.warns(UserWarning, match=re.escape("fit: epoch 3 has 1 step instead of 2: there were no more")) as told:
        history(compiled(), *source, epochs=4, steps_per_epoch=2, callbacks=[counted], **size)
    assert counted.steps == [2, 2, 1, 2]
    assert [str(warning.filename) for warning in told] == [__file__]


def test_each_pass_over_arrays_sees_every_image_once() -> None:
    seen: list[Any] = []

    class See(utils.PyDataset):
        def __len__(self) -> int:
            return len(X)

        def __getitem__(self, index: int) -> Parts:
            seen.append(index)
            return X[index : index + 1], Y[index : index + 1]

    compiled().fit(See(), epochs=3, steps_per_epoch=25, verbose=0)
    assert sorted(seen) == [*range(len(X))]
    assert seen != sorted(seen)


def test_more_steps_than_there_are_batches_is_a_short_epoch_and_a_warning() -> None:
    counted = Rows()
    with pytest.warns(UserWarning, match=r"epoch [12] has 5 steps instead of 9"):
        history(compiled(), X, Y, SIZE, 2, steps_per_epoch=9, callbacks=[counted])
    assert counted.steps == [5, 5]


def test_an_iterator_that_runs_out_ends_the_training() -> None:
    counted, model = Rows(), compiled()
    with pytest.warns(UserWarning, match="more batches") as told:
        got = history(model, iter(parts()), epochs=9, steps_per_epoch=2, callbacks=[counted])
    assert counted.steps == [2, 2, 1]
    assert len(got["loss"]) == 3
    assert model.epochs_done == 3
    said = [str(warning.message) for warning in told]
    assert "epoch 3 has 1 step instead of 2" in said[0]
    assert "x has no more batches, so the training ends before epoch 4" in said[1]
    assert [warning.filename for warning in told] == [__file__] * 2


def test_a_validation_that_runs_out_is_left_out() -> None:
    with pytest.warns(UserWarning, match="validation_data has no more batches, so epoch 3 has no validation"):
        got = history(compiled(), X, Y, epochs=3, validation_data=iter(parts()[:4]), validation_steps=2)
    assert (len(got["loss"]), len(got["val_loss"])) == (3, 2)


def test_validation_steps_are_the_first_batches_each_time() -> None:
    model = compiled(optimizer="sgd")
    for held in [(X, Y), parts(), Again(), Dataset()]:
        size = SIZE if isinstance(held, tuple) else None
        got = history(model, X, Y, 75, 1, validation_data=held, validation_batch_size=size, validation_steps=2)
        assert got["val_loss"][-1] == model.evaluate(X[: 2 * SIZE], Y[: 2 * SIZE], verbose=0)[0]  # type: ignore[index]
    got = history(model, X, Y, 16, 1, validation_split=0.5, validation_batch_size=8, validation_steps=1)
    assert got["val_loss"][-1] == pytest.approx(model.evaluate(X[37:45], Y[37:45], verbose=0)[0], rel=1e-6)  # type: ignore[index]


# evaluate and predict.


@pytest.mark.parametrize("source", SOURCES)
def test_evaluate_on_batches(source: str) -> None:
    model = compiled()
    assert model.evaluate(SOURCES[source](), verbose=0) == model.evaluate(X, Y, SIZE, verbose=0)
    assert model.evaluate(SOURCES[source](), verbose=0, steps=2) == model.evaluate(X[:32], Y[:32], SIZE, verbose=0)
    assert model.evaluate(X, Y, SIZE, verbose=0, steps=2) == model.evaluate(X[:32], Y[:32], SIZE, verbose=0)


def test_predict_on_batches_with_and_without_labels() -> None:
    model = compiled()
    expected = model.predict(X, verbose=0)
    for batches in [Dataset(), Again(), Loader(), (x for x, _ in parts()), ((x,) for x, _ in parts())]:
        np.testing.assert_array_equal(model.predict(batches, verbose=0), expected)
    np.testing.assert_array_equal(model.predict(forever(), verbose=0, steps=2), expected[:32])
    np.testing.assert_array_equal(model.predict(X, SIZE, verbose=0, steps=2), expected[:32])
    np.testing.assert_array_equal(model.predict([*X], verbose=0), expected)  # a list of images is an array


def test_fewer_batches_than_steps_is_a_warning() -> None:
    model = compiled()
    with pytest.warns(UserWarning, match="evaluate: x has 5 steps instead of 7") as told:
        model.evaluate(iter(parts()), steps=7, verbose=0)
    with pytest.warns(UserWarning, match="predict: x has 5 steps instead of 7") as told_too:
        model.predict(iter(parts()), steps=7, verbose=0)
    with pytest.warns(UserWarning, match="fit: validation_data has 5 steps instead of 7") as told_of_held:
        model.fit(X, Y, verbose=0, validation_data=parts(), validation_steps=7)
    assert {*(w.filename for found in (told, told_too, told_of_held) for w in found)} == {__file__}
