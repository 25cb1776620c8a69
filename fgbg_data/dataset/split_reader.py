"""The shards of one split: sample number -> shard and place in it, indexes and readers opened when they are needed."""

import bisect
import itertools
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import numpy as np

from fgbg_data.dataset.identity import fingerprint
from fgbg_data.dataset.layout import Layout, ShardPlace
from fgbg_data.dataset.record import Record
from fgbg_data.errors import FgbgError, ManifestError, ShardError, UnknownKeyError
from fgbg_data.sample import PIXEL_FIELDS, Array
from fgbg_data.shards import ShardReader, load_format
from fgbg_data.shards import index_cache as scans
from fgbg_data.shards.base import Shapes, ShardIndex

MAX_OPEN = 64
"""Files that one store keeps open; the least recently used is closed first. A process may have several stores."""


class ShardStore:
    """Finds and opens shards. Picklable, for handles are left behind; safe in threads and after a fork.

    Args:
        layout: the shards.
        form: the format to read, None for the fastest that each shard has.
        skip: leave unreadable shards out and count them, instead of raising.

    Raises:
        ShardError: a shard is missing or damaged, as far as that shows without reading all of it.
    """

    _sorted: tuple[Array, Array] | None
    """All keys in their order, and the number of the sample of each; made when a key is first looked up."""

    def __init__(self, layout: Layout, form: str | None = None, *, skip: bool = False) -> None:
        self.layout = layout
        self.skipped: dict[str, str] = {}
        """Key, or shard, -> why it was left out."""
        self.num_skipped = 0
        self._reset()
        if layout.missing and not skip:
            problem, samples = layout.missing[0]
            more = f" ({len(layout.missing) - 1} more shards are bad)" if len(layout.missing) > 1 else ""
            raise ShardError(
                f"{problem} ({samples} samples). Copy it again, or run the same build command, or open with "
                f'on_error="skip"{more}'
            )
        for problem, samples in layout.missing:
            self.skip(problem.partition(": ")[0], problem, samples)
        self.shards: list[ShardPlace] = []
        self.forms: list[str] = []
        self.counts: list[int] = []
        for place in layout.shards:
            self._add(place, form, skip=skip)
        self._ends = list(itertools.accumulate(self.counts))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getstate__(self) -> dict[str, Any]:
        transient = ("_indexes", "_readers", "_broken", "_sorted", "_lock", "_pid")
        return {name: value for name, value in vars(self).items() if name not in transient}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._reset()

    def skip(self, name: str, reason: str, samples: int = 1) -> None:
        """Count what is left out, once however often it is met."""
        if name not in self.skipped:
            self.skipped[name] = reason
            self.num_skipped += samples

    def locate(self, number: int) -> tuple[int, int]:
        """Return shard number and place in it of a sample."""
        shard = bisect.bisect_right(self._ends, number)
        return shard, number - self._ends[shard] + self.counts[shard]

    def key(self, number: int) -> str:
        """Return the key of a sample."""
        shard, place = self.locate(number)
        return str(self.index(shard).keys[place], "utf-8")

    def keys(self) -> Iterator[str]:
        """Give every key, in order."""
        for shard in range(len(self.shards)):
            for key in self.index(shard).keys:
                yield str(key, "utf-8")

    def find(self, key: str) -> int:
        """Return the number of the sample of a key.

        Raises:
            UnknownKeyError: there is none.
            ShardError: two samples share a key.
        """
        if self._sorted is None:
            self._sorted = self._sort()
        keys, order = self._sorted
        place = int(np.searchsorted(keys, key.encode()))
        if place == len(keys) or keys[place] != key.encode():
            raise self.unknown_key(key, len(self))
        return int(order[place])

    def unknown_key(self, key: str, samples: int) -> UnknownKeyError:
        """Return the error that says that there is no such sample."""
        return UnknownKeyError(f"{key!r} is none of the {samples} samples of {self.layout.split}")

    @property
    def fingerprint(self) -> str:
        """The build's; where no manifest and no record tells it, a digest of names, counts and formats."""
        if self.layout.fingerprint:
            return self.layout.fingerprint
        names = [place.stem for place in self.shards]
        return fingerprint({"names": names, "counts": self.counts, "forms": self.forms})

    def place(self, shard: int) -> Any:
        """Return where the file of a shard is."""
        return self.shards[shard].place(self.forms[shard])

    def index(self, shard: int) -> ShardIndex:
        """Return the index of a shard, read once."""
        self._after_fork()
        if shard not in self._indexes:
            index = self._read_index(shard)
            if len(index.keys) != self.counts[shard]:
                raise ShardError(
                    f"{self.place(shard)}: holds {len(index.keys)} samples, {self.counts[shard]} are recorded; "
                    "run fgbg-data verify"
                )
            self._indexes[shard] = index
        return self._indexes[shard]

    def record(self, shard: int) -> Record | None:
        """Return the record of a shard; None where there is none, or it cannot be its own."""
        place = self.shards[shard]
        if not place.has_record:
            return None
        try:
            record = Record.read(place.record_place)
        except FgbgError:
            return None
        columns = (record.keys, record.digests, record.mask_area_px)
        whole = all(len(column) == self.counts[shard] for column in columns)
        keys = [str(key, "utf-8") for key in self.index(shard).keys] if whole else []
        return record if whole and record.keys == keys else None

    def reader(self, shard: int) -> ShardReader:
        """Return a reader of a shard, open."""
        self._after_fork()
        with self._lock:
            found = self._readers.get(shard)
            if found is not None:
                self._readers.move_to_end(shard)
                return found
        if shard in self._broken:
            raise ShardError(self._broken[shard])
        try:
            form = load_format(self.forms[shard])
            reader = form.open_reader(self.place(shard), self.index(shard), self._shapes())
        except ShardError as error:
            self._broken[shard] = str(error)  # so that skipping its samples does not read it a thousand times
            raise
        with self._lock:
            self._readers[shard] = reader
            while len(self._readers) > MAX_OPEN:
                self._readers.popitem(last=False)  # a thread that is reading from it holds it still
        return reader

    # --- parts of it --------------------------------------------------------------------------------------

    def _reset(self) -> None:
        self._indexes: dict[int, ShardIndex] = {}
        self._readers: OrderedDict[int, ShardReader] = OrderedDict()
        self._broken: dict[int, str] = {}
        self._sorted = None
        self._lock = threading.Lock()
        self._pid = os.getpid()

    def _after_fork(self) -> None:
        """In a forked child: let go of handles, and of a lock that a thread of the parent may hold for ever."""
        if self._pid != os.getpid():
            indexes = self._indexes
            self._reset()
            self._indexes = indexes

    def _sort(self) -> tuple[Array, Array]:
        """Return all keys in their order, and the number of the sample of each.

        Raises:
            ShardError: two samples share a key.
        """
        keys = np.concatenate([np.array([], "S1"), *(self.index(shard).keys for shard in range(len(self.shards)))])
        order = np.argsort(keys, kind="stable")
        twice = np.flatnonzero(keys[order[1:]] == keys[order[:-1]])
        if len(twice):
            first, second = (int(order[twice[0] + i]) for i in (0, 1))
            places = " and ".join(str(self.place(self.locate(number)[0])) for number in (first, second))
            raise ShardError(f"{places}: both hold {self.key(first)}; keys must be unique in a dataset")
        return keys[order], order

    def _add(self, place: ShardPlace, form: str | None, *, skip: bool) -> None:
        """Take in a shard; one that nothing counts is counted by its index."""
        forms = [name for name in self._preference() if name in place.files] if form is None else [form]
        if forms[0] not in place.files:
            raise ShardError(f"{place.folder}: {place.stem} is not there as {form}, only as {', '.join(place.files)}")
        self.shards.append(place)
        self.forms.append(forms[0])
        self.counts.append(place.samples or 0)
        if place.samples is None:
            shard = len(self.shards) - 1
            try:
                index = self._indexes[shard] = self._read_index(shard)
                self.counts[shard] = len(index.keys)
            except ShardError as error:
                if not skip:
                    raise
                self.skip(place.stem, str(error), 0)
                for column in (self.shards, self.forms, self.counts):
                    column.pop()

    def _preference(self) -> tuple[str, ...]:
        """HDF5 of pixels is the fastest, HDF5 of encoded files the slowest."""
        manifest = self.layout.manifest
        config = manifest.identity.get("config", {}) if manifest else {}
        return ("tar", "hdf5", "folder") if config.get("hdf5_layout") == "encoded" else ("hdf5", "tar", "folder")

    def _read_index(self, shard: int) -> ShardIndex:
        place = self.shards[shard]
        record = _record(place, self.layout.fingerprint) if place.has_record else None
        form, name = self.forms[shard], place.files[self.forms[shard]]
        if record is not None and form in record.files and record.files[form].name == name:
            try:
                found: ShardIndex = load_format(form).read_index(
                    place.place(form), record.keys, record.files[form].index
                )
                return found
            except ShardError:
                raise
            except ValueError:
                pass  # a damaged record: the file itself tells as much
        return scans.scanned(form, place.place(form))

    def _shapes(self) -> Shapes | None:
        manifest = self.layout.manifest
        if manifest is None:
            return None
        return {name: tuple(manifest.fields[name]["shape"]) for name in PIXEL_FIELDS if name in manifest.fields}


def _record(place: ShardPlace, stamp: str) -> Record | None:
    """Return the record of a shard, None where it cannot be read.

    Raises:
        ManifestError: it is of another dataset.
    """
    try:
        record = Record.read(place.record_place)
    except FgbgError:
        return None
    if stamp and record.fingerprint != stamp:
        raise ManifestError(
            f"{place.record_place}: is the record of another dataset (fingerprint {record.fingerprint[:8]}, this is "
            f"{stamp[:8]}). Keep each dataset in a folder of its own"
        )
    return record
