"""Scenes: several objects in a picture, their order, and what is seen of each."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from helpers.datasets import config
from hypothesis import given, settings
from hypothesis import strategies as st

from fgbg_data.compositing.arrange import arrange, arrange_decoys
from fgbg_data.compositing.blends import Blend
from fgbg_data.compositing.compose_scene import amodal_bits, compose_scene
from fgbg_data.compositing.figures import Figure, seen_shares
from fgbg_data.compositing.plan import Plan, SplitSources
from fgbg_data.compositing.scene import draw_count
from fgbg_data.compositing.source_choice import SourceChoice
from fgbg_data.compositing.source_file import Source
from fgbg_data.config import BuildConfig
from fgbg_data.key import SampleKey
from fgbg_data.sample import Array

CANVAS = (48, 64)
OPTIONS: Mapping[str, Any] = {"size": CANVAS, "depth": "none"}
NAMES = ("ball", "bar", "block", "cross", "dot")
ROOMS = ("attic", "hall", "park")


def shape(name: str) -> Array:
    """A premultiplied cut-out that is drawn by its name."""
    cutout = np.zeros((20, 12, 4), np.uint8)
    number = NAMES.index(name)
    if number % 2:
        cutout[2:-2, 4:8] = (40 * number, 90, 120, 255)
    else:
        cv2.ellipse(cutout, (6, 10), (5, 9), 0, 0, 360, (200, 30 * number, 60, 255), -1)
    return cutout


class DrawnPictures:
    """Gives cut-outs that are drawn by their names, and backgrounds of one colour."""

    def foreground(self, name: str) -> Sequence[Array]:
        return [shape(name)]

    def background(self, name: str) -> Array:
        return np.full((*CANVAS, 3), 10 + 60 * ROOMS.index(name), np.uint8)


PICTURES = DrawnPictures()


def sources(names: Sequence[str] = NAMES) -> SplitSources:
    drawn = {name: Source(name, 20, 12, class_name=name[0]) for name in names}
    return SplitSources(drawn, SourceChoice(names), SourceChoice(ROOMS))


def figures_of(key: SampleKey, options: BuildConfig, names: Sequence[str] = NAMES) -> list[Figure]:
    return arrange(options, key, sources(names), PICTURES)


def decoys_of(key: SampleKey, options: BuildConfig) -> list[Figure]:
    return arrange_decoys(options, key, sources(), PICTURES)


KEYS = st.builds(
    SampleKey, st.sampled_from(["hall", "park"]), st.sampled_from(NAMES), st.integers(0, 40), st.booleans()
)


@settings(max_examples=60, deadline=None)
@given(key=KEYS, most=st.integers(1, 5), visible=st.sampled_from([0.0, 0.3, 0.7, 1.0]), seed=st.integers(0, 2))
def test_every_object_keeps_its_share_and_the_mask_is_the_union_of_instances(
    key: SampleKey, most: int, visible: float, seed: int
) -> None:
    drawn = config(**OPTIONS, objects=(1, most), **({"visible": visible} if most > 1 else {}), seed=seed)
    figures = figures_of(key, drawn)
    assert 1 <= len(figures) <= most
    assert [figure.placed.z for figure in figures] == sorted(figure.placed.z for figure in figures)
    assert [each.placed.foreground for each in figures if each.placed.number == 1] == [key.foreground]
    for seen, full in seen_shares(figures, CANVAS):
        assert full > 0
        assert seen >= drawn.visible * full
    composite = compose_scene(np.zeros((*CANVAS, 3), np.uint8), figures)
    union = np.zeros(CANVAS, bool)
    for number, figure in enumerate(figures, 1):
        union |= figure.area
        nearer = np.zeros(CANVAS, bool)
        for other in figures[number:]:
            nearer |= other.area
        np.testing.assert_array_equal(composite.instances == number, figure.area & ~nearer)
    np.testing.assert_array_equal(composite.mask, union * np.uint8(255))
    bits = amodal_bits([figure.area for figure in figures], CANVAS)
    for number, figure in enumerate(figures):
        np.testing.assert_array_equal((bits >> number) & 1 == 1, figure.area)


@settings(max_examples=40, deadline=None)
@given(key=KEYS, more=st.sets(st.sampled_from(NAMES)))
def test_the_primary_object_depends_on_no_other_option_and_no_other_source(key: SampleKey, more: set[str]) -> None:
    (alone,) = figures_of(key, config(**OPTIONS))
    several = figures_of(key, config(**OPTIONS, objects="3:4"), sorted({key.foreground, *more}))
    (primary,) = (figure for figure in several if figure.placed.number == 1)
    assert (primary.placed.box, primary.placed.mirrored) == (alone.placed.box, alone.placed.mirrored)
    np.testing.assert_array_equal(primary.cutout, alone.cutout)
    np.testing.assert_array_equal(primary.area, alone.area)


@settings(max_examples=40, deadline=None)
@given(key=KEYS)
def test_a_further_object_changes_with_another_source_only_if_that_source_is_chosen(key: SampleKey) -> None:
    drawn = config(**OPTIONS, objects=3, visible=0)
    few = sorted({key.foreground, "ball", "bar", "cross"})
    before, after = figures_of(key, drawn, few), figures_of(key, drawn)
    new = {figure.placed.number for figure in after if figure.placed.foreground not in few}
    assert [each.placed for each in before if each.placed.number not in new] == [
        each.placed for each in after if each.placed.number not in new
    ]


def test_the_classic_scene_is_the_placement_of_the_plan() -> None:
    backgrounds = [Source(name, 100, 100) for name in ("hall", "park")]
    plan = Plan(config(**OPTIONS, holdout="sample", positions=3), backgrounds, [Source(name, 20, 12) for name in NAMES])
    for index in range(20):
        placement = plan.placement("train", index)
        (figure,) = arrange(plan.config, plan.key("train", index), plan.split_sources("train"), PICTURES)
        placed = figure.placed
        assert (placed.top, placed.left, placed.height, placed.width, placed.mirrored, placed.foreground) == (
            placement.top,
            placement.left,
            placement.height,
            placement.width,
            placement.mirrored,
            placement.foreground,
        )


def test_sources_are_chosen_with_the_same_chance() -> None:
    drawn, counts = config(**OPTIONS, objects=2, visible=0), dict.fromkeys(NAMES, 0)
    for position in range(250):
        for figure in figures_of(SampleKey("hall", "ball", position), drawn):
            if figure.placed.number == 2:
                counts[figure.placed.foreground] += 1
    assert min(counts.values()) > 30
    assert max(counts.values()) < 70


LOOKS: Mapping[str, Any] = {
    "blend": "over,feather,box,erode,motion",
    "rotate": 20,
    "colour": 0.4,
    "match": "0:1",
}
"""Options that change how objects look."""


@settings(max_examples=40, deadline=None)
@given(key=KEYS, names=st.sets(st.sampled_from(sorted(LOOKS))))
def test_an_option_of_the_look_changes_no_other_draw(key: SampleKey, names: set[str]) -> None:
    some = config(**OPTIONS, objects=2, visible=0, **{name: LOOKS[name] for name in sorted(names)})
    every = config(**OPTIONS, objects=2, visible=0, decoys=2, empty=0, camera=1, **LOOKS)
    for one, other in zip(figures_of(key, some), figures_of(key, every), strict=True):
        assert one.placed.foreground == other.placed.foreground
        assert one.placed.mirrored == other.placed.mirrored
        assert one.placed.z == other.placed.z
        if "rotate" in names:
            assert one.placed.box == other.placed.box
        parts = {"rotate": "rotation", "colour": "colour", "match": "match", "blend": "blend"}
        for name in names:
            assert getattr(one.placed.look, parts[name]) == getattr(other.placed.look, parts[name])


@settings(max_examples=40, deadline=None)
@given(key=KEYS)
def test_a_rotated_object_stays_on_the_canvas_unless_it_may_be_cut_off(key: SampleKey) -> None:
    (upright,) = figures_of(key, config(**OPTIONS, scale="0.4:0.6"))
    (turned,) = figures_of(key, config(**OPTIONS, scale="0.4:0.6", rotate=90))
    (cut_off,) = figures_of(key, config(**OPTIONS, scale="0.4:0.6", rotate=90, truncate=0.01))
    height, width = turned.cutout.shape[:2]
    assert 0 <= turned.top <= CANVAS[0] - height
    assert 0 <= turned.left <= CANVAS[1] - width
    assert turned.placed.look == cut_off.placed.look
    assert (turned.placed.height, turned.placed.width) == (upright.placed.height, upright.placed.width)


@settings(max_examples=40, deadline=None)
@given(key=KEYS, count=st.integers(1, 4))
def test_decoys_are_filled_with_another_background_and_are_in_no_mask(key: SampleKey, count: int) -> None:
    drawn = config(**OPTIONS, decoys=count, rotate=10)
    figures, decoys = figures_of(key, drawn), decoys_of(key, drawn)
    assert len(decoys) == count
    background = PICTURES.background(key.background)
    bare, full = compose_scene(background, figures), compose_scene(background, figures, decoys)
    np.testing.assert_array_equal(full.mask, bare.mask)
    np.testing.assert_array_equal(full.instances, bare.instances)
    assert not (full.decoys[full.mask > 0]).any()
    for number, decoy in enumerate(decoys, 1):
        assert decoy.placed.background != key.background
        seen = (full.decoys == number).astype(np.uint8)
        inside = cv2.erode(seen, np.ones((5, 5), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0
        assert (full.image[inside] == PICTURES.background(decoy.placed.background)[0, 0]).all()


def test_a_share_of_samples_is_empty_whatever_else_is_drawn() -> None:
    keys = [SampleKey("hall", "ball", position) for position in range(400)]
    empty = [not draw_count(config(**OPTIONS, empty=0.2), key) for key in keys]
    assert 50 < sum(empty) < 110
    assert empty == [not draw_count(config(**OPTIONS, empty=0.2, objects="1:3", rotate=9), key) for key in keys]
    more = [not draw_count(config(**OPTIONS, empty=0.4), key) for key in keys]
    assert all(b for a, b in zip(empty, more, strict=True) if a)
    assert not figures_of(keys[empty.index(True)], config(**OPTIONS, empty=0.2))


@settings(max_examples=30, deadline=None)
@given(key=KEYS, twins=st.integers(2, 5))
def test_twins_are_one_placement_under_different_blends(key: SampleKey, twins: int) -> None:
    drawn = config(**OPTIONS, objects=2, visible=0, twins=twins, decoys=1, **LOOKS)
    family = [figures_of(key._replace(twin=twin), drawn) for twin in range(twins)]
    for members in zip(*family, strict=True):
        plain = {replace(each.placed, look=each.placed.look._replace(blend=Blend())) for each in members}
        assert len(plain) == 1
        assert len({each.placed.look.blend.name for each in members}) == twins
        assert all(np.array_equal(each.area, members[0].area) for each in members)


def test_twins_are_in_one_shard_and_one_split_and_change_no_placement() -> None:
    backgrounds = [Source(f"room{number}", 100, 100) for number in range(10)]
    drawn = config(**OPTIONS, positions=3, shard_size=10, samples=200)
    foregrounds = [Source(name, 20, 12) for name in NAMES]
    plain = Plan(drawn, backgrounds, foregrounds)
    plan = Plan(replace(drawn, twins=3, blend="over,box,motion", samples=601), backgrounds, foregrounds)
    assert len(plan) == 600
    for shard in plan.shards():
        keys = [plan.key(shard.split, index) for index in range(shard.start, shard.stop)]
        assert [key.twin for key in keys] == [0, 1, 2] * (len(keys) // 3)
        assert len({key._replace(twin=0) for key in keys}) == len(keys) // 3 <= 3
    for split, part in plain.splits.items():
        assert [plan.key(split, 3 * index) for index in range(part.samples)] == [
            plain.key(split, index) for index in range(part.samples)
        ]
