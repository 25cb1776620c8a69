"""Composed depth: properties that hold for any pictures and placements."""

from typing import Any

import numpy as np
import pytest
from helpers.placements import placement_at
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fgbg_data.compositing.composed_depth import compose_depth, neutral_box, relief_of, stand
from fgbg_data.sample import Array

DEPTHS = st.floats(-1000, 1000, width=32)
SIDES = st.integers(1, 20)


@st.composite
def scenes(draw: st.DrawFn) -> dict[str, Any]:
    """A background, the relief of a cut-out, a box that may reach over the edge, and a mask in it."""
    height, width = draw(st.integers(4, 24)), draw(st.integers(4, 24))
    box_h, box_w = draw(SIDES), draw(SIDES)
    top, left = draw(st.integers(1 - box_h, height - 1)), draw(st.integers(1 - box_w, width - 1))
    mask = np.zeros((height, width), np.uint8)
    rows, columns = slice(max(0, top), top + box_h), slice(max(0, left), left + box_w)
    mask[rows, columns] = draw(hnp.arrays(np.bool_, mask[rows, columns].shape)) * np.uint8(255)
    row, column = draw(st.integers(max(0, top), min(height, top + box_h) - 1)), max(0, left)
    mask[row, column] = 255  # at least one pixel is seen
    return {
        "background": draw(hnp.arrays(np.float32, (height, width), elements=DEPTHS)),
        "relief": draw(hnp.arrays(np.float32, (draw(SIDES), draw(SIDES)), elements=st.floats(0, 1, width=32))),
        "placement": placement_at(top, left, box_h, box_w, mirrored=draw(st.booleans())),
        "mask": mask,
        "share": draw(st.floats(0, 1)),
        "drawn": draw(st.floats(0, 1)),
    }


@given(scenes())
def test_outside_the_mask_nothing_changes_and_inside_nothing_is_farther(scene: dict[str, Any]) -> None:
    before = scene["background"].copy()
    composed = compose_depth(**scene)
    assert composed.dtype == np.float32
    assert np.isfinite(composed).all()
    assert np.array_equal(scene["background"], before)
    outside = scene["mask"] == 0
    assert np.array_equal(composed[outside], before[outside])
    assert (composed >= before).all()


