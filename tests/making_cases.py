"""How the cases of cases.py are made: what a case is, its allowed errors, how its arrays are drawn, and for each operation those of it and its gradient.

A case names a function of fastcnn.ops, which has a namesake in one of REFERENCES, and says how its arrays are drawn, what its
FLOPs are (a multiply and an add are two) and how far its results may lie from float64's, relative to the largest value of
each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import reference
import reference_augmentation
import reference_random
import reference_spatial
from numpy.typing import NDArray

Array = NDArray[Any]
Draw = Callable[[np.random.Generator], Array]
Pair = int | tuple[int, int]
Padding = str | tuple[tuple[int, int], tuple[int, int]]

# Allowed errors.
EXACT = 0.0
ROUNDINGS = 2.0**-22  # two or three roundings to float32, of 2^-24 each
SHORT_SUM = 1e-6  # up to 16 x 16 terms, or an exponential with a relative error of 2e-7
SUM = 5e-6  # up to 30,000 terms, in a tree or in blocks; what issue 3 asks of gradients
PLACES = (
    2e-5  # coordinates of up to 32 pixels in float32, times a step from pixel to pixel that is twice the largest value
)


REFERENCES = (reference, reference_random, reference_spatial, reference_augmentation)

# What an operation without a result changes, of the arrays that it is given.
CHANGED = {
    "adam": ("parameters", "momentum", "velocity"),
    "sgd": ("parameters", "momentum"),
    "clip_gradients": ("gradients",),
    "moving_average": ("parameters", "average"),
}


class Case(NamedTuple):
    function: str
    name: str
    arrays: dict[str, Draw]
    settings: dict[str, Any]
    flops: int
    allowed: float

    def draw(self, seed: int = 0) -> dict[str, Array]:
        """The arrays, by the names of the function's arguments."""
        rng = np.random.default_rng(seed)
        return {name: draw(rng) for name, draw in self.arrays.items()}

    def run(self, module: ModuleType, arrays: dict[str, Array] | None = None) -> tuple[Array, ...]:
        """What fastcnn.ops or the reference makes of the arrays: its results, or what became of those it updates in place."""
        arrays = self.draw() if arrays is None else arrays
        result = getattr(module, self.function)(**arrays, **self.settings)
        if result is None:
            return tuple(arrays[name] for name in CHANGED[self.function] if name in arrays)
        results = result if isinstance(result, tuple) else (result,)
        return tuple(np.asarray(array) for array in results if array is not None)

    def want(self, arrays: dict[str, Array] | None = None) -> tuple[Array, ...]:
        """What the reference makes of them."""
        return self.run(next(module for module in REFERENCES if hasattr(module, self.function)), arrays)

    def __str__(self) -> str:
        return f"{self.function}-{self.name}".replace(" ", "-")


# How arrays are drawn


def normal(*shape: int, scale: float = 1.0) -> Draw:
    return lambda rng: np.asarray(scale * rng.standard_normal(shape), np.float32)


def constant(value: float, *shape: int) -> Draw:
    return lambda rng: np.full(shape, value, np.float32)


def squares(*shape: int) -> Draw:
    return lambda rng: np.float32(rng.standard_normal(shape) ** 2)


def integers(below: int, dtype: type[np.generic], *shape: int) -> Draw:
    return lambda rng: rng.integers(0, below, shape).astype(dtype)


def shares(*shape: int) -> Draw:
    """Between 0.02 and 0.98."""
    return lambda rng: np.asarray(0.02 + 0.96 * rng.random(shape), np.float32)


def uniform(low: float, high: float, *shape: int) -> Draw:
    return lambda rng: np.float32(rng.uniform(low, high, shape))


def probabilities(*shape: int) -> Draw:
    """Rows that sum to 1, every value well above Keras's clip."""
    return lambda rng: np.float32(reference.softmax(rng.standard_normal(shape)))


# How cases are made: the operation and its gradient, one beside the other


