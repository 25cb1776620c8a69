"""Training on scenes: what is learned is the union of the objects, and pictures without objects do no harm."""

import csv
from pathlib import Path

import numpy as np
import pytest
from helpers.datasets import config_for
from helpers.source_pictures import draw_pictures
from helpers.training import quick_config

from fgbg_data import open_dataset
from fgbg_data.building.build import build
from fgbg_train import evaluate, fit
from fgbg_train.data.sample_reader import SampleReader


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of 48 scenes of 48 px, a third of them without an object. Read only."""
    folder = draw_pictures(tmp_path_factory.mktemp("scenes"))
    build(config_for(folder, folder / "shards", objects="1:3", empty=0.3, decoys=1, twins=2, blend="over,box"))
    return folder / "shards"


def test_the_mask_that_is_learned_is_the_union_of_all_objects(scenes: Path) -> None:
    counts = set()
    for number, sample in enumerate(open_dataset(scenes, "train")):
        counts.add(len(sample.meta["objects"]))
        read = SampleReader(str(scenes), "train").read(number, None)
        np.testing.assert_array_equal(read.mask > 0, sample.instances > 0)
    assert counts > {0, 2}


@pytest.mark.slow
def test_training_and_scores_are_finite_although_some_masks_are_empty(scenes: Path, tmp_path: Path) -> None:
    run = fit(scenes, quick_config(schedule="1@16x6"), out=tmp_path / "run")
    with (run / "log.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert {row["split"] for row in rows} >= {"train", "val"}
    scores = [float(value) for row in rows for name, value in row.items() if "mask" in name and value]
    assert scores
    assert np.isfinite(scores).all()
    assert np.isfinite(list(evaluate(run / "last.ckpt", scenes, splits=["test"], workers=0)["test"].values())).all()
