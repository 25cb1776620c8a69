"""Decoys: a silhouette is filled with another background, and keeps its alpha."""

import numpy as np
from helpers.cutouts import bird, digest, meadow
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fgbg_data.compositing.draws import Draws
from fgbg_data.compositing.texture import Texture, draw_texture, fill


@settings(max_examples=50, deadline=None)
@given(alpha=arrays(np.uint8, st.tuples(st.integers(1, 90), st.integers(1, 100))), key=st.text("ab_", max_size=5))
def test_a_decoy_has_the_alpha_of_its_silhouette_and_the_pixels_of_the_background(alpha: np.ndarray, key: str) -> None:
    cutout = np.dstack([alpha // 2, alpha // 3, alpha, alpha])
    texture = draw_texture(Draws(0, key, "decoy1."), (64, 80), *alpha.shape)
    before = cutout.copy()
    filled = fill(cutout, meadow(), texture)
    np.testing.assert_array_equal(cutout, before)
    np.testing.assert_array_equal(filled[..., 3], alpha)
    assert filled.dtype == np.uint8
    source = meadow()[:, ::-1] if texture.mirrored else meadow()
    part = source[texture.top :, texture.left :][: alpha.shape[0], : alpha.shape[1]].astype(int)
    inside = tuple(map(slice, part.shape[:2]))
    expected = (2 * part * alpha[inside][..., None].astype(int) + 255) // 510
    np.testing.assert_array_equal(filled[inside][..., :3], expected)


def test_a_silhouette_larger_than_the_background_is_filled_by_its_mirror_image() -> None:
    large = np.full((150, 200, 4), 255, np.uint8)
    filled = fill(large, meadow(), Texture())
    np.testing.assert_array_equal(filled[64:128, :80, :3], meadow()[::-1])
    np.testing.assert_array_equal(filled[:64, 80:160, :3], meadow()[:, ::-1])


def test_parts_are_drawn_from_all_of_the_background() -> None:
    drawn = [draw_texture(Draws(0, str(key), "decoy2."), (64, 80), 44, 60) for key in range(200)]
    assert {part.top for part in drawn} == set(range(21))
    assert {part.left for part in drawn} == set(range(21))
    assert 70 < sum(part.mirrored for part in drawn) < 130


def test_pixels_equal_the_golden_digest() -> None:
    assert digest(fill(bird(), meadow(), Texture(top=3, left=7, mirrored=True))) == "b564007f8b537fb9"
