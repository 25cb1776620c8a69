"""Records and `dataset.json`: what a dataset is, read, written and checked."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from fgbg_data import storage
from fgbg_data.config import FORMAT_VERSION, READABLE_VERSIONS, fingerprint
from fgbg_data.errors import ManifestError
from fgbg_data.sample import FIELDS, PIXEL_FIELDS, Meta, canonical_json
from fgbg_data.shards.base import Index
from fgbg_data.sums import Sums

MANIFEST = "dataset.json"
_MEND = "restore it from a copy, or build the dataset anew in a new folder"


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
    def read(cls, path: storage.Location) -> Self:
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
        storage.write_text(record_path(folder, self.split, self.index), canonical_json(self.to_json()) + "\n")


@dataclass(kw_only=True)
class Manifest:
    """`dataset.json`: what a dataset is.

    Attributes:
        complete: False until every shard is finished.
        fingerprint: of everything that changes the dataset.
        identity: what the fingerprint was taken of: config, sources, skipped sources, estimator.
        fields: field -> suffix, dtype and shape.
        splits: split -> its samples, its shards, and its sources.
        shards: split, index, samples and files (format -> name, bytes, sha256) of every finished shard.
        statistics: field -> mean and standard deviation; empty until complete.
        provenance: kind/source id -> licence, author and url, where `sources.csv` tells them.
    """

    complete: bool
    fingerprint: str
    identity: dict[str, Any]
    fields: dict[str, Meta]
    splits: dict[str, Meta]
    shards: list[Meta] = field(default_factory=list)
    statistics: dict[str, Meta] = field(default_factory=dict)
    provenance: dict[str, dict[str, str]] = field(default_factory=dict)

    @classmethod
    def begin(
        cls,
        identity: dict[str, Any],
        *,
        fields: dict[str, Meta],
        splits: dict[str, Meta],
        provenance: dict[str, dict[str, str]],
    ) -> Self:
        """Return the manifest of a dataset of which no shard is made yet."""
        return cls(
            complete=False,
            fingerprint=identity_fingerprint(identity),
            identity=identity,
            fields=fields,
            splits=splits,
            provenance=provenance,
        )

    @property
    def samples(self) -> int:
        """Number of samples that the dataset has, or will have."""
        return sum(split["samples"] for split in self.splits.values())

    @property
    def bytes(self) -> int | None:
        """Size of all finished shards; None where they are loose files, which no record counts."""
        if "folder" in self.identity["config"]["format"]:
            return None
        return sum(int(file["bytes"]) for shard in self.shards for file in shard["files"].values())

    @classmethod
    def read(cls, folder: storage.Location) -> Self:
        """Read the manifest of a dataset.

        Raises:
            ManifestError: there is none, or it is damaged or of another format version.
        """
        path = storage.join(folder, MANIFEST)
        if isinstance(path, Path) and not path.is_file():
            raise ManifestError(f"{folder}: holds no {MANIFEST}; it is no dataset of fgbg-data build")
        value = read_json(path)
        del value["format_version"]
        try:
            manifest = cls(**value)
        except TypeError as error:
            raise ManifestError(f"{path}: is no manifest of a dataset; {_MEND}") from error
        for name, kind in _KINDS.items():
            if not isinstance(getattr(manifest, name), kind):
                raise ManifestError(f"{path}: is damaged at {name!r}; {_MEND}")
        try:
            _check_parts(manifest)
        except (TypeError, KeyError, AttributeError) as error:
            raise ManifestError(f"{path}: is damaged ({error!r}); {_MEND}") from error
        return manifest

    def write(self, folder: Path) -> None:
        """Write it to its place."""
        value = {"format_version": FORMAT_VERSION} | vars(self)
        text = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
        storage.write_text(folder / MANIFEST, text + "\n")

    def add_shards(self, records: list[Record]) -> None:
        """Take in the records of the finished shards, with statistics over all of them."""
        sums = Sums()
        self.shards = []
        for record in records:
            sums.add(record.sums)
            files = {
                name: {"name": file.name, "bytes": file.bytes, "sha256": file.sha256}
                for name, file in record.files.items()
            }
            self.shards.append(
                {"split": record.split, "index": record.index, "samples": record.samples, "files": files}
            )
        self.statistics = {
            name: {"count": self.samples, "mean": sums.fields[name].mean, "std": sums.fields[name].std}
            for name in FIELDS  # in this order, whether records come from memory or from files that sort their keys
            if name in sums.fields
        }


def _check_parts(manifest: Manifest) -> None:
    """Raise a TypeError, KeyError or AttributeError unless the parts that readers go by are what they should be."""
    _expect(manifest.identity, {"config": dict, "sources": dict})
    for entry in manifest.splits.values():
        _expect(entry, {"samples": int, "shards": int, "backgrounds": list, "foregrounds": list})
    for name, entry in manifest.fields.items():
        _expect(entry, {"dtype": str, "shape": list})
        shape = entry["shape"]
        if name in PIXEL_FIELDS and not (len(shape) in (2, 3) and all(isinstance(side, int) for side in shape)):
            raise TypeError(f"shape of {name} is {shape}")
    for entry in manifest.shards:
        _expect(entry, {"split": str, "index": int, "samples": int, "files": dict})
        for file in entry["files"].values():
            _expect(file, {"name": str, "bytes": int, "sha256": str})


def _check_record(value: dict[str, Any]) -> None:
    """Raise a TypeError, KeyError or AttributeError unless the parts of a record are what they should be."""
    _expect(value, {"fingerprint": str, "split": str, "index": int, "keys": list, "digests": list})
    if not all(isinstance(key, str) for key in value["keys"]):
        raise TypeError("keys are not all text")
    for entry in value["files"].values():
        _expect(entry, {"name": str, "bytes": int, "sha256": str, "index": dict})
    for entry in value["sums"].values():
        _expect(entry, {"top": int, "values": int, "total": list, "squares": list})
        if not all(isinstance(number, int) for number in entry["total"] + entry["squares"]):
            raise TypeError("sums are not all integers")


def _expect(value: dict[str, Any], types: dict[str, type]) -> None:
    for name, kind in types.items():
        if not isinstance(value[name], kind):
            raise TypeError(f"{name} is {type(value[name]).__name__}, expected {kind.__name__}")


def identity_fingerprint(identity: dict[str, Any]) -> str:
    """Return the fingerprint of a build: sources count by id and digest, skipped ones by kind and file."""
    sources = {kind: [(s["id"], s["sha256"]) for s in found] for kind, found in identity["sources"].items()}
    skipped = [(entry["kind"], entry["file"]) for entry in identity["skipped"]]
    return fingerprint(identity | {"sources": sources, "skipped": skipped})


_KINDS = {
    "fingerprint": str,
    "identity": dict,
    "fields": dict,
    "splits": dict,
    "shards": list,
    "statistics": dict,
    "provenance": dict,
}
"""Parts of a manifest -> their type in JSON."""


def shard_stem(split: str, index: int) -> str:
    """Return the name of a shard's files without suffix.

    >>> shard_stem("train", 7)
    'fgbg-train-000007'
    """
    return f"fgbg-{split}-{index:06d}"


def record_path(folder: Path, split: str, index: int) -> Path:
    """Return the path of a shard's record."""
    return folder / split / f"{shard_stem(split, index)}.json"


def read_json(path: storage.Location) -> dict[str, Any]:
    """Read one of our JSON files.

    Raises:
        ManifestError: it cannot be read, is no JSON object, or is of another format version.
    """
    try:
        value = json.loads(storage.read_text(path))
    except OSError as error:
        raise ManifestError(f"{path}: cannot be read ({error.strerror or error})") from error
    except ValueError as error:
        raise ManifestError(f"{path}: is not JSON ({error}); {_MEND}") from error
    version = value.get("format_version") if isinstance(value, dict) else None
    if version not in READABLE_VERSIONS:
        raise ManifestError(
            f"{path}: has format_version {version!r}, this fgbg reads {' and '.join(map(str, READABLE_VERSIONS))}. "
            "Install the version that wrote it, or build the dataset anew"
        )
    found: dict[str, Any] = value
    return found