def conv2d(
    name: str, x: Sequence[int], w: Sequence[int], stride: Pair = 1, padding: Padding = "valid", bias: bool = True
) -> Iterator[Case]:
    R, S, C, K = w
    vertical, horizontal = reference.axes(x, (R, S), stride, padding)
    y = (x[0], vertical.outputs, horizontal.outputs, K)
    flops = 2 * int(np.prod(y)) * R * S * C
    settings = {"stride": stride, "padding": padding}
    arrays = {"x": normal(*x), "w": normal(*w, scale=(R * S * C) ** -0.5)}
    yield Case("conv2d", name, arrays | ({"b": normal(K)} if bias else {}), settings, flops, SUM)
    yield Case("conv2d_backward", name, {"dy": normal(*y)} | arrays, settings, 2 * flops, SUM)


def pool2d(
    name: str, x: Sequence[int], window: Pair = 2, stride: Pair | None = None, padding: Padding = "valid"
) -> Iterator[Case]:
    vertical, horizontal = reference.axes(x, window, stride, padding)
    y = (x[0], vertical.outputs, horizontal.outputs, x[3])
    elements = vertical.window * horizontal.window
    flops = int(np.prod(y)) * elements
    settings = {"window": window, "stride": stride, "padding": padding}
    backward = settings | {"input_shape": tuple(x)}
    index = integers(elements, np.uint16, *y)
    yield Case("max_pool2d", name, {"x": normal(*x)}, settings, flops, EXACT)
    yield Case("max_pool2d_backward", name, {"dy": normal(*y), "index": index}, backward, flops, SHORT_SUM)
    yield Case("average_pool2d", name, {"x": normal(*x)}, settings, flops, SHORT_SUM)
    yield Case("average_pool2d_backward", name, {"dy": normal(*y)}, backward, flops, SHORT_SUM)


def conv2d_relu_max_pool2d(
    name: str, x: Sequence[int], w: Sequence[int], stride: Pair = 1, padding: Padding = "valid", pool_window: Pair = 2
) -> Iterator[Case]:
    """FLOPs as conv2d's, those that the pooling makes superfluous included."""
    R, S, C, K = w
    vertical, horizontal = reference.axes(x, (R, S), stride, padding)
    z = (x[0], vertical.outputs, horizontal.outputs, K)
    down, across = reference.axes(z, pool_window, None, "valid")
    y = (x[0], down.outputs, across.outputs, K)
    flops = 2 * int(np.prod(z)) * R * S * C
    settings = {"stride": stride, "padding": padding, "pool_window": pool_window}
    arrays = {"x": normal(*x), "w": normal(*w, scale=(R * S * C) ** -0.5)}
    index = integers(down.window * across.window, np.uint8, *y)
    yield Case("conv2d_relu_max_pool2d", name, arrays | {"b": normal(K)}, settings, flops, SUM)
    yield Case(
        "conv2d_relu_max_pool2d_backward", name, {"dy": normal(*y), "index": index} | arrays, settings, 2 * flops, SUM
    )


def global_average_pool2d(name: str, x: Sequence[int]) -> Iterator[Case]:
    flops = int(np.prod(x))
    yield Case("global_average_pool2d", name, {"x": normal(*x)}, {}, flops, SHORT_SUM)
    dy = normal(x[0], x[3])
    yield Case("global_average_pool2d_backward", name, {"dy": dy}, {"input_shape": tuple(x)}, flops, SHORT_SUM)


def depthwise_conv2d(
    name: str, x: Sequence[int], w: Sequence[int], stride: Pair = 1, padding: Padding = "valid", bias: bool = True
) -> Iterator[Case]:
    R, S, C, M = w
    vertical, horizontal = reference.axes(x, (R, S), stride, padding)
    y = (x[0], vertical.outputs, horizontal.outputs, C * M)
    flops = 2 * int(np.prod(y)) * R * S
    settings = {"stride": stride, "padding": padding}
    arrays = {"x": normal(*x), "w": normal(*w, scale=(R * S) ** -0.5)}
    yield Case("depthwise_conv2d", name, arrays | ({"b": normal(C * M)} if bias else {}), settings, flops, SUM)
    yield Case("depthwise_conv2d_backward", name, {"dy": normal(*y)} | arrays, settings, 2 * flops, SUM)


