"""Exports for other tools: their readers find every sample, and the masks that the dataset holds."""

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from helpers.datasets import config_for, contents
from helpers.fake_estimator import MetricEstimator
from helpers.tars import tar_members
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pycocotools.coco import COCO

from fgbg_data import export_dataset
from fgbg_data.building.build import build
from fgbg_data.cli import main
from fgbg_data.dataset.reading import open_dataset
from fgbg_data.depth.registry import ESTIMATORS
from fgbg_data.errors import ConfigError, StorageError
from fgbg_data.exporting.folder import MARK
from fgbg_data.exporting.objects import Classes, labelled_objects
from fgbg_data.exporting.polygons import fill_polygon, mask_iou, mask_polygon
from fgbg_data.sample import Array

SPLITS = ("train", "val", "test")


@pytest.fixture(scope="module")
def shards(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exported") / "shards"
    build(config_for(pictures, out, format="tar,hdf5"))
    return out


@pytest.fixture(scope="module")
def coco(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("coco") / "coco"
    export_dataset(shards, out, "coco", jobs=1)
    return out


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of pycocotools
@pytest.mark.parametrize("split", SPLITS)
def test_pycocotools_decodes_the_masks_of_the_dataset(shards: Path, coco: Path, split: str) -> None:
    truth = {sample.key: sample for sample in open_dataset(shards, split)}
    found = COCO(str(coco / "annotations" / f"instances_{split}.json"))
    assert {Path(image["file_name"]).stem for image in found.imgs.values()} == set(truth)
    for image in found.imgs.values():
        sample = truth[Path(image["file_name"]).stem]
        (annotation,) = found.loadAnns(found.getAnnIds(imgIds=image["id"]))
        assert np.array_equal(found.annToMask(annotation) * 255, sample.mask)
        assert annotation["area"] == sample.meta["mask_area_px"]
        assert annotation["bbox"] == sample.meta["bbox_xywh"]
        assert annotation["iscrowd"] == 0
        assert (image["height"], image["width"]) == sample.mask.shape


def test_an_export_holds_the_files_of_the_images_byte_for_byte(shards: Path, coco: Path) -> None:
    images = {
        name: data for tar in shards.glob("val/*.tar") for name, data in tar_members(tar).items() if ".jpg" in name
    }
    assert {path.name: path.read_bytes() for path in (coco / "val").iterdir()} == images
    for sample in open_dataset(shards, "val"):
        with Image.open(coco / "val" / f"{sample.key}.jpg") as image:
            assert np.abs(np.asarray(image).astype(int) - sample.image).max() <= 3  # another decoder of JPEG


def test_yolo_polygons_are_the_masks(shards: Path, tmp_path: Path) -> None:
    report = export_dataset(shards, tmp_path / "yolo", "yolo", jobs=1)
    assert report.polygon_iou is not None
    ious = []
    for sample in open_dataset(shards, "train"):
        (line,) = (tmp_path / "yolo" / "labels" / "train" / f"{sample.key}.txt").read_text().splitlines()
        number, *values = line.split()
        points = np.array(values, np.float64).reshape(-1, 2) * sample.mask.shape[::-1]
        assert number == "0"
        ious.append(mask_iou(sample.mask, fill_polygon(points.astype(np.int32), sample.mask.shape)))
    assert min(ious) >= report.polygon_iou[1]
    assert report.polygon_iou[0] > 0.95
    assert not report.depth
    assert not (tmp_path / "yolo" / "depth.yaml").exists()


def test_metric_depth_becomes_millimetres_for_yolo(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ESTIMATORS, "metres", MetricEstimator)
    build(config_for(pictures, tmp_path / "shards", depth="metres", positions=1, depth_bits=16))
    assert export_dataset(tmp_path / "shards", tmp_path / "yolo", "yolo", jobs=1).depth
    sample = open_dataset(tmp_path / "shards", "val")[0]
    with Image.open(tmp_path / "yolo" / "depth" / "val" / f"{sample.key}.png") as picture:
        metres = np.asarray(picture).astype(np.float64) / 1000
    expected = 0.5 + sample.image[..., 1] / 8
    assert np.abs(metres - expected).max() < 0.01
    assert "depth_scale: 1000" in (tmp_path / "yolo" / "depth.yaml").read_text()


@pytest.mark.parametrize("values", ["class", "binary", "instance"])
def test_index_masks_of_one_object_hold_0_and_1(shards: Path, tmp_path: Path, values: Any) -> None:
    export_dataset(shards, tmp_path / "masks", "index", values=values, jobs=1)
    for sample in open_dataset(shards, "test"):
        with Image.open(tmp_path / "masks" / "masks" / "test" / f"{sample.key}.png") as picture:
            assert np.array_equal(np.asarray(picture) * 255, sample.mask)
    assert json.loads((tmp_path / "masks" / "classes.json").read_text())["values"] == values


@pytest.fixture(scope="module")
def scenes(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of scenes with up to three objects, in two classes and without one."""
    folder = tmp_path_factory.mktemp("scenes")
    shutil.copytree(pictures / "bg", folder / "bg")
    for number, path in enumerate(sorted((pictures / "fg").glob("*.png"))):
        target = folder / "fg" / ("", "chair", "plant")[number % 3] / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    build(config_for(folder, folder / "shards", objects="2:3", visible=0.2))
    return folder / "shards"


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of pycocotools
def test_every_object_of_a_scene_gets_its_visible_mask_and_its_class(scenes: Path, tmp_path: Path) -> None:
    coco, yolo, masks = (tmp_path / name for name in ("coco", "yolo", "masks"))
    assert export_dataset(scenes, coco, "coco", jobs=1).classes == ("chair", "plant", "foreground")
    assert export_dataset(scenes, yolo, "yolo", jobs=1).objects > 2 * len(open_dataset(scenes, "train"))
    for values in ("class", "binary", "instance"):
        export_dataset(scenes, masks / values, "index", values=values, jobs=1)
    found = COCO(str(coco / "annotations" / "instances_train.json"))
    names = {Path(image["file_name"]).stem: number for number, image in found.imgs.items()}
    classes = ["background", "chair", "plant", "foreground"]
    for sample in open_dataset(scenes, "train", fields=("mask", "instances", "meta")):
        annotations = found.loadAnns(found.getAnnIds(imgIds=names[sample.key]))
        seen = [each for each in sample.meta["objects"] if (sample["instances"] == each["id"]).any()]
        assert len(annotations) == len(seen)
        numbers = {}
        for path in masks.glob(f"*/masks/train/{sample.key}.png"):
            with Image.open(path) as picture:
                numbers[path.parents[2].name] = np.asarray(picture)
        np.testing.assert_array_equal(numbers["binary"] * 255, sample.mask)
        np.testing.assert_array_equal(numbers["instance"], sample["instances"])
        for annotation, each in zip(annotations, seen, strict=True):
            mask = sample["instances"] == each["id"]
            assert np.array_equal(found.annToMask(annotation) > 0, mask)
            assert found.cats[annotation["category_id"]]["name"] == (each["class"] or "foreground")
            assert set(numbers["class"][mask]) == {classes.index(each["class"] or "foreground")}
        assert len((yolo / "labels" / "train" / f"{sample.key}.txt").read_text().splitlines()) == len(seen)


def test_pixels_of_hdf5_become_png(pictures: Path, tmp_path: Path) -> None:
    build(config_for(pictures, tmp_path / "shards", format="hdf5", positions=1))
    export_dataset(tmp_path / "shards", tmp_path / "coco", "coco", jobs=1)
    sample = open_dataset(tmp_path / "shards", "val")[0]
    with Image.open(tmp_path / "coco" / "val" / f"{sample.key}.png") as image:
        assert np.array_equal(np.asarray(image), sample.image)


def test_a_stopped_export_goes_on_to_the_same_bytes(shards: Path, coco: Path, tmp_path: Path) -> None:
    out = tmp_path / "coco"

    class Stop(Exception):
        pass

    class Stopping:
        def begin(self, activity: str, total: int | None, unit: str, done: int = 0) -> None: ...
        def end(self) -> None: ...
        def message(self, text: str) -> None: ...
        def update(self, done: int, note: str = "") -> None:
            raise Stop

    for _ in range(2):
        with pytest.raises(Stop):
            export_dataset(shards, out, "coco", jobs=1, progress=Stopping())
    assert len(list((out / MARK).glob("*.jsonl"))) == 2
    assert not (out / "annotations").exists()
    first = export_dataset(shards, out, "coco", jobs=2)
    assert contents(out) == contents(coco)
    assert export_dataset(shards, out, "coco").samples == first.samples  # it is complete, and nothing is made again


def test_an_export_refuses_a_folder_of_anything_else(shards: Path, coco: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds another export .layout 'coco'; this one has 'yolo'"):
        export_dataset(shards, coco, "yolo")
    (tmp_path / "mine.txt").touch()
    with pytest.raises(StorageError, match="is not empty and holds no export .found mine.txt"):
        export_dataset(shards, tmp_path, "coco")
    with pytest.raises(ConfigError, match="overlaps"):
        export_dataset(shards, shards / "coco", "coco")
    (coco.parent / MARK).mkdir()
    (coco.parent / MARK / "about.json").write_text("[]")
    with pytest.raises(StorageError, match="is damaged"):
        export_dataset(shards, coco.parent, "coco")


def test_the_command_exports_and_says_how_to_read_it(shards: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(
        main, ["convert", str(shards), "--format", "yolo", "--out", str(tmp_path / "yolo"), "-j1"]
    )
    assert done.exit_code == 0
    assert "yolo segment train data=" in done.output
    assert "needs an estimator of metric depth" in done.output
    for options, problem in (
        (["--format", "coco", "--quality", "80"], "--quality 80: has no effect on --format coco"),
        (["--format", "tar", "--values", "binary"], "--values binary: has no effect here; it needs --format index"),
        (["--format", "coco", "--values", "binary"], "--values binary: has no effect here; it needs --format index"),
        (["--format", "voc"], "--format voc: expected one of"),
    ):
        refused = CliRunner().invoke(main, ["convert", str(shards), *options, "--out", str(tmp_path / "new")])
        assert refused.exit_code == 2
        assert problem in refused.output
    assert not (tmp_path / "new").exists()


# --- polygons ---------------------------------------------------------------------------------------------

DISCS = st.lists(st.tuples(st.integers(4, 44), st.integers(4, 60), st.integers(1, 12)), min_size=1, max_size=4)


def drawn(discs: list[tuple[int, int, int]], holes: list[tuple[int, int, int]]) -> Array:
    mask = np.zeros((48, 64), np.uint8)
    for value, circles in ((255, discs), (0, holes)):
        for y, x, radius in circles:
            cv2.circle(mask, (x, y), radius, value, -1)
    return mask


@given(DISCS, st.lists(st.tuples(st.integers(4, 44), st.integers(4, 60), st.integers(0, 4)), max_size=4))
def test_a_polygon_of_one_part_is_exact_with_all_its_holes(discs: Any, holes: Any) -> None:
    mask = drawn(discs, holes)
    count, labels = cv2.connectedComponents(mask)
    for part in range(1, count):
        alone = np.where(labels == part, np.uint8(255), np.uint8(0))
        polygon = mask_polygon(alone)
        assert polygon is not None
        assert len(polygon) >= 3
        assert np.array_equal(fill_polygon(polygon, mask.shape), alone)


@given(DISCS)
def test_a_polygon_of_several_parts_is_nearer_to_the_mask_than_its_largest_part(discs: Any) -> None:
    mask = drawn(discs, [])
    polygon = mask_polygon(mask)
    assert polygon is not None
    _, labels, areas, _ = cv2.connectedComponentsWithStats(mask)
    largest = np.where(labels == 1 + np.argmax(areas[1:, cv2.CC_STAT_AREA]), np.uint8(255), np.uint8(0))
    assert mask_iou(mask, fill_polygon(polygon, mask.shape)) >= mask_iou(mask, largest) - 1e-9


def test_an_empty_mask_has_no_polygon_and_no_object() -> None:
    mask = np.zeros((4, 4), np.uint8)
    assert mask_polygon(mask) is None
    assert labelled_objects({"mask": mask}, {"foreground": "cat"}, Classes(("foreground",), {"cat": 0})) == []
