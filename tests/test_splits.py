"""`datasets.image_folder`: which pictures go where, what is refused and what is told, and what the cache keeps."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checks import rejected
from fastcnn.datasets import image_folder, images
from fastcnn.errors import FormatError
from PIL import Image

pytestmark = pytest.mark.usefixtures("cache_of_its_own")


def picture(path: Path, seed: int, size: tuple[int, int] = (7, 9)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)).save(path)
    return path


def classes(root: Path, counts: dict[str, int], first: int = 0) -> Path:
    for number, (name, count) in enumerate(counts.items()):
        (root / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            picture(root / name / f"{i:02}.png", first + 1000 * number + i)
    return root


def test_a_part_of_each_class_is_drawn_for_validation(tmp_path: Path) -> None:
    root = classes(tmp_path / "photos", {"cat": 20, "dog": 5, "eel": 2})
    found = image_folder(root, 8)
    assert found.class_names == ("cat", "dog", "eel")
    assert np.bincount(found.validation.y).tolist() == [4, 1, 1]
    assert np.bincount(found.train.y).tolist() == [16, 4, 1]
    assert len(found.test.x) == 0
    assert found.left_out == []
    assert {*found.train.files, *found.validation.files} == set(root.rglob("*.png"))
    assert found.train.files == sorted(found.train.files)
    for part in (found.train, found.validation):
        assert (part.x.shape, part.x.dtype, part.y.dtype) == ((len(part.y), 8, 8, 3), np.uint8, np.int64)
        for x, y, path in zip(*part, strict=True):
            assert path.parent.name == found.class_names[y]
            np.testing.assert_array_equal(x, images.read(path, (8, 8, 3)).pixels)


def test_the_draw_is_the_seed_s_and_the_contents_and_not_the_names(tmp_path: Path) -> None:
    root = classes(tmp_path / "photos", {"cat": 30, "dog": 30})

    def drawn(seed: int) -> set[bytes]:
        return {x.tobytes() for x in image_folder(root, 8, seed=seed).validation.x}

    first = drawn(0)
    assert drawn(0) == first
    assert drawn(1) != first
    for number, path in enumerate(sorted(root.rglob("*.png"))):
        path.rename(path.with_name(f"{(number * 7) % 60:03}-other.png"))
    assert drawn(0) == first
    picture(root / "cat" / "new.png", 77_777)
    assert len(drawn(0) & first) >= len(first) - 1


def test_parts_that_are_there_are_taken_as_they_are(tmp_path: Path) -> None:
    root = tmp_path / "photos"
    for first, (part, counts) in enumerate(
        {"Train": {"a": 3, "b": 4}, "val": {"b": 2}, "testing": {"a": 1, "b": 5}}.items()
    ):
        classes(root / part, counts, first * 100_000)
    (root / "notes.txt").write_text("x")
    (root / "old").mkdir()
    found = image_folder(root, (8, 6))
    assert [np.bincount(part.y, minlength=2).tolist() for part in (found.train, found.validation, found.test)] == [
        [3, 4],
        [0, 2],
        [1, 5],
    ]
    assert {fault.path.name for fault in found.left_out} == {"notes.txt", "old"}
    assert found.train.x.shape == (7, 8, 6, 3)


def test_a_test_folder_alone_leaves_the_validation_to_be_drawn(tmp_path: Path) -> None:
    classes(tmp_path / "train", {"a": 10, "b": 10})
    classes(tmp_path / "test", {"a": 1, "b": 1}, 100_000)
    found = image_folder(tmp_path, 8, validation_split=0.5, channels=1)
    assert [len(part.y) for part in (found.train, found.validation, found.test)] == [10, 10, 2]
    assert found.test.x.shape == (2, 8, 8, 1)
    none = image_folder(tmp_path, 8, validation_split=0)
    assert [len(part.y) for part in (none.train, none.validation, none.test)] == [20, 0, 2]


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    classes(tmp_path, {"bus": 2, "train": 2})
    assert image_folder(tmp_path, 8).class_names == ("bus", "train")


def test_bad_files_are_left_out_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = classes(tmp_path / "photos", {"cat": 4, "dog": 4})
    picture(root / "cat" / "cut.jpg", 1, (64, 64))
    whole = (root / "cat" / "cut.jpg").read_bytes()
    (root / "cat" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (root / "dog" / "text.png").write_text("no picture")
    (root / "dog" / "gone.png").symlink_to(root / "nowhere.png")
    (root / "dog" / "round.png").symlink_to(root / "dog" / "round.png")
    os.mkfifo(root / "dog" / "pipe.png")
    picture(root / "cat" / "one pixel ピクセル.png", 2, (1, 1))
    picture(root / "cat" / "bomb.png", 3, (100, 100))
    (tmp_path / "elsewhere").mkdir()
    picture(tmp_path / "elsewhere" / "linked.png", 4)
    (root / "dog" / "link.png").symlink_to(tmp_path / "elsewhere" / "linked.png")
    (root / "dog" / "loop").symlink_to(root)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 4500)
    found = image_folder(root, 8)
    reasons = {fault.path.name: fault.reason for fault in found.left_out}
    assert reasons.keys() == {"cut.jpg", "text.png", "gone.png", "round.png", "pipe.png", "bomb.png", "loop"}
    assert "damaged" in reasons["cut.jpg"]
    assert "no image of a known format" in reasons["text.png"]
    assert "million pixels, and is not unpacked" in reasons["bomb.png"]
    assert f"is a link to {root / 'nowhere.png'}, which cannot be reached" in reasons["gone.png"]
    assert "which cannot be reached" in reasons["round.png"]
    assert "not looked into" in reasons["loop"]
    names = {path.name for path in found.train.files + found.validation.files}
    assert {"one pixel ピクセル.png", "link.png"} <= names
    assert len(names) == 4 + 2  # the classes' files have the same names


def test_linked_class_folders_count(tmp_path: Path) -> None:
    root = classes(tmp_path / "photos", {"cat": 3})
    classes(tmp_path / "else", {"where": 3}, 50)
    (root / "dog").symlink_to(tmp_path / "else" / "where")
    assert np.bincount(image_folder(root, 8).train.y).tolist() == [2, 2]


def test_duplicates_stay_unless_they_are_to_go_and_then_the_test_keeps_its_own(tmp_path: Path) -> None:
    root = tmp_path / "photos"
    classes(root / "train", {"a": 4, "b": 4})
    classes(root / "test", {"a": 2, "b": 2}, 100_000)
    twin = (root / "train" / "a" / "00.png").read_bytes()
    for copy in ("train/b/twin.png", "test/a/twin.png"):
        (root / copy).write_bytes(twin)
    both = image_folder(root, 8, validation_split=0.25)
    assert (len(both.train.y) + len(both.validation.y), len(both.test.y)) == (9, 5)
    found = image_folder(root, 8, validation_split=0.25, drop_duplicates=True)
    assert (len(found.train.y) + len(found.validation.y), len(found.test.y)) == (7, 5)
    told = {str(fault.path.relative_to(root)): fault.reason for fault in found.left_out}
    assert told.keys() == {"train/a/00.png", "train/b/twin.png"}
    assert all(reason == f"is the same file as {root / 'test/a/twin.png'}" for reason in told.values())


def test_the_cache_gives_the_same_without_decoding(
    tmp_path: Path, cache_of_its_own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = classes(tmp_path / "photos", {"cat": 5, "dog": 5})
    first = image_folder(root, 8)
    decoded: list[Any] = []
    decode = images.decode
    monkeypatch.setattr(images, "decode", lambda path, *more: decoded.append(path) or decode(path, *more))
    again = image_folder(root, 8)
    assert decoded == []
    np.testing.assert_array_equal(again.train.x, first.train.x)
    (root / "cat" / "00.png").rename(root / "cat" / "zz.png")
    picture(root / "dog" / "new.png", 99)
    image_folder(root, 8)
    assert [path.name for path in decoded] == ["new.png"]
    image_folder(root, 8, cache=False)
    assert len(decoded) == 12
    decoded.clear()
    image_folder(root, 9)
    assert len(decoded) == 11  # another shape
    (kept,) = (path for path in (cache_of_its_own / "pictures").iterdir() if "8x8" in path.name)
    kept.write_bytes(kept.read_bytes()[:-100])  # damaged: decoded anew, and mended
    decoded.clear()
    for _ in range(2):
        np.testing.assert_array_equal(image_folder(root, 8).train.y, image_folder(root, 8, cache=False).train.y)
    assert len(decoded) == 3 * 11


def test_a_cache_that_cannot_be_written_is_no_fault(tmp_path: Path, cache_of_its_own: Path) -> None:
    root = classes(tmp_path / "photos", {"cat": 2, "dog": 2})
    cache_of_its_own.parent.mkdir()
    cache_of_its_own.write_text("in the way")
    assert len(image_folder(root, 8).train.y) == 2


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda root: None, "holds no folders"),
        (lambda root: classes(root, {"cat": 0, "dog": 0}), "hold no images"),
        (lambda root: classes(root, {"cat": 3}), "one class alone, 'cat'"),
        (lambda root: classes(root, {"cat": 3, "dog": 0}), "class 'dog' has no picture"),
        (lambda root: classes(root, {"cat": 3, "dog": 1}), "class 'dog' has one picture"),
        (lambda root: classes(root, {"cat": 3, "Cat": 3}), "'Cat' and 'cat' differ in case alone"),
        (lambda root: classes(root, {"caf\u00e9": 3, "cafe\u0301": 3}), "differ in case alone"),
        (lambda root: (classes(root / "train", {"a": 2, "b": 2}), classes(root / "test", {"c": 2})), "class 'c', which"),
        (lambda root: (classes(root / "train", {"a": 2, "b": 2}), classes(root / "test", {"A": 2})), "lacks (there it is 'a'); rename"),
        (lambda root: (classes(root / "train", {"a": 2}), classes(root / "training", {"a": 2})), "keep one"),
        (lambda root: (classes(root / "val", {"a": 2}), classes(root / "test", {"a": 2})), "but no folder train with"),
        (lambda root: (classes(root / "train", {"a": 2, "b": 2}), (root / "test").symlink_to("gone")), "test: is a link to gone, which"),
        (lambda root: (classes(root, {"a": 2, "b": 2}), (root / "train").symlink_to("train")), "train: is a link to train, which"),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_on_is_said(tmp_path: Path, make: Any, said: str) -> None:
    root = tmp_path / "photos"
    root.mkdir()
    make(root)
    with pytest.raises(FormatError, match="photos") as caught:
        image_folder(root, 8)
    assert said in str(caught.value)


def test_classes_may_have_the_names_of_parts(tmp_path: Path) -> None:
    assert image_folder(classes(tmp_path, {"test": 3, "val": 3, "road": 3}), 8).class_names == ("road", "test", "val")


def test_a_class_whose_files_are_all_bad_says_why(tmp_path: Path) -> None:
    root = classes(tmp_path / "photos", {"cat": 3, "dog": 0})
    (root / "dog" / "a.png").write_text("no picture")
    with pytest.raises(FormatError, match=r"'dog' has no picture .*a\.png: is no image"):
        image_folder(root, 8)


def test_one_picture_will_do_where_nothing_is_drawn(tmp_path: Path) -> None:
    root = classes(tmp_path / "photos", {"cat": 3, "dog": 1})
    assert len(image_folder(root, 8, validation_split=0).train.y) == 4


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"image_size": 0}, "image_size"),
        ({"channels": 4}, "channels must be 1 or 3, but is 4"),
        ({"validation_split": 1.0}, "validation_split"),
        ({"validation_split": -0.1}, "validation_split"),
        ({"seed": -1}, "seed"),
        ({"verbose": 7}, "verbose"),
    ],
)
def test_arguments_that_will_not_do_are_named(tmp_path: Path, arguments: dict[str, Any], said: str) -> None:
    with rejected(ValueError, "image_folder", said):
        image_folder(tmp_path, **arguments)


def test_missing_folders_and_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        image_folder(tmp_path / "nowhere")
    (tmp_path / "file").write_text("x")
    with pytest.raises(NotADirectoryError, match="file"):
        image_folder(tmp_path / "file")
