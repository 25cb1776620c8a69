"""Resized pictures: backgrounds fill the canvas, and cut-outs stay sharp, without halos and bounded in memory."""

from pathlib import Path

import numpy as np
import pytest
from helpers.datasets import config_for
from helpers.picture_files import load_foreground, photo
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from fgbg_data.compositing.compose import paste
from fgbg_data.compositing.plan import box_size
from fgbg_data.compositing.resize import cutout_sizes, fit_background, resize_premultiplied
from fgbg_data.compositing.source_file import Source

# --- halos -------------------------------------------------------------------------------------------------


def disc(colour: tuple[int, int, int], unseen: str, soft: bool) -> np.ndarray:
    """An anti-aliased disc whose clear pixels hold any colour, as cut-outs from image editors do."""
    large = Image.new("L", (400, 400))
    ImageDraw.Draw(large).ellipse((40, 40, 360, 360), fill=255)
    alpha = np.asarray(large.resize((100, 100), Image.Resampling.BOX))
    pixels = np.empty((100, 100, 4), np.uint8)
    pixels[..., :3] = {"white": 255, "black": 0}.get(unseen, 0)
    if unseen == "garbage":
        pixels[..., :3] = np.random.default_rng(3).integers(0, 256, (100, 100, 3))
    pixels[alpha > 0, :3] = colour
    pixels[..., 3] = alpha // 2 + (alpha > 0) if soft else alpha
    return pixels


@pytest.mark.parametrize("soft", [False, True], ids=["opaque", "half-transparent"])
@pytest.mark.parametrize("unseen", ["white", "black", "garbage"])
@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (200, 30, 90)], ids=["white", "black", "red"])
def test_no_halo(colour: tuple[int, int, int], unseen: str, soft: bool, tmp_path: Path) -> None:
    """On a background of its own colour a cut-out vanishes; on any other, no pixel leaves the range between."""
    Image.fromarray(disc(colour, unseen, soft)).save(tmp_path / "a.png")
    for side in (9, 31, 60, 80, 100, 170):
        config = config_for(tmp_path, tmp_path / "out", size="200", scale=f"{side / 200}:{side / 200}")
        cut = resize_premultiplied(cutout_sizes(load_foreground(tmp_path / "a.png"), config), side, side)
        same = np.full((200, 200, 3), colour, np.uint8)
        image = paste(same, cut, top=10, left=20).image.astype(int)
        assert np.abs(image - colour).max() <= 2, side
        for shade in (0, 255, 128):
            other = np.full((200, 200, 3), shade, np.uint8)
            image = paste(other, cut, top=10, left=20).image.astype(int)
            low, high = np.minimum(colour, shade), np.maximum(colour, shade)
            assert (image >= low - 2).all(), (side, shade)
            assert (image <= high + 2).all(), (side, shade)
            np.testing.assert_array_equal(image[:10], shade)


# --- fitting -----------------------------------------------------------------------------------------------


def striped(height: int, width: int) -> Image.Image:
    """Red, green (the middle half), blue, from left to right."""
    picture = Image.new("RGB", (width, height), (0, 255, 0))
    picture.paste((255, 0, 0), (0, 0, width // 4, height))
    picture.paste((0, 0, 255), (width * 3 // 4, 0, width, height))
    return picture


def test_cover_crops_the_middle_and_stretch_distorts() -> None:
    covered = fit_background(striped(64, 128), (32, 32), "cover")
    assert covered.shape == (32, 32, 3)
    assert (covered[:, 4:-4] == (0, 255, 0)).all()
    stretched = fit_background(striped(64, 128), (32, 32), "stretch")
    assert stretched.shape == (32, 32, 3)
    assert stretched[16, [2, 16, 29]].tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    tall = fit_background(striped(64, 128).transpose(Image.Transpose.ROTATE_90), (32, 32), "cover")
    assert (tall[4:-4] == (0, 255, 0)).all()


@pytest.mark.parametrize("fit", ["cover", "stretch"])
@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (24, 48), (25, 47), (48, 96)])
def test_any_size_fills_any_canvas(size: tuple[int, int], fit: str) -> None:
    pixels = fit_background(Image.new("RGB", size, (10, 200, 30)), (24, 48), fit)
    assert (pixels.dtype, pixels.shape) == (np.uint8, (24, 48, 3))
    assert (pixels == (10, 200, 30)).all()


def test_a_background_of_the_canvas_keeps_its_pixels() -> None:
    for fit in ("cover", "stretch"):
        np.testing.assert_array_equal(fit_background(Image.fromarray(photo()), (16, 24), fit), photo())


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 400), width=st.integers(1, 400), high=st.sampled_from([0.05, 0.4, 0.7, 1.0]),
    size=st.sampled_from(["32", "64x24"]),
)  # fmt: skip
@example(height=1, width=400, high=0.4, size="32")
@example(height=400, width=2, high=0.4, size="64x24")
def test_cached_cutouts_are_bounded_by_the_canvas(height: int, width: int, high: float, size: str) -> None:
    """At most twice the largest box, so that memory depends on the canvas and not on the camera."""
    config = config_for(Path("x"), Path("y"), size=size, scale=f"{high / 2}:{high}")
    sizes = cutout_sizes(Image.new("RGBA", (width, height), (9, 9, 9, 200)), config)
    canvas_h, canvas_w = config.canvas
    assert sizes[0].shape[0] <= min(height, max(1, round(2 * high * canvas_h)))
    assert sizes[0].shape[1] <= min(width, max(1, round(2 * high * canvas_w)))
    assert sum(pixels.size for pixels in sizes[1:]) <= sizes[0].size + 40  # as much where a cut-out is a thin line
    fits = height <= 2 * high * canvas_h - 1 and width <= 2 * high * canvas_w - 1
    if fits:
        assert sizes[0].shape == (height, width, 4)


@pytest.mark.parametrize("scale", ["0.05:1", "0.4:0.7", "0.3:0.3"])
@pytest.mark.parametrize("size", [(3000, 2000), (150, 90), (40, 200), (7, 5)])
def test_a_box_is_made_of_less_than_twice_its_size(size: tuple[int, int], scale: str) -> None:
    """More would leave out pixels: linear interpolation looks at the four nearest."""
    config = config_for(Path("x"), Path("y"), size="224", scale=scale)
    sizes = cutout_sizes(Image.new("RGBA", size, (9, 9, 9, 200)), config)
    low, high = (float(part) for part in scale.split(":"))
    for share in np.linspace(low, high, 50):
        box = box_size(Source("", size[1], size[0]), config.canvas, share)
        fitting = [pixels.shape for pixels in sizes if pixels.shape[0] >= box[0] and pixels.shape[1] >= box[1]]
        if fitting:  # else it is enlarged
            assert fitting[-1][0] < 2 * box[0] + 2
            assert fitting[-1][1] < 2 * box[1] + 2
        else:
            assert sizes[0].shape[:2] == size[::-1]


def test_native_cutouts_keep_their_pixels() -> None:
    config = config_for(Path("x"), Path("y"), scale="native")
    assert [pixels.shape for pixels in cutout_sizes(Image.new("RGBA", (500, 300)), config)] == [(300, 500, 4)]
