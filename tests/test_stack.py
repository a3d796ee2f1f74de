"""Sequential as a stack of layers: what is in it, its weights, and the table of summary. Training is in test_models.py."""

from __future__ import annotations

import copy
import io
import pickle
import re
import sys
from typing import Any

import numpy as np
import pytest
from fastcnn import layers, losses, models
from fastcnn._naming import reset_names
from fastcnn.tutorial import tutorial_model
from small import CLASSES, SHAPE, compiled, data, network


def test_a_model_knows_its_shapes_as_soon_as_the_input_is_known() -> None:
    by_input = models.Sequential(network())
    by_argument = models.Sequential([layers.Flatten(input_shape=SHAPE), layers.Dense(5)])
    assert by_input.built
    assert by_input.input_shape == (None, 8, 8, 1)
    assert by_input.output_shape == (None, CLASSES)
    assert by_argument.built
    assert by_argument.input_shape == (None, 8, 8, 1)
    assert by_argument.output_shape == (None, 5)
    assert [type(layer).__name__ for layer in by_argument.layers] == ["Flatten", "Dense"]


def test_a_model_without_an_input_is_built_by_what_it_first_sees() -> None:
    x, y = data()
    deferred = [models.Sequential([layers.Flatten(), layers.Dense(3)]) for _ in range(4)]
    for model in deferred:
        assert not model.built
        assert model.weights == []
        with pytest.raises(AttributeError, match="no defined input shape yet"):
            _ = model.input_shape
        model.compile(loss=losses.SparseCategoricalCrossentropy(from_logits=True))
    deferred[0].build((None, 8, 8, 1))
    deferred[1].predict(x, verbose=0)
    deferred[2].fit(x, y, verbose=0)
    deferred[3](x[:2])
    assert all(model.input_shape == (None, 8, 8, 1) and len(model.weights) == 2 for model in deferred)


def test_layers_are_added_and_taken_off_and_the_others_keep_their_weights() -> None:
    model = models.Sequential()
    for layer in network():
        model.add(layer)
    kernel = model.weights[0].numpy()
    last = model.pop()
    assert last.name.startswith("dense")
    assert model.output_shape == (None, 36)
    model.add(layers.Dense(7))
    assert model.output_shape == (None, 7)
    assert np.array_equal(model.weights[0].value, kernel)
    assert model.predict(data()[0], verbose=0).shape == (75, 7)
    assert model.get_layer(model.layers[1].name) is model.layers[1] is model.get_layer(index=1)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (3, "must be an instance of fastcnn.layers.Layer or a model, but is 3"),
        (layers.Input((4,)), "an Input comes first, and once"),
        (layers.Dense(2, name="mine"), "all layers must have different names, but 'mine' is taken"),
        (layers.Conv2D(2, 3), r"\(height, width, channels\)"),
        (models.Sequential(), "has no layers"),
    ],
)
def test_a_layer_that_does_not_fit_is_an_error_and_changes_nothing(layer: Any, message: str) -> None:
    model = models.Sequential([layers.Input((4,)), layers.Dense(3, name="mine")])
    with pytest.raises(ValueError, match=message):
        model.add(layer)
    assert len(model.layers) == 1
    assert model.output_shape == (None, 3)
    with pytest.raises(ValueError, match="is in the model already"):
        model.add(model.layers[0])


def test_what_is_not_there_is_an_error_that_says_so() -> None:
    model = compiled()
    with pytest.raises(ValueError, match=r"there is no layer 'x', only 'rescaling"):
        model.get_layer("x")
    with pytest.raises(ValueError, match="index is 9, but the model has 5 layers"):
        model.get_layer(index=9)
    with pytest.raises(ValueError, match=r"takes \(None, 8, 8, 1\), so it cannot be built for \(None, 9, 9, 1\)"):
        model.build((None, 9, 9, 1))
    with pytest.raises(IndexError, match="has no layers"):
        models.Sequential().pop()
    with pytest.raises(ValueError, match="has no layers"):
        models.Sequential().predict(data()[0])
    with pytest.raises(ValueError, match="name must be a string without '/', but is 'a/b'"):
        models.Sequential(name="a/b")
    with pytest.raises(AttributeError):
        _ = model.history


# Weights.


def test_weights_come_as_copies_and_go_back() -> None:
    model = compiled()
    weights = model.get_weights()
    assert [weight.shape for weight in weights] == [(3, 3, 1, 4), (4,), (36, 3), (3,)]
    assert model.count_params() == sum(weight.size for weight in weights) == 40 + 111
    weights[0][...] = 7
    assert model.weights[0].value.max() < 7
    model.set_weights(weights)
    assert np.all(model.weights[0].value == 7)


