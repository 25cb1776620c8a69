"""Is a dataset what it says it is? Reads everything, changes nothing; names every bad sample and what to do."""

import itertools
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from fgbg_data.checking.inspect_shard import Findings, ShardTask, inspect_shard
from fgbg_data.checking.rerender import rerender_samples
from fgbg_data.dataset.json_files import FORMAT_VERSION
from fgbg_data.dataset.layout import NOT_DATA, find_splits, found_shards, shard_stem_of
from fgbg_data.dataset.manifest import MANIFEST, Manifest
from fgbg_data.dataset.record import record_path, shard_stem
from fgbg_data.dataset.statistics import Sums
from fgbg_data.errors import ConfigError, FgbgError, ManifestError, ShardError, option
from fgbg_data.runtime import locations
from fgbg_data.runtime.files import PARTIAL
from fgbg_data.runtime.locks import build_lock
from fgbg_data.runtime.parallel import map_with_progress
from fgbg_data.runtime.progress import Progress
from fgbg_data.shards.registry import format_suffixes, installed_formats
from fgbg_data.splits import POLICIES

OURS = {MANIFEST, "README.md", "preview.png"}
"""Files of a dataset outside its splits."""


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong: where, and in which sample if it is in one."""

    where: str
    text: str
    key: str | None = None

    def __str__(self) -> str:
        return f"{self.where}: {self.key}: {self.text}" if self.key else f"{self.where}: {self.text}"


@dataclass
class Report:
    """What `verify` found.

    Attributes:
        path: the dataset.
        problems: all of them; none means that the dataset is as it should be.
        notes: what could not be checked, and files that are no part of the dataset but do no harm.
        samples: how many were checked.
        shards: likewise.
        bad_shards: (split, index) of shards that the build can make again.
        discarded: records that were removed.
    """

    path: Path
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    samples: int = 0
    shards: int = 0
    bad_shards: set[tuple[str, int]] = field(default_factory=set)
    discarded: list[Path] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def add(self, where: str, text: str, *, shard: tuple[str, int] | None = None, key: str | None = None) -> None:
        """Take in a problem."""
        self.problems.append(Problem(where, text, key))
        if shard is not None:
            self.bad_shards.add(shard)


def verify(
    path: str | Path,
    *,
    quick: bool = False,
    rerender: int = 0,
    bg: str | Path | None = None,
    fg: str | Path | None = None,
    seed: int = 0,
    discard_bad: bool = False,
    jobs: int = 0,
    progress: Progress = None,
) -> Report:
    """Check a dataset on this machine.

    Args:
        path: its folder.
        quick: look at names, sizes and records only, not into the shards.
        rerender: compose that many samples again from their sources and compare the pixels.
        bg: folder of the backgrounds, for `rerender`.
        fg: folder of the foregrounds.
        seed: which samples `rerender` takes.
        discard_bad: remove the records of bad shards, so that the same build makes those again.
        jobs: processes; 0 is one a core.
        progress: see `build`.

    Returns:
        The report; damage is no exception.

    Raises:
        FgbgError: there is nothing to check, or the arguments cannot work.
    """
    root = Path(path)
    if rerender and (bg is None or fg is None):
        raise ConfigError(f"{option('rerender')} needs the sources: {option('bg')} and {option('fg')}")
    report = Report(root)
    manifest = _read_manifest(root, report)
    if manifest and manifest.identity.format_version != FORMAT_VERSION:
        raise ManifestError(
            f"was made in format version {manifest.identity.format_version}, whose digests and pixels this fgbg reads "
            f"but cannot check (it makes {FORMAT_VERSION}). Verify it by the version that wrote it, or build the "
            "dataset anew",
            root / MANIFEST,
        )
    tasks = _declared_tasks(root, manifest, quick) if manifest else _found_tasks(root, quick)
    seen: dict[str, str] = {}
    sums = Sums()
    inspected = map_with_progress(inspect_shard, tasks, jobs=jobs, progress=progress, verb="verify")
    for task, findings in zip(tasks, inspected, strict=True):
        _take(report, task, findings, seen, sums)
    if manifest is not None:
        _check_manifest(manifest, sums, report)
        _check_disjoint(manifest, report)
        _check_folder(root, manifest, tasks, report)
        if rerender and bg is not None and fg is not None:
            for where, key, text in rerender_samples(root, manifest, Path(bg), Path(fg), rerender, seed):
                report.add(where, text, key=key)
    elif rerender:
        raise ConfigError(
            f"{root}: holds no {MANIFEST}, so samples cannot be rendered again; leave out {option('rerender')}"
        )
    if discard_bad and report.bad_shards:
        _discard(root, report)
    report.problems.sort()
    return report


# --- shards -----------------------------------------------------------------------------------------------


def _read_manifest(root: Path, report: Report) -> Manifest | None:
    """Read the manifest; without one, the shards are checked by themselves."""
    if not (root / MANIFEST).is_file():
        find_splits(root)  # raises where there is no shard either
        report.notes.append(f"there is no {MANIFEST}: configuration, splits and completeness are not checked")
        return None
    try:
        return Manifest.read(root)
    except FgbgError as error:
        report.add(MANIFEST, f"{error.problem}. Remove it and run the same build command, which keeps finished shards")
        return None


def _declared_tasks(root: Path, manifest: Manifest, quick: bool) -> list[ShardTask]:
    """Return one task a shard that the manifest names, or for an unfinished build that there should be."""
    entries = {(entry.split, entry.index): entry for entry in manifest.shards}
    tasks = []
    for split, about in manifest.splits.items():
        for index in range(about.shards):
            entry = entries.get((split, index))
            stem = shard_stem(split, index)
            if entry is None and not record_path(root, split, index).is_file():
                continue  # not made yet; `_check_manifest` says that the build is not finished
            tasks.append(
                ShardTask(
                    root=root,
                    split=split,
                    index=index,
                    stem=stem,
                    folder=root / split,
                    entry=entry,
                    manifest=manifest,
                    quick=quick,
                )
            )
    return tasks


def _found_tasks(root: Path, quick: bool) -> list[ShardTask]:
    """Return one task a shard that lies there."""
    found = found_shards(root)
    return [
        ShardTask(
            root=root if root.is_dir() else root.parent,
            split=split,
            index=number,
            stem=stem,
            folder=Path(folder),
            entry=None,
            manifest=None,
            quick=quick,
        )
        for split, (folder, stems, _) in found.items()
        for number, stem in enumerate(stems)
    ]


def _take(report: Report, task: ShardTask, findings: Findings, seen: dict[str, str], sums: Sums) -> None:
    """Take in what was found in one shard; keys must be unique over all shards."""
    shard = (task.split, task.index)
    for where, key, text in findings.problems:
        report.add(where, text, shard=shard, key=key)
    where = f"{task.split}/{task.stem}"
    for key, count in Counter(findings.keys).items():
        if key in seen:
            report.add(where, f"is also in {seen[key]}; keys must be unique", shard=shard, key=key)
        elif count > 1:
            report.add(where, f"occurs {count} times; keys must be unique", shard=shard, key=key)
        seen[key] = where
    if findings.sums is not None:
        sums.add(findings.sums)
    report.samples += len(findings.keys)
    report.shards += 1


# --- the dataset as a whole -------------------------------------------------------------------------------


def _check_manifest(manifest: Manifest, sums: Sums, report: Report) -> None:
    total = sum(split.shards for split in manifest.splits.values())
    if not manifest.complete:
        report.add(
            MANIFEST,
            f"the build is not finished: {report.shards} of {total} shards are there. Run the same build command",
        )
        return
    if manifest.fingerprint != manifest.identity.fingerprint():
        report.add(MANIFEST, "its fingerprint is not that of its configuration; it was edited")
    listed = Counter(entry.split for entry in manifest.shards)
    samples: Counter[str] = Counter()
    for entry in manifest.shards:
        samples[entry.split] += entry.samples
    for name, split in manifest.splits.items():
        if (listed[name], samples[name]) != (split.shards, split.samples):
            report.add(
                MANIFEST,
                f"split {name} should have {split.shards} shards of {split.samples} samples, "
                f"{listed[name]} of {samples[name]} are listed; it was edited",
            )
    statistics = {name: (tuple(part.mean), tuple(part.std)) for name, part in sums.fields.items()}
    stated = {name: (part.mean, part.std) for name, part in manifest.statistics.items()}
    if not report.bad_shards and statistics != stated:
        report.add(MANIFEST, "its statistics are not those of its records; it was edited")


def _check_disjoint(manifest: Manifest, report: Report) -> None:
    """Check that no split shares what it holds out with train or val."""
    policy = POLICIES[manifest.identity.config.holdout]
    for base, (name, split) in itertools.product(("train", "val"), manifest.splits.items()):
        if base == name or base not in manifest.splits:
            continue
        for kind in policy.held_out(name):
            shared = sorted(set(manifest.splits[base].of(kind)) & set(split.of(kind)))
            if shared:
                report.add(MANIFEST, f"{base} and {name} share {kind}s, which are held out: {', '.join(shared[:5])}")


def _check_folder(root: Path, manifest: Manifest, tasks: list[ShardTask], report: Report) -> None:
    """Name what lies in the folder and is no part of the dataset; shards and records of others are a problem."""
    ours = {task.stem + suffix for task in tasks for suffix in (".json", *format_suffixes())}
    formats = installed_formats(manifest.identity.config.format)
    at_root = OURS | {name for fmt in formats for name in fmt.root_files}
    ours |= {name for fmt in formats for name in fmt.folders(manifest.fields)}
    for folder in [root, *(root / split for split in manifest.splits)]:
        known = at_root | set(manifest.splits) | NOT_DATA if folder == root else ours
        if not folder.is_dir():
            continue
        for name, size in locations.listing(folder).items():
            path = folder / name
            where = path.relative_to(root).as_posix()
            if name in known or name.startswith("."):
                continue
            if name.endswith(PARTIAL):
                report.notes.append(f"{where}: half written by a killed build; the next build removes it")
            elif shard_stem_of(name) or (folder != root and path.suffix == ".json"):
                report.add(where, f"is not listed in {MANIFEST}; move it away")
            elif size is None and _holds_shards(path):
                report.add(where, f"holds shards and is no split in {MANIFEST}; move it away")
            else:
                report.notes.append(f"{where}: is no part of the dataset")


def _holds_shards(folder: Path) -> bool:
    return any(shard_stem_of(path.name) for path in folder.iterdir())


def _discard(root: Path, report: Report) -> None:
    """Remove the records of bad shards; nothing else is touched.

    Raises:
        StorageError: a build is running on the folder.
    """
    if not (root / MANIFEST).is_file():
        raise ShardError(f"{root}: holds no {MANIFEST}, so no build can make its shards again; nothing was removed")
    with build_lock(root):
        for split, index in sorted(report.bad_shards):
            path = record_path(root, split, index)
            if path.is_file():
                path.unlink()
                report.discarded.append(path)
