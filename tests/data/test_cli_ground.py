"""`fgbg-data ground` as a user types it."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers.rooms import RoomEstimator
from PIL import Image

from fgbg_data import cli, survey_ground


@pytest.fixture
def rooms(pictures: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pictures / "bg", tmp_path / "bg"))


def test_the_sheet_shows_every_background_and_notes_correct_it(rooms: Path, tmp_path: Path) -> None:
    files = sorted(path.name for path in rooms.iterdir())
    (rooms / "ground.csv").write_text(f"file,ground,horizon\n{files[0]},no,\n{files[1]},,0.3\n")
    sheet = tmp_path / "sheet.png"
    result = CliRunner().invoke(cli.main, ["ground", str(rooms), "-o", str(sheet), "--depth", "room", "--size", "64"])
    assert result.exit_code == 0, result.output
    assert f"no ground: {files[0]}: ground.csv says that it has none" in result.stdout
    assert f"{len(files) - 1} of {len(files)} backgrounds with ground" in result.stdout
    with Image.open(sheet) as picture:
        assert picture.width > 64 * min(6, len(files))
    reports = survey_ground(rooms, sheet, depth="room", size=64, fit="stretch", progress=False)
    assert [report.file for report in reports] == files
    assert reports[1].horizon == pytest.approx(0.3, abs=0.01)
    assert reports[2].horizon == pytest.approx(RoomEstimator.HORIZON, abs=0.01)
    assert reports[2].area > 0.3


def test_a_note_about_a_missing_picture_is_refused_in_one_line(rooms: Path, tmp_path: Path) -> None:
    (rooms / "ground.csv").write_text("file,ground\nmissing.jpg,no\n")
    result = CliRunner().invoke(cli.main, ["ground", str(rooms), "-o", str(tmp_path / "s.png"), "--depth", "room"])
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "names 'missing.jpg', which is not among the pictures" in result.stderr
