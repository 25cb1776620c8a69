"""The log of a run: log.csv, which is cut back to the checkpoint when the run resumes, and trackers."""

import csv
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fgbg_data.exam.scores import BASELINES as EXAM_BASELINES
from fgbg_data.exam.scores import POOLED, SCORES
from fgbg_data.runtime.files import write_whole
from fgbg_train.config import LossConfig
from fgbg_train.errors import Stopped
from fgbg_train.metric_names import METRICS
from fgbg_train.run.folder import LOG, SAMPLES
from fgbg_train.run.trackers import Trackers

Value = float | int | str

EXAM = "exam"
"""Stands in the column `split` for the real pictures of an exam, all together; `exam/SET` is one of several sets. Their
scores have columns of their own, because they are computed in another way than those of the splits of a dataset."""

COLUMNS = (
    "epoch",
    "step",
    "split",
    "size_px",
    "batch",
    "lr",
    "loss",
    *(f"loss_{f.name}" for f in dataclasses.fields(LossConfig)),
    *METRICS,
    *(f"{EXAM}_{name}" for name in (*SCORES, *EXAM_BASELINES)),
    "samples_per_s",
    "waiting_frac",
    "seconds",
)
"""Columns of log.csv."""

BASELINE = "guess"
"""Stands in the column `split` for the baselines on val: `mask_iou` of a mask that is all foreground, and `rmse` of the
mean depth map of train. A log has one such row; its name is that of the first logs."""
DURING = ("train", "val", BASELINE, EXAM)
"""What the column `split` holds for rows that are written after each epoch, or once (baselines); the sets of an exam
are among them. All other splits are measured at the end of the run, and again if it resumes there."""


class Log:
    """A log that keeps nothing, for every process but the first.

    As a context it closes itself if an error, or the user, ends the run.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.close("aborted" if isinstance(error, Stopped | KeyboardInterrupt) else "failed")

    def add(self, row: Mapping[str, Value]) -> None:
        """Add one row: epoch, from 1, step, split, and any of the other columns."""

    def describe(self, settings: Mapping[str, Any]) -> None:
        """Give trackers the settings of the run: name -> value."""

    def show(self, picture: Path, step: int) -> None:
        """Give trackers the picture of an epoch."""

    def close(self, status: str = "success") -> None:
        """Close the log; `status` is `success`, `aborted` or `failed`."""


class RunLog(Log):
    """`log.csv` with one row for each epoch and split, and trackers that get the same numbers.

    Args:
        folder: the folder of the run.
        step: number of steps that the checkpoint has finished; rows that were logged after it are dropped.
        trackers: what also gets the rows.
    """

    def __init__(self, folder: Path, step: int, trackers: Trackers) -> None:
        self._path = folder / LOG
        rows = [r for r in read_rows(self._path) if int(r["step"]) <= step and r["split"].partition("/")[0] in DURING]
        with write_whole(self._path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
        self.has_baseline = any(row["split"] == BASELINE for row in rows)
        """Whether the row of the baselines is there."""
        self._trackers = trackers

    def add(self, row: Mapping[str, Value]) -> None:
        """Append one row, flush it, and give its numbers to the trackers as `SPLIT/COLUMN`."""
        with self._path.open("a", newline="", encoding="utf-8") as stream:
            csv.DictWriter(stream, COLUMNS).writerow(row)
        numbers = {f"{row['split']}/{name}": float(v) for name, v in row.items() if name not in ("step", "split")}
        self._trackers.log(numbers, int(row["step"]))

    def describe(self, settings: Mapping[str, Any]) -> None:
        """Give trackers the settings of the run: name -> value."""
        self._trackers.describe(settings)

    def show(self, picture: Path, step: int) -> None:
        """Give trackers the picture of an epoch."""
        self._trackers.show(SAMPLES, picture, step)

    def close(self, status: str = "success") -> None:
        """End the run in the trackers."""
        self._trackers.close(status)


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read the rows of a log, with epochs from 1. A last row that a killed run left half written is dropped.

    Logs of earlier versions count epochs from 0; theirs are raised by one.
    """
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    lines = text[: text.rfind("\n") + 1].splitlines()
    rows = [row for row in csv.DictReader(lines) if None not in row.values() and row["step"].isdigit()]
    if rows and rows[0]["epoch"] == "0":
        rows = [{**row, "epoch": str(int(row["epoch"]) + 1)} for row in rows]
    return rows


def exam_rows(columns: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Return the rows of an exam: what stands in the column `split` -> the columns of its scores.

    Args:
        columns: what `ExamScores.compute` returned.
    """
    several = POOLED in columns
    rows = {}
    for name, values in columns.items():
        split = EXAM if not several or name == POOLED else f"{EXAM}/{name}"
        rows[split] = {f"{EXAM}_{score}": values[score] for score in (*SCORES, *EXAM_BASELINES) if score in values}
    return rows
