"""Progress of a build: a bar that moves within a shard on a terminal, plain lines elsewhere."""

import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from fgbg_data.text import format_bytes, format_seconds

LINE_EVERY_S = 10.0


class Tally:
    """What workers have done, in a small memory-mapped file: one slot a shard, written by workers, read by the parent.

    No lock, no queue, no helper process: a killed worker can neither block it nor spoil it.
    """

    def __init__(self, path: Path, slots: int | None = None) -> None:
        if slots is not None:
            path.write_bytes(bytes(16 * max(1, slots)))
        self._slots = np.memmap(path, np.int64, "r+").reshape(-1, 2)  # samples, nanoseconds of the estimator

    def count(self, slot: int, samples: int, estimating_s: float = 0) -> None:
        """Say how many samples the shard of `slot` has by now, and how long its worker waited for their depth."""
        self._slots[slot] = samples, round(estimating_s * 1e9)

    @property
    def total(self) -> int:
        """Samples over all slots."""
        return int(self._slots[:, 0].sum())

    @property
    def estimating_s(self) -> float:
        """Seconds that estimators took, over all slots."""
        return float(self._slots[:, 1].sum()) / 1e9


class BuildProgress:
    """Shows how far a build is, from a thread of its own, while the context is open.

    Args:
        console: where to show it.
        total: samples of the whole dataset.
        done: samples in shards that an earlier run finished.
        tally: what workers count in.
        verb: what is done.
    """

    def __init__(self, console: Console, total: int, done: int, tally: Tally, verb: str = "build") -> None:
        self._verb = verb
        self._console = console
        self._total, self._done, self._tally = total, done, tally
        self._bytes = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._started = time.monotonic()

    def add_bytes(self, count: int) -> None:
        """Say that a shard of this size is finished."""
        self._bytes += count

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        if self._console.is_terminal:
            self._show_bar()
        else:
            self._print_lines()

    def _show_bar(self) -> None:
        columns = (
            TextColumn(self._verb),
            BarColumn(bar_width=None),  # takes what the figures leave, also on 80 columns
            MofNCompleteColumn(),
            _Rate(),
            TextColumn("{task.fields[size]}"),
            TimeElapsedColumn(),
            TextColumn("eta"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self._console, expand=True) as progress:
            task = progress.add_task(self._verb, total=self._total, completed=self._done, size="")
            while True:
                last = self._stop.wait(0.2)
                progress.update(task, completed=self._done + self._tally.total, size=format_bytes(self._bytes))
                if last:
                    return

    def _print_lines(self) -> None:
        while not self._stop.wait(LINE_EVERY_S):
            made = self._tally.total
            rate = made / (time.monotonic() - self._started)
            left = (self._total - self._done - made) / rate if rate else float("nan")
            self._console.print(
                f"{self._done + made}/{self._total} samples, {rate:.1f} samples/s, {format_bytes(self._bytes)}, "
                f"eta {format_seconds(left)}",
                highlight=False,
                soft_wrap=True,
            )


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        """Show samples a second of this run."""
        return Text(f"{task.speed or 0:.1f} samples/s")
