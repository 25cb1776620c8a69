"""The checks of one shard: its record, its files and all of its samples. `verify` runs them in parallel."""

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from fgbg_data.checking.inspect_sample import inspect_sample
from fgbg_data.checking.report import VerifyProblem
from fgbg_data.dataset.manifest import MANIFEST, Manifest
from fgbg_data.dataset.record import ShardRecord
from fgbg_data.dataset.shard_table import ShardEntry
from fgbg_data.dataset.statistics import Sums
from fgbg_data.errors import FgbgError, ShardError
from fgbg_data.fields.objects import further_sources
from fgbg_data.fields.samples import sample_digest
from fgbg_data.key import KINDS
from fgbg_data.runtime import locations
from fgbg_data.runtime.files import file_sha256, local_copy
from fgbg_data.runtime.locations import Location, join, parent, size
from fgbg_data.sample import Sample
from fgbg_data.shards import FORMATS, ShardIndex, ShardReader, load_format
from fgbg_data.shards.registry import format_suffixes
from fgbg_data.versions import FORMAT_VERSION


@dataclass(frozen=True, kw_only=True)
class InspectTask:
    """One shard to inspect."""

    split: str
    """Split of the shard."""
    index: int
    """Number of the shard in its split, from 0."""
    folder: Location
    """Folder that holds its files."""
    stem: str
    """Name of its files without suffix."""
    entry: ShardEntry | None = None
    """The shard as the manifest lists it, or None if it does not."""

    @property
    def name(self) -> str:
        """The shard as the report names it, such as `train/fgbg-train-000007`."""
        return f"{self.split}/{self.stem}"


@dataclass
class ShardFindings:
    """What was found in one shard."""

    problems: list[VerifyProblem] = field(default_factory=list)
    """What is wrong with it."""
    keys: list[str] = field(default_factory=list)
    """Keys of its samples, from its record or else from its first file."""
    sums: Sums | None = None
    """Sums of its record, or None without a usable record."""


class _Contents(NamedTuple):
    """The samples of one file, as far as they can be read."""

    keys: list[str]
    digests: list[str]
    sums: Sums


def inspect_shard(task: InspectTask, *, manifest: Manifest | None, quick: bool) -> ShardFindings:
    """Inspect one shard.

    Args:
        task: the shard.
        manifest: manifest of the dataset, or None if the shard is checked by itself.
        quick: check the record and the sizes of files only.
    """
    return _ShardInspector(task, manifest, quick).inspect()


