"""The shards that a manifest lists: a few of them in `dataset.json`, many in a table of each split beside it.

A table is a file of NumPy, `SPLIT/shards.npy`: row i is shard i, with the number of its samples and, for each format,
the size and the SHA-256 of its file. A million shards in one format take 44 MB there, and 290 MB as JSON.
"""

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from fgbg_data.dataset.json_types import Count, FormatName, SplitName
from fgbg_data.dataset.record import FileEntry, shard_stem
from fgbg_data.errors import ManifestError
from fgbg_data.runtime.files import write_whole
from fgbg_data.runtime.locations import Location, join, read_bytes
from fgbg_data.sample import Array
from fgbg_data.splits import ordered

TABLE = "shards.npy"
"""Name of the table in the folder of a split."""
TABLE_FROM = 20_000
"""Number of shards from which on a new dataset has tables. In one format, `dataset.json` with fewer is at most 6 MB."""


@dataclass(frozen=True)
class ShardEntry:
    """One finished shard."""

    split: SplitName
    index: Count
    """Number of the shard in its split, from 0."""
    samples: Count
    files: Mapping[FormatName, FileEntry]
    """Name of a format -> the shard's file in that format."""


@dataclass(frozen=True, kw_only=True)
class TableInfo:
    """The table of one split, as the manifest names it."""

    sha256: str
    """Digest of the file."""
    shards: Count
    """Number of rows."""
    suffixes: Mapping[FormatName, str]
    """Format -> suffix of its files; the columns are in the order of the alphabet."""


def row_type(formats: int) -> np.dtype[Any]:
    """Return the type of a row: samples, and for each format size and SHA-256."""
    return np.dtype([("samples", "<u4"), ("bytes", "<u8", (formats,)), ("sha256", "u1", (formats, 32))])


class ShardTable(Sequence[ShardEntry]):
    """The shards of a dataset. The entry of a shard is made only when it is asked for.

    Args:
        splits: split -> its table.
        folder: location of the dataset, from which tables are read when they are first needed.
        rows: split -> its rows, for those that need not be read.
    """

    def __init__(
        self, splits: Mapping[str, TableInfo], folder: Location | None = None, rows: Mapping[str, Array] | None = None
    ) -> None:
        self._splits = {split: splits[split] for split in ordered(splits)}
        self._folder = folder
        self._rows = dict(rows or {})

    def __len__(self) -> int:
        return sum(info.shards for info in self._splits.values())

    def __iter__(self) -> Iterator[ShardEntry]:
        for split in self._splits:
            yield from self.of(split)

    @overload
    def __getitem__(self, item: int) -> ShardEntry: ...

    @overload
    def __getitem__(self, item: slice) -> list[ShardEntry]: ...

    def __getitem__(self, item: int | slice) -> ShardEntry | list[ShardEntry]:
        if isinstance(item, slice):
            return [self[number] for number in range(*item.indices(len(self)))]
        number = item + len(self) if item < 0 else item
        for split, info in self._splits.items():
            if 0 <= number < info.shards:
                return self._entry(split, number)
            number -= info.shards
        raise IndexError(item)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ShardTable):
            return NotImplemented
        if self._splits.keys() != other._splits.keys():
            return False
        try:
            return all(
                info.suffixes == other.suffixes(split) and np.array_equal(self.rows(split), other.rows(split))
                for split, info in self._splits.items()
            )
        except ManifestError:
            return False  # a table that cannot be read equals no other, so a build writes it anew

    __hash__ = None  # type: ignore[assignment]

    def of(self, split: str) -> Iterator[ShardEntry]:
        """Yield the shards of a split, in order."""
        for index in range(self._splits[split].shards if split in self._splits else 0):
            yield self._entry(split, index)

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(int(self.rows(split)["bytes"].sum()) for split in self._splits)

    def suffixes(self, split: str) -> Mapping[str, str]:
        """Return format -> suffix of its files, in the order of the columns."""
        return dict(sorted(self._splits[split].suffixes.items()))

    def rows(self, split: str) -> Array:
        """Return the rows of a split; see `row_type`.

        Raises:
            ManifestError: the table is missing, or is not the one that the manifest names.
        """
        if split not in self._rows:
            self._rows[split] = self._read(split)
        return self._rows[split]

    def write(self, folder: Location) -> dict[str, TableInfo]:
        """Write the table of every split into its folder; return what the manifest says of them."""
        infos = {}
        for split, info in self._splits.items():
            stream = io.BytesIO()
            np.save(stream, self.rows(split), allow_pickle=False)
            with write_whole(join(join(folder, split), TABLE)) as temporary:
                temporary.write_bytes(stream.getbuffer())
            digest = hashlib.sha256(stream.getbuffer()).hexdigest()
            infos[split] = TableInfo(sha256=digest, shards=info.shards, suffixes=info.suffixes)
        return infos

    def _entry(self, split: str, index: int) -> ShardEntry:
        row, stem = self.rows(split)[index], shard_stem(split, index)
        files = {
            name: FileEntry(name=stem + suffix, bytes=int(row["bytes"][i]), sha256=bytes(row["sha256"][i]).hex())
            for i, (name, suffix) in enumerate(self.suffixes(split).items())
        }
        return ShardEntry(split, index, int(row["samples"]), files)

    def _read(self, split: str) -> Array:
        """Read the table of a split, and check it."""
        info, location = self._splits[split], join(join(self._folder or "", split), TABLE)
        how = "restore it from a copy, or run the same build command, which writes it anew"
        try:
            data = read_bytes(location)
            if hashlib.sha256(data).hexdigest() != info.sha256:
                raise ManifestError(f"is not the table that dataset.json names: their digests differ; {how}", location)
            rows: Array = np.load(io.BytesIO(data), allow_pickle=False)
        except ManifestError:
            raise
        except (OSError, ValueError) as error:
            raise ManifestError(
                f"cannot be read ({getattr(error, 'strerror', None) or error}); {how}", location
            ) from error
        if rows.dtype != row_type(len(info.suffixes)) or rows.shape != (info.shards,):
            raise ManifestError(f"is no table of {info.shards} shards; {how}", location)
        return rows
