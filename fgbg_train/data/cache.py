"""Resized samples on disk, so that the second and later epochs at a size decode nothing.

One file for each split and size holds rows of equal length, which are memory-mapped. A row is the image, the mask and
the depth of one sample, one after the other. A second file holds a checksum for each row. A row counts only if its
checksum is there and is right. The checksum is written after the row, so a run may be killed at any moment.
"""

import contextlib
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fgbg_data.runtime.files import free_bytes


class Pixels(NamedTuple):
    """One sample at some size."""

    image: npt.NDArray[np.uint8]
    """(H, W, 3) RGB."""
    mask: npt.NDArray[np.uint8]
    """(H, W): 255 x the share of the pixel that the mask covers."""
    depth: npt.NDArray[np.uint16] | None
    """(H, W): 65535 x relative inverse depth."""


def row_bytes(size: tuple[int, int], *, depth: bool) -> int:
    """Return the bytes of one sample of (height, width), with or without depth."""
    return size[0] * size[1] * (6 if depth else 4)


@dataclass
class SizeCache:
    """The cache of one split at one size. It can be pickled, and opens its files when they are first used."""

    path: Path
    """File of the rows; the file of the checksums lies beside it."""
    num_samples: int
    """Number of rows."""
    size: tuple[int, int]
    """(height, width) in pixels."""
    depth: bool
    """Whether samples have depth."""

    def __post_init__(self) -> None:
        self._rows: npt.NDArray[np.uint8] | None = None
        self._sums: npt.NDArray[np.uint32] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_rows": None, "_sums": None}

    def create(self) -> None:
        """Make the files; rows that are already there stay. The files take space only as rows are written."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        for path, size in ((self.path, self._row_bytes * self.num_samples), (self._sums_path, 4 * self.num_samples)):
            if not path.exists() or path.stat().st_size != size:
                with path.open("wb") as stream:
                    stream.truncate(size)

    def read(self, index: int) -> Pixels | None:
        """Return a copy of a row, or None if it is missing or damaged."""
        rows, sums = self._open()
        row = rows[index].copy()
        if _checksum(row) != sums[index]:
            return None
        height, width = self.size
        area = height * width
        depth = row[4 * area :].view(np.uint16).reshape(height, width) if self.depth else None
        return Pixels(row[: 3 * area].reshape(height, width, 3), row[3 * area : 4 * area].reshape(self.size), depth)

    def written_frac(self) -> float:
        """Return the share of rows that are written."""
        return float(np.count_nonzero(self._open()[1]) / self.num_samples)

    def write(self, index: int, pixels: Pixels) -> None:
        """Write a row, then its checksum. If that fails, on a full disk for example, the row stays missing.

        It is not written through the memory map, because there a full disk would kill the process (SIGBUS).
        """
        parts = [pixels.image.reshape(-1), pixels.mask.reshape(-1)]
        if pixels.depth is not None:
            parts.append(pixels.depth.reshape(-1).view(np.uint8))
        row = np.concatenate(parts)
        with contextlib.suppress(OSError), FileIO(self.path, "r+") as rows, FileIO(self._sums_path, "r+") as sums:
            if os.pwrite(rows.fileno(), row.data, index * len(row)) == len(row):
                os.pwrite(sums.fileno(), np.uint32(_checksum(row)).tobytes(), 4 * index)

    @property
    def _row_bytes(self) -> int:
        return row_bytes(self.size, depth=self.depth)

    @property
    def _sums_path(self) -> Path:
        return self.path.with_suffix(".sums")

    def _open(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint32]]:
        if self._rows is None or self._sums is None:
            shape = (self.num_samples, self._row_bytes)
            self._rows = np.memmap(self.path, np.uint8, "r", shape=shape)
            self._sums = np.memmap(self._sums_path, np.uint32, "r", shape=(self.num_samples,))
        return self._rows, self._sums


def _checksum(row: npt.NDArray[np.uint8]) -> int:
    """Return the CRC-32 of a row; never 0, which stands for a row that is not written."""
    return zlib.crc32(row.data) or 1


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What caching a split at a size would save and cost."""

    split: str
    """Name of the split."""
    size_px: int
    """Shorter side of its samples, in pixels."""
    reads: int
    """Number of times that a run reads each sample at this size."""
    bytes: int
    """Size of the cache."""


def plan_caches(demands: Sequence[Demand], *, budget_bytes: float, folder: Path) -> list[Demand]:
    """Choose what to cache: the most frequently read first, while it fits into the budget and half of the free disk.

    Args:
        demands: what a run reads.
        budget_bytes: largest size of all caches.
        folder: where the caches will be.
    """
    left = min(budget_bytes, free_bytes(folder) / 2)
    chosen = []
    for demand in sorted(demands, key=lambda d: (-d.reads, d.bytes, d.split)):
        if demand.reads > 1 and demand.bytes <= left:
            chosen.append(demand)
            left -= demand.bytes
    return chosen
