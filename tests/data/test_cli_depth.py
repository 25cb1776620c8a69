"""`fgbg-data depth` and `fgbg-data estimators` as a user types them."""

import json
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from helpers.fake_estimator import FakeEstimator
from PIL import Image

from fgbg_data import cli, load_estimator
from fgbg_data.depth.catalogue import list_estimators
from fgbg_data.depth.hf_presets import PRESETS


def run(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(cli.main, ["depth", *map(str, arguments)])
    assert "Traceback" not in result.output
    return result


def refused(*arguments: str | Path, lines: int = 1) -> str:
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert len(result.stderr.splitlines()) == lines, result.stderr
    return result.stderr.strip().removeprefix("fgbg-data: ")


@pytest.fixture
def photos(pictures: Path, tmp_path: Path) -> Path:
    """A folder with a picture, and another one in a subfolder, larger and turned by EXIF."""
    (tmp_path / "photos" / "sub").mkdir(parents=True)
    shutil.copy(pictures / "bg" / "room0.jpg", tmp_path / "photos" / "room0.jpg")
    turned = Image.open(pictures / "bg" / "room1.jpg").resize((700, 500))
    exif = turned.getexif()
    exif[274] = 6
    turned.save(tmp_path / "photos" / "sub" / "room1.jpg", exif=exif)
    return tmp_path / "photos"


def test_depth_of_pictures_is_stored_as_in_a_shard(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run(photos, "-o", out, "--depth", "fake")
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{out}: depth of 2 pictures\n"
    written = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    ends = ("depth.json", "depth.png", "preview.png")
    assert written == sorted(f"{name}.{end}" for name in ("room0", "sub/room1") for end in ends)
    image = np.asarray(Image.open(photos / "room0.jpg").convert("RGB"))
    guess = FakeEstimator().estimate(image[None])[0]
    codes = cv2.imread(str(out / "room0.depth.png"), cv2.IMREAD_UNCHANGED)
    about = json.loads((out / "room0.depth.json").read_text())
    assert codes.dtype == np.uint16
    value = (codes >> 4) / 4095
    np.testing.assert_allclose(
        about["depth_min"] + value * (about["depth_max"] - about["depth_min"]), guess, atol=np.ptp(guess) / 8000
    )
    assert about["estimator"]["name"] == "fake"
    assert cv2.imread(str(out / "sub" / "room1.depth.png"), cv2.IMREAD_UNCHANGED).shape == (700, 500)
    with Image.open(out / "sub" / "room1.preview.png") as sheet:
        assert sheet.width < 2 * 480 < 2 * sheet.height


def test_tiny_is_the_default_and_labels_as_a_build_does(photos: Path, tmp_path: Path) -> None:
    result = run(photos / "room0.jpg", "-o", tmp_path / "out", "--estimator-batch", "3", "--depth-bits", "16")
    assert result.exit_code == 0, result.output
    about = json.loads((tmp_path / "out" / "room0.depth.json").read_text())
    assert (about["estimator"]["name"], about["estimator"]["batch_size"], about["depth_bits"]) == ("tiny", 3, 16)
    image = np.asarray(Image.open(photos / "room0.jpg").convert("RGB"))
    guess = load_estimator("tiny", "cpu").estimate(image[None])[0]
    codes = cv2.imread(str(tmp_path / "out" / "room0.depth.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_allclose(codes / 65535, (guess - guess.min()) / np.ptp(guess), atol=1e-3)


def test_estimators_are_compared_side_by_side(photos: Path, tmp_path: Path) -> None:
    result = run(photos, "-o", tmp_path / "out", "--compare", "tiny, fake")
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "out" / "room0.compare.png") as sheet:
        assert sheet.width > 3 * 96
    assert "at least two estimators" in refused(photos, "-o", tmp_path / "more", "--compare", "tiny")


def test_nothing_is_overwritten_unasked(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(photos, "-o", out, "--depth", "fake").exit_code == 0
    before = (out / "room0.depth.png").stat().st_mtime_ns
    message = refused(photos, "-o", out, "--depth", "fake")
    assert message == (
        f"{out}/room0.depth.png: exists already (and 5 other files); choose another --out, or --overwrite"
    )
    assert (out / "room0.depth.png").stat().st_mtime_ns == before
    assert run(photos, "-o", out, "--depth", "fake", "--overwrite").exit_code == 0
    assert (out / "room0.depth.png").stat().st_mtime_ns > before


def test_options_that_cannot_work_are_refused_before_anything_is_written(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (tmp_path / "empty").mkdir()
    assert refused(tmp_path / "none.jpg", "-o", out) == f"{tmp_path / 'none.jpg'}: there is no such file or folder"
    assert "holds no picture" in refused(tmp_path / "empty", "-o", out)
    assert "did you mean 'tiny'?" in refused(photos, "-o", out, "--depth", "tny")
    assert "labels nothing" in refused(photos, "-o", out, "--depth", "none")
    assert refused(photos, "-o", out, "--depth-bits", "17") == "--depth-bits 17: expected 1 to 16"
    assert refused(photos, "-o", out, "--estimator-batch", "0") == "--estimator-batch 0: expected at least 1"
    assert "'gpu' is not one of 'auto', 'cpu', 'cuda'" in refused(photos, "-o", out, "--device", "gpu")
    shutil.copy(photos / "room0.jpg", photos / "room0.png")
    assert "would both be written as room0; use a folder for each" in refused(photos, "-o", out)
    assert not out.exists()


def test_bad_pictures_are_listed_and_the_others_labelled(photos: Path, tmp_path: Path) -> None:
    (photos / "broken.jpg").write_bytes(b"no picture")
    message = refused(photos, "-o", tmp_path / "out", "--depth", "fake", lines=2)
    assert message.startswith("1 of 3 pictures cannot be used; the others are done:\n")
    assert "broken.jpg: is no picture of a known kind" in message
    assert len(list((tmp_path / "out").rglob("*.depth.png"))) == 2


def test_depth_that_is_not_finite_is_refused(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeEstimator, "estimate", lambda self, images: np.full(images.shape[:3], np.nan, np.float32))
    assert "room0.jpg: fake gave a depth that is not finite" in refused(
        photos, "-o", tmp_path / "out", "--depth", "fake"
    )


@pytest.mark.filterwarnings("always:fake")
def test_a_licence_is_warned_of_once(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = FakeEstimator().identity()
    monkeypatch.setattr(FakeEstimator, "identity", lambda self: plain | {"licence": "CC-BY-NC-4.0"})
    result = run(photos, "-o", tmp_path / "out", "--depth", "fake")
    assert result.exit_code == 0, result.output
    assert result.stderr.count("fgbg-data: fake: its licence, CC-BY-NC-4.0, is for non-commercial use") == 1


# --- the table -----------------------------------------------------------------------------------------------


def test_table_of_estimators(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    result = CliRunner().invoke(cli.main, ["estimators"])
    assert result.exit_code == 0, result.output
    for name in ("tiny", *PRESETS, "hf:REPO_OR_FOLDER", "onnx:FILE", "densedepth:FILE.h5", "none"):
        assert f"\n{name} " in result.stdout
    assert "CC-BY-NC-4.0 *" in result.stdout
    assert {row.state for row in list_estimators() if row.name in PRESETS} == {"not fetched"}


def test_table_says_which_extra_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    states = {row.name: row.state for row in list_estimators()}
    assert states["zoedepth"] == states["hf:REPO_OR_FOLDER"] == "pip install 'fgbg[hf]'"
    assert states["densedepth:FILE.h5"] == "pip install 'fgbg[torch]'"
    assert states["onnx:FILE"] == "ready"  # onnxruntime is always there
    assert states["tiny"] == "in the package"


def test_speed_of_estimators_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[int, ...]] = []
    estimate = FakeEstimator.estimate
    monkeypatch.setattr(
        FakeEstimator, "estimate", lambda self, images: (calls.append(images.shape), estimate(self, images))[1]
    )
    arguments = ["estimators", "--speed", "fake", "--seconds", "0.05", "--device", "cpu"]
    result = CliRunner().invoke(cli.main, arguments)
    assert result.exit_code == 0, result.output
    assert re.fullmatch(r"fake: [0-9.]+ pictures/s of 224 x 224 px, batches of \d+, cpu\n", result.stdout), (
        result.stdout
    )
    assert len(calls) >= 2  # the first is not counted
    assert {shape[1:] for shape in calls} == {(224, 224, 3)}
    assert CliRunner().invoke(cli.main, ["estimators", "--speed", "tinny"]).exit_code == 2
