"""It learns: a few hundred small steps beat what needs no network."""

from pathlib import Path

import numpy as np
import pytest
from helpers.training import quick

from fgbg_data import open_dataset
from fgbg_train import evaluate, fit

OFF = {"mirror": 0.0, "crop": 0.0, "colour": 0.0, "background": 0.0, "blur": 0.0, "noise": 0.0, "cutout": 0.0}


@pytest.mark.slow
@pytest.mark.parametrize("combine", ["concat", "product"])
def test_training_samples_are_learned(combine: str, shards: Path, tmp_path: Path) -> None:
    config = quick(schedule="80@32x12", lr=3e-3, augment=OFF, save_minutes=1000.0, model={"combine": combine})
    run = fit(shards, config, out=tmp_path / "run")
    found = evaluate(run / "last.ckpt", shards, splits=["train"], options={"workers": 0, "device": "cpu"})["train"]
    depth = np.stack([sample.depth for sample in open_dataset(shards, "train", fields=("image", "depth"))])
    mean_depth = float(np.sqrt(np.mean((depth - depth.mean(0)) ** 2)))
    assert found["mask_iou"] > 0.7
    assert found["rmse"] < mean_depth / 2
