"""Colours of cut-outs: changed within bounds, matched to the background, equal on every machine."""

import numpy as np
import pytest
from helpers.cutouts import bird, digest, meadow, opencv_threads, premultiplied
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fgbg_data.compositing.colour import (
    FINE,
    LEVELS,
    Colour,
    Match,
    change_levels,
    draw_colour,
    draw_match,
    match_levels,
    recolour,
    rounded,
)
from fgbg_data.compositing.draws import Draws
from fgbg_data.compositing.integers import straight

colours = st.builds(
    Colour,
    brightness=st.integers(-1000, 1000),
    contrast=st.integers(-1000, 1000),
    gamma=st.integers(-500, 500),
    red=st.integers(-1000, 1000),
    blue=st.integers(-1000, 1000),
)
matches = st.builds(Match, strength=st.integers(0, 1024))


def change_table(colour: Colour) -> np.ndarray:
    return rounded(change_levels(LEVELS, colour))


@settings(max_examples=60, deadline=None)
@given(cutout=premultiplied(7, 6), colour=colours, match=matches, around=arrays(np.uint8, (5, 4, 3)))
def test_alpha_stays_and_colours_stay_premultiplied(
    cutout: np.ndarray, colour: Colour, match: Match, around: np.ndarray
) -> None:
    before = cutout.copy()
    changed = recolour(cutout, colour, match, around)
    np.testing.assert_array_equal(cutout, before)
    np.testing.assert_array_equal(changed[..., 3], cutout[..., 3])
    assert changed.dtype == np.uint8
    assert (changed[..., :3] <= changed[..., 3:]).all()


@settings(max_examples=30, deadline=None)
@given(cutout=premultiplied(7, 6), around=arrays(np.uint8, (5, 4, 3)))
def test_nothing_drawn_changes_nothing(cutout: np.ndarray, around: np.ndarray) -> None:
    np.testing.assert_array_equal(recolour(cutout, Colour(), Match(), around), cutout)
    np.testing.assert_array_equal(recolour(cutout, Colour(), Match(strength=900), around[:0]), cutout)
    np.testing.assert_array_equal(change_table(Colour()), LEVELS // FINE)
    np.testing.assert_array_equal(match_levels(straight(cutout), around, Match()), LEVELS)


@given(colour=colours)
def test_a_lighter_level_stays_lighter(colour: Colour) -> None:
    assert (np.diff(change_table(colour).astype(int), axis=0) >= 0).all()


def test_each_number_does_what_its_name_says() -> None:
    assert change_table(Colour(brightness=512))[100].tolist() == [150, 150, 150]
    assert change_table(Colour(red=512, blue=-512))[100].tolist() == [150, 100, 50]
    assert change_table(Colour(contrast=-512))[[0, 255], 0].tolist() == [64, 191]
    assert change_table(Colour(gamma=128))[[0, 128, 255], 0].tolist() == [0, 160, 255]  # the middle is 5/8 of 255


def test_the_curve_that_stands_for_gamma_is_close_to_a_power() -> None:
    for gamma in (-77, 77):  # the limits of strength 0.3
        power = np.log(0.5 + gamma / 1024) / np.log(0.5)
        expected = 255 * (np.arange(256) / 255) ** power
        assert np.abs(change_table(Colour(gamma=gamma))[:, 0] - expected).max() < 8


@pytest.mark.parametrize("strength", [256, 512, 1024])
def test_matching_moves_mean_and_spread_to_those_of_the_background(strength: int) -> None:
    rng = np.random.default_rng(0)
    cutout = np.concatenate([rng.integers(40, 120, (40, 50, 3)), np.full((40, 50, 1), 255)], axis=2).astype(np.uint8)
    around = rng.integers((90, 100, 60), (220, 190, 140), (60, 70, 3)).astype(np.uint8)
    changed = recolour(cutout, Colour(), Match(strength=strength), around)
    share = strength / 1024
    for value in (np.mean, np.std):  # of the rows that count
        own, other, new = (value(pixels[::4, :, :3], axis=(0, 1)) for pixels in (cutout, around, changed))
        np.testing.assert_allclose(new, own + share * (other - own), atol=0.6)


def test_a_flat_background_does_not_flatten_an_object() -> None:
    changed = recolour(bird(), Colour(), Match(strength=1024), np.full((9, 9, 3), 90, np.uint8))
    seen = bird()[..., 3] == 255
    assert np.ptp(changed[seen][:, 0].astype(int)) > 0.4 * np.ptp(bird()[seen][:, 0].astype(int))


def test_a_cutout_without_a_covered_pixel_is_not_matched() -> None:
    faint = np.full((4, 5, 4), 90, np.uint8)
    np.testing.assert_array_equal(recolour(faint, Colour(), Match(strength=1024), meadow()), faint)


def test_draws_are_within_bounds_and_each_has_a_name_of_its_own() -> None:
    drawn = [draw_colour(Draws(0, str(key)), 0.3) for key in range(300)]
    for name, limit in (("brightness", 307), ("contrast", 307), ("gamma", 77), ("red", 154), ("blue", 154)):
        values = [getattr(colour, name) for colour in drawn]
        assert -limit <= min(values) < -0.9 * limit
        assert 0.9 * limit < max(values) <= limit
    assert len({(colour.red * 2 - colour.brightness) for colour in drawn}) > 100
    strengths = [draw_match(Draws(0, str(key)), 0.25, 0.5).strength for key in range(300)]
    assert 256 <= min(strengths) < 266
    assert 502 < max(strengths) <= 512


@pytest.mark.parametrize("threads", [1, 3])
def test_pixels_equal_the_golden_digest_with_any_number_of_threads(threads: int) -> None:
    with opencv_threads(threads):
        colour = Colour(brightness=100, contrast=-200, gamma=40, red=90, blue=-70)
        assert digest(recolour(bird(5), colour, Match(strength=400), meadow(5))) == "84f55038352e134d"
