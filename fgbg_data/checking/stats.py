"""`stats`: the table of a dataset, with the type, count, size, bytes, mean and standard deviation of every field."""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from fgbg_data.dataset.layout import find_shards, find_splits
from fgbg_data.dataset.record import ShardRecord
from fgbg_data.dataset.split_reader import SplitReader
from fgbg_data.dataset.statistics import Sums
from fgbg_data.errors import ManifestError, option
from fgbg_data.fields import FIELDS, pixel_fields
from fgbg_data.runtime import locations
from fgbg_data.runtime.parallel import map_with_progress
from fgbg_data.runtime.progress import Progress
from fgbg_data.sample import Sample


@dataclass(frozen=True, kw_only=True)
class FieldStats:
    """One row of the table: a field over all samples."""

    name: str
    """Name of the field."""
    dtype: str
    """Type of its decoded array, or `object` for meta."""
    count: int
    """Number of samples."""
    shape: tuple[int, ...]
    """Shape of the array of one sample; empty for meta."""
    bytes: int | None
    """Stored size of all samples in bytes; None if the format does not tell."""
    mean: list[float]
    """Mean of each channel over all pixels, in [0, 1]."""
    std: list[float]
    """Standard deviation (of the population) of each channel over all pixels, in [0, 1]."""


class _ShardStats(NamedTuple):
    """What one shard adds to the table."""

    samples: int
    sums: Sums
    bytes: dict[str, int]


def stats(
    path: str | Path,
    split: str | None = None,
    *,
    recompute: bool = False,
    format: str | None = None,
    jobs: int = 0,
    progress: Progress = None,
) -> list[FieldStats]:
    """Return the table of a dataset.

        for row in stats("shards/"):
            print(row.name, row.mean, row.std)

    Mean and standard deviation are exact, because shards keep integer sums.

    Args:
        path: folder or URL of the dataset.
        split: name of the only split to count; None counts all of them.
        recompute: read every pixel, instead of adding up the sums in the records.
        format: shard format to read, if the dataset has several; None takes the fastest.
        jobs: number of processes for `recompute`; 0 starts one for each core.
        progress: see `build`.

    Raises:
        FgbgError: there is no dataset, a shard cannot be read, or it has no record and `recompute` is False.
    """
    root = locations.locate(path)
    splits = []
    for name in (split,) if split else find_splits(root):
        layout = find_shards(root, name)
        layout.warn(stacklevel=2)
        splits.append(SplitReader(layout, format))
    shards = [(number, shard) for number, reader in enumerate(splits) for shard in range(len(reader.shards))]
    if not shards:
        return []
    first = splits[shards[0][0]]
    fields = first.shard_index(0).fields
    total, samples, sizes = Sums(), 0, dict.fromkeys(fields, 0)
    unknown = set()
    count = functools.partial(_recompute if recompute else _from_record, splits)
    for part in map_with_progress(count, shards, jobs=jobs if recompute else 1, progress=progress, verb="stats"):
        total.add(part.sums)
        samples += part.samples
        for name in fields:
            sizes[name] += part.bytes.get(name, 0)
            if name not in part.bytes:
                unknown.add(name)
    return [
        FieldStats(
            name=name,
            dtype=FIELDS[name].dtype,
            count=samples,
            shape=_shape(first, name),
            bytes=None if name in unknown else sizes[name],
            mean=total.fields[name].mean if name in total.fields else [],
            std=total.fields[name].std if name in total.fields else [],
        )
        for name in fields
    ]


def _from_record(splits: list[SplitReader], task: tuple[int, int]) -> _ShardStats:
    """Return the statistics of a shard from its record.

    Args:
        splits: the splits of the dataset.
        task: number of the split, and number of the shard in it.

    Raises:
        ManifestError: the shard has no record.
    """
    reader, shard = splits[task[0]], task[1]
    found = reader.shards[shard]
    if not found.has_record:
        raise ManifestError(
            f"has no record to take sums from; use {option('recompute', True)}", where=reader.location(shard)
        )
    record = ShardRecord.read(found.record_location)
    return _ShardStats(record.samples, record.sums, reader.shard_index(shard).stored_bytes())


def _recompute(splits: list[SplitReader], task: tuple[int, int]) -> _ShardStats:
    """Return the statistics of a shard from all of its pixels; for the arguments see `_from_record`."""
    split, shard = splits[task[0]], task[1]
    reader, index = split.reader(shard), split.shard_index(shard)
    sums = Sums()
    for number, key in enumerate(split.keys_of_shard(shard)):
        arrays = {name: reader.read(number, name) for name in pixel_fields(index.fields)}
        sums.add_sample(Sample(key=key, meta={}, arrays=arrays), reader.depth_bits(number) or 16)
    return _ShardStats(len(index.keys), sums, index.stored_bytes())


def _shape(split: SplitReader, field: str) -> tuple[int, ...]:
    """Return the shape of a field's array in the first sample of a split."""
    if field == "meta":
        return ()
    channels = FIELDS[field].channels
    return (*split.reader(0).picture_size(0, field), *((channels,) if channels else ()))
