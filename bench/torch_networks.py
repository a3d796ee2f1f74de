"""The networks of `fastcnn.applications` in PyTorch, for the benchmarks, and our weights for them. `torch` is given, so that nothing is imported before it is wanted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["SCALED", "dense_of_nchw", "load", "tutorial_cnn", "vgg8"]

WIDTHS = (64, 256, 256)
SCALED = {"vgg8": (1 / 64, -2.0), "tutorial_cnn": (1 / 255, 0.0)}  # what they are given is pixels * scale + offset


def vgg8(torch: Any, classes: int) -> Any:
    """`applications.VGG8`, whose first layer may be frozen by the caller."""
    nn = torch.nn
    body, channels = [nn.Conv2d(3, 24, 2, padding="same"), nn.GELU()], 24
    for filters in WIDTHS:
        for pooling in ([nn.MaxPool2d(2)], []):
            normalization = nn.BatchNorm2d(filters, eps=1e-5, momentum=0.1)
            normalization.weight.requires_grad_(False)
            body += [nn.Conv2d(channels, filters, 3, padding=1, bias=False), *pooling, normalization, nn.GELU()]
            channels = filters

    class Temper(nn.Module):  # type: ignore[name-defined, misc]
        def forward(self, x: Any) -> Any:
            return x / 9

    head = nn.AdaptiveMaxPool2d(1), nn.Flatten(), Temper(), nn.Linear(channels, classes)
    return nn.Sequential(*body, *head)


def tutorial_cnn(torch: Any, classes: int) -> Any:
    """`applications.TutorialCNN`."""
    nn = torch.nn
    return nn.Sequential(
        *(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(64, 64, 3), nn.ReLU(), nn.Flatten(), nn.Linear(1024, 64), nn.ReLU(), nn.Linear(64, classes)),
    )


def load(torch: Any, model: Any, weights: Iterable[NDArray[Any]]) -> Any:
    """Gives the model the weights of ours, in the order of `get_weights`, and returns it."""
    nn = torch.nn
    given, channels = iter(weights), 0  # of the last convolution, before any dense layer
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                for to in (module.bias, module.running_mean, module.running_var):
                    to.copy_(torch.from_numpy(next(given)))
            elif isinstance(module, nn.Conv2d):
                module.weight.copy_(torch.from_numpy(next(given).transpose(3, 2, 0, 1)))
                channels = module.out_channels
            elif isinstance(module, nn.Linear):
                kernel = next(given)
                kernel, channels = dense_of_nchw(kernel, channels) if channels else kernel.T, 0
                module.weight.copy_(torch.from_numpy(np.ascontiguousarray(kernel)))
            else:
                continue
            if getattr(module, "bias", None) is not None and not isinstance(module, nn.BatchNorm2d):
                module.bias.copy_(torch.from_numpy(next(given)))
    return model


def dense_of_nchw(kernel: NDArray[Any], channels: int) -> NDArray[Any]:
    """The kernel (inputs, outputs) of a dense layer behind Flatten, as (outputs, inputs) of square images that were flattened channel by channel."""
    side = round((len(kernel) / channels) ** 0.5)
    return kernel.reshape(side, side, channels, -1).transpose(3, 2, 0, 1).reshape(kernel.shape[1], -1)
