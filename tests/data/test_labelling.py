"""`label_pictures` and `compare_estimators`, which the command `fgbg-data depth` calls."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from fgbg_data import compare_estimators, label_pictures
from fgbg_data.errors import ConfigError, EstimatorError, SourceError


class Steps:
    """Keeps every step of a progress."""

    def __init__(self) -> None:
        self.steps: list[Any] = []

    def begin(self, activity: str, total: int | None, unit: str, done: int = 0) -> None:
        self.steps.append(("begin", total, unit))

    def update(self, done: int, note: str = "") -> None:
        self.steps.append(done)

    def end(self) -> None:
        self.steps.append("end")

    def message(self, text: str) -> None:
        self.steps.append(text)


@pytest.fixture
def photos(pictures: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pictures / "bg", tmp_path / "photos"))


def test_the_paths_of_the_depth_are_returned_in_the_order_of_the_pictures(photos: Path, tmp_path: Path) -> None:
    (photos / "room1.jpg").rename(photos / "with.dots.jpg")
    written = label_pictures(photos, tmp_path / "out", depth="fake")
    names = ["room0", "room2", "room3", "with.dots"]
    assert written == [tmp_path / "out" / f"{name}.depth.png" for name in names]
    assert all(path.is_file() for path in written)
    sheets = compare_estimators([photos / "room2.jpg"], tmp_path / "out", ["fake", "tiny"])
    assert sheets == [tmp_path / "out" / "room2.compare.png"]
    assert sheets[0].is_file()


@pytest.mark.parametrize("letter", ["n", "漢"])
def test_results_of_pictures_with_the_longest_names_are_written_under_shortened_ones(
    letter: str, photos: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "long"
    folder.mkdir()
    size = len(letter.encode())
    for number, length in enumerate((225, 243, 250)):
        shutil.copy(photos / "room1.jpg", folder / f"{letter * (length // size)}{number}.jpg")
    depth = label_pictures(folder, tmp_path / "out", depth="fake")
    sheets = compare_estimators(folder, tmp_path / "out", ["fake", "fake"])
    assert len(set(depth)) == len(set(sheets)) == 3
    assert all(path.is_file() for path in (*depth, *sheets))
    assert max(len(path.name.encode()) for path in (tmp_path / "out").iterdir()) <= 255


@pytest.mark.parametrize("as_text", [True, False])
def test_one_picture_needs_no_list(photos: Path, tmp_path: Path, as_text: bool) -> None:
    path = photos / "room2.jpg"
    written = label_pictures(str(path) if as_text else path, str(tmp_path / "out"), depth="fake")
    assert written == [tmp_path / "out" / "room2.depth.png"]


def test_progress_counts_every_picture(photos: Path, tmp_path: Path) -> None:
    steps = Steps()
    label_pictures(photos, tmp_path / "out", depth="fake", estimator_batch=3, progress=steps)
    assert steps.steps == [("begin", 4, "pictures"), 1, 2, 3, 4, "end"]
    steps = Steps()
    compare_estimators(photos, tmp_path / "out", ["fake", "fake"], progress=steps)
    assert steps.steps == [("begin", 4, "pictures"), 1, 2, 3, 4, "end"]
    steps = Steps()
    with pytest.raises(EstimatorError, match="there is no such estimator"):
        label_pictures(photos, tmp_path / "more", depth="nobody", progress=steps)
    assert steps.steps == [("begin", 4, "pictures"), "end"]


def test_errors_name_the_arguments_of_the_functions(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for options, text in (
        ({"depth_bits": 0}, "depth_bits=0: expected 1 to 16"),
        ({"device": "gpu"}, "device='gpu': expected one of auto, cpu, cuda"),
        ({"estimator_batch": 0}, "estimator_batch=0: expected at least 1"),
    ):
        with pytest.raises(ConfigError, match=f"^{re.escape(text)}"):
            label_pictures(photos, out, depth="fake", **options)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="expected at least two estimators to compare, got tiny"):
        compare_estimators(photos, out, ["tiny"])
    assert not out.exists()
    label_pictures(photos, out, depth="fake")
    with pytest.raises(ConfigError, match=r"exists already .*; choose another `out`, or overwrite=True"):
        label_pictures(photos, out, depth="fake")


def test_pictures_that_cannot_be_used_are_listed_after_the_others_are_done(photos: Path, tmp_path: Path) -> None:
    (photos / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(SourceError, match=r"1 of 5 pictures cannot be used; the others are done:\n .*broken.jpg"):
        compare_estimators(photos, tmp_path / "out", ["fake", "fake"])
    assert len(list((tmp_path / "out").glob("*.compare.png"))) == 4
