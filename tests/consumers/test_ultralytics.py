"""Ultralytics' own loaders read the exports for YOLO. It is AGPL, so `make test-consumers` installs it on its own."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.datasets import config_for
from helpers.fake_estimator import MetricEstimator

from fgbg_data import export_dataset, open_dataset, register_estimator
from fgbg_data.building.build import build
from fgbg_data.exporting.polygons import mask_iou

pytest.importorskip("ultralytics", reason="ultralytics is not installed; run make test-consumers")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def exported(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A dataset with metric depth, and its export."""
    folder = tmp_path_factory.mktemp("yolo")
    register_estimator("metres", MetricEstimator)
    build(config_for(pictures, folder / "shards", depth="metres", depth_bits=16, size="64"))
    export_dataset(folder / "shards", folder / "yolo", "yolo", jobs=1)
    return folder / "shards", folder / "yolo"


def test_its_segmentation_loader_finds_every_mask(exported: tuple[Path, Path]) -> None:
    from ultralytics.cfg import get_cfg
    from ultralytics.data.dataset import YOLODataset
    from ultralytics.data.utils import check_det_dataset

    shards, out = exported
    data = check_det_dataset(str(out / "data.yaml"))
    hyper = get_cfg(overrides={"mask_ratio": 1})
    found = YOLODataset(img_path=data["train"], data=data, task="segment", augment=False, imgsz=64, hyp=hyper)
    truth = {sample.key: sample for sample in open_dataset(shards, "train")}
    assert len(found) == len(truth)
    ious = []
    for item in (found[number] for number in range(len(found))):
        sample = truth[Path(item["im_file"]).stem]
        assert item["masks"].shape[1:] == sample.mask.shape
        ious.append(mask_iou(item["masks"].numpy()[0].astype(bool), sample.mask > 0))
    assert np.mean(ious) > 0.95


def test_its_depth_loader_finds_the_metres(exported: tuple[Path, Path]) -> None:
    from ultralytics.cfg import get_cfg
    from ultralytics.data.dataset import DepthDataset
    from ultralytics.data.utils import YAML

    shards, out = exported
    data: dict[str, Any] = YAML.load(str(out / "depth.yaml"))
    found = DepthDataset(
        img_path=str(out / "images" / "val"), data=data, task="depth", augment=False, imgsz=64, hyp=get_cfg()
    )
    truth = {sample.key: sample for sample in open_dataset(shards, "val", depth_as="raw")}
    assert len(found) == len(truth)
    for item in (found[number] for number in range(len(found))):
        sample = truth[Path(item["im_file"]).stem]
        metres = np.asarray(item["depth"]).squeeze()
        assert np.allclose(metres, 1 / sample.depth, atol=0.002)
