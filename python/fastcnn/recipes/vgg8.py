"""`python -m fastcnn.recipes.vgg8`: the weights of `applications.VGG8`."""

import sys
from collections.abc import Sequence

from fastcnn.applications import VGG8
from fastcnn.recipes.recipe import Recipe
from fastcnn.recipes.recipe import main as run

__all__ = ["RECIPE", "main"]

RECIPE = Recipe(
    epochs=12,
    batch_size=500,
    learning_rate=0.4,
    warmup=0.2,
    momentum=0.9,
    weight_decay=0.01,
    label_smoothing=0.15,
    shift=2,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    return run("vgg8", RECIPE, VGG8, arguments)


if __name__ == "__main__":
    sys.exit(main())
