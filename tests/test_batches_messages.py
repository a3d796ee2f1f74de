"""Iterables of batches, and what is said of them: errors that name what does not fit, and how many steps there are, to callbacks and on the screen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from commands import in_terminal
from fastcnn import callbacks, utils
from small import compiled
from small_batches import STEPS, Again, Dataset, Loader, Parts, X, Y, forever, parts, same

# What does not fit.


def broken(number: int, batch: Any) -> list[Any]:
    """The batches, but for that one."""
    batches: list[Any] = list(parts())
    batches[number] = batch
    return batches


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ((X[:4, :7], Y[:4]), "batch 2: x has shape (4, 7, 8, 1), but the model takes (N, 8, 8, 1)"),
        ((X[:4], Y[:3]), "batch 2: y has 3 labels, but there are 4 images"),
        ((X[:4], Y[:4] + 7), "batch 2: y[0] is"),
        ((X[:0], Y[:0]), "batch 2: x is empty"),
        ((X[:4], Y[:4], np.ones(5)), "batch 2: sample_weight has shape (5,)"),
        ((X[:4], Y[:4], np.ones(4), 1), "batch 2: it must be (x, y) or (x, y, sample_weight), but is 4 entries"),
        ((), "batch 2: it must be (x, y) or (x, y, sample_weight), but is 0 entries"),
    ],
)
def test_a_bad_batch_is_named_and_what_was_trained_stays(batch: Any, message: str) -> None:
    model, before = compiled(), compiled()
    before.fit(parts()[:2], shuffle=False, verbose=0)
    with pytest.raises(ValueError, match=re.escape(f"fit: x, {message}")):
        model.fit(broken(2, batch), shuffle=False, verbose=0)
    assert same(model, before)
    assert model.optimizer is not None
    assert model.optimizer.iterations == 2
    with pytest.raises(ValueError, match=re.escape("fit: validation_data, batch 0: ")):
        model.fit(X, Y, validation_data=[batch, *parts()], verbose=0)


def test_a_bad_batch_is_named_by_its_index_where_batches_are_shuffled() -> None:
    with pytest.raises(ValueError, match=re.escape("fit: x, batch 2: x has shape (4, 7, 8, 1)")):
        compiled().fit(Dataset(broken(2, (X[:4, :7], Y[:4]))), verbose=0)


@pytest.mark.parametrize("batch", ["no", {"x": X[:4]}, X[:4], None])
def test_a_batch_that_is_no_pair(batch: Any) -> None:
    with pytest.raises((ValueError, TypeError), match=re.escape("fit: x, batch 2: ")):
        compiled().fit(broken(2, batch), shuffle=False, verbose=0)


def test_labels_left_out_are_missed_by_name() -> None:
    with pytest.raises(TypeError, match=re.escape("fit: x, batch 0: y is None")):
        compiled().fit([(x,) for x, _ in parts()], shuffle=False, verbose=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"y": Y}, "fit: y cannot be given where x is an iterable of batches, here a Dataset: the batches hold it"),
        ({"sample_weight": Y}, "fit: sample_weight cannot be given where x is an iterable of batches"),
        ({"batch_size": 3}, "fit: batch_size cannot be given where x is an iterable of batches"),
        ({"validation_split": 0.2}, "fit: validation_split is of arrays, but x is an iterable of batches"),
        ({"steps_per_epoch": 0}, "fit: steps_per_epoch must be an integer of at least 1, but is 0"),
        ({"validation_steps": 0}, "fit: validation_steps must be an integer of at least 1, but is 0"),
        (
            {"validation_data": iter(parts()), "epochs": 2},
            "fit: validation_data is an iterator, which can be gone through once, but there are 2 epochs: give "
            "validation_steps",
        ),
        ({"validation_data": iter([])}, "fit: validation_data has no batches"),
    ],
)
def test_arguments_beside_batches(arguments: dict[str, Any], message: str) -> None:
    model = compiled()
    with pytest.raises(ValueError, match=re.escape(message)):
        model.fit(Dataset(), verbose=0, **arguments)
    assert same(model, compiled())


def test_an_iterator_for_many_epochs_or_for_none() -> None:
    model = compiled()
    message = "fit: x is an iterator, which can be gone through once, but there are 2 epochs: give steps_per_epoch"
    with pytest.raises(ValueError, match=message):
        model.fit(forever(), epochs=2, verbose=0)
    for method in (model.fit, model.evaluate, model.predict):
        with pytest.raises(ValueError, match=f"{method.__name__}: x has no batches"):
            method(iter(()), verbose=0)


def test_what_a_generator_raises_comes_through() -> None:
    def failing() -> Iterator[Parts]:
        yield parts()[0]
        raise OSError("the disk is gone")

    model = compiled()
    with pytest.raises(OSError, match="the disk is gone"):
        model.fit(failing(), verbose=0)
    model.fit(X, Y, verbose=0)


def test_a_dataset_says_what_it_lacks() -> None:
    class Empty(utils.PyDataset):
        pass

    with pytest.raises(NotImplementedError, match=re.escape("Empty: __getitem__(index) must give a batch")):
        compiled().fit(Empty(), steps_per_epoch=1)
    with pytest.raises(ValueError, match="workers=2 is not supported"):
        utils.PyDataset(workers=2)
    assert utils.Sequence is utils.PyDataset


# What is shown.


def test_callbacks_are_told_how_many_steps_there_are_where_that_is_known() -> None:
    told: list[Any] = []

    class Params(callbacks.Callback):
        def on_train_begin(self, logs: Any = None) -> None:
            assert self.params is not None
            told.append(self.params["steps"])

    for x, steps in [(parts(), None), (Again(), None), (Loader(), None), (forever(), 3)]:
        compiled().fit(x, steps_per_epoch=steps, callbacks=[Params()], verbose=0)
    compiled().fit(X, Y, steps_per_epoch=2, callbacks=[Params()], verbose=0)
    assert told == [STEPS, None, STEPS, 3, 2]


def test_a_bar_without_an_end() -> None:
    program = (
        "import numpy as np, time\n"
        "from fastcnn import layers, models\n"
        "model = models.Sequential([layers.Input((4,)), layers.Dense(3)])\n"
        "model.compile('sgd', 'mse')\n"
        "def batches():\n"
        "    for _ in range(4):\n"
        "        time.sleep(0.15)\n"
        "        yield np.ones((5, 4), np.float32), np.ones((5, 3), np.float32)\n"
        "model.fit(batches())\n"
    )
    code, shown = in_terminal(program)
    assert code == 0
    assert re.search(r"Epoch 1/1 [234] loss=\d\.\d+ [\d,]+ images/s", shown)
    assert "left" not in shown
    assert re.search(r"Epoch 1/1 [\d.]+s loss=\d\.\d+\s*$", shown)
