"""Killed and resumed = never killed, to the bit."""

import random
from pathlib import Path

import pytest
from helpers.training import differing, fit_killed, quick, weights, workers_left

from fgbg_train.run.log import read_rows
from fgbg_train.train import fit

MEASURED = ("samples_per_s", "waiting_frac", "seconds")
STEPS = 12


def rows(run: Path) -> list[dict[str, str]]:
    """The log without what depends on the clock."""
    return [{k: v for k, v in row.items() if k not in MEASURED} for row in read_rows(run / "log.csv")]


def assert_as_never_killed(run: Path, finished: Path) -> None:
    assert differing(weights(run / "last.ckpt"), weights(finished / "last.ckpt")) == []
    assert differing(weights(run / "best.ckpt"), weights(finished / "best.ckpt")) == []
    assert rows(run) == rows(finished)
    assert sorted(p.name for p in (run / "samples").iterdir()) == ["epoch_001.png", "epoch_002.png", "epoch_003.png"]
    assert list(run.glob("*.partial")) == []


def test_killed_at_five_random_steps_of_one_run(shards: Path, finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    steps = sorted(random.Random(5).sample(range(1, STEPS), 5))
    before = 0
    for step in steps:  # a checkpoint follows every step, so each start begins at the step of the last kill
        fit_killed(shards, quick(), out, at="step", count=step - before + 1)
        before = step
    fit(shards, quick(), out=out)
    assert_as_never_killed(out, finished)


@pytest.mark.parametrize("step", [2, 7])
def test_killed_inside_an_epoch_with_workers_and_cache(step: int, shards: Path, finished: Path, tmp_path: Path) -> None:
    config = quick(save_minutes=1000.0, workers=2, cache_gb=1.0)
    fit_killed(shards, config, tmp_path / "run", at="step", count=step)
    assert (tmp_path / "run.workers").read_text().split()
    assert workers_left(tmp_path / "run", patience_s=20) == []
    fit(shards, quick(save_minutes=1000.0, workers=1), out=tmp_path / "run")
    assert_as_never_killed(tmp_path / "run", finished)


@pytest.mark.parametrize(("at", "count"), [("save", 7), ("log", 3)])
def test_killed_while_writing(at: str, count: int, shards: Path, finished: Path, tmp_path: Path) -> None:
    fit_killed(shards, quick(), tmp_path / "run", at=at, count=count)
    fit(shards, quick(), out=tmp_path / "run")
    assert_as_never_killed(tmp_path / "run", finished)


def test_cache_and_no_cache_are_the_same(shards: Path, finished: Path, tmp_path: Path) -> None:
    fit(shards, quick(cache_gb=0.0, save_minutes=1000.0), out=tmp_path / "run")
    assert_as_never_killed(tmp_path / "run", finished)
