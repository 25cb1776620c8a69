"""Networks learn: a few hundred small steps beat the baselines."""

from pathlib import Path

import numpy as np
import pytest
from helpers.training import AUGMENTATION_OFF, quick_config

from fgbg_data import open_dataset
from fgbg_train import evaluate, fit


@pytest.mark.slow
@pytest.mark.parametrize("combine", ["concat", "product"])
def test_training_samples_are_learned_well_beyond_the_baselines(combine: str, shards: Path, tmp_path: Path) -> None:
    settings = {"augment": AUGMENTATION_OFF, "model": {"combine": combine}}
    config = quick_config(schedule="80@32x12", lr=3e-3, save_minutes=1000.0, **settings)
    run = fit(shards, config, out=tmp_path / "run")
    found = evaluate(run / "last.ckpt", shards, splits=["train"], workers=0, device="cpu")["train"]
    depth = np.stack([sample.depth for sample in open_dataset(shards, "train", fields=("image", "depth"))])
    mean_depth = float(np.sqrt(np.mean((depth - depth.mean(0)) ** 2)))
    assert found["mask_iou"] > 0.7
    assert found["rmse"] < mean_depth / 2
