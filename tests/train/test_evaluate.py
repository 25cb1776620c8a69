"""`evaluate`: a checkpoint measured on the splits of a dataset."""

import json
from pathlib import Path

import pytest

from fgbg_train import evaluate
from fgbg_train.errors import ConfigError


def test_it_gives_what_the_run_found(shards: Path, finished_run: Path) -> None:
    summary = json.loads((finished_run / "summary.json").read_text())
    found = evaluate(finished_run / "best.ckpt", shards, splits=["test"], workers=0, device="cpu")
    assert found["test"]["samples"] == 12
    for name, value in summary["test"]["test"].items():
        assert found["test"][name] == pytest.approx(value, rel=1e-6)


def test_without_splits_it_measures_all_but_train(shards: Path, finished_run: Path) -> None:
    found = evaluate(finished_run / "best.ckpt", shards, workers=0, device="cpu", limit=3)
    assert list(found) == ["val", "test"]
    assert {row["samples"] for row in found.values()} == {3}


def test_the_networks_see_images_of_the_size_asked_for(shards: Path, finished_run: Path) -> None:
    at_24, at_48 = (
        evaluate(finished_run / "best.ckpt", shards, splits=["val"], size_px=size, workers=0, device="cpu")["val"]
        for size in (24, 48)
    )
    assert at_24["rmse"] != at_48["rmse"]
    assert at_24["baseline_rmse"] == at_48["baseline_rmse"]


def test_a_missing_split_is_named_with_the_nearest(shards: Path, finished_run: Path) -> None:
    with pytest.raises(ConfigError, match="has no split 'tset', only train, val, test; did you mean 'test'?"):
        evaluate(finished_run / "best.ckpt", shards, splits=["tset"])
