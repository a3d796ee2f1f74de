"""Every entry of keras_table.py beside a real Keras, in words: configs, dicts, arguments, names, and a way through files and back."""

from __future__ import annotations

import inspect
import json
import operator
from pathlib import Path
from typing import Any

import fastcnn
import numpy as np
import pytest
from fastcnn._serialization import serialize
from keras_table import AUGMENTATIONS, OWN, TABLE, Entry, each, make, normal, pair
from peer_keras import QUIET, assert_near, begin_names_again, keras_or_skip

pytestmark = QUIET

BATCH = 5


@pytest.fixture(scope="module")
def keras() -> Any:
    return keras_or_skip()


def rewritten(written: Any) -> Any:
    """As it is after a file: tuples are lists."""
    return json.loads(json.dumps(written))


def config_of(keras: Any, thing: Any) -> dict[str, Any]:
    """Keras's, but that an AUC's label_weights are a tensor in it, which no file can hold."""
    config = thing.get_config()
    return {name: value.numpy().tolist() if keras.ops.is_tensor(value) else value for name, value in config.items()}


def named(module: str, entry: Entry) -> Entry:
    """The entry with a name, if it takes one and has none: names by number are Keras's too, but hang on what was there before."""
    takes = module == "layers" or "name" in inspect.signature(operator.attrgetter(f"{module}.{entry.name}")(fastcnn)).parameters  # fmt: skip
    return entry._replace(arguments={"name": "my_own", **entry.arguments}) if takes else entry


@each(*TABLE)
def test_a_config_is_keras_s_key_for_key_and_each_reads_the_other_s(keras: Any, module: str, entry: Entry) -> None:
    ours, theirs = pair(keras, module, named(module, entry))
    mine, its = ours.get_config(), config_of(keras, theirs)
    assert mine == its
    assert list(mine) == list(its)
    assert config_of(keras, type(theirs).from_config(ours.get_config())) == its
    assert type(ours).from_config(rewritten(its)).get_config() == mine


@each(*(module for module in TABLE if module != "layers"))
def test_written_as_a_dict_each_is_read_by_the_other(keras: Any, module: str, entry: Entry) -> None:
    ours, theirs = pair(keras, module, named(module, entry))
    words, theirs_of = operator.attrgetter(module)(fastcnn), operator.attrgetter(module)(keras)
    written = rewritten(serialize(ours))
    if "label_weights" not in entry.arguments:
        assert written == rewritten(keras.saving.serialize_keras_object(theirs))
        again = theirs_of.deserialize(rewritten(written))  # which changes what it is given
        assert type(again) is type(theirs)
        assert config_of(keras, again) == config_of(keras, theirs)
    read = words.deserialize(written) if module == "optimizers.schedules" else words.get(written)
    assert type(read) is type(ours)
    assert read.get_config() == ours.get_config()


KINDS = sorted({(module, entry.name) for module in TABLE for entry in TABLE[module]} | {("layers", "Input"), ("optimizers.schedules", "LearningRateSchedule")})  # fmt: skip


@pytest.mark.parametrize(("module", "name"), KINDS)
def test_arguments_their_order_and_their_defaults_are_keras_s(keras: Any, module: str, name: str) -> None:
    listed = [
        [
            (argument.name, argument.default)
            for argument in inspect.signature(operator.attrgetter(f"{module}.{name}")(words)).parameters.values()
            if argument.kind != argument.VAR_KEYWORD
        ]
        for words in (fastcnn, keras)
    ]
    assert [argument for argument in listed[0] if argument[0] not in OWN.get((module, name), ())] == listed[1]


@each("layers", but=AUGMENTATIONS)
def test_a_layer_calls_its_weights_as_keras_does(keras: Any, module: str, entry: Entry) -> None:
    ours, theirs = pair(keras, module, entry)
    if entry.shapes:
        ours.build(entry.shapes[0])
        theirs.build((None, *entry.shapes[0]))
    for name in ("kernel", "depthwise_kernel", "pointwise_kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance"):  # fmt: skip
        assert hasattr(ours, name) == hasattr(theirs, name), name
        mine, its = getattr(ours, name, None), getattr(theirs, name, None)
        assert (None if mine is None else mine.shape) == (None if its is None else its.shape), name


