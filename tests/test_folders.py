"""Pictures of all kinds become pixels, and folders of them become a data set; what is no picture is told."""

from __future__ import annotations

import contextlib
import os
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastcnn.datasets import folders, images
from fastcnn.errors import FormatError
from numpy.typing import NDArray
from peer_keras import QUIET, keras_or_skip
from PIL import Image

SHARED = Path(os.environ.get("FASTCNN_SHARED") or Path(__file__).resolve().parents[2] / "shared")


def noise(height: int = 4, width: int = 6, channels: int = 3, seed: int = 0) -> NDArray[np.uint8]:
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def kept(image: Image.Image, path: Path, **options: Any) -> Path:
    image.save(path, **options)
    return path


# ---------------------------------------------------------------------------------------------------------------------
# One file


@pytest.mark.parametrize("ending", ["png", "bmp", "tiff", "ppm"])
def test_pixels_of_the_right_size_and_colours_stay_bit_for_bit(tmp_path: Path, ending: str) -> None:
    pixels = noise()
    picture = images.read(kept(Image.fromarray(pixels), tmp_path / f"a.{ending}"), (4, 6, 3))
    assert np.array_equal(picture.pixels, pixels)
    assert (picture.pixels.dtype, picture.changes) == (np.uint8, "")


def test_grey_for_a_model_that_takes_grey_and_for_one_that_takes_colours(tmp_path: Path) -> None:
    grey = noise(channels=1)
    path = kept(Image.fromarray(grey), tmp_path / "a.png")
    assert np.array_equal(images.read(path, (4, 6, 1)).pixels, grey[:, :, None])
    coloured = images.read(path, (4, 6, 3))
    assert np.array_equal(coloured.pixels, np.repeat(grey[:, :, None], 3, 2))
    assert coloured.changes == "6x4 grey, to 8-bit RGB"


def test_colours_become_grey_by_their_weights(tmp_path: Path) -> None:
    pixels = noise()
    read = images.read(kept(Image.fromarray(pixels), tmp_path / "a.png"), (4, 6, 1)).pixels[..., 0]
    wanted = pixels.astype(np.float64) @ [0.299, 0.587, 0.114]
    assert np.abs(read - wanted).max() <= 0.51


def test_sixteen_bits_become_eight_over_their_whole_range(tmp_path: Path) -> None:
    deep = np.array([[0, 128, 129, 257], [32767, 32768, 65534, 65535]], np.uint16)
    for ending in ("png", "tiff"):
        picture = images.read(kept(Image.fromarray(deep), tmp_path / f"a.{ending}"), (2, 4, 3))
        assert picture.pixels[..., 0].tolist() == [[0, 0, 1, 1], [127, 128, 255, 255]]
        assert (picture.pixels == picture.pixels[..., :1]).all()
        assert picture.changes == "4x2 16-bit grey, to 8-bit RGB"


def test_what_is_transparent_lies_on_white(tmp_path: Path) -> None:
    pixels = np.zeros((1, 3, 4), np.uint8)
    pixels[0, :, :3], pixels[0, :, 3] = (200, 100, 0), (255, 0, 51)  # opaque, clear, a fifth
    picture = images.read(kept(Image.fromarray(pixels), tmp_path / "a.png"), (1, 3, 3))
    assert picture.pixels[0].tolist() == [[200, 100, 0], [255, 255, 255], [244, 224, 204]]
    assert picture.changes == "3x1 RGBA, transparent parts white, to 8-bit RGB"
    opaque = pixels.copy()
    opaque[..., 3] = 255
    picture = images.read(kept(Image.fromarray(opaque), tmp_path / "b.png"), (1, 3, 3))
    assert picture.pixels[0].tolist() == [[200, 100, 0]] * 3
    assert picture.changes == "3x1 RGBA, to 8-bit RGB"


