"""The order of the samples in an epoch: a pure function of (number of samples, seed, epoch)."""

import hashlib

import numpy as np
import numpy.typing as npt

BLOCK = 512
"""Samples that stay neighbours when blocks are shuffled."""
WINDOW = 16
"""Blocks whose samples are shuffled together."""


class EpochOrder:
    """Shuffles the samples of an epoch.

    Blocks of neighbours are shuffled first, then the samples within each window of blocks. So reading stays close
    together in the files, and memory does not grow with the dataset. Up to BLOCK * WINDOW samples, everything is
    shuffled with everything. The random bits come from Philox, whose stream NumPy promises to keep (NEP 19).

    Args:
        num_samples: number of samples.
        seed: seed of the run.
        epoch: number of the epoch, from 0.
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

    def take(self, positions: range) -> list[int]:
        """Return the indices of the samples at some positions of the order."""
        return [self._at(position) for position in positions]

    def _at(self, position: int) -> int:
        if not (self._window >= 0 and self._starts[self._window] <= position < self._starts[self._window + 1]):
            self._window = int(np.searchsorted(self._starts, position, side="right")) - 1
            blocks = self._blocks[self._window * WINDOW : (self._window + 1) * WINDOW]
            ranges = [np.arange(b * BLOCK, min((b + 1) * BLOCK, self._num_samples)) for b in blocks]
            samples = np.concatenate(ranges)
            self._order = samples[self._permutation(len(samples), f"window {self._window}")]
        return int(self._order[position - self._starts[self._window]])

    def _permutation(self, count: int, name: str) -> npt.NDArray[np.int64]:
        digest = hashlib.blake2b(f"{self._key}|{name}".encode(), digest_size=16).digest()
        bits = np.random.Philox(key=int.from_bytes(digest, "big")).random_raw(count)
        return np.argsort(bits, kind="stable")
