"""What a run writes down about itself: log.csv and TensorBoard events, cut back when it is resumed."""

import csv
import dataclasses
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from fgbg_train.config import LossConfig
from fgbg_train.measure.metrics import DEPTH_METRICS, MASK_METRICS

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

Value = float | int | str

COLUMNS = (
    "epoch",
    "step",
    "split",
    "size_px",
    "batch",
    "lr",
    "loss",
    *(f"loss_{f.name}" for f in dataclasses.fields(LossConfig)),
    *(name + suffix for name in (*MASK_METRICS, *DEPTH_METRICS) for suffix in ("", "_img")),
    "samples_per_s",
    "waiting_frac",
    "seconds",
)

DURING = ("train", "val")
"""Splits that are measured while a run goes on; the others are measured, once more if need be, at its end."""


class Log:
    """A log that keeps nothing: for every process but the first."""

    def add(self, row: Mapping[str, Value]) -> None:
        """Take one row: epoch, step, split, and any of the other columns."""

    def close(self) -> None:
        """Finish."""


class RunLog(Log):
    """`log.csv`, one row for every epoch and split, and the same numbers for TensorBoard.

    Args:
        folder: the run's.
        step: steps that the checkpoint has finished; whatever was logged after it is dropped.
    """

    def __init__(self, folder: Path, step: int) -> None:
        self._path = folder / "log.csv"
        rows = [r for r in read_rows(self._path) if int(r["step"]) <= step and r["split"] in DURING]
        partial = self._path.with_name(f"log.csv.{uuid.uuid4().hex[:12]}.partial")
        with partial.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(partial, self._path)
        self._events = _open_events(folder / "tensorboard", step)

    def add(self, row: Mapping[str, Value]) -> None:
        """Append one row and flush it."""
        with self._path.open("a", newline="", encoding="utf-8") as stream:
            csv.DictWriter(stream, COLUMNS).writerow(row)
        for name, value in row.items():
            if name not in ("epoch", "step", "split"):
                self._events.add_scalar(f"{row['split']}/{name}", value, row["step"])
        self._events.flush()

    def close(self) -> None:
        """Close the event file."""
        self._events.close()


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read the rows of a log, without a last one that a killed run left half written."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    lines = text[: text.rfind("\n") + 1].splitlines()
    return [row for row in csv.DictReader(lines) if None not in row.values() and row["step"].isdigit()]


def _open_events(folder: Path, step: int) -> "SummaryWriter":
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder), purge_step=step + 1)
