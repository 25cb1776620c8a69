"""What workers have done: counts that they report to the process that shows them."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, ClassVar, Self

from fgbg_data.runtime.progress import ProgressReporter
from fgbg_data.text import format_bytes

POLL_EVERY_S = 0.2
"""Seconds between two looks at the counts."""


class Tally:
    """Counts of workers, one slot for each shard.

    It goes to the workers as a part of their work. What they count in it reaches the tally of the process that started
    them, by `in_parallel`.
    """

    elsewhere: ClassVar[Callable[[int, int, float], None] | None] = None
    """In a worker process: reports a count to its parent."""

    def __init__(self) -> None:
        self._slots: dict[int, tuple[int, float]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return Tally, ()

    def count(self, slot: int, samples: int, estimating_s: float = 0) -> None:
        """Record how many samples of a shard are finished, and how many seconds the estimator took for them."""
        if Tally.elsewhere is not None:
            Tally.elsewhere(slot, samples, estimating_s)
        else:
            self.update({slot: (samples, estimating_s)})

    def update(self, counts: dict[int, tuple[int, float]]) -> None:
        """Take the counts of some slots: samples, and seconds of the estimator."""
        self._slots = self._slots | counts  # a new one, because another thread reads

    @property
    def total(self) -> int:
        """Samples over all slots."""
        return sum(samples for samples, _ in self._slots.values())

    @property
    def estimating_s(self) -> float:
        """Seconds that estimators took, over all slots."""
        return sum(seconds for _, seconds in self._slots.values())


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
