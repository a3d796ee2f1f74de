"""The settings of the process, and the names at the top of the package. What `import fastcnn` may import is in test_house.py."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import fastcnn
import numpy as np
import pytest
from fastcnn import _core, config, layers, models


@pytest.fixture(autouse=True)
def seed_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "_seed", config._seed)
    monkeypatch.setattr(config, "_drawn", config._drawn)


def test_seeds_follow_from_the_one_that_was_set() -> None:
    fastcnn.set_seed(1)
    first = [config.draw_seed() for _ in range(1000)]
    fastcnn.set_seed(np.int64(1))
    assert [config.draw_seed() for _ in range(1000)] == first
    fastcnn.set_seed(2)
    other = [config.draw_seed() for _ in range(1000)]
    assert len({*first, *other}) == 2000
    assert all(0 <= seed < 2**63 for seed in first)
    fastcnn.set_seed(2**64 - 1)
    assert 0 <= config.draw_seed() < 2**63


def test_without_a_set_seed_the_system_gives_other_ones_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "_seed", None)
    seeds = [config.draw_seed() for _ in range(10)]
    assert len(set(seeds)) == 10
    assert all(0 <= seed < 2**63 for seed in seeds)


@pytest.mark.parametrize("seed", [-1, 2**64, 1.0, "1", None, True])
def test_a_seed_is_a_whole_number(seed: object) -> None:
    with pytest.raises(ValueError, match=r"^set_seed: seed must be an integer with 0 <= seed < 2\*\*64, but is"):
        fastcnn.set_seed(seed)  # type: ignore[arg-type]


def test_threads_are_set_and_told() -> None:
    before = fastcnn.get_threads()
    try:
        fastcnn.set_threads(3)
        assert fastcnn.get_threads() == 3
    finally:
        fastcnn.set_threads(before)
    with pytest.raises(ValueError, match="set_threads: count must be an integer of at least 1, but is 0"):
        fastcnn.set_threads(0)
    assert fastcnn.get_threads() == before


@pytest.mark.parametrize(
    "reason", ["this build of fastcnn was made without CUDA (FASTCNN_CUDA was off)", "no NVIDIA driver is installed"]
)
def test_where_cuda_cannot_be_used_it_says_why_not(reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_core, "why_not_cuda", lambda index: reason)
    fastcnn.set_device("cpu")
    for device in ("cuda", "cuda:1"):
        with pytest.raises(
            fastcnn.DeviceError, match=f"'{device}' cannot be used, because {re.escape(reason)}; use 'cpu'"
        ):
            fastcnn.set_device(device)
        assert fastcnn.get_device() == "cpu"
    for device in ("gpu", "cuda:", "cuda:x", "", None):
        with pytest.raises(ValueError, match="device must be 'auto', 'cpu', 'cuda' or 'cuda:0'"):
            fastcnn.set_device(device)  # type: ignore[arg-type]
    fastcnn.set_device("auto")


def test_the_device_is_the_cpu_where_no_gpu_works_and_nothing_is_said() -> None:
    script = "import fastcnn, numpy; fastcnn.ops.relu(numpy.float32([1])); print(fastcnn.get_device())"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"CUDA_VISIBLE_DEVICES": "-1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("cpu\n", "")


def test_tensorflow_s_words_with_fastcnn_for_tensorflow() -> None:
    import fastcnn as tf
    from fastcnn.keras import Sequential, datasets, layers, models
    from fastcnn.keras.layers import Conv2D

    assert (layers, models, datasets) == (fastcnn.layers, fastcnn.models, fastcnn.datasets)
    assert Conv2D is tf.keras.layers.Conv2D is fastcnn.layers.Conv2D
    assert Sequential is tf.keras.models.Sequential
    assert tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True).from_logits


def test_every_name_of_the_package_is_there_and_no_other() -> None:
    for name in fastcnn.__all__:
        assert getattr(fastcnn, name) is not None
        assert name in dir(fastcnn)
    with pytest.raises(AttributeError, match="module 'fastcnn' has no 'layer'; did you mean 'layers'"):
        fastcnn.layer  # noqa: B018


def test_winograds_algorithm_is_allowed_until_it_is_not() -> None:
    assert config.get_winograd() is True
    config.set_winograd(False)
    try:
        assert config.get_winograd() is False
    finally:
        config.set_winograd(True)
    with pytest.raises(TypeError, match="set_winograd: allowed must be True or False, but is 1"):
        config.set_winograd(1)  # type: ignore[arg-type]


def test_a_model_goes_by_what_is_allowed_now() -> None:
    x = np.random.default_rng(0).random((4, 14, 14, 32), np.float32)
    model = models.Sequential([layers.Input(x.shape[1:]), layers.Conv2D(64, 3)])
    first = model.predict_on_batch(x)
    config.set_winograd(False)
    try:
        direct = model.predict_on_batch(x)
    finally:
        config.set_winograd(True)
    assert not np.array_equal(first, direct)
    np.testing.assert_allclose(first, direct, atol=1e-5)
    np.testing.assert_array_equal(model.predict_on_batch(x), first)