def pad2d(name: str, x: Sequence[int], sides: tuple[tuple[int, int], tuple[int, int]]) -> Iterator[Case]:
    """Padding images x, and cropping what comes of that."""
    n, h, w, c = x
    y = (n, h + sum(sides[0]), w + sum(sides[1]), c)
    yield Case("pad2d", name, {"x": normal(*x)}, {"padding": sides}, int(np.prod(y)), EXACT)
    yield Case("crop2d", name, {"x": normal(*y)}, {"cropping": sides}, int(np.prod(x)), EXACT)


def upsample2d(name: str, x: Sequence[int], size: Pair) -> Iterator[Case]:
    n, h, w, c = x
    rows, columns = (size, size) if isinstance(size, int) else size
    y = (n, h * rows, w * columns, c)
    for interpolation in ("nearest", "bilinear"):
        title, settings = f"{name} {interpolation}", {"size": size, "interpolation": interpolation}
        exact, flops = interpolation == "nearest", int(np.prod(y)) * (1 if interpolation == "nearest" else 6)
        yield Case("upsample2d", title, {"x": normal(*x)}, settings, flops, EXACT if exact else SHORT_SUM)
        yield Case("upsample2d_backward", title, {"dy": normal(*y)}, settings, flops, SHORT_SUM)


def dense(name: str, n: int, inputs: int, outputs: int, bias: bool = True) -> Iterator[Case]:
    flops = 2 * n * inputs * outputs
    arrays = {"x": normal(n, inputs), "w": normal(inputs, outputs, scale=inputs**-0.5)}
    with_bias = arrays | ({"b": normal(outputs)} if bias else {})
    yield Case("dense", name, with_bias, {}, flops, SUM)
    yield Case("dense_backward", name, {"dy": normal(n, outputs)} | arrays, {}, 2 * flops, SUM)
    yield Case("dense_softmax", name, with_bias, {}, flops, SUM)


def elementwise(name: str, *shape: int) -> Iterator[Case]:
    flops = int(np.prod(shape))
    yield Case("relu", name, {"x": normal(*shape)}, {}, flops, EXACT)
    yield Case("relu_backward", name, {"dy": normal(*shape), "y": normal(*shape)}, {}, flops, EXACT)
    yield Case("sigmoid", name, {"x": normal(*shape, scale=3)}, {}, 4 * flops, SHORT_SUM)
    yield Case("sigmoid_backward", name, {"dy": normal(*shape), "y": shares(*shape)}, {}, 3 * flops, SHORT_SUM)
    yield from activations(name, *shape)
    yield Case("rescale", name, {"x": normal(*shape)}, {"scale": 1 / 255, "offset": -0.5}, 2 * flops, ROUNDINGS)
    yield Case(
        "dropout", name, {"x": normal(*shape)}, {"rate": 0.3, "seed": 7, "step": 5, "purpose": 2}, flops, ROUNDINGS
    )


def activations(name: str, *shape: int) -> Iterator[Case]:
    """Beside relu and sigmoid."""
    flops = int(np.prod(shape))
    x, dy, y = {"x": normal(*shape, scale=3)}, {"dy": normal(*shape)}, {"y": normal(*shape)}
    yield Case("leaky_relu", name, x, {"negative_slope": 0.3}, 2 * flops, ROUNDINGS)
    yield Case("leaky_relu_backward", name, dy | y, {"negative_slope": 0.3}, 2 * flops, ROUNDINGS)
    settings = {"negative_slope": 0.1, "max_value": 2.0, "threshold": 0.5}
    yield Case("bounded_relu", name, x, settings, 4 * flops, ROUNDINGS)
    yield Case("bounded_relu_backward", name, dy | x, settings, 4 * flops, ROUNDINGS)
    yield Case("silu", name, x, {}, 4 * flops, SHORT_SUM)
    yield Case("silu_backward", name, dy | x, {}, 8 * flops, SHORT_SUM)
    for kind, approximate in ((name, False), (f"{name} approximate", True)):
        yield Case("gelu", kind, x, {"approximate": approximate}, 20 * flops, SHORT_SUM)
        yield Case("gelu_backward", kind, dy | x, {"approximate": approximate}, 24 * flops, SHORT_SUM)


