"""The time that is left of a whole run, from the measured time of its steps; image sizes grow, so steps are weighed."""

from collections.abc import Mapping, Sequence

from fgbg_train.schedule import Schedule, Step

VAL_SHARE = 0.5
"""Seconds of a val sample for each second of a training sample, until val was measured."""


class Pace:
    """Seconds for each sample, measured at some image sizes and estimated for the others.

    Between two measured sizes, and beyond them, time is linear in the number of pixels: a + b x pixels, by the two
    measured sizes that are nearest. From a single size, time grows with the pixels.

    >>> pace = Pace()
    >>> pace.add(100, samples=10, seconds=2.0)
    >>> pace.seconds(100), pace.seconds(200)
    (0.2, 0.8)
    """

    def __init__(self) -> None:
        self._sums: dict[int, tuple[float, float]] = {}

    def add(self, size_px: int, *, samples: float, seconds: float) -> None:
        """Count `samples` images of a size, which took `seconds` together."""
        old_samples, old_seconds = self._sums.get(size_px, (0.0, 0.0))
        self._sums[size_px] = old_samples + samples, old_seconds + seconds

    def seconds(self, size_px: int) -> float | None:
        """Return the seconds of one sample of a size; None if nothing has been measured."""
        known = {size: seconds / samples for size, (samples, seconds) in self._sums.items() if samples}
        if size_px in known:
            return known[size_px]
        near = sorted(known, key=lambda size: abs(size**2 - size_px**2))[:2]
        if not near:
            return None
        if len(near) == 1:
            return known[near[0]] * (size_px / near[0]) ** 2
        small, large = sorted(near)
        slope = (known[large] - known[small]) / (large**2 - small**2)
        if slope <= 0:  # two sizes that were too small, or too briefly measured, to tell
            return known[large] * max(1.0, (size_px / large) ** 2)
        return max(known[small] + slope * (size_px**2 - small**2), 0.1 * min(known.values()))


class TimeLeft:
    """Estimates the time that is left of a run: its steps, val after each epoch, and the tests at the end.

    Args:
        schedule: sizes and batches of the steps.
        num_val: number of samples of val, and of pictures of an exam, which are measured after each epoch.
        num_tests: number of test splits; each is taken to be as large as val.
        rows: the log of the run so far, so that a run that is resumed knows its pace at once.
    """

    def __init__(
        self, schedule: Schedule, *, num_val: int, num_tests: int, rows: Sequence[Mapping[str, str]] = ()
    ) -> None:
        self._schedule, self._num_val, self._num_tests = schedule, num_val, num_tests
        self._steps, self._ends = Pace(), Pace()
        self._first: dict[int, tuple[int, float]] = {}
        ends: dict[tuple[str, int], float] = {}
        for row in rows:
            if row["split"] == "train" and row["seconds"]:
                samples = float(row["samples_per_s"]) * float(row["seconds"])
                self._steps.add(int(row["size_px"]), samples=samples, seconds=float(row["seconds"]))
            elif row["split"] in ("val", "exam") and row["seconds"]:
                end = row.get("epoch", ""), int(row["size_px"])
                ends[end] = ends.get(end, 0.0) + float(row["seconds"])
        for (_, size_px), seconds in ends.items():
            self.add_end(size_px, seconds)

    def add_step(self, step: Step, seconds: float) -> None:
        """Count a step that took `seconds`. The first one of a size is slow, and counts only as long as it is alone."""
        if step.size_px not in self._first:
            self._first[step.size_px] = step.batch, seconds
        else:
            self._steps.add(step.size_px, samples=step.batch, seconds=seconds)

    def add_end(self, size_px: int, seconds: float) -> None:
        """Count what follows the steps of an epoch: val, the exam, pictures and checkpoints."""
        self._ends.add(size_px, samples=max(1, self._num_val), seconds=seconds)

    def after(self, done: int) -> float | None:
        """Return the seconds that are left after `done` steps of the whole run; None if nothing was measured."""
        schedule, total = self._schedule, 0.0
        for epoch in range(schedule.epochs):
            first, end = schedule.first_step(epoch), schedule.first_step(epoch + 1)
            if done >= end:
                continue
            step = schedule.step(first)
            seconds = self._of_sample(step.size_px)
            if seconds is None:
                return None
            total += (end - max(first, done)) * step.batch * seconds + self._of_end(step.size_px, seconds)
        last_px = schedule.stage(schedule.epochs - 1).size_px
        seconds = self._of_sample(last_px)
        return None if seconds is None else total + self._num_tests * self._of_end(last_px, seconds)

    def _of_sample(self, size_px: int) -> float | None:
        measured = self._steps.seconds(size_px)
        if measured is not None:
            return measured
        first = Pace()
        for size, (samples, seconds) in self._first.items():
            first.add(size, samples=samples, seconds=seconds)
        return first.seconds(size_px)

    def _of_end(self, size_px: int, of_sample: float) -> float:
        measured = self._ends.seconds(size_px)
        return self._num_val * VAL_SHARE * of_sample if measured is None else max(1, self._num_val) * measured
