"""Where the shards of a dataset are: by its manifest, by the records of an unfinished build, or by what lies there."""

import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from fgbg_data.dataset.manifest import MANIFEST, Manifest
from fgbg_data.dataset.record import Record, shard_stem
from fgbg_data.errors import FgbgError, ManifestError, ShardError, StorageError
from fgbg_data.runtime import locations
from fgbg_data.runtime.locations import Location
from fgbg_data.runtime.locks import LOCK, WORKERS_LOCK
from fgbg_data.shards import FORMATS, load_format

SOURCE_DEPTH = ".source-depth"
"""Folder beside the shards where a build keeps the depth of its sources until it is finished."""
NOT_DATA = {LOCK, WORKERS_LOCK, SOURCE_DEPTH, "build.log"}
"""Names in the folder of a dataset that are no part of it."""
_OUR_NAME = re.compile(r"fgbg-(?P<split>.+)-\d{6,}$")


class UnfinishedWarning(UserWarning):
    """A dataset is opened whose build has not finished."""


@dataclass(frozen=True, kw_only=True)
class ShardPlace:
    """One shard, as found in a folder.

    Attributes:
        folder: where its files are.
        split: the shard's split.
        stem: name of its files, without suffix.
        files: format -> name of the file, of those that are there and of the size that the manifest tells.
        samples: how many, where the manifest or the record tells.
        has_record: whether a record lies beside it.
    """

    folder: Location
    split: str
    stem: str
    files: dict[str, str]
    samples: int | None
    has_record: bool

    @property
    def record_place(self) -> Location:
        """Where its record is."""
        return locations.join(self.folder, f"{self.stem}.json")

    def place(self, form: str) -> Location:
        """Where its file of a format is."""
        return locations.join(self.folder, self.files[form])


@dataclass(kw_only=True)
class Layout:
    """The shards of one split of a dataset.

    Attributes:
        manifest: of the dataset, or None.
        splits: names of all splits.
        split: the one whose shards are listed.
        shards: in order.
        missing: what is wrong with shards that cannot be listed, each with the samples that it should hold.
        fingerprint: of the build, empty where nothing tells it.
        unfinished: that the build has not finished, in words; empty if it has.
    """

    manifest: Manifest | None
    splits: tuple[str, ...]
    split: str
    shards: list[ShardPlace] = field(default_factory=list)
    missing: list[tuple[str, int]] = field(default_factory=list)
    fingerprint: str = ""
    unfinished: str = ""

    def warn(self, stacklevel: int) -> None:
        """Warn if the build has not finished; the caller's caller is one level more."""
        if self.unfinished:
            warnings.warn(self.unfinished, UnfinishedWarning, stacklevel=stacklevel + 1)


def find_shards(root: Location, split: str) -> Layout:
    """List the shards of a split.

    Raises:
        StorageError: the folder cannot be read, or holds no shard.
        ShardError: there is no such split.
        ManifestError: the manifest is damaged, or the folder holds shards of two datasets.
    """
    if _is_shard(root):
        return _bare(root, split)
    if MANIFEST in locations.listing(root):
        return _by_manifest(root, split, Manifest.read(root))
    return _bare(root, split)


def find_splits(root: Location) -> tuple[str, ...]:
    """Return the names of the splits of a dataset.

    Raises:
        FgbgError: there is no dataset, or its manifest is damaged.
    """
    if not _is_shard(root) and MANIFEST in locations.listing(root):
        return _in_order(Manifest.read(root).splits)
    return _in_order(found_shards(root))


def suffixes() -> dict[str, str]:
    """Return file suffix -> format.

    >>> suffixes()[".tar"]
    'tar'
    """
    return {load_format(name).suffix: name for name in FORMATS}


def shard_stem_of(name: str) -> str | None:
    """Return the name of a shard's file without its suffix, None for other files.

    >>> shard_stem_of("fgbg-train-000007.h5")
    'fgbg-train-000007'
    """
    return next((name[: -len(suffix)] for suffix in suffixes() if name.endswith(suffix) and name != suffix), None)


def _by_manifest(root: Location, split: str, manifest: Manifest) -> Layout:
    layout = Layout(manifest=manifest, splits=_in_order(manifest.splits), split=split, fingerprint=manifest.fingerprint)
    _check_split(root, layout)
    if not manifest.complete:
        _add_unfinished(root, layout, manifest)
        return layout
    folder = locations.join(root, split)
    names = locations.listing(folder) if split in locations.listing(root) else {}
    for entry in manifest.shards:
        if entry["split"] != split:
            continue
        problems, files = [], {}
        for form, file in entry["files"].items():
            found = names.get(file["name"])
            if found is None:
                problems.append(f"{locations.join(folder, file['name'])}: is missing, {MANIFEST} names it")
            elif found != file["bytes"]:
                problems.append(
                    f"{locations.join(folder, file['name'])}: is {found} bytes, {MANIFEST} says {file['bytes']}; "
                    "truncated or changed"
                )
            else:
                files[form] = file["name"]
        if not files:
            layout.missing.append(("; ".join(problems), entry["samples"]))
            continue
        stem = shard_stem(split, entry["index"])
        layout.shards.append(
            ShardPlace(
                folder=folder,
                split=split,
                stem=stem,
                files=files,
                samples=entry["samples"],
                has_record=f"{stem}.json" in names,
            )
        )
    return layout