@given(scenes())
def test_a_cutout_is_at_least_as_near_as_the_floor_under_it(scene: dict[str, Any]) -> None:
    background, seen = scene["background"], scene["mask"] > 0
    lowest = np.flatnonzero(seen.any(1))[-1]
    floor = np.median(background[lowest][seen[lowest]])
    composed = compose_depth(**scene)
    assert composed[seen].min() >= floor
    # and in front of nearly all that it hides, as a whole: not only where it would else be hidden itself
    hidden = np.sort(background[seen])
    assert composed[seen].min() >= hidden[(len(hidden) - 1) * 95 // 100]


@given(scenes(), st.floats(0, 100, width=32))
def test_what_stands_on_a_nearer_floor_is_nearer(scene: dict[str, Any], nearer: float) -> None:
    """Of one thing on two floors, the one on the nearer floor is nearer everywhere."""
    far, near = scene["background"], scene["background"].copy()
    seen = scene["mask"] > 0
    near[seen] += np.float32(nearer)
    scene["drawn"] = 0.0
    one, other = compose_depth(**scene), compose_depth(**(scene | {"background": near}))
    assert stand(near, scene["mask"]) >= stand(far, scene["mask"])
    assert (other[seen] >= one[seen] - 1e-3).all()  # the relief is scaled in float32


@given(scenes(), st.floats(0, 1, width=32))
def test_a_nearer_part_of_the_relief_is_nearer_in_depth(scene: dict[str, Any], raised: float) -> None:
    lower = compose_depth(**scene)
    scene["relief"] = np.clip(scene["relief"] + np.float32(raised), 0, 1)
    assert (compose_depth(**scene) >= lower - 1e-3).all()


@given(scenes())
def test_the_mirrored_scene_has_the_mirrored_depth(scene: dict[str, Any]) -> None:
    placement, width = scene["placement"], scene["mask"].shape[1]
    twin = placement_at(
        placement.top,
        width - placement.left - placement.width,
        placement.height,
        placement.width,
        mirrored=not placement.mirrored,
    )
    turned = scene | {
        "background": np.ascontiguousarray(scene["background"][:, ::-1]),
        "mask": np.ascontiguousarray(scene["mask"][:, ::-1]),
        "placement": twin,
    }
    np.testing.assert_array_equal(compose_depth(**turned)[:, ::-1], compose_depth(**scene))


@given(scenes())
def test_a_drawn_stand_lies_between_the_floor_and_the_nearest(scene: dict[str, Any]) -> None:
    scene["share"] = 0.0
    seen = scene["mask"] > 0
    floor, drawn, nearest = (compose_depth(**(scene | {"drawn": u}))[seen] for u in (0.0, scene["drawn"], 1.0))
    assert (floor <= drawn + 1e-3).all()
    assert (drawn <= nearest + 1e-3).all()
    np.testing.assert_allclose(nearest, scene["background"].max(), atol=1e-3)


def test_a_cutout_stands_on_the_floor_under_its_lowest_row() -> None:
    """By hand: a floor that comes nearer row by row, a box whose lowest row is 7."""
    background = np.repeat(np.arange(10, dtype=np.float32)[:, None], 10, axis=1)
    mask = np.zeros((10, 10), np.uint8)
    mask[3:8, 2:6] = 255
    relief = np.zeros((5, 4), np.float32)
    relief[:, 2:] = 1
    composed = compose_depth(background, relief, placement_at(3, 2, 5, 4), mask, share=0.5)
    assert (composed[3:8, 2:4] == 7).all()
    assert (composed[3:8, 4:6] == 7 + 0.5 * 7).all()  # half of the way from the farthest, 0, on top of 7
    flipped = compose_depth(background, relief, placement_at(3, 2, 5, 4, mirrored=True), mask, share=0.5)
    assert (flipped[3:8, 4:6] == 7).all()


def test_a_cutout_stands_in_front_of_what_it_hides() -> None:
    background = np.zeros((10, 10), np.float32)
    background[:5, :5] = 3  # a branch that hangs in front
    mask = np.zeros((10, 10), np.uint8)
    mask[2:8, 2:8] = 255
    assert stand(background, mask) == 3


@given(
    # Whole numbers, because float32 rounds differences away that are tiny compared with the shift.
    hnp.arrays(np.float32, (12, 9), elements=st.integers(-1000, 1000).map(float)),
    hnp.arrays(np.uint8, (12, 9), elements=st.sampled_from([0, 255])),
    st.floats(1, 100),
    st.floats(-100, 100),
)
def test_relief_does_not_depend_on_scale_and_shift(depth: Array, mask: Array, scale: float, shift: float) -> None:
    relief = relief_of(depth, mask)
    assert relief.shape == depth.shape
    assert relief.dtype == np.float32
    assert 0 <= relief.min() <= relief.max() <= 1
    moved = relief_of((depth * scale + shift).astype(np.float32), mask)
    np.testing.assert_allclose(moved, relief, atol=0.02)


def test_the_blended_border_of_a_relief_is_ignored() -> None:
    """Where an estimator blends a thing with the empty canvas, the nearest pixel inside counts."""
    depth, mask = np.zeros((100, 100), np.float32), np.zeros((100, 100), np.uint8)
    mask[20:80, 20:80] = 255
    depth[22:78, 22:78] = np.linspace(5, 9, 56, dtype=np.float32)  # its rim of 2 px is as far as the canvas
    relief = relief_of(depth, mask)
    assert relief[50, 20] == relief[50, 22]
    np.testing.assert_allclose(relief[50, 24:76], np.linspace(0, 1, 52), atol=0.05)
    assert relief[50, 0] == relief[50, 22]  # and on beyond the edge


def test_an_invisible_cutout_has_a_flat_relief() -> None:
    depth = np.arange(9, dtype=np.float32).reshape(3, 3)
    assert not relief_of(depth, np.zeros((3, 3), np.uint8)).any()
    assert not relief_of(np.ones((3, 3), np.float32), np.full((3, 3), 255, np.uint8)).any()


@pytest.mark.parametrize("canvas", [(48, 48), (240, 320), (320, 240)])
@given(height=st.integers(1, 4000), width=st.integers(1, 4000))
def test_a_cutout_fits_the_neutral_canvas(canvas: tuple[int, int], height: int, width: int) -> None:
    top, left, h, w = neutral_box(height, width, canvas)
    assert 0 <= top <= top + h <= canvas[0]
    assert 0 <= left <= left + w <= canvas[1]
    assert max(h / canvas[0], w / canvas[1]) == pytest.approx(0.8, abs=0.02)
