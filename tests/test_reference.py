"""The reference itself: its gradients are the slopes of its functions, PyTorch agrees in float64, its Philox is the published one."""

from __future__ import annotations

from collections.abc import Callable

import cases
import numpy as np
import pytest
import reference
import reference_spatial
from cases import Case
from checks import Array
from reference_random import philox

STEP = 1e-6


def arrays_of(case: Case) -> dict[str, Array]:
    """The case's arrays in float64, with a margin at the kinks: no value within 1e-3 of 0 or of another."""
    rng = np.random.default_rng(3)
    arrays = {}
    for name, array in case.draw().items():
        spread = (rng.permutation(array.size).reshape(array.shape) - array.size / 2 + 0.25) / max(array.size, 300)
        arrays[name] = np.float64(array) if name in ("labels", "y") else spread
    return arrays


def slope(function: Callable[[Array], Array], x: Array, direction: Array, dy: Array) -> float:
    """The derivative of sum(dy * function(x)) along a direction, by central differences."""
    return float((dy * (function(x + STEP * direction) - function(x - STEP * direction))).sum() / (2 * STEP))


def assert_gradient(
    function: Callable[[Array], Array], x: Array, gradient: Array, dy: Array, scale: Array | float = 1.0
) -> None:
    direction = scale * np.random.default_rng(4).standard_normal(x.shape)
    np.testing.assert_allclose((gradient * direction).sum(), slope(function, x, direction, dy), rtol=1e-6, atol=1e-7)


def small(*functions: str) -> list[Case]:
    return [case for case in cases.EDGES if case.function in functions]


@pytest.mark.parametrize("case", small("conv2d_backward", "dense_backward"), ids=str)
def test_gradients_of_sums_of_products(case: Case) -> None:
    forward = getattr(reference, case.function.removesuffix("_backward"))
    arrays = arrays_of(case)
    dy, x, w = arrays["dy"], arrays["x"], arrays["w"]
    dx, dw, db = getattr(reference, case.function)(dy, x, w, **case.settings)
    assert_gradient(lambda x: forward(x, w, **case.settings), x, dx, dy)
    assert_gradient(lambda w: forward(x, w, **case.settings), w, dw, dy)
    assert_gradient(lambda b: forward(x, w, b, **case.settings), np.zeros(w.shape[-1]), db, dy)


@pytest.mark.parametrize("case", small("depthwise_conv2d_backward"), ids=str)
def test_gradients_of_depthwise_convolutions(case: Case) -> None:
    forward = reference_spatial.depthwise_conv2d
    arrays = arrays_of(case)
    dy, x, w = arrays["dy"], arrays["x"], arrays["w"]
    dx, dw, db = reference_spatial.depthwise_conv2d_backward(dy, x, w, **case.settings)
    assert_gradient(lambda x: forward(x, w, **case.settings), x, dx, dy)
    assert_gradient(lambda w: forward(x, w, **case.settings), w, dw, dy)
    assert_gradient(lambda b: forward(x, w, b, **case.settings), np.zeros(dy.shape[-1]), db, dy)


@pytest.mark.parametrize("case", small("max_pool2d"), ids=str)
def test_gradient_of_max_pool2d(case: Case) -> None:
    x = arrays_of(case)["x"]
    y, index = reference.max_pool2d(x, **case.settings)
    dy = np.random.default_rng(5).standard_normal(y.shape)
    dx = reference.max_pool2d_backward(dy, index, x.shape, **case.settings)
    assert_gradient(lambda x: reference.max_pool2d(x, **case.settings)[0], x, dx, dy)


@pytest.mark.parametrize("case", small("average_pool2d", "global_average_pool2d", "rescale"), ids=str)
def test_gradients_of_linear_operations(case: Case) -> None:
    forward = getattr(reference, case.function)
    x = arrays_of(case)["x"]
    dy = np.random.default_rng(5).standard_normal(forward(x, **case.settings).shape)
    if case.function == "rescale":
        dx = reference.rescale(dy, case.settings["scale"])
    else:
        dx = getattr(reference, f"{case.function}_backward")(dy, input_shape=x.shape, **case.settings)
    assert_gradient(lambda x: forward(x, **case.settings), x, dx, dy)


@pytest.mark.parametrize("case", small("pad2d", "crop2d", "upsample2d"), ids=str)
def test_gradients_of_operations_on_images(case: Case) -> None:
    forward = getattr(reference_spatial, case.function)
    x = arrays_of(case)["x"]
    dy = np.random.default_rng(5).standard_normal(forward(x, **case.settings).shape)
    if case.function == "upsample2d":
        dx = reference_spatial.upsample2d_backward(dy, **case.settings)
    else:  # each is the other's gradient
        other = reference_spatial.crop2d if case.function == "pad2d" else reference_spatial.pad2d
        dx = other(dy, *case.settings.values())
    assert_gradient(lambda x: forward(x, **case.settings), x, dx, dy)


@pytest.mark.parametrize("case", small("relu", "softmax"), ids=str)
def test_gradients_that_are_taken_from_the_result(case: Case) -> None:
    forward = getattr(reference, case.function)
    x = arrays_of(case)["x"]
    dy = np.random.default_rng(5).standard_normal(x.shape)
    dx = getattr(reference, f"{case.function}_backward")(dy, forward(x))
    assert_gradient(forward, x, dx, dy)


