"""What a run reports while it goes on."""

import io
import re
from pathlib import Path

import pytest
from helpers.progress import Recorder
from helpers.training import quick_config

from fgbg_data.runtime.progress import LineProgress
from fgbg_train import fit


def test_each_epoch_is_an_activity_and_each_step_shows_loss_iou_and_rmse(shards: Path, tmp_path: Path) -> None:
    shown = Recorder()
    fit(shards, quick_config(schedule="1@16x6,1@24x6"), out=tmp_path / "run", progress=shown)
    assert shown.begun == [("epoch 1/2 16 px", 8, "steps", 0), ("epoch 2/2 24 px", 8, "steps", 4)]
    assert shown.ended == len(shown.begun)
    assert [done for done, _ in shown.updates] == list(range(1, 9))
    for _, note in shown.updates:
        assert note.startswith("loss ")
        assert " mask_iou " in note
        assert " rmse " in note
        assert note.endswith(" waiting for data")
    first, second, test, baselines, *worse = shown.messages
    assert all("is WORSE than its baseline" in line for line in worse)
    assert first.startswith("epoch 1/2 16 px  train loss ")
    assert "  val loss " in second
    assert test.startswith("test (12 samples)  loss ")
    assert "(everything foreground), rmse " in baselines


class WithTimeLeft(Recorder):
    """A reporter that also wants the time left."""

    def __init__(self) -> None:
        super().__init__()
        self.left: list[tuple[int, float]] = []

    def expect(self, seconds: float) -> None:
        """Keep the time left, with the number of steps that were reported before."""
        self.left.append((len(self.updates), seconds))


def test_a_reporter_that_wants_it_gets_the_time_left_of_the_whole_run(shards: Path, tmp_path: Path) -> None:
    shown = WithTimeLeft()
    fit(shards, quick_config(schedule="1@16x6,1@24x6"), out=tmp_path / "run", progress=shown)
    assert len(shown.left) >= 8
    assert all(left > 0 for _, left in shown.left)


def test_the_first_step_which_waits_for_workers_to_start_is_no_measure_of_the_time_left(
    shards: Path, tmp_path: Path
) -> None:
    shown = WithTimeLeft()
    fit(shards, quick_config(schedule="1@16x6", workers=1), out=tmp_path / "run", progress=shown)
    assert [steps for steps, _ in shown.left] == [1, 2, 3]  # with the second step and each later one


def test_the_lines_of_a_command_without_a_terminal_begin_with_the_time_of_day() -> None:
    shown = LineProgress(stream := io.StringIO(), times=True)
    shown.message("epoch 1/2")
    assert re.fullmatch(r"\d\d:\d\d:\d\d epoch 1/2\n", stream.getvalue())


@pytest.mark.parametrize(("progress", "lines"), [(False, 0), (None, 0), (True, 3)])
def test_lines_go_to_standard_error_where_they_are_asked_for(
    progress: bool | None, lines: int, shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fit(shards, quick_config(schedule="1@16x6"), out=tmp_path / "run", progress=progress)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len([line for line in captured.err.splitlines() if "WORSE" not in line]) == lines