def spatial_dropout(name: str, *shape: int) -> Iterator[Case]:
    settings = {"rate": 0.4, "seed": 7, "step": 5, "purpose": 2}
    yield Case("spatial_dropout", name, {"x": normal(*shape)}, settings, int(np.prod(shape)), ROUNDINGS)


def softmax(name: str, *shape: int) -> Iterator[Case]:
    flops = 4 * int(np.prod(shape))
    yield Case("softmax", name, {"x": normal(*shape, scale=3)}, {}, flops, SHORT_SUM)
    yield Case("softmax_backward", name, {"dy": normal(*shape), "y": probabilities(*shape)}, {}, flops, SUM)


def softmax_cross_entropy(name: str, n: int, classes: int) -> Iterator[Case]:
    flops = 6 * n * classes
    for kind, labels in (("integers", integers(classes, np.int64, n)), ("rows", probabilities(n, classes))):
        logits = {"x": normal(n, classes, scale=3), "labels": labels}
        yield Case("softmax_cross_entropy", f"{name} {kind}", logits, {}, flops, SUM)
        weighted = logits | {"weights": shares(n)}
        yield Case("softmax_cross_entropy", f"{name} weighted {kind}", weighted, {}, flops, SUM)
        of_probabilities = {"x": probabilities(n, classes), "labels": labels}
        settings = {"from_logits": False}
        yield Case("softmax_cross_entropy", f"{name} probabilities {kind}", of_probabilities, settings, flops, SUM)
        smoothed = {"label_smoothing": 0.1}
        yield Case("softmax_cross_entropy", f"{name} smoothed {kind}", weighted, smoothed, flops, SUM)
        settings = settings | smoothed
        yield Case(
            "softmax_cross_entropy", f"{name} smoothed probabilities {kind}", of_probabilities, settings, flops, SUM
        )


def elementwise_losses(name: str, *shape: int) -> Iterator[Case]:
    flops, weights = 6 * int(np.prod(shape)), {"weights": shares(shape[0])}
    squares_of = {"x": normal(*shape), "targets": normal(*shape)}
    yield Case("mean_squared_error", name, squares_of, {}, flops, SHORT_SUM)
    yield Case("mean_squared_error", f"{name} weighted", squares_of | weights, {}, flops, SHORT_SUM)
    logits = {"x": normal(*shape, scale=3), "targets": shares(*shape)}
    yield Case("binary_cross_entropy", name, logits, {}, flops, SUM)
    yield Case("binary_cross_entropy", f"{name} weighted", logits | weights, {}, flops, SUM)
    of_probabilities = {"x": shares(*shape), "targets": integers(2, np.float32, *shape)}
    yield Case("binary_cross_entropy", f"{name} probabilities", of_probabilities, {"from_logits": False}, flops, SUM)
    smoothed = {"label_smoothing": 0.2}
    yield Case("binary_cross_entropy", f"{name} smoothed", logits, smoothed, flops, SUM)
    settings = smoothed | {"from_logits": False}
    yield Case("binary_cross_entropy", f"{name} smoothed probabilities", of_probabilities, settings, flops, SUM)


