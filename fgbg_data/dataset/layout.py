"""Where the shards of a dataset are: by its manifest, by the records of an unfinished build, or by their names."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, cast, overload

from fgbg_data.dataset.file_names import OUR_NAME, Listing, shard_numbers, shard_stem_of
from fgbg_data.dataset.manifest import MANIFEST, Manifest
from fgbg_data.dataset.record import ShardRecord, shard_stem
from fgbg_data.dataset.shard_table import ShardEntry, ShardTable
from fgbg_data.errors import ManifestError, ShardError, StorageError
from fgbg_data.runtime import locations
from fgbg_data.runtime.locations import Location
from fgbg_data.shards.registry import FORMATS, fastest_first, format_options, format_suffixes, load_format
from fgbg_data.splits import ordered


class UnfinishedWarning(UserWarning):
    """The build of the dataset that is opened has not finished."""


@dataclass(frozen=True, kw_only=True)
class ShardLocation:
    """One shard, as found in a folder."""

    folder: Location
    """Folder that holds its files."""
    split: str
    """Split of the shard."""
    stem: str
    """Name of its files, without suffix."""
    files: dict[str, str]
    """Format -> name of the file, for files that exist and have the size that manifest or record states."""
    samples: int | None
    """Number of its samples, or None if neither manifest nor record states it."""
    has_record: bool
    """Whether its record lies beside it."""

    @property
    def record_location(self) -> Location:
        """Location of its record."""
        return locations.join(self.folder, f"{self.stem}.json")

    def file(self, format_name: str) -> Location:
        """Return the location of its file in a format."""
        return locations.join(self.folder, self.files[format_name])


class ListedShards(Sequence[ShardLocation]):
    """The shards of a split whose files are all as a table lists them. Each location is made when it is asked for.

    Args:
        folder: folder that holds their files.
        split: name of the split.
        suffixes: format -> suffix of its files.
        samples: number of samples in each shard.
    """

    def __init__(self, folder: Location, split: str, suffixes: Mapping[str, str], samples: list[int]) -> None:
        self._folder, self._split = folder, split
        self.suffixes = dict(suffixes)
        """Format -> suffix of its files."""
        self.samples = samples
        """Number of samples in each shard."""

    def __len__(self) -> int:
        return len(self.samples)

    @overload
    def __getitem__(self, item: int) -> ShardLocation: ...

    @overload
    def __getitem__(self, item: slice) -> list[ShardLocation]: ...

    def __getitem__(self, item: int | slice) -> ShardLocation | list[ShardLocation]:
        if isinstance(item, slice):
            return [self[index] for index in range(*item.indices(len(self)))]
        index = range(len(self))[item]
        stem = shard_stem(self._split, index)
        return ShardLocation(
            folder=self._folder,
            split=self._split,
            stem=stem,
            files={name: stem + suffix for name, suffix in self.suffixes.items()},
            samples=self.samples[index],
            has_record=True,
        )


@dataclass(kw_only=True)
class Layout:
    """The shards of one split of a dataset."""

    manifest: Manifest | None
    """Manifest of the dataset, or None if there is no `dataset.json`."""
    splits: tuple[str, ...]
    """Names of all splits of the dataset."""
    split: str
    """The split whose shards are listed."""
    shards: Sequence[ShardLocation] = field(default_factory=list)
    """Its shards, in order."""
    missing: list["MissingShard"] = field(default_factory=list)
    """Shards that cannot be read."""
    fingerprint: str = ""
    """Fingerprint of the dataset; empty if neither manifest nor record states it."""
    unfinished: str = ""
    """Warning text if the build is unfinished, else empty."""

    def add(self, shard: ShardLocation) -> None:
        """Add a shard at the end."""
        cast("list[ShardLocation]", self.shards).append(shard)

    def warn(self, stacklevel: int) -> None:
        """Warn if the build has not finished; `stacklevel` counts from the caller of this method."""
        if self.unfinished:
            warnings.warn(self.unfinished, UnfinishedWarning, stacklevel=stacklevel + 1)


class FoundSplit(NamedTuple):
    """The shards of one split, as their names show them."""

    folder: Location
    """Folder that holds them."""
    stems: list[str]
    """Names of their files without suffix, in order."""
    names: Listing
    """What the folder holds."""


class MissingShard(NamedTuple):
    """A shard that a dataset should have and that cannot be read."""

    stem: str
    """Name of its files without suffix."""
    problem: str
    """What is wrong, with the location of the file."""
    samples: int
    """Number of samples that it should hold."""


def find_shards(root: Location, split: str) -> Layout:
    """List the shards of a split.

    Raises:
        StorageError: the folder cannot be read, or holds no shard.
        ShardError: there is no such split.
        ManifestError: the manifest is damaged, or the folder holds shards of two datasets.
    """
    if _is_shard(root) or MANIFEST not in locations.listing(root):
        return _by_names(root, split)
    return _by_manifest(root, split, Manifest.read(root))


def find_splits(root: Location) -> tuple[str, ...]:
    """Return the names of the splits of a dataset.

    Raises:
        FgbgError: there is no dataset, or its manifest is damaged.
    """
    if not _is_shard(root) and MANIFEST in locations.listing(root):
        return ordered(Manifest.read(root).splits)
    return ordered(found_shards(root))


def found_shards(root: Location) -> dict[str, FoundSplit]:
    """Return split -> its shards, without reading the manifest.

    The shards of a folder are split by their names; if it holds none, its subfolders are the splits.

    Raises:
        StorageError: there is no shard.
    """
    if _is_shard(root):
        folder, name = locations.parent(root)
        size = locations.listing(folder).get(name)
        if size is None:
            raise StorageError(f"{root}: there is no such file")
        names: Listing = {name: size}
    else:
        folder, names = root, locations.listing(root)
    found: dict[str, FoundSplit] = {}
    for stem in _stems(names):
        ours = OUR_NAME.fullmatch(stem)
        split = ours["split"] if ours else "train"
        found.setdefault(split, FoundSplit(folder, [], names)).stems.append(stem)
    if found:
        return found
    for name, size in names.items():
        if size is None and not name.startswith("."):
            inside = locations.listing(locations.join(root, name))
            stems = _stems(inside)
            if stems:
                found[name] = FoundSplit(locations.join(root, name), stems, inside)
    if not found:
        kinds = " or ".join(f"*{suffix}" for suffix in format_suffixes())
        raise StorageError(f"{root}: holds no shard ({kinds}), nor does a folder in it")
    return found


def format_of_files(layout: Layout) -> str | None:
    """Return the format with encoded files that all shards have, or None if there is none."""
    options = format_options(layout.manifest.identity.config.values if layout.manifest else {})
    for name in fastest_first({name for shard in layout.shards for name in shard.files}, options):
        if load_format(name).holds_files(options) and all(name in shard.files for shard in layout.shards):
            return name
    return None


# --- by the manifest --------------------------------------------------------------------------------------


def _by_manifest(root: Location, split: str, manifest: Manifest) -> Layout:
    layout = Layout(manifest=manifest, splits=ordered(manifest.splits), split=split, fingerprint=manifest.fingerprint)
    _check_split(root, layout)
    folder = locations.join(root, split)
    names = locations.listing(folder) if split in locations.listing(root) else {}
    if not manifest.complete:
        _add_unfinished(root, folder, names, layout)
        return layout
    if isinstance(manifest.shards, ShardTable):
        listed = _in_table(folder, names, split, manifest.shards)
        if listed is not None:
            layout.shards = listed
            return layout
    found = (_listed(folder, names, entry, layout) for entry in manifest.shards_of(split))
    layout.shards = [shard for shard in found if shard is not None]
    return layout


def _in_table(folder: Location, names: Listing, split: str, table: ShardTable) -> ListedShards | None:
    """Return the shards of a table, if every file has the size that it states and every record exists; else None."""
    rows, suffixes = table.rows(split), table.suffixes(split)
    if not FORMATS.keys() >= suffixes.keys():
        return None
    for column, suffix in enumerate(suffixes.values()):
        for index, size in enumerate(rows["bytes"][:, column].tolist()):
            if names.get(shard_stem(split, index) + suffix) != size:
                return None
    if any(f"{shard_stem(split, index)}.json" not in names for index in range(len(rows))):
        return None
    return ListedShards(folder, split, suffixes, rows["samples"].tolist())


def _listed(folder: Location, names: Listing, entry: ShardEntry, layout: Layout) -> ShardLocation | None:
    """Return a shard that the manifest lists; if it has no usable file, add it to the missing ones and return None.

    Its files of another size, or of unknown formats, are left out.
    """
    stem = shard_stem(entry.split, entry.index)
    problems, files = [], {}
    for format_name, file in entry.files.items():
        location, found = locations.join(folder, file.name), names.get(file.name)
        if format_name not in FORMATS:
            problems.append(f"{location}: is of the format {format_name!r}, which this fgbg does not know")
        elif found is None:
            problems.append(f"{location}: is missing, {MANIFEST} names it")
        elif found != file.bytes:
            problems.append(f"{location}: is {found} bytes, {MANIFEST} says {file.bytes}; truncated or changed")
        else:
            files[format_name] = file.name
    if not files:
        problem = "; ".join(problems) or f"{locations.join(folder, stem)}: has no file in {MANIFEST}"
        layout.missing.append(MissingShard(stem, problem, entry.samples))
        return None
    return ShardLocation(
        folder=folder,
        split=entry.split,
        stem=stem,
        files=files,
        samples=entry.samples,
        has_record=f"{stem}.json" in names,
    )


def _add_unfinished(root: Location, folder: Location, names: Listing, layout: Layout) -> None:
    """Add the shards that have a record, which is written last."""
    total = layout.manifest.splits[layout.split].shards if layout.manifest else 0
    for index in shard_numbers(names, layout.split, total):
        stem = shard_stem(layout.split, index)
        record = _read_record(folder, stem, layout) if f"{stem}.json" in names else None
        if record is not None:
            _add_recorded(folder, stem, names, record, layout)
    layout.unfinished = (
        f"{root}: the build of this dataset is not finished: {len(layout.shards)} of {total} shards of {layout.split} "
        "are there. Run the same build command to finish it"
    )


# --- by names and records ---------------------------------------------------------------------------------


def _by_names(root: Location, split: str) -> Layout:
    found = found_shards(root)
    layout = Layout(manifest=None, splits=ordered(found), split=split)
    _check_split(root, layout)
    folder, stems, names = found[split]
    for stem in stems:
        record = _read_record(folder, stem, layout) if f"{stem}.json" in names else None
        if record is not None:
            _add_recorded(folder, stem, names, record, layout)
            continue
        files = {name: stem + suffix for suffix, name in format_suffixes().items() if stem + suffix in names}
        if files:  # else an unreadable record lies there alone
            layout.add(
                ShardLocation(folder=folder, split=split, stem=stem, files=files, samples=None, has_record=False)
            )
    return layout


def _is_shard(root: Location) -> bool:
    """Return whether a path is that of one shard, by its name."""
    if isinstance(root, Path) and root.is_dir():
        return False
    return shard_stem_of(locations.parent(root)[1]) is not None


def _stems(names: Listing) -> list[str]:
    """Return the names of shards without suffix, each once and in order; a record of ours alone counts as a shard."""
    files = [name for name, size in names.items() if size is not None and not name.startswith(".")]
    suffixes = format_suffixes()
    found = {stem for name in files if (stem := shard_stem_of(name, suffixes)) is not None}
    recorded = {name.removesuffix(".json") for name in files if name.endswith(".json")}
    return sorted(found | {stem for stem in recorded if OUR_NAME.fullmatch(stem)})


def _read_record(folder: Location, stem: str, layout: Layout) -> ShardRecord | None:
    """Return the record of a shard, or None if it is missing or unreadable: a scan of the shard finds the same.

    Raises:
        ManifestError: it belongs to another dataset than the records before it.
    """
    try:
        record = ShardRecord.read(locations.join(folder, f"{stem}.json"))
    except ManifestError:
        return None
    if layout.fingerprint and record.fingerprint != layout.fingerprint:
        raise ManifestError(
            f"{folder}: holds shards of two datasets (fingerprints {layout.fingerprint[:8]} and "
            f"{record.fingerprint[:8]}, the latter in {stem}.json). Keep each dataset in a folder of its own"
        )
    layout.fingerprint = record.fingerprint
    return record


def _add_recorded(folder: Location, stem: str, names: Listing, record: ShardRecord, layout: Layout) -> None:
    """Add a shard as its record describes it; its files of another size, or of unknown formats, are left out."""
    files = {
        name: file.name for name, file in record.files.items() if name in FORMATS and names.get(file.name) == file.bytes
    }
    if files:
        layout.add(
            ShardLocation(
                folder=folder, split=layout.split, stem=stem, files=files, samples=record.samples, has_record=True
            )
        )
    else:
        problem = (
            f"{locations.join(folder, stem)}: no file of it has the size that its record says; truncated or missing"
        )
        layout.missing.append(MissingShard(stem, problem, record.samples))


def _check_split(root: Location, layout: Layout) -> None:
    if layout.split not in layout.splits:
        raise ShardError(f"{root}: has no split {layout.split!r}; there are {', '.join(layout.splits)}")
