"""Keras 3 (on TensorFlow) and PyTorch as peers for what the operations do at their edges: as Keras does, or it is said here."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import cases
import numpy as np
import pytest
from checks import Array, assert_all_close, assert_close
from fastcnn import ops
from peer_keras import QUIET, keras_or_skip
from strategies import whole_numbers

pytestmark = QUIET

SAME = [(h, r, stride) for h in (4, 5, 6, 7) for r in (1, 2, 3, 4) for stride in (1, 2, 3)]


@pytest.fixture(scope="module")
def keras() -> Any:
    return keras_or_skip()


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    module: ModuleType = pytest.importorskip("torch", reason="PyTorch is a peer here, and is not installed")
    return module


def in_keras(function: Callable[..., Any], *arrays: Array, dy: Array | None = None) -> list[Array]:
    """What a function of Keras's gives for the arrays, and the gradients by them of sum(dy * y), or of the mean of y without dy."""
    import tensorflow as tf

    variables = [tf.constant(array) for array in arrays]
    with tf.GradientTape() as tape:
        tape.watch(variables)
        y = function(*variables)
        total = tf.reduce_mean(y) if dy is None else tf.reduce_sum(dy * y)
    return [np.float64(tensor) for tensor in (y, *tape.gradient(total, variables))]


# Windows


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("h", "r", "stride"), SAME)
def test_conv2d_is_keras(keras: Any, h: int, r: int, stride: int, padding: str) -> None:
    x, w, b = whole_numbers(1, 2, h, 7, 3), whole_numbers(2, r, 3, 3, 5), whole_numbers(3, 5)
    y = ops.conv2d(x, w, b, stride=stride, padding=padding)
    dy = whole_numbers(4, *y.shape)
    want = in_keras(lambda x, w, b: keras.ops.conv(x, w, stride, padding) + b, x, w, b, dy=dy)
    assert_all_close([y, *ops.conv2d_backward(dy, x, w, stride=stride, padding=padding)], want, cases.SUM)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("h", "r", "stride"), SAME)
def test_max_pool2d_is_keras_ties_and_all(keras: Any, h: int, r: int, stride: int, padding: str) -> None:
    x = np.float32(np.random.default_rng(1).integers(-1, 2, (2, h, 7, 17)))
    settings: dict[str, Any] = {"window": (r, 3), "stride": stride, "padding": padding}
    y, index = ops.max_pool2d(x, **settings)
    dy = whole_numbers(2, *y.shape)
    want = in_keras(lambda x: keras.ops.max_pool(x, (r, 3), stride, padding), x, dy=dy)
    assert_all_close([y, ops.max_pool2d_backward(dy, index, x.shape, **settings)], want, cases.EXACT)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("h", "r", "stride"), SAME)
def test_average_pool2d_is_keras(keras: Any, h: int, r: int, stride: int, padding: str) -> None:
    x = whole_numbers(1, 2, h, 7, 17)
    settings: dict[str, Any] = {"window": (r, 3), "stride": stride, "padding": padding}
    y = ops.average_pool2d(x, **settings)
    dy = whole_numbers(2, *y.shape)
    want = in_keras(lambda x: keras.ops.average_pool(x, (r, 3), stride, padding), x, dy=dy)
    assert_all_close([y, ops.average_pool2d_backward(dy, x.shape, **settings)], want, cases.SHORT_SUM)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("h", "r", "stride"), SAME)
def test_depthwise_conv2d_is_keras(keras: Any, h: int, r: int, stride: int, padding: str) -> None:
    x, w = whole_numbers(1, 2, h, 7, 17), whole_numbers(2, r, 3, 17, 2)
    y = ops.depthwise_conv2d(x, w, stride=stride, padding=padding)
    dy = whole_numbers(3, *y.shape)
    want = in_keras(lambda x, w: keras.ops.depthwise_conv(x, w, stride, padding), x, w, dy=dy)
    assert_all_close([y, *ops.depthwise_conv2d_backward(dy, x, w, stride=stride, padding=padding)[:2]], want, cases.SUM)


def test_no_images_give_none_as_in_keras(keras: Any) -> None:
    x = np.zeros((0, 5, 5, 3), np.float32)
    np.testing.assert_array_equal(ops.max_pool2d(x)[0], keras.ops.max_pool(x, 2, 2))
    assert ops.conv2d(x, np.ones((3, 3, 3, 2), np.float32)).shape == (0, 3, 3, 2)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("pad", [0, 1])
