"""PyTorch's way to do what each function of the core does: the competitor in ops.py, in a worker of its own.

Tried for each, the fastest counts: images channels_last and in its own layout (nchw), made before the clock starts; for dense the weights as
fastcnn has them and as PyTorch's Linear has them; always without autograd's bookkeeping (inference_mode), gradients through the functions that autograd itself
calls. Each result is compared with fastcnn's before it is timed. What torch.compile gains is seen in train.py, where it has more than one operation to join.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from harness import repeats_for, seconds_a_call
from numpy.typing import NDArray
from torch.nn import functional as F

__all__ = ["Peer", "variants"]

Array = NDArray[Any]
Tensor = torch.Tensor
Work = Callable[[], Any]
LAYOUTS = {"channels_last": torch.channels_last, "nchw": torch.contiguous_format}
aten = torch.ops.aten


class Peer:
    """Answers `("ready", number, threads)` with the variants there are and `("time", name, repeats)` with the seconds of a call of one."""

    def __init__(self) -> None:
        import ops  # bench/ops.py; here, because only a worker needs it

        self._cases = ops.table()
        self._variants: dict[str, Work] = {}
        self.about = {"version": torch.__version__, "parallel": torch.__config__.parallel_info().splitlines()[1:4]}

    def __call__(self, what: str, *arguments: Any) -> Any:
        with torch.inference_mode():
            return self._ready(*arguments) if what == "ready" else self._time(*arguments)

    def _ready(self, case: int, number: int, threads: int) -> list[str]:
        from ops import calls_of, run_call

        torch.set_num_threads(threads)
        call = calls_of(self._cases[case])[number]
        self._variants = variants(call.function, *call.arguments)
        for name, work in self._variants.items():
            if call.function not in ("adam", "sgd", "dropout"):  # in place, in place, and other random numbers
                _assert_same(f"{call.function}, {name}", work(), run_call(call))
        return list(self._variants)

    def _time(self, name: str, seconds: float) -> float:
        work = self._variants[name]
        return seconds_a_call(work, repeats_for(work, seconds))


def variants(function: str, *a: Any) -> dict[str, Work]:
    """Ways to do what `_core.<function>(*a)` does; none where PyTorch has no such operation."""
    make = globals().get(f"_{function}")
    if make is None:
        return {}
    of_images = "conv2d" in function or "pool2d" in function
    layouts = LAYOUTS if of_images else {"": torch.contiguous_format}
    made = {name: make(layout, *a) for name, layout in layouts.items()}
    return {
        f"{name} {way}".strip(): work
        for name, ways in made.items()
        if ways is not None
        for way, work in _ways(ways).items()
    }


def _ways(ways: Work | dict[str, Work]) -> dict[str, Work]:
    return ways if isinstance(ways, dict) else {"": ways}


# Arrays


def _tensor(array: Array) -> Tensor:
    return torch.from_numpy(np.array(array))


def _images(array: Array, layout: torch.memory_format) -> Tensor:
    """(N, H, W, C) as PyTorch's (N, C, H, W), in memory as `layout` says."""
    return _tensor(array).permute(0, 3, 1, 2).contiguous(memory_format=layout)


def _filters(array: Array, layout: torch.memory_format, groups: int = 1) -> Tensor:
    """(R, S, C, K) as PyTorch's (K, C, R, S); those of a depthwise convolution, (R, S, groups, M), as (groups * M, 1, R, S)."""
    filters = _tensor(array)
    filters = filters.flatten(2).unsqueeze(2) if groups > 1 else filters
    return filters.permute(3, 2, 0, 1).contiguous(memory_format=layout)


def _optional(array: Array | None) -> Tensor | None:
    return None if array is None else _tensor(array)


