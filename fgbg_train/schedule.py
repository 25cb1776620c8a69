"""The schedule: the image size, batch size and learning rate of each step. Everything here is pure.

A schedule is written `EPOCHS@SIZExBATCH,...`, for example `2@38x512,6@64x128`: two epochs on
38 px images in batches of 512, then six on 64 px images in batches of 128.
"""

import bisect
import math
import re
from dataclasses import dataclass

from fgbg_data.errors import option
from fgbg_train.errors import ScheduleError

MIN_SIZE_PX, MAX_SIZE_PX = 8, 4096
AUTO = "auto"
"""Stands for the schedule that `automatic` makes for the dataset."""
FEW_SAMPLES = 10_000
"""With fewer training samples than this, `automatic` chooses small batches and large images."""

_STAGE = (
    ("a number of epochs", re.compile(r"\d+")),
    ("'@'", re.compile(r"@")),
    ("an image size in px", re.compile(r"\d+")),
    ("'x'", re.compile(r"x")),
    ("a batch size", re.compile(r"\d+")),
)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Consecutive epochs with one image size and one batch size."""

    epochs: int
    """Number of epochs."""
    size_px: int
    """Shorter side of the images, in pixels."""
    batch: int
    """Images in a batch of all devices together."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of training."""

    index: int
    """Its number in the whole run, from 0."""
    epoch: int
    """The epoch that it belongs to, from 0."""
    step_in_epoch: int
    """Its number in that epoch, from 0."""
    size_px: int
    """Shorter side of the images, in pixels."""
    batch: int
    """Images in its batch, of all devices together."""


def parse(text: str) -> tuple[Stage, ...]:
    """Read a schedule.

    >>> parse("2@38x512")
    (Stage(epochs=2, size_px=38, batch=512),)

    Raises:
        ScheduleError: the text has a mistake; the message points at it.
    """
    compact = "".join(text.split())
    at = 0

    def fail(expected: str, start: int, end: int) -> ScheduleError:
        found = repr(compact[start:end]) if start < len(compact) else "the end"
        pointed = f"{compact[:start]}>>>{compact[start:end]}<<<{compact[end:]}"
        return ScheduleError(
            f"{option('schedule')} {pointed} at character {start + 1}: expected {expected}, found {found}"
        )

    stages = []
    while True:
        starts, numbers = [], []
        for expected, pattern in _STAGE:
            match = pattern.match(compact, at)
            if match is None:
                raise fail(expected, at, at + 1)
            starts.append(at)
            at = match.end()
            if match.group().isdigit():
                numbers.append(int(match.group()))
        epochs, size_px, batch = numbers
        if epochs < 1:
            raise fail("at least 1 epoch", starts[0], starts[1])
        if not MIN_SIZE_PX <= size_px <= MAX_SIZE_PX:
            raise fail(f"an image size of {MIN_SIZE_PX} to {MAX_SIZE_PX} px", starts[2], starts[3])
        if batch < 1:
            raise fail("a batch of at least 1", starts[4], at)
        stages.append(Stage(epochs=epochs, size_px=size_px, batch=batch))
        if at == len(compact):
            return tuple(stages)
        if compact[at] != ",":
            raise fail("',' or the end", at, at + 1)
        at += 1


def render(stages: tuple[Stage, ...]) -> str:
    """Write a schedule as `parse` reads it.

    >>> render(parse("2@38x512, 6@64x128"))
    '2@38x512,6@64x128'
    """
    return ",".join(f"{s.epochs}@{s.size_px}x{s.batch}" for s in stages)


def automatic(num_samples: int, full_px: int, parts: int = 1) -> str:
    """Return the schedule for a number of training samples.

    Few samples get small batches, so that there are enough steps to learn from, and sizes that grow to 224 px, or to
    the size of the dataset if that is smaller. Many samples get small images and large batches, so that more of them
    are seen in the same time.

    Args:
        num_samples: number of training samples.
        full_px: shorter side of the images of the dataset, in pixels.
        parts: number of equal parts into which every batch must be cut.

    >>> automatic(1600, 128), automatic(339_456, 224)
    ('1@64x8,3@96x8,7@128x8', '2@38x64,2@48x64,6@64x64')
    """
    few = num_samples < FEW_SAMPLES
    epochs = {64: 1, 96: 3, 128: 4, 224: 3} if few else {38: 2, 48: 2, 64: 6}
    batch = math.ceil((8 if few else 64) / parts) * parts
    of_size: dict[int, int] = {}
    for size_px, count in epochs.items():
        fitting = min(size_px, full_px)
        of_size[fitting] = of_size.get(fitting, 0) + count
    return render(tuple(Stage(epochs=count, size_px=size, batch=batch) for size, count in of_size.items()))


