"""Rotation of cut-outs: nothing is lost, colours stay premultiplied, and the pixels are exact."""

import math

import numpy as np
import pytest
from helpers.cutouts import bird, digest, opencv_threads, premultiplied
from hypothesis import given, settings
from hypothesis import strategies as st

from fgbg_data.compositing.draws import Draws
from fgbg_data.compositing.rotation import Rotation, _sine_and_cosine, draw_rotation, rotate, rotated_size

angles = st.builds(Rotation, millidegrees=st.integers(-180_000, 180_000))


def reference(cutout: np.ndarray, rotation: Rotation) -> np.ndarray:
    """The same rotation, written as one loop over pixels in Python's integers, with the position in 1/32 pixel."""
    height, width = cutout.shape[:2]
    rows, columns = rotated_size(height, width, rotation)
    sine, cosine = _sine_and_cosine(rotation.millidegrees)
    padded = np.pad(cutout.astype(int), ((1, 1), (1, 1), (0, 0)))
    out = np.zeros((rows, columns, 4), int)
    for row in range(rows):
        for column in range(columns):
            right, down = 2 * column + 1 - columns, 2 * row + 1 - rows
            x = (width - 1) * 512 + right * cosine // 2048 + -down * sine // 2048
            y = (height - 1) * 512 + right * sine // 2048 + down * cosine // 2048
            x, y = (x + 16) // 32, (y + 16) // 32
            i, j = y // 32 + 1, x // 32 + 1
            if 0 <= i <= height and 0 <= j <= width:
                b, a = y % 32, x % 32
                square = padded[i : i + 2, j : j + 2]
                weights = np.array([[(32 - b) * (32 - a), (32 - b) * a], [b * (32 - a), b * a]])
                out[row, column] = ((square * weights[..., None]).sum((0, 1)) + 512) // 1024
    return out


@settings(max_examples=25, deadline=None)
@given(cutout=premultiplied(6, 9), rotation=angles)
def test_pixels_are_those_of_integer_arithmetic(cutout: np.ndarray, rotation: Rotation) -> None:
    before = cutout.copy()
    rotated = rotate(cutout, rotation)
    np.testing.assert_array_equal(cutout, before)
    assert rotated.dtype == np.uint8
    assert (rotated[..., :3] <= rotated[..., 3:]).all()
    if rotation.millidegrees:
        np.testing.assert_array_equal(rotated, reference(cutout, rotation))


@given(height=st.integers(1, 3000), width=st.integers(1, 3000), rotation=angles)
def test_the_box_holds_all_corners_and_keeps_its_centre(height: int, width: int, rotation: Rotation) -> None:
    rows, columns = rotated_size(height, width, rotation)
    radians = math.radians(rotation.millidegrees / 1000)
    sine, cosine = abs(math.sin(radians)), abs(math.cos(radians))
    assert -0.01 < rows - (height * cosine + width * sine) < 2.01
    assert -0.01 < columns - (width * cosine + height * sine) < 2.01
    assert (rows - height) % 2 == (columns - width) % 2 == 0


@given(rotation=angles)
def test_sine_and_cosine_are_right(rotation: Rotation) -> None:
    radians = math.radians(rotation.millidegrees / 1000)
    assert _sine_and_cosine(rotation.millidegrees) == pytest.approx(
        (math.sin(radians) * 2**20, math.cos(radians) * 2**20), abs=0.6
    )


def test_no_angle_returns_the_cutout_and_a_quarter_turn_is_exact() -> None:
    assert rotate(bird(), Rotation()).tobytes() == bird().tobytes()
    assert rotated_size(44, 60, Rotation()) == (44, 60)
    np.testing.assert_array_equal(rotate(bird(), Rotation(millidegrees=90_000)), np.rot90(bird()))  # anticlockwise


def test_the_area_stays() -> None:
    for millidegrees in (-15_000, 4_321, 15_000):
        alpha = rotate(bird(), Rotation(millidegrees=millidegrees))[..., 3]
        assert alpha.sum() == pytest.approx(bird()[..., 3].sum(dtype=int), rel=0.01)


def test_draws_reach_both_sides_and_stay_within_the_limit() -> None:
    drawn = [draw_rotation(Draws(0, str(key), "decoy1."), 15).millidegrees for key in range(300)]
    assert -15_000 <= min(drawn) < -14_000
    assert 14_000 < max(drawn) <= 15_000
    assert 120 < drawn.count(0) < 180  # half of the objects stay upright
    assert len({draw_rotation(Draws(0, "d", f"object{number}."), 15) for number in range(20)}) > 3


@pytest.mark.parametrize("threads", [1, 3])
def test_pixels_equal_the_golden_digest_with_any_number_of_threads(threads: int) -> None:
    with opencv_threads(threads):
        turned = [rotate(bird(5), Rotation(millidegrees=angle)) for angle in (-14_321, 777, 15_000, 60_000)]
        assert digest(*turned) == "aa096529b88af3bb"
