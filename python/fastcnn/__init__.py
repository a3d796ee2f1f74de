"""fastcnn trains, fine-tunes and runs small convolutional networks on a CPU, with Keras 3's names, defaults and behaviour.

    import fastcnn as tf
    from fastcnn.keras import datasets, layers, models

Submodules are imported when they are first used, so `import fastcnn` costs next to nothing. `fastcnn.ops` has the operations as functions on
arrays; `fastcnn.info.info()` says what this installation is.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastcnn import (
        activations,
        applications,
        augmentation,
        backend,
        callbacks,
        config,
        cuda,
        datasets,
        errors,
        evaluation,
        finetuning,
        info,
        initializers,
        keras,
        layers,
        losses,
        metrics,
        models,
        ops,
        optimizers,
        regularizers,
        tutorial,
        utils,
    )
    from fastcnn.config import get_device, get_threads, set_device, set_seed, set_threads
    from fastcnn.errors import DeviceError, FormatError
    from fastcnn.finetuning import fine_tune
    from fastcnn.tensor import Tensor, from_dlpack

    __version__: str

__all__ = [
    "DeviceError",
    "FormatError",
    "Tensor",
    "__version__",
    "activations",
    "applications",
    "augmentation",
    "backend",
    "callbacks",
    "config",
    "cuda",
    "datasets",
    "errors",
    "evaluation",
    "fine_tune",
    "finetuning",
    "from_dlpack",
    "get_device",
    "get_threads",
    "info",
    "initializers",
    "keras",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "optimizers",
    "regularizers",
    "set_device",
    "set_seed",
    "set_threads",
    "tutorial",
    "utils",
]

_HOMES = {
    "DeviceError": "errors",
    "FormatError": "errors",
    "Tensor": "tensor",
    "fine_tune": "finetuning",
    "from_dlpack": "tensor",
    "get_device": "config",
    "get_threads": "config",
    "set_device": "config",
    "set_seed": "config",
    "set_threads": "config",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("fastcnn")
    elif name in _HOMES:
        value = getattr(import_module(f"fastcnn.{_HOMES[name]}"), name)
    elif name in __all__:
        value = import_module(f"fastcnn.{name}")
    else:
        from fastcnn._arguments import absent

        raise absent("fastcnn", name, __all__)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
