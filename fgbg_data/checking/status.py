"""How far a build is: which shards exist, which are missing, how fast they come, and who makes them.

It reads names in folders and the times of some files, and opens no record, so that it also answers for a million
shards.
"""

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from fgbg_data.dataset.manifest import Manifest
from fgbg_data.dataset.record import shard_stem
from fgbg_data.runtime import locations
from fgbg_data.runtime.holders import Holder
from fgbg_data.runtime.locations import Location, locate
from fgbg_data.runtime.locks import parts_of
from fgbg_data.splits import ordered
from fgbg_data.text import counted, format_seconds, text_table

TIMED = 10_000
"""Largest number of records whose times are read. Of more records, this many are taken at equal distances."""
SHOWN = 8
"""Largest number of ranges of missing shards, and of parts, that the text lists."""
_RECORD = re.compile(r"fgbg-(.+)-([0-9]{6,18})\.json")


@dataclass(frozen=True, kw_only=True)
class SplitStatus:
    """How far one split is."""

    shards: int
    """Number of shards that it has when it is finished."""
    finished: int
    """Number of shards that have a record."""
    missing: tuple[range, ...]
    """Ranges of the numbers of missing shards, in order."""


@dataclass(frozen=True, kw_only=True, repr=False)
class BuildStatus:
    """How far a build is. `str(status)` is the text that `fgbg-data build --status` prints."""

    path: Location
    """Folder of the dataset."""
    complete: bool
    """Whether the manifest says that the dataset is complete."""
    fingerprint: str
    """Fingerprint of the dataset."""
    splits: dict[str, SplitStatus]
    """Name -> split, in order."""
    samples_per_shard: float
    """Mean number of samples in a shard."""
    first: datetime | None = None
    """When the first shard was finished, by the clock of the file system; None if that is not known."""
    last: datetime | None = None
    """When the last shard so far was finished."""
    parts: tuple[Holder, ...] = field(default=())
    """Parts that run now, or were killed and not yet cleared away."""

    @property
    def shards(self) -> int:
        """Number of shards of the whole dataset."""
        return sum(split.shards for split in self.splits.values())

    @property
    def finished(self) -> int:
        """Number of finished shards."""
        return sum(split.finished for split in self.splits.values())

    @property
    def shards_per_s(self) -> float | None:
        """Shards a second between the first and the last one; None with fewer than two."""
        if self.first is None or self.last is None or self.last <= self.first:
            return None
        return (self.finished - 1) / (self.last - self.first).total_seconds()

    def __repr__(self) -> str:
        return f"BuildStatus({str(self.path)!r}: {self.finished} of {self.shards} shards)"

    def __str__(self) -> str:
        rows = [
            [name, f"{split.finished:,}", f"{split.shards:,}", _ranges(split.missing)]
            for name, split in self.splits.items()
        ]
        left = self.shards - self.finished
        state = "complete" if self.complete else "not finished"
        if not self.complete and not left:
            state = "all shards are made; run the same build command without --part to finish"
        lines = [
            f"{self.path}: {self.finished:,} of {self.shards:,} shards ({state})",
            text_table(["split", "made", "shards", "missing"], rows),
        ]
        if self.first is not None and self.last is not None:
            rate = self.shards_per_s
            speed = "" if rate is None else f", {self.samples_per_shard * rate:,.1f} samples/s"
            ends = "" if rate is None or not left else f", {format_seconds(left / rate)} left at that rate"
            lines.append(f"from {self.first:%Y-%m-%d %H:%M:%S} to {self.last:%Y-%m-%d %H:%M:%S}{speed}{ends}")
        for holder in self.parts[:SHOWN]:
            lines.append(f"{holder}: {counted(holder.shards, 'shard')} made in {format_seconds(holder.running_s)}")
        if len(self.parts) > SHOWN:
            lines.append(f"and {counted(len(self.parts) - SHOWN, 'more part')}")
        return "\n".join(lines)


def build_status(path: str | Path) -> BuildStatus:
    """Return how far the build of a dataset is, without changing anything.

        print(build_status("shards/"))

    Args:
        path: folder of the dataset.

    Raises:
        ManifestError: the folder holds no `dataset.json`, or it is damaged.
    """
    root = locate(path)
    manifest = Manifest.read(root)
    splits, records = {}, []
    for name in ordered(manifest.splits):
        about = manifest.splits[name]
        made = bytearray(about.shards)
        for index in _recorded(root, name, about.shards):
            made[index] = 1
        splits[name] = SplitStatus(shards=about.shards, finished=made.count(1), missing=tuple(_missing(made)))
        records.append((name, made))
    first, last = _times(root, records) if isinstance(root, Path) else (None, None)
    shards = sum(split.shards for split in splits.values())
    return BuildStatus(
        path=root,
        complete=manifest.complete,
        fingerprint=manifest.fingerprint,
        splits=splits,
        samples_per_shard=manifest.samples / max(1, shards),
        first=first,
        last=last,
        parts=tuple(parts_of(root)),
    )


def _recorded(root: Location, split: str, shards: int) -> Iterator[int]:
    """Yield the numbers of the shards of a split that have a record."""
    if split not in _names(root):
        return
    for name in _names(locations.join(root, split)):
        found = _RECORD.fullmatch(name)
        if found and found[1] == split and int(found[2]) < shards:
            yield int(found[2])


def _names(folder: Location) -> Iterator[str]:
    """Yield the names in a folder, without their sizes, which cost a call each on a network file system."""
    if isinstance(folder, Path):
        with os.scandir(folder) as entries:
            yield from (entry.name for entry in entries)
    else:
        yield from locations.listing(folder)


def _missing(made: bytearray) -> Iterator[range]:
    """Yield the ranges of zeros.

    >>> list(_missing(bytearray([0, 0, 1, 0])))
    [range(0, 2), range(3, 4)]
    """
    start = made.find(0)
    while start >= 0:
        stop = made.find(1, start)
        stop = len(made) if stop < 0 else stop
        yield range(start, stop)
        start = made.find(0, stop)


def _times(root: Path, records: Sequence[tuple[str, bytearray]]) -> tuple[datetime | None, datetime | None]:
    """Return when the first and the last shard were finished, judged by at most `TIMED` records."""
    total = sum(made.count(1) for _, made in records)
    step, seen, times = max(1, total // TIMED), 0, []
    for split, made in records:
        index = made.find(1)
        while index >= 0:
            if seen % step == 0:
                with contextlib.suppress(OSError):
                    times.append((root / split / f"{shard_stem(split, index)}.json").stat().st_mtime)
            seen += 1
            index = made.find(1, index + 1)
    if not times:
        return None, None
    return datetime.fromtimestamp(min(times)), datetime.fromtimestamp(max(times))


def _ranges(missing: Sequence[range]) -> str:
    """Return the numbers of missing shards as text.

    >>> _ranges([range(0, 2), range(3, 4)])
    '0-1, 3'
    """
    texts = [str(each.start) if len(each) == 1 else f"{each.start}-{each.stop - 1}" for each in missing[:SHOWN]]
    if len(missing) > SHOWN:
        texts.append(f"and {sum(map(len, missing[SHOWN:])):,} more")
    return ", ".join(texts) or "none"
