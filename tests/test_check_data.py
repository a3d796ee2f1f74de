"""`datasets.check_folder` and `python -m fastcnn.check_data`: all that is wrong at once, and what to do about it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fastcnn import check_data
from fastcnn.datasets import check_folder, image_folder
from fastcnn.datasets.checking import Checked
from fastcnn.errors import FormatError
from test_splits import classes, picture

pytestmark = pytest.mark.usefixtures("cache_of_its_own")


def said(checked: Checked, serious: bool = False) -> str:
    return "\n".join(finding.text for finding in checked.findings if finding.serious == serious)


def test_nothing_is_wrong_with_good_pictures(tmp_path: Path) -> None:
    root = classes(tmp_path / "photos", {"cat": 20, "dog": 25})
    for _ in range(2):  # the second from the cache
        checked = check_folder(root, (7, 9))
        assert checked == (("cat", "dog"), {"train": [20, 25]}, [(7, 9)] * 3, [])


def test_everything_is_said_at_once(tmp_path: Path) -> None:
    root = tmp_path / "photos"
    classes(root / "train", {"Ant": 70, "ant": 25, "bee": 2, "cow": 0})
    classes(root / "val", {"bee": 2, "dog": 1}, 50_000)
    (root / "train" / "bee" / "text.png").write_text("no picture")
    (root / "train" / "notes.txt").write_text("beside the classes")
    twin = (root / "train" / "Ant" / "00.png").read_bytes()
    for copy in ("train/Ant/x.png", "train/bee/x.png", "val/bee/x.png"):
        (root / copy).write_bytes(twin)
    picture(root / "train" / "bee" / "wide.png", 7, (10, 40))
    checked = check_folder(root, 8)
    assert checked.class_names == ("Ant", "ant", "bee", "cow")
    assert checked.counts == {"train": [71, 25, 4, 0], "validation": [0, 0, 3, 0]}
    assert checked.sizes == [(7, 9), (7, 9), (10, 40)]
    wrong, odd = said(checked, True), said(checked)
    for words in ("'Ant' and 'ant' differ in case alone", "class 'dog', which", "class 'cow' has no picture"):
        assert words in wrong
    for words in (
        "2 files cannot be used",
        "repeat others under different classes",
        "repeat others in different parts",
        "few pictures to train on: bee (4)",
        "Ant has 71 pictures, bee 4",
        "1 file is much wider",
    ):
        assert words in odd
    assert all(finding.remedy for finding in checked.findings if not finding.serious)
    left_out = next(finding for finding in checked.findings if "cannot be used" in finding.text)
    assert {fault.path.name for fault in left_out.files} == {"text.png", "notes.txt"}


def test_an_empty_part_is_said_with_everything_else(tmp_path: Path) -> None:
    root = tmp_path / "photos"
    classes(root / "train", {"cat": 20, "dog": 1})
    (root / "test" / "cat").mkdir(parents=True)
    (root / "val").mkdir()
    checked = check_folder(root, (7, 9))
    assert checked.counts["train"] == [20, 1]
    wrong = said(checked, True)
    for part in ("test", "val"):
        assert f"{part}: holds no picture of the classes in {root / 'train'}; add some, or take {part} away" in wrong
    assert "few pictures to train on: dog (1)" in said(checked)
    with pytest.raises(FormatError, match=r"take (test|val) away"):
        image_folder(root)


def test_one_picture_is_enough_where_a_fine_tuning_would_draw_none(tmp_path: Path) -> None:
    root = tmp_path / "photos"
    classes(root / "train", {"cat": 3, "dog": 1})
    assert "'dog' has one picture" in said(check_folder(root, (7, 9)), True)
    classes(root / "test", {"cat": 2, "dog": 2}, 10)
    assert said(check_folder(root, (7, 9)), True) == ""
    assert "'dog' has one picture" in said(check_folder(root, (7, 9), validation_split=0.1), True)


def test_repeated_files_of_one_class_are_found_where_they_are(tmp_path: Path) -> None:
    root = classes(tmp_path / "photos", {"cat": 20, "dog": 20})
    (root / "cat" / "again.png").write_bytes((root / "cat" / "00.png").read_bytes())
    (finding,) = check_folder(root, (7, 9)).findings
    assert finding.text == "1 file repeats another within a part"
    assert [(fault.path.name, fault.reason) for fault in finding.files] == [
        ("again.png", f"is the same file as {root / 'cat' / '00.png'}")
    ]


def test_small_pictures_are_named_with_their_sizes(tmp_path: Path) -> None:
    root = classes(tmp_path / "photos", {"cat": 20, "dog": 20})
    picture(root / "cat" / "large.png", 9, (64, 64))
    (finding,) = check_folder(root).findings
    assert finding.text == "40 files are smaller than 32x32"
    assert finding.files[0].reason == "is 9x7"
    assert "enlarged" in finding.remedy


def test_a_folder_of_no_classes_is_a_finding(tmp_path: Path) -> None:
    checked = check_folder(tmp_path)
    assert (checked.class_names, checked.counts, checked.sizes) == ((), {}, [])
    assert "holds no folders" in said(checked, True)


def test_the_command_prints_counts_sizes_and_findings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = classes(tmp_path / "photos", {"cat": 30, "dog\x1b[1m": 30})
    assert check_data.main([str(root), "--image-size", "8"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "sizes: smallest 9x7, median 9x7, largest 9x7" in out
    assert "nothing is wrong" in out
    assert [line.split() for line in out.splitlines() if line.startswith(("cat", "in all"))] == [
        ["cat", "30"],
        ["in", "all", "60"],
    ]
    for number in range(8):
        (root / "cat" / f"bad{number}.png").write_text("x")
    assert check_data.main([str(root), "--image-size", "8"]) == 0
    out = capsys.readouterr().out
    assert "8 files cannot be used" in out
    assert out.count("is no image of a known format") == 8
    assert check_data.main([str(root)]) == 0
    out = capsys.readouterr().out
    assert (out.count("is 9x7"), "and 55 more (--all names them)" in out) == (5, True)
    assert check_data.main([str(root), "--all"]) == 0
    assert capsys.readouterr().out.count("is 9x7") == 60


def test_the_exit_code_says_whether_it_can_be_trained_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = classes(tmp_path / "photos", {"cat": 3, "dog": 1})
    assert check_data.main([str(root), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["class_names"] == ["cat", "dog"]
    assert told["counts"] == {"train": [3, 1]}
    assert told["findings"][0]["serious"]
    assert {file["reason"] for finding in told["findings"] for file in finding["files"]} == {"is 9x7"}
    assert check_data.main([str(root / "nowhere")]) == 1
    assert "nowhere" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stopped:
        check_data.main([str(root), "--image-size", "0"])
    assert stopped.value.code == 2
