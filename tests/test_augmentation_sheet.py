"""utils.augmentation_sheet: what training sees of pictures, in one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import fastcnn
import numpy as np
import pytest
from fastcnn import layers, models
from fastcnn.augmentation import CutMix, MixUp, chosen
from fastcnn.utils import augmentation_sheet
from numpy.typing import NDArray
from PIL import Image

PICTURES = np.random.default_rng(0).integers(0, 256, (3, 10, 7, 3)).astype(np.uint8)


def tile(sheet: NDArray[np.uint8], row: int, column: int, height: int = 10, width: int = 7) -> NDArray[np.uint8]:
    return sheet[row * (height + 2) :, column * (width + 2) :][:height, :width]


def test_rows_are_images_and_columns_steps_of_training() -> None:
    stack = [layers.RandomFlip("horizontal"), layers.RandomPaddedCrop(2)]
    sheet = augmentation_sheet(stack, PICTURES, times=5, seed=3)
    assert (sheet.dtype, sheet.shape) == (np.uint8, (3 * 12 - 2, 6 * 9 - 2, 3))
    assert (sheet[10:12] == 255).all()
    assert (sheet[:, 7:9] == 255).all()
    for row in range(3):
        np.testing.assert_array_equal(tile(sheet, row, 0), PICTURES[row])
    for step in range(1, 6):
        seen = stack[1].augment(stack[0].augment(PICTURES, seed=3, step=step), seed=3, step=step, place=1)
        for row in range(3):
            np.testing.assert_array_equal(tile(sheet, row, step), seen[row])


def test_a_model_shows_what_its_training_sees() -> None:
    fastcnn.set_seed(4)
    front = [layers.Rescaling(1 / 127.5, -1), layers.RandomTranslation(0.3, 0.3, fill_mode="constant", fill_value=1.0)]
    model = models.Sequential([layers.Input((10, 7, 3)), *front, layers.Flatten(), layers.Dense(2)])
    sheet = augmentation_sheet(model, PICTURES)
    assert sheet.shape == (34, 79, 3)
    np.testing.assert_array_equal(tile(sheet, 1, 0), PICTURES[1])
    wanted = front[1].augment(PICTURES / np.float32(127.5) - 1, seed=model.seed, step=8)  # type: ignore[attr-defined]
    assert np.abs(tile(sheet, 2, 8) - (wanted[2] + 1) * 127.5).max() < 0.51
    np.testing.assert_array_equal(augmentation_sheet(model, PICTURES), sheet)


def test_a_crop_in_the_middle_is_what_inference_sees() -> None:
    sheet = augmentation_sheet(layers.RandomCrop(4, 3), PICTURES, times=2)
    assert sheet.shape == (3 * 6 - 2, 3 * 5 - 2, 3)
    np.testing.assert_array_equal(tile(sheet, 0, 0, 4, 3), PICTURES[0, 3:7, 2:5])


def test_a_list_for_fit_shows_what_its_training_sees() -> None:
    flip, mixings = layers.RandomFlip("horizontal"), [MixUp(1.0), CutMix((1, 1))]
    sheet = augmentation_sheet([flip, *mixings], PICTURES, times=4, seed=3)
    np.testing.assert_array_equal(tile(sheet, 1, 0), PICTURES[1])
    for step in range(1, 5):
        mixed, _ = chosen(mixings, 3, step).augment(PICTURES, np.eye(3), seed=3, step=step)
        np.testing.assert_array_equal(tile(sheet, 1, step), np.rint(flip.augment(mixed, seed=3, step=step)[1]))
    assert augmentation_sheet(MixUp(), PICTURES).shape == (34, 79, 3)


def test_values_of_other_ranges_and_one_channel(tmp_path: Path) -> None:
    flip = layers.RandomFlip(seed=3)
    whole = augmentation_sheet(flip, PICTURES[..., :1])
    assert whole.shape == (34, 79)
    np.testing.assert_array_equal(augmentation_sheet(flip, PICTURES[..., :1] / 255), whole)
    np.testing.assert_array_equal(augmentation_sheet(flip, PICTURES[..., :1] / 127.5 - 1, value_range=(-1, 1)), whole)
    Image.fromarray(whole).save(tmp_path / "sheet.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "sheet.png")), whole)


def test_seeds_decide_and_fastcnn_s_where_none_is_given() -> None:
    sheets = []
    for seed in (1, 1, 2):
        fastcnn.set_seed(seed)
        sheets.append(augmentation_sheet(layers.RandomFlip(), PICTURES))
    assert np.array_equal(*sheets[:2])
    assert not np.array_equal(*sheets[1:])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: augmentation_sheet(layers.Rescaling(2), PICTURES), "augmentation_sheet: there is no random layer"),
        (lambda: augmentation_sheet([layers.ReLU(name="r"), layers.RandomFlip()], PICTURES), "augmentation_sheet: <ReLU r> lies before the last random layer"),
        (lambda: augmentation_sheet(layers.RandomFlip(), PICTURES[0]), "augmentation_sheet: images must have shape (N, H, W, C), of 1 or 3 channels, but have shape (10, 7, 3)"),
        (lambda: augmentation_sheet(layers.RandomFlip(), PICTURES[..., :2]), "augmentation_sheet: images must have shape"),
        (lambda: augmentation_sheet(layers.RandomFlip(), PICTURES, times=0), "augmentation_sheet: times must be an integer of at least 1, but is 0"),
    ],
)  # fmt: skip
def test_what_will_not_do_is_named(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        call()
