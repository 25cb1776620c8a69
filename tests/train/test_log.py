from pathlib import Path

import pytest

from fgbg_train.errors import DataError
from fgbg_train.run.log import Log, RunLog, read_rows
from fgbg_train.run.plot import plot_runs, sizes


def logged(folder: Path) -> RunLog:
    log = RunLog(folder, 0)
    for epoch, size in enumerate((38, 38, 48)):
        step = 10 * (epoch + 1)
        for split in ("train", "val"):
            log.add({"epoch": epoch, "step": step, "split": split, "size_px": size, "loss": 1 / step, "rmse": 0.5})
    return log


def test_rows_come_back(tmp_path: Path) -> None:
    logged(tmp_path).close()
    rows = read_rows(tmp_path / "log.csv")
    assert [(r["epoch"], r["split"], r["size_px"]) for r in rows[:3]] == [
        ("0", "train", "38"),
        ("0", "val", "38"),
        ("1", "train", "38"),
    ]
    assert list((tmp_path / "tensorboard").iterdir())


def test_a_resumed_log_is_cut_back_to_the_checkpoint(tmp_path: Path) -> None:
    log = logged(tmp_path)
    log.add({"epoch": 2, "step": 30, "split": "test"})
    log.close()
    with (tmp_path / "log.csv").open("a") as stream:
        stream.write("3,40,tr")  # killed while writing
    RunLog(tmp_path, 20).close()
    assert [int(r["step"]) for r in read_rows(tmp_path / "log.csv")] == [10, 10, 20, 20]


def test_a_finished_log_drops_only_what_is_measured_again(tmp_path: Path) -> None:
    log = logged(tmp_path)
    log.add({"epoch": 2, "step": 30, "split": "test"})
    log.close()
    RunLog(tmp_path, 30).close()
    assert [r["split"] for r in read_rows(tmp_path / "log.csv")] == ["train", "val"] * 3


def test_a_log_that_is_off_does_nothing() -> None:
    log = Log()
    log.add({"step": 1})
    log.close()


def test_curves_are_drawn_from_the_log_alone(tmp_path: Path) -> None:
    runs = [tmp_path / "a", tmp_path / "b"]
    for run in runs:
        run.mkdir()
        logged(run).close()
    plot_runs(runs[:1], tmp_path / "one.png")
    plot_runs(runs, tmp_path / "both.svg")
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in (tmp_path / "both.svg").read_bytes()
    assert sizes(read_rows(runs[0] / "log.csv")) == [(0, 38), (2, 48)]


def test_runs_without_a_log_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"no log.csv with rows in {tmp_path}/nothing"):
        plot_runs([tmp_path / "nothing"], tmp_path / "x.png")
    logged(tmp_path).close()
    with pytest.raises(DataError, match=r"x.docx: the curves cannot be written"):
        plot_runs([tmp_path], tmp_path / "x.docx")
