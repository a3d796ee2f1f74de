"""The stages of a plan carried out as operations on arrays, one by one: what the plan must give, however it fuses them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastcnn import ops
from fastcnn.stage import Stage
from numpy.typing import NDArray

__all__ = ["DROPOUT_PURPOSE", "SEED", "STEP", "one_by_one"]

Array = NDArray[Any]

SEED, STEP = 5, 3  # of what is drawn
DROPOUT_PURPOSE = 1 << 16

FROM_RESULT = ("relu", "leaky_relu", "sigmoid", "softmax")  # activations by what their gradients are taken from
FROM_INPUT = ("bounded_relu", "silu", "gelu")

_BACKWARD: dict[str, Callable[..., Array]] = {  # of operations that need no more than their settings for it
    "pad2d": lambda dy, padding: ops.crop2d(dy, padding),
    "crop2d": lambda dy, cropping: ops.pad2d(dy, cropping),
    "upsample2d": ops.upsample2d_backward,
}


def one_by_one(stages: list[Stage], x: Array, training: bool) -> tuple[Array, Callable[[Array], list[Array]]]:
    """The stages as operations on arrays: the output, and a function from its gradient to those of all variables, in order."""
    backwards: list[Callable[[Array], tuple[Array, list[Array]]]] = []
    dropouts = 0
    for stage in stages:
        settings, values = dict(stage.attributes), [variable.value for variable in stage.variables]
        if stage.operation in ("flatten", "reshape"):
            backwards.append(lambda dy, shape=x.shape: (dy.reshape(shape), []))
            x = x.reshape(len(x), *settings.get("shape", (-1,)))
        elif stage.operation in _BACKWARD:
            backwards.append(lambda dy, f=_BACKWARD[stage.operation], s=settings: (f(dy, **s), []))
            x = getattr(ops, stage.operation)(x, **settings)
        elif stage.operation in ("conv2d", "depthwise_conv2d", "dense"):
            backward = getattr(ops, stage.operation + "_backward")
            backwards.append(
                lambda dy, f=backward, x=x, v=values, s=settings: (lambda g: (g[0], list(g[1 : len(v) + 1])))(
                    f(dy, x, v[0], **s)
                )
            )
            x = getattr(ops, stage.operation)(x, *values, **settings)
        elif stage.operation == "max_pool2d":
            y, index = ops.max_pool2d(x, **settings)
            backwards.append(
                lambda dy, i=index, shape=x.shape, s=settings: (ops.max_pool2d_backward(dy, i, shape, **s), [])
            )
            x = y
        elif stage.operation in ("average_pool2d", "global_average_pool2d"):
            backward = getattr(ops, stage.operation + "_backward")
            backwards.append(lambda dy, f=backward, shape=x.shape, s=settings: (f(dy, shape, **s), []))
            x = getattr(ops, stage.operation)(x, **settings)
        elif stage.operation in (*FROM_RESULT, *FROM_INPUT):
            backward = getattr(ops, stage.operation + "_backward")
            y = getattr(ops, stage.operation)(x, **settings)
            needed = y if stage.operation in FROM_RESULT else x
            backwards.append(lambda dy, f=backward, a=needed, s=settings: (f(dy, a, **s), []))
            x = y
        elif stage.operation == "rescale":
            backwards.append(lambda dy, scale=settings["scale"]: (ops.rescale(dy, scale), []))
            x = ops.rescale(x, **settings)
        else:
            assert stage.operation in ("dropout", "spatial_dropout")
            dropout = getattr(ops, stage.operation)
            seed = SEED if settings.get("seed") is None else settings["seed"]
            stream = {"seed": seed, "step": STEP, "purpose": DROPOUT_PURPOSE + dropouts}
            dropouts += 1
            drop = (lambda a, f=dropout, r=settings["rate"], s=stream: f(a, r, **s)) if training else (lambda a: a)
            backwards.append(lambda dy, drop=drop: (drop(dy), []))
            x = drop(x)

    def backward_all(dy: Array) -> list[Array]:
        gradients: list[Array] = []
        for step in reversed(backwards):
            dy, of_variables = step(dy)
            gradients = of_variables + gradients
        return gradients

    return x, backward_all
