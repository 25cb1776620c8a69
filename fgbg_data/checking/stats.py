"""The table of a dataset: every field's type, count, size, bytes, mean and standard deviation."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from fgbg_data.dataset.layout import find_shards, find_splits
from fgbg_data.dataset.record import Record
from fgbg_data.dataset.split_reader import SplitReader
from fgbg_data.dataset.statistics import Sums
from fgbg_data.errors import ManifestError, option
from fgbg_data.runtime import locations
from fgbg_data.runtime.parallel import map_with_progress
from fgbg_data.runtime.progress import Progress
from fgbg_data.sample import FIELDS, PIXEL_FIELDS, Sample


@dataclass(frozen=True, kw_only=True)
class FieldStats:
    """One row of the table.

    Attributes:
        name: of the field.
        dtype: as stored, decoded.
        count: samples.
        shape: of a sample's array, empty for meta.
        bytes: as stored; None where the format does not tell.
        mean: of each channel over all pixels, in [0, 1].
        std: likewise, of the population.
    """

    name: str
    dtype: str
    count: int
    shape: tuple[int, ...]
    bytes: int | None
    mean: list[float]
    std: list[float]


class _Task(NamedTuple):
    store: SplitReader
    shard: int


class _Part(NamedTuple):
    """What one shard adds."""

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

    Args:
        path: of the dataset.
        split: only this one; None is all of it.
        recompute: read every pixel again, instead of adding up the exact sums in the records.
        format: of which files, where a dataset holds several; None takes the one that is read fastest.
        jobs: processes for `recompute`; 0 is one a core.
        progress: see `build`.

    Raises:
        FgbgError: there is no dataset, a shard cannot be read, or without `recompute` has no record.
    """
    root = locations.locate(path)
    names = (split,) if split else find_splits(root)
    stores = []
    for name in names:
        layout = find_shards(root, name)
        layout.warn(stacklevel=2)
        stores.append(SplitReader(layout, format))
    tasks = [_Task(store, shard) for store in stores for shard in range(len(store.shards))]
    total, samples, sizes = Sums(), 0, dict.fromkeys(FIELDS, 0)
    unknown = set()
    sum_up = _recompute if recompute else _recorded
    for part in map_with_progress(sum_up, tasks, jobs=jobs if recompute else 1, progress=progress, verb="stats"):
        total.add(part.sums)
        samples += part.samples
        for name in FIELDS:
            sizes[name] += part.bytes.get(name, 0)
            if name not in part.bytes:
                unknown.add(name)
    return [
        FieldStats(
            name=name,
            dtype=FIELDS[name].dtype,
            count=samples,
            shape=_shape(tasks[0], name),
            bytes=None if name in unknown else sizes[name],
            mean=total.fields[name].mean if name in total.fields else [],
            std=total.fields[name].std if name in total.fields else [],
        )
        for name in (tasks[0].store.shard_index(tasks[0].shard).fields if tasks else ())
    ]


def _recorded(task: _Task) -> _Part:
    """Take the sums from the record."""
    place = task.store.shards[task.shard]
    if not place.has_record:
        raise ManifestError(
            f"{task.store.location(task.shard)}: has no record to take sums from; use {option('recompute', True)}"
        )
    record = Record.read(place.record_location)
    return _Part(record.samples, record.sums, task.store.shard_index(task.shard).stored_bytes())


def _recompute(task: _Task) -> _Part:
    """Read every pixel of a shard."""
    reader, index = task.store.reader(task.shard), task.store.shard_index(task.shard)
    sums = Sums()
    for place in range(len(index.keys)):
        arrays = {name: reader.read(place, name) for name in PIXEL_FIELDS if name in index.fields}
        sample = Sample(key=task.store.key_in_shard(task.shard, place), meta={}, image_file=b"", **arrays)
        sums.add_sample(sample, reader.depth_bits(place) or 16)
    return _Part(len(index.keys), sums, index.stored_bytes())


def _shape(task: _Task, field: str) -> tuple[int, ...]:
    """Return the shape of a field's array, by the first sample."""
    if field not in PIXEL_FIELDS:
        return ()
    channels = FIELDS[field].channels
    return (*task.store.reader(task.shard).picture_size(0, field), *((channels,) if channels else ()))