def test_windows_are_pytorchs_on_another_layout(torch: Any, stride: int, pad: int) -> None:
    """The index of a maximum is its place in the window, where PyTorch's is that in the image."""
    x, w = whole_numbers(1, 2, 7, 8, 3), whole_numbers(2, 3, 3, 3, 5)
    settings: dict[str, Any] = {"stride": stride, "padding": ((pad, pad), (pad, pad))}
    functional = torch.nn.functional
    image = torch.from_numpy(x).permute(0, 3, 1, 2)

    def nhwc(y: Any) -> Array:
        array: Array = y.permute(0, 2, 3, 1).numpy()
        return array

    want = nhwc(functional.conv2d(image, torch.from_numpy(w).permute(3, 2, 0, 1), stride=stride, padding=pad))
    assert_close(ops.conv2d(x, w, **settings), np.float64(want), cases.SUM)
    own = whole_numbers(3, 3, 3, 3, 2)
    filters = torch.from_numpy(own).permute(2, 3, 0, 1).reshape(6, 1, 3, 3)
    want = nhwc(functional.conv2d(image, filters, stride=stride, padding=pad, groups=3))
    assert_close(ops.depthwise_conv2d(x, own, **settings), np.float64(want), cases.SUM)
    want = nhwc(functional.avg_pool2d(image, 3, stride, pad, count_include_pad=False))
    assert_close(ops.average_pool2d(x, 3, **settings), np.float64(want), cases.SHORT_SUM)

    y, index = ops.max_pool2d(x, 3, **settings)
    want_y, want_index = functional.max_pool2d(image, 3, stride, pad, return_indices=True)
    np.testing.assert_array_equal(y, nhwc(want_y))
    p, q = np.indices(y.shape[1:3])[:, None, :, :, None]
    row, column = p * stride - pad + index // 3, q * stride - pad + index % 3
    np.testing.assert_array_equal(row * 8 + column, nhwc(want_index))


@pytest.mark.parametrize("size", [(2, 2), (3, 1), (4, 5)])
@pytest.mark.parametrize("kind", ["nearest", "bilinear"])
def test_upsample2d_is_pytorchs(torch: Any, size: tuple[int, int], kind: Any) -> None:
    x = np.random.default_rng(1).standard_normal((2, 5, 4, 3), np.float32)
    image = torch.from_numpy(x).permute(0, 3, 1, 2).requires_grad_()
    options = {"align_corners": False} if kind == "bilinear" else {}
    y = torch.nn.functional.interpolate(image, scale_factor=size, mode=kind, **options)
    dy = torch.from_numpy(np.random.default_rng(2).standard_normal(y.shape, np.float32))
    (dx,) = torch.autograd.grad(y, image, dy)
    want = [np.float64(array.permute(0, 2, 3, 1).detach()) for array in (y, dx)]
    gradient = np.ascontiguousarray(dy.permute(0, 2, 3, 1))
    got = [ops.upsample2d(x, size, interpolation=kind), ops.upsample2d_backward(gradient, size, interpolation=kind)]
    assert_all_close(got, want, cases.SHORT_SUM)


@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_a_maximum_keeps_nan_as_pytorch_does_and_keras_on_tensorflow_does_not(
    torch: Any, keras: Any, place: int
) -> None:
    x = np.float32([1, 2, 3, 4])
    x[place] = np.nan
    x = x.reshape(1, 2, 2, 1)
    y, index = ops.max_pool2d(x)
    np.testing.assert_array_equal(
        y.ravel(), torch.nn.functional.max_pool2d(torch.from_numpy(x).permute(0, 3, 1, 2), 2).ravel()
    )
    assert index.item() == place
    assert np.isfinite(np.asarray(keras.ops.max_pool(x, 2, 2))).all()


# Elementwise operations and softmax


def test_relu_is_keras(keras: Any) -> None:
    x = np.float32([np.nan, 0, -0.0, -1, 1, np.inf, -np.inf, 1e-30] * 5)
    y = ops.relu(x)
    dy = np.full_like(x, 3)
    want = in_keras(keras.ops.relu, x, dy=dy)
    assert_all_close([y, ops.relu_backward(dy, y)], want, cases.EXACT)


def test_rescale_is_keras_to_the_bit(keras: Any) -> None:
    x = np.arange(256, dtype=np.float32)
    np.testing.assert_array_equal(ops.rescale(x, 1 / 255), keras.layers.Rescaling(1 / 255)(x))


@pytest.mark.parametrize("rate", [0.0, 0.25, 0.5, 0.9, 0.999])
def test_dropout_scales_what_it_keeps_as_keras_does(keras: Any, rate: float) -> None:
    x = np.ones(10_000, np.float32)
    kept = np.asarray(keras.layers.Dropout(rate, seed=1)(x, training=True)).max()
    np.testing.assert_allclose(ops.dropout(x, rate, seed=1).max(), kept, rtol=cases.ROUNDINGS)


def test_softmax_is_keras(keras: Any) -> None:
    x = cases.normal(20, 33, scale=3)(np.random.default_rng(1))
    x[3, 4] = -np.inf
    y = ops.softmax(x)
    dy = whole_numbers(2, *y.shape)
    want = in_keras(keras.ops.softmax, x, dy=dy)
    assert_all_close([y, ops.softmax_backward(dy, y)], want, cases.SUM)


def test_softmax_of_nan_or_inf_is_nan_as_in_pytorch(torch: Any) -> None:
    """Keras on TensorFlow leaves some of such a row at 0."""
    x = np.float32([[1, np.nan, 2], [1, np.inf, 2], [-np.inf] * 3, [1, 2, -np.inf]])
    assert_close(ops.softmax(x), np.float64(torch.softmax(torch.from_numpy(x), 1)), cases.SHORT_SUM)


# Losses

