"""Measures how fast a run is, and how long it waits for data."""

import time
from collections.abc import Iterable

from fgbg_train.data.batches import Batch


class TimedBatches:
    """An iterator that measures how long its caller waits for batches.

    Args:
        batches: what it yields.
    """

    def __init__(self, batches: Iterable[Batch]) -> None:
        self._batches = iter(batches)
        self.waited_s = 0.0
        """Seconds that the caller has waited."""

    def __next__(self) -> Batch:
        started = time.monotonic()
        batch = next(self._batches)
        self.waited_s += time.monotonic() - started
        return batch


class Clock:
    """Measures speed from the moment that it is made.

    Args:
        batches: where the data comes from.
    """

    def __init__(self, batches: TimedBatches) -> None:
        self._batches = batches
        self._started = time.monotonic()
        self._waited_before_s = batches.waited_s
        self.samples = 0
        """Number of samples since the start; the caller counts them."""

    def seconds(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self._started

    def speed(self) -> dict[str, float]:
        """Return samples per second, and the share of the time that was spent waiting for data."""
        seconds = max(self.seconds(), 1e-9)
        waited = self._batches.waited_s - self._waited_before_s
        return {"samples_per_s": self.samples / seconds, "waiting_frac": waited / seconds}
