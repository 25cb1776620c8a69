"""What a run reports while it goes on."""

from pathlib import Path

import pytest
from helpers.progress import Recorder
from helpers.training import quick_config

from fgbg_train import fit


def test_each_epoch_is_an_activity_and_each_step_shows_loss_iou_and_rmse(shards: Path, tmp_path: Path) -> None:
    shown = Recorder()
    fit(shards, quick_config(schedule="1@16x6,1@24x6"), out=tmp_path / "run", progress=shown)
    assert shown.begun == [("epoch 1/2 16 px", 4, "steps", 0), ("epoch 2/2 24 px", 4, "steps", 0)]
    assert shown.ended == len(shown.begun)
    assert [done for done, _ in shown.updates] == [1, 2, 3, 4] * 2
    for _, note in shown.updates:
        assert note.startswith("loss ")
        assert " mask_iou " in note
        assert " rmse " in note
        assert note.endswith(" waiting")
    first, second, test, guesses = shown.messages
    assert first.startswith("epoch 1/2 16 px  train loss ")
    assert "  val loss " in second
    assert test.startswith("test (12 samples)  loss ")
    assert "by all foreground, rmse " in guesses


@pytest.mark.parametrize(("progress", "lines"), [(False, 0), (None, 0), (True, 3)])
def test_lines_go_to_standard_error_where_they_are_asked_for(
    progress: bool | None, lines: int, shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fit(shards, quick_config(schedule="1@16x6"), out=tmp_path / "run", progress=progress)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == lines
