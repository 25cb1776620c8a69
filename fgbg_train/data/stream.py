"""The order in which a run reads its samples: one stream of batches, a pure function of (seed, schedule, dataset).

For every epoch come its training batches, then the val batches. Its position is the index of a training step, so a run
goes on exactly where it stopped, with any number of workers; where several devices train, each takes its part of every
batch.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fgbg_train.schedule import Schedule

BLOCK, WINDOW = 512, 16
"""Samples that stay neighbours when blocks are shuffled; blocks whose samples are shuffled together."""


class Item(NamedTuple):
    """One sample to read: image at one size, mask and depth at another; both in px of the shorter side."""

    split: str
    sample: int
    size_px: int
    target_px: int


class EpochOrder:
    """The order of samples in an epoch: a pure function of (number of samples, seed, epoch).

    Blocks of neighbours are shuffled, then samples within a window of blocks, so that reading stays
    near in the files and memory does not grow with the dataset. Up to BLOCK * WINDOW samples that is
    a shuffle of everything. Bits come from Philox, whose stream NumPy promises to keep (NEP 19).
    """

    def __init__(self, num_samples: int, seed: int, epoch: int) -> None:
        self._num_samples = num_samples
        self._key = f"{seed}|{epoch}"
        self._blocks = self._permutation(-(-num_samples // BLOCK), "blocks")
        lengths = np.minimum(BLOCK, num_samples - self._blocks * BLOCK)
        window_lengths = np.add.reduceat(lengths, np.arange(0, len(lengths), WINDOW))
        self._starts = np.concatenate([[0], np.cumsum(window_lengths)])
        self._window = -1
        self._order = np.empty(0, np.int64)

    def take(self, places: range) -> list[int]:
        """Return the sample indices at some places of the order."""
        return [self._at(place) for place in places]

    def _at(self, place: int) -> int:
        if not (self._window >= 0 and self._starts[self._window] <= place < self._starts[self._window + 1]):
            self._window = int(np.searchsorted(self._starts, place, side="right")) - 1
            blocks = self._blocks[self._window * WINDOW : (self._window + 1) * WINDOW]
            ranges = [np.arange(b * BLOCK, min((b + 1) * BLOCK, self._num_samples)) for b in blocks]
            samples = np.concatenate(ranges)
            self._order = samples[self._permutation(len(samples), f"window {self._window}")]
        return int(self._order[place - self._starts[self._window]])

    def _permutation(self, count: int, name: str) -> npt.NDArray[np.int64]:
        digest = hashlib.blake2b(f"{self._key}|{name}".encode(), digest_size=16).digest()
        bits = np.random.Philox(key=int.from_bytes(digest, "big")).random_raw(count)
        return np.argsort(bits, kind="stable")


@dataclass(frozen=True, kw_only=True)
class Part:
    """Which part of every batch this process takes."""

    rank: int = 0
    world: int = 1


class Segment(NamedTuple):
    """Consecutive batches of one split at one size."""

    split: str
    sizes: frozenset[int]
    """Of images and targets, in px."""
    batches: Iterable[list[Item]]


@dataclass(frozen=True, kw_only=True)
class Stream:
    """The batches of a whole run: per epoch the training steps, then val.

    Val images have the size of the epoch's training images; their predictions are enlarged to the
    largest training size and compared there, so that all epochs are measured alike.
    """

    schedule: Schedule
    seed: int
    num_val: int
    """0: no val."""
    start_step: int = 0
    part: Part = field(default_factory=Part)

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
                places = val_batches(self.num_val, stage.batch)
                batches = [self._val_items(some, stage.size_px) for some in places]
                yield Segment("val", frozenset({stage.size_px, self.schedule.largest_px}), batches)

    def _training_items(self, index: int, order: EpochOrder) -> list[Item]:
        step = self.schedule.step(index)
        places = self.schedule.indices(step)
        share = len(places) // self.part.world
        mine = places[self.part.rank * share : (self.part.rank + 1) * share]
        return [Item("train", i, step.size_px, step.size_px) for i in order.take(mine)]

    def _val_items(self, places: range, size_px: int) -> list[Item]:
        mine = places[self.part.rank :: self.part.world]
        return [Item("val", i, size_px, self.schedule.largest_px) for i in mine]


def val_batches(num_samples: int, batch: int) -> list[range]:
    """Cut the indices of a split into batches, the last one smaller; none for no samples."""
    return [range(i, min(i + batch, num_samples)) for i in range(0, num_samples, batch)]