def _add_unfinished(root: Location, layout: Layout, manifest: Manifest) -> None:
    """List the shards that have a record, which is written last."""
    split = layout.split
    total = manifest.splits[split]["shards"]
    if split in locations.listing(root):
        folder = locations.join(root, split)
        names = locations.listing(folder)
        for stem in (shard_stem(split, index) for index in range(total)):
            record = _read_record(folder, stem, layout) if f"{stem}.json" in names else None
            if record is not None:
                _add_recorded(folder, stem, names, record, layout)
    layout.unfinished = (
        f"{root}: the build of this dataset is not finished: {len(layout.shards)} of {total} shards of {split} are "
        "there. Run the same build command to finish it"
    )


def _bare(root: Location, split: str) -> Layout:
    """List shards without a manifest: files of a folder, or of its subfolders, which are then the splits."""
    found = found_shards(root)
    layout = Layout(manifest=None, splits=_in_order(found), split=split)
    _check_split(root, layout)
    folder, stems, names = found[split]
    for stem in stems:
        record = _read_record(folder, stem, layout) if f"{stem}.json" in names else None
        if record is not None:
            _add_recorded(folder, stem, names, record, layout)
            continue
        files = {form: stem + suffix for suffix, form in suffixes().items() if stem + suffix in names}
        if not files:
            continue  # an unreadable record, and nothing beside it
        layout.shards.append(
            ShardPlace(folder=folder, split=split, stem=stem, files=files, samples=None, has_record=False)
        )
    return layout


Found = dict[str, tuple[Location, list[str], dict[str, int | None]]]
"""Split -> folder, stems of its shards, and the folder's listing."""


def found_shards(root: Location) -> Found:
    """Return split -> folder, stems of shards, and the folder's listing.

    Raises:
        StorageError: there is no shard.
    """
    if _is_shard(root):
        folder, name = locations.parent(root)
        size = locations.listing(folder).get(name)
        if size is None:
            raise StorageError(f"{root}: there is no such file")
        names: dict[str, int | None] = {name: size}
    else:
        folder, names = root, locations.listing(root)
    found: Found = {}
    for stem in _stems(names):
        ours = _OUR_NAME.match(stem)
        split = ours["split"] if ours else "train"
        found.setdefault(split, (folder, [], names))[1].append(stem)
    if found:
        return found
    for name, size in names.items():
        if size is None and not name.startswith("."):
            inside = locations.listing(locations.join(root, name))
            stems = _stems(inside)
            if stems:
                found[name] = locations.join(root, name), stems, inside
    if not found:
        kinds = " or ".join(f"*{suffix}" for suffix in suffixes())
        raise StorageError(f"{root}: holds no shard ({kinds}), nor does a folder in it")
    return found


def _is_shard(root: Location) -> bool:
    """Tell whether a path is that of one shard, by its name."""
    if isinstance(root, Path) and root.is_dir():
        return False
    return shard_stem_of(locations.parent(root)[1]) is not None


def _stems(names: dict[str, int | None]) -> list[str]:
    """Return the stems of the shards among file names, each once, in order; a record of ours alone tells of one too."""
    files = [name for name, size in names.items() if size is not None and not name.startswith(".")]
    found = {stem for name in files if (stem := shard_stem_of(name)) is not None}
    recorded = {name.removesuffix(".json") for name in files if name.endswith(".json")}
    return sorted(found | {stem for stem in recorded if _OUR_NAME.match(stem)})


def _read_record(folder: Location, stem: str, layout: Layout) -> Record | None:
    """Return the record of a shard, None where it is missing or unreadable: the files themselves tell as much.

    Raises:
        ManifestError: it is of another dataset than the others.
    """
    try:
        record = Record.read(locations.join(folder, f"{stem}.json"))
    except FgbgError:
        return None
    if layout.fingerprint and record.fingerprint != layout.fingerprint:
        raise ManifestError(
            f"{folder}: holds shards of two datasets (fingerprints {layout.fingerprint[:8]} and "
            f"{record.fingerprint[:8]}, the latter in {stem}.json). Keep each dataset in a folder of its own"
        )
    layout.fingerprint = record.fingerprint
    return record


def _add_recorded(folder: Location, stem: str, names: dict[str, int | None], record: Record, layout: Layout) -> None:
    """List a shard as its record describes it; a file of another size than the record says is left out."""
    files = {form: file.name for form, file in record.files.items() if names.get(file.name) == file.bytes}
    if files:
        layout.shards.append(
            ShardPlace(
                folder=folder, split=layout.split, stem=stem, files=files, samples=record.samples, has_record=True
            )
        )
    else:
        problem = (
            f"{locations.join(folder, stem)}: no file of it has the size that its record says; truncated or missing"
        )
        layout.missing.append((problem, record.samples))


def _in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Return names of splits with train and val first; `dataset.json` sorts them by the alphabet."""
    first = {"train": 0, "val": 1}
    return tuple(sorted(names, key=lambda name: (first.get(name, 2), name)))


def _check_split(root: Location, layout: Layout) -> None:
    if layout.split not in layout.splits:
        raise ShardError(f"{root}: has no split {layout.split!r}; there are {', '.join(layout.splits)}")


_WITH_FILES = ("tar", "folder", "hdf5")
"""Formats in the order in which encoded files are looked for."""


def form_of_files(layout: Layout) -> str | None:
    """Return the format with encoded files that all shards have; None leaves the choice to the store."""
    config = layout.manifest.identity["config"] if layout.manifest else {}
    for form in _WITH_FILES:
        pixels = form == "hdf5" and config.get("hdf5_layout") != "encoded"
        if not pixels and layout.shards and all(form in place.files for place in layout.shards):
            return form
    return None
