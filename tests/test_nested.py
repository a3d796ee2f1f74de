"""Models inside models: one stack to compute, one tree to look at, and weights that both have."""

from __future__ import annotations

import copy
import json
import pickle
import re
from pathlib import Path
from typing import Any

import fastcnn
import numpy as np
import pytest
from fastcnn import layers, models
from fastcnn.errors import FormatError
from small import CLASSES, SHAPE, compiled, data, network

X, Y = data()


def eyes() -> models.Sequential:
    """The part of the small network that looks."""
    return models.Sequential(network()[:-2], name="eyes")


def head() -> models.Sequential:
    return models.Sequential([layers.Flatten(), layers.Dense(CLASSES)], name="head")


def nested(seed: int = 1) -> models.Sequential:
    """The small network once more, in two models within one."""
    fastcnn.set_seed(seed)
    model = models.Sequential([eyes(), head()])
    model.seed = compiled(seed).seed
    model.compile("adam", fastcnn.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return model


def test_it_computes_and_trains_as_its_layers_in_a_row(device: str) -> None:
    fastcnn.set_device(device)
    try:
        flat, deep = compiled(), nested()
        deep.set_weights(flat.get_weights())
        assert deep.fit(X, Y, epochs=2, verbose=0).history == flat.fit(X, Y, epochs=2, verbose=0).history
        assert all(np.array_equal(a, b) for a, b in zip(deep.get_weights(), flat.get_weights(), strict=True))
        np.testing.assert_array_equal(deep.predict(X, verbose=0), flat.predict(X, verbose=0))
    finally:
        fastcnn.set_device("cpu")


def test_a_model_is_one_of_the_layers() -> None:
    model = nested()
    assert [layer.name for layer in model.layers] == ["eyes", "head"]
    assert [leaf.name for leaf in model.leaves] == [*(layer.name for part in model.layers for layer in part.layers)]
    assert model.get_layer("eyes") is model.layers[0] is model[0]
    assert model.input_shape == (None, *SHAPE)
    assert model.layers[0].output_shape == (None, 3, 3, 4)
    assert model.output_shape == (None, CLASSES)
    assert [name for name, _ in model.weight_names()] == [
        f"{place}/{name}"
        for place in (f"eyes/{model[0].layers[1].name}", f"head/{model[1].layers[1].name}")
        for name in ("kernel", "bias")
    ]
    assert model.count_params() == sum(weight.size for weight in model.get_weights())


def test_its_shape_is_the_models() -> None:
    whole = models.Sequential([head(), layers.ReLU()])
    assert not whole.built
    whole.build((None, 3, 3, 4))
    assert whole.layers[0].input_shape == (None, 3, 3, 4)
    with pytest.raises(
        ValueError, match=re.escape("the model 'eyes' takes (None, 8, 8, 1), so it cannot be built for")
    ):
        models.Sequential([layers.Input((9, 9, 1)), eyes()])
    with pytest.raises(ValueError, match="Dense"):
        models.Sequential([eyes(), layers.Dense(3)])


def test_both_have_the_same_weights() -> None:
    inner = eyes()
    outer = models.Sequential([inner, head()])
    outer.compile("adam", fastcnn.losses.SparseCategoricalCrossentropy(from_logits=True))
    before = inner.predict(X, verbose=0)
    outer.fit(X, Y, verbose=0)
    after = inner.predict(X, verbose=0)
    assert not np.array_equal(before, after)
    np.testing.assert_array_equal(outer.layers[1].predict(after, verbose=0), outer.predict(X, verbose=0))
    inner.set_weights([0 * weight for weight in inner.get_weights()])
    assert np.ptp(outer.predict(X, verbose=0), axis=0).max() == 0


def test_a_frozen_model_does_not_learn() -> None:
    model = nested()
    model.layers[0].trainable = False
    looked, decided = model.layers[0].get_weights(), model.layers[1].get_weights()
    model.fit(X, Y, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(looked, model.layers[0].get_weights(), strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(decided, model.layers[1].get_weights(), strict=True))
    assert len(model.trainable_weights) == len(model.non_trainable_weights) == 2


def test_a_change_inside_is_seen_outside() -> None:
    model = nested()
    first = model.predict(X, verbose=0)
    model.layers[1].add(layers.ReLU())
    np.testing.assert_array_equal(model.predict(X, verbose=0), np.maximum(first, 0))
    model.layers[1].pop()
    np.testing.assert_array_equal(model.predict(X, verbose=0), first)
    model.layers[1].pop()
    model.layers[1].add(layers.Dense(5))
    assert model.predict(X, verbose=0).shape == (len(X), 5)
    assert model.output_shape == (None, 5)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_is_whole_and_apart(copied: Any) -> None:
    model = nested()
    model.fit(X, Y, verbose=0)
    other = copied(model)
    expected = model.predict(X, verbose=0)
    np.testing.assert_array_equal(other.predict(X, verbose=0), expected)
    np.testing.assert_array_equal(other.layers[1].predict(other[0].predict(X, verbose=0), verbose=0), expected)
    model.fit(X, Y, verbose=0)
    np.testing.assert_array_equal(other.predict(X, verbose=0), expected)
    other.fit(X, Y, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(other.get_weights(), model.get_weights(), strict=True))


def test_what_cannot_be() -> None:
    inner, outer = eyes(), models.Sequential(name="outer")
    outer.add(inner)
    for model, layer in [(inner, inner), (inner, outer)]:
        with pytest.raises(ValueError, match="the model 'eyes' cannot be a layer of itself"):
            model.add(layer)
    for layer in (inner.layers[1], inner, models.Sequential([inner], name="again")):
        with pytest.raises(ValueError, match="is in the model already; a layer that is used twice is not supported"):
            outer.add(layer)
    with pytest.raises(ValueError, match="all layers must have different names, but 'eyes' is taken"):
        outer.add(models.Sequential([layers.ReLU()], name="eyes"))
    assert outer.layers == [inner]


def test_the_summary_has_a_line_for_it(capsys: pytest.CaptureFixture[str]) -> None:
    model = nested()
    model.layers[0].trainable = False
    model.summary()
    text = capsys.readouterr().out
    assert re.search(r"eyes \(Sequential\) +│ \(None, 3, 3, 4\) +│ +40 │", text)
    assert re.search(r"head \(Sequential\) +│ \(None, 3\) +│ +111 │", text)
    assert "Total params: 151" in text
    assert "Trainable params: 111" in text
    assert "Non-trainable params: 40" in text


# Files and words.


@pytest.mark.parametrize("ending", ["keras", "h5", "safetensors"])
@pytest.mark.parametrize("frozen", [None, 0, 1])
def test_a_file_keeps_the_tree(ending: str, frozen: int | None, tmp_path: Path) -> None:
    model = nested()
    if frozen is not None:
        model.layers[0].layers[1].trainable = frozen != 0
        model.layers[1].trainable = frozen != 1
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / f"model.{ending}")
    same = models.load_model(tmp_path / f"model.{ending}")
    assert same.get_config() == model.get_config()
    np.testing.assert_array_equal(same.predict(X, verbose=0), model.predict(X, verbose=0))
    same.seed = model.seed
    model.fit(X, Y, epochs=2, initial_epoch=1, verbose=0)
    same.fit(X, Y, epochs=2, initial_epoch=1, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(same.get_weights(), model.get_weights(), strict=True))


@pytest.mark.parametrize("ending", ["keras", "h5", "safetensors"])
def test_two_paths_that_are_one_name_keep_their_slots_apart(ending: str, tmp_path: Path) -> None:
    """ "a/b/kernel" and "a_b/kernel" are both m_a_b_kernel in the names of an optimizer's arrays in a .h5."""
    inner = models.Sequential([layers.Input((4,)), layers.Dense(4, name="b")], name="a")
    model = models.Sequential([inner, layers.Dense(4, name="a_b")], name="m")
    model.compile("adam", "mse")
    x = np.random.default_rng(0).random((8, 4), np.float32)
    model.fit(x, x, verbose=0)
    model.save(tmp_path / f"model.{ending}")
    same = models.load_model(tmp_path / f"model.{ending}")
    assert model.optimizer is not None
    assert same.optimizer is not None
    for slot, flat in model.optimizer.slots.items():
        for one, other in zip(model.weights, same.weights, strict=True):
            kept = same.store.view(same.optimizer.slots[slot], other)
            np.testing.assert_array_equal(kept, model.store.view(flat, one))


@pytest.mark.parametrize("ending", ["keras", "h5", "safetensors"])
def test_what_no_file_would_give_back_is_not_saved(ending: str, tmp_path: Path) -> None:
    model = models.Sequential([layers.Input((2,)), layers.Dense(2)])
    for _ in range(20):
        model = models.Sequential([model])
    model.save(tmp_path / f"model.{ending}")
    assert models.load_model(tmp_path / f"model.{ending}").get_config() == model.get_config()
    for vast, message in (
        (models.Sequential([model]), "save: the model has models in models 21 deep, but at most 20 are read again"),
        (
            models.Sequential([layers.Input((2,)), *(layers.Flatten() for _ in range(5000))]),
            "save: the model has 5,001 layers, but at most 5,000 are read again",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            vast.save(tmp_path / f"vast.{ending}")
        assert not (tmp_path / f"vast.{ending}").exists()


def test_a_file_of_weights_goes_into_a_tree_of_the_same_layers(tmp_path: Path) -> None:
    model, other = nested(), nested(seed=2)
    model.save_weights(tmp_path / "a.weights.h5")
    other.load_weights(tmp_path / "a.weights.h5")
    np.testing.assert_array_equal(other.predict(X, verbose=0), model.predict(X, verbose=0))
    with pytest.raises(FormatError, match="layers/conv2d"):
        compiled().load_weights(tmp_path / "a.weights.h5")


def test_a_config_makes_the_tree_again_with_weights_of_its_own() -> None:
    model = nested()
    for other in (
        models.Sequential.from_config(model.get_config()),
        models.model_from_json(model.to_json()),
        models.clone_model(model),
    ):
        assert other.get_config() == model.get_config()
        assert not other.compiled
        assert not np.array_equal(other.get_weights()[0], model.get_weights()[0])
    assert json.loads(model.to_json(indent=2))["class_name"] == "Sequential"
    with pytest.raises(TypeError, match="clone_model: model must be a Sequential, but is None"):
        models.clone_model(None)  # type: ignore[arg-type]


def deep(levels: int) -> dict[str, Any]:
    config: dict[str, Any] = {"name": "m", "layers": []}
    for level in range(levels):
        entry = {"module": "keras", "class_name": "Sequential", "config": config, "registered_name": None}
        config = {"name": f"m{level}", "layers": [entry]}
    return config


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (deep(30), "is a model in a model, and so on, more than 20 deep"),
        (deep(5000), "is a model in a model, and so on, more than 20 deep"),
        ({"layers": [{"class_name": "Sequential", "config": {"layers": None}}]}, "layer 0: has no list of layers"),
        ({"layers": [{"class_name": "Sequential", "config": {"layers": [{}] * 6000}}]}, "layer 0: has 6,001 layers"),
        (
            {"layers": [{"class_name": "Sequential", "config": {"layers": [{"class_name": "Lambda", "config": {}}]}}]},
            "layer 0/layer 0: Lambda None holds code, and code from a file is never run",
        ),
        (
            {"layers": [{"class_name": "Sequential", "registered_name": "mine>S", "config": {"layers": []}}]},
            "layer 0: layer 'mine>S' is not one of Keras's own",
        ),
    ],
)
def test_words_that_make_no_tree(config: dict[str, Any], message: str) -> None:
    with pytest.raises(FormatError, match=f"^Sequential.from_config: .*{re.escape(message)}"):
        models.Sequential.from_config(config)


# Parts of a model.


def test_an_index_gives_a_layer_and_a_slice_a_model_of_the_same_layers() -> None:
    model = compiled()
    assert model[0] is model.layers[0]
    assert model[-1] is model.layers[-1]
    assert [*model] == model.layers
    front, back = model[:-1], model[-1:]
    assert front.layers == model.layers[:-1]
    assert (front.input_shape, back.input_shape) == ((None, *SHAPE), (None, 36))
    np.testing.assert_array_equal(back.predict(front.predict(X, verbose=0), verbose=0), model.predict(X, verbose=0))
    with pytest.raises(IndexError):
        model[9]
    assert bool(models.Sequential())
