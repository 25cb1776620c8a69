"""Records: the small JSON files that say that a shard is finished."""

from dataclasses import dataclass, field
from typing import Any, Self

from fgbg_data.dataset.json_files import load
from fgbg_data.dataset.json_types import Count, FileName, FormatName, JsonError, SplitName
from fgbg_data.dataset.json_values import json_field, read_fields, write_fields
from fgbg_data.dataset.statistics import Sums
from fgbg_data.runtime.files import write_text
from fgbg_data.runtime.locations import Location, join
from fgbg_data.sample import canonical_json
from fgbg_data.shards.spec import Index
from fgbg_data.versions import FORMAT_VERSION


@dataclass(frozen=True, kw_only=True)
class FileEntry:
    """One file of a shard."""

    name: FileName
    """Name in the folder of the split."""
    bytes: Count
    """Size."""
    sha256: str
    """Digest, as `sha256sum` prints it."""


@dataclass(frozen=True, kw_only=True)
class ShardFile(FileEntry):
    """One file of a shard, and where its samples are."""

    index: Index
    """What lets a reader of its format reach any sample without a scan."""

    @property
    def entry(self) -> FileEntry:
        """The file as the manifest lists it, without the index."""
        return FileEntry(name=self.name, bytes=self.bytes, sha256=self.sha256)


@dataclass(kw_only=True)
class ShardRecord:
    """The record that says that a shard is finished. It is written after the shard's files.

    Raises:
        JsonError: `keys`, `digests` and `mask_area_px` differ in length.
    """

    fingerprint: str
    """Fingerprint of the dataset."""
    split: SplitName
    """Split of the shard."""
    index: Count
    """Number of the shard in its split, from 0."""
    keys: list[str] = field(default_factory=list)
    """Keys of its samples, in order."""
    digests: list[str] = field(default_factory=list)
    """`sample_digest` of each sample."""
    mask_area_px: list[Count] = field(default_factory=list)
    """Pixels that the mask of each sample covers."""
    sums: Sums = field(default_factory=Sums)
    """Sums over the pixels of its samples."""
    files: dict[FormatName, ShardFile] = field(default_factory=dict)
    """Name of a format -> the shard's file in that format."""
    version: int = json_field(name="format_version", default=FORMAT_VERSION)
    """Format version of the record and of the shard's files; it says how the digests were taken."""

    def __post_init__(self) -> None:
        if not len(self.keys) == len(self.digests) == len(self.mask_area_px):
            raise JsonError("keys, digests and areas differ in length; the record was edited")

    @property
    def samples(self) -> int:
        """Number of samples in the shard."""
        return len(self.keys)

    @property
    def bytes(self) -> int:
        """Size of its files."""
        return sum(file.bytes for file in self.files.values())

    @classmethod
    def read(cls, location: Location) -> Self:
        """Read a record.

        Raises:
            ManifestError: it cannot be read, is damaged or is of another format version; the text names the file and
                the field.
        """
        return load(cls, location, _HOW_TO_MEND)

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Return the record that a file holds; the file also states the number of samples."""
        samples = value.pop("samples", None) if isinstance(value, dict) else None
        record = read_fields(cls, value)
        if type(samples) is not int or samples != record.samples:
            raise JsonError(f"expected {record.samples}, the number of keys").inside("samples")
        return record

    def to_json(self) -> dict[str, Any]:
        """Return the JSON value of the record."""
        return write_fields(self) | {"samples": self.samples}

    def write(self, folder: Location) -> None:
        """Write the record into the folder of the dataset, beside the shard."""
        write_text(record_path(folder, self.split, self.index), canonical_json(self.to_json()) + "\n")


_HOW_TO_MEND = "remove the record, and the same build command makes the shard again"


def shard_stem(split: str, index: int) -> str:
    """Return the name of a shard's files without suffix.

    >>> shard_stem("train", 7)
    'fgbg-train-000007'
    """
    return f"fgbg-{split}-{index:06d}"


def record_path(folder: Location, split: str, index: int) -> Location:
    """Return the location of a shard's record in the folder of a dataset."""
    return join(join(folder, split), f"{shard_stem(split, index)}.json")
