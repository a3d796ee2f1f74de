"""formats/keras_h5.py and files that are damaged, foreign or malicious: a FormatError that names the file and the place, and nothing is run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fastcnn
import h5py
import numpy as np
import pytest
from fastcnn import layers, losses, models, optimizers
from fastcnn.formats import keras_h5

KERNEL = "model_weights/a/m/a/kernel"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A good file of a small model that was trained; the tests spoil it."""
    model = models.Sequential(
        [layers.Input((6, 6, 1)), layers.Conv2D(2, 3, name="a"), layers.Flatten(), layers.Dense(3)], name="m"
    )
    model.compile(
        optimizers.Adam(name="adam"), losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"]
    )
    model.train_on_batch(np.ones((2, 6, 6, 1), np.float32), np.zeros(2))
    model.save(tmp_path / "model.h5")
    return tmp_path / "model.h5"


@contextmanager
def refused(path: Path, *parts: str) -> Iterator[None]:
    """After the block, loading `path` is a FormatError that begins with the file's name and holds every part."""
    yield
    with pytest.raises(fastcnn.FormatError, match="^" + re.escape(f"{path}: ")) as raised:
        keras_h5.load(path)
    message = str(raised.value)
    assert [part for part in parts if part not in message] == [], message


@contextmanager
def edited(path: Path, attribute: str) -> Iterator[dict[str, Any]]:
    """The JSON of an attribute, to be changed in the block."""
    with h5py.File(path, "r+") as file:
        value = json.loads(file.attrs[attribute])
        yield value
        file.attrs[attribute] = json.dumps(value)


def replace(file: h5py.File, name: str, value: Any) -> None:
    del file[name]
    file[name] = value


def note(file: h5py.File, place: str, attribute: str, value: Any) -> None:
    file[place].attrs[attribute] = value


def test_the_file_that_is_spoiled_below_is_good(path: Path) -> None:
    assert keras_h5.load(path).optimizer.iterations == 1


def test_lambda_is_refused_and_its_code_never_runs(path: Path) -> None:
    code = "import pathlib; pathlib.Path('hacked').touch()"
    config = {"name": "evil", "function": {"class_name": "__lambda__", "config": {"code": code}}}
    with refused(path, "model_config/layer 1", "Lambda", "evil", "never run"), edited(path, "model_config") as written:
        written["config"]["layers"][1] = {"class_name": "Lambda", "config": config}


