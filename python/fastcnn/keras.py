"""The names under which TensorFlow's users know all this: `fastcnn.keras.layers` for `tensorflow.keras.layers`. Nothing but re-exports."""

import sys

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
    sys.modules[f"{__name__}.{_module.__name__.rpartition('.')[2]}"] = _module
sys.modules[f"{__name__}.optimizers.schedules"] = optimizers.schedules
