"""CIFAR-100: 50,000 training and 10,000 test images of 32x32 pixels in 100 classes, or their 20 superclasses, as Keras gives them.

Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009,
https://www.cs.toronto.edu/~kriz/cifar.html.
How its files are found and read: `_cifar.py`.
"""

import os

from . import _cifar, _store

__all__ = ["CLASS_NAMES", "COARSE_CLASS_NAMES", "load_data"]

# The lines of the archive's fine_label_names.txt and coarse_label_names.txt, spelt as there.
_FINE = """
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle caterpillar cattle chair
    chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard
    lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear
    pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail
    snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle wardrobe whale
    willow_tree wolf woman worm"""
_COARSE = """
    aquatic_mammals fish flowers food_containers fruit_and_vegetables household_electrical_devices household_furniture insects
    large_carnivores large_man-made_outdoor_things large_natural_outdoor_scenes large_omnivores_and_herbivores medium_mammals
    non-insect_invertebrates people reptiles small_mammals trees vehicles_1 vehicles_2"""

CLASS_NAMES = tuple(_FINE.split())
COARSE_CLASS_NAMES = tuple(_COARSE.split())

_TRAIN_RECORDS, _TEST_RECORDS = 50_000, 10_000


def load_data(
    label_mode: str = "fine", data_dir: str | os.PathLike[str] | None = None
) -> tuple[_cifar.Split, _cifar.Split]:
    """Return CIFAR-100, from this machine if it is there, else downloaded once and kept.

    Looked for as CIFAR-10 is (`cifar10.load_data`), in folders named `cifar-100-binary` (the binary version) or `cifar-100-python` (the python
    version). If it is nowhere, 169 MB are downloaded into the folder of FASTCNN_DATA, without one into the cache folder, and verified.

    Parameters
    ----------
    label_mode : "fine" or "coarse"
        Which labels: the 100 classes of `CLASS_NAMES`, or the 20 superclasses of `COARSE_CLASS_NAMES`, five classes each.
    data_dir : path or None
        The only folder to look in; nothing is downloaded into it.

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        x : uint8 (n, 32, 32, 3), red, green, blue, contiguous; y : uint8 (n, 1), an index into the names. n is 50,000 and 10,000; each class has
        500 and 100 of them. (Keras gives the labels as int64 here, and as uint8 for CIFAR-10.)

    Raises
    ------
    ValueError
        `label_mode` is something else.
    FileNotFoundError, ConnectionError, FormatError
        As `cifar10.load_data`.
    """
    if label_mode not in ("fine", "coarse"):
        raise ValueError(f"cifar100: label_mode must be 'fine' or 'coarse', but is {label_mode!r}")
    published = _published()
    wanted = [labels.key for labels in published.labels].index(f"{label_mode}_labels")
    return _cifar.load(published, data_dir, wanted)


_BINARY = _cifar.Layout("cifar-100-binary", ("train.bin",), "test.bin")

# The MD5 is the one on the data set's page, as the file `md5sums` of github.com/datasets-mila/datasets--cifar100 has it too; the size is that of
# `url_checksums/cifar100.txt` in tensorflow-datasets 4.9.10 on PyPI. Neither is of a file that was downloaded here.
ARCHIVE = _store.Archive(
    url="https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
    size=168_513_733,
    md5="03b5dce01913d631647c71ecec9e9cb8",
    folder=_BINARY.folder,
    members={
        name: records * (2 + 3 * 32 * 32)
        for name, records in (("train.bin", _TRAIN_RECORDS), ("test.bin", _TEST_RECORDS))
    },
)


def _published() -> _cifar.Published:
    return _cifar.Published(
        module="cifar100",
        title="CIFAR-100",
        binary=_BINARY,
        pickled=_cifar.Layout("cifar-100-python", ("train",), "test"),
        labels=(
            _cifar.Labels("coarse_labels", len(COARSE_CLASS_NAMES)),
            _cifar.Labels("fine_labels", len(CLASS_NAMES)),
        ),
        train_records=_TRAIN_RECORDS,
        test_records=_TEST_RECORDS,
        archive=ARCHIVE,
    )
