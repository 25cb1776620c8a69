"""Datasets of scenes: built, read, checked and made into others."""

import copy as copying
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from helpers.datasets import config_for, contents
from helpers.one_process import convert, merge, relabel, resplit, stats, verify
from helpers.tars import rewrite_tar, tar_members
from PIL import Image

from fgbg_data import Manifest, cli, open_dataset, preview
from fgbg_data.building.build import build
from fgbg_data.checking.inspect_sample import inspect_sample
from fgbg_data.dataset.manifest import MANIFEST
from fgbg_data.drawing.colours import outlined_objects
from fgbg_data.errors import SourceError
from fgbg_data.fields.objects import MAX_AMODAL, colour_ids
from fgbg_data.key import SampleKey
from fgbg_data.sample import Sample, canonical_json, parse_json

OPTIONS: dict[str, Any] = {
    "objects": "1:4",
    "amodal": True,
    "empty": 0.2,
    "decoys": "0:2",
    "twins": 2,
    "blend": "over,feather,box,erode,motion",
    "rotate": 20,
    "colour": 0.3,
    "match": "0:0.5",
    "camera": 0.5,
}
DEPTH: dict[str, Any] = {"depth": "fake", "depth_mode": "both"}
WHOLE = OPTIONS | DEPTH | {"samples": 40, "format": ("tar", "hdf5")}
"""Options of the dataset `scenes`."""


