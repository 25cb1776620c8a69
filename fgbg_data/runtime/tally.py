"""What workers have done: counts in a small memory-mapped file that the parent process reads."""

import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from fgbg_data.runtime.progress import ProgressReporter
from fgbg_data.text import format_bytes

POLL_EVERY_S = 0.2
"""Seconds between two looks at the file."""


class Tally:
    """Counts of workers, one slot for each shard.

    Workers write and the parent reads. There is no lock, no queue and no helper process, so a worker that is killed can
    neither block the others nor spoil their counts.

    Args:
        path: the file.
        slots: make the file anew, with this many slots; None opens one that exists.
    """

    def __init__(self, path: Path, slots: int | None = None) -> None:
        if slots is not None:
            path.write_bytes(bytes(16 * max(1, slots)))
        self._slots = np.memmap(path, np.int64, "r+").reshape(-1, 2)  # samples, nanoseconds of the estimator

    def count(self, slot: int, samples: int, estimating_s: float = 0) -> None:
        """Record how many samples of a shard are finished, and how many seconds the estimator took for them."""
        self._slots[slot] = samples, round(estimating_s * 1e9)

    @property
    def total(self) -> int:
        """Samples over all slots."""
        return int(self._slots[:, 0].sum())

    @property
    def estimating_s(self) -> float:
        """Seconds that estimators took, over all slots."""
        return float(self._slots[:, 1].sum()) / 1e9


class TallyWatch:
    """Reports what a tally counts, from a thread of its own, while the context is open.

    Args:
        shown: what shows the progress; the caller has begun an activity of samples on it.
        tally: the counts.
        done: samples that an earlier run finished.
    """

    def __init__(self, shown: ProgressReporter, tally: Tally, done: int) -> None:
        self._shown, self._tally, self._done = shown, tally, done
        self._bytes = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def add_bytes(self, count: int) -> None:
        """Count the bytes of a finished shard."""
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
        last = False
        while not last:
            last = self._stop.wait(POLL_EVERY_S)
            self._shown.update(self._done + self._tally.total, format_bytes(self._bytes) if self._bytes else "")
