"""Baselines, against NumPy."""

from pathlib import Path

import numpy as np
import pytest
import torch

from fgbg_data import open_dataset
from fgbg_train.data.sample_reader import SampleReader
from fgbg_train.measure import baseline
from fgbg_train.measure.metrics import MetricSums


def test_baselines_are_measured_as_numpy_does(shards: Path) -> None:
    train = np.stack([s.depth for s in open_dataset(shards, "train", fields=("depth",))])
    test = [(s.mask > 0, s.depth) for s in open_dataset(shards, "test", fields=("mask", "depth"))]
    mean = train.astype(np.float64).mean(0)
    found = baseline.mean_depth(SampleReader(str(shards), "train"))
    assert found is not None
    np.testing.assert_allclose(found[0], mean, atol=1e-5)
    measured = baseline.measure(SampleReader(str(shards), "test"), found)
    rmse = np.sqrt(np.mean([(depth - mean) ** 2 for _, depth in test]))
    assert measured["baseline_rmse"] == pytest.approx(rmse, rel=1e-5)
    assert measured["baseline_mask_iou"] == pytest.approx(np.mean([mask for mask, _ in test]))


def test_baselines_are_measured_by_the_metrics_of_models(shards: Path) -> None:
    reader = SampleReader(str(shards), "test")
    mean = baseline.mean_depth(SampleReader(str(shards), "train"))
    assert mean is not None
    sums = MetricSums()
    for targets in baseline.read(reader, skip_errors=False):
        assert targets.depth is not None
        guess = mean.expand(len(targets.depth), -1, -1, -1)
        sums.update(depth=(guess, targets.depth), mask=(torch.ones_like(targets.mask), targets.mask))
    measured, expected = baseline.measure(reader, mean), sums.compute()
    assert measured == {
        "baseline_mask_iou": pytest.approx(expected["mask_iou"]),
        "baseline_rmse": pytest.approx(expected["rmse"]),
    }


def test_only_the_first_samples_are_used(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baseline, "MOST_SAMPLES", 5)
    seen = baseline.read(SampleReader(str(shards), "train"), skip_errors=False)
    assert sum(len(targets.image) for targets in seen) == 5


def test_without_depth_there_is_no_mean_depth_map(shards_without_depth: Path) -> None:
    reader = SampleReader(str(shards_without_depth), "test")
    assert baseline.mean_depth(reader) is None
    assert baseline.measure(reader, None).keys() == {"baseline_mask_iou"}
