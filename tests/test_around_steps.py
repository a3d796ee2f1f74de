"""What happens around an optimizer's steps: gradients are clipped before them, weights decay in them, averages of the weights are kept behind them.

Here through models, against float64, and through files; the operations themselves are in ops/, a real Keras in test_around_steps_peer.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reference
from fastcnn import FormatError, _core, callbacks, config, layers, losses, models, optimizers
from numpy.typing import NDArray
from test_resume import damaged

Array = NDArray[Any]
X = np.random.default_rng(0).random((40, 6, 6, 1)).astype(np.float32)
Y = np.arange(40) % 3
EVERYTHING: dict[str, Any] = {
    "weight_decay": 0.3,
    "global_clipnorm": 0.02,
    "use_ema": True,
    "ema_momentum": 0.8,
    "ema_overwrite_frequency": 5,
}


def model(optimizer: Any, *, seed: int = 1, frozen: bool = False, wide: int = 5) -> models.Sequential:
    config.set_seed(seed)
    it = models.Sequential(
        [
            layers.Input((6, 6, 1)),
            layers.Conv2D(4, 3, activation="relu", kernel_regularizer="l2", bias_initializer="ones", name="first"),
            layers.Flatten(),
            layers.Dense(wide, activation="sigmoid", trainable=not frozen, name="middle"),
            layers.Dense(3, name="last"),
        ]
    )
    it.compile(optimizer, losses.SparseCategoricalCrossentropy(from_logits=True), ["accuracy"])
    return it


def gradients_of(it: models.Sequential) -> list[Array]:
    """Those of the last step."""
    assert it._plan is not None
    return [it.store.view(it._plan.gradients, variable).copy() for variable in it.trainable_weights]


def values(it: models.Sequential) -> list[Array]:
    return [variable.numpy() for variable in it.trainable_weights]


def average(it: models.Sequential) -> list[Array]:
    assert it.optimizer is not None
    slot = it.optimizer.slots["average"]
    return [it.store.view(slot, variable).copy() for variable in it.trainable_weights]


def assert_near(got: list[Array], want: list[Array], allowed: float = 2e-6) -> None:
    for one, other in zip(got, want, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=allowed * np.abs(other).max())


def assert_same(got: list[Array], want: list[Array]) -> None:
    for one, other in zip(got, want, strict=True):
        np.testing.assert_array_equal(one, other)


LIMITS = [{"clipvalue": 0.01}, {"clipnorm": 0.05}, {"global_clipnorm": 0.1}]


def check_clipping(limit: dict[str, float], frozen: bool) -> None:
    plain, clipped = (model(optimizers.SGD(1.0, **more), frozen=frozen) for more in ({}, limit))
    before = values(plain)
    for it in (plain, clipped):
        it.train_on_batch(X, Y)
    gradients = gradients_of(plain)
    sizes = [gradient.size for gradient in gradients]
    flat = np.concatenate([gradient.ravel() for gradient in gradients])
    parts = [(sum(sizes[:i]), size) for i, size in enumerate(sizes)]
    cut = reference.clip_gradients(flat, parts, **limit)
    assert np.abs(cut).max() < 0.9 * np.abs(flat).max()
    wanted = [
        cut[at : at + size].reshape(gradient.shape) for (at, size), gradient in zip(parts, gradients, strict=True)
    ]
    assert_near(gradients_of(clipped), wanted)
    assert_near(values(clipped), [weight - gradient for weight, gradient in zip(before, wanted, strict=True)])


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: next(iter(limit)))
def test_gradients_are_clipped_with_their_penalties_and_without_what_is_frozen(
    limit: dict[str, float], frozen: bool, backend: str
) -> None:
    check_clipping(limit, frozen)


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: next(iter(limit)))
def test_gradients_are_clipped_on_a_gpu(limit: dict[str, float], on_gpu: str) -> None:
    check_clipping(limit, frozen=True)


def check_decay() -> None:
    excluded = optimizers.SGD(0.5, weight_decay=0.25)
    excluded.exclude_from_weight_decay(var_names=["bias"])
    plain, decaying, partly = model(optimizers.SGD(0.5)), model(optimizers.SGD(0.5, weight_decay=0.25)), model(excluded)
    before = values(plain)
    for it in (plain, decaying, partly):
        it.train_on_batch(X, Y)
    lost = [weight * 0.125 for weight in before]
    assert_near(values(decaying), [after - part for after, part in zip(values(plain), lost, strict=True)])
    kept = [part * (part.ndim > 1) for part in lost]
    assert_near(values(partly), [after - part for after, part in zip(values(plain), kept, strict=True)])
    excluded.exclude_from_weight_decay()  # holds from the next step on
    for it in (plain, partly):
        it.set_weights(before)
        it.train_on_batch(X, Y)
    assert_near(values(partly), [after - part for after, part in zip(values(plain), lost, strict=True)])


def test_weights_decay_but_for_those_that_are_excluded(backend: str) -> None:
    check_decay()


def test_weights_decay_on_a_gpu(on_gpu: str) -> None:
    check_decay()


@pytest.mark.parametrize("kind", [optimizers.AdamW, optimizers.SGD])
def test_scaled_rates_are_those_of_other_optimizers(kind: Any, backend: str) -> None:
    """Each weight ends where an optimizer of its own rate takes it, decay and slots included."""

    def trained(rate: float, scales: Any = None) -> list[Array]:
        optimizer = kind(rate, weight_decay=0.3)
        optimizer.scale_learning_rate(scales)
        it = model(optimizer, frozen=True)
        before = values(it)
        it.train_on_batch(X, Y)
        return [after - start for after, start in zip(values(it), before, strict=True)]

    fast, slow, still = (trained(rate) for rate in (0.5, 0.125, 0.0))
    mixed = trained(0.5, {"first/bias": 0, "first": 0.25})
    assert_same(mixed, [slow[0], still[1], *fast[2:]])
    assert not any(change.any() for change in still)


def test_scales_hold_from_the_next_step_on() -> None:
    it = model(optimizers.SGD(0.5))
    assert it.optimizer is not None
    for scales, moves in ((None, True), ({"": 0}, False), (None, True)):
        it.optimizer.scale_learning_rate(scales)
        before = values(it)
        it.train_on_batch(X, Y)
        assert all((one != other).any() == moves for one, other in zip(values(it), before, strict=True))


def test_a_model_without_weights_is_trained_all_the_same() -> None:
    it = models.Sequential([layers.Input((4,)), layers.Softmax()])
    it.compile("sgd", "mse")
    it.fit(np.ones((2, 4)), np.ones((2, 4)), verbose=0)


def check_averages(frozen: bool) -> None:
    settings = {"use_ema": True, "ema_momentum": 0.75}
    kept, overwritten = (
        model(optimizers.Adam(0.05, **settings, **more), frozen=frozen) for more in ({}, {"ema_overwrite_frequency": 3})
    )
    middle = kept.get_layer("middle").get_weights()
    wanted: list[Array] = []
    for step in range(1, 8):
        kept.train_on_batch(X, Y)
        after = [weight.astype(np.float64) for weight in values(kept)]
        wanted = [0.75 * mean + 0.25 * weight for mean, weight in zip(wanted, after, strict=True)] if wanted else after
        assert_near(average(kept), wanted)
        overwritten.train_on_batch(X, Y)
        if step < 3:
            assert_same(average(overwritten), average(kept))
            assert_same(values(overwritten), values(kept))
        assert all(np.array_equal(a, b) for a, b in zip(values(overwritten), average(overwritten), strict=True)) == (step in (1, 3, 6))  # fmt: skip
    if frozen:
        assert_same(kept.get_layer("middle").get_weights(), middle)


@pytest.mark.parametrize("frozen", [False, True])
def test_averages_are_kept_and_overwrite_the_weights(frozen: bool, backend: str) -> None:
    check_averages(frozen)


def test_averages_on_a_gpu(on_gpu: str) -> None:
    check_averages(frozen=True)


def test_after_fit_the_weights_are_the_averages() -> None:
    it = model(optimizers.SGD(0.5, use_ema=True, ema_momentum=0.75))
    last: list[list[Array]] = []
    it.fit(X, Y, epochs=3, batch_size=8, verbose=0, callbacks=callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: last.append(values(it))))  # fmt: skip
    assert_same(values(it), average(it))
    assert not np.array_equal(values(it)[0], last[-1][0])
    it.train_on_batch(X, Y)
    after = values(it)
    it.fit(X, Y, epochs=0, verbose=0)
    assert_same(values(it), after)
    it.fit(X, Y, epochs=1, initial_epoch=1, verbose=0)
    assert_same(values(it), average(it))
    fresh = model(optimizers.SGD(0.5, use_ema=True))
    before = values(fresh)
    fresh.fit(X, Y, epochs=1, initial_epoch=1, verbose=0)  # Keras makes them 0
    assert_same(values(fresh), before)


def test_what_is_unfrozen_averages_from_then_on() -> None:
    it = model(optimizers.SGD(0.1, use_ema=True), frozen=True)
    it.fit(X, Y, epochs=2, verbose=0)
    layer = it.get_layer("middle")
    before = layer.get_weights()[0]
    layer.set_weights([3 * weight for weight in layer.get_weights()])
    layer.trainable = True
    it.fit(X, Y, epochs=1, verbose=0)
    assert np.abs(layer.get_weights()[0] - 3 * before).max() < 0.01


def test_what_is_unfrozen_within_a_fit_has_no_average_yet_and_stays_as_it_is() -> None:
    it = model(optimizers.SGD(0.1, use_ema=True), frozen=True)
    layer = it.get_layer("middle")
    before = layer.get_weights()
    unfreeze = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: setattr(layer, "trainable", True))
    it.fit(X, Y, epochs=2, verbose=0, callbacks=unfreeze)
    assert_same(layer.get_weights(), before)


def test_what_is_set_between_steps_holds_from_the_next_one_on() -> None:
    sgd = optimizers.SGD(1.0)
    it = model(sgd)
    it.train_on_batch(X, Y)
    sgd.clipvalue = 1e-3
    it.train_on_batch(X, Y)
    assert max(np.abs(gradient).max() for gradient in gradients_of(it)) == np.float32(1e-3)
    sgd.use_ema, sgd.momentum = True, 0.9
    it.train_on_batch(X, Y)
    assert list(sgd.slots) == ["momentum", "average"]
    sgd.clipnorm = 1.0
    with pytest.raises(ValueError, match="SGD: only one of clipnorm, global_clipnorm, clipvalue can be set"):
        it.train_on_batch(X, Y)
    sgd.clipnorm, sgd.clipvalue = None, -1.0
    with pytest.raises(ValueError, match="clipvalue must be finite and above 0, but is -1"):
        it.train_on_batch(X, Y)


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: next(iter(limit)))
def test_the_number_of_threads_changes_no_bit(limit: dict[str, float], backend: str) -> None:
    results = []
    threads = _core.threads()
    for count in (1, 2, 3, 8):
        config.set_threads(count)
        it = model(optimizers.Adam(0.01, **{**EVERYTHING, "global_clipnorm": None, **limit}), wide=700)
        it.fit(X, Y, epochs=2, verbose=0)
        results.append([*values(it), *average(it)])
    config.set_threads(threads)
    for result in results[1:]:
        assert_same(result, results[0])


# Through files.


@pytest.mark.parametrize("kind", [optimizers.AdamW, optimizers.SGD])
def test_a_training_goes_on_from_a_checkpoint_of_its_middle_bit_for_bit(kind: Any, tmp_path: Path) -> None:
    def fresh() -> models.Sequential:
        optimizer = kind(0.05, **EVERYTHING)
        optimizer.exclude_from_weight_decay(var_names=["bias"])
        optimizer.scale_learning_rate({"bias": 2.5})
        return model(optimizer)

    straight, stopped = fresh(), fresh()
    straight.fit(X, Y, epochs=5, batch_size=16, verbose=0)
    path = tmp_path / "c{epoch}.safetensors"
    stopped.fit(X, Y, epochs=3, batch_size=16, verbose=0, callbacks=callbacks.ModelCheckpoint(path))
    loaded = models.load_model(tmp_path / "c2.safetensors")
    assert loaded.optimizer is not None
    assert [loaded.optimizer.decay_of(weight) for weight in loaded.weights] == [0.3, 0, 0.3, 0, 0.3, 0]
    assert [loaded.optimizer.rate_scale_of(weight) for weight in loaded.weights] == [1, 2.5, 1, 2.5, 1, 2.5]
    loaded.fit(X, Y, epochs=5, batch_size=16, verbose=0, initial_epoch=loaded.epochs_done)
    assert_same([*values(loaded), *average(loaded)], [*values(straight), *average(straight)])


@pytest.mark.parametrize("name", ["model.keras", "model.h5", "model.safetensors"])
@pytest.mark.parametrize("kind", [optimizers.Adam, optimizers.AdamW, optimizers.SGD])
@pytest.mark.parametrize("steps", [0, 3])
def test_files_keep_the_settings_and_the_averages(kind: Any, name: str, steps: int, tmp_path: Path) -> None:
    it = model(kind(0.05, **EVERYTHING), frozen=True)
    for _ in range(steps):
        it.train_on_batch(X, Y)
    it.save(tmp_path / name)
    again = models.load_model(tmp_path / name)
    assert it.optimizer is not None
    assert again.optimizer is not None
    assert again.optimizer.get_config() == it.optimizer.get_config()
    assert again.optimizer.iterations == steps
    if steps:
        assert_same(average(again), average(it))
    for each in (it, again):
        each.train_on_batch(X, Y)
    assert_same([*values(again), *average(again)], [*values(it), *average(it)])


@pytest.mark.parametrize("names", [["first/kernle"], "first/kernel", [1], None])
def test_a_checkpoint_that_excludes_what_is_not_there_is_named(names: Any, tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    model(optimizers.AdamW()).save(path)
    damaged(path, lambda header, arrays: header.update(without_weight_decay=names))
    with pytest.raises(
        FormatError, match=r"c\.safetensors: .*without_weight_decay: must be a list of names of weights"
    ):
        models.load_model(path)


# SwapEMAWeights.


def swapped(**arguments: Any) -> tuple[models.Sequential, callbacks.SwapEMAWeights]:
    return model(optimizers.SGD(0.5, use_ema=True, ema_momentum=0.9)), callbacks.SwapEMAWeights(**arguments)


def interrupt(batch: int, logs: Any = None) -> None:
    raise KeyboardInterrupt


def test_an_evaluation_and_a_prediction_see_the_averages() -> None:
    it, swap = swapped()
    for _ in range(5):
        it.train_on_batch(X, Y)
    before, means = values(it), average(it)
    with_averages = model(optimizers.SGD())
    with_averages.set_weights(means)
    assert it.evaluate(X, Y, verbose=0, callbacks=swap) == with_averages.evaluate(X, Y, verbose=0)
    assert_same(it.predict(X, verbose=0, callbacks=[swap]), with_averages.predict(X, verbose=0))
    assert_same([*values(it), *average(it)], [*before, *means])


def test_a_training_after_an_evaluation_that_was_interrupted_goes_on_from_the_weights() -> None:
    it, swap = swapped()
    it.train_on_batch(X, Y)
    before = values(it)
    with pytest.raises(KeyboardInterrupt):
        it.evaluate(X, Y, verbose=0, callbacks=[swap, callbacks.LambdaCallback(on_test_batch_end=interrupt)])
    it.fit(X, Y, epochs=0, verbose=0, callbacks=swap)
    assert_same(values(it), before)


@pytest.mark.parametrize("stops", [False, True])
@pytest.mark.parametrize("on_epoch", [False, True])
def test_validations_see_the_averages_and_the_training_does_not(on_epoch: bool, stops: bool, tmp_path: Path) -> None:
    plain, _ = swapped()
    it, swap = swapped(swap_on_epoch=on_epoch)
    seen: list[Any] = []

    class Look(callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            seen.append((logs["val_loss"], values(it), average(it)))
            if stops and epoch == 1:
                self.model.stop_training = True

    arguments: dict[str, Any] = {"epochs": 3, "batch_size": 16, "validation_data": (X, Y), "verbose": 0}
    saver = callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras")
    it.fit(X, Y, **arguments, callbacks=[swap, Look(), saver])
    plain.fit(X, Y, **arguments | {"epochs": 2 if stops else 3})
    assert_same(values(it), average(it))
    assert_same([*values(it), *average(it)], [*values(plain), *average(plain)])
    judge = model(optimizers.SGD())
    for epoch, (loss, weights, means) in enumerate(seen, 1):
        judge.set_weights(means)
        assert judge.evaluate(X, Y, 16, verbose=0)[0] == loss
        assert all(np.array_equal(a, b) for a, b in zip(weights, means, strict=True)) is on_epoch
        assert_same(models.load_model(tmp_path / f"{epoch}.keras").get_weights(), weights)
    it.evaluate(X, Y, verbose=0, callbacks=swap)
    assert_same(values(it), average(it))
    it.fit(X, Y, epochs=1, verbose=0, callbacks=swap)
    plain.fit(X, Y, epochs=1, verbose=0)
    assert_same(values(it), values(plain))


def test_without_averages_it_says_so() -> None:
    swap = callbacks.SwapEMAWeights()
    it = model(optimizers.SGD())
    it.fit(X, Y, verbose=0, callbacks=swap)
    with pytest.raises(ValueError, match=r"SwapEMAWeights: there are no averages, since the optimizer was not given use_ema=True"):  # fmt: skip
        it.evaluate(X, Y, verbose=0, callbacks=swap)
    fresh, swap = swapped()
    with pytest.raises(ValueError, match="SwapEMAWeights: there are no averages, since the optimizer has made no step"):
        fresh.predict(X, verbose=0, callbacks=swap)
    with pytest.raises(TypeError, match="SwapEMAWeights: swap_on_epoch must be True or False, but is 1"):
        callbacks.SwapEMAWeights(1)  # type: ignore[arg-type]