@pytest.fixture(scope="module")
def scene_pictures(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pictures, where two of the cut-outs lie in folders of classes. Read only."""
    folder = tmp_path_factory.mktemp("classes")
    (folder / "bg").symlink_to(pictures / "bg")
    for number, name in enumerate(("lamp", "chair", "")):
        (folder / "fg" / name).mkdir(parents=True, exist_ok=True)
        shutil.copy(pictures / f"fg/thing{number}.png", folder / "fg" / name)
    return folder


@pytest.fixture(scope="module")
def scenes(scene_pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of scenes with every field. Read only."""
    out = tmp_path_factory.mktemp("scenes") / "shards"
    build(config_for(scene_pictures, out, **WHOLE))
    return out


def every_sample(path: Path) -> list[Any]:
    return [sample for split in Manifest.read(path).splits for sample in open_dataset(path, split, depth_as="codes")]


def keys_by_split(path: Path) -> dict[str, list[str]]:
    return {split: list(open_dataset(path, split).keys()) for split in Manifest.read(path).splits}


def test_a_dataset_is_healthy_and_can_be_rendered_again(scenes: Path, scene_pictures: Path) -> None:
    report = verify(scenes, rerender=40, bg=scene_pictures / "bg", fg=scene_pictures / "fg")
    assert report.problems == []
    assert report.rerendered == 40


def test_a_reader_gets_the_same_from_both_formats(scenes: Path) -> None:
    tar, hdf5 = (open_dataset(scenes, "train", format=name) for name in ("tar", "hdf5"))
    counts = set()
    for one, other in zip(tar, hdf5, strict=True):
        assert one == other
        counts.add(len(one.meta["objects"]))
        assert one.instances.dtype == np.uint8
        assert one.amodal.dtype == np.uint16
        np.testing.assert_array_equal(one.mask > 0, one.instances > 0)
    assert len(counts) > 2
    assert 0 in counts
    small = open_dataset(scenes, "train", size=(24, 24))[0]
    assert small.instances.shape == small.amodal.shape == (24, 24)
    assert set(np.unique(small.instances)) <= set(np.unique(tar[0].instances))


def test_two_workers_and_a_stop_between_shards_write_the_same_bytes(
    scenes: Path, scene_pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "again"
    shutil.copytree(scenes, out)
    for stem in ("train/fgbg-train-000000", "train/fgbg-train-000002", "val/fgbg-val-000000"):
        for suffix in (".tar", ".h5", ".json"):
            (out / f"{stem}{suffix}").unlink()
    (out / MANIFEST).write_text((out / MANIFEST).read_text().replace('"complete": true', '"complete": false'))
    build(config_for(scene_pictures, out, jobs=2, **WHOLE))
    assert contents(out) == contents(scenes)


def test_the_manifest_lists_classes_and_the_card_explains_them(scenes: Path) -> None:
    manifest = Manifest.read(scenes)
    assert manifest.classes == ("chair", "lamp")
    found = {each["foreground"]: each["class"] for sample in every_sample(scenes) for each in sample.meta["objects"]}
    assert {name.split("-")[0]: kind for name, kind in found.items()} == {
        "lamp": "lamp",
        "chair": "chair",
        "thing2": "",
    }
    card = (scenes / "README.md").read_text()
    assert "| lamp | 1 |" in card
    assert "A picture shows 1 to 4 objects." in card


def test_classes_that_differ_only_in_capital_letters_are_refused(pictures: Path, tmp_path: Path) -> None:
    for number, name in enumerate(("Lamp", "lamp")):
        (tmp_path / "fg" / name).mkdir(parents=True)
        shutil.copy(pictures / "fg/thing0.png", tmp_path / "fg" / name / f"{number}.png")
    with pytest.raises(SourceError, match="the classes 'Lamp' and 'lamp' differ only in capital letters"):
        build(config_for(pictures, tmp_path / "out", fg=tmp_path / "fg", objects=2))


def test_composed_depth_stands_every_object_in_front_of_what_it_hides(scenes: Path) -> None:
    pairs = 0
    for sample in every_sample(scenes):
        depth = sample.depth_composed.astype(int)
        for far, near in zip(sample.meta["objects"], sample.meta["objects"][1:], strict=False):
            hidden = (sample.amodal & (1 << (far["id"] - 1)) > 0) & (sample.instances == near["id"])
            seen = sample.instances == far["id"]
            if hidden.any() and seen.any():
                pairs += 1
                assert np.median(depth[hidden]) >= np.median(depth[seen])
    assert pairs > 3


# --- damage ------------------------------------------------------------------------------------------------


def with_objects(sample: Sample, change: Callable[[list[dict[str, Any]]], object]) -> Sample:
    meta = copying.deepcopy(sample.meta)
    change(meta["objects"])
    return Sample(key=sample.key, meta=meta, arrays=sample.arrays)


def with_pixels(sample: Sample, name: str, change: Callable[[Any], Any]) -> Sample:
    return Sample(key=sample.key, meta=sample.meta, arrays={**sample.arrays, name: change(sample.arrays[name].copy())})


DAMAGE: dict[str, tuple[Callable[[Sample], Sample], str]] = {
    "an id that no object has": (
        lambda s: with_pixels(s, "instances", lambda a: np.where(a == 1, np.uint8(9), a)),
        "its instances hold the ids 9, but its meta has 2 objects|shows 0 px in its instances",
    ),
    "objects swapped": (
        lambda s: with_pixels(s, "instances", lambda a: np.array([0, 2, 1], np.uint8)[a]),
        r"object 1 shows \d+ px in its instances, but its meta says \d+",
    ),
    "objects moved": (
        lambda s: with_pixels(s, "instances", lambda a: np.roll(a, 1, 1)),
        "its instances and its mask disagree at|has the bbox_xywh",
    ),
    "more in the mask": (
        lambda s: with_pixels(s, "mask", lambda a: np.maximum(a, np.uint8(255) * (np.indices(a.shape)[0] < 2))),
        "its instances and its mask disagree at",
    ),
    "a bit that no object has": (
        lambda s: with_pixels(s, "amodal", lambda a: a | np.uint16(1 << 9)),
        "its amodal has bits of objects that its meta does not have",
    ),
    "a whole area that is too small": (
        lambda s: with_pixels(s, "amodal", np.zeros_like),
        r"its amodal lacks \d+ px of objects that its instances show|covers 0 px in its amodal",
    ),
    "objects that are no list": (lambda s: s.with_field("mask", s.mask, {"objects": 3}), "objects"),
    "an object without class": (
        lambda s: with_objects(s, lambda found: found[0].pop("class")),
        "entries of object 1 in its meta are missing or of the wrong type: class",
    ),
    "an object that is no table": (
        lambda s: with_objects(s, lambda found: found.append("lamp")),
        "entries of object 3 in its meta are missing or of the wrong type: ",
    ),
    "a box of three sides": (
        lambda s: with_objects(s, lambda found: found[1]["bbox_xywh"].pop()),
        "entries of object 2 in its meta are missing or of the wrong type: bbox_xywh",
    ),
    "ids out of order": (
        lambda s: with_objects(s, lambda found: found.reverse()),
        r"its meta has objects with the ids \[2, 1\], expected 1 to 2 in order",
    ),
    "objects from near to far": (
        lambda s: with_objects(s, lambda found: found[0].update(z=7.0)),
        "are not in order from far to near, by z",
    ),
    "another primary object": (
        lambda s: with_objects(s, lambda found: [each.update(foreground="x") for each in found]),
        "as object number 1, expected the foreground",
    ),
    "more seen than there is": (
        lambda s: with_objects(s, lambda found: found[0].update(full_px=1)),
        r"object 1 shows \d+ of 1 px by its meta|covers \d+ px in its amodal, but its meta says 1",
    ),
    "pixels that the mask lacks": (
        lambda s: with_objects(s, lambda found: found[0].update(visible_px=found[0]["visible_px"] + 1)),
        r"its objects show \d+ px by its meta, but its mask covers \d+",
    ),
    "a decoy without background": (
        lambda s: s.with_field("mask", s.mask, {"decoys": [{"number": 1}]}),
        "entries of decoy 1 in its meta are missing or of the wrong type: foreground, background",
    ),
    "the meta of another twin": (
        lambda s: s.with_field("mask", s.mask, {"twin": 4}),
        "its meta is that of ",
    ),
    "a twin that is no number": (
        lambda s: s.with_field("mask", s.mask, {"twin": "b1"}),
        "meta fields missing or of the wrong type: twin",
    ),
    "nothing in a mask that should show objects": (
        lambda s: with_pixels(s, "mask", np.zeros_like),
        "its mask is empty",
    ),
    "more objects than bits": (
        lambda s: with_objects(
            s, lambda found: found.extend(found[1] | {"id": number} for number in range(3, MAX_AMODAL + 2))
        ),
        f"its meta has {MAX_AMODAL + 1} objects, but its amodal holds at most {MAX_AMODAL}",
    ),
}


@pytest.fixture(scope="module")
def healthy(scenes: Path) -> Sample:
    """A sample with two objects, where the nearer one hides a part of the farther one."""
    for sample in every_sample(scenes):
        objects = sample.meta["objects"]
        if len(objects) == 2 and objects[0]["visible_px"] < objects[0]["full_px"]:
            arrays = {name: sample[name] for name in sample if name not in ("key", "meta")}
            return Sample(key=sample.key, meta=sample.meta, arrays=arrays)
    raise AssertionError("the dataset has no such sample")


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_of_objects_is_found(healthy: Sample, name: str) -> None:
    damage, text = DAMAGE[name]
    assert list(inspect_sample(healthy)) == []
    found = list(inspect_sample(damage(healthy)))
    assert any(re.search(text, problem) for problem in found), found


def edit_first_meta(path: Path, change: Callable[[dict[str, Any]], object]) -> str:
    """Change the meta of the first sample of a tar that shows at least two objects; return its key."""

    def edit(files: dict[str, bytes]) -> None:
        name = next(n for n in files if n.endswith(".json") and len(parse_json(files[n].decode())["objects"]) > 1)
        meta = parse_json(files[name].decode())
        change(meta)
        files[name] = canonical_json(meta).encode()
        keys.append(meta["key"])

    keys: list[str] = []
    rewrite_tar(path, edit)
    return keys[0]


def test_objects_and_decoys_of_another_split_and_of_another_class_are_found(scenes: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(scenes, tmp_path / "copy"))
    tar = copy / "train/fgbg-train-000000.tar"
    strange = Manifest.read(copy).splits["val"].backgrounds[0]

    def spoil(meta: dict[str, Any]) -> None:
        meta["objects"][-1]["class"] = "table"
        decoy = {name: meta["objects"][0][name] for name in ("foreground", "mirrored", "box", "angle", "blend")}
        meta["decoys"] = [decoy | {"number": 1, "background": strange, "visible_px": 3}]
        meta["objects"][0]["foreground"] = "elsewhere"

    key = edit_first_meta(tar, spoil)
    found = [problem.text for problem in verify(copy).problems if problem.key == key]
    assert f"its background {strange!r} is not in split 'train'" in found
    assert "its foreground 'elsewhere' is not in split 'train'" in found
    assert any("is of class 'table' by its meta" in problem for problem in found)
    text = (copy / MANIFEST).read_text()
    (copy / MANIFEST).write_text(text.replace('"lamp"', '"lump"', 1))
    assert any("its classes are not those of its foregrounds" in str(problem) for problem in verify(copy).problems)


# --- other datasets made of it -----------------------------------------------------------------------------


def test_loose_files_and_back_are_the_same_samples(scenes: Path, tmp_path: Path) -> None:
    convert(scenes, tmp_path / "files", format="folder")
    convert(tmp_path / "files", tmp_path / "tars", format="tar")
    assert verify(tmp_path / "tars").ok
    assert every_sample(tmp_path / "tars") == every_sample(scenes)
    name = "train/fgbg-train-000001.tar"
    assert tar_members(tmp_path / "tars" / name) == tar_members(scenes / name)
    assert Manifest.read(tmp_path / "tars").classes == ("chair", "lamp")


@pytest.mark.parametrize("holdout", ["foreground", "background", "sample"])
def test_a_new_split_holds_only_samples_whose_sources_are_all_in_it_and_keeps_twins_together(
    holdout: Any, scenes: Path, tmp_path: Path
) -> None:
    resplit(scenes, tmp_path / "new", holdout=holdout, val=0.3, test=0.3 if holdout == "sample" else 0)
    report = verify(tmp_path / "new")
    assert report.problems == []
    splits = {}
    for split, keys in keys_by_split(tmp_path / "new").items():
        for key in keys:
            parts = SampleKey.parse(key)
            assert parts is not None
            assert splits.setdefault(parts._replace(twin=0), split) == split
    if holdout == "sample":  # no sample is left out
        assert len(splits) == sum(map(len, keys_by_split(scenes).values())) / 2


def test_merged_datasets_rename_every_source_in_meta(scenes: Path, scene_pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "fg" / "lamp").mkdir(parents=True)
    Image.open(scene_pictures / "fg/lamp/thing0.png").transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(
        tmp_path / "fg/lamp/thing0.png"
    )
    shutil.copy(scene_pictures / "fg/thing2.png", tmp_path / "fg")
    build(config_for(scene_pictures, tmp_path / "two", fg=tmp_path / "fg", samples=20, **DEPTH, **OPTIONS))
    convert(scenes, tmp_path / "one", format="tar")
    merge([tmp_path / "one", tmp_path / "two"], tmp_path / "both", prefixes=["a", "b"])
    assert verify(tmp_path / "both").problems == []
    named = {each["foreground"] for sample in every_sample(tmp_path / "both") for each in sample.meta["objects"]}
    lamps = {name for name in named if "lamp" in name}
    assert {name[0] for name in lamps} == {"a", "b"}
    assert "thing2" in named
    assert Manifest.read(tmp_path / "both").classes == ("chair", "lamp")


def test_new_depth_keeps_the_objects(scene_pictures: Path, tmp_path: Path) -> None:
    build(config_for(scene_pictures, tmp_path / "bare", samples=12, **OPTIONS))
    relabel(tmp_path / "bare", tmp_path / "new", depth="fake")
    assert verify(tmp_path / "new").problems == []
    for one, other in zip(every_sample(tmp_path / "bare"), every_sample(tmp_path / "new"), strict=True):
        assert one.meta["objects"] == other.meta["objects"]
        np.testing.assert_array_equal(one.instances, other.instances)


# --- looked at ---------------------------------------------------------------------------------------------


def test_a_sheet_outlines_every_object_in_its_own_colour(scenes: Path, tmp_path: Path) -> None:
    sample = max(open_dataset(scenes, "train"), key=lambda each: int(each.instances.max()))
    drawn = outlined_objects(sample.image, sample.instances)
    for number in range(1, int(sample.instances.max()) + 1):
        changed = (drawn != sample.image).any(-1) & (sample.instances == number)
        if changed.any():
            assert (drawn[changed] == colour_ids(np.array([[number]], np.uint8))[0, 0]).all()
    np.testing.assert_array_equal(drawn[sample.instances == 0], sample.image[sample.instances == 0])
    sheet = preview(scenes, tmp_path / "sheet.png", keys=[sample.key])
    assert Image.open(sheet).width > 7 * 48


def test_statistics_list_the_fields_without_a_mean(scenes: Path) -> None:
    rows = {row.name: row for row in stats(scenes, recompute=True)}
    assert rows["instances"].mean == rows["amodal"].mean == []
    assert rows["instances"].count == 40
    assert rows == {row.name: row for row in stats(scenes)}


def test_a_dry_run_of_a_recipe_says_what_it_would_make(scene_pictures: Path, tmp_path: Path) -> None:
    folders = [text for name in ("bg", "fg") for text in (f"--{name}", str(scene_pictures / name))]
    options = "--recipe varied --objects 1:3 --twins 2 --size 48 --depth-mode compose --depth fake --dry-run -j 1"
    options += " --val 0.2 --test 0.2"
    done = CliRunner().invoke(cli.main, ["build", *folders, "--out", str(tmp_path / "out"), *options.split()])
    assert done.exit_code == 0, done.output
    assert "4 backgrounds x 3 foregrounds x 20 positions x 2 (mirrored) x 2 (twins) = 960 samples" in done.output
    assert not (tmp_path / "out").exists()
