"""`SplitReader`: the shards of one split as one row of samples; it opens a file when a sample of it is first read.

Four numbers and names occur here: the *number* of a sample counts through the split, its *index* counts inside its
shard, a *shard* is given by its number in the split, and a *location* is the path or URL of a file.
"""

import bisect
import itertools
import os
from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np

from fgbg_data.dataset.identity import fingerprint
from fgbg_data.dataset.layout import Layout, ListedShards, ShardLocation
from fgbg_data.dataset.open_readers import OPEN_READERS
from fgbg_data.dataset.record import ShardRecord
from fgbg_data.errors import ManifestError, ShardError, UnknownKeyError
from fgbg_data.runtime import remote
from fgbg_data.runtime.copies import FileCopies
from fgbg_data.runtime.locations import Location
from fgbg_data.sample import Array
from fgbg_data.shards import ShardIndex, ShardReader, load_format
from fgbg_data.shards.index_cache import scanned_index
from fgbg_data.shards.registry import fastest_first, format_options
from fgbg_data.text import counted


class SplitReader:
    """Finds the samples of a split and opens its shards.

    It can be pickled: open files are left behind and are opened again on demand. Threads and forked processes may
    share it.

    Args:
        layout: the shards of the split.
        format_name: the format to read; None takes the fastest one that each shard has.
        skip: leave out shards that cannot be read and count their samples, instead of raising an error.
        copies: copies of shards behind URLs on this machine, from which samples are read; None reads each from its URL.

    Raises:
        ShardError: a shard is missing, or is damaged in a way that shows before its samples are read.
    """

    _sorted: tuple[Array, Array] | None
    """All keys in sorted order, and the number of the sample of each; made when a key is first looked up."""

    def __init__(
        self, layout: Layout, format_name: str | None = None, *, skip: bool = False, copies: FileCopies | None = None
    ) -> None:
        self.layout = layout
        self._copies = copies or FileCopies(0)
        self.skipped: dict[str, str] = {}
        """Key or shard -> why it was left out."""
        self.num_skipped = 0
        """Number of samples that were left out."""
        self._options = format_options(layout.manifest.identity.config.values if layout.manifest else {})
        self._reset()
        if layout.missing and not skip:
            first = layout.missing[0]
            more = f" ({len(layout.missing) - 1} more shards are bad)" if len(layout.missing) > 1 else ""
            raise ShardError(
                f"{first.problem} ({first.samples} samples). Copy it again, or run the same build command, or open "
                f'the dataset with on_error="skip"{more}'
            )
        for missing in layout.missing:
            self.skip(missing.stem, missing.problem, missing.samples)
        self.shards: Sequence[ShardLocation] = []
        """The shards that are read."""
        self.format_names: list[str] = []
        """The format in which each shard is read."""
        self.counts: list[int] = []
        """Number of samples in each shard."""
        if isinstance(layout.shards, ListedShards) and layout.shards.suffixes.keys() >= {format_name} - {None}:
            name = format_name or fastest_first(layout.shards.suffixes, self._options)[0]
            self.shards, self.counts = layout.shards, layout.shards.samples
            self.format_names = [name] * len(self.shards)
        else:
            for shard in layout.shards:
                self._add(shard, format_name, skip=skip)
        self._ends = list(itertools.accumulate(self.counts))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getstate__(self) -> dict[str, Any]:
        transient = ("_indexes", "_broken", "_sorted", "_owner", "_pid")
        return {name: value for name, value in vars(self).items() if name not in transient}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._reset()
        for shard in self.shards[:1]:
            remote.be_patient_with(shard.folder)  # the process that pickled this has reached it

    def skip(self, name: str, reason: str, samples: int = 1) -> None:
        """Count what is left out; the same name counts once."""
        if name not in self.skipped:
            self.skipped[name] = reason
            self.num_skipped += samples

    def locate(self, number: int) -> tuple[int, int]:
        """Return the shard of a sample, and its index in that shard."""
        shard = bisect.bisect_right(self._ends, number)
        return shard, number - self._ends[shard] + self.counts[shard]

    def key(self, number: int) -> str:
        """Return the key of a sample."""
        shard, index = self.locate(number)
        return self.key_in_shard(shard, index)

    def key_in_shard(self, shard: int, index: int) -> str:
        """Return the key of the sample at an index of a shard."""
        return str(self.shard_index(shard).keys[index], "utf-8")

    def keys_of_shard(self, shard: int) -> list[str]:
        """Return the keys of a shard, in order."""
        return [str(key, "utf-8") for key in self.shard_index(shard).keys]

    def keys(self) -> Iterator[str]:
        """Yield every key, in order."""
        for shard in range(len(self.shards)):
            yield from self.keys_of_shard(shard)

    def find(self, key: str) -> int:
        """Return the number of the sample that has a key.

        Raises:
            UnknownKeyError: no sample has it.
            ShardError: two samples share a key.
        """
        if self._sorted is None:
            self._sorted = self._sort_keys()
        keys, numbers = self._sorted
        found = int(np.searchsorted(keys, key.encode()))
        if found == len(keys) or keys[found] != key.encode():
            raise self.unknown_key(key, len(self))
        return int(numbers[found])

    def unknown_key(self, key: str, samples: int) -> UnknownKeyError:
        """Return the error for a key that none of `samples` samples has."""
        return UnknownKeyError(f"no key {key!r} in {self.layout.split} ({counted(samples, 'sample')})")

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the build; without manifest and records, a digest of names, counts and formats."""
        if self.layout.fingerprint:
            return self.layout.fingerprint
        names = [shard.stem for shard in self.shards]
        return fingerprint({"names": names, "counts": self.counts, "forms": self.format_names})

    def location(self, shard: int) -> Location:
        """Return the path or URL of the file from which a shard is read."""
        return self.shards[shard].file(self.format_names[shard])

    def shard_index(self, shard: int) -> ShardIndex:
        """Return where the samples of a shard are in its file; it is read once.

        Raises:
            ShardError: the file is damaged, or holds another number of samples than its record states.
        """
        self._after_fork()
        if shard not in self._indexes:
            found = self._read_index(shard)
            if len(found.keys) != self.counts[shard]:
                raise ShardError(
                    f"{self.location(shard)}: holds {len(found.keys)} samples, {self.counts[shard]} are recorded; "
                    "run fgbg-data verify"
                )
            self._indexes[shard] = found
        return self._indexes[shard]

    def record(self, shard: int) -> ShardRecord | None:
        """Return the record of a shard, or None if there is none or it does not match this shard."""
        found = self.shards[shard]
        if not found.has_record:
            return None
        try:
            record = OPEN_READERS.with_descriptors(lambda: ShardRecord.read(found.record_location))
        except ManifestError:
            return None
        columns = (record.keys, record.digests, record.mask_area_px)
        whole = all(len(column) == self.counts[shard] for column in columns)
        return record if whole and record.keys == self.keys_of_shard(shard) else None

    def reader(self, shard: int) -> ShardReader:
        """Return an open reader of a shard.

        Raises:
            ShardError: the file is damaged or not a shard.
            ShortageError: too many files are open.
        """
        self._after_fork()
        reader = OPEN_READERS.get(self._owner, shard)
        if reader is not None:
            return reader
        if shard in self._broken:
            raise ShardError(self._broken[shard])
        try:
            reader = OPEN_READERS.with_descriptors(lambda: self._open(shard))
        except ShardError as error:
            self._broken[shard] = str(error)  # so that skipping its samples does not read it a thousand times
            raise
        OPEN_READERS.add(self._owner, shard, reader)
        return reader

    # --- parts of it --------------------------------------------------------------------------------------

    def _reset(self) -> None:
        self._indexes: dict[int, ShardIndex] = {}
        self._broken: dict[int, str] = {}
        self._sorted = None
        self._owner = OPEN_READERS.owner(self)
        self._pid = os.getpid()

    def _after_fork(self) -> None:
        """In a forked child, forget which shards are broken, and open files anew."""
        if self._pid != os.getpid():
            indexes = self._indexes
            self._reset()
            self._indexes = indexes

    def _sort_keys(self) -> tuple[Array, Array]:
        """Return all keys in sorted order, and the number of the sample of each.

        Raises:
            ShardError: two samples share a key.
        """
        shards = range(len(self.shards))
        keys = np.concatenate([np.array([], "S1"), *(self.shard_index(shard).keys for shard in shards)])
        order = np.argsort(keys, kind="stable")
        twice = np.flatnonzero(keys[order[1:]] == keys[order[:-1]])
        if len(twice):
            first, second = (int(order[twice[0] + i]) for i in (0, 1))
            files = " and ".join(str(self.location(self.locate(number)[0])) for number in (first, second))
            raise ShardError(f"{files}: both hold {self.key(first)}; keys must be unique in a dataset")
        return keys[order], order

    def _add(self, shard: ShardLocation, format_name: str | None, *, skip: bool) -> None:
        """Add a shard; where neither manifest nor record gives its number of samples, its index does."""
        names = fastest_first(shard.files, self._options) if format_name is None else [format_name]
        if not names or names[0] not in shard.files:
            raise ShardError(
                f"{shard.folder}: {shard.stem} is not there as {names[0] if names else 'a format that is installed'}, "
                f"only as {', '.join(shard.files)}"
            )
        shards = cast("list[ShardLocation]", self.shards)
        shards.append(shard)
        self.format_names.append(names[0])
        self.counts.append(shard.samples or 0)
        if shard.samples is None:
            number = len(self.shards) - 1
            try:
                found = self._indexes[number] = self._read_index(number)
                self.counts[number] = len(found.keys)
            except ShardError as error:
                if not skip:
                    raise
                self.skip(shard.stem, str(error), 0)
                for column in (shards, self.format_names, self.counts):
                    column.pop()

    def _open(self, shard: int) -> ShardReader:
        """Open a shard."""
        fmt = load_format(self.format_names[shard])
        shapes = self.layout.manifest.shapes if self.layout.manifest else None
        index, location = self.shard_index(shard), self.location(shard)
        if fmt.is_one_file:
            location = self._copies.local(location, self.layout.fingerprint)
        return fmt.open_reader(location, index, shapes)

    def _read_index(self, shard: int) -> ShardIndex:
        """Return the index of a shard; readers are closed if no descriptor is left to open it."""
        return OPEN_READERS.with_descriptors(lambda: self._find_index(shard))

    def _find_index(self, shard: int) -> ShardIndex:
        """Return the index that the record of a shard holds, or else the one that a scan of its file finds."""
        found, format_name = self.shards[shard], self.format_names[shard]
        record = _read_record(found, self.layout.fingerprint) if found.has_record else None
        file = record.files.get(format_name) if record is not None else None
        if record is not None and file is not None and file.name == found.files[format_name]:
            try:
                index: ShardIndex = load_format(format_name).read_index(self.location(shard), record.keys, file.index)
                return index
            except ShardError:
                raise
            except ValueError:
                pass  # the record is damaged; a scan of the file finds the same
        return scanned_index(format_name, self.location(shard))


def _read_record(shard: ShardLocation, dataset_fingerprint: str) -> ShardRecord | None:
    """Return the record of a shard, or None if it cannot be read.

    Raises:
        ManifestError: it belongs to another dataset.
    """
    try:
        record = ShardRecord.read(shard.record_location)
    except ManifestError:
        return None
    if dataset_fingerprint and record.fingerprint != dataset_fingerprint:
        raise ManifestError(
            f"{shard.record_location}: is the record of another dataset (fingerprint {record.fingerprint[:8]}, this is "
            f"{dataset_fingerprint[:8]}). Keep each dataset in a folder of its own"
        )
    return record
