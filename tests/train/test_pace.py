"""The time left of a run: steps are weighed by what steps of their size take."""

from pathlib import Path

import pytest
from helpers.training import quick_config
from hypothesis import given
from hypothesis import strategies as st

from fgbg_train import estimate_seconds, plan_fit
from fgbg_train.run.pace import VAL_SHARE, Pace, TimeLeft
from fgbg_train.schedule import Schedule, parse


def test_between_and_beyond_two_measured_sizes_time_is_linear_in_the_pixels() -> None:
    pace = Pace()
    for size in (32, 64):
        pace.add(size, samples=10, seconds=10 * (0.5 + size**2 / 1000))
    for size in (48, 128):
        assert pace.seconds(size) == pytest.approx(0.5 + size**2 / 1000)


@given(st.dictionaries(st.integers(8, 512), st.floats(1e-6, 1e3), min_size=1), st.integers(8, 512))
def test_the_time_of_a_sample_is_always_positive(measured: dict[int, float], size: int) -> None:
    pace = Pace()
    for known, seconds in measured.items():
        pace.add(known, samples=1, seconds=seconds)
    assert (pace.seconds(size) or 0) > 0


def test_larger_sizes_that_are_still_to_come_are_weighed_from_the_start() -> None:
    schedule = Schedule(parse("1@32x4,1@64x4"), 8)
    left = TimeLeft(schedule, num_val=0, num_tests=0)
    assert left.after(0) is None
    left.add_step(schedule.step(0), 9.0)  # with the start of workers
    left.add_step(schedule.step(1), 1.0)
    assert left.after(2) == pytest.approx(2 * 4.0)  # two steps of four times as many pixels


def test_val_after_each_epoch_and_the_tests_at_the_end_are_counted() -> None:
    schedule = Schedule(parse("2@32x4"), 8)
    left = TimeLeft(schedule, num_val=10, num_tests=2)
    left.add_step(schedule.step(0), 4.0)
    assert left.after(4) == pytest.approx(2 * 10 * VAL_SHARE * 1.0)
    left.add_end(32, 30.0)
    assert left.after(2) == pytest.approx(2 * 4.0 + 30.0 + 2 * 30.0)


def test_a_run_that_is_resumed_knows_its_pace_from_the_log() -> None:
    row = {"size_px": "32", "samples_per_s": "2", "seconds": "10"}
    rows = [{**row, "split": "train"}, {**row, "split": "val"}, {**row, "split": "test", "seconds": ""}]
    left = TimeLeft(Schedule(parse("2@32x4"), 8), num_val=5, num_tests=0, rows=rows)
    assert left.after(2) == pytest.approx(2 * 4 * 0.5 + 10)


def test_a_rehearsal_takes_steps_of_each_size_and_writes_nothing(shards: Path, tmp_path: Path) -> None:
    plan = plan_fit(shards, quick_config(accumulate=2), out=tmp_path / "run")
    assert 0 < estimate_seconds(plan) < 600
    assert list(tmp_path.iterdir()) == []
