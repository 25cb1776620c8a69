"""Blends: the edge of an object varies, and its mask does not."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.cutouts import bird, digest, meadow, opencv_threads, premultiplied
from helpers.placements import placement_at
from hypothesis import given, settings
from hypothesis import strategies as st

from fgbg_data.compositing.blends import (
    DIRECTIONS,
    MAX_MOTION,
    Blend,
    draw_blend,
    soften,
)
from fgbg_data.compositing.compose import mask_of, paste
from fgbg_data.compositing.compose_scene import SceneComposite, compose_scene
from fgbg_data.compositing.draws import Draws
from fgbg_data.compositing.figures import Figure
from fgbg_data.compositing.integers import MAX_RADIUS
from fgbg_data.compositing.look import Look
from fgbg_data.scene_options import BLENDS

blends = st.one_of(
    st.builds(Blend, name=st.sampled_from(["feather", "box", "erode"]), radius_px=st.integers(0, MAX_RADIUS)),
    st.builds(
        Blend,
        name=st.just("motion"),
        radius_px=st.integers(0, MAX_MOTION),
        direction=st.integers(0, len(DIRECTIONS) - 1),
    ),
    st.just(Blend()),
)


def paste_blended(background: np.ndarray, cutout: np.ndarray, blend: Blend, top: int, left: int) -> SceneComposite:
    """Compose a scene of one object whose cut-out is blended."""
    placed = replace(placement_at(top, left, *cutout.shape[:2]), look=Look(blend=blend))
    area = mask_of(cutout, top=top, left=left, canvas=background.shape[:2]) > 0
    return compose_scene(background, [Figure(placed, cutout, top, left, area)])


@settings(max_examples=60, deadline=None)
@given(cutout=premultiplied(9, 7), blend=blends, top=st.integers(-12, 50), left=st.integers(-10, 60))
def test_no_blend_changes_the_mask_or_what_it_is_given(cutout: np.ndarray, blend: Blend, top: int, left: int) -> None:
    background = meadow()
    before = cutout.copy()
    plain = paste(background, cutout, top=top, left=left)
    composite = paste_blended(background, cutout, blend, top=top, left=left)
    image, mask = composite.image, composite.mask
    np.testing.assert_array_equal(mask, plain.mask)
    np.testing.assert_array_equal(cutout, before)
    np.testing.assert_array_equal(background, meadow())
    assert image.shape == background.shape
    assert image.dtype == np.uint8
    margin = soften(cutout, blend)[1]
    outside = np.ones(mask.shape, bool)
    rows, columns = (slice(max(0, at - margin), max(0, at + side + margin)) for at, side in ((top, 9), (left, 7)))
    outside[rows, columns] = False
    np.testing.assert_array_equal(image[outside], background[outside])


@settings(max_examples=60, deadline=None)
@given(cutout=premultiplied(8, 6), blend=blends)
def test_a_blended_cutout_is_premultiplied_and_grows_by_its_margin(cutout: np.ndarray, blend: Blend) -> None:
    softened, margin = soften(cutout, blend)
    assert softened.shape == (8 + 2 * margin, 6 + 2 * margin, 4)
    assert softened.dtype == np.uint8
    assert (softened[..., :3] <= softened[..., 3:]).all()


@pytest.mark.parametrize("name", BLENDS)
def test_radius_zero_is_the_plain_paste(name: str) -> None:
    plain = paste(meadow(), bird(), top=10, left=9)
    blended = paste_blended(meadow(), bird(), Blend(name=name), top=10, left=9)
    np.testing.assert_array_equal(blended.image, plain.image)


@pytest.mark.parametrize("name", ["feather", "box"])
@pytest.mark.parametrize("alpha", [255, 128, 3])
def test_a_soft_edge_keeps_one_colour_one_colour(name: str, alpha: int) -> None:
    cutout = np.zeros((20, 20, 4), np.uint8)
    cutout[5:15, 5:15] = alpha * np.array([200, 100, 50, 255]) // 255
    softened, margin = soften(cutout, Blend(name=name, radius_px=1))
    expected = softened[..., 3:].astype(float) * cutout[10, 10, :3] / alpha
    assert np.abs(softened[..., :3] - expected).max() <= 1.5
    np.testing.assert_array_equal(softened[margin + 10, margin + 10], cutout[10, 10])
    assert 0 < softened[margin + 4, margin + 10, 3] < alpha or alpha == 3  # it reaches beyond the edge


def test_erosion_takes_the_edge_and_keeps_what_is_thin_or_half_transparent() -> None:
    cutout = np.zeros((20, 30, 4), np.uint8)
    cutout[4:14, 2:12] = 255  # a block
    cutout[4:14, 16] = 255  # a line
    cutout[4:14, 20:29] = 128  # glass
    eroded, margin = soften(cutout, Blend(name="erode", radius_px=1))
    assert margin == 0
    assert eroded[4, 6, 3] == 0
    assert eroded[5, 6, 3] == 255
    np.testing.assert_array_equal(eroded[:, 14:19], cutout[:, 14:19])
    np.testing.assert_array_equal(eroded[6:12, 22:27], cutout[6:12, 22:27])


@settings(max_examples=40, deadline=None)
@given(cutout=premultiplied(6, 7), radius=st.integers(1, MAX_MOTION), direction=st.integers(0, 7))
def test_motion_is_the_exact_mean_along_a_line(cutout: np.ndarray, radius: int, direction: int) -> None:
    moved, margin = soften(cutout, Blend(name="motion", radius_px=radius, direction=direction))
    rows, columns = DIRECTIONS[direction]
    steps = [(int(rows * step / 2), int(columns * step / 2)) for step in range(-radius, radius + 1)]
    padded = np.pad(cutout.astype(int), ((2 * margin, 2 * margin), (2 * margin, 2 * margin), (0, 0)))
    total = sum(np.roll(padded, step, axis=(0, 1)) for step in steps)[margin:-margin, margin:-margin]
    np.testing.assert_array_equal(moved, (2 * total + len(steps)) // (2 * len(steps)))


@given(key=st.text("abc_", min_size=1, max_size=8), side=st.integers(16, 2048))
def test_draws_are_within_bounds_and_can_be_repeated(key: str, side: int) -> None:
    drawn = draw_blend(Draws(0, key, "object2."), BLENDS, (side, side))
    assert drawn == draw_blend(Draws(0, key, "object2."), BLENDS, (side, side))
    assert drawn.name in BLENDS
    assert drawn.radius_px <= MAX_RADIUS
    soften(bird(), drawn)


def test_every_blend_is_drawn_and_each_object_draws_its_own() -> None:
    drawn = [draw_blend(Draws(0, str(key)), BLENDS, (224, 224)).name for key in range(100)]
    assert len({draw_blend(Draws(0, "a", f"object{number}."), BLENDS, (224, 224)) for number in range(2, 22)}) > 3
    assert all(drawn.count(name) > 8 for name in BLENDS)


GOLDEN = {
    "over": "7887c9a1f62ccfc3",
    "feather": "65d7a19c55b00fd6",
    "box": "6a3ffe5501f9aadb",
    "erode": "e230ed6576691e29",
    "motion": "83696a6599c586b9",
}


@pytest.mark.parametrize("name", BLENDS)
@pytest.mark.parametrize("threads", [1, 3])
def test_pixels_equal_the_golden_digest_with_any_number_of_threads(name: str, threads: int) -> None:
    with opencv_threads(threads):
        radii = range(1, MAX_MOTION + 1)
        made = [soften(bird(5), Blend(name=name, radius_px=radius, direction=radius))[0] for radius in radii]
        assert digest(*made) == GOLDEN[name]
