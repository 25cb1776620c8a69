"""`dataset.json`: what a dataset is, in frozen views of its JSON."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Self

from fgbg_data.dataset.classes import recorded_classes
from fgbg_data.dataset.identity import Identity
from fgbg_data.dataset.json_files import load
from fgbg_data.dataset.json_types import Count, JsonError, Side, SplitName
from fgbg_data.dataset.json_values import json_field, to_json
from fgbg_data.dataset.shard_table import TABLE_FROM, ShardEntry, ShardTable, TableInfo
from fgbg_data.dataset.statistics import Sums
from fgbg_data.errors import ManifestError
from fgbg_data.fields import FIELDS, fields_in_order, pixel_fields
from fgbg_data.key import KINDS, Kind
from fgbg_data.runtime import locations
from fgbg_data.runtime.files import write_new_text, write_text
from fgbg_data.runtime.locations import Location
from fgbg_data.shards.registry import installed_formats
from fgbg_data.shards.spec import ShardSpec
from fgbg_data.splits import ordered
from fgbg_data.versions import FORMAT_VERSION

MANIFEST = "dataset.json"


@dataclass(frozen=True)
class FieldInfo:
    """One field of the samples, as the dataset declares it."""

    dtype: str
    """Type of its array, or `object` for meta."""
    shape: tuple[Side, ...]
    """(H, W) or (H, W, 3) of every sample; empty for meta."""
    suffix: str
    """Suffix of its file in a tar: `KEY.SUFFIX`."""


@dataclass(frozen=True, kw_only=True)
class SplitInfo:
    """One split: how much it holds when the dataset is complete, and its sources."""

    samples: Count
    shards: Count
    backgrounds: tuple[str, ...]
    """Ids of its backgrounds."""
    foregrounds: tuple[str, ...]
    """Ids of its foregrounds."""

    def of(self, kind: Kind) -> tuple[str, ...]:
        """Return the ids of its sources of a kind."""
        return self.backgrounds if kind == "background" else self.foregrounds


@dataclass(frozen=True)
class FieldStatistics:
    """Statistics of one field over all pixels of all samples."""

    count: Count
    """Number of samples."""
    mean: tuple[float, ...]
    """Mean of each channel, in [0, 1]."""
    std: tuple[float, ...]
    """Standard deviation (of the population) of each channel, in [0, 1]."""


class SourceName(NamedTuple):
    """Names one source; in JSON `backgrounds/ID` or `foregrounds/ID`."""

    kind: Kind
    id: str

    @classmethod
    def from_json(cls, value: str) -> Self:
        """Return the source that a text names."""
        for kind in KINDS:
            if value.startswith(f"{kind}s/"):
                return cls(kind, value.removeprefix(f"{kind}s/"))
        raise JsonError("expected backgrounds/ID or foregrounds/ID")

    def to_json(self) -> str:
        """Return the text that names the source."""
        return f"{self.kind}s/{self.id}"


@dataclass(frozen=True, kw_only=True, repr=False)
class Manifest:
    """What a dataset is, as `dataset.json` says it.

    Raises:
        JsonError: the fields are not those of a dataset.
    """

    complete: bool
    """Whether every shard is finished."""
    fingerprint: str
    """32 hex digits of everything that changes the dataset."""
    identity: Identity
    """Everything that the fingerprint is computed from: options, sources, estimator, history."""
    fields: Mapping[str, FieldInfo]
    splits: Mapping[SplitName, SplitInfo]
    shards: Sequence[ShardEntry] = ()
    """All finished shards, in the order of the splits; empty until the dataset is complete."""
    statistics: Mapping[str, FieldStatistics] = field(default_factory=dict)
    """Field -> its statistics; empty until the dataset is complete."""
    provenance: Mapping[SourceName, Mapping[str, str]] = field(default_factory=dict)
    """Source -> licence, author and url, as far as `sources.csv` gives them."""
    notes: tuple[str, ...] = json_field(default=())
    """What the build found out about its sources, in sentences: copies, groups, faint and enlarged pictures."""
    classes: tuple[str, ...] = json_field(default=())
    """Classes of the foregrounds, by the alphabet; empty for the classic dataset and without folders of classes."""
    tables: Mapping[SplitName, TableInfo] = json_field(default_factory=dict, compare=False)
    """Split -> the table that lists its shards, for a dataset of very many; `shards` reads them when needed."""
    version: int = json_field(name="format_version", default=FORMAT_VERSION)
    """Format version of `dataset.json` itself; `identity.format_version` is that of the pixels."""

    def __post_init__(self) -> None:
        for name in FIELDS.own:
            if name not in self.fields and not FIELDS[name].optional:
                raise JsonError("is missing").inside(name).inside("fields")
        for name in self.known_fields:
            try:
                _check_field(name, self.fields[name])
            except JsonError as error:
                raise error.inside(name).inside("fields") from None

    @classmethod
    def begin(
        cls,
        identity: Identity,
        *,
        fields: Mapping[str, FieldInfo],
        splits: Mapping[str, SplitInfo],
        provenance: Mapping[SourceName, Mapping[str, str]],
    ) -> Self:
        """Return the manifest of a dataset without any finished shard."""
        return cls(
            complete=False,
            fingerprint=identity.fingerprint(),
            identity=identity,
            fields=fields,
            splits=splits,
            provenance=provenance,
            classes=recorded_classes(identity),
        )

    @classmethod
    def read(cls, folder: Location) -> Self:
        """Read the manifest of a dataset.

        Raises:
            ManifestError: the folder holds none, or it is damaged or of another format version; the text names the
                file and the field.
        """
        path = locations.join(folder, MANIFEST)
        if isinstance(path, Path) and not path.is_file():
            raise ManifestError(f"holds no {MANIFEST}; it is no dataset of fgbg-data build", folder)
        found = load(cls, path)
        return replace(found, shards=ShardTable(found.tables, folder)) if found.tables else found

    def write(self, folder: Location) -> None:
        """Write `dataset.json` into the folder of the dataset, and before it the tables of a dataset of many shards."""
        manifest = self
        if isinstance(self.shards, ShardTable):
            manifest = replace(self, shards=(), tables=self.shards.write(folder))
        write_text(locations.join(folder, MANIFEST), manifest._text())

    def write_new(self, folder: Location) -> None:
        """Write `dataset.json` if the folder has none; of several processes that do this at once, one succeeds."""
        write_new_text(locations.join(folder, MANIFEST), self._text())

    def _text(self) -> str:
        text = json.dumps(to_json(self), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
        return text + "\n"

    def finished(self, shards: ShardTable, sums: Sums) -> Self:
        """Return the manifest of the complete dataset.

        Args:
            shards: every shard, in the order of the splits.
            sums: sums over the pixels of all samples.
        """
        statistics = {
            name: FieldStatistics(self.samples, tuple(sums.fields[name].mean), tuple(sums.fields[name].std))
            for name in fields_in_order(sums.fields)  # records from files sort their keys, those in memory do not
        }
        listed = shards if len(shards) >= TABLE_FROM else tuple(shards)
        return replace(self, complete=True, shards=listed, statistics=statistics)

    def shards_of(self, split: str) -> Iterator[ShardEntry]:
        """Yield the finished shards of a split, in order; of a dataset with tables, only that of the split is read."""
        if isinstance(self.shards, ShardTable):
            yield from self.shards.of(split)
        else:
            yield from (entry for entry in self.shards if entry.split == split)

    def __repr__(self) -> str:
        """Return one line, because a notebook shows what a cell ends with; `to_json` and the attributes give all."""
        splits = ", ".join(f"{name} {self.splits[name].samples:,}" for name in ordered(self.splits))
        fields, formats = ",".join(self.known_fields), ",".join(self.identity.config.format)
        state = "" if self.complete else ", not finished"
        return (
            f"Manifest({self.samples:,} samples ({splits}), fields={fields}, format={formats}, "
            f"fingerprint={self.fingerprint[:8]}{state})"
        )

    @property
    def samples(self) -> int:
        """Number of samples that the dataset has when it is complete."""
        return sum(split.samples for split in self.splits.values())

    @property
    def bytes(self) -> int | None:
        """Size of all finished shards in bytes; None for loose files, which no record counts."""
        if not all(fmt.is_one_file for fmt in installed_formats(self.identity.config.format)):
            return None
        if isinstance(self.shards, ShardTable):
            return self.shards.bytes
        return sum(file.bytes for shard in self.shards for file in shard.files.values())

    @cached_property
    def known_fields(self) -> tuple[str, ...]:
        """Names of its fields, in the order of a tar, without those of packages that are not installed."""
        return fields_in_order(self.fields)

    @property
    def unknown_fields(self) -> tuple[str, ...]:
        """Names of its fields that belong to packages that are not installed, by the alphabet."""
        return tuple(sorted(self.fields.keys() - set(self.known_fields)))

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Pixel field -> shape of its array, (H, W) or (H, W, 3), in the order of a tar."""
        return {name: self.fields[name].shape for name in pixel_fields(self.fields)}


def declared_fields(spec: ShardSpec) -> dict[str, FieldInfo]:
    """Return the declarations of the fields of a dataset whose shards follow `spec`."""
    return {
        name: FieldInfo(dtype=FIELDS[name].dtype, shape=tuple(spec.shapes.get(name, ())), suffix=suffix)
        for name, suffix in spec.suffixes.items()
    }


def _check_field(name: str, found: FieldInfo) -> None:
    """Check that the declaration of a field fits the table of fields.

    Raises:
        JsonError: its dtype, suffix or shape is another one.
    """
    known = FIELDS[name]
    if found.dtype != known.dtype:
        raise JsonError(f"expected {known.dtype}, found {found.dtype}").inside("dtype")
    if found.suffix not in known.file_suffixes:
        raise JsonError(f"expected {' or '.join(known.file_suffixes)}, found {found.suffix!r}").inside("suffix")
    if name != "meta" and known.decode_file is None:
        channels = (known.channels,) if known.channels else ()
        if len(found.shape) != 2 + len(channels) or found.shape[2:] != channels:
            expected = "[height, width, 3]" if channels else "[height, width]"
            raise JsonError(f"expected {expected}, found {list(found.shape)}").inside("shape")