def augmentation(name: str, n: int, h: int, w: int, c: int) -> Iterator[Case]:
    """Of each function one case with the plain name. FLOPs as elements: none of these computes."""
    x, elements = normal(n, h, w, c), n * h * w * c
    for kind, mode in (("", "horizontal"), (" over", "vertical"), (" both", "horizontal_and_vertical")):
        arrays = {"x": x, "numbers": uniform(0, 1, n, 1)}
        yield Case("flip", name + kind, arrays, {"mode": mode}, elements, EXACT)
    fills = (("", "reflect", "bilinear"), (" c", "constant", "bilinear"), (" n", "nearest", "bilinear"), (" w", "wrap", "nearest"))  # fmt: skip
    for kind, fill, how in fills:
        settings = {"fill_mode": fill, "fill_value": 0.25}
        padded = {"size": (h, w), "padding": 4, **settings}
        yield Case("crop", name + kind, {"x": x, "numbers": uniform(0, 9, n, 2)}, padded, elements, EXACT)
        settings["interpolation"] = how
        for function, k in (("translate", 2), ("rotate", 1), ("zoom", 2), ("zoom", 1)):
            named = name + kind + " one number" * (function == "zoom" and k == 1)
            arrays = {"x": x, "numbers": uniform(-0.9, 0.9, n, k)}
            yield Case(function, named, arrays, settings, elements, PLACES)
    pictures, limits = uniform(0, 255, n, h, w, c), {"low": -1.0, "high": 250.0}
    for function, low in (("adjust_brightness", -1.0), ("adjust_contrast", 0.0)):
        arrays = {"x": pictures, "numbers": uniform(low, 1.5, n, 1)}
        yield Case(function, name, arrays, limits, elements, SHORT_SUM)
    if c == 3:
        arrays = {"x": pictures, "numbers": uniform(-0.5, 0.9, n, 1)}
        yield Case("adjust_saturation", name, arrays, {"high": 1.0}, elements, SHORT_SUM)
    for kind, fill_value in (("", 7.0), (" noise", None)):
        arrays = {"x": pictures, "numbers": uniform(0, 1, n, 6)}
        settings = {"fill_value": fill_value, "seed": 7, "step": 5, "purpose": 2, **limits}
        yield Case("erase", name + kind, arrays, settings, elements, SUM)
    arrays = {"x": pictures, "targets": shares(n, 7), "numbers": uniform(0, 1, n, 3)}
    for kind, boxed in (("", False), (" boxed", True)):
        yield Case("mix", name + kind, arrays, {"shift": max(n - 1, 0), "boxed": boxed}, elements, ROUNDINGS)


def optimizers(name: str, n: int) -> Iterator[Case]:
    p, g, m = {"parameters": normal(n)}, {"gradients": normal(n)}, {"momentum": normal(n)}
    yield Case("sgd", name, p | g, {"learning_rate": 0.1}, 2 * n, SHORT_SUM)
    for nesterov in (False, True):
        settings = {"learning_rate": 0.1, "momentum_rate": 0.9, "nesterov": nesterov}
        yield Case("sgd", f"{name} {'nesterov' if nesterov else 'momentum'}", p | g | m, settings, 4 * n, SHORT_SUM)
    yield Case("adam", name, p | g | m | {"velocity": squares(n)}, {"step": 10}, 12 * n, SHORT_SUM)
    nothing = {"parameters": constant(0, n), "momentum": constant(0, n), "velocity": constant(0, n)}
    yield Case("adam", f"{name} first step", nothing | g, {"step": 1}, 12 * n, SHORT_SUM)


def around_optimizers(name: str, n: int) -> Iterator[Case]:
    """Weights that decay, gradients that are clipped, and averages of weights."""
    p, g, m = {"parameters": normal(n)}, {"gradients": normal(n)}, {"momentum": normal(n)}
    decay = {"learning_rate": 0.1, "weight_decay": 0.3}
    yield Case("sgd", f"{name} decay", p | g, decay, 3 * n, SHORT_SUM)
    nesterov = decay | {"momentum_rate": 0.9, "nesterov": True}
    yield Case("sgd", f"{name} nesterov decay", p | g | m, nesterov, 5 * n, SHORT_SUM)
    yield Case("adam", f"{name} decay", p | g | m | {"velocity": squares(n)}, decay | {"step": 10}, 13 * n, SHORT_SUM)
    thirds = [(0, n // 3), (n // 3, n // 3), (n - n // 3, n // 3)]  # one float or two are none's
    for limit in ({"clipvalue": 0.5}, {"clipnorm": 0.3 * n**0.5 + 0.1}, {"global_clipnorm": 0.3 * n**0.5 + 0.1}):
        (kind,) = limit
        yield Case("clip_gradients", f"{name} {kind}", g, limit, 3 * n, SHORT_SUM)
        yield Case("clip_gradients", f"{name} {kind} parts", g, limit | {"parts": thirds}, 3 * n, SHORT_SUM)
    averages = p | {"average": normal(n)}
    for overwrite in (False, True):
        settings = {"momentum": 0.9, "overwrite": overwrite}
        yield Case("moving_average", f"{name}{' overwrites' * overwrite}", averages, settings, 3 * n, SHORT_SUM)
