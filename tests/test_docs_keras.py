"""docs/keras.md is complete and true: a real Keras's public names, arguments and members, one by one, against the page and against fastcnn."""

from __future__ import annotations

import ast
import inspect
import textwrap
import warnings
from collections.abc import Iterator
from typing import Any

import fastcnn
import keras_page
import numpy as np
import pytest
from fastcnn._naming import reset_names
from keras_page import MODULES, Row, both, public
from peer_keras import QUIET, keras_or_skip

pytestmark = QUIET

PAGE = keras_page.page()
PAIRS = {"keras.datasets": ("cifar10.load_data", "cifar100.load_data")}  # what the page names of a module's modules
OF_CONSTRUCTORS = ("Input",)  # a function that takes what a class takes, and refuses what it refuses
NOT_MADE = ("Layer", "Loss", "Metric", "Optimizer", "Initializer", "Regularizer", "LearningRateSchedule", "Callback", "History")  # fmt: skip
NOT_KEPT = {"separator": "sep", "initial_value_threshold": "best"}  # arguments of callbacks, by another name


@pytest.fixture(scope="module")
def keras() -> Any:
    return keras_or_skip(graphs=True)  # as it comes


def shared(keras: Any, module: str) -> Iterator[tuple[str, Any, Any]]:
    """The functions and classes of a module that both have: name, fastcnn's, Keras's."""
    both_modules = both(keras, module)
    names = sorted(keras_page.own_names(both_modules[0]) & public(both_modules[1]))
    for name in [*names, *PAIRS.get(module, ())]:
        ours, theirs = (keras_page.walked(words, f"{module.split('.')[-1]}.{name}") for words in both_modules)
        if not inspect.ismodule(ours):
            yield name, ours, theirs


@pytest.mark.parametrize("module", MODULES)
def test_each_public_name_is_in_fastcnn_or_on_the_page_as_not_there(keras: Any, module: str) -> None:
    ours, theirs = both(keras, module)
    assert public(theirs) - keras_page.own_names(ours) == PAGE[module].absent
    for name in PAGE[module].absent if ours is not None else ():
        assert getattr(ours, name, None) is None or inspect.ismodule(getattr(ours, name)) or name in ("deserialize", "serialize", "CallbackList"), name  # fmt: skip


@pytest.mark.parametrize("module", MODULES)
def test_what_both_have_is_in_a_table(keras: Any, module: str) -> None:
    there = {name: ours for name, ours, _ in shared(keras, module)}
    assert set(PAGE[module].rows) <= set(there), "the page has rows for what is not there"
    missing = set(there) - set(PAGE[module].rows)
    if module == "keras":  # what it has from its modules is in their tables
        elsewhere = [ours for other in MODULES[1:] for name, ours, _ in shared(keras, other) if name in PAGE[other].rows]  # fmt: skip
        missing = {name for name in missing if not any(there[name] is thing for thing in elsewhere)}
    assert not missing


def arguments_of_all(keras: Any, module: str) -> list[str]:
    """Those of Keras's base class of layers, and those that the page gives to "every" class."""
    every = PAGE[module].every
    of_layers = keras_page.arguments(keras.layers.Layer) if module == "keras.layers" else ()
    assert set(of_layers) <= every.supported | every.refused
    return sorted(every.supported | every.refused)


@pytest.mark.parametrize("module", MODULES)
def test_the_tables_have_all_of_keras_s_arguments(keras: Any, module: str) -> None:
    common = set(arguments_of_all(keras, module))
    for name, ours, theirs in shared(keras, module):
        row = PAGE[module].rows.get(name, Row(frozenset(), frozenset()))
        if name not in PAGE[module].rows or name in NOT_MADE:
            continue
        takes_common = inspect.isclass(ours) or name in OF_CONSTRUCTORS
        wanted = set(keras_page.arguments(theirs)) - (common if takes_common else set())
        assert (row.supported | row.refused) - (common if takes_common else set()) == wanted, name
        assert not row.supported & row.refused, name


