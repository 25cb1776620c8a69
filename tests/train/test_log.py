"""The log of a run, and the curves that are drawn from it alone."""

from pathlib import Path

import pytest

from fgbg_train import plot
from fgbg_train.errors import DataError
from fgbg_train.run.log import Log, RunLog, read_rows
from fgbg_train.run.plot import sizes
from fgbg_train.run.trackers import Trackers, open_trackers


def open_log(folder: Path, step: int) -> RunLog:
    return RunLog(folder, step, Trackers(open_trackers(["tensorboard"], folder, step)))


def write_log(folder: Path) -> RunLog:
    log = open_log(folder, 0)
    for epoch, size in enumerate((38, 38, 48), start=1):
        step = 10 * epoch
        for split in ("train", "val"):
            log.add({"epoch": epoch, "step": step, "split": split, "size_px": size, "loss": 1 / step, "rmse": 0.5})
    return log


def test_rows_can_be_read_back_and_tensorboard_gets_events(tmp_path: Path) -> None:
    write_log(tmp_path).close()
    rows = read_rows(tmp_path / "log.csv")
    assert [(r["epoch"], r["split"], r["size_px"]) for r in rows[:3]] == [
        ("1", "train", "38"),
        ("1", "val", "38"),
        ("2", "train", "38"),
    ]
    assert list((tmp_path / "tensorboard").iterdir())


def test_the_log_of_a_resumed_run_is_cut_back_to_the_checkpoint(tmp_path: Path) -> None:
    log = write_log(tmp_path)
    log.add({"epoch": 2, "step": 30, "split": "test"})
    log.close()
    with (tmp_path / "log.csv").open("a") as stream:
        stream.write("3,40,tr")  # killed while writing
    open_log(tmp_path, 20).close()
    assert [int(r["step"]) for r in read_rows(tmp_path / "log.csv")] == [10, 10, 20, 20]


def test_the_log_of_a_finished_run_drops_only_what_is_measured_again(tmp_path: Path) -> None:
    log = write_log(tmp_path)
    log.add({"epoch": 2, "step": 30, "split": "test"})
    log.close()
    open_log(tmp_path, 30).close()
    assert [r["split"] for r in read_rows(tmp_path / "log.csv")] == ["train", "val"] * 3


def test_a_log_of_an_earlier_version_which_counts_epochs_from_0_is_read_from_1(tmp_path: Path) -> None:
    write_log(tmp_path).close()
    path = tmp_path / "log.csv"
    header, *lines = path.read_text().splitlines()
    old = [f"{int(line[0]) - 1}{line[1:]}" for line in lines]
    path.write_text("\n".join([header, *old]) + "\n")
    assert [row["epoch"] for row in read_rows(path)] == ["1", "1", "2", "2", "3", "3"]
    open_log(tmp_path, 20).close()  # a run that resumes writes it anew
    assert [line[0] for line in path.read_text().splitlines()[1:]] == ["1", "1", "2", "2"]


def test_the_baseline_is_a_dashed_line_in_the_curves(tmp_path: Path) -> None:
    log = write_log(tmp_path)
    before = plot(tmp_path, tmp_path / "before.svg").read_bytes()
    log.add({"epoch": 1, "step": 10, "split": "guess", "rmse": 0.25})
    log.close()
    after = plot(tmp_path, tmp_path / "after.svg").read_bytes()
    assert after.count(b"stroke-dasharray: 4.44,1.92") > before.count(b"stroke-dasharray: 4.44,1.92")


def test_the_log_of_other_processes_writes_nothing() -> None:
    log = Log()
    log.add({"step": 1})
    log.close()


def test_curves_of_one_run_and_of_several_are_drawn_from_the_log_alone(tmp_path: Path) -> None:
    runs = [tmp_path / "a", tmp_path / "b"]
    for run in runs:
        run.mkdir()
        write_log(run).close()
    assert plot(runs[0], tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in plot(runs, tmp_path / "both.svg").read_bytes()
    assert sizes(read_rows(runs[0] / "log.csv")) == [(1, 38), (3, 48)]


def test_a_missing_log_and_an_unknown_format_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"no log.csv with rows in {tmp_path}/nothing"):
        plot([tmp_path / "nothing"], tmp_path / "x.png")
    write_log(tmp_path).close()
    with pytest.raises(DataError, match=r"x.docx: the curves cannot be written"):
        plot(tmp_path, tmp_path / "x.docx")
    assert not list(tmp_path.glob("x.docx*"))