PROBABILITIES = np.float32([[0.2, 0.3, 0.5], [0.2, 0.2, 0.2], [1, 0, 0], [3, 0, 1], [0, 0.5, 0.5], [2, 3, 4]])
LOGITS = np.float32([[1, 2, 3], [60, 0, 0], [0, 0, 0], [-1000, 1000, 0], [1e-3, 0, -1e-3], [5, -5, 5]])


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("label", [0, 1, 2])
def test_losses_of_classes_are_keras(keras: Any, from_logits: bool, label: int) -> None:
    x, labels = LOGITS if from_logits else PROBABILITIES, np.full(6, label)
    loss = keras.losses.sparse_categorical_crossentropy
    want = in_keras(lambda x: loss(labels, x, from_logits=from_logits), x)
    assert_all_close(ops.softmax_cross_entropy(x, labels, from_logits=from_logits), want, cases.SUM)


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("row", [[1, 0, 0], [0, 1, 0], [0.1, 0.2, 0.7]])
def test_losses_of_rows_are_keras(keras: Any, from_logits: bool, row: list[float]) -> None:
    x, labels = LOGITS if from_logits else PROBABILITIES, np.float32([row] * 6)
    loss = keras.losses.categorical_crossentropy
    want = in_keras(lambda x: loss(labels, x, from_logits=from_logits), x)
    assert_all_close(ops.softmax_cross_entropy(x, labels, from_logits=from_logits), want, cases.SUM)


def test_losses_of_logits_are_pytorchs(torch: Any) -> None:
    x = torch.from_numpy(LOGITS).requires_grad_()
    for labels in (torch.tensor([0, 1, 2, 0, 1, 2]), torch.softmax(torch.arange(18.0).reshape(6, 3), 1)):
        loss = torch.nn.functional.cross_entropy(x, labels, reduction="none")
        want = [np.float64(part.detach()) for part in (loss, *torch.autograd.grad(loss.mean(), x))]
        assert_all_close(ops.softmax_cross_entropy(LOGITS, labels.numpy()), want, cases.SUM)


# Optimizers: five steps on gradients that are given

STEPS = [cases.normal(1000)(np.random.default_rng(seed)) * np.float32(10.0**-seed) for seed in range(5)]


def keras_course(optimizer: Any) -> Array:
    import tensorflow as tf

    p = tf.Variable(tf.zeros(1000))
    optimizer.build([p])
    for g in STEPS:
        optimizer.apply([tf.constant(g)])
    return np.float64(p)


@pytest.mark.parametrize("settings", [{}, {"learning_rate": 0.1}, {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3}])
def test_adam_is_keras(keras: Any, settings: dict[str, float]) -> None:
    """But for the betas' powers, which Keras takes in float32: 1 - 0.999 is 1.3e-5 off there, its root half of that."""
    p, m, v = np.zeros(1000, np.float32), np.zeros(1000, np.float32), np.zeros(1000, np.float32)
    for step, g in enumerate(STEPS, 1):
        ops.adam(p, g, m, v, step=step, **settings)
    assert_close(p, keras_course(keras.optimizers.Adam(**settings)), 1e-5)


SGD = [
    {},
    {"learning_rate": 0.1, "momentum": 0.9},
    {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True},
    {"momentum": 1.0},
]


def sgd_course(settings: dict[str, Any]) -> Array:
    settings = dict(settings)
    rate = settings.pop("momentum", 0.0)
    p, m = np.zeros(1000, np.float32), np.zeros(1000, np.float32) if rate else None
    for g in STEPS:
        ops.sgd(p, g, m, momentum_rate=rate, **settings)
    return p


@pytest.mark.parametrize("settings", SGD)
def test_sgd_is_keras(keras: Any, settings: dict[str, Any]) -> None:
    assert_close(sgd_course(settings), keras_course(keras.optimizers.SGD(**settings)), cases.SHORT_SUM)


@pytest.mark.parametrize("settings", SGD)
def test_sgd_is_pytorchs_while_the_learning_rate_stays(torch: Any, settings: dict[str, Any]) -> None:
    names = {"learning_rate": "lr"}
    p = torch.zeros(1000, requires_grad=True)
    optimizer = torch.optim.SGD(
        [p], **({"lr": 0.01} | {names.get(name, name): value for name, value in settings.items()})
    )
    for g in STEPS:
        p.grad = torch.from_numpy(g)
        optimizer.step()
    assert_close(sgd_course(settings), np.float64(p.detach()), cases.SHORT_SUM)


def test_adam_is_pytorchs_but_for_the_place_of_epsilon(torch: Any) -> None:
    parameter = torch.zeros(1000, requires_grad=True)
    optimizer = torch.optim.Adam([parameter], lr=0.1, eps=0)
    p, m, v = np.zeros(1000, np.float32), np.zeros(1000, np.float32), np.zeros(1000, np.float32)
    for step, g in enumerate(STEPS, 1):
        parameter.grad = torch.from_numpy(g)
        optimizer.step()
        ops.adam(p, g, m, v, step=step, learning_rate=0.1, epsilon=0)
    assert_close(p, np.float64(parameter.detach()), cases.SHORT_SUM)