class _ShardInspector:
    """Inspects one shard and collects what it finds."""

    def __init__(self, task: InspectTask, manifest: Manifest | None, quick: bool) -> None:
        self._task, self._manifest, self._quick = task, manifest, quick
        self._findings = ShardFindings()
        self._record: ShardRecord | None = None
        self._version = FORMAT_VERSION  # by which digests were taken
        self._recorded: dict[str, tuple[str, int]] = {}  # key -> digest and mask area in the record
        self._damaged: set[str] = set()  # formats whose file has another size or digest than the record says
        foregrounds = manifest.identity.sources.foregrounds if manifest else ()
        self._classes = {source.id: source.class_name for source in foregrounds if source.file}

    def inspect(self) -> ShardFindings:
        """Return everything that was found."""
        with contextlib.ExitStack() as copies:
            return self._inspect(copies)

    def _inspect(self, copies: contextlib.ExitStack) -> ShardFindings:
        """Return everything that was found; files behind URLs are read from copies on this machine."""
        findings, record = self._findings, self._read_record()
        self._record = record
        files = self._check_files(copies)
        if record is not None:
            findings.keys, findings.sums = record.keys, record.sums
            columns = zip(record.keys, record.digests, record.mask_area_px, strict=True)
            self._version = record.version
            self._recorded = {key: (digest, area) for key, digest, area in columns}
        if self._quick:
            return findings
        digests: dict[str, list[str]] = {}
        for format_name, path in files.items():
            contents = self._inspect_file(format_name, path)
            findings.keys, digests[format_name] = findings.keys or contents.keys, contents.digests
            if record is None or contents.digests != record.digests:
                continue
            if contents.sums.to_json() != record.sums.to_json():
                self._add(f"{self._task.name}.json", "its sums are not those of its samples; it was edited")
        if record is None and len({tuple(each) for each in digests.values()}) > 1:
            self._add(self._task.name, f"its {' and '.join(digests)} files hold different samples")
        return findings

    def _add(self, where: str, text: str, key: str | None = None) -> None:
        self._findings.problems.append(VerifyProblem(where, text, key))

    # --- record and files ---------------------------------------------------------------------------------

    def _read_record(self) -> ShardRecord | None:
        """Check the record against the manifest; return it if it can be used."""
        task, manifest, where = self._task, self._manifest, f"{self._task.name}.json"
        location = join(task.folder, f"{task.stem}.json")
        if size(location) is None:
            if manifest is not None:
                self._add(where, "the record is missing; the same build command makes the shard again")
            return None
        try:
            record = ShardRecord.read(location)
        except FgbgError as error:
            self._add(where, error.problem)
            return None
        if manifest is not None:
            if record.fingerprint != manifest.fingerprint:
                found, expected = record.fingerprint[:8], manifest.fingerprint[:8]
                self._add(where, f"is of another dataset (fingerprint {found}, this is {expected})")
                return None
            if (record.split, record.index) != (task.split, task.index):
                self._add(where, f"is the record of {record.split} {record.index}; files were renamed")
        if task.entry is not None:
            files = {format_name: file.entry for format_name, file in record.files.items()}
            if files != task.entry.files or record.samples != task.entry.samples:
                self._add(where, f"does not agree with {MANIFEST} about files, sizes, digests or samples")
        return record

    def _check_files(self, copies: contextlib.ExitStack) -> dict[str, Location]:
        """Check sizes and digests; return format -> file, or a copy of it, for the files that exist."""
        task = self._task
        expected = self._record or task.entry
        if expected is None:  # nothing says which files to expect
            names = locations.listing(task.folder)
            possible = {format_name: task.stem + suffix for suffix, format_name in format_suffixes().items()}
            return {
                format_name: self._copied(copies, format_name, name)
                for format_name, name in possible.items()
                if name in names
            }
        files: dict[str, Location] = {}
        for format_name, file in expected.files.items():
            where, found = f"{task.split}/{file.name}", size(join(task.folder, file.name))
            if format_name not in FORMATS:
                self._add(where, f"the record names a file of format {format_name!r}, which this fgbg does not know")
                continue
            if found is None:
                self._add(where, "is missing")
                continue
            if not self._quick:
                files[format_name] = self._copied(copies, format_name, file.name)
            if found != file.bytes:
                self._add(where, f"is {found} bytes, the record says {file.bytes}; truncated or changed")
                self._damaged.add(format_name)
            elif not self._quick and file_sha256(files[format_name]) != file.sha256:
                self._add(where, "its sha256 is not the record's; bytes were changed")
                self._damaged.add(format_name)
        return files

    def _copied(self, copies: contextlib.ExitStack, format_name: str, name: str) -> Location:
        """Return a file of the shard. One behind a URL is copied to this machine, unless it only names other files."""
        location = join(self._task.folder, name)
        if isinstance(location, Path) or not load_format(format_name).is_one_file:
            return location
        return copies.enter_context(local_copy(location))

    # --- samples ------------------------------------------------------------------------------------------

    def _inspect_file(self, format_name: str, location: Location) -> _Contents:
        """Check the index and every sample of a file."""
        manifest, record, fmt = self._manifest, self._record, load_format(format_name)
        where = f"{self._task.split}/{parent(location)[1]}"
        try:
            index = self._find_index(format_name, location)
            if index is None:
                return _Contents([], [], Sums())
            reader = fmt.open_reader(location, index, manifest.shapes if manifest else None)
        except ShardError as error:
            self._add(where, error.problem, error.key)
            return _Contents([], [], Sums())
        keys = [str(key, "utf-8", "replace") for key in index.keys]
        if record is not None:
            if keys != record.keys:
                self._add(where, f"its keys are not the record's: {_first_difference(keys, record.keys)}")
            if format_name in record.files and not fmt.same_index(index, record.files[format_name].index):
                self._add(f"{self._task.name}.json", f"its offsets are not those of the {format_name} file")
        if manifest is not None and set(index.fields) != set(manifest.fields):
            declared = ", ".join(sorted(manifest.fields))
            self._add(where, f"holds {', '.join(index.fields)}; {MANIFEST} declares {declared}")
        contents = _Contents(keys, [], Sums())
        for number, key in enumerate(keys):
            sample, problems = _read_sample(reader, index.fields, number, key)
            if sample is not None:
                problems += self._inspect_sample(sample, contents)
            for text in problems:
                self._add(where, text, key)
        return contents

    def _find_index(self, format_name: str, location: Location) -> ShardIndex | None:
        """Return the index of a file; None if its bytes are known to be wrong and opening it could do harm."""
        record, fmt = self._record, load_format(format_name)
        if format_name in self._damaged:
            file = record.files.get(format_name) if record is not None else None
            keys, recorded = (record.keys, file.index) if record is not None and file is not None else ([], {})
            damaged: ShardIndex | None = fmt.read_damaged_index(location, keys, recorded)
            return damaged
        index: ShardIndex = fmt.read_index(location)  # found by a scan, because the record is under test too
        return index

    def _inspect_sample(self, sample: Sample, contents: _Contents) -> list[str]:
        """Return what is wrong with a sample; add its digest to `contents`, and its sums if nothing is wrong."""
        made_by = self._manifest.identity.format_version if self._manifest else self._version
        problems = [*inspect_sample(sample, made_by), *self._unknown_sources(sample), *self._wrong_classes(sample)]
        digest, area = sample_digest(sample, self._version), sample.meta.get("mask_area_px")
        contents.digests.append(digest)
        recorded_digest, recorded_area = self._recorded.get(sample.key, (digest, area))
        if area != recorded_area:
            problems.append(f"its mask covers {area} px by its meta, {recorded_area} by the record")
        if not problems:
            contents.sums.add_sample(sample, sample.meta.get("depth_bits", 16))
            if digest != recorded_digest:
                problems.append("its digest is not the record's; pixels or meta were changed")
        return problems

    def _unknown_sources(self, sample: Sample) -> list[str]:
        """Return what is wrong with the sources of a sample: they must belong to its split."""
        split = self._manifest.splits.get(self._task.split) if self._manifest else None
        if split is None:
            return []
        return [
            f"its {kind} {name!r} is not in split {self._task.split!r}"
            for kind in KINDS
            for name in (sample.meta.get(kind), *further_sources(kind, sample.meta))
            if name not in split.of(kind)
        ]

    def _wrong_classes(self, sample: Sample) -> list[str]:
        """Return which objects of a sample have another class than their foreground."""
        objects = sample.meta.get("objects")
        return [
            f"object {each.get('id')} is of class {each.get('class')!r} by its meta, {expected!r} by {MANIFEST}"
            for each in (objects if isinstance(objects, list) else ())
            if isinstance(each, dict)
            and (expected := self._classes.get(str(each.get("foreground")))) not in (None, each.get("class"))
        ]


def _read_sample(
    reader: ShardReader, fields: tuple[str, ...], number: int, key: str
) -> tuple[Sample | None, list[str]]:
    """Decode every field of a sample; return the sample if all can be decoded, and what is wrong."""
    values: dict[str, Any] = {"meta": {}}
    problems = []
    for name in fields:
        try:
            values[name] = reader.read(number, name)
        except ShardError as error:
            problems.append(error.problem)
    if problems or not {"image", "mask"} <= values.keys():
        return None, problems or ["has no mask"]
    image, mask = values["image"], values["mask"]
    if image.shape[:2] != mask.shape:
        return None, [f"its image is {image.shape[:2]} and its mask {mask.shape}"]
    return Sample(key=key, meta=values.pop("meta"), arrays=values), []


def _first_difference(found: list[str], expected: list[str]) -> str:
    """Describe the first difference of two lists of keys."""
    for number, (one, other) in enumerate(zip(found, expected, strict=False)):
        if one != other:
            return f"sample {number} is {one}, expected {other}"
    return f"{len(found)} samples, expected {len(expected)}"
