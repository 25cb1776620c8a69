"""A run that is killed and started again ends like a run that was never killed, to the bit."""

import random
from pathlib import Path

import pytest
from helpers.training import differing_weights, fit_and_get_killed, quick_config, workers_left_over

from fgbg_train import fit
from fgbg_train.run.log import read_rows

MEASURED = ("samples_per_s", "waiting_frac", "seconds")
STEPS = 12


def rows_without_times(run: Path) -> list[dict[str, str]]:
    """The log without what depends on the clock."""
    return [{k: v for k, v in row.items() if k not in MEASURED} for row in read_rows(run / "log.csv")]


def assert_as_never_killed(run: Path, finished_run: Path) -> None:
    assert differing_weights(run / "last.ckpt", finished_run / "last.ckpt") == []
    assert differing_weights(run / "best.ckpt", finished_run / "best.ckpt") == []
    assert rows_without_times(run) == rows_without_times(finished_run)
    assert sorted(p.name for p in (run / "samples").iterdir()) == ["epoch_001.png", "epoch_002.png", "epoch_003.png"]
    assert list(run.glob("*.partial")) == []


def test_a_run_killed_at_five_random_steps_ends_as_if_never_killed(
    shards: Path, finished_run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    steps = sorted(random.Random(5).sample(range(1, STEPS), 5))
    before = 0
    for step in steps:  # each step writes a checkpoint, so each start begins at the step of the last kill
        fit_and_get_killed(shards, quick_config(), out, at="step", count=step - before + 1)
        before = step
    fit(shards, quick_config(), out=out)
    assert_as_never_killed(out, finished_run)


@pytest.mark.parametrize("step", [7, pytest.param(2, marks=pytest.mark.slow)])
def test_a_run_with_workers_and_cache_killed_inside_an_epoch_ends_as_if_never_killed_and_leaves_no_worker(
    step: int, shards: Path, finished_run: Path, tmp_path: Path
) -> None:
    config = quick_config(save_minutes=1000.0, workers=2, cache_gb=1.0)
    fit_and_get_killed(shards, config, tmp_path / "run", at="step", count=step)
    assert (tmp_path / "run.workers").read_text().split()
    assert workers_left_over(tmp_path / "run", patience_s=20) == []
    fit(shards, quick_config(save_minutes=1000.0, workers=1), out=tmp_path / "run")
    assert_as_never_killed(tmp_path / "run", finished_run)


@pytest.mark.parametrize(("at", "count"), [("save", 7), pytest.param("log", 3, marks=pytest.mark.slow)])
def test_a_run_killed_while_it_writes_ends_as_if_never_killed(
    at: str, count: int, shards: Path, finished_run: Path, tmp_path: Path
) -> None:
    fit_and_get_killed(shards, quick_config(), tmp_path / "run", at=at, count=count)
    fit(shards, quick_config(), out=tmp_path / "run")
    assert_as_never_killed(tmp_path / "run", finished_run)


def test_a_run_without_cache_gives_the_same(shards: Path, finished_run: Path, tmp_path: Path) -> None:
    fit(shards, quick_config(cache_gb=0.0, save_minutes=1000.0), out=tmp_path / "run")
    assert_as_never_killed(tmp_path / "run", finished_run)
