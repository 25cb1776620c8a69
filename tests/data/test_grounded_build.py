"""Datasets whose objects stand on the ground of their backgrounds."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers.datasets import contents
from helpers.rooms import RoomEstimator
from PIL import Image

from fgbg_data import BuildConfig, Manifest, build, convert, open_dataset, preview, verify
from fgbg_data.building.prepare import prepare
from fgbg_data.building.worker import Worker
from fgbg_data.compositing.occlusion import SMALLEST_PX, hidden_by, sharpen
from fgbg_data.compositing.shadows import shadow_of
from fgbg_data.compositing.stage import Light
from fgbg_data.errors import ManifestError, SourceError
from fgbg_data.ground.plane import LEVELS
from fgbg_data.viewing.gallery import Gallery
from fgbg_data.viewing.ground_layer import GroundLayer

SIDE = 96
PILLARS = (20, 44, 68)
"""Columns of the red pillars, whose feet are in row 81."""
HORIZON = RoomEstimator.HORIZON * SIDE
HEIGHTS_M = {0.8, 0.9, 1.0, 1.6, 1.7, 1.8}
"""Heights that a chair and a person may get."""


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """bg/ with two rooms with red pillars and one without ground, and fg/ with a person, a chair and a box."""
    root = tmp_path_factory.mktemp("grounded")
    for folder in ("bg", "fg/person", "fg/chair", "fg/thing"):
        (root / folder).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(3):
        room = rng.integers(90, 160, (SIDE, SIDE, 3)).astype(np.uint8)
        if number < 2:
            for left in PILLARS:
                room[10:82, left : left + 8] = (250, 20, 20)
        Image.fromarray(room).save(root / "bg" / f"room{number}.png")
    (root / "bg" / "ground.csv").write_text("file,ground\nroom2.png,no\n")
    for name, (height, width), colour in (
        ("person/ann", (60, 24), (20, 60, 200)),
        ("chair/oak", (30, 26), (30, 140, 40)),
        ("thing/crate", (20, 22), (10, 10, 10)),
    ):
        cutout = np.zeros((height + 8, width + 8, 4), np.uint8)
        cutout[4:-4, 4:-4] = (*colour, 255)
        Image.fromarray(cutout).save(root / "fg" / f"{name}.png")
    (root / "fg" / "thing" / "heights.toml").write_text("")  # only the one in the folder itself counts
    (root / "fg" / "sources.csv").write_text("file,height_m\nthing/crate.png,0.5\n")
    return root


def config_of(sources: Path, out: Path, **options: object) -> BuildConfig:
    values = {
        "positions": 6,
        "size": SIDE,
        "objects": "1:2",
        "place": "ground",
        "shadow": "cast",
        "amodal": True,
        "camera_height": "1.5",
        "depth": "room",
        "depth_mode": "compose",
        "image_format": "png",
        "holdout": "sample",
        "val": 0,
        "test": 0,
        "shard_size": 20,
        "jobs": 1,
    }
    return BuildConfig(bg=sources / "bg", fg=sources / "fg", out=out, **(values | options))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def grounded(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("grounded") / "shards"
    build(config_of(sources, out), progress=False)
    return out


def test_what_stands_lower_in_the_picture_is_larger_and_nearer(grounded: Path) -> None:
    standing: dict[str, list[tuple[int, int, float]]] = {}
    for sample in open_dataset(grounded):
        if sample.meta["background"].startswith("room2"):
            continue
        for found in sample.meta["objects"]:
            top, _, height, _ = found["box"]
            standing.setdefault(found["foreground"], []).append((top + height - 1, height, found["z"]))
    assert len(standing) == 3
    for found in standing.values():
        assert len({foot for foot, _, _ in found}) > 3
        for before, after in zip(sorted(found), sorted(found)[1:], strict=False):
            assert before[1] <= after[1]
            assert before[2] <= after[2]


def test_sizes_are_those_of_the_heights_and_of_the_camera(grounded: Path) -> None:
    manifest = Manifest.read(grounded)
    heights = {source.id: source.height_mm or 0 for source in manifest.identity.sources.foregrounds}
    crate = next(name for name in heights if "crate" in name)
    assert heights[crate] == 500
    assert {round(value / 1000, 1) for name, value in heights.items() if name != crate} <= HEIGHTS_M
    for sample in open_dataset(grounded):
        for found in sample.meta["objects"]:
            if not sample.meta["background"].startswith("room2"):
                top, _, height, _ = found["box"]
                expected = (top + height - 1 - HORIZON) * heights[found["foreground"]] / 1500
                assert height == pytest.approx(expected, abs=1.6)


def test_what_is_nearer_hides_and_masks_lie_in_whole_areas(grounded: Path) -> None:
    hidden = 0
    pillar = np.zeros((SIDE, SIDE), bool)
    for left in PILLARS:
        pillar[10:82, left : left + 8] = True
    for sample in open_dataset(grounded):
        whole = np.zeros((SIDE, SIDE), bool)
        for found in sample.meta["objects"]:
            area = (sample["amodal"] >> np.uint16(found["id"] - 1)) & np.uint16(1) > 0
            whole |= area
            seen = sample["instances"] == found["id"]
            assert not (seen & ~area).any()
            top, _, height, _ = found["box"]
            if not sample.meta["background"].startswith("room2") and top + height - 1 < 75:  # behind the pillars
                assert np.count_nonzero(seen & pillar) < SMALLEST_PX
                if np.count_nonzero(area & pillar) >= 3 * SMALLEST_PX:
                    hidden += 1
                    assert (sample.image[area & pillar & (sample.mask == 0)] == (250, 20, 20)).all()
        assert not ((sample.mask > 0) & ~whole).any()
    assert hidden > 2


def test_composed_depth_is_that_of_the_ground_at_the_foot(grounded: Path) -> None:
    checked = 0
    for sample in open_dataset(grounded, depth_as="unit"):
        if sample.meta["background"].startswith("room2"):
            continue
        low, high = sample.meta["depth_min"], sample.meta["depth_max"]
        for found in sample.meta["objects"]:
            top, _, height, _ = found["box"]
            ground = (top + height - 1 - HORIZON) / (SIDE - HORIZON)
            seen = sample["instances"] == found["id"]
            depth = low + (high - low) * sample.depth[seen]
            if seen.any() and top + height - 1 > 60:  # away from the joint of wall and floor
                assert depth.min() >= ground - 0.03
                assert np.median(depth) <= ground + 0.2 * ground + 0.03
                checked += 1
    assert checked > 5


def test_bytes_do_not_depend_on_workers_or_on_a_stop(grounded: Path, sources: Path, tmp_path: Path) -> None:
    out = tmp_path / "again"
    shutil.copytree(grounded, out)
    records = sorted((out / "train").glob("*.json"))
    assert len(records) > 2
    for record in records[1:]:  # as if it was killed after the first shard
        record.unlink()
    (out / "dataset.json").write_text(
        json.dumps(json.loads((out / "dataset.json").read_text()) | {"complete": False}), encoding="utf-8"
    )
    build(config_of(sources, out, jobs=2), progress=False)
    assert contents(out) == contents(grounded)


def test_the_table_is_checked_and_samples_are_rendered_again(grounded: Path, sources: Path, tmp_path: Path) -> None:
    report = verify(grounded, rerender=12, bg=sources / "bg", fg=sources / "fg", progress=False)
    assert report.ok
    assert report.rerendered == 12
    out = shutil.copytree(grounded, tmp_path / "damaged")
    table = out / "grounds.json"
    table.write_text(table.read_text().replace('"trust":', '"trust" :', 1))
    assert any("digests differ" in str(problem) for problem in verify(out, progress=False).problems)
    table.unlink()
    report = verify(out, rerender=1, bg=sources / "bg", fg=sources / "fg", progress=False)
    assert any("is missing" in str(problem) for problem in report.problems)
    assert report.rerendered == 0


def test_the_sheet_and_the_page_show_ground_horizon_and_whole_objects(grounded: Path, tmp_path: Path) -> None:
    sample = next(each for each in open_dataset(grounded) if each.meta["background"].startswith("room0"))
    layer = GroundLayer(grounded, Manifest.read(grounded))
    drawn = layer.draw(sample.meta["background"], sample.image, sample["amodal"])
    lines = drawn[round(HORIZON) - 2 : round(HORIZON) + 3].astype(int)
    assert (lines[..., 0] - lines[..., 1]).mean(axis=1).max() > 100  # red
    assert drawn[-3:].astype(int)[..., 1].mean() > sample.image[-3:].astype(int)[..., 1].mean() + 10  # green
    preview(grounded, tmp_path / "sheet.png", keys=[sample.key])
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > 7 * SIDE  # image, ground, outline, mask, instances, amodal, depth
    gallery = Gallery(grounded)
    assert "ground" in gallery.layers
    data, media = gallery.picture(sample.key, "ground")
    assert media == "image/jpeg"
    assert data[:2] == b"\xff\xd8"


def test_a_converted_dataset_is_whole_and_says_where_the_grounds_are(
    grounded: Path, sources: Path, tmp_path: Path
) -> None:
    out = tmp_path / "hdf5"
    convert(grounded, out, format="hdf5", progress=False)
    assert verify(out, progress=False).ok
    with pytest.raises(ManifestError, match="only the dataset of the build holds"):
        verify(out, rerender=1, bg=sources / "bg", fg=sources / "fg", progress=False)


def test_backgrounds_without_ground_are_named_or_left_out(sources: Path, grounded: Path, tmp_path: Path) -> None:
    card = (grounded / "README.md").read_text()
    assert "1 of the 3 backgrounds has no ground, so objects are placed freely on it: `room2" in card
    left_out = prepare(config_of(sources, tmp_path / "out", require_ground=True), progress=False)
    assert [source.file for source in left_out.work.backgrounds] == ["room0.png", "room1.png"]
    (skipped,) = left_out.manifest.identity.skipped
    assert skipped.problem == "has no ground: ground.csv says that it has none"
    assert left_out.manifest.fingerprint != Manifest.read(grounded).fingerprint
    shutil.copytree(sources / "fg", tmp_path / "fg")
    for number in range(2):
        (tmp_path / "bg").mkdir(exist_ok=True)
        shutil.copy(sources / "bg" / "room2.png", tmp_path / "bg" / f"{number}.png")
    (tmp_path / "bg" / "ground.csv").write_text("file,ground\n0.png,no\n1.png,no\n")
    with pytest.raises(SourceError, match="none of the 2 backgrounds has a ground"):
        prepare(config_of(tmp_path, tmp_path / "out", require_ground=True), progress=False)


def test_shadows_darken_the_ground_and_no_mask(sources: Path, tmp_path: Path) -> None:
    shown, bare = (
        Worker(prepare(config_of(sources, tmp_path, shadow=shadow, objects=1), progress=False).work)
        for shadow in ("cast", "none")
    )
    darker = 0
    for index in range(6):
        one, other = (worker.render("train", index) for worker in (shown, bare))
        assert np.array_equal(one.mask, other.mask)
        assert (one.image <= other.image).all()
        darker += int((one.image < other.image).any())
    assert darker > 2


def test_a_shadow_falls_away_from_the_light() -> None:
    cutout = np.full((40, 10, 4), 255, np.uint8)
    for across in (-128, 128):
        shadow = shadow_of(cutout, 30, 45, (100, 100), "cast", Light(across, 64))
        columns = np.flatnonzero(shadow[62:66].max(axis=0) > 20)
        assert (columns.mean() > 50) == (across > 0)
        assert shadow[69, 50] > 60  # at the foot
        assert not shadow[:40].any()


def test_a_slope_of_depth_hides_nothing_and_a_step_does() -> None:
    area = np.zeros((64, 64), bool)
    area[10:50, 10:50] = True
    code = LEVELS // 4
    slope = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (64, 1))
    assert hidden_by(slope, code, area) is None
    step = np.where(np.arange(64) < 30, 200, 10).astype(np.uint8)
    found = hidden_by(np.tile(step, (64, 1)), code, area)
    assert found is not None
    assert np.array_equal(found & area, area & (np.arange(64) < 30))


def test_blurred_edges_of_depth_move_to_the_edges_of_the_picture() -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:, 32:] = 200
    depth = np.clip((np.arange(64) - 29) * 750, 0, 3000)  # a slope from column 29 to 33
    sharp = sharpen(np.tile(depth, (64, 1)), picture)
    assert (np.abs(np.diff(sharp[30].astype(int))) > 1500).sum() == 1
    assert int(np.argmax(np.abs(np.diff(sharp[30].astype(int))))) in (30, 31, 32)
