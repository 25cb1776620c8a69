"""The batches of a whole run, in order: a pure function of (seed, schedule, dataset).

Each epoch has its training batches, then the batches of val. The position in the stream is the index of a training
step, so a run resumes exactly where it stopped, with any number of workers. If several devices train, each takes its
part of every batch.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from fgbg_train.data.order import EpochOrder
from fgbg_train.schedule import Schedule


class Item(NamedTuple):
    """One sample to read: the image at one size, mask and depth at another."""

    split: str
    """Name of the split."""
    sample: int
    """Index of the sample in the split."""
    side_px: int | None
    """Shorter side of the image in pixels; None is the size of the dataset."""
    target_px: int | None
    """Shorter side of mask and depth in pixels; None is the size of the dataset."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """The part of every batch that this process takes."""

    rank: int = 0
    """Number of this process, from 0."""
    world: int = 1
    """Number of processes."""


class Segment(NamedTuple):
    """Consecutive batches of one split at one size."""

    split: str
    """Name of the split."""
    sides_px: frozenset[int | None]
    """Shorter sides of images and targets, in pixels; None is the size of the dataset."""
    batches: Iterable[list[Item]]
    """The samples of each batch."""


@dataclass(frozen=True, kw_only=True)
class Stream:
    """The segments of a whole run: in each epoch the training steps, then val.

    Images of val have the size of the training images of the epoch. Their predictions are enlarged to the largest
    training size and compared there, so that all epochs are measured in the same way.
    """

    schedule: Schedule
    """Sizes and batches of the steps."""
    seed: int
    """Seed of the run."""
    num_val: int
    """Number of samples of val; 0 without val."""
    start_step: int = 0
    """The first step that is still to be done."""
    part: Part = field(default_factory=Part)
    """The part of every batch that this process takes."""

    def __iter__(self) -> Iterator[Segment]:
        for epoch in range(self.schedule.epochs):
            steps = range(self.schedule.first_step(epoch), self.schedule.first_step(epoch + 1))
            if self.start_step >= steps.stop:
                continue
            stage, order = self.schedule.stage(epoch), EpochOrder(self.schedule.num_samples, self.seed, epoch)
            todo = steps[max(0, self.start_step - steps.start) :]
            training = (self._training_items(index, order) for index in todo)
            yield Segment("train", frozenset({stage.size_px}), training)
            if self.num_val:
                batches = [self._val_items(some, stage.size_px) for some in cut(self.num_val, stage.batch)]
                yield Segment("val", frozenset({stage.size_px, self.schedule.largest_px}), batches)

    def _training_items(self, step_index: int, order: EpochOrder) -> list[Item]:
        step = self.schedule.step(step_index)
        positions = self.schedule.indices(step)
        share = len(positions) // self.part.world
        mine = positions[self.part.rank * share : (self.part.rank + 1) * share]
        return [Item("train", index, step.size_px, step.size_px) for index in order.take(mine)]

    def _val_items(self, indices: range, side_px: int) -> list[Item]:
        mine = indices[self.part.rank :: self.part.world]
        return [Item("val", index, side_px, self.schedule.largest_px) for index in mine]


def cut(num_samples: int, batch: int) -> list[range]:
    """Cut the indices of a split into batches; the last one may be smaller.

    >>> cut(5, 2)
    [range(0, 2), range(2, 4), range(4, 5)]
    """
    return [range(i, min(i + batch, num_samples)) for i in range(0, num_samples, batch)]
