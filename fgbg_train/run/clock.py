"""How fast a run goes, and how much of the time it waits for data."""

import time
from collections.abc import Iterable

from fgbg_train.data.samples import Batch


class Timed:
    """An iterator that knows how long it was waited for."""

    def __init__(self, batches: Iterable[Batch]) -> None:
        self._batches = iter(batches)
        self.waited_s = 0.0

    def __next__(self) -> Batch:
        started = time.monotonic()
        batch = next(self._batches)
        self.waited_s += time.monotonic() - started
        return batch


class Clock:
    """Measures speed from its making on."""

    def __init__(self, batches: Timed) -> None:
        self._batches = batches
        self._started = time.monotonic()
        self._waited_before_s = batches.waited_s
        self.samples = 0

    def seconds(self) -> float:
        """Return the time since the start."""
        return time.monotonic() - self._started

    def speed(self) -> dict[str, float]:
        """Return samples a second, and the share of time that data was waited for."""
        seconds = max(self.seconds(), 1e-9)
        waited = self._batches.waited_s - self._waited_before_s
        return {"samples_per_s": self.samples / seconds, "waiting_frac": waited / seconds}
