"""The names under which TensorFlow's users know all this: `fastcnn.keras.layers` for `tensorflow.keras.layers`. Nothing but re-exports."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fastcnn import (
    activations,
    backend,
    callbacks,
    datasets,
    initializers,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    regularizers,
    utils,
)
from fastcnn._arguments import absent
from fastcnn.initializers import Initializer
from fastcnn.layers import Input, Layer
from fastcnn.losses import Loss
from fastcnn.metrics import Metric
from fastcnn.models import Sequential
from fastcnn.optimizers import Optimizer
from fastcnn.regularizers import Regularizer

__all__ = [
    "Initializer",
    "Input",
    "Layer",
    "Loss",
    "Metric",
    "Optimizer",
    "Regularizer",
    "Sequential",
    "activations",
    "backend",
    "callbacks",
    "datasets",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "regularizers",
    "utils",
]


def _absence(name: str, names: list[str]) -> Callable[[str], Any]:
    """A module's `__getattr__`: says what is not there."""

    def missing(attribute: str) -> Any:
        raise absent(name, attribute, names)

    return missing


# So that `from fastcnn.keras.layers import Conv2D` works as well, without a second copy of the module; the way in which `os` has `os.path`.
for _module in (
    activations,
    backend,
    callbacks,
    datasets,
    initializers,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    regularizers,
    utils,
):
    _name = f"{__name__}.{_module.__name__.rpartition('.')[2]}"
    sys.modules[_name] = _module
    vars(_module)["__getattr__"] = _absence(_name, _module.__all__)
sys.modules[f"{__name__}.optimizers.schedules"] = optimizers.schedules

if not TYPE_CHECKING:  # to a type checker, what is not there is an error
    __getattr__ = _absence(__name__, __all__)
