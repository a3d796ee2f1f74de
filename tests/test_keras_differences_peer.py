"""Where the values that the classes of keras_table.py take differ from Keras's on purpose: each difference with its reason, shown on both sides.

docs/keras.md tells them to users. Arguments that are refused, and what its section "Different by intent" is about: test_docs_keras.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import fastcnn
import numpy as np
import pytest
from peer_keras import QUIET, keras_or_skip

pytestmark = QUIET


class Difference(NamedTuple):
    """does : something in the words of a library, fastcnn or keras. ours, theirs : what comes of it, a value, or how its error begins."""

    reason: str
    does: Callable[[Any], Any]
    ours: Any
    theirs: Any


def ones(*shape: int) -> Any:
    return np.ones(shape, np.float32)


def output_shape(words: Any, *layers: Any) -> Any:
    return tuple(words.models.Sequential(list(layers)).output_shape)


def weighted_loss_of_a_pixel(words: Any) -> float:
    """One of the two pixels of the first of two samples is off by 1."""
    off = np.float32([[[0], [1]], [[0], [0]]])
    return float(words.losses.MeanSquaredError()(0 * off, off, sample_weight=np.float32([3, 1])))


DIFFERENCES = {
    "a convolution of no images": Difference(
        "TensorFlow's has the shape of the images, and no number of filters",
        lambda words: np.shape(words.layers.Conv2D(4, 2, use_bias=False)(ones(0, 5, 5, 3))),
        (0, 4, 4, 4),
        (0, 5, 5, 3),
    ),
    "the case of a pooling's padding": Difference(
        "Keras makes the layer and refuses it in a model; its Conv2D takes any case",
        lambda words: output_shape(words, words.layers.Input((3, 3, 1)), words.layers.AveragePooling2D(2, padding="SAME")),
        (None, 2, 2, 1),
        "ValueError: Exception encountered when calling AveragePooling2D",
    ),
    "a dense layer of more axes": Difference(
        "Conv2D(units, 1) is the same on images, and the error says so",
        lambda words: np.shape(words.layers.Dense(2)(ones(1, 4, 3))),
        "ValueError: Dense 'dense.*': a sample must be a vector",
        (1, 4, 2),
    ),
    "a dropout of everything": Difference(
        "nothing would be left to learn from, and nothing to divide by",
        lambda words: words.layers.Dropout(1.0).rate,
        "ValueError: Dropout: rate must be in",
        1.0,
    ),
    "a whole learning rate": Difference(
        "a number is a number, numpy's too",
        lambda words: float(words.optimizers.SGD(1).learning_rate),
        1.0,
        "ValueError: Argument `learning_rate` should be float",
    ),
    "a seed of numpy's": Difference(
        "a number is a number, numpy's too",
        lambda words: np.shape(words.initializers.HeNormal(np.int64(3))((2,))),
        (2,),
        "ValueError: `seed` argument should be an instance of",
    ),
    "a number for a switch": Difference(
        "a 2 or a 'no' is a slip, and the error says of which argument",
        lambda words: words.layers.Dense(2, use_bias=1).use_bias,
        "TypeError: Dense: use_bias must be True or False, but is 1",
        1,
    ),
    "no initializer": Difference(
        "Keras then takes glorot_uniform, for a bias too: better said by its name",
        lambda words: words.layers.Dense(2, bias_initializer=None).bias_initializer,
        "ValueError: Dense: an initializer must be a name",
        None,
    ),
    "the common arguments of SpatialDropout2D": Difference(
        "all layers take them; Keras's lets through name and dtype alone, and its config has no others, so ours has none",
        lambda words: words.layers.SpatialDropout2D(0.5, trainable=False).trainable,
        False,
        "TypeError: .*trainable",
    ),
    "the weights of labels in the config of an AUC": Difference(
        "no file can hold Keras's tensor",
        lambda words: type(words.metrics.AUC(label_weights=[1.0, 2.0]).get_config()["label_weights"]).__name__,
        "list",
        "EagerTensor",
    ),
    "weights of samples with losses of pixels": Difference(
        "a sample's weight is that of all its pixels; Keras lays the weights along the pixels, and fails where their number is another",
        weighted_loss_of_a_pixel,
        0.75,
        0.25,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def keras() -> Any:
    return keras_or_skip(graphs=True)  # as it comes


def outcome(does: Callable[[Any], Any], words: Any) -> Any:
    try:
        return does(words)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


@pytest.mark.parametrize("name", DIFFERENCES)
def test_each_is_as_it_is_said(keras: Any, name: str) -> None:
    """Where Keras comes to do as we do, the difference is struck off."""
    difference = DIFFERENCES[name]
    assert difference.reason
    for words, wanted in ((fastcnn, difference.ours), (keras, difference.theirs)):
        got = outcome(difference.does, words)
        if isinstance(wanted, str):
            assert re.match(wanted, got), got
        else:
            assert got == wanted
    assert difference.ours != difference.theirs
