"""The table of what is compared with a real Keras: every public class of layers, losses, metrics, regularizers, initializers, schedules and optimizers.

An entry is a class, its arguments and the shapes it is tried with; layers, losses and metrics are in keras_table_layers.py. test_keras_table.py holds
that no class, and no argument of one, is missing; test_keras_table_words_peer.py, test_keras_table_peer.py, test_metrics_peer.py,
test_metrics_models_peer.py and test_schedules_peer.py run over the entries. What is refused, and what else differs on purpose, is in docs/keras.md.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import product
from typing import Any

import pytest
from keras_entry import Entry, Shapes, known_as, make, normal, pair
from keras_table_layers import AUGMENTATIONS, LAYERS, LOSSES, METRICS

__all__ = ["AUGMENTATIONS", "BASES", "OWN", "TABLE", "Entry", "each", "known_as", "make", "normal", "of", "pair"]


def schedules() -> list[Entry]:
    """Every schedule with its options in every combination."""
    rates, steps, both = (0.1, 0.0003), (1, 7, 32, 12.5), (False, True)
    decay = [
        {"initial_learning_rate": rate, "decay_steps": count, "decay_rate": decay, "staircase": staircase}
        for rate, count, decay, staircase in product(rates, steps, (0.96, 0.5, 0.0), both)
    ]
    polynomial = [
        {"initial_learning_rate": rate, "decay_steps": count, "end_learning_rate": end, "power": power, "cycle": cycle}
        for rate, count, end, power, cycle in product(rates, steps, (1e-4, 0.0), (1.0, 0.5, 2), both)
    ]
    warmups = ({}, {"warmup_target": 0.2, "warmup_steps": 10}, {"warmup_target": 0.2}, {"warmup_steps": 5})
    cosine = [
        {"initial_learning_rate": rate, "decay_steps": count, "alpha": alpha, **warmup}
        for rate, count, alpha, warmup in product(rates, steps, (0.0, 0.1), warmups)
    ]
    restarts = [
        {"initial_learning_rate": rate, "first_decay_steps": count, "t_mul": growth, "m_mul": height, "alpha": alpha}
        for rate, count, growth, height, alpha in product(rates, steps, (2.0, 1.0, 1.5), (1.0, 0.9), (0.0, 0.1))
    ]
    constant = [
        {"boundaries": [10, 100], "values": [0.1, 0.01, 0.001]},
        {"boundaries": [5], "values": [0.5, 1.0], "name": "mine"},
        {"boundaries": [3, 3, 7.5], "values": [0.1, 0.2, 0.3, 0.4]},
    ]
    return [
        *(Entry("ExponentialDecay", arguments) for arguments in decay),
        *(Entry("InverseTimeDecay", arguments) for arguments in decay),
        *(Entry("PolynomialDecay", arguments) for arguments in polynomial),
        *(Entry("CosineDecay", arguments) for arguments in cosine),
        *(Entry("CosineDecayRestarts", arguments) for arguments in restarts),
        *(Entry("PiecewiseConstantDecay", arguments) for arguments in constant),
    ]


# What an initializer draws, by `data`: "values": the same values; "bounded": up to bounds that Keras's reach too; "tails": up to no bound.
KERNELS: Shapes = ((3, 3, 16, 300), (250, 160), (20_000,), (5, 7, 600), (1, 1, 20_000, 1))
INITIALIZERS = [
    Entry("Zeros", {}, KERNELS, "values"),
    Entry("Ones", {}, KERNELS, "values"),
    Entry("Constant", {}, KERNELS, "values"),
    Entry("Constant", {"value": 0.3}, KERNELS, "values"),
    Entry("RandomUniform", {}, KERNELS, "bounded"),
    Entry("RandomUniform", {"minval": -1.0, "maxval": 2.0, "seed": 3}, KERNELS, "bounded"),
    Entry("RandomNormal", {}, KERNELS, "tails"),
    Entry("RandomNormal", {"mean": -2.0, "stddev": 0.5, "seed": 3}, KERNELS, "tails"),
    Entry("TruncatedNormal", {}, KERNELS, "bounded"),
    Entry("TruncatedNormal", {"mean": 2.0, "stddev": 0.5, "seed": -3}, KERNELS, "bounded"),
    *(
        Entry(name, arguments, shapes, "bounded")
        for name in ("GlorotUniform", "GlorotNormal", "HeUniform", "HeNormal", "LecunUniform", "LecunNormal")
        for arguments, shapes in (
            ({}, KERNELS),
            ({"seed": 3}, KERNELS),
            ({"input_axes": [2], "output_axes": [0, 3]}, KERNELS[:1]),
        )
    ),
    *(
        Entry(
            "VarianceScaling",
            {"scale": 2.0, "mode": mode, "distribution": distribution},
            KERNELS,
            "tails" if distribution == "untruncated_normal" else "bounded",
        )
        for mode in ("fan_in", "fan_out", "fan_avg")
        for distribution in ("truncated_normal", "untruncated_normal", "uniform")
    ),
    Entry("VarianceScaling", {}, KERNELS, "bounded"),
    Entry("VarianceScaling", {"distribution": "Normal", "seed": 3}, KERNELS, "bounded"),
    Entry("VarianceScaling", {"input_axes": [0, 1], "output_axes": [3], "scale": 0.1}, KERNELS[:1], "bounded"),
]

WEIGHTS: Shapes = ((3, 5), (1, 1), (3, 2, 2, 4), (17,), (), (0, 3))
REGULARIZERS = [
    Entry("L1", {}, WEIGHTS),
    Entry("L1", {"l1": 0.3}, WEIGHTS),
    Entry("L1", {"l1": 0}, WEIGHTS),
    Entry("L1", {"l1": None}, WEIGHTS),
    Entry("L2", {}, WEIGHTS),
    Entry("L2", {"l2": 0.125}, WEIGHTS),
    Entry("L2", {"l2": None}, WEIGHTS),
    Entry("L1L2", {}, WEIGHTS),
    Entry("L1L2", {"l1": 0.02}, WEIGHTS),
    Entry("L1L2", {"l1": 0.02, "l2": 0.3}, WEIGHTS),
    Entry("L1L2", {"l1": None, "l2": 1}, WEIGHTS),
]


def decaying(words: Any) -> Any:
    return words.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)


OPTIMIZERS = [
    Entry("Adam", {}),
    Entry("Adam", {"learning_rate": 0.1, "beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-5, "name": "mine"}),
    Entry("Adam", {"learning_rate": decaying}),
    Entry("Adam", {"beta_1": 0.0, "beta_2": 0.0, "epsilon": 1}),
    Entry("Adam", {"learning_rate": 0.1, "weight_decay": 0.2, "clipvalue": 0.05}),
    Entry("Adam", {"learning_rate": decaying, "clipnorm": 0.1, "use_ema": True}),
    Entry("Adam", {"global_clipnorm": 0.1, "use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 2}),
    Entry("AdamW", {}),
    Entry("AdamW", {"learning_rate": 0.1, "weight_decay": 0.5, "beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-5, "name": "mine"}),
    Entry("AdamW", {"learning_rate": 0.1, "clipvalue": 0.05, "use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 3}),
    Entry("AdamW", {"learning_rate": decaying, "weight_decay": 0.0, "clipnorm": 0.1}),
    Entry("AdamW", {"learning_rate": 0.1, "weight_decay": 2, "global_clipnorm": 1}),
    Entry("SGD", {}),
    Entry("SGD", {"learning_rate": 0.1, "momentum": 0.9, "name": "mine"}),
    Entry("SGD", {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True}),
    Entry("SGD", {"learning_rate": 0.1, "nesterov": True}),
    Entry("SGD", {"learning_rate": decaying, "momentum": 1.0}),
    Entry("SGD", {"learning_rate": 0.0}),
    Entry("SGD", {"learning_rate": 0.1, "weight_decay": 0.5}),
    Entry("SGD", {"learning_rate": decaying, "momentum": 0.9, "weight_decay": 0.2, "clipnorm": 0.1}),
    Entry("SGD", {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.2, "clipvalue": 0.05}),
    Entry("SGD", {"learning_rate": 0.1, "global_clipnorm": 0.1, "use_ema": True, "ema_momentum": 1.0}),
    Entry("SGD", {"learning_rate": 0.1, "momentum": 0.9, "use_ema": True, "ema_momentum": 0.25, "ema_overwrite_frequency": 3}),
]  # fmt: skip

TABLE: dict[str, list[Entry]] = {
    "layers": LAYERS,
    "losses": LOSSES,
    "metrics": METRICS,
    "regularizers": REGULARIZERS,
    "initializers": INITIALIZERS,
    "optimizers.schedules": schedules(),
    "optimizers": OPTIMIZERS,
}

# Public classes that nobody makes an object of, or that Keras does not have.
BASES = {
    "layers.Layer",
    "layers.RandomPaddedCrop",
    "losses.Loss",
    "metrics.CompiledMetrics",
    "metrics.MeanMetricWrapper",
    "metrics.Metric",
    "regularizers.Regularizer",
    "initializers.Initializer",
    "optimizers.schedules.LearningRateSchedule",
    "optimizers.schedules.OneCycle",
    "optimizers.Optimizer",
}

# Arguments that Keras does not have.
OWN = {("losses", "SparseCategoricalCrossentropy"): {"label_smoothing"}}


def of(module: str, name: str) -> list[Entry]:
    """The entries of one class."""
    return [entry for entry in TABLE[module] if entry.name == name]


def each(*modules: str, but: Collection[str] = ()) -> pytest.MarkDecorator:
    """Parametrizes a test by (module, entry): the entries of these modules, but not those of some classes."""
    cases = [(module, entry) for module in modules for entry in TABLE[module] if entry.name not in but]
    names = [f"{module}-{known_as(entry)}" for module, entry in cases]
    return pytest.mark.parametrize(("module", "entry"), cases, ids=names)