@pytest.mark.parametrize(
    ("entry", "parts"),
    [
        ({"class_name": "Conv3D", "config": {}}, ["layer 'Conv3D'", "did you mean 'Conv2D'"]),
        ({"class_name": "os.system", "config": {}}, ["layer 'os.system'"]),
        ({"class_name": "Flatten", "registered_name": "mine>Flatten", "config": {}}, ["Flatten"]),
        ({"class_name": ["Flatten"], "config": {}}, ["['Flatten']"]),
        ({"class_name": "Flatten"}, ["must have a class_name and a config"]),
        ("Flatten", ["must have a class_name and a config"]),
        ({"class_name": "Flatten", "config": {"shuffle": True}}, ["unknown argument 'shuffle'"]),
        (
            {"class_name": "Flatten", "config": {"data_format": "channels_first"}},
            ["data_format='channels_first' is not supported"],
        ),
        ({"class_name": "Flatten", "config": {"name": "a"}}, ["'a' is taken"]),
        ({"class_name": "Flatten", "config": {"name": "../a"}}, ["name"]),
        ({"class_name": "Dense", "config": {"units": "many"}}, ["units", "'many'"]),
        ({"class_name": "Dense", "config": {"units": 3, "activation": "mish"}}, ["activation 'mish'"]),
        (
            {"class_name": "Dense", "config": {"units": 3, "activation": {"class_name": "function", "config": "f"}}},
            ["activation"],
        ),
        (
            {"class_name": "Dense", "config": {"units": 3, "kernel_regularizer": {"class_name": "Orthogonal"}}},
            ["regularizer 'Orthogonal'"],
        ),
        ({"class_name": "Dense", "config": {"units": 3}}, ["Dense", "(6, 6, 1)"]),
        ({"class_name": "Conv2D", "config": {"filters": 1, "kernel_size": 9}}, ["kernel_size"]),
        ({"class_name": "Conv2D", "config": {"kernel_size": 3}}, ["filters"]),
        ({"class_name": "Flatten", "config": {"dtype": "float16"}}, ["float16"]),
    ],
)
def test_layer_that_is_unknown_or_unsupported_is_named(path: Path, entry: Any, parts: list[str]) -> None:
    with refused(path, "model_config", *parts), edited(path, "model_config") as config:
        config["config"]["layers"].insert(1, entry)
        config["config"]["layers"][2]["config"]["name"] = "a"


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (lambda file: file.attrs.pop("model_config"), ["no attribute 'model_config'"]),
        (lambda file: note(file, "/", "model_config", 7), ["model_config", "no text"]),
        (lambda file: note(file, "/", "model_config", b"\xff\xfe{}"), ["model_config", "JSON"]),
        (lambda file: note(file, "/", "model_config", '{"class_name": '), ["model_config", "JSON"]),
        (lambda file: note(file, "/", "model_config", "[" * 100_000), ["model_config", "JSON"]),
        (lambda file: note(file, "/", "model_config", "[1]"), ["model_config", "must be an object"]),
        (lambda file: note(file, "/", "model_config", "{}"), ["model_config", "Sequential"]),
        (
            lambda file: note(file, "/", "model_config", '{"class_name": "Functional"}'),
            ["'Functional'", "'Sequential'"],
        ),
        (
            lambda file: note(file, "/", "model_config", '{"class_name": "Sequential", "config": []}'),
            ["list of layers"],
        ),
        (lambda file: note(file, "/", "training_config", "{}"), ["training_config", "optimizer"]),
        (lambda file: note(file, "/", "training_config", "null"), ["training_config", "must be an object"]),
        (lambda file: file.pop("model_weights"), ["model_weights", "missing"]),
        (lambda file: replace(file, "model_weights", [1.0]), ["model_weights", "no group"]),
        (lambda file: file.pop("model_weights/a"), ["model_weights/a", "missing"]),
        (lambda file: file["model_weights"].attrs.pop("layer_names"), ["model_weights", "'layer_names'"]),
        (lambda file: note(file, "model_weights", "layer_names", [1.0, 2.0]), ["model_weights/layer_names", "no text"]),
        (lambda file: note(file, "model_weights", "layer_names", "a"), ["model_weights/layer_names", "no list"]),
        (lambda file: note(file, "model_weights", "layer_names", [b"a"]), ["1 layers", "2 with weights"]),
        (
            lambda file: note(file, "model_weights/a", "weight_names", [b"m/a/kernel"]),
            ["model_weights/a", "1 weights", "has 2"],
        ),
        (lambda file: file.pop(KERNEL), [KERNEL, "missing"]),
        (lambda file: replace(file, KERNEL, np.zeros((3, 3, 1, 4), "f")), [KERNEL, "(3, 3, 1, 4)", "(3, 3, 1, 2)"]),
        (lambda file: replace(file, KERNEL, np.zeros((3, 3, 1, 2), "i")), [KERNEL, "int32", "real"]),
        (lambda file: replace(file, KERNEL, np.zeros((3, 3, 1, 2), "S4")), [KERNEL, "S4", "real"]),
        (lambda file: replace(file, KERNEL, np.float32(1)), [KERNEL, "()"]),
        (lambda file: replace(file, KERNEL, h5py.Empty("f")), [KERNEL, "None"]),
        (lambda file: (file.pop(KERNEL), file.create_group(KERNEL)), [KERNEL, "no data set"]),
        (lambda file: replace(file, "optimizer_weights/adam/iteration", -1), ["optimizer_weights", "iteration is -1"]),
        (
            lambda file: replace(file, "optimizer_weights/adam/iteration", 0.5),
            ["optimizer_weights/adam/iteration", "whole"],
        ),
        (
            lambda file: replace(file, "optimizer_weights/adam/learning_rate", np.nan),
            ["optimizer_weights", "learning_rate", "nan"],
        ),
        (
            lambda file: note(file, "optimizer_weights", "weight_names", [b"adam/iteration"]),
            ["optimizer_weights", "1 arrays"],
        ),
    ],
)
def test_what_is_missing_or_of_another_kind_is_named(
    path: Path, change: Callable[[h5py.File], Any], parts: list[str]
) -> None:
    with refused(path, *parts), h5py.File(path, "r+") as file:
        change(file)


