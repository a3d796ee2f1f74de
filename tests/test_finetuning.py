"""Fine-tuning on drawn pictures: what comes of it, what it begins with, which settings are chosen, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import fastcnn
import numpy as np
import pytest
from checks import assert_same_bits, rejected
from drawn import KINDS, drawing, folder_of_drawings
from fastcnn import applications, config, finetuning, layers, models, optimizers
from fastcnn.datasets import image_folder
from fastcnn.errors import FormatError
from tunings import tuned

pytestmark = pytest.mark.usefixtures("cache_of_its_own")


def test_a_few_pictures_are_learnt_and_told(drawings: Path) -> None:
    done = tuned(drawings, epochs=40)
    assert done.test is not None
    assert done.test.accuracy > 0.7
    assert done.test.images == 60
    assert done.validation is None  # so few are all learnt
    assert done.model.class_names == KINDS
    assert done.history.epoch == list(range(40))
    x = np.stack([drawing(kind, 5000) for kind in KINDS])
    assert done.model.predict(x, verbose=0).shape == (3, 3)
    assert done.model.get_layer("predictions").units == 3
    assert done.folder is None
    assert done.choice.settings.epochs == 40
    assert "epochs" not in done.choice.reasons
    assert "learning_rate" in done.choice.reasons


def test_a_new_head_alone_leaves_the_other_layers(drawings: Path) -> None:
    base = applications.TutorialCNN()
    done = tuned(drawings, epochs=0)
    for ours, theirs in zip(done.model.get_weights()[:8], base.get_weights()[:8], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert done.test is not None
    assert done.test.accuracy > 0.5
    assert done.history.epoch == []
    seen = done.model.predict(done.data.train.x, verbose=0).argmax(axis=1)
    assert (seen == done.data.train.y).mean() > 0.9  # what it was trained on, through its scaled features


def test_the_head_s_training_is_that_of_features(drawings: Path) -> None:
    """With no epochs, the head says of features what it says of pictures; and what never changes among them does not count."""
    data = image_folder(drawings)
    start = applications.TutorialCNN()
    dead = start.get_layer("dense")
    kernel, bias = dead.get_weights()
    kernel[:, :5], bias[:5] = 0, 3  # five features are 3 always
    dead.set_weights([kernel, bias])
    done = tuned(data, start, epochs=0)
    assert all(np.isfinite(weight).all() for weight in done.model.get_weights())
    assert done.test is not None
    assert done.test.accuracy > 0.5


def test_the_same_seed_gives_the_same_bits_and_another_does_not(drawings: Path) -> None:
    one, same, other = (tuned(drawings, epochs=1, seed=seed) for seed in (1, 1, 2))
    assert_same_bits(one.model.get_weights(), same.model.get_weights())
    assert any((a != b).any() for a, b in zip(one.model.get_weights(), other.model.get_weights(), strict=True))


def test_the_start_stays_as_it_is_and_lower_layers_learn_less(drawings: Path) -> None:
    start = applications.TutorialCNN()
    before = start.get_weights()
    start.trainable = False
    done = tuned(drawings, start, epochs=1, lower_rate=0.0)
    for a, b in zip(start.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not start.trainable
    np.testing.assert_array_equal(done.model.get_weights()[0], before[0])
    assert (done.model.get_weights()[2] == before[2]).all()  # all but the head are at 0 times
    half = tuned(drawings, start, epochs=1, lower_rate=0.25)
    optimizer = half.model.optimizer
    assert optimizer is not None
    scales = [optimizer.rate_scale_of(weight) for weight in half.model.trainable_weights]
    assert scales == pytest.approx(np.repeat([0.25, 0.25**0.75, 0.25**0.5, 0.25**0.25, 1], 2))


def own(last: Any, *more: Any) -> models.Sequential:
    return models.Sequential([layers.Input((16, 16, 3)), layers.Rescaling(1 / 255), layers.Conv2D(8, 3, activation="relu"), layers.Flatten(), last, *more])  # fmt: skip


@pytest.mark.parametrize("name", ["mine.keras", "mine.h5"])
def test_models_of_one_s_own_are_starts(drawings: Path, tmp_path: Path, name: str) -> None:
    model = own(layers.Dense(5), layers.Softmax())
    model.save(tmp_path / name)
    done = tuned(drawings, tmp_path / name, epochs=1)
    assert [layer.name for layer in done.model.layers[:-1]] == [layer.name for layer in model.layers[:-2]]
    assert done.model.input_shape == (None, 16, 16, 3)
    assert done.data.train.x.shape[1:] == (16, 16, 3)


def test_a_head_within_a_model_is_found(drawings: Path) -> None:
    inner = models.Sequential([layers.Input((14 * 14 * 8,)), layers.Dense(4, name="a"), layers.Dense(2, name="b")])
    done = tuned(drawings, own(inner), epochs=0)
    assert [layer.name for layer in done.model.layers][-2:] == ["a", "predictions"]


def test_pixels_may_be_scaled_for_the_start(drawings: Path) -> None:
    start = models.Sequential(applications.TutorialCNN().layers[1:])  # without its Rescaling
    start.build((None, 32, 32, 3))
    data = image_folder(drawings)
    one, other = tuned(data, start, epochs=0, scale=1 / 255), tuned(data, applications.TutorialCNN(), epochs=0)
    np.testing.assert_allclose(
        one.model.predict(data.test.x, verbose=0), other.model.predict(data.test.x, verbose=0), rtol=1e-4, atol=1e-4
    )


def test_grey_pictures_for_a_start_that_takes_grey(drawings: Path) -> None:
    start = models.Sequential([layers.Input((12, 10, 1)), layers.Flatten(), layers.Dense(2)])
    done = tuned(drawings, start, epochs=1)
    assert done.data.train.x.shape[1:] == (12, 10, 1)


def test_vgg8_is_the_default_and_takes_a_size(drawings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(finetuning.STARTS, "vgg8", lambda **arguments: applications.VGG8(weights=None, **arguments))
    done = fastcnn.fine_tune(drawings, image_size=40, seed=0, verbose=0, epochs=0, head_epochs=1)
    assert done.model.input_shape == (None, 40, 40, 3)
    assert done.model.get_layer("conv3b").filters == 256


def test_rare_classes_count_more(tmp_path: Path) -> None:
    root = folder_of_drawings(tmp_path / "train", {"disc": 30, "cross": 10, "stripes": 12})
    assert tuned(root, epochs=0).choice.settings.class_weight
    assert not tuned(root, epochs=0, class_weight=False).choice.settings.class_weight
    even = folder_of_drawings(tmp_path / "even", dict.fromkeys(KINDS, 10))
    assert not tuned(even, epochs=0).choice.settings.class_weight


def test_without_validation_the_last_epoch_stays(drawings: Path, tmp_path: Path) -> None:
    done = tuned(drawings, out=tmp_path / "run")
    assert done.validation is None
    lines = (tmp_path / "run" / "history.csv").read_text().splitlines()
    assert [line.split(",")[3:5] for line in lines[1:]] == [["", ""]] * 3
    last = models.load_model(tmp_path / "run" / "checkpoint.safetensors")
    assert_same_bits(done.model.get_weights(), last.get_weights())


def test_the_best_epoch_stays_and_patience_ends(drawings: Path, tmp_path: Path) -> None:
    done = tuned(drawings, out=tmp_path / "run", epochs=30, learning_rate=0.004, warmup=0.0, patience=2)
    losses = done.history.history["val_loss"]
    best = int(np.argmin(losses))
    assert len(losses) == best + 4 < 30
    assert done.validation is not None
    assert done.validation.loss == pytest.approx(losses[best], rel=1e-4)
    assert_same_bits(models.load_model(tmp_path / "run" / "model.h5").get_weights(), done.model.get_weights())


def test_too_few_to_choose_by_choose_nothing(drawings: Path, tmp_path: Path) -> None:
    done = tuned(drawings, out=tmp_path / "run", validation_split=0.2)
    assert done.validation is not None
    assert done.validation.images == 12
    assert not done.choice.settings.best_epoch
    assert_same_bits(
        done.model.get_weights(), models.load_model(tmp_path / "run" / "checkpoint.safetensors").get_weights()
    )


@pytest.mark.parametrize(
    ("counts", "given", "split", "best"),
    [
        ([20] * 10, {"tested": True}, 0.0, False),  # all are learnt
        ([20] * 10, {}, 0.1, False),  # nobody would know how good it is; but 20 pictures choose no epoch
        ([100] * 10, {"tested": True}, 0.1, True),
        ([100] * 10, {"validation": 50}, 0.0, False),
        ([2] * 300, {}, 0.1, True),  # one of each class
        ([20] * 10, {"validation": 200, "tested": True}, 0.0, True),
    ],
)
def test_validation_is_drawn_where_it_pays(counts: list[int], given: Any, split: float, best: bool) -> None:
    settings, reasons = finetuning.choose(counts, 32, {}, **given)
    assert (settings.validation_split, settings.best_epoch) == (split, best)
    assert {"validation_split", "best_epoch"} <= reasons.keys()
    if best:
        assert not finetuning.choose(counts, 32, {"best_epoch": False}, **given).settings.best_epoch


@pytest.mark.parametrize("asked", [{"best_epoch": True}, {"patience": 3}])
def test_who_wants_to_choose_an_epoch_gets_pictures_to_choose_by(asked: dict[str, Any]) -> None:
    settings = finetuning.choose([20] * 10, 32, asked, tested=True).settings
    assert (settings.validation_split, settings.best_epoch) == (0.1, True)
    with rejected(ValueError, "fine_tune", f"{next(iter(asked))} wants pictures for validation, but there are none"):
        finetuning.choose([20] * 10, 32, {**asked, "validation_split": 0.0})
    assert not finetuning.choose([20] * 10, 32, {"patience": 3, "best_epoch": False}, tested=True).settings.best_epoch


def test_pictures_that_none_can_be_learnt_from_are_said(tmp_path: Path) -> None:
    root = folder_of_drawings(tmp_path / "a" / "train", dict.fromkeys(KINDS, 1)).parent
    shutil.copytree(root / "train", root / "test")
    with pytest.raises(FormatError, match="the class 'cross' has no picture to train on"):
        tuned(root, drop_duplicates=True)  # what is tested with is learnt from by nobody
    for kind in KINDS:
        (root / "train" / kind / "000.png").write_text("no picture")
    with pytest.raises(FormatError, match=r"'cross' has no picture to train on .*is no image of a known format"):
        tuned(root)


def test_a_light_start_takes_more_epochs() -> None:
    vgg8, light = applications.VGG8(weights=None), applications.TutorialCNN(weights=None)
    work = [finetuning.start.multiply_adds(start) for start in (vgg8, light)]
    assert work[0] == pytest.approx(147e6, rel=0.02)  # as their docstrings say
    assert work[1] == pytest.approx(4.5e6, rel=0.02)
    epochs = [finetuning.choose([20] * 10, 32, {}, multiply_adds=each).settings.epochs for each in work]
    assert epochs == [12, 40]


@pytest.mark.parametrize(
    ("counts", "light", "epochs", "rate", "decay"),
    [
        ([1] * 3, False, 60, 0.004, 1.0),
        ([20] * 10, False, 12, 0.004, 1.0),
        ([20] * 10, True, 40, 0.004, 1.0),
        ([100] * 10, False, 12, 0.0018, 1.0),
        ([100] * 10, True, 24, 0.004, 1.0),
        ([500] * 10, False, 12, 0.0008, 1.0),
        ([500] * 10, True, 24, 0.004, 0.45),
        ([5000] * 10, False, 6, 0.00025, 1.0),
        ([100] * 100, True, 12, 0.004, 0.46),
        ([100] * 1000, True, 6, 0.004, 0.093),
    ],
)
def test_the_amount_of_data_and_the_start_choose(
    counts: list[int], light: bool, epochs: int, rate: float, decay: float
) -> None:
    chosen = finetuning.choose(counts, 32, {}, multiply_adds=4e6 if light else 147e6).settings
    assert (chosen.epochs, chosen.learning_rate, chosen.weight_decay) == (epochs, rate, decay)


def test_what_is_asked_for_counts_in_the_decay() -> None:
    def decay(**asked: Any) -> float:
        return finetuning.choose([500] * 10, 32, asked, multiply_adds=4e6).settings.weight_decay

    assert (decay(epochs=48), decay(batch_size=64), decay(learning_rate=0.008)) == (0.23, 0.23, 0.23)
    assert decay(learning_rate=1e-9) == 1


def test_adamw_decays_kernels_alone(drawings: Path) -> None:
    start = own(layers.Dense(5))
    start.layers[1].name = "unbiased"
    optimizer = tuned(drawings, start, epochs=1, weight_decay=0.25).model.optimizer
    assert type(optimizer) is optimizers.AdamW
    assert [optimizer.decay_of(weight) for weight in optimizer._store.variables] == [0.25, 0, 0.25, 0]


def test_a_start_with_keras_s_batch_normalization_learns_by_the_defaults(drawings: Path) -> None:
    config.set_seed(3)
    start = models.Sequential(
        [
            layers.Input((16, 16, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(16, 3, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.GlobalMaxPooling2D(),
            layers.Dense(5),
        ]
    )
    done = fastcnn.fine_tune(drawings, start, seed=1, verbose=0)
    assert done.test is not None
    assert done.test.accuracy > 0.7  # with a momentum of 0.99 it was 0.41, the mean of eight starts
    momenta = [layer.momentum for layer in (*start.layers, *done.model.layers) if hasattr(layer, "momentum")]
    assert momenta == [0.99, 0.99, 0.9, 0.9]


@pytest.mark.parametrize("asked", [{"learning_rate": 0.5}, {"shift": 2}, {"flip": True}])
def test_what_a_head_alone_does_not_know_is_refused(drawings: Path, asked: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(asked))} changes nothing with epochs=0"):
        tuned(drawings, epochs=0, **asked)
    assert not {"learning_rate", "shift", "warmup"} & tuned(drawings, epochs=0).choice.reasons.keys()


def test_a_limit_of_time_makes_fewer_epochs(drawings: Path) -> None:
    done = tuned(drawings, epochs=10_000, minutes=0.02)
    assert 1 <= done.choice.settings.epochs < 1000
    assert done.choice.reasons["epochs"] == "0.02 minutes in all"
    assert done.seconds < 10 * 0.02 * 60  # ten thousand epochs would take a minute


@pytest.mark.parametrize(
    ("start", "more", "said"),
    [
        ("resnet50", {}, "'vgg8' or 'tutorial_cnn', a model or the file of one"),
        (models.Sequential([layers.Input((4,)), layers.Dense(2)]), {}, "takes (4,), but pictures are"),
        (own(layers.Reshape((-1, 1))), {}, "is a Conv2D, but a Dense is wanted"),
        (own(layers.Dense(2)), {"image_size": 32}, "takes pictures of 16x16, so image_size cannot be 32x32"),
        (models.Sequential([layers.Dense(2)]), {}, "has no weights yet"),
        ("tutorial_cnn", {"image_size": 48}, "input_shape"),
        ("tutorial_cnn", {"minutes": 0}, "minutes"),
        ("tutorial_cnn", {"batch_size": 0}, "batch_size"),
        ("tutorial_cnn", {"lower_rate": 2}, "lower_rate"),
        ("tutorial_cnn", {"weight_decay": -1}, "weight_decay must be finite and at least 0"),
        ("tutorial_cnn", {"weight_decay": 250}, "learning_rate * weight_decay, what kernels lose in a step, must be below 1, but is 1"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said(drawings: Path, start: Any, more: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=r"fine_tune|TutorialCNN") as caught:
        tuned(drawings, start, **more)
    assert said in str(caught.value)


def test_an_image_folder_of_one_s_own_is_checked(drawings: Path) -> None:
    data = image_folder(drawings)
    for part, said in (
        (
            data.train._replace(y=data.train.y[:, None]),
            f"data.train.y must be ({len(data.train.x)},) class numbers below 3",
        ),
        (data.train._replace(y=data.train.y + 1), "class numbers below 3"),
        (data.train._replace(y=np.zeros_like(data.train.y)), "the class 'disc' has no picture to train on"),
    ):
        with rejected(ValueError, "fine_tune", said):
            tuned(data._replace(train=part))


def test_names_that_the_start_has_are_no_obstacle(drawings: Path) -> None:
    body = [layers.Rescaling(1 / 255, name="pixels"), layers.Flatten(), layers.Dense(5, name="predictions")]
    start = models.Sequential([layers.Input((8, 8, 3)), *body, layers.Dense(2)])
    done = tuned(drawings, start, epochs=1, scale=0.5)
    names = [layer.name for layer in done.model.layers]
    assert (names[0], names[1], names[-2], names[-1]) == ("pixels_2", "pixels", "predictions", "predictions_2")


def test_what_is_of_another_kind_is_said(drawings: Path) -> None:
    with rejected(TypeError, "fine_tune", "start", "3"):
        tuned(drawings, 3)
    with rejected(TypeError, "fine_tune", "unknown argument 'epoch'"):
        tuned(drawings, epoch=3)
    for name, value in (("validation_split", 0.2), ("drop_duplicates", True)):
        with rejected(ValueError, "fine_tune", f"{name} is of a folder"):
            tuned(image_folder(drawings), **{name: value})
    with rejected(TypeError, "fine_tune", "flip must be True or False, but is 'no'"):
        tuned(drawings, flip="no")
    with rejected(ValueError, "fine_tune", "data has pictures of (8, 8, 3), but the start takes (32, 32, 3)"):
        tuned(image_folder(drawings, 8))
