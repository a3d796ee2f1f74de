"""The weights that come with the package, in weights/: a .safetensors for a network, in half precision, and beside it its card."""

from pathlib import Path

__all__ = ["CIFAR10", "FOLDER", "SHA256", "path_of"]

CIFAR10 = "cifar10"
FOLDER = Path(__file__).parent / "weights"
SHA256 = {  # of each file, by the network's name
    "tutorial_cnn": "01dc747b612af79bc9b82688149444ce3032fa883cd2624dab92e8addfd3a129",
    "vgg8": "d868997aaed07d33dd1d964a6dad097e9af418dd38336ad29486bc41f9fdac54",
}


def path_of(network: str) -> Path:
    """The file of the network of that name, as "tutorial_cnn"."""
    return FOLDER / f"{network}-{CIFAR10}.safetensors"
