"""batch_norm: statistics, normalization and gradients against float64, and what the statistics of channels far from 0 lose."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import reference_normalization as reference
from backends import CPU_BACKENDS
from cases import ROUNDINGS, SHORT_SUM, SUM
from checks import assert_close, rejected
from fastcnn import config, ops
from hypothesis import given
from hypothesis import strategies as st
from strategies import seeds

X = np.ones((2, 4, 4, 3), np.float32)
shapes = st.one_of(
    st.tuples(st.integers(1, 40), st.integers(1, 70)),
    st.tuples(st.integers(1, 5), st.integers(1, 9), st.integers(1, 9), st.integers(1, 40)),
)
LARGE = [(32, 30, 30, 48), (7, 33, 31, 3), (3000, 129), (500, 8, 8, 192)]


def arrays(seed: int, *shape: int) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    x = random.normal(size=shape) * random.uniform(0.1, 5, shape[-1]) + random.normal(size=shape[-1])
    gamma, beta = random.normal(size=(2, shape[-1]))
    return {name: np.float32(array) for name, array in {"x": x, "gamma": gamma, "beta": beta}.items()}


def check(seed: int, shape: tuple[int, ...], relu: bool) -> None:
    given_ = arrays(seed, *shape)
    x, gamma, beta = given_["x"], given_["gamma"], given_["beta"]
    mean, variance = ops.batch_norm_statistics(x)
    want_mean, want_variance = reference.batch_norm_statistics(x)
    assert_close(mean, want_mean, SHORT_SUM, terms=np.abs(x).max())
    assert_close(variance, want_variance, SHORT_SUM)
    y = ops.batch_norm(x, mean, variance, gamma, beta, relu=relu)
    scaled = (np.abs(x - mean) * np.abs(gamma / np.sqrt(variance + 1e-3))).max()
    assert_close(
        y, reference.batch_norm(x, mean, variance, gamma, beta, relu=relu), ROUNDINGS, terms=scaled + np.abs(beta).max()
    )
    dy = np.float32(np.random.default_rng(seed + 1).normal(size=shape))
    kept = y if relu else None
    for of_batch in (True, False):
        settings = {"y": kept, "of_batch": of_batch}
        got = ops.batch_norm_backward(dy, x, mean, variance, gamma, **settings)
        want = reference.batch_norm_backward(dy, x, mean, variance, gamma, **settings)
        largest = np.abs(dy).max()
        of_dx = largest * np.abs(gamma / np.sqrt(variance + 1e-3)).max()
        for g, w, terms in zip(got, want, (of_dx, largest, largest), strict=True):
            assert_close(g, w, SUM, terms=terms)


@given(shapes, st.booleans(), seeds)
def test_agrees_with_float64(backend: str, shape: tuple[int, ...], relu: bool, seed: int) -> None:
    check(seed, shape, relu)


@pytest.mark.parametrize("shape", LARGE, ids=str)
def test_agrees_with_float64_for_many_rows(backend: str, shape: tuple[int, ...]) -> None:
    check(0, shape, relu=True)


@pytest.mark.parametrize("backend", CPU_BACKENDS, indirect=True)
@pytest.mark.parametrize("shape", [(8, 50176), (1, 49152)])
def test_agrees_with_float64_for_many_channels_of_few_rows(shape: tuple[int, ...], backend: str) -> None:
    check(1, shape, relu=False)


def test_gamma_and_beta_may_be_missing(backend: str) -> None:
    x = arrays(3, 50, 17)["x"]
    mean, variance = ops.batch_norm_statistics(x)
    assert_close(ops.batch_norm(x, mean, variance), reference.batch_norm(x, mean, variance), ROUNDINGS)
    dx, _, _ = ops.batch_norm_backward(x, x, mean, variance)
    assert_close(dx, reference.batch_norm_backward(x, x, mean, variance)[0], 20 * SUM)  # dy = x cancels all but epsilon


def test_a_mean_far_from_0_costs_the_variance_little(backend: str) -> None:
    """What the squares' mean less the mean's square would lose altogether."""
    x = np.float32(np.random.default_rng(0).normal(size=(5000, 3)) * 0.01 + [1000.0, -300.0, 0.0])
    _, variance = ops.batch_norm_statistics(x)
    want = x.astype(np.float64).var(0)
    np.testing.assert_allclose(variance, want, rtol=5e-4)  # float32 has 160 numbers within one deviation there


def test_equal_values_have_no_variance(backend: str) -> None:
    mean, variance = ops.batch_norm_statistics(np.full((3000, 5), 0.1, np.float32))
    np.testing.assert_array_equal(variance, 0)
    assert_close(mean, np.full(5, np.float32(0.1), np.float64), 0)


def test_nan_stays_in_its_channel(backend: str) -> None:
    x = arrays(1, 40, 20)["x"]
    x[7, 4] = np.nan
    mean, variance = ops.batch_norm_statistics(x)
    y = ops.batch_norm(x, mean, variance, relu=True)
    assert np.isnan(y[:, 4]).all()
    assert not np.isnan(np.delete(y, 4, 1)).any()


def test_results_do_not_depend_on_the_threads(backend: str) -> None:
    x = arrays(2, 64, 16, 16, 24)["x"]
    results = []
    threads = config.get_threads()
    for count in (1, 2, 3):
        config.set_threads(count)
        mean, variance = ops.batch_norm_statistics(x)
        results.append([mean, variance, *ops.batch_norm_backward(x, x, mean, variance)])
    config.set_threads(threads)
    for other in results[1:]:
        for got, want in zip(other, results[0], strict=True):
            np.testing.assert_array_equal(got, want)


def test_no_rows_at_all(backend: str) -> None:
    x = np.zeros((0, 4, 4, 3), np.float32)
    mean, variance = ops.batch_norm_statistics(x)
    assert ops.batch_norm(x, mean, variance).shape == x.shape
    dx, dgamma, dbeta = ops.batch_norm_backward(x, x, mean, variance)
    assert dx.shape == x.shape
    np.testing.assert_array_equal([dgamma, dbeta], 0)


def test_bad_input_is_named() -> None:
    mean, variance = ops.batch_norm_statistics(X)
    with rejected(ValueError, "batch_norm", "x", (3,)):
        ops.batch_norm(np.ones(3, np.float32), mean, variance)
    with rejected(ValueError, "batch_norm", "gamma", (3,), (4,)):
        ops.batch_norm(X, mean, variance, np.ones(4, np.float32))
    with rejected(ValueError, "batch_norm", "epsilon", -1):
        ops.batch_norm(X, mean, variance, epsilon=-1)
    with rejected(ValueError, "batch_norm_backward", "dy", (2, 4, 4, 3)):
        ops.batch_norm_backward(X[:1], X, mean, variance)
