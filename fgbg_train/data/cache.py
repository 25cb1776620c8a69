"""Resized samples on disk, so that second and later epochs at a size decode nothing.

One file per split and size holds rows of equal length, memory-mapped: image, mask and depth after one
another. A second file holds a checksum for every row. A row counts only when its checksum is there and
right, and the checksum is written after the row, so that a run may be killed at any moment.
"""

import contextlib
import os
import shutil
import zlib
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt


class Pixels(NamedTuple):
    """One sample at some size."""

    image: npt.NDArray[np.uint8]
    """(H, W, 3) RGB."""
    mask: npt.NDArray[np.uint8]
    """(H, W), 0 or 255."""
    depth: npt.NDArray[np.uint16] | None
    """(H, W), 65535 x relative inverse depth."""


def row_bytes(size: tuple[int, int], *, depth: bool) -> int:
    """Return the bytes of one sample of (height, width)."""
    return size[0] * size[1] * (6 if depth else 4)


@dataclass
class SizeCache:
    """The cache of one split at one size; picklable, and opens its files on first use.

    Args:
        path: of the rows; the checksums lie beside it.
        num_samples: rows.
        size: (height, width).
        depth: whether samples have depth.
    """

    path: Path
    num_samples: int
    size: tuple[int, int]
    depth: bool

    def __post_init__(self) -> None:
        self._rows: npt.NDArray[np.uint8] | None = None
        self._sums: npt.NDArray[np.uint32] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_rows": None, "_sums": None}

    def create(self) -> None:
        """Make the files, which take space only as rows are written; rows that are there stay."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        for path, size in ((self.path, self._row_bytes * self.num_samples), (self._sums_path, 4 * self.num_samples)):
            if not path.exists() or path.stat().st_size != size:
                with path.open("wb") as stream:
                    stream.truncate(size)

    def read(self, index: int) -> Pixels | None:
        """Return a copy of a row, or None where there is none, or a damaged one."""
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
        """Write a row, then its checksum; where that fails, on a full disk, say, there is no such row.

        Not through the memory map: there, a full disk would kill the process (SIGBUS).
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
    """CRC-32, with 0 kept for 'not written'."""
    return zlib.crc32(row.data) or 1


@dataclass(frozen=True, kw_only=True)
class Demand:
    """A split at a size that a run reads more than once."""

    split: str
    size_px: int
    reads: int
    bytes: int


def plan_caches(demands: list[Demand], *, budget_bytes: float, folder: Path) -> list[Demand]:
    """Choose what to cache: what is read most often first, as long as it fits budget and half the free disk."""
    left = min(budget_bytes, free_bytes(folder) / 2)
    chosen = []
    for demand in sorted(demands, key=lambda d: (-d.reads, d.bytes, d.split)):
        if demand.reads > 1 and demand.bytes <= left:
            chosen.append(demand)
            left -= demand.bytes
    return chosen


def free_bytes(folder: Path) -> int:
    """Return the free space where `folder` is, or will be."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free
