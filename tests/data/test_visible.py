"""What is visible decides the box of a cut-out: not haze, specks, watermarks, or what format version 2 took for it."""

import io
from pathlib import Path

import numpy as np
import pytest
from helpers.datasets import config_for
from helpers.picture_files import load_foreground, photo, saved
from PIL import Image

from fgbg_data.building.build import build
from fgbg_data.building.plan_build import plan_build
from fgbg_data.building.prepare import prepare
from fgbg_data.compositing.cutouts import crop_cutout, filled_share
from fgbg_data.viewing.gallery import Gallery

RNG = np.random.default_rng(0)


def disc(radius: int = 26, side: int = 320, top: int = 90, left: int = 40, alpha: int = 255) -> np.ndarray:
    rows, columns = np.mgrid[:side, :side]
    inside = (rows - top - radius) ** 2 + (columns - left - radius) ** 2 <= radius**2
    pixels = np.zeros((side, side, 4), np.uint8)
    pixels[...] = (180, 170, 160, 0)
    pixels[inside] = (200, 30, 40, alpha)
    return pixels


def hazy(pixels: np.ndarray) -> np.ndarray:
    pixels[..., 3] = np.maximum(pixels[..., 3], RNG.integers(0, 4, pixels.shape[:2]))
    return pixels


def with_specks(pixels: np.ndarray) -> np.ndarray:
    for row, column in ((2, 3), (300, 310), (5, 250)):
        pixels[row : row + 4, column : column + 4, 3] = 255
    return pixels


def watermarked(pixels: np.ndarray) -> np.ndarray:
    for start in range(4, 300, 40):
        pixels[290:310, start : start + 25, 3] = 40
        pixels[10:30, start : start + 25, 3] = 40
    return pixels


DISTURBED = {"haze": hazy, "specks": with_specks, "watermark": watermarked}


@pytest.mark.parametrize("name", DISTURBED)
@pytest.mark.parametrize("alpha", [255, 120])
def test_what_is_hardly_visible_does_not_decide_the_box(name: str, alpha: int) -> None:
    clean = crop_cutout(Image.fromarray(disc(alpha=alpha)))
    found = crop_cutout(Image.fromarray(DISTURBED[name](disc(alpha=alpha))))
    assert clean.size == found.size == (53, 53)
    np.testing.assert_array_equal(np.asarray(found)[..., :3], np.asarray(clean)[..., :3])


def test_parts_that_matter_stay() -> None:
    pixels = disc()
    pixels[:, :, 3] |= disc(radius=8, top=200, left=250)[..., 3]  # a tenth of the area
    pixels[290:300, 100:110, 3] = 128  # soft, and 4 % of the area
    assert crop_cutout(Image.fromarray(pixels)).size == (250 + 17 - 40, 300 - 90)


@pytest.mark.parametrize("alpha", [1, 3, 7, 8, 255])
def test_faint_cutouts_keep_what_they_have(alpha: int) -> None:
    assert crop_cutout(Image.fromarray(disc(alpha=alpha))).size == (53, 53)


def test_format_version_2_took_every_pixel_that_is_not_clear(tmp_path: Path) -> None:
    pixels = disc()
    pixels[0, 0, 3] = pixels[319, 319, 3] = 1
    saved(pixels)(tmp_path / "a.png")
    assert load_foreground(tmp_path / "a.png", 2).size == (320, 320)
    assert load_foreground(tmp_path / "a.png").size == (53, 53)


def test_masks_of_hazy_cutouts_are_as_large_as_without_haze(tmp_path: Path) -> None:
    areas = []
    for name, pixels in (("plain", disc()), ("haze", hazy(disc()))):
        (tmp_path / name / "bg").mkdir(parents=True)
        (tmp_path / name / "fg").mkdir()
        for number in range(3):
            saved(photo(96 + number, 96))(tmp_path / name / "bg" / f"b{number}.png")
        saved(pixels)(tmp_path / name / "fg" / "a.png")
        found = prepare(config_for(tmp_path / name, tmp_path / "out"))
        areas.append(found.work.foregrounds[0].filled)
        assert not any("cut-out" in note and "hard to see" in note for note in found.notes)
    assert areas[0] == pytest.approx(areas[1], rel=0.05)


def test_the_page_shows_a_cutout_as_samples_have_it(tmp_path: Path) -> None:
    for folder in ("bg", "fg"):
        (tmp_path / folder).mkdir()
    for number in range(3):
        saved(photo(96 + number, 96))(tmp_path / "bg" / f"b{number}.png")
    saved(hazy(disc()))(tmp_path / "fg" / "a.png")
    manifest = build(config_for(tmp_path, tmp_path / "out", samples=6))
    sources = Gallery(tmp_path / "out", fg=tmp_path / "fg").sources
    (entry,) = manifest.identity.sources.foregrounds
    data, _ = sources.picture("foreground", entry.id, None)
    assert Image.open(io.BytesIO(data)).size == (entry.width, entry.height) == (53, 53)


def test_faint_and_enlarged_pictures_are_named(tmp_path: Path) -> None:
    for folder in ("bg", "fg"):
        (tmp_path / folder).mkdir()
    for number in range(3):
        saved(photo(200, 200 + number))(tmp_path / "bg" / f"b{number}.png")
    saved(disc(radius=60))(tmp_path / "fg" / "large.png")
    saved(disc(radius=10))(tmp_path / "fg" / "small.png")
    faint = disc(radius=60)
    faint[..., 3] = faint[..., 3] // 3
    faint[100:110, 100:110, 3] = 255
    saved(faint)(tmp_path / "fg" / "faint.png")
    assert filled_share(crop_cutout(Image.fromarray(faint))) < 0.1
    config = config_for(tmp_path, tmp_path / "out", size="100", scale="0.4:0.7")
    plan = plan_build(config)
    assert "1 of 3 cut-outs is enlarged, up to 3.3x" in str(plan)
    assert "1 cut-out of 3 will be hard to see" in str(plan)
    assert "faint.png" in str(plan)
    assert "backgrounds are enlarged" not in str(plan)
    larger = plan_build(config_for(tmp_path, tmp_path / "out", size="500", scale="0.1:0.1"))
    assert "3 of 3 backgrounds are enlarged, up to 2.5x" in str(larger)
    manifest = prepare(config).manifest
    assert any("cut-outs is enlarged, up to 3.3x" in note for note in manifest.notes)