@pytest.mark.parametrize("case", small("leaky_relu"), ids=str)
def test_gradient_of_leaky_relu(case: Case) -> None:
    x = arrays_of(case)["x"]
    dy = np.random.default_rng(5).standard_normal(x.shape)
    dx = reference.leaky_relu_backward(dy, reference.leaky_relu(x, **case.settings), **case.settings)
    assert_gradient(lambda x: reference.leaky_relu(x, **case.settings), x, dx, dy)


@pytest.mark.parametrize("case", small("bounded_relu", "silu", "gelu"), ids=str)
def test_gradients_that_are_taken_from_what_is_read(case: Case) -> None:
    forward = getattr(reference, case.function)
    x = 7.01 * arrays_of(case)["x"]  # the kinks of bounded_relu are not among these
    dy = np.random.default_rng(5).standard_normal(x.shape)
    dx = getattr(reference, f"{case.function}_backward")(dy, x, **case.settings)
    assert_gradient(lambda x: forward(x, **case.settings), x, dx, dy)


@pytest.mark.parametrize("case", small("softmax_cross_entropy"), ids=str)
def test_gradient_of_softmax_cross_entropy(case: Case) -> None:
    arrays = {name: array if array.dtype == np.int64 else np.float64(array) for name, array in case.draw().items()}
    if not case.settings.get("from_logits", True) and arrays["x"].shape[1] > 1:
        arrays["x"] = arrays["x"] * 0.9  # not yet divided by their sum; and one class alone is clipped
    labels = arrays["labels"] * (1 if arrays["labels"].dtype == np.int64 else 2.5)  # labels that do not sum to 1
    loss, dx = reference.softmax_cross_entropy(arrays["x"], labels, **case.settings)
    mean = np.full(loss.shape, 1 / max(len(loss), 1))
    forward = lambda x: reference.softmax_cross_entropy(x, labels, **case.settings)[0]  # noqa: E731
    assert_gradient(forward, arrays["x"], dx, mean, scale=arrays["x"])


@pytest.mark.peer
@pytest.mark.parametrize(
    "case",
    [case for case in small("conv2d_backward", "max_pool2d", "average_pool2d") if case.name != "no images"],
    ids=str,
)
def test_windows_agree_with_pytorch_in_float64(case: Case) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is a peer here, and is not installed")
    arrays = {name: torch.tensor(array) for name, array in arrays_of(case).items()}
    settings = {name: value for name, value in case.settings.items() if name != "window"}
    window = arrays["w"].shape[:2] if "w" in arrays else case.settings["window"]
    axes = reference.axes(arrays["x"].shape, window, settings["stride"], settings["padding"])
    (top, bottom), (left, right) = [(axis.before, axis.after) for axis in axes]
    sizes = {"kernel_size": [axis.window for axis in axes], "stride": [axis.stride for axis in axes]}

    def padded(x: torch.Tensor, value: float) -> torch.Tensor:
        return torch.nn.functional.pad(x.permute(0, 3, 1, 2), (left, right, top, bottom), value=value)

    x = arrays["x"].requires_grad_()
    if case.function == "conv2d_backward":
        w = arrays["w"].requires_grad_()
        b = torch.zeros(w.shape[3], dtype=torch.float64, requires_grad=True)
        y = torch.nn.functional.conv2d(padded(x, 0), w.permute(3, 2, 0, 1), b, stride=sizes["stride"]).permute(
            0, 2, 3, 1
        )
        np.testing.assert_allclose(reference.conv2d(x.detach(), w.detach(), **settings), y.detach(), rtol=0, atol=1e-12)
        wanted = torch.autograd.grad(y, (x, w, b), arrays["dy"])
        got = reference.conv2d_backward(arrays["dy"], x.detach(), w.detach(), **settings)
    elif case.function == "max_pool2d":
        y = torch.nn.functional.max_pool2d(padded(x, -torch.inf), **sizes).permute(0, 2, 3, 1)
        pooled, index = reference.max_pool2d(x.detach(), **case.settings)
        np.testing.assert_array_equal(pooled, y.detach())
        wanted = torch.autograd.grad(y, x, torch.ones_like(y))
        got = (reference.max_pool2d_backward(np.ones(index.shape), index, x.shape, **case.settings),)
    else:
        inside = torch.nn.functional.avg_pool2d(padded(torch.ones_like(x), 0), **sizes)
        y = (torch.nn.functional.avg_pool2d(padded(x, 0), **sizes) / inside).permute(0, 2, 3, 1)
        np.testing.assert_allclose(
            reference.average_pool2d(x.detach(), **case.settings), y.detach(), rtol=0, atol=1e-12
        )
        wanted = torch.autograd.grad(y, x, torch.ones_like(y))
        got = (reference.average_pool2d_backward(np.ones(y.shape), x.shape, **case.settings),)
    for one, other in zip(got, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("counter", "key", "result"),
    [
        ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
)
def test_philox_gives_the_known_answers_of_random123(counter: str, key: str, result: str) -> None:
    numbers = [[int(word, 16) for word in words.split()] for words in (counter, key, result)]
    assert philox([numbers[0]], numbers[1]).tolist() == [numbers[2]]