def made(keras: Any, kind: Any, given: dict[str, Any]) -> Any:
    """An object, the first of its name; or the error."""
    reset_names()
    keras.backend.clear_session(free_memory=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras would rather be given an Input than input_shape
        try:
            return kind(**given)
        except (TypeError, ValueError) as error:
            return error


def fault(keras: Any, name: str, ours: Any, theirs: Any, argument: str, refused: bool) -> str | None:
    """What is wrong with what the page says of an argument of a constructor."""
    given = keras_page.sample(keras, ours, argument)
    wanted = made(keras, theirs, given)
    if isinstance(wanted, Exception):
        if argument in keras_page.arguments(theirs):
            return f"{name}: Keras itself refuses {given}: {wanted}"
        return None  # one of those of "every" class, which this one does not take
    came = made(keras, ours, given)
    if isinstance(came, Exception):
        if not refused:
            return f"{name}: {argument} is supported by the page, but {given} is refused: {came}"
        return None if argument in str(came) or argument == "lora_alpha" else f"{name}: no {argument} in: {came}"
    if refused:
        return f"{name}: {argument} is refused by the page, but {given} is taken"
    return None if is_kept(name, came, wanted, argument, given) else f"{name}: {argument} is ignored, or means another"


def is_kept(name: str, came: Any, wanted: Any, argument: str, given: dict[str, Any]) -> bool:
    """Whether what was made of fastcnn's class says of an argument what Keras's does."""
    if argument in ("input_shape", "input_dim"):
        return bool(came.declared_input_shape == wanted._input_shape_arg)
    if name == "Input":  # Keras's is a tensor
        return bool(came.batch_shape == tuple(wanted.shape)) and (argument != "name" or came.name == wanted.name)
    if name == "MeanMetricWrapper" or not hasattr(came, "get_config"):
        attribute = NOT_KEPT.get(argument, argument)
        return getattr(came, attribute) == getattr(wanted, attribute, given[argument]) == given[argument]
    configs = [came.get_config(), wanted.get_config()]
    for config in configs:
        if config.get("label_weights") is not None:
            config["label_weights"] = np.asarray(config["label_weights"]).tolist()  # Keras's is a tensor
    return bool(configs[0] == configs[1])


@pytest.mark.parametrize("module", MODULES)
def test_constructors_take_what_the_page_says_and_refuse_the_rest(keras: Any, module: str) -> None:
    section, faults = PAGE[module], []
    for name, ours, theirs in shared(keras, module):
        makes = inspect.isclass(ours) or name in OF_CONSTRUCTORS
        if name not in section.rows or name in NOT_MADE or not makes or name == "Sequential":
            continue
        own, every = section.rows[name], section.every
        for names, refused in (
            (own.supported | every.supported - own.refused, False),
            (own.refused | every.refused - own.supported, True),
        ):
            faults += [fault(keras, name, ours, theirs, argument, refused) for argument in sorted(names)]
    assert [each for each in faults if each] == []


def signature_faults(name: str, ours: Any, row: Row) -> list[str]:
    """What is wrong with what the page says of the arguments of a function or method, which refuses by not having them."""
    parameters = inspect.signature(ours).parameters
    faults = [f"{name}: {argument} is supported by the page, but is not there" for argument in row.supported if argument not in parameters]  # fmt: skip
    faults += [f"{name}: {argument} is refused by the page, but is there" for argument in row.refused if argument in parameters]  # fmt: skip
    if any(each.kind == each.VAR_KEYWORD for each in parameters.values()):
        faults.append(f"{name}: takes any argument")
    return faults


@pytest.mark.parametrize("module", MODULES)
def test_functions_take_what_the_page_says(keras: Any, module: str) -> None:
    for name, ours, _ in shared(keras, module):
        if name in PAGE[module].rows and name not in OF_CONSTRUCTORS and (name == "Sequential" or not inspect.isclass(ours)):  # fmt: skip
            assert signature_faults(name, ours, PAGE[module].rows[name]) == []


def test_the_methods_of_sequential_take_what_the_page_says(keras: Any) -> None:
    ours, theirs = (keras_page.instances(words)["Sequential"] for words in (fastcnn.keras, keras))
    section = PAGE["keras.Sequential"]
    methods = {name for name in public(ours) & public(theirs) if inspect.ismethod(getattr(ours, name))}
    assert set(section.rows) == methods
    for name, row in section.rows.items():
        assert row.supported | row.refused == set(keras_page.arguments(getattr(theirs, name))), name
        assert signature_faults(name, getattr(ours, name), row) == []


def test_the_members_that_are_not_there(keras: Any) -> None:
    ours, theirs = (keras_page.instances(words) for words in (fastcnn.keras, keras))
    told = {**keras_page.members(), "Sequential": PAGE["keras.Sequential"].absent}
    for name in ours:
        assert public(theirs[name]) - public(ours[name]) == told.get(name, frozenset()), name


@pytest.mark.parametrize(
    "module", [module for module in MODULES if module.split(".")[1:] and module.split(".")[1] in ("losses", "metrics", "optimizers", "regularizers", "initializers", "activations")]
)  # fmt: skip
def test_the_name_of_what_is_not_there_is_an_error(keras: Any, module: str) -> None:
    ours, _ = both(keras, module)
    get = getattr(ours, "get", None) or ours.deserialize
    for name in PAGE[module].absent - {"serialize", "deserialize"}:
        with pytest.raises(ValueError, match="unknown"):
            get(name)


def unread(function: Any) -> set[str]:
    """The parameters of a function that its body never reads."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    assert isinstance(tree, ast.FunctionDef)
    parameters = {each.arg for each in [*tree.args.args, *tree.args.kwonlyargs]} - {"self", "cls"}
    read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    return parameters - read


def test_unread_parameters_are_found() -> None:
    def ignores(x: int, name: str) -> int:
        return x + len("name")

    assert unread(ignores) == {"name"}


@pytest.mark.parametrize("module", MODULES)
def test_nothing_that_is_taken_is_ignored(keras: Any, module: str) -> None:
    for name, ours, _ in shared(keras, module):
        function = vars(ours).get("__init__") if inspect.isclass(ours) else ours
        if function is not None and inspect.isfunction(function):
            assert unread(function) == set(), name
    if module == "keras.Sequential":
        return
    for name in PAGE["keras.Sequential"].rows if module == "keras.models" else ():
        assert unread(getattr(fastcnn.models.Sequential, name)) == set(), name


# What is different by intent, beside a real Keras.


def both_words(keras: Any) -> tuple[Any, Any]:
    return fastcnn.keras, keras


def dense(words: Any, *, metrics: Any = None) -> Any:
    model = words.Sequential([words.layers.Input((4,)), words.layers.Dense(3)])
    model.compile("sgd", words.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=metrics)
    return model


X, Y = np.random.default_rng(0).random((8, 4)).astype("float32"), np.arange(8) % 3


def test_nan_is_kept_by_pooling_and_by_the_relu_of_a_convolution(keras: Any) -> None:
    image = np.array([[[[np.nan], [1.0]], [[2.0], [3.0]]]], np.float32)
    pooled = [float(np.asarray(words.layers.MaxPooling2D(2)(image)).ravel()[0]) for words in both_words(keras)]
    assert np.isnan(pooled[0])
    assert pooled[1] == 3
    for words, kept in zip(both_words(keras), (True, False), strict=True):
        model = words.Sequential([words.layers.Input((2, 2, 1)), words.layers.Conv2D(1, 1, activation="relu")])
        assert bool(np.isnan(model.predict(image, verbose=0)).any()) is kept


def test_trainable_holds_at_once(keras: Any) -> None:
    moved = []
    for words in both_words(keras):
        model = dense(words)
        model.fit(X, Y, verbose=0)
        model.layers[0].trainable = False
        before = model.get_weights()[0]
        model.fit(X, Y, verbose=0)
        moved.append(not np.array_equal(before, model.get_weights()[0]))
    assert moved == [False, True]


def test_trainable_of_a_model_is_that_of_its_layers(keras: Any) -> None:
    learn = []
    for words in both_words(keras):
        model = dense(words)
        model.trainable = False
        model.layers[0].trainable = True
        learn.append((model.trainable, len(model.trainable_weights)))
    assert learn == [(True, 2), (False, 0)]


def test_an_accuracy_for_other_labels_is_an_error_where_keras_counts_nonsense(keras: Any) -> None:
    dense(keras, metrics=["categorical_accuracy"]).fit(X, Y, verbose=0)
    with pytest.raises(ValueError, match="CategoricalAccuracy takes a label for each output"):
        dense(fastcnn.keras, metrics=["categorical_accuracy"])


def test_probabilities_behind_a_softmax_are_what_binary_crossentropy_takes(keras: Any) -> None:
    weights = [np.zeros((4, 3), np.float32), np.array([2, 0, 0], np.float32)]
    targets = np.eye(3, dtype=np.float32)[Y]
    probabilities = np.exp([2.0, 0, 0]) / np.exp([2.0, 0, 0]).sum()
    by_hand = -np.where(targets == 1, np.log(probabilities), np.log(1 - probabilities)).mean()
    for words, is_by_hand in zip(both_words(keras), (True, False), strict=True):
        model = words.Sequential([words.layers.Input((4,)), words.layers.Dense(3, activation="softmax")])
        model.set_weights(weights)
        model.compile("sgd", "binary_crossentropy")
        assert bool(abs(model.evaluate(X, targets, verbose=0) - by_hand) < 1e-5) is is_by_hand


def test_a_cross_entropy_as_metric_clips_probabilities(keras: Any) -> None:
    weights, wrong = [np.zeros((4, 3), np.float32), np.array([30, 0, 0], np.float32)], np.ones(8)
    values = []
    for words in both_words(keras):
        model = words.Sequential([words.layers.Input((4,)), words.layers.Dense(3, activation="softmax")])
        model.set_weights(weights)
        name = "sparse_categorical_crossentropy"
        model.compile("sgd", name, metrics=[name])
        values.append(model.evaluate(X, wrong, verbose=0))
    assert values[0] == pytest.approx([30, -np.log(1e-7)], abs=1e-3)
    assert values[1] == pytest.approx([30, 30], abs=1e-3)


def test_metrics_do_not_stretch_shapes(keras: Any) -> None:
    assert float(keras.metrics.MeanSquaredError()(np.ones((8, 1)), np.zeros((8, 3)))) == 1
    with pytest.raises(ValueError, match=r"y_true has shape \(8, 1\), but y_pred has \(8, 3\)"):
        fastcnn.metrics.MeanSquaredError()(np.ones((8, 1)), np.zeros((8, 3)))


def test_variables_are_weights_by_another_name(keras: Any) -> None:
    for words in both_words(keras):
        model = words.Sequential([words.layers.Input((4,)), words.layers.Dense(3), words.layers.Dense(2)])
        model.layers[0].trainable = False
        for thing, counts in ((model, (4, 2, 2)), (model.layers[0], (2, 0, 2)), (model.layers[1], (2, 2, 0))):
            for name, count in zip(
                ("variables", "trainable_variables", "non_trainable_variables"), counts, strict=True
            ):
                assert [v.name for v in getattr(thing, name)] == [v.name for v in getattr(thing, name.replace("variables", "weights"))]  # fmt: skip
                assert len(getattr(thing, name)) == count


def test_shapes_of_layers_are_without_the_batch(keras: Any) -> None:
    shapes = [words.layers.Flatten().compute_output_shape(shape) for words, shape in zip(both_words(keras), [(2, 3), (None, 2, 3)], strict=True)]  # fmt: skip
    assert shapes == [(6,), (None, 6)]


def test_the_third_of_compile_is_metrics(keras: Any) -> None:
    assert [list(inspect.signature(words.Sequential.compile).parameters)[3] for words in both_words(keras)] == ["metrics", "loss_weights"]  # fmt: skip
    assert [inspect.signature(words.Sequential.compile).parameters["optimizer"].default for words in both_words(keras)] == ["adam", "rmsprop"]  # fmt: skip


def test_lists_become_arrays_where_keras_refuses_them(keras: Any) -> None:
    dense(fastcnn.keras).fit(X.tolist(), Y.tolist(), verbose=0)
    with pytest.raises(ValueError, match="Unrecognized data type"):
        dense(keras).fit(X.tolist(), Y.tolist(), verbose=0)
