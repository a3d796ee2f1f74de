"""Initial values: their distributions, seeds, configs and errors. Against a real Keras: test_keras_surface.py."""

from __future__ import annotations

import math
import re
from typing import Any

import fastcnn
import numpy as np
import pytest
from fastcnn import initializers
from fastcnn._serialization import serialize

SHAPE = (3, 3, 40, 200)  # 72,000 values: the mean of a unit variance is known to 0.0037, the deviation to 0.0026
FAN_IN, FAN_OUT = 9 * 40, 9 * 200
COUNT = math.prod(SHAPE)
SIGMAS = 4.5

# name, arguments; mean and standard deviation; the bounds, or None
CASES: list[tuple[str, dict[str, Any], float, float, tuple[float, float] | None]] = [
    ("RandomUniform", {}, 0, 0.1 / math.sqrt(12), (-0.05, 0.05)),
    ("RandomUniform", {"minval": 1.0, "maxval": 3.0}, 2, 2 / math.sqrt(12), (1, 3)),
    ("RandomNormal", {}, 0, 0.05, None),
    ("RandomNormal", {"mean": 2.0, "stddev": 0.5}, 2, 0.5, None),
    ("TruncatedNormal", {"mean": 2.0, "stddev": 0.5}, 2, 0.5 * 0.8796256610342398, (1, 3)),
    ("GlorotUniform", {}, 0, math.sqrt(2 / (FAN_IN + FAN_OUT)), None),
    ("GlorotNormal", {}, 0, math.sqrt(2 / (FAN_IN + FAN_OUT)), None),
    ("HeUniform", {}, 0, math.sqrt(2 / FAN_IN), (-math.sqrt(6 / FAN_IN), math.sqrt(6 / FAN_IN))),
    ("HeNormal", {}, 0, math.sqrt(2 / FAN_IN), None),
    ("LecunUniform", {}, 0, math.sqrt(1 / FAN_IN), None),
    ("LecunNormal", {}, 0, math.sqrt(1 / FAN_IN), (-2.2737 / math.sqrt(FAN_IN), 2.2737 / math.sqrt(FAN_IN))),
    ("VarianceScaling", {"scale": 3.0, "mode": "fan_out", "distribution": "Uniform"}, 0, math.sqrt(3 / FAN_OUT), None),
    ("VarianceScaling", {"distribution": "untruncated_normal"}, 0, math.sqrt(1 / FAN_IN), None),
    ("VarianceScaling", {"input_axes": [2], "output_axes": [3]}, 0, math.sqrt(1 / 40), None),
]


@pytest.mark.parametrize(("name", "arguments", "mean", "deviation", "bounds"), CASES)
def test_values_have_the_distribution(
    name: str, arguments: dict[str, Any], mean: float, deviation: float, bounds: tuple[float, float] | None
) -> None:
    values = initializers.KNOWN[name](**arguments, seed=5)(SHAPE)  # type: ignore[call-arg]
    assert (values.shape, values.dtype) == (SHAPE, np.float32)
    flat = values.astype(np.float64).ravel()
    assert abs(flat.mean() - mean) < SIGMAS * deviation / math.sqrt(COUNT)
    assert abs(flat.std() / deviation - 1) < SIGMAS / math.sqrt(2 * COUNT)
    if bounds:
        assert bounds[0] <= flat.min() < bounds[0] + 0.01 * deviation
        assert bounds[1] - 0.01 * deviation < flat.max() <= bounds[1]


