"""Records: the small JSON files that say that a shard is finished."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from fgbg_data.dataset.identity import FORMAT_VERSION
from fgbg_data.dataset.json_files import expect, read_json
from fgbg_data.dataset.statistics import Sums
from fgbg_data.errors import ManifestError
from fgbg_data.runtime.files import write_text
from fgbg_data.runtime.locations import Location
from fgbg_data.sample import canonical_json
from fgbg_data.shards.base import Index


@dataclass(kw_only=True)
class ShardFile:
    """One file of a shard.

    Attributes:
        name: file name, in the folder of the split.
        bytes: size.
        sha256: as `sha256sum` prints it.
        index: how its format finds a sample in it.
    """

    name: str
    bytes: int
    sha256: str
    index: Index


@dataclass(kw_only=True)
class Record:
    """Says that a shard is finished; written after its files.

    Attributes:
        fingerprint: of the build.
        split: the shard's split.
        index: its number in the split.
        keys: of its samples, in order.
        digests: of its samples (`sample_digest`).
        mask_area_px: of its samples.
        sums: over its samples.
        files: format name -> file.
    """

    fingerprint: str
    split: str
    index: int
    keys: list[str] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    mask_area_px: list[int] = field(default_factory=list)
    sums: Sums = field(default_factory=Sums)
    files: dict[str, ShardFile] = field(default_factory=dict)

    @property
    def samples(self) -> int:
        """Number of samples in the shard."""
        return len(self.keys)

    @property
    def bytes(self) -> int:
        """Size of its files."""
        return sum(file.bytes for file in self.files.values())

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form, as it stands in the file."""
        return vars(self) | {
            "format_version": FORMAT_VERSION,
            "samples": self.samples,
            "sums": self.sums.to_json(),
            "files": {name: vars(file) for name, file in self.files.items()},
        }

    @classmethod
    def read(cls, path: Location) -> Self:
        """Read a record.

        Raises:
            ManifestError: it cannot be read or is of another format version.
        """
        value = read_json(path)
        try:
            del value["samples"], value["format_version"]
            _check_record(value)
            value["sums"] = Sums.from_json(value["sums"])
            value["files"] = {name: ShardFile(**file) for name, file in value["files"].items()}
            return cls(**value)
        except (KeyError, TypeError, AttributeError) as error:
            raise ManifestError(
                f"{path}: is no record of a shard ({error!r}). Remove it, and the same build command makes it again"
            ) from error

    def write(self, folder: Path) -> None:
        """Write it to its place in a dataset."""
        write_text(record_path(folder, self.split, self.index), canonical_json(self.to_json()) + "\n")


def _check_record(value: dict[str, Any]) -> None:
    """Raise a TypeError, KeyError or AttributeError unless the parts of a record are what they should be."""
    expect(value, {"fingerprint": str, "split": str, "index": int, "keys": list, "digests": list})
    if not all(isinstance(key, str) for key in value["keys"]):
        raise TypeError("keys are not all text")
    for entry in value["files"].values():
        expect(entry, {"name": str, "bytes": int, "sha256": str, "index": dict})
    for entry in value["sums"].values():
        expect(entry, {"top": int, "values": int, "total": list, "squares": list})
        if not all(isinstance(number, int) for number in entry["total"] + entry["squares"]):
            raise TypeError("sums are not all integers")


def shard_stem(split: str, index: int) -> str:
    """Return the name of a shard's files without suffix.

    >>> shard_stem("train", 7)
    'fgbg-train-000007'
    """
    return f"fgbg-{split}-{index:06d}"


def record_path(folder: Path, split: str, index: int) -> Path:
    """Return the path of a shard's record."""
    return folder / split / f"{shard_stem(split, index)}.json"
