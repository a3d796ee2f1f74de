"""The names under which TensorFlow's users know all this: `fastcnn.keras.layers` for `tensorflow.keras.layers`. Nothing but re-exports."""

import sys

from fastcnn import (
    activations,
    callbacks,
    datasets,
    initializers,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    regularizers,
)
from fastcnn.layers import Input
from fastcnn.models import Sequential

__all__ = [
    "Input",
    "Sequential",
    "activations",
    "callbacks",
    "datasets",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "regularizers",
]

# So that `from fastcnn.keras.layers import Conv2D` works as well, without a second copy of the module; the way in which `os` has `os.path`.
for _module in (
    activations,
    callbacks,
    datasets,
    initializers,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    regularizers,
):
    sys.modules[f"{__name__}.{_module.__name__.rpartition('.')[2]}"] = _module
sys.modules[f"{__name__}.optimizers.schedules"] = optimizers.schedules
