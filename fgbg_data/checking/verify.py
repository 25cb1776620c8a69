"""`verify`: is a dataset what it says? It reads everything, changes nothing, and names every bad sample."""

import functools
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from fgbg_data.checking.inspect_dataset import inspect_folder, inspect_grounds, inspect_holdout, inspect_manifest
from fgbg_data.checking.inspect_shard import InspectTask, ShardFindings, inspect_shard
from fgbg_data.checking.report import VerifyProblem, VerifyReport
from fgbg_data.checking.rerender import rerender_samples
from fgbg_data.compositing.sources import local_pictures
from fgbg_data.dataset.file_names import shard_numbers
from fgbg_data.dataset.layout import find_splits, found_shards
from fgbg_data.dataset.manifest import MANIFEST, Manifest
from fgbg_data.dataset.record import record_path, shard_stem
from fgbg_data.dataset.statistics import Sums
from fgbg_data.errors import ConfigError, FgbgError, ManifestError, ShardError, option
from fgbg_data.runtime import locations
from fgbg_data.runtime.locations import Location, join
from fgbg_data.runtime.locks import build_lock
from fgbg_data.runtime.parallel import map_with_progress
from fgbg_data.runtime.progress import Progress
from fgbg_data.runtime.scratch import clear_local, local_folder
from fgbg_data.versions import VERIFIABLE_VERSIONS


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
) -> VerifyReport:
    """Check a dataset. Shards behind a URL are copied to this machine one after the other, each once.

        for problem in verify("shards/").problems:
            print(problem)

    Args:
        path: folder or URL of the dataset.
        quick: check names, sizes and records only, and do not read the shards.
        rerender: render this many samples again from their sources and compare the pixels.
        bg: folder or URL of the backgrounds, for `rerender`.
        fg: folder or URL of the foregrounds, for `rerender`.
        seed: seed of the choice of these samples.
        discard_bad: remove the records of bad shards, so that the same build makes these shards again.
        jobs: number of processes; 0 starts one for each core.
        progress: see `build`.

    Returns:
        The report. Damage is reported there and raises no error.

    Raises:
        FgbgError: there is no dataset, or the arguments cannot work.
    """
    root = locations.locate(path)
    if rerender and (bg is None or fg is None):
        raise ConfigError(f"{option('rerender', rerender)} needs the sources: {option('bg')} and {option('fg')}")
    report = VerifyReport(root)
    manifest = _read_manifest(root, report)
    report.has_manifest = _has_manifest(root)
    tasks = _listed_shards(root, manifest) if manifest else _found_shards(root)
    inspect = functools.partial(inspect_shard, manifest=manifest, quick=quick)
    found = map_with_progress(inspect, tasks, jobs=jobs, progress=progress, verb="verify")
    sums = _collect(tasks, found, report)
    if manifest is not None:
        inspect_manifest(manifest, sums, report)
        for name in manifest.unknown_fields:
            report.notes.append(f"the field {name!r} is not checked, because no installed package knows it")
        inspect_holdout(manifest, report)
        knows_grounds = inspect_grounds(root, manifest, report)
        inspect_folder(root, manifest, {task.stem for task in tasks}, report)
        if knows_grounds and rerender and bg is not None and fg is not None:
            folders = local_pictures("bg", bg), local_pictures("fg", fg)
            rerender_samples(root, manifest, *folders, rerender, seed, report)
    elif rerender:
        raise ConfigError(
            f"holds no {MANIFEST}, so samples cannot be rendered again; leave out {option('rerender')}", where=root
        )
    if discard_bad and report.bad_shards:
        _discard(root, report)
    report.problems.sort(key=str)
    return report


def _read_manifest(root: Location, report: VerifyReport) -> Manifest | None:
    """Return the manifest; None if it is missing or damaged, and then shards are checked by themselves.

    Raises:
        FgbgError: there is no shard either, or the dataset is of another format version.
    """
    if not _has_manifest(root):
        find_splits(root)
        report.notes.append(f"there is no {MANIFEST}: configuration, splits and completeness are not checked")
        return None
    try:
        manifest = Manifest.read(root)
    except FgbgError as error:
        report.add(MANIFEST, f"{error.problem}. Remove it and run the same build command, which keeps finished shards")
        return None
    version = manifest.identity.format_version
    if version not in VERIFIABLE_VERSIONS:
        raise ManifestError(
            f"was made in format version {version}; this fgbg reads it, but checks only versions "
            f"{' and '.join(map(str, VERIFIABLE_VERSIONS))}. Verify it with the version that wrote it, or build the "
            "dataset anew",
            where=join(root, MANIFEST),
        )
    return manifest


def _listed_shards(root: Location, manifest: Manifest) -> list[InspectTask]:
    """Return the shards that the manifest lists; of an unfinished build, those that have a record."""
    entries = {(entry.split, entry.index): entry for entry in manifest.shards}
    tasks = []
    for name, split in manifest.splits.items():
        folder = join(root, name)
        records = [file for file in locations.names_in(folder) if file.endswith(".json")]
        listed = {index for other, index in entries if other == name and index < split.shards}
        for index in sorted(listed.union(shard_numbers(records, name, split.shards))):
            stem, entry = shard_stem(name, index), entries.get((name, index))
            tasks.append(InspectTask(split=name, index=index, folder=folder, stem=stem, entry=entry))
    return tasks


def _found_shards(root: Location) -> list[InspectTask]:
    """Return the shards that lie in the folder."""
    return [
        InspectTask(split=split, index=index, folder=folder, stem=stem)
        for split, (folder, stems, _) in found_shards(root).items()
        for index, stem in enumerate(stems)
    ]


def _collect(tasks: list[InspectTask], found: Iterable[ShardFindings], report: VerifyReport) -> Sums:
    """Add what was found in the shards to the report, and check that no key occurs twice.

    Returns:
        Sums over the records of all shards.
    """
    sums = Sums()
    home: dict[str, str] = {}
    for task, findings in zip(tasks, found, strict=True):
        problems = list(findings.problems)
        for key, count in Counter(findings.keys).items():
            if key in home:
                problems.append(VerifyProblem(task.name, f"is also in {home[key]}; keys must be unique", key))
            elif count > 1:
                problems.append(VerifyProblem(task.name, f"occurs {count} times; keys must be unique", key))
            home[key] = task.name
        for problem in problems:
            report.add_to_shard(task.split, task.index, problem)
        if findings.sums is not None:
            sums.add(findings.sums)
        report.samples += len(findings.keys)
        report.shards += 1
    return sums


def _discard(root: Location, report: VerifyReport) -> None:
    """Remove the records of bad shards, and nothing else.

    Raises:
        ShardError: there is no manifest, so no build could make the shards again.
        StorageError: a build is running on the folder.
    """
    if not _has_manifest(root):
        raise ShardError(f"holds no {MANIFEST}, so no build can make its shards again; nothing was removed", where=root)
    local = local_folder(root)
    local.mkdir(parents=True, exist_ok=True)
    with build_lock(local, root):
        for split, index in sorted(report.bad_shards):
            record = record_path(root, split, index)
            if locations.size(record) is not None:
                locations.remove(record)
                report.discarded.append(record)
    clear_local(root)


def _has_manifest(root: Location) -> bool:
    return locations.size(join(root, MANIFEST)) is not None