def test_palettes_give_their_colours_and_their_transparent_one_gives_white(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putdata([0, 1])
    assert images.read(kept(image, tmp_path / "a.png"), (1, 2, 3)).pixels[0].tolist() == [[10, 20, 30], [40, 50, 60]]
    path = kept(image, tmp_path / "b.png", transparency=1)
    picture = images.read(path, (1, 2, 3))
    assert picture.pixels[0].tolist() == [[10, 20, 30], [255, 255, 255]]
    assert "transparent parts white" in picture.changes


@pytest.mark.parametrize(("mode", "colour", "ending", "wanted"), [
    ("1", 1, "png", (255, 255, 255)),
    ("LA", (80, 255), "png", (80, 80, 80)),
    ("LA", (80, 0), "png", (255, 255, 255)),
    ("CMYK", (0, 0, 0, 255), "tiff", (0, 0, 0)),
    ("YCbCr", (255, 128, 128), "tiff", (255, 255, 255)),
])  # fmt: skip
def test_other_modes(tmp_path: Path, mode: str, colour: Any, ending: str, wanted: tuple[int, ...]) -> None:
    path = kept(Image.new(mode, (3, 2), colour), tmp_path / f"a.{ending}")
    assert (images.read(path, (2, 3, 3)).pixels == wanted).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_stand_as_the_camera_says(tmp_path: Path, orientation: int) -> None:
    upright = noise(4, 6)
    # What a camera stores so that the orientation's meaning (EXIF 2.3, tag 0x0112) gives the upright picture again.
    stored = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1], 5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1), 7: upright[::-1, ::-1].transpose(1, 0, 2), 8: np.rot90(upright, -1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = images.read(kept(Image.fromarray(np.ascontiguousarray(stored)), tmp_path / "a.png", exif=exif), (4, 6, 3))
    assert np.array_equal(picture.pixels, upright)
    assert ("turned as EXIF says" in picture.changes) == (orientation > 1)


def test_the_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (6, 4), colour) for colour in ("red", "lime", "blue")]
    path = kept(frames[0], tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    picture = images.read(path, (4, 6, 3))
    assert (picture.pixels == (255, 0, 0)).all()
    assert "first of 3 frames" in picture.changes


def test_a_smaller_picture_is_the_weighted_mean_of_all_its_pixels(tmp_path: Path) -> None:
    """Bilinear with a support that grows: along each axis the weights are a triangle around the target pixel's centre."""
    pixels = noise(8, 12)
    picture = images.read(kept(Image.fromarray(pixels), tmp_path / "a.png"), (4, 3, 3))

    def weights(of: int, to: int) -> NDArray[np.float64]:
        centres = (np.arange(to)[:, None] + 0.5) * of / to
        triangle = np.maximum(0, 1 - np.abs(np.arange(of) + 0.5 - centres) / (of / to))
        return triangle / triangle.sum(1, keepdims=True)

    wanted = np.einsum("ph,qw,hwc->pqc", weights(8, 4), weights(12, 3), pixels.astype(np.float64))
    assert np.abs(picture.pixels - wanted).max() <= 1.01  # Pillow rounds after each axis
    assert picture.changes == "12x8 RGB, resized to 3x4"
    assert "resized to 3x4 RGB" in images.how((4, 3, 3))
    assert "bilinear" in images.how((4, 3, 3))


@pytest.mark.parametrize("spoil", ["text", "empty", "cut off", "flipped", "folder", "pipe", "float", "missing"])
def test_what_is_no_picture_is_an_error_that_names_the_file(tmp_path: Path, spoil: str) -> None:
    path = kept(Image.fromarray(noise(40, 60)), tmp_path / "a.png")
    whole = path.read_bytes()
    wanted: type[Exception] = FormatError
    if spoil == "text":
        path.write_text("not a picture")
    elif spoil == "empty":
        path.write_bytes(b"")
    elif spoil == "cut off":
        path.write_bytes(whole[: len(whole) // 2])
    elif spoil == "flipped":
        path.write_bytes(whole[:1000] + bytes([whole[1000] ^ 0xFF]) + whole[1001:])
    elif spoil == "float":
        path = kept(Image.new("F", (4, 4), 0.5), tmp_path / "a.tiff")
    else:
        path.unlink()
        wanted = FileNotFoundError
        if spoil == "folder":
            path.mkdir()
            wanted = IsADirectoryError
        elif spoil == "pipe":
            os.mkfifo(path)
            wanted = FormatError
    with pytest.raises(wanted) as caught:
        images.read(path, (4, 6, 3))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_damaged_byte_ends_in_a_picture_or_a_format_error(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for ending in ("png", "jpg", "gif", "tiff", "webp"):
        path = kept(Image.fromarray(noise(9, 9)), tmp_path / f"a.{ending}")
        whole = path.read_bytes()
        for _ in range(40):
            spoilt = bytearray(whole)
            for at in random.integers(0, len(whole), 3):
                spoilt[at] = random.integers(0, 256)
            path.write_bytes(spoilt)
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                with contextlib.suppress(FormatError):
                    assert images.read(path, (4, 6, 3)).pixels.shape == (4, 6, 3)


def test_huge_pictures_are_unpacked_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [kept(Image.fromarray(noise(seed=seed)), tmp_path / f"{seed}.png") for seed in range(8)]
    wanted, _ = folders.read_all(files, (4, 6, 3))
    running, most = 0, 0
    convert = images._converted

    def slow(*arguments: Any) -> images.Picture:
        nonlocal running, most
        running += 1
        most = max(most, running)
        time.sleep(0.01)
        running -= 1
        return convert(*arguments)

    monkeypatch.setattr(images, "_HUGE", 23)
    monkeypatch.setattr(images, "_converted", slow)
    pictures, faults = folders.read_all(files, (4, 6, 3))
    assert (faults, most) == ([], 1)
    for picture, same in zip(pictures, wanted, strict=True):
        assert picture is not None
        assert same is not None
        np.testing.assert_array_equal(picture.pixels, same.pixels)


def test_only_one_or_three_channels_can_be_had(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"shape \(4, 6, 2\) has 2 channels, but an image gives 1 or 3"):
        images.read(tmp_path / "a.png", (4, 6, 2))


@QUIET[0]
@QUIET[1]
def test_keras_s_loader_gives_the_same_pixels_where_nothing_is_resized(tmp_path: Path) -> None:
    keras = keras_or_skip()
    path = kept(Image.fromarray(noise()), tmp_path / "a.png")
    for mode, channels in (("rgb", 3), ("grayscale", 1)):
        theirs = keras.utils.img_to_array(keras.utils.load_img(path, color_mode=mode))
        assert np.array_equal(images.read(path, (4, 6, channels)).pixels, theirs)


# ---------------------------------------------------------------------------------------------------------------------
# A folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes, three pictures, and what lies about in people's folders."""
    root = tmp_path / "photos"
    for name in ("dog", "cat", ".hidden", "empty"):
        (root / name).mkdir(parents=True)
    for index, name in enumerate(("dog/b.png", "dog/a.jpg", "cat/10.png", ".hidden/x.png", "cat/.x.png")):
        kept(Image.fromarray(np.full((4, 6, 3), 50 * index, np.uint8)), root / name)
    (root / "cat" / ".DS_Store").write_text("")
    return root


def test_classes_and_files_come_in_the_order_of_their_names(photos: Path) -> None:
    loaded = folders.load(photos, (4, 6, 3))
    assert loaded.class_names == ("cat", "dog", "empty")
    assert [str(path.relative_to(photos)) for path in loaded.files] == ["cat/10.png", "dog/a.jpg", "dog/b.png"]
    assert loaded.y.tolist() == [0, 1, 1]
    assert loaded.x[:, 0, 0, 0].tolist() == [100, 50, 0]
    assert (loaded.x.shape, loaded.x.dtype, loaded.left_out) == ((3, 4, 6, 3), np.uint8, [])


def test_what_is_no_picture_is_left_out_and_told(photos: Path) -> None:
    (photos / "README.txt").write_text("mine")
    (photos / "cat" / "Thumbs.db").write_text("")
    (photos / "dog" / "puppies").mkdir()
    os.symlink("nowhere.png", photos / "dog" / "c.png")
    os.symlink("/mnt/lizards", photos / "lizard")
    loaded = folders.load(photos, (4, 6, 3))
    assert len(loaded.x) == 3
    assert [(str(fault.path.relative_to(photos)), fault.reason) for fault in loaded.left_out] == [
        ("README.txt", "lies beside the class folders, in none"),
        ("lizard", "is a link to /mnt/lizards, which cannot be reached (mend it, or take it away)"),
        ("dog/puppies", "is a folder within a class, and is not looked into"),
        ("cat/Thumbs.db", "is no image of a known format"),
        ("dog/c.png", "is a link to nowhere.png, which cannot be reached (mend it, or take it away)"),
    ]
    assert folders.listed(loaded.left_out[:2]).count(";") == 1
    assert folders.listed(loaded.left_out * 2).endswith("; and 5 more")


def test_a_folder_without_classes_or_pictures_is_refused(tmp_path: Path, photos: Path) -> None:
    with pytest.raises(FileNotFoundError):
        folders.load(tmp_path / "nowhere", (4, 6, 3))
    with pytest.raises(NotADirectoryError):
        folders.load(photos / "dog" / "a.jpg", (4, 6, 3))
    with pytest.raises(FormatError, match=r"dog: holds no folders, but wanted is one folder a class"):
        folders.load(photos / "dog", (4, 6, 3))
    with pytest.raises(FormatError, match=rf"{tmp_path}: its folders hold no images; name one of those in it, such as"):
        folders.load(tmp_path, (4, 6, 3))
    for path in photos.glob("*/*.*"):
        path.write_text("no picture")
    with pytest.raises(FormatError, match=r"photos: none of its 3 files can be read: .*10\.png: is no image"):
        folders.load(photos, (4, 6, 3))


def test_the_real_folders_of_plants_are_read_bit_for_bit() -> None:
    plants = SHARED / "data" / "cifar100-plants" / "test"
    if not plants.is_dir():
        pytest.skip(f"no {plants}; FASTCNN_SHARED names the folder whose data/ holds it")
    loaded = folders.load(plants, (32, 32, 3))
    assert loaded.x.shape == (1000, 32, 32, 3)
    assert np.bincount(loaded.y).tolist() == [100] * 10
    assert loaded.class_names[:3] == ("apple", "mushroom", "orange")
    for index in (0, 123, 999):
        assert np.array_equal(loaded.x[index], np.asarray(Image.open(loaded.files[index])))
        assert loaded.files[index].parent.name == loaded.class_names[loaded.y[index]]
