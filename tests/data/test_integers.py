"""Arithmetic on pixels: OpenCV's results are those of exact integers."""

import numpy as np
import pytest
from helpers.cutouts import bird
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fgbg_data.compositing.integers import MAX_RADIUS, box_mean, moments, premultiply, straight, weigh

COLOUR, ALPHA = np.mgrid[:256, :256]
EVERY_PAIR = np.dstack([COLOUR, COLOUR, COLOUR, ALPHA]).astype(np.uint8)


def test_products_and_quotients_are_exact_for_every_pair_of_levels() -> None:
    product = (2 * COLOUR * ALPHA + 255) // 510
    np.testing.assert_array_equal(weigh(EVERY_PAIR, ALPHA.astype(np.uint8))[..., 0], product)
    np.testing.assert_array_equal(premultiply(EVERY_PAIR)[..., 0], product)
    possible = COLOUR <= ALPHA  # of a premultiplied cut-out
    quotient = np.where(ALPHA > 0, (255 * COLOUR + ALPHA // 2) // np.maximum(ALPHA, 1), 0)
    np.testing.assert_array_equal(straight(EVERY_PAIR)[possible][:, 0], quotient[possible])
    np.testing.assert_array_equal(premultiply(straight(EVERY_PAIR))[possible], EVERY_PAIR[possible])


@settings(max_examples=40, deadline=None)
@given(pixels=arrays(np.uint8, (9, 8, 2)), radius=st.integers(1, MAX_RADIUS))
def test_a_box_mean_is_the_rounded_mean(pixels: np.ndarray, radius: int) -> None:
    padded = np.pad(pixels.astype(int), ((radius, radius), (radius, radius), (0, 0)))
    side = 2 * radius + 1
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(0, 1))
    np.testing.assert_array_equal(box_mean(pixels, radius), (2 * windows.sum((-1, -2)) + side**2) // (2 * side**2))


@pytest.mark.parametrize("masked", [True, False])
def test_moments_are_exact_sums(masked: bool) -> None:
    mask = bird()[..., 3] if masked else None
    inside = bird()[mask > 0] if mask is not None else bird().reshape(-1, 4)
    values = inside[:, :3].astype(int)
    assert moments(bird(), mask) == (len(values), values.sum(0).tolist(), (values**2).sum(0).tolist())