def quantiles(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.quantile(values.ravel(), [0.0228, 0.1587, 0.5, 0.8413, 0.9772])


def test_normals_are_normal_and_the_truncated_ones_lack_the_tails() -> None:
    normal = initializers.RandomNormal(stddev=1.0, seed=1)(SHAPE)
    np.testing.assert_allclose(quantiles(normal), [-2, -1, 0, 1, 2], atol=0.05)
    assert 3.5 < np.abs(normal).max() < 6
    truncated = initializers.TruncatedNormal(stddev=1.0, seed=1)(SHAPE)
    # the share of a standard normal within [-1, 1], of that within [-2, 2]
    assert abs((np.abs(truncated) <= 1).mean() - 0.6826895 / 0.9544997) < SIGMAS * 0.45 / math.sqrt(COUNT)
    inside = np.abs(normal) <= 2
    np.testing.assert_array_equal(truncated[inside], normal[inside])  # only what lies outside is drawn again
    assert np.unique(truncated).size > 0.99 * COUNT
    assert abs(np.corrcoef(normal.ravel()[:-1], normal.ravel()[1:])[0, 1]) < SIGMAS / math.sqrt(COUNT)


@pytest.mark.parametrize("shape", [(), (1,), (3,), (0,), (2, 3), (0, 3), (1, 1, 1, 1)])
@pytest.mark.parametrize("name", list(initializers.KNOWN))
def test_any_shape_will_do(name: str, shape: tuple[int, ...]) -> None:
    values = initializers.KNOWN[name]()(shape)
    assert (values.shape, values.dtype) == (shape, np.float32)
    assert np.isfinite(values).all()


def test_constants() -> None:
    np.testing.assert_array_equal(initializers.Zeros()((2, 2)), np.zeros((2, 2)))
    np.testing.assert_array_equal(initializers.Ones()((2,), dtype="float32"), np.ones(2))
    np.testing.assert_array_equal(initializers.Constant(2.5)((3,)), [2.5] * 3)


def test_fans_of_vectors_and_scalars_are_keras_s() -> None:
    assert initializers._fans((), None, None) == (1, 1)
    assert initializers._fans((5,), None, None) == (5, 5)
    assert initializers._fans((5, 7), None, None) == (5, 7)
    assert initializers._fans((2, 3, 5, 7), None, None) == (30, 42)
    assert initializers._fans((2, 3, 5, 7), [0, 1], [3]) == (6, 7)


def test_one_initializer_repeats_itself_and_another_seed_does_not() -> None:
    unseeded = initializers.HeNormal()
    np.testing.assert_array_equal(unseeded((9,)), unseeded((9,)))
    assert not np.array_equal(unseeded((9,)), initializers.HeNormal()((9,)))
    np.testing.assert_array_equal(initializers.HeNormal(3)((9,)), initializers.HeNormal(seed=3)((9,)))
    assert not np.array_equal(initializers.HeNormal(3)((9,)), initializers.HeNormal(4)((9,)))
    assert initializers.HeNormal(-1)((9,)).any()


def test_set_seed_makes_a_sequence_of_initializers_repeatable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fastcnn.config, "_seed", None)
    monkeypatch.setattr(fastcnn.config, "_drawn", 0)
    fastcnn.set_seed(7)
    first = [initializers.GlorotUniform()((5,)) for _ in range(2)]
    fastcnn.set_seed(7)
    again = [initializers.GlorotUniform()((5,)) for _ in range(2)]
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(*first)


def test_names_classes_and_configs_are_all_ways_to_an_initializer() -> None:
    for name in ("glorot_uniform", "GlorotUniform"):
        assert type(initializers.get(name)) is initializers.GlorotUniform
    assert type(initializers.get("normal")) is initializers.RandomNormal
    assert type(initializers.get(initializers.Ones)) is initializers.Ones
    mine = initializers.VarianceScaling(2.0, "fan_out", "normal", seed=4)
    assert initializers.get(mine) is mine
    again = initializers.get(serialize(mine))
    assert type(again) is initializers.VarianceScaling
    assert again.get_config() == mine.get_config()
    np.testing.assert_array_equal(again((2, 3)), mine((2, 3)))


@pytest.mark.parametrize("name", list(initializers.KNOWN))
def test_a_config_makes_the_same_initializer(name: str) -> None:
    config = initializers.KNOWN[name]().get_config()
    assert initializers.KNOWN[name].from_config(config).get_config() == config


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: initializers.get("glorot_uniforn"), "initializers.get: unknown initializer 'glorot_uniforn'; did you mean 'glorot_uniform'?"),
        (lambda: initializers.get(3), "an initializer must be a name, an Initializer or its config, but is 3"),
        (lambda: initializers.get({"class_name": "Orthogonal", "config": {}}), "unknown initializer 'Orthogonal'"),
        (lambda: initializers.get({"class_name": "Zeros", "module": "os", "config": {}}), "'Zeros' comes from 'os'"),
        (lambda: initializers.get({"class_name": "Zeros", "registered_name": "my>Zeros"}), "'my>Zeros' is not one of Keras's own"),
        (lambda: initializers.get({"class_name": "Zeros", "config": 3}), "must be {'class_name': ..., 'config': {...}}"),
        (lambda: initializers.get({"class_name": "HeNormal", "config": {"sead": 1}}), "HeNormal: unknown argument 'sead'; did you mean 'seed'?"),
        (lambda: initializers.HeNormal(seed=1.5), "HeNormal: seed must be an integer or None, but is 1.5"),
        (lambda: initializers.VarianceScaling(0), "VarianceScaling: scale must be above 0, but is 0"),
        (lambda: initializers.VarianceScaling(mode="fan_inn"), "VarianceScaling: unknown mode 'fan_inn'; did you mean 'fan_in'?"),
        (lambda: initializers.VarianceScaling(distribution="unifrom"), "unknown distribution 'unifrom'; did you mean 'uniform'?"),
        (lambda: initializers.RandomNormal(stddev=-1), "RandomNormal: stddev must be finite and at least 0, but is -1"),
        (lambda: initializers.Zeros()((2,), dtype="float64"), "Zeros: dtype='float64' is not supported; only 'float32' is"),
    ],
)  # fmt: skip
def test_what_will_not_do_is_named(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        make()