def test_names_are_numbered_as_keras_numbers_them(keras: Any) -> None:
    begin_names_again(keras)
    for _ in range(2):
        for module in ("layers", "losses", "metrics", "optimizers"):
            for entry in TABLE[module]:
                ours, theirs = pair(keras, module, entry)
                assert ours.name == theirs.name


# Files.


@pytest.mark.parametrize("ending", [".h5", ".keras"])
@each("layers", but=AUGMENTATIONS)  # test_augmentation_peer.py
def test_a_model_with_each_layer_goes_to_keras_and_back(
    keras: Any, module: str, entry: Entry, ending: str, tmp_path: Path
) -> None:
    kinds: list[Any] = []
    for words in (fastcnn, keras):
        layer = make(words, "layers", named(module, entry))
        if entry.name == "InputLayer":
            stack = [layer, words.layers.Activation("linear")]
        elif {"input_shape", "input_dim"} & set(entry.arguments):
            stack = [layer]
        else:
            stack = [words.layers.Input(entry.shapes[0]), layer]
        kinds.append(words.models.Sequential(stack))
    ours, theirs = kinds
    x = normal(BATCH, *ours.input_shape[1:])
    weights = [normal(*weight.shape, seed=8 + index) for index, weight in enumerate(ours.weights)]
    weights = [abs(w) if its.name == "moving_variance" else w for w, its in zip(weights, ours.weights, strict=True)]
    for model in (ours, theirs):
        model.set_weights(weights)
    wanted = np.asarray(theirs(x))
    assert_near(ours(x), wanted)
    for model, there, here in ((ours, keras, fastcnn), (theirs, fastcnn, keras)):
        model.save(tmp_path / f"out{ending}")
        arrived = there.models.load_model(tmp_path / f"out{ending}")
        arrived.save(tmp_path / f"back{ending}")
        returned = here.models.load_model(tmp_path / f"back{ending}")
        for loaded in (arrived, returned):
            assert_near(loaded(x), wanted)
            assert loaded.input_shape == ours.input_shape
            assert rewritten(loaded.layers[0].get_config()) == rewritten(ours.layers[0].get_config())
            for mine, its in zip(loaded.get_weights(), weights, strict=True):
                np.testing.assert_array_equal(mine, its)


GIVEN_AS = {
    "losses": "loss",
    "optimizers": "optimizer",
    "initializers": "kernel_initializer",
    "regularizers": "kernel_regularizer",
}


@pytest.mark.parametrize("ending", [".h5", ".keras"])
@each(*GIVEN_AS)
def test_a_model_with_each_of_the_others_goes_to_keras_and_back(
    keras: Any, module: str, entry: Entry, ending: str, tmp_path: Path
) -> None:
    """Metrics: test_metrics_peer.py; schedules, and the optimizer's state: test_schedules_peer.py, test_keras_h5_peer.py, test_keras_v3_peer.py."""
    argument = GIVEN_AS[module]
    for words, there in ((fastcnn, keras), (keras, fastcnn)):
        made = make(words, module, entry)
        of_layer = {argument: made} if argument.startswith("kernel") else {}
        of_model = {} if of_layer else {argument: made}
        model = words.models.Sequential([words.layers.Input((3, 4, 2)), words.layers.Conv2D(4, 2, **of_layer)])
        model.compile(**{"loss": "mse", "optimizer": "sgd", **of_model})
        model.save(tmp_path / f"out{ending}")
        arrived = there.models.load_model(tmp_path / f"out{ending}")
        arrived.save(tmp_path / f"back{ending}")
        for loaded in (arrived, words.models.load_model(tmp_path / f"back{ending}")):
            its = getattr(loaded.layers[0] if of_layer else loaded, argument)
            assert type(its).__name__ == entry.name
            assert rewritten(its.get_config()) == rewritten(made.get_config())
