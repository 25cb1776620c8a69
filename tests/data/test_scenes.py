"""Scenes: several objects in a picture, their order, and what is seen of each."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from helpers.datasets import config, config_for
from helpers.one_process import verify
from hypothesis import given, settings
from hypothesis import strategies as st

from fgbg_data import open_dataset
from fgbg_data.building.build import build
from fgbg_data.compositing.arrange import arrange
from fgbg_data.compositing.compose_scene import amodal_bits, compose_scene
from fgbg_data.compositing.figures import Figure, seen_shares
from fgbg_data.compositing.plan import Plan, SplitForegrounds
from fgbg_data.compositing.source_choice import SourceChoice
from fgbg_data.compositing.source_file import Source
from fgbg_data.config import BuildConfig
from fgbg_data.errors import SourceError
from fgbg_data.key import SampleKey
from fgbg_data.sample import Array

CANVAS = (48, 64)
OPTIONS: Mapping[str, Any] = {"size": CANVAS, "depth": "none"}
NAMES = ("ball", "bar", "block", "cross", "dot")


def shape(name: str) -> Array:
    """A premultiplied cut-out, whose form depends on its name."""
    cutout = np.zeros((20, 12, 4), np.uint8)
    number = NAMES.index(name)
    if number % 2:
        cutout[2:-2, 4:8] = (40 * number, 90, 120, 255)
    else:
        cv2.ellipse(cutout, (6, 10), (5, 9), 0, 0, 360, (200, 30 * number, 60, 255), -1)
    return cutout


def cutouts(name: str) -> Sequence[Array]:
    return [shape(name)]


def foregrounds(names: Sequence[str] = NAMES) -> SplitForegrounds:
    return SplitForegrounds({name: Source(name, 20, 12, class_name=name[0]) for name in names}, SourceChoice(names))


def figures_of(key: SampleKey, options: BuildConfig, names: Sequence[str] = NAMES) -> list[Figure]:
    return arrange(options, key, foregrounds(names), cutouts)


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
    sources = [Source(name, 20, 12) for name in NAMES]
    plan = Plan(config(**OPTIONS, holdout="sample", positions=3), backgrounds, sources)
    for index in range(20):
        placement = plan.placement("train", index)
        (figure,) = arrange(plan.config, plan.key("train", index), plan.split_foregrounds("train"), cutouts)
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
    for position in range(600):
        for figure in figures_of(SampleKey("hall", "ball", position), drawn):
            if figure.placed.number == 2:
                counts[figure.placed.foreground] += 1
    assert min(counts.values()) > 90
    assert max(counts.values()) < 150


@pytest.fixture(scope="module")
def pictures_in_classes(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pictures, where the cut-outs lie in folders of classes."""
    folder = tmp_path_factory.mktemp("classes")
    (folder / "bg").symlink_to(pictures / "bg")
    for number, name in enumerate(("lamp", "chair", "")):
        (folder / "fg" / name).mkdir(parents=True, exist_ok=True)
        (folder / "fg" / name / f"thing{number}.png").write_bytes((pictures / f"fg/thing{number}.png").read_bytes())
    return folder


@pytest.fixture(scope="module")
def scenes(pictures_in_classes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of scenes with every field. Read only."""
    out = tmp_path_factory.mktemp("scenes") / "shards"
    made = config_for(
        pictures_in_classes,
        out,
        objects="1:4",
        amodal=True,
        samples=40,
        depth="fake",
        depth_mode="both",
        format=("tar", "hdf5"),
    )
    build(made)
    return out


def test_a_dataset_of_scenes_is_healthy_and_can_be_rendered_again(scenes: Path, pictures_in_classes: Path) -> None:
    report = verify(scenes, rerender=40, bg=pictures_in_classes / "bg", fg=pictures_in_classes / "fg")
    assert report.problems == []
    assert report.rerendered == 40


def test_a_reader_gets_instances_in_both_formats(scenes: Path) -> None:
    tar, hdf5 = (open_dataset(scenes, "train", format=name) for name in ("tar", "hdf5"))
    counts = set()
    for one, other in zip(tar, hdf5, strict=True):
        assert one == other
        counts.add(len(one.meta["objects"]))
        assert one.instances.dtype == np.uint8
        assert one.instances.max() <= len(one.meta["objects"])
        assert {each["class"] for each in one.meta["objects"]} <= {"lamp", "chair", ""}
    assert len(counts) > 2
    small = open_dataset(scenes, "train", size=(24, 24))[0]
    assert small.instances.shape == small.amodal.shape == (24, 24)
    assert set(np.unique(small.instances)) <= set(np.unique(tar[0].instances))


def test_classes_that_differ_only_in_capital_letters_are_refused(pictures: Path, tmp_path: Path) -> None:
    for number, name in enumerate(("Lamp", "lamp")):
        (tmp_path / "fg" / name).mkdir(parents=True)
        (tmp_path / "fg" / name / f"{number}.png").write_bytes((pictures / "fg/thing0.png").read_bytes())
    with pytest.raises(SourceError, match="the classes 'Lamp' and 'lamp' differ only in capital letters"):
        build(config_for(pictures, tmp_path / "out", fg=tmp_path / "fg", objects=2))
