"""Depth maps that are enlarged along the edges of their pictures."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fgbg_data.depth.guided import enlarge
from fgbg_data.depth.preprocess import resize
from fgbg_data.sample import Array


def disc(side: int) -> tuple[Array, Array]:
    """A red disc on a blue ground: (side, side, 3) uint8, and where the disc is."""
    rows, columns = np.mgrid[:side, :side]
    inside = (rows - side * 0.52) ** 2 + (columns - side * 0.45) ** 2 < (side * 0.3) ** 2
    return np.where(inside[..., None], [180, 40, 30], [40, 60, 150]).astype(np.uint8), inside


@pytest.mark.parametrize("side", [224, 448])
def test_a_blurred_edge_becomes_that_of_the_picture(side: int) -> None:
    image, inside = disc(side)
    depth = cv2.GaussianBlur(resize(inside.astype(np.float32), (112, 112)), (0, 0), 2)
    plain, guided = resize(depth, (side, side), "linear"), enlarge(depth, image)
    assert guided.shape == (side, side)
    assert guided.dtype == np.float32
    assert np.abs(guided - inside).mean() < 0.8 * np.abs(plain - inside).mean()
    row = side // 2
    ends = np.flatnonzero(np.diff(inside[row].astype(int)))  # the step lies between these columns and the next ones
    steps = [np.abs(np.diff(each[row]))[ends] for each in (plain, guided)]
    assert (steps[1] > 3 * steps[0]).all()
    assert np.abs(np.diff(guided[row])).argmax() in ends


@given(value=st.floats(-100, 100, width=32), seed=st.integers(0, 9))
def test_a_flat_map_stays_flat_whatever_the_picture_shows(value: float, seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    flat = enlarge(np.full((20, 16), value, np.float32), image)
    np.testing.assert_allclose(flat, value, atol=1e-3 + 1e-4 * abs(value))


def test_on_a_grey_picture_depth_is_only_smoothed() -> None:
    image = np.full((224, 224, 3), 90, np.uint8)
    ramp = np.repeat(np.linspace(0, 1, 112, dtype=np.float32)[:, None], 112, 1)
    guided = enlarge(ramp, image)
    np.testing.assert_allclose(guided[20:-20], resize(ramp, (224, 224), "linear")[20:-20], atol=2e-3)


def test_scale_and_shift_of_depth_are_kept() -> None:
    image, inside = disc(96)
    depth = cv2.GaussianBlur(resize(inside.astype(np.float32), (48, 48)), (0, 0), 2)
    np.testing.assert_allclose(enlarge(3 * depth - 5, image), 3 * enlarge(depth, image) - 5, atol=2e-3)