def scale_epochs(stages: tuple[Stage, ...], epochs: int) -> tuple[Stage, ...]:
    """Give the stages `epochs` epochs in all, in proportion to the epochs that they have.

    Shares are rounded down, and the largest remainders get the epochs that are left over. Between equal remainders the
    later stage wins, because the last size matters most. A stage that gets no epoch is dropped.

    >>> render(scale_epochs(parse("2@38x512,2@48x256,4@64x128"), 4))
    '1@38x512,1@48x256,2@64x128'
    """
    if epochs < 1:
        raise ScheduleError(f"{option('epochs', epochs)}: expected at least 1")
    total = sum(s.epochs for s in stages)
    shares = [s.epochs * epochs // total for s in stages]
    remainders = [s.epochs * epochs % total for s in stages]
    by_remainder = sorted(range(len(stages)), key=lambda i: (-remainders[i], -i))
    for i in by_remainder[: epochs - sum(shares)]:
        shares[i] += 1
    return tuple(
        Stage(epochs=share, size_px=s.size_px, batch=s.batch) for s, share in zip(stages, shares, strict=True) if share
    )


class Schedule:
    """The function *step index -> Step*, for stages and a number of samples.

    An epoch has one step for each full batch; the samples that are left over differ from epoch to epoch. If there are
    fewer samples than a batch needs, they make one smaller batch.

    Args:
        stages: the stages, as `parse` returns them.
        num_samples: number of training samples.
        parts: number of equal parts into which every batch is cut, by devices and accumulation.

    Raises:
        ScheduleError: there are fewer samples than parts.
    """

    def __init__(self, stages: tuple[Stage, ...], num_samples: int, parts: int = 1) -> None:
        if num_samples < parts:
            raise ScheduleError(f"{num_samples} training samples cannot be cut into {parts} parts of a batch")
        self.stages = stages
        self.num_samples = num_samples
        self._largest_batch = num_samples - num_samples % parts
        self._stage_of_epoch = [stage for stage in stages for _ in range(stage.epochs)]
        self._first_step = [0]
        for stage in self._stage_of_epoch:
            self._first_step.append(self._first_step[-1] + max(1, num_samples // stage.batch))

    @property
    def epochs(self) -> int:
        """Number of epochs of all stages."""
        return len(self._stage_of_epoch)

    @property
    def total_steps(self) -> int:
        """Number of steps of all epochs."""
        return self._first_step[-1]

    @property
    def largest_px(self) -> int:
        """The largest image size, in pixels."""
        return max(stage.size_px for stage in self.stages)

    def first_step(self, epoch: int) -> int:
        """Return the index of the first step of an epoch; for the epoch after the last one, the number of all steps."""
        return self._first_step[epoch]

    def stage(self, epoch: int) -> Stage:
        """Return the stage to which an epoch belongs."""
        return self._stage_of_epoch[epoch]

    def step(self, index: int) -> Step:
        """Return the step with an index, 0 <= index < total_steps."""
        epoch = bisect.bisect_right(self._first_step, index) - 1
        stage = self._stage_of_epoch[epoch]
        return Step(
            index=index,
            epoch=epoch,
            step_in_epoch=index - self._first_step[epoch],
            size_px=stage.size_px,
            batch=min(stage.batch, self._largest_batch),
        )

    def indices(self, step: Step) -> range:
        """Return the positions in the order of its epoch from which a step takes its samples."""
        return range(step.step_in_epoch * step.batch, (step.step_in_epoch + 1) * step.batch)


def learning_rate(step: int, *, total: int, peak: float, warmup_frac: float, final_frac: float = 0.01) -> float:
    """Return the learning rate of a step: a linear rise to `peak`, then a cosine down to a fraction of it.

    Source: Loshchilov & Hutter 2017, "SGDR: Stochastic Gradient Descent with Warm Restarts", eq. 5,
    without restarts.

    Args:
        step: 0 <= step < total.
        total: number of steps of the whole run.
        peak: the highest rate.
        warmup_frac: share of the run during which the rate rises.
        final_frac: the last rate, as a share of `peak`.

    >>> learning_rate(10, total=100, peak=1.0, warmup_frac=0.1)
    1.0
    """
    warmup = round(total * warmup_frac)
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    progress = (step - warmup) / max(1, total - warmup)
    return peak * (final_frac + (1 - final_frac) * 0.5 * (1 + math.cos(math.pi * progress)))
