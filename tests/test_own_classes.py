"""Classes of one's own: those whose methods the core would never call are refused, not ignored; the others are used."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fastcnn import callbacks, initializers, layers, losses, metrics, models, optimizers, regularizers

X, Y = np.random.default_rng(0).random((8, 4)).astype("float32"), np.arange(8) % 3


def trained(layer: layers.Layer | None = None, **compiled: Any) -> models.Sequential:
    model = models.Sequential([layers.Input((4,)), layer or layers.Dense(3, activation="softmax")])
    model.compile(**{"optimizer": "sgd", "loss": "sparse_categorical_crossentropy", **compiled})
    model.fit(X, Y, verbose=0)
    return model


class OwnRegularizer(regularizers.Regularizer):
    def __init__(self) -> None:
        pass

    def __call__(self, w: Any) -> Any:
        return 1000.0


class OwnL2(regularizers.L2):
    def __call__(self, w: Any) -> Any:
        return 1000.0


class OwnLoss(losses.Loss):
    def call(self, y_true: Any, y_pred: Any) -> Any:
        return np.full(len(y_true), 1000.0)


class OwnCrossentropy(losses.SparseCategoricalCrossentropy):
    def call(self, y_true: Any, y_pred: Any) -> Any:
        return np.full(len(y_true), 1000.0)


class OwnSGD(optimizers.SGD):
    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        raise AssertionError


class OwnLayer(layers.Layer):
    def call(self, inputs: Any) -> Any:
        return inputs


class OwnDense(layers.Dense):
    def call(self, inputs: Any) -> Any:
        return inputs


@pytest.mark.parametrize(
    ("refused", "message"),
    [
        (lambda: layers.Dense(3, kernel_regularizer=OwnRegularizer()), "Dense: a regularizer of your own is not supported, so OwnRegularizer.__call__"),
        (lambda: layers.Dense(3, kernel_regularizer=OwnL2), "Dense: a regularizer of your own is not supported, so OwnL2.__call__"),
        (lambda: trained(loss=OwnLoss()), "compile: a loss of your own is not supported, so OwnLoss.call would never be called"),
        (lambda: trained(loss=OwnCrossentropy), "compile: a loss of your own is not supported, so OwnCrossentropy.call"),
        (lambda: trained(optimizer=OwnSGD()), "compile: an optimizer of your own is not supported, so OwnSGD.update_step"),
        (lambda: OwnLayer(), "OwnLayer: a layer of your own is not supported, so OwnLayer.call would never be called"),
        (lambda: OwnDense(3), "OwnDense: a layer of your own is not supported, so OwnDense.call would never be called"),
    ],
)  # fmt: skip
def test_what_would_be_ignored_is_refused(refused: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        refused()


def test_what_only_names_arguments_is_taken() -> None:
    class Three(layers.Dense):
        def __init__(self) -> None:
            super().__init__(3, activation="softmax", kernel_regularizer=Weak())

    class Weak(regularizers.L2):
        def __init__(self) -> None:
            super().__init__(1e-4)

    class Slow(optimizers.SGD):
        def __init__(self) -> None:
            super().__init__(1e-3)

    assert trained(Three(), optimizer=Slow()).get_weights()[0].shape == (4, 3)


def test_callbacks_metrics_initializers_and_schedules_of_one_s_own_are_called() -> None:
    class Sevens(initializers.Initializer):
        def __call__(self, shape: Any, dtype: Any = None) -> Any:
            return np.full(shape, 7, np.float32)

    class Still(optimizers.schedules.LearningRateSchedule):
        def __call__(self, step: Any) -> Any:
            return 0.0

    class Rows(metrics.Metric):
        def __init__(self) -> None:
            super().__init__(name="rows")
            self.reset_state()

        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            self.count += len(y_true)

        def result(self) -> Any:
            return self.count

        def reset_state(self) -> None:
            self.count = 0

    class Watch(callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.seen = logs["rows"]

    watch = Watch()
    model = models.Sequential([layers.Input((4,)), layers.Dense(3, kernel_initializer=Sevens())])
    model.compile(
        optimizers.SGD(Still()), losses.SparseCategoricalCrossentropy(from_logits=True), [Rows(), lambda y, p: p[:, 0]]
    )
    model.fit(X, Y, verbose=0, callbacks=[watch])
    assert (model.get_weights()[0] == 7).all()
    assert watch.seen == 8