@pytest.mark.parametrize(
    ("key", "value", "parts"),
    [
        ("optimizer_config", {"class_name": "RMSprop", "config": {}}, ["optimizer 'RMSprop'"]),
        ("optimizer_config", {"class_name": "Adam", "config": {"amsgrad": True}}, ["amsgrad=True is not supported"]),
        (
            "optimizer_config",
            {"class_name": "Adam", "config": {"learning_rate": {"class_name": "CosineDecay"}}},
            ["learning_rate"],
        ),
        (
            "optimizer_config",
            {"class_name": "SGD", "config": {"momentum": 0.9}},
            ["optimizer_weights", "10 arrays", "SGD"],
        ),
        ("loss", "mape", ["loss 'mape'"]),
        ("loss", {"class_name": "function", "config": "my_loss"}, ["loss", "my_loss"]),
        ("loss", {"a": "mse", "b": "mse"}, ["loss"]),
        ("metrics", ["auk"], ["metric 'auk'; did you mean 'auc'?"]),
        ("metrics", {"a": "accuracy"}, ["metrics"]),
        ("loss_weights", [2.0], ["loss_weights=[2.0] is not supported"]),
    ],
)
def test_training_that_is_not_supported_is_named_and_compile_false_reads_the_model(
    path: Path, key: str, value: Any, parts: list[str]
) -> None:
    with refused(path, *parts), edited(path, "training_config") as config:
        config[key] = value
    assert not keras_h5.load(path, compile=False).compiled


def test_links_that_may_lead_out_of_the_file_are_not_followed(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["secret"] = np.ones((3, 3, 1, 2), "f")
        file["group/m/a/kernel"] = np.ones((3, 3, 1, 2), "f")
    for place, link in (
        (KERNEL, h5py.ExternalLink("other.h5", "/secret")),
        (KERNEL, h5py.ExternalLink("missing.h5", "/secret")),
        (KERNEL, h5py.SoftLink("/model_weights/a/m/a/bias")),
        ("model_weights/a", h5py.ExternalLink("other.h5", "/group")),
        ("optimizer_weights", h5py.ExternalLink("other.h5", "/group")),
    ):
        spoiled = tmp_path / "spoiled.h5"
        spoiled.write_bytes(path.read_bytes())
        with refused(spoiled, place, "not followed"), h5py.File(spoiled, "r+") as file:
            replace(file, place, link)


def test_values_kept_in_other_files_are_not_read(path: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.bin"
    secret.write_bytes(bytes(4 * 18))
    with h5py.File(path, "r+") as file:
        del file[KERNEL]
        file.create_dataset(KERNEL, (3, 3, 1, 2), "f", external=[(str(secret), 0, h5py.h5f.UNLIMITED)])
    with refused(path, KERNEL, "in another file"):
        pass
    with refused(path, KERNEL, "in another file"), h5py.File(path, "r+") as file:
        del file[KERNEL]
        layout = h5py.VirtualLayout((3, 3, 1, 2), "f")
        layout[...] = h5py.VirtualSource(path.with_name("other.h5"), "secret", (3, 3, 1, 2))
        file.create_virtual_dataset(KERNEL, layout)


def test_huge_data_set_is_refused_before_it_is_read(path: Path) -> None:
    with refused(path, KERNEL, "(1000000000000,)"), h5py.File(path, "r+") as file:
        del file[KERNEL]
        file.create_dataset(KERNEL, (10**12,), "f", chunks=(1000,))


def test_truncated_file(path: Path) -> None:
    whole = path.read_bytes()
    for length in (9, 100, 1000, len(whole) // 2, len(whole) - 1):
        with refused(path, "damaged"):
            path.write_bytes(whole[:length])


@pytest.mark.parametrize("content", [b"", b"{}", b"PK\x03\x04 a .keras file", b"\x89PNG\r\n\x1a\n", bytes(5000)])
def test_foreign_file(path: Path, content: bytes) -> None:
    with refused(path, "is not an HDF5 file"):
        path.write_bytes(content)


def test_file_that_is_not_there_or_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"missing\.h5"):
        keras_h5.load(tmp_path / "missing.h5")
    with pytest.raises(IsADirectoryError, match=re.escape(str(tmp_path))):
        keras_h5.load(tmp_path)