def _border(padding: Any, image: Any, window: Any, stride: Any) -> list[int] | None:
    """PyTorch's padding, the same on both sides; None where fastcnn's is not."""
    if padding == "valid":
        return [0, 0]
    if padding == "same":
        totals = [
            max(0, (math.ceil(size / step) - 1) * step + extent - size)
            for size, extent, step in zip(image, window, stride, strict=True)
        ]
        return [total // 2 for total in totals] if all(total % 2 == 0 for total in totals) else None
    top, bottom, left, right = padding
    return [top, left] if top == bottom and left == right else None


# Operations, by the names and arguments that the core has for them


def _conv2d(
    layout: torch.memory_format, x: Array, w: Array, b: Array | None, stride: Any, padding: Any, groups: int = 1
) -> Work | None:
    if (border := _border(padding, x.shape[1:3], w.shape[:2], stride)) is None:
        return None
    image, filters, bias = _images(x, layout), _filters(w, layout, groups), _optional(b)
    return lambda: F.conv2d(image, filters, bias, stride, border, groups=groups)


def _convolution_backward(
    dy: Tensor, x: Tensor, w: Tensor, stride: Any, border: list[int], mask: list[bool], groups: int = 1
) -> Any:
    return aten.convolution_backward(dy, x, w, [w.shape[0]], stride, border, [1, 1], False, [0, 0], groups, mask)


def _conv2d_dgrad(
    layout: torch.memory_format, dy: Array, w: Array, shape: Any, stride: Any, padding: Any, groups: int = 1
) -> Work | None:
    if (border := _border(padding, shape[1:3], w.shape[:2], stride)) is None:
        return None
    gradient, filters = _images(dy, layout), _filters(w, layout, groups)
    image = _images(np.zeros(shape, np.float32), layout)  # only its shape is looked at
    return lambda: _convolution_backward(gradient, image, filters, stride, border, [True, False, False], groups)[0]


def _conv2d_wgrad(
    layout: torch.memory_format, x: Array, dy: Array, shape: Any, stride: Any, padding: Any, groups: int = 1
) -> Work | None:
    if (border := _border(padding, x.shape[1:3], shape[:2], stride)) is None:
        return None
    image, gradient = _images(x, layout), _images(dy, layout)
    filters = _filters(np.zeros(shape, np.float32), layout, groups)
    return lambda: _convolution_backward(gradient, image, filters, stride, border, [False, True, True], groups)[1:]


def _depthwise_conv2d(layout: torch.memory_format, x: Array, w: Array, *settings: Any) -> Work | None:
    return _conv2d(layout, x, w, *settings, groups=w.shape[2])


def _depthwise_conv2d_dgrad(layout: torch.memory_format, dy: Array, w: Array, *settings: Any) -> Work | None:
    return _conv2d_dgrad(layout, dy, w, *settings, groups=w.shape[2])


def _depthwise_conv2d_wgrad(
    layout: torch.memory_format, x: Array, dy: Array, shape: Any, *settings: Any
) -> Work | None:
    return _conv2d_wgrad(layout, x, dy, shape, *settings, groups=shape[2])


def _conv2d_relu_max_pool2d(
    layout: torch.memory_format, x: Array, w: Array, b: Array | None, stride: Any, padding: Any, *pool: Any
) -> Work | None:
    if (convolve := _conv2d(layout, x, w, b, stride, padding)) is None or pool[2] != "valid":
        return None
    window, step, _ = pool
    return lambda: F.max_pool2d(convolve().relu_(), window, step, return_indices=True)[0]


def _conv2d_relu_max_pool2d_dgrad(
    layout: torch.memory_format, dy: Array, index: Array, w: Array, shape: Any, stride: Any, padding: Any, *pool: Any
) -> Work | None:
    """The convolution's part alone: the way back through pooling and ReLU is counted once, in wgrad."""
    conv = (shape[1] - w.shape[0] + 1, shape[2] - w.shape[1] + 1)
    unpool = _unpool(layout, dy, index, (len(dy), *conv, w.shape[3]), stride, padding, pool)
    if unpool is None:
        return None
    gradient, filters = unpool(), _filters(w, layout)
    image = _images(np.zeros(shape, np.float32), layout)
    return lambda: _convolution_backward(gradient, image, filters, stride, [0, 0], [True, False, False])[0]


def _conv2d_relu_max_pool2d_wgrad(
    layout: torch.memory_format, x: Array, dy: Array, index: Array, shape: Any, stride: Any, padding: Any, *pool: Any
) -> Work | None:
    conv = (x.shape[1] - shape[0] + 1, x.shape[2] - shape[1] + 1)
    unpool = _unpool(layout, dy, index, (len(dy), *conv, shape[3]), stride, padding, pool)
    if unpool is None:
        return None
    image, filters = _images(x, layout), _filters(np.zeros(shape, np.float32), layout)
    return lambda: _convolution_backward(unpool(), image, filters, stride, [0, 0], [False, True, True])[1:]


def _unpool(
    layout: torch.memory_format, dy: Array, index: Array, shape: tuple[int, ...], stride: Any, padding: Any, pool: Any
) -> Callable[[], Tensor] | None:
    """The gradient by the convolution's result (of `shape`), through pooling and ReLU; for what the tutorial has alone, 'valid' and stride 1."""
    window, step, pool_padding = pool
    if padding != "valid" or pool_padding != "valid" or tuple(stride) != (1, 1):
        return None
    passes = index != 255
    winner = np.where(passes, index, 0)
    rows, columns = np.meshgrid(*(np.arange(extent) for extent in dy.shape[1:3]), indexing="ij")
    flat = (rows * step[0])[None, :, :, None] + winner // window[1]
    flat = flat * shape[2] + (columns * step[1])[None, :, :, None] + winner % window[1]
    gradient, places = _images(np.where(passes, dy, 0), layout), _images(flat.astype(np.int64), layout)
    y = _images(np.ones(shape, np.float32), layout)  # after ReLU; what it cuts is 0 in dy already
    back = aten.max_pool2d_with_indices_backward
    return lambda: aten.threshold_backward(back(gradient, y, window, step, [0, 0], [1, 1], False, places), y, 0)


def _max_pool2d(layout: torch.memory_format, x: Array, window: Any, stride: Any, padding: Any) -> Work | None:
    if padding != "valid":
        return None
    image = _images(x, layout)
    return lambda: F.max_pool2d(image, window, stride, return_indices=True)[0]


def _max_pool2d_backward(
    layout: torch.memory_format, dy: Array, index: Array, shape: Any, window: Any, stride: Any, padding: Any
) -> Work | None:
    if padding != "valid":
        return None
    rows, columns = np.meshgrid(*(np.arange(extent) for extent in dy.shape[1:3]), indexing="ij")
    winner = index.astype(np.int64)
    flat = (rows * stride[0])[None, :, :, None] + winner // window[1]
    flat = flat * shape[2] + (columns * stride[1])[None, :, :, None] + winner % window[1]
    gradient, places = _images(dy, layout), _images(flat, layout)
    image = _images(np.zeros(shape, np.float32), layout)
    back = aten.max_pool2d_with_indices_backward
    return lambda: back(gradient, image, window, stride, [0, 0], [1, 1], False, places)


def _average_pool2d(layout: torch.memory_format, x: Array, window: Any, stride: Any, padding: Any) -> Work | None:
    if padding != "valid":
        return None
    image = _images(x, layout)
    return lambda: F.avg_pool2d(image, window, stride)


def _average_pool2d_backward(
    layout: torch.memory_format, dy: Array, shape: Any, window: Any, stride: Any, padding: Any
) -> Work | None:
    if padding != "valid":
        return None
    gradient, image = _images(dy, layout), _images(np.zeros(shape, np.float32), layout)
    return lambda: aten.avg_pool2d_backward(gradient, image, window, stride, [0, 0], False, True, None)


def _global_average_pool2d(layout: torch.memory_format, x: Array) -> Work:
    image = _images(x, layout)
    return lambda: image.mean((2, 3))


def _global_average_pool2d_backward(layout: torch.memory_format, dy: Array, shape: Any) -> Work:
    gradient, (n, h, w, c) = _tensor(dy), shape
    return lambda: (gradient / (h * w))[:, :, None, None].expand(n, c, h, w).contiguous(memory_format=layout)


def _dense(_: Any, x: Array, w: Array, b: Array | None) -> dict[str, Work]:
    rows, weights, bias = _tensor(x), _tensor(w), _optional(b)
    transposed = weights.t().contiguous()
    return {
        "(in, out)": lambda: rows @ weights if bias is None else torch.addmm(bias, rows, weights),
        "(out, in)": lambda: F.linear(rows, transposed, bias),
    }


def _dense_backward(_: Any, dy: Array, x: Array, w: Array) -> dict[str, Work]:
    gradient, rows, weights = _tensor(dy), _tensor(x), _tensor(w)
    transposed = weights.t().contiguous()
    return {
        "(in, out)": lambda: (gradient @ weights.t(), rows.t() @ gradient, gradient.sum(0)),
        "(out, in)": lambda: (gradient @ transposed, (gradient.t() @ rows).t(), gradient.sum(0)),
    }


def _dense_softmax(layout: Any, x: Array, w: Array, b: Array | None) -> dict[str, Work]:
    ways = _dense(layout, x, w, b)
    return {name: lambda work=work: torch.softmax(work(), 1) for name, work in ways.items()}  # type: ignore[misc]


def _relu(_: Any, x: Array) -> Work:
    tensor = _tensor(x)
    return lambda: torch.relu(tensor)


def _relu_backward(_: Any, dy: Array, y: Array) -> Work:
    gradient, result = _tensor(dy), _tensor(y)
    return lambda: aten.threshold_backward(gradient, result, 0)


def _rescale(_: Any, x: Array, scale: float, offset: float) -> Work:
    tensor, shift = _tensor(x), torch.tensor(offset)
    return lambda: torch.add(shift, tensor, alpha=scale)


def _dropout(_: Any, x: Array, rate: float, *key: int) -> Work:
    tensor = _tensor(x)
    return lambda: F.dropout(tensor, rate)


def _softmax(_: Any, x: Array) -> Work:
    tensor = _tensor(x)
    return lambda: torch.softmax(tensor, -1)


def _softmax_backward(_: Any, dy: Array, y: Array) -> Work:
    gradient, result = _tensor(dy), _tensor(y)
    return lambda: aten._softmax_backward_data(gradient, result, -1, torch.float32)


def _softmax_cross_entropy(
    _: Any, x: Array, labels: Array, from_logits: bool, weights: Array | None, smoothing: float
) -> Work | None:
    """The loss of each row and the gradient of their mean, by what autograd calls for cross_entropy; on probabilities PyTorch has no such loss."""
    if not from_logits or weights is not None or smoothing:
        return None
    logits, targets, n = _tensor(x), _tensor(labels), len(x)
    if labels.ndim == 2:
        share = torch.full((n, 1), 1 / n)

        def rows() -> tuple[Tensor, Tensor]:
            logs = torch.log_softmax(logits, 1)
            gradient = targets * -share
            return -(targets * logs).sum(1), aten._log_softmax_backward_data(gradient, logs, 1, torch.float32)

        return rows
    targets = targets.to(torch.int64)
    weight = torch.full((n,), 1 / n)

    def classes() -> tuple[Tensor, Tensor]:
        logs = torch.log_softmax(logits, 1)
        loss, total = aten.nll_loss_forward(logs, targets, None, 0, -100)
        gradient = aten.nll_loss_backward(weight, logs, targets, None, 0, -100, total)
        return loss, aten._log_softmax_backward_data(gradient, logs, 1, torch.float32)

    return classes


def _adam(
    _: Any, p: Array, g: Array, m: Array, v: Array, step: int, lr: float, b1: float, b2: float, eps: float, decay: float
) -> Work | None:
    if decay:  # PyTorch's is part of the gradient
        return None
    parameters, gradients, means, squares = ([_tensor(array)] for array in (p, g, m, v))
    steps = [torch.tensor(float(step))]
    settings: dict[str, Any] = {
        "lr": lr,
        "beta1": b1,
        "beta2": b2,
        "weight_decay": 0.0,
        "eps": eps,
        "amsgrad": False,
        "maximize": False,
    }
    return lambda: torch._fused_adam_(parameters, gradients, means, squares, [], steps, **settings)


def _sgd(
    _: Any, p: Array, g: Array, m: Array | None, lr: float, momentum: float, nesterov: bool, decay: float
) -> Work | None:
    if decay:
        return None
    parameters, gradients = [_tensor(p)], [_tensor(g)]
    state = [] if m is None else [_tensor(m)]
    settings: dict[str, Any] = {
        "weight_decay": 0.0,
        "momentum": momentum,
        "lr": lr,
        "dampening": 0.0,
        "nesterov": nesterov,
    }
    return lambda: torch._fused_sgd_(parameters, gradients, state, **settings, maximize=False, is_first_step=False)


def _assert_same(what: str, theirs: Any, ours: Any) -> None:
    """Fails where the two do not compute the same thing; rounding is the tests' business."""
    theirs = theirs if isinstance(theirs, (tuple, list)) else (theirs,)
    ours = ours if isinstance(ours, tuple) else (ours,)
    for a, b in zip(theirs, ours, strict=False):  # a pooling's index, which comes second, is told differently
        if b.dtype != np.float32:
            continue
        array = a.numpy()
        if array.ndim == 4 and ("conv2d" in what or "pool2d" in what):
            array = array.transpose(2, 3, 1, 0) if "wgrad" in what else array.transpose(0, 2, 3, 1)
            array = array.reshape(b.shape) if "depthwise" in what else array  # filters of (R, S, 1, C * M)
        if array.shape != b.shape or not np.allclose(
            array, b, rtol=1e-3, atol=1e-3 * float(np.abs(b).max(initial=1e-9))
        ):
            raise AssertionError(f"bench: PyTorch and fastcnn differ in {what}")
