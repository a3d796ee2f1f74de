"""A plan gives what its stages give one by one: whatever it fuses, moves or runs in place changes neither results nor gradients."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import cases
import numpy as np
import pytest
import reference
from checks import assert_close
from fastcnn import config, layers, losses, ops, optimizers
from fastcnn.description import describe
from fastcnn.plan import Plan
from fastcnn.stage import Stage
from fastcnn.variables import VariableStore
from numpy.typing import NDArray
from stage_by_stage import SEED, STEP, one_by_one

# Every test runs on every backend, so that it runs under the sanitizers, too: only backends are built with them.
pytestmark = pytest.mark.usefixtures("backend")

Array = NDArray[Any]
IMAGE = (12, 11, 3)
CLASSES = 4


class ApproximateGelu(layers.Activation):
    """For which Keras has no layer."""

    def __init__(self) -> None:
        super().__init__("gelu")

    def stages(self) -> list[Stage]:
        return [Stage("gelu", {"approximate": True})]


MODELS: dict[str, Callable[[], list[layers.Layer]]] = {
    "tutorial": lambda: [
        layers.Rescaling(1 / 255, offset=-0.5),
        layers.Conv2D(8, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(17, 3, activation="relu"),
        layers.Flatten(),
        layers.Dense(9, activation="relu"),
        layers.Dense(CLASSES),
    ],
    "softmax at the end": lambda: [
        layers.Flatten(),
        layers.Dense(6, activation="softmax"),
        layers.Dense(CLASSES, activation="softmax"),
    ],
    "every pooling": lambda: [
        layers.Conv2D(4, 3, padding="same", strides=2, activation="relu"),
        layers.MaxPooling2D(3, strides=2, padding="same"),
        layers.Conv2D(5, 2, use_bias=False),
        layers.MaxPooling2D(2, strides=1),
        layers.AveragePooling2D(2, strides=1, padding="same"),
        layers.ReLU(),
        layers.Conv2D(CLASSES, 1),
        layers.GlobalAveragePooling2D(),
    ],
    "dropout behind what keeps its result": lambda: [
        layers.Dropout(0.2),
        layers.Conv2D(8, 3, activation="relu"),
        layers.Dropout(0.5, seed=11),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dense(8, activation="softmax"),
        layers.Dropout(0.3),
        layers.Rescaling(2.0, offset=0.1),
        layers.ReLU(),
        layers.Rescaling(-1.0),
        layers.ReLU(),
        layers.Dense(CLASSES),
    ],
    "sigmoids and channels dropped": lambda: [
        layers.Conv2D(6, 3, activation="sigmoid"),
        layers.SpatialDropout2D(0.3),
        layers.Conv2D(5, 2, activation="relu"),
        layers.SpatialDropout2D(0.4, seed=5),
        layers.Flatten(),
        layers.Dense(8, activation="sigmoid"),
        layers.Dense(CLASSES),
    ],
    "activations whose gradients need what they read": lambda: [
        layers.ReLU(max_value=0.5),
        layers.Conv2D(6, 3, activation="gelu"),
        layers.Dropout(0.3),
        layers.Conv2D(5, 2, activation="silu"),
        layers.MaxPooling2D(2),
        ApproximateGelu(),
        layers.SpatialDropout2D(0.2),
        layers.Activation("silu"),
        layers.LeakyReLU(),
        layers.Rescaling(-1.5, offset=0.1),
        layers.ReLU(max_value=1.0, negative_slope=0.1, threshold=0.2),
        layers.Activation("sigmoid"),
        layers.Flatten(),
        layers.Dense(CLASSES, activation="gelu"),
    ],
    "what would overwrite a ReLU's result by way of another": lambda: [
        layers.Conv2D(6, 3, activation="relu"),
        layers.Dropout(0.2),
        layers.Rescaling(-1.0, offset=0.1),
        layers.Conv2D(5, 2, activation="leaky_relu"),
        layers.ReLU(),
        layers.Dropout(0.2),
        layers.LeakyReLU(0.1),
        layers.Activation("sigmoid"),
        layers.AveragePooling2D(2),
        layers.LeakyReLU(0.0),
        layers.Flatten(),
        layers.Dense(CLASSES, activation="leaky_relu"),
    ],
    "rows and columns that nobody reads": lambda: [
        layers.Conv2D(6, (2, 3), activation="relu"),
        layers.MaxPooling2D((2, 1)),
        layers.Conv2D(5, 2, strides=(1, 2)),
        layers.ReLU(),
        layers.AveragePooling2D((3, 2)),
        layers.Flatten(),
        layers.Dense(CLASSES),
    ],
    "channels enough for Winograd's algorithm": lambda: [
        layers.Conv2D(24, 3, activation="relu"),
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(33, 3, padding="same"),
        layers.Flatten(),
        layers.Dense(CLASSES),
    ],
    "borders and other sizes": lambda: [
        layers.ZeroPadding2D(((1, 0), (2, 1))),
        layers.Conv2D(6, 3, activation="relu"),
        layers.ZeroPadding2D(1),
        layers.MaxPooling2D(2),
        layers.UpSampling2D((2, 3)),
        layers.Conv2D(4, 3, activation="relu"),
        layers.Cropping2D(((2, 1), (0, 3))),
        layers.ReLU(),
        layers.UpSampling2D(2, interpolation="bilinear"),
        layers.Conv2D(5, 2),
        layers.Reshape((-1, 5)),
        layers.Softmax(),
        layers.Reshape((5, -1, 1)),
        layers.MaxPooling2D((1, 13)),
        layers.Flatten(),
        layers.Dense(CLASSES),
    ],
    "channels by themselves": lambda: [
        layers.DepthwiseConv2D(3, strides=2, depth_multiplier=4, activation="relu"),
        layers.DepthwiseConv2D((2, 1), use_bias=False),
        layers.MaxPooling2D((2, 3)),
        layers.ZeroPadding2D(1),
        layers.DepthwiseConv2D((3, 2), padding="valid"),
        layers.SeparableConv2D(7, (1, 2), depth_multiplier=2, padding="same", activation="relu"),
        layers.DepthwiseConv2D(2, padding="same", depth_multiplier=2, activation="sigmoid"),
        layers.Flatten(),
        layers.Dense(CLASSES),
    ],
    "a new shape at the end": lambda: [
        layers.Reshape((6, 22, 3)),
        layers.Conv2D(CLASSES, (6, 22)),
        layers.Reshape((CLASSES,)),
        layers.Softmax(),
    ],
    "softmax behind a softmax": lambda: [layers.Flatten(), layers.Softmax(), layers.Softmax(), layers.Dense(CLASSES)],
    "nothing learns": lambda: [layers.GlobalAveragePooling2D(), layers.Softmax()],
}


def build(name: str) -> tuple[list[layers.Layer], VariableStore]:
    stack, shape = MODELS[name](), IMAGE
    for layer in stack:
        layer.build(shape)
        shape = layer.compute_output_shape(shape)
    store = VariableStore([variable for layer in stack for variable in layer.weights])
    rng = np.random.default_rng(1)
    for variable in store.variables:
        variable.assign(rng.standard_normal(variable.shape) / math.sqrt(max(1, variable.size / variable.shape[-1])))
    return stack, store


@pytest.mark.parametrize("name", MODELS)
def test_a_plan_gives_what_its_stages_give_one_by_one(name: str, backend: str) -> None:
    stack, store = build(name)
    stages = [stage for layer in stack for stage in layer.stages()]
    rng = np.random.default_rng(2)
    x = cases.normal(9, *IMAGE)(rng)
    rows = np.array([7, 0, 8, 3, 3])
    want, _ = one_by_one(stages, x[rows], training=False)
    assert_close(Plan(stack, IMAGE).forward(x, rows), np.float64(want), cases.SUM)

    classes = rng.integers(0, want.shape[1], len(x)).astype(np.int32)
    ends_in_softmax = stages[-1].operation == "softmax"
    loss = losses.SparseCategoricalCrossentropy(from_logits=not ends_in_softmax)
    optimizer = optimizers.SGD(0.0)
    optimizer.build(store)
    plan = Plan(stack, IMAGE, loss, optimizer, SEED)
    assert_close(plan.forward(x, rows), np.float64(want), cases.SUM)

    logits, backward = one_by_one(stages[:-1] if ends_in_softmax else stages, x[rows], training=True)
    each, dy = ops.softmax_cross_entropy(logits, classes[rows])
    before = store.buffer.copy()
    plan.train_step(x, classes, rows, learning_rate=0.0, step=STEP)
    total, correct, not_finite = plan.totals()
    assert not_finite == 0
    np.testing.assert_array_equal(store.buffer, before)
    assert total == pytest.approx(each.sum(dtype=np.float64), rel=1e-5)
    assert correct == (logits.argmax(axis=1) == classes[rows]).sum()
    for variable, gradient in zip(store.variables, backward(dy), strict=True):
        assert_close(store.view(plan.gradients, variable), np.float64(gradient), 2 * cases.SUM)

    with pytest.raises(ValueError, match="a batch that was evaluated or trained on"):
        Plan(stack, IMAGE, loss).outputs()
    outputs = ops.softmax(logits) if ends_in_softmax else logits
    assert_close(plan.outputs(), np.float64(outputs), cases.SUM)

    inference, _ = one_by_one(stages[:-1] if ends_in_softmax else stages, x[rows], training=False)
    plan.reset_totals()
    plan.evaluate_step(x, classes, rows)
    assert plan.totals().loss == pytest.approx(ops.softmax_cross_entropy(inference, classes[rows])[0].sum(), rel=1e-5)


def computed(stack: list[layers.Layer], image: tuple[int, int, int]) -> list[Any]:
    """How many rows and columns each convolution of a plan computes, where these are not all."""
    shape: tuple[int, ...] = image
    for layer in stack:
        layer.build(shape)
        shape = layer.compute_output_shape(shape)
    store = VariableStore([variable for layer in stack for variable in layer.weights])
    described = describe([stage for layer in stack for stage in layer.stages()], image, store, None)
    return [stage["attributes"].get("outputs") for stage in described["stages"] if "conv2d" in stage["operation"]]


def test_what_nobody_reads_is_not_computed() -> None:
    tutorial = [
        layers.Conv2D(4, 3, activation="relu"),
        layers.MaxPooling2D(2),  # 15x15, of which the next pooling lets 14x14 count
        layers.Conv2D(4, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(4, 3),
        layers.Flatten(),
        layers.Dense(2),
    ]
    assert computed(tutorial, (32, 32, 3)) == [[14, 14], None, None]
    strides = [layers.Conv2D(4, 2), layers.ReLU(), layers.Conv2D(4, 2, strides=3)]
    assert computed(strides, (9, 10, 3)) == [[8, 8], None]
    assert computed([layers.Conv2D(4, 3, padding="same"), layers.AveragePooling2D(4)], (11, 8, 3)) == [[8, 8]]
    for between in (layers.Dropout(0.5), layers.SpatialDropout2D(0.5), layers.Softmax()):  # these count their values
        assert computed([layers.Conv2D(4, 3, padding="same"), between, layers.AveragePooling2D(4)], (11, 8, 3)) == [
            None
        ]
    assert computed([layers.Conv2D(4, 3), layers.MaxPooling2D(2, padding="same"), layers.Flatten()], (9, 9, 3)) == [
        None
    ]
    turned = [layers.Conv2D(4, 3), layers.Reshape((5, 9, 4)), layers.MaxPooling2D(2)]  # its rows are no rows any more
    assert computed(turned, (11, 7, 3)) == [None]
    padded = [layers.ZeroPadding2D(1), layers.Conv2D(4, 3), layers.AveragePooling2D(4)]
    assert computed(padded, (11, 8, 3)) == [[8, 8]]


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_samples_are_cast_as_they_are_gathered(dtype: type[np.generic]) -> None:
    stack, _ = build("tutorial")
    x = np.random.default_rng(4).integers(0, 256, (6, *IMAGE)).astype(dtype)
    plan = Plan(stack, IMAGE)
    np.testing.assert_array_equal(plan.forward(x), plan.forward(x.astype(np.float32)))
    np.testing.assert_array_equal(plan.forward(x[::2]), plan.forward(x)[::2])  # any stride of the first axis


def test_batches_of_any_size_follow_each_other() -> None:
    stack, _ = build("tutorial")
    x = np.random.default_rng(4).integers(0, 256, (70, *IMAGE)).astype(np.uint8)
    plan = Plan(stack, IMAGE)
    alone = np.concatenate([Plan(stack, IMAGE).forward(x, np.array([i])) for i in range(70)])
    for n in (1, 0, 32, 7, 70, 33):
        np.testing.assert_array_equal(plan.forward(x, np.arange(n)), alone[:n])


def test_batches_of_any_size_agree_where_their_size_decides_the_algorithm() -> None:
    stack, store = build("channels enough for Winograd's algorithm")
    x = np.random.default_rng(4).normal(size=(200, *IMAGE)).astype(np.float32)
    first, first_bias, second, second_bias, third, third_bias, last, last_bias = (v.numpy() for v in store.variables)
    h = reference.relu(reference.conv2d(x, first, first_bias))
    h, _ = reference.max_pool2d(reference.relu(reference.conv2d(h, second, second_bias)))
    h = reference.conv2d(h, third, third_bias, padding="same")
    want = reference.dense(h.reshape(len(x), -1), last, last_bias)
    # As for one operation: the errors of the layers before come in with either sign, and lose themselves in the last sum. Measured with 8 seeds, in
    # every instruction set: 1.4e-6, and 1.3e-6 without the algorithm. Of the largest of all values: a batch of one has but four.
    allowed = cases.SUM * np.abs(want).max()
    config.set_winograd(False)
    direct = Plan(stack, IMAGE).forward(x)
    config.set_winograd(True)
    plan = Plan(stack, IMAGE)
    for n in (1, 0, 32, 7, 200, 2):
        got = plan.forward(x, np.arange(n))
        assert got.shape == (n, CLASSES)
        np.testing.assert_allclose(got, want[:n], rtol=0, atol=allowed)
        assert n < 32 or not np.array_equal(got, direct[:n])  # it was used


@pytest.mark.parametrize(
    ("x", "rows", "message"),
    [
        (np.zeros((2, 12, 11, 4), np.float32), [0], "elements each"),
        (np.zeros((2, *IMAGE), np.float32).transpose(0, 2, 1, 3), [0], "dense"),
        (np.zeros((2, *IMAGE), np.float16), [0], "uint8, float32 or float64"),
        (np.zeros((2, *IMAGE), np.float32), [2], r"rows must be in \[0, 2\)"),
        (np.zeros((2, *IMAGE), np.float32), [-1], r"rows must be in \[0, 2\)"),
    ],
)
def test_what_would_read_wild_memory_is_refused(x: Array, rows: list[int], message: str) -> None:
    stack, _ = build("tutorial")
    with pytest.raises(ValueError, match=message):
        Plan(stack, IMAGE).forward(x, np.array(rows))
