"""Composites: pixels are exact, and the mask lies where the cut-out was pasted."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from helpers.placements import placement_at
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageDraw

from fgbg_data.compositing.compose import paste
from fgbg_data.compositing.compose_scene import SceneComposite, compose_scene
from fgbg_data.compositing.figures import make_figure
from fgbg_data.compositing.resize import resize_premultiplied
from fgbg_data.compositing.scene import SceneObject

GOLDEN = Path(__file__).parent / "golden"


def drawn_cutout() -> Image.Image:
    cutout = Image.new("RGBA", (90, 120), (255, 0, 255, 0))
    pen = ImageDraw.Draw(cutout)
    pen.ellipse((10, 5, 80, 70), fill=(230, 180, 40, 255))
    pen.polygon([(45, 40), (5, 115), (70, 110)], fill=(30, 90, 200, 140))
    return cutout.convert("RGBa")


def drawn_sizes() -> tuple[np.ndarray, ...]:
    halves = ((90, 120), (45, 60), (22, 30))
    return tuple(np.asarray(drawn_cutout().resize(size, Image.Resampling.HAMMING)) for size in halves)


def compose(background: np.ndarray, sizes: Sequence[np.ndarray], spot: SceneObject) -> SceneComposite:
    return compose_scene(background, [make_figure(spot, sizes, (background.shape[0], background.shape[1]))])


def golden_composites() -> dict[str, Image.Image]:
    """Return composites whose pixels must not change, for `tests/regenerate.py` and the test that compares."""
    ramp = np.mgrid[:64, :80].sum(0).astype(np.uint8)
    background = np.stack([ramp, 255 - ramp, ramp * 2], -1)
    spots = {
        "down": placement_at(5, 10, 40, 30),
        "up": placement_at(-20, 30, 150, 112),
        "flipped": placement_at(5, 40, 40, 30, mirrored=True),
    }
    found = {}
    for name, spot in spots.items():
        composite = compose(background, drawn_sizes(), spot)
        found[f"composite-{name}"] = Image.fromarray(composite.image)
        found[f"mask-{name}"] = Image.fromarray(composite.mask)
    return found


@pytest.mark.parametrize("name", sorted(golden_composites()))
def test_composites_equal_the_golden_files(name: str) -> None:
    with Image.open(GOLDEN / f"{name}.png") as expected:
        np.testing.assert_array_equal(np.asarray(golden_composites()[name]), np.asarray(expected))


premultiplied = arrays(np.uint8, (6, 5, 4)).map(lambda a: np.minimum(a, a[..., 3:]))


@settings(max_examples=200, deadline=None)
@given(background=arrays(np.uint8, (8, 9, 3)), cutout=premultiplied, top=st.integers(-8, 10), left=st.integers(-8, 10))
def test_paste_equals_exact_arithmetic(background: np.ndarray, cutout: np.ndarray, top: int, left: int) -> None:
    before = background.copy()
    image, mask = paste(background, cutout, top=top, left=left)
    np.testing.assert_array_equal(background, before)
    for row in range(8):
        for column in range(9):
            inside = 0 <= row - top < 6 and 0 <= column - left < 5
            pixel = cutout[row - top, column - left].astype(int) if inside else np.zeros(4, int)
            under = background[row, column].astype(int)
            expected = pixel[:3] + (2 * under * (255 - pixel[3]) + 255) // 510  # rounded half up
            np.testing.assert_array_equal(image[row, column], np.minimum(expected, 255))
            assert mask[row, column] == (255 if pixel[3] >= 128 else 0)
            if pixel[3] == 0:
                np.testing.assert_array_equal(image[row, column], under)


def test_the_mask_begins_at_half_coverage() -> None:
    cutout = np.zeros((1, 4, 4), np.uint8)
    cutout[0, :, 3] = [127, 128, 0, 255]
    assert paste(np.zeros((1, 4, 3), np.uint8), cutout, top=0, left=0).mask.tolist() == [[0, 255, 0, 255]]


@settings(max_examples=30, deadline=None)
@given(top=st.integers(-30, 60), left=st.integers(-30, 70), height=st.integers(1, 130), width=st.integers(1, 100))
def test_the_mask_lies_where_the_cutout_was_pasted(top: int, left: int, height: int, width: int) -> None:
    """White on black and black on white differ exactly where something was pasted."""
    white = Image.new("RGBa", (40, 50), (0, 0, 0, 0))
    white.paste((255, 255, 255, 255), (5, 10, 35, 45))
    spot = placement_at(top, left, height, width)
    composite = compose(np.zeros((64, 80, 3), np.uint8), [np.asarray(white)], spot)
    np.testing.assert_array_equal(composite.mask, np.where(composite.image[..., 0] >= 128, 255, 0))


def test_a_mirrored_sample_is_the_flipped_cutout_in_the_same_box() -> None:
    background = np.zeros((64, 80, 3), np.uint8)
    plain = compose(background, drawn_sizes(), placement_at(3, 20, 48, 36))
    mirrored = compose(background, drawn_sizes(), placement_at(3, 20, 48, 36, mirrored=True))
    np.testing.assert_array_equal(plain.image[3:51, 20:56], mirrored.image[3:51, 20:56][:, ::-1])
    np.testing.assert_array_equal(plain.mask[3:51, 20:56], mirrored.mask[3:51, 20:56][:, ::-1])


def test_at_its_own_size_a_cutout_keeps_its_pixels() -> None:
    for pixels in drawn_sizes():
        np.testing.assert_array_equal(resize_premultiplied(drawn_sizes(), *pixels.shape[:2]), pixels)


@pytest.mark.parametrize(("height", "width"), [(13, 9), (60, 45), (119, 91), (300, 200)])
def test_resized_colour_never_exceeds_its_alpha(height: int, width: int) -> None:
    pixels = resize_premultiplied(drawn_sizes(), height, width).astype(int)
    assert (pixels[..., :3] - pixels[..., 3:]).max() <= 1
