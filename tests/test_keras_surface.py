"""A real Keras 3 as the peer of what a user types: names, dtypes, the shapes that windows give. Arguments and configs: test_keras_table_peer.py."""

from __future__ import annotations

from typing import Any

import fastcnn
import numpy as np
import pytest
from fastcnn._naming import snake_case
from hypothesis import given
from hypothesis import strategies as st
from peer_keras import QUIET, keras_or_skip

pytestmark = QUIET


@pytest.fixture(scope="module")
def keras() -> Any:
    return keras_or_skip()


def both(keras: Any, module: str, name: str) -> tuple[Any, Any]:
    return getattr(getattr(fastcnn, module), name), getattr(getattr(keras, module), name)


def test_every_class_of_keras_s_would_get_keras_s_name(keras: Any) -> None:
    from keras.src.utils.naming import to_snake_case

    names = [name for module in (keras.layers, keras.losses, keras.metrics, keras.optimizers) for name in dir(module)]
    assert len(names) > 200
    assert [snake_case(name) for name in names] == [to_snake_case(name) for name in names]


def test_other_names_for_the_same(keras: Any) -> None:
    for name in ("MaxPool2D", "AvgPool2D", "GlobalAvgPool2D", "SeparableConvolution2D"):
        ours, theirs = both(keras, "layers", name)
        assert ours.__name__ == theirs.__name__
    for name in (
        "zeros",
        "glorot_uniform",
        "he_normal",
        "uniform",
        "normal",
        "one",
        "truncated_normal",
        "RandomNormal",
    ):
        ours, theirs = fastcnn.initializers.get(name), keras.initializers.get(name)
        assert type(ours).__name__ == type(theirs).__name__


@given(
    size=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    window=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    strides=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    padding=st.sampled_from(["valid", "same"]),
    kind=st.sampled_from(["Conv2D", "MaxPooling2D", "AveragePooling2D"]),
)
def test_windows_give_the_shapes_that_keras_s_give(
    keras: Any, size: tuple[int, int], window: tuple[int, int], strides: tuple[int, int], padding: str, kind: str
) -> None:
    first = (5, window) if kind == "Conv2D" else (window,)
    ours, theirs = (each(*first, strides=strides, padding=padding) for each in both(keras, "layers", kind))
    try:
        wanted = theirs.compute_output_shape((None, *size, 2))
    except ValueError:
        with pytest.raises(ValueError, match="is larger than the image"):
            ours.compute_output_shape((*size, 2))
    else:
        assert (None, *ours.compute_output_shape((*size, 2))) == wanted


def test_a_dtype_is_read_in_keras_s_words(keras: Any) -> None:
    written = {name: keras.layers.Dense(3, dtype=name).get_config()["dtype"] for name in ("float32", "mixed_float16")}
    for dtype in (None, "float32", np.float32, written["float32"]):
        assert fastcnn.layers.Dense(3, dtype=dtype).get_config()["dtype"] == written["float32"]
    with pytest.raises(ValueError, match="Dense: dtype='mixed_float16' is not supported; only 'float32' is"):
        fastcnn.layers.Dense(3, dtype=written["mixed_float16"])


@pytest.mark.parametrize(
    "given", ["accuracy", "acc", "ACC", "sparse_categorical_accuracy", "SparseCategoricalAccuracy"]
)
def test_the_history_calls_a_metric_as_keras_does(keras: Any, given: str) -> None:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=[given])
    history = model.fit(np.zeros((6, 4)), np.arange(6) % 3, verbose=0).history
    [metric] = fastcnn.metrics.resolve([given], fastcnn.losses.get("sparse_categorical_crossentropy"))
    assert set(history) == {"loss", metric.name}