def test_weights_that_do_not_fit_are_an_error_and_none_is_set() -> None:
    model = compiled()
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"1 arrays came, but the model '.*' has 4 weights"):
        model.set_weights([np.zeros(3)])
    with pytest.raises(ValueError, match=r"weights\[3\] has shape \(4,\), but 'bias' has \(3,\)"):
        model.set_weights([np.zeros(shape.shape) for shape in before[:3]] + [np.zeros(4)])
    with pytest.raises(TypeError, match=r"weights\[3\] has dtype object"):
        model.set_weights([*before[:3], np.array([None] * 3)])
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    with pytest.raises(ValueError, match="is not built"):
        models.Sequential([layers.Dense(2)]).count_params()


def test_all_weights_lie_in_one_buffer() -> None:
    model = compiled()
    model.fit(*data(), verbose=0)
    assert all(np.shares_memory(variable.value, model.store.buffer) for variable in model.weights)


def test_models_that_share_layers_share_weights_and_both_can_be_trained_and_used() -> None:
    x, y = data()
    first = compiled()
    first.fit(x, y, epochs=2, verbose=0)
    expected = first.predict(x, verbose=0)
    second = models.Sequential([layers.Input(SHAPE), *first.layers[:-1], layers.Dense(CLASSES)])
    second.compile("sgd", losses.SparseCategoricalCrossentropy(from_logits=True))
    second.predict(x, verbose=0)
    assert np.array_equal(first.predict(x, verbose=0), expected)
    second.fit(x, y, verbose=0)
    assert not np.array_equal(first.predict(x, verbose=0), expected)
    assert first.weights[0] is second.weights[0]
    first.fit(x, y, verbose=0)
    second.fit(x, y, verbose=0)
    layer = first.layers[1]
    assert np.array_equal(layer.get_weights()[0], second.get_weights()[0])


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_is_a_model_of_its_own_that_trains_on(copied: Any) -> None:
    x, y = data()
    model = compiled()
    model.fit(x, y, verbose=0)
    twin = copied(model)
    assert np.array_equal(twin.predict(x, verbose=0), model.predict(x, verbose=0))
    before = model.get_weights()
    twin.fit(x, y, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    model.fit(x, y, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(twin.get_weights(), model.get_weights(), strict=True))


# The summary.


def test_the_summary_is_keras_s_table_and_fits_into_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    reset_names()  # a name that other tests have numbered high would be cut
    model = tutorial_model()
    model.compile(loss=losses.SparseCategoricalCrossentropy(from_logits=True))
    model.summary()
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) == 76
    rows = re.findall(r"│ (\S+) \((\w+)\) +│ (\(.*\)) +│ +([\d,]+) │", text)
    assert [(kind, shape, count) for _, kind, shape, count in rows] == [
        ("Rescaling", "(None, 32, 32, 3)", "0"),
        ("Conv2D", "(None, 30, 30, 32)", "896"),
        ("MaxPooling2D", "(None, 15, 15, 32)", "0"),
        ("Conv2D", "(None, 13, 13, 64)", "18,496"),
        ("MaxPooling2D", "(None, 6, 6, 64)", "0"),
        ("Conv2D", "(None, 4, 4, 64)", "36,928"),
        ("Flatten", "(None, 1024)", "0"),
        ("Dense", "(None, 64)", "65,600"),
        ("Dense", "(None, 10)", "650"),
    ]
    assert " Total params: 122,570 (478.79 KB)" in text
    assert "Optimizer" not in text
    model.train_on_batch(np.zeros((2, 32, 32, 3), np.uint8), np.zeros(2))
    model.summary()
    text = capsys.readouterr().out
    assert " Total params: 367,712 (1.40 MB)" in text
    assert " Optimizer params: 245,142 (957.59 KB)" in text


def test_the_summary_goes_where_it_is_sent_and_wraps_what_is_long() -> None:
    model = models.Sequential([layers.Dense(3, name="a_name_that_is_much_longer_than_its_column")])
    texts: list[str] = []
    model.summary(line_length=70, print_fn=texts.append)
    assert len(texts) == 1
    assert {len(line) for line in texts[0].splitlines() if line[0] in "┃│"} == {70}
    assert "a_name_that_is_much_longer_…" in texts[0]
    assert "(Dense)" in texts[0]
    assert "0 (unbuilt)" in texts[0]
    assert "│ ? " in texts[0]
    with pytest.raises(ValueError, match="line_length is 10, which is too narrow"):
        model.summary(line_length=10)


def test_the_summary_is_plain_where_the_output_is_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    output = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", output)
    models.Sequential(network()).summary()
    output.flush()
    assert b"| Layer (type) " in output.buffer.getvalue()  # type: ignore[attr-defined]
