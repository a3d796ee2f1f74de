"""Batches beside a real Keras 3: the same epochs of the same steps on arrays, generators and PyDatasets; and the loaders of other frameworks."""

from __future__ import annotations

import types
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from fastcnn import layers, losses, models, optimizers, utils
from peer_keras import QUIET, keras_or_skip

pytestmark = QUIET

OURS = types.SimpleNamespace(layers=layers, losses=losses, models=models, optimizers=optimizers, utils=utils)
X = np.random.default_rng(0).normal(size=(23, 4)).astype(np.float32)
Y = np.random.default_rng(1).normal(size=(23, 2)).astype(np.float32)
WEIGHTS = np.linspace(0, 2, 23).astype(np.float32)
SIZE = 5  # five batches, the last of three
ROUNDING = 1e-5


@pytest.fixture(scope="module")
def keras() -> Any:
    return keras_or_skip()


def linear(words: Any) -> Any:
    model = words.models.Sequential([words.layers.Input((4,)), words.layers.Dense(2)])
    model.compile(words.optimizers.SGD(0.05), "mse", metrics=["mae"], weighted_metrics=["mae"])
    random = np.random.default_rng(2)
    model.set_weights([random.normal(size=weight.shape).astype(np.float32) for weight in model.get_weights()])
    return model


def dataset(words: Any, *arrays: Any) -> Any:
    """The arrays as a PyDataset of that library."""

    class Dataset(words.utils.PyDataset):  # type: ignore[misc]
        def __len__(self) -> int:
            return -(-len(X) // SIZE)

        def __getitem__(self, index: int) -> tuple[Any, ...]:
            return tuple(array[SIZE * index : SIZE * (index + 1)] for array in arrays)

    return Dataset()


def forever(*arrays: Any) -> Iterator[tuple[Any, ...]]:
    while True:
        for start in range(0, len(X), SIZE):
            yield tuple(array[start : start + SIZE] for array in arrays)


KINDS = {
    "arrays": lambda words: {"x": X, "y": Y, "batch_size": SIZE},
    "weighted arrays": lambda words: {"x": X, "y": Y, "batch_size": SIZE, "sample_weight": WEIGHTS},
    "PyDataset": lambda words: {"x": dataset(words, X, Y)},
    "weighted PyDataset": lambda words: {"x": dataset(words, X, Y, WEIGHTS)},
    "generator": lambda words: {"x": forever(X, Y)},
    "weighted generator": lambda words: {"x": forever(X, Y, WEIGHTS)},
}


ENDLESS = {"generator", "weighted generator"}


@pytest.mark.parametrize(
    ("kind", "steps"), [(kind, steps) for kind in KINDS for steps in (None, 1, 2, 4, 5) if steps or kind not in ENDLESS]
)
def test_fit_evaluate_and_predict(kind: str, steps: int | None, keras: Any) -> None:
    found = []
    for words in (OURS, keras):
        model = linear(words)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "(?s).*(no more batches|ran out of data)")
            held = None  # of generators, whose first batches Keras shows again each time
            if kind not in ENDLESS:
                held = KINDS[kind](words)
                held = (held["x"], held["y"]) if "y" in held else held["x"]
            history = model.fit(
                **KINDS[kind](words),
                epochs=7,
                steps_per_epoch=steps,
                validation_data=held,
                validation_steps=None if held is None else steps,
                shuffle=False,
                verbose=0,
            )
            results = model.evaluate(**KINDS[kind](words), steps=steps, verbose=0, return_dict=True)
            asked = KINDS[kind](words)
            asked = {name: asked[name] for name in ("x", "batch_size") if name in asked}
            outputs = model.predict(**asked, steps=steps, verbose=0)
        found.append((history, results, outputs, model.get_weights()))
    (mine, my_results, my_outputs, my_weights), (its, its_results, its_outputs, its_weights) = found
    assert (mine.epoch, mine.params["steps"]) == (its.epoch, its.params["steps"])
    assert list(mine.history) == list(its.history)
    for name, values in its.history.items():
        np.testing.assert_allclose(mine.history[name], values, rtol=ROUNDING, err_msg=name)
    assert my_results == pytest.approx(its_results, rel=ROUNDING)
    np.testing.assert_allclose(my_outputs, its_outputs, rtol=ROUNDING, atol=ROUNDING)
    for my_weight, its_weight in zip(my_weights, its_weights, strict=True):
        np.testing.assert_allclose(my_weight, its_weight, rtol=ROUNDING, atol=ROUNDING)


def test_loaders_of_pytorch_and_tensorflow(keras: Any) -> None:
    tf = pytest.importorskip("tensorflow", reason="tensorflow is a peer here, and is not installed")
    torch = pytest.importorskip("torch", reason="torch is a peer here, and is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.utils.data import DataLoader, TensorDataset

        expected = linear(OURS)
        history = expected.fit(X, Y, SIZE, epochs=2, shuffle=False, verbose=0).history
        tensors = TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
        slices = tf.data.Dataset.from_tensor_slices((X, Y)).batch(SIZE)
        for loader in (DataLoader(tensors, batch_size=SIZE), slices):
            model = linear(OURS)
            assert model.fit(loader, epochs=2, verbose=0).history == history
            assert np.array_equal(model.predict(loader, verbose=0), expected.predict(X, SIZE, verbose=0))
        endless = linear(OURS)
        assert endless.fit(slices.repeat(), epochs=2, steps_per_epoch=5, verbose=0).history == history
