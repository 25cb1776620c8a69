"""Records and `dataset.json`: what a dataset is, read, written and checked."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from fgbg_data.dataset.identity import FORMAT_VERSION, identity_fingerprint
from fgbg_data.dataset.json_files import HOW_TO_MEND, expect, read_json
from fgbg_data.dataset.record import Record
from fgbg_data.dataset.statistics import Sums
from fgbg_data.errors import ManifestError
from fgbg_data.runtime import locations
from fgbg_data.runtime.files import write_text
from fgbg_data.runtime.locations import Location
from fgbg_data.sample import FIELDS, PIXEL_FIELDS, Meta

MANIFEST = "dataset.json"


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
    def read(cls, folder: Location) -> Self:
        """Read the manifest of a dataset.

        Raises:
            ManifestError: there is none, or it is damaged or of another format version.
        """
        path = locations.join(folder, MANIFEST)
        if isinstance(path, Path) and not path.is_file():
            raise ManifestError(f"{folder}: holds no {MANIFEST}; it is no dataset of fgbg-data build")
        value = read_json(path)
        del value["format_version"]
        try:
            manifest = cls(**value)
        except TypeError as error:
            raise ManifestError(f"{path}: is no manifest of a dataset; {HOW_TO_MEND}") from error
        for name, kind in _KINDS.items():
            if not isinstance(getattr(manifest, name), kind):
                raise ManifestError(f"{path}: is damaged at {name!r}; {HOW_TO_MEND}")
        try:
            _check_parts(manifest)
        except (TypeError, KeyError, AttributeError) as error:
            raise ManifestError(f"{path}: is damaged ({error!r}); {HOW_TO_MEND}") from error
        return manifest

    def write(self, folder: Path) -> None:
        """Write it to its place."""
        value = {"format_version": FORMAT_VERSION} | vars(self)
        text = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
        write_text(folder / MANIFEST, text + "\n")

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
    expect(manifest.identity, {"config": dict, "sources": dict})
    for entry in manifest.splits.values():
        expect(entry, {"samples": int, "shards": int, "backgrounds": list, "foregrounds": list})
    for name, entry in manifest.fields.items():
        expect(entry, {"dtype": str, "shape": list})
        shape = entry["shape"]
        if name in PIXEL_FIELDS and not (len(shape) in (2, 3) and all(isinstance(side, int) for side in shape)):
            raise TypeError(f"shape of {name} is {shape}")
    for entry in manifest.shards:
        expect(entry, {"split": str, "index": int, "samples": int, "files": dict})
        for file in entry["files"].values():
            expect(file, {"name": str, "bytes": int, "sha256": str})


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
