"""Everything that can be wrong with one shard; the part of `verify` that runs in parallel."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fgbg_data.dataset.manifest import Manifest, ShardEntry
from fgbg_data.dataset.record import Record
from fgbg_data.dataset.statistics import Sums
from fgbg_data.errors import FgbgError, ShardError
from fgbg_data.key import KINDS, SampleKey
from fgbg_data.runtime import locations
from fgbg_data.runtime.files import file_sha256
from fgbg_data.sample import DEPTH_FIELDS, Array, Meta, Sample, sample_digest
from fgbg_data.shards import FORMATS, ShardIndex, ShardReader, load_format
from fgbg_data.shards.registry import format_suffixes

META_TYPES: dict[str, type | tuple[type, ...]] = {
    "key": str,
    "background": str,
    "foreground": str,
    "position": int,
    "mirrored": bool,
    "box": list,
    "scale": (int, float),
    "attempt": int,
    "mask_area_px": int,
}


@dataclass(frozen=True, kw_only=True)
class ShardTask:
    """One shard to inspect.

    Attributes:
        root: of the dataset; paths in the report are relative to it.
        split: the shard's split.
        index: its number.
        stem: name of its files without suffix.
        folder: where they are.
        entry: what the manifest says of it, or None.
        manifest: of the dataset, or None.
        quick: look at sizes and records only.
    """

    root: Path
    split: str
    index: int
    stem: str
    folder: Path
    entry: ShardEntry | None
    manifest: Manifest | None
    quick: bool


class Finding(NamedTuple):
    """One problem: file, key or None, what is wrong."""

    where: str
    key: str | None
    text: str


@dataclass
class Findings:
    """What was found in one shard: problems, its keys, and the sums of its record."""

    problems: list[Finding] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    sums: Sums | None = None

    def add(self, where: str, text: str, key: str | None = None) -> None:
        """Take in a problem."""
        self.problems.append(Finding(where, key, text))


def inspect_shard(task: ShardTask) -> Findings:
    """Inspect the record and every file of a shard."""
    findings = Findings()
    record = _inspect_record(task, findings)
    files = _files(task, record, findings)
    if record is not None:
        findings.keys, findings.sums = record.keys, record.sums
    if task.quick:
        return findings
    digests: dict[str, list[str]] = {}
    for form, path in files.items():
        found = _inspect_file(task, form, path, record, findings)
        findings.keys, digests[form] = findings.keys or found.keys, found.digests
        if record is not None and found.digests == record.digests and found.sums.to_json() != record.sums.to_json():
            findings.add(f"{task.split}/{task.stem}.json", "its sums are not those of its samples; it was edited")
    if record is None and len({tuple(each) for each in digests.values()}) > 1:
        findings.add(f"{task.split}/{task.stem}", f"its {' and '.join(digests)} files hold different samples")
    return findings


# --- record and files -------------------------------------------------------------------------------------


def _inspect_record(task: ShardTask, findings: Findings) -> Record | None:
    """Check the record against the manifest and itself; return it if it can be used."""
    path = task.folder / f"{task.stem}.json"
    where = f"{task.split}/{path.name}"
    if not path.is_file():
        if task.manifest is not None:
            findings.add(where, "the record is missing; the same build command makes the shard again")
        return None
    try:
        record = Record.read(path)
    except FgbgError as error:
        findings.add(where, error.problem)
        return None
    if task.manifest is not None:
        if record.fingerprint != task.manifest.fingerprint:
            findings.add(
                where,
                f"is of another dataset (fingerprint {record.fingerprint[:8]}, this is "
                f"{task.manifest.fingerprint[:8]})",
            )
            return None
        if (record.split, record.index) != (task.split, task.index):
            findings.add(where, f"is the record of {record.split} {record.index}; files were renamed")
    if task.entry is not None:
        stated = {format_name: file.entry for format_name, file in record.files.items()}
        if stated != task.entry.files or record.samples != task.entry.samples:
            findings.add(where, "does not agree with dataset.json about files, sizes, digests or samples")
    return record


def _files(task: ShardTask, record: Record | None, findings: Findings) -> dict[str, Path]:
    """Return format -> file, of those that are there; check size and digest."""
    source = record or task.entry
    if source is None:  # nothing says what there should be, so there is nothing to compare
        names = locations.listing(task.folder)
        expected = {name: task.stem + suffix for suffix, name in format_suffixes().items()}
        return {name: task.folder / file for name, file in expected.items() if file in names}
    found = {}
    for format_name, file in source.files.items():
        path = task.folder / file.name
        where = f"{task.split}/{file.name}"
        if format_name not in FORMATS:
            findings.add(where, f"the record names a file of format {format_name!r}, which this fgbg does not know")
        elif not path.is_file():
            findings.add(where, "is missing")
        else:
            found[format_name] = path
            if path.stat().st_size != file.bytes:
                text = f"is {path.stat().st_size} bytes, the record says {file.bytes}; truncated or changed"
                findings.add(where, text)
            elif not task.quick and file_sha256(path) != file.sha256:
                findings.add(where, "its sha256 is not the record's; bytes were changed")
    return found


# --- samples ----------------------------------------------------------------------------------------------


class _File(NamedTuple):
    """Keys, digests and sums of the samples of a file, as far as they can be read."""

    keys: list[str]
    digests: list[str]
    sums: Sums


def _inspect_file(task: ShardTask, form: str, path: Path, record: Record | None, findings: Findings) -> _File:
    """Check every sample of a file."""
    where = f"{task.split}/{path.name}"
    try:
        index: ShardIndex = load_format(form).read_index(path)  # by a scan: the record's is what is to be checked
        reader = load_format(form).open_reader(path, index, task.manifest.shapes if task.manifest else None)
    except ShardError as error:
        findings.add(where, str(error).removeprefix(f"{path}: "))
        return _File([], [], Sums())
    keys = [str(key, "utf-8", "replace") for key in index.keys]
    if record is not None:
        if keys != record.keys:
            findings.add(where, f"its keys are not the record's: {_differing(keys, record.keys)}")
        if form in record.files and not load_format(form).same_index(index, record.files[form].index):
            findings.add(where.replace(path.suffix, ".json"), f"its offsets are not those of the {form} file")
    declared = set(task.manifest.fields) if task.manifest else set(index.fields)
    if set(index.fields) != declared:
        findings.add(where, f"holds {', '.join(index.fields)}; dataset.json declares {', '.join(sorted(declared))}")
    recorded = (
        dict(zip(record.keys, zip(record.digests, record.mask_area_px, strict=True), strict=True)) if record else {}
    )
    digests, sums = [], Sums()
    for place, key in enumerate(keys):
        sample, problems = _read_sample(reader, index, place, key, f"{path}: {key}: ")
        if sample is not None:
            problems += [*sample_problems(sample), *_source_problems(task, sample.meta)]
            digests.append(sample_digest(sample))
            area = sample.meta.get("mask_area_px")
            recorded_digest, recorded_area = recorded.get(key, (digests[-1], area))
            if area != recorded_area:
                problems.append(f"its mask covers {area} px by its meta, {recorded_area} by the record")
            if not problems:
                sums.add_sample(sample, sample.meta.get("depth_bits", 16))
                if digests[-1] != recorded_digest:
                    problems.append("its digest is not the record's; pixels or meta were changed")
        for text in problems:
            findings.add(where, text, key)
    return _File(keys, digests, sums)


def _read_sample(
    reader: ShardReader, index: ShardIndex, place: int, key: str, prefix: str
) -> tuple[Sample | None, list[str]]:
    """Decode every field of a sample; return it if all do, and what is wrong."""
    values: dict[str, Any] = {"meta": {}}
    problems = []
    for name in index.fields:
        try:
            values[name] = reader.read(place, name)
        except ShardError as error:
            problems.append(str(error).removeprefix(prefix))
    if problems or not {"image", "mask"} <= values.keys():
        return None, problems or ["has no mask"]
    if values["image"].shape[:2] != values["mask"].shape:
        return None, [f"its image is {values['image'].shape[:2]} and its mask {values['mask'].shape}"]
    return Sample(key=key, image_file=b"", **values), []


def sample_problems(sample: Sample) -> list[str]:
    """Return what is wrong with a sample by itself: meta, mask, depth."""
    meta = sample.meta
    depths = {name: codes for name in DEPTH_FIELDS if (codes := sample.array(name)) is not None}
    types = META_TYPES | {f"{name}_{end}": (int, float) for name in depths for end in ("min", "max")}
    types |= {"depth_bits": int} if depths else {}
    wrong = [name for name, kind in types.items() if not isinstance(meta.get(name), kind)]
    if wrong:
        return [f"meta fields missing or of the wrong type: {', '.join(wrong)}"]
    problems = []
    expected = str(SampleKey(meta["background"], meta["foreground"], meta["position"], meta["mirrored"]))
    if not sample.key.endswith(expected):  # merged datasets put a prefix before it
        problems.append(f"its meta is that of {expected}")
    problems += _mask_problems(sample.mask, meta)
    for name, codes in depths.items():
        problems += _depth_problems(name, codes, meta)
    return problems


def _mask_problems(mask: Array, meta: Meta) -> Iterator[str]:
    area = int(np.count_nonzero(mask))
    if int(np.count_nonzero(mask == 255)) != area:
        yield f"its mask is not binary: holds {', '.join(str(v) for v in np.unique(mask)[:5])}"
    if area != meta["mask_area_px"]:
        yield f"its mask covers {area} px, its meta says {meta['mask_area_px']}"
    if not area:
        yield "its mask is empty"
        return
    if len(meta["box"]) != 4 or not all(isinstance(side, int) for side in meta["box"]):
        yield f"its meta has the box {meta['box']}, expected [top, left, height, width]"
        return
    top, left, height, width = meta["box"]
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    inside = top <= rows[0] and rows[-1] < top + height and left <= columns[0] and columns[-1] < left + width
    if not inside:
        yield (
            f"its mask reaches from row {rows[0]} to {rows[-1]} and column {columns[0]} to {columns[-1]}, outside of "
            f"the box {meta['box']} of its meta"
        )


def _depth_problems(name: str, codes: Array, meta: Meta) -> Iterator[str]:
    bits, low, high = meta["depth_bits"], meta[f"{name}_min"], meta[f"{name}_max"]
    if not 1 <= bits <= 16 or not (math.isfinite(low) and math.isfinite(high) and low <= high):
        yield f"its meta gives the {name} {bits} bits from {low} to {high}"
        return
    if np.any(codes & np.uint16((1 << (16 - bits)) - 1)):
        yield f"its {name} holds codes that are none of {bits} bits"
        return
    levels = codes >> np.uint16(16 - bits)
    span = (0, 2**bits - 1 if high > low else 0)
    if (int(levels.min()), int(levels.max())) != span:
        yield f"its {name} spans levels {levels.min()} to {levels.max()}, expected {span[0]} to {span[1]}"


def _source_problems(task: ShardTask, meta: Meta) -> Iterator[str]:
    """Check that a sample's sources belong to its split."""
    if task.manifest is None or task.split not in task.manifest.splits:
        return
    split = task.manifest.splits[task.split]
    for kind in KINDS:
        if meta.get(kind) not in split.of(kind):
            yield f"its {kind} {meta.get(kind)!r} is not in split {task.split!r}"


def _differing(found: list[str], expected: list[str]) -> str:
    """Name the first difference of two lists of keys."""
    for place, (one, other) in enumerate(zip(found, expected, strict=False)):
        if one != other:
            return f"sample {place} is {one}, expected {other}"
    return f"{len(found)} samples, expected {len(expected)}"
