"""`python -m fastcnn.recipes.tutorial_cnn`: the weights of `applications.TutorialCNN`."""

import sys
from collections.abc import Sequence

from fastcnn.applications import TutorialCNN
from fastcnn.recipes.recipe import Recipe
from fastcnn.recipes.recipe import main as run

__all__ = ["RECIPE", "main"]

RECIPE = Recipe(
    epochs=30,
    batch_size=100,
    learning_rate=0.05,
    warmup=0.2,
    momentum=0.9,
    weight_decay=5e-4,
    label_smoothing=0.05,
    shift=2,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    return run("tutorial_cnn", RECIPE, TutorialCNN, arguments)


if __name__ == "__main__":
    sys.exit(main())
