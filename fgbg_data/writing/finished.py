"""The finished shards of a dataset: what the manifest needs of their records, and not the keys of every sample."""

from collections.abc import Mapping, Sequence

import numpy as np

from fgbg_data.dataset.record import ShardRecord, record_path
from fgbg_data.dataset.shard_table import ShardTable, TableInfo, row_type
from fgbg_data.dataset.statistics import Sums
from fgbg_data.errors import ManifestError
from fgbg_data.shards import load_format


class FinishedShards:
    """Collects finished shards, in any order. A million of them in one format take 44 MB.

    Args:
        splits: split -> number of its shards, in order.
        formats: names of the formats.
    """

    def __init__(self, splits: Mapping[str, int], formats: Sequence[str]) -> None:
        self._formats = tuple(sorted(formats))
        # The system gives memory only for rows that are written, so a part of many costs little.
        self._rows = {split: np.zeros(shards, row_type(len(self._formats))) for split, shards in splits.items()}
        self._count = 0
        self.sums = Sums()
        """Sums over the pixels of all their samples."""
        self.samples = 0
        """Number of their samples."""

    def __len__(self) -> int:
        return self._count

    def add(self, record: ShardRecord) -> None:
        """Add a shard.

        Raises:
            ManifestError: the record holds a text that is no SHA-256.
        """
        row = self._rows[record.split][record.index]
        row["samples"] = record.samples
        for column, name in enumerate(self._formats):
            file = record.files[name]
            row["bytes"][column] = file.bytes
            try:
                row["sha256"][column] = np.frombuffer(bytes.fromhex(file.sha256), np.uint8)
            except ValueError as error:
                path = record_path("", record.split, record.index)
                raise ManifestError(f"{path}: {file.sha256[:80]!r} is no SHA-256; remove the record") from error
        self.sums.add(record.sums)
        self.samples += record.samples
        self._count += 1

    def table(self) -> ShardTable:
        """Return all shards, in order."""
        suffixes = {name: load_format(name).suffix for name in self._formats}
        infos = {split: TableInfo(sha256="", shards=len(rows), suffixes=suffixes) for split, rows in self._rows.items()}
        return ShardTable(infos, rows=self._rows)
