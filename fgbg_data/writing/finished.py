"""The finished shards of a dataset: what the manifest needs of their records, and not the keys of every sample."""

from collections.abc import Iterable

from fgbg_data.dataset.manifest import ShardEntry
from fgbg_data.dataset.record import ShardRecord
from fgbg_data.dataset.statistics import Sums


class FinishedShards:
    """Collects finished shards, in any order."""

    def __init__(self) -> None:
        self._entries: list[ShardEntry] = []
        self.sums = Sums()
        """Sums over the pixels of all their samples."""
        self.samples = 0
        """Number of their samples."""
        self.bytes = 0
        """Size of their files."""

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, record: ShardRecord) -> None:
        """Add a shard."""
        files = {name: file.entry for name, file in record.files.items()}
        self._entries.append(ShardEntry(record.split, record.index, record.samples, files))
        self.sums.add(record.sums)
        self.samples += record.samples
        self.bytes += record.bytes

    def in_order(self, splits: Iterable[str]) -> list[ShardEntry]:
        """Return the shards as a manifest lists them.

        Args:
            splits: names of the splits, in order.
        """
        order = {split: number for number, split in enumerate(splits)}
        return sorted(self._entries, key=lambda entry: (order[entry.split], entry.index))
