"""Check a build, and prepare its sources, plan, estimator and manifest, before anything is written."""

import itertools
import os
from dataclasses import dataclass, replace
from pathlib import Path

from fgbg_data.building.estimating import load_for_workers, recorded_identity, resolve_auto
from fgbg_data.building.make_grounds import ground_estimator, make_grounds, with_heights
from fgbg_data.building.source_notes import notes_of, notes_of_folders, notes_of_shares
from fgbg_data.building.worker import BuildWork
from fgbg_data.compositing.groups import group_similar
from fgbg_data.compositing.plan import Plan
from fgbg_data.compositing.similar import similar_pairs
from fgbg_data.compositing.source_file import BadSource, SourceFile
from fgbg_data.compositing.source_ids import check_ids
from fgbg_data.compositing.sources import bad_sources_error, find_pictures, no_transparency_error, scan
from fgbg_data.compositing.stage import Grounds
from fgbg_data.config import BuildConfig
from fgbg_data.dataset.identity import GroundIdentity, Identity, RecordedConfig, SkippedSource, Sources
from fgbg_data.dataset.manifest import Manifest, SourceName, SplitInfo, declared_fields
from fgbg_data.depth.estimator import DepthEstimator
from fgbg_data.depth.registry import check_estimator
from fgbg_data.errors import ConfigError, SourceError, StorageError, option
from fgbg_data.key import Kind, SampleKey, max_key_bytes
from fgbg_data.pictures import FoundPictures
from fgbg_data.runtime import remote
from fgbg_data.runtime.locations import Location, resolved
from fgbg_data.runtime.mirror import copied_bytes
from fgbg_data.runtime.parallel import num_cores
from fgbg_data.runtime.progress import Progress, ProgressReporter, activity, reporter
from fgbg_data.text import counted
from fgbg_data.versions import FORMAT_VERSION


@dataclass(frozen=True)
class PreparedBuild:
    """A build that is checked and ready to run."""

    work: BuildWork
    """What every worker needs to know."""
    manifest: Manifest
    """The manifest as it is written first, incomplete."""
    estimator: DepthEstimator | None
    """The estimator, loaded; None without depth."""
    notes: tuple[str, ...] = ()
    """What a user should know about the sources and splits, one sentence each."""

    @property
    def config(self) -> BuildConfig:
        """The configuration of the build."""
        return self.work.config

    @property
    def plan(self) -> Plan:
        """The plan of the dataset."""
        return self.work.plan


def prepare(config: BuildConfig, progress: Progress = None) -> PreparedBuild:
    """Check everything that can be checked before anything is written.

    Raises:
        FgbgError: the options, sources or estimator cannot be used.
    """
    shown = reporter(progress)
    folders = _check_folders(config, shown)
    config, notes_of_choice = resolve_auto(config)
    if config.depth != "none":
        check_estimator(config.depth)
    backgrounds, foregrounds, skipped = _scan_sources(config, folders, shown)
    with activity(shown, "looking for near copies", None, "pictures"):
        similar: dict[Kind, list[tuple[int, int]]] = {
            "background": similar_pairs([source.look for source in backgrounds if source.look]),
            "foreground": similar_pairs([source.look for source in foregrounds if source.look]),
        }
    if config.group_similar:
        backgrounds = group_similar(backgrounds, similar["background"])
        foregrounds = group_similar(foregrounds, similar["foreground"])
    estimator, access = None, None
    if config.depth != "none":
        estimator, access = load_for_workers(config.depth, config.device, config.estimator_batch)
    grounds, ground_identity = None, None
    if config.place == "ground":
        sees_ground = ground_estimator(config, estimator)
        grounds = make_grounds(config, backgrounds, sees_ground, shown)
        if config.require_ground:
            skipped += _without_ground(backgrounds, grounds)
            backgrounds = [source for source in backgrounds if source.id not in grounds.without]
        foregrounds = with_heights(config, foregrounds)
        ground_identity = GroundIdentity(
            sha256=grounds.sha256,
            estimator=recorded_identity(sees_ground),
            without=tuple(grounds.without) if not config.require_ground else (),
        )
    else:  # the column `height_m` of `sources.csv` has no effect then
        foregrounds = [replace(source, height_mm=None) for source in foregrounds]
    sources: dict[Kind, list[SourceFile]] = {"background": backgrounds, "foreground": foregrounds}
    identity = Identity(
        format_version=FORMAT_VERSION,
        config=RecordedConfig.of(**config.described()),
        sources=Sources(
            backgrounds=tuple(source.entry for source in backgrounds),
            foregrounds=tuple(source.entry for source in foregrounds),
        ),
        skipped=tuple(skipped),
        estimator=recorded_identity(estimator) if estimator else None,
        ground=ground_identity,
    )
    work = BuildWork(
        config=config,
        backgrounds=tuple(backgrounds),
        foregrounds=tuple(foregrounds),
        fingerprint=identity.fingerprint(),
        estimator=access,
        grounds=grounds,
    )
    _check_keys(work)
    notes = notes_of(config, backgrounds, foregrounds, similar)
    notes += _note_of_grounds(config, grounds)
    shards = work.plan.shards().counts
    manifest = Manifest.begin(
        identity,
        fields=declared_fields(work.spec(0)),
        splits={
            split.name: SplitInfo(
                samples=split.samples,
                shards=shards[split.name],
                backgrounds=tuple(backgrounds[i].id for i in split.backgrounds),
                foregrounds=tuple(foregrounds[i].id for i in split.foregrounds),
            )
            for split in work.plan.splits.values()
        },
        provenance={
            SourceName(kind, source.id): source.provenance
            for kind, found in sources.items()
            for source in found
            if source.provenance
        },
    )
    manifest = replace(manifest, notes=notes)
    notes += notes_of_shares(config, backgrounds, foregrounds, list(work.plan.splits.values()))
    return PreparedBuild(work, manifest, estimator, (*notes_of_choice, *notes_of_folders(folders), *notes))


def _note_of_grounds(config: BuildConfig, grounds: Grounds | None) -> tuple[str, ...]:
    """Count and name the backgrounds on which things are placed freely, because they have no ground."""
    if grounds is None or config.require_ground or not grounds.without:
        return ()
    names = list(grounds.without)
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")
    return (
        f"{len(names)} of {counted(len(grounds.entries), 'background')} have no ground, so objects are placed freely "
        f"on them ({shown}); `fgbg-data ground` shows why, and {option('require_ground', True)} leaves them out",
    )


def _without_ground(backgrounds: list[SourceFile], grounds: Grounds) -> list[SkippedSource]:
    """Return the backgrounds without ground as sources that are left out.

    Raises:
        SourceError: no background has a ground.
    """
    without = grounds.without
    left_out = [source for source in backgrounds if source.id in without]
    if len(left_out) == len(backgrounds):
        raise SourceError(
            f"{option('require_ground', True)}: none of the {counted(len(backgrounds), 'background')} has a ground; "
            "`fgbg-data ground` shows why"
        )
    return [
        SkippedSource(kind="background", file=source.file, problem=f"has no ground: {without[source.id]}")
        for source in left_out
    ]


def _check_folders(config: BuildConfig, shown: ProgressReporter) -> dict[Location, FoundPictures]:
    """Check that the folders do not overlap, that the sources hold pictures, and that `out` can be made.

    Returns:
        Source folder -> what it holds.
    """
    out, bg, fg = map(resolved, (config.out, config.bg, config.fg))
    if bg == fg:
        raise ConfigError(
            f"{option('bg', config.bg)} and {option('fg', config.fg)} are one folder. Backgrounds and cut-outs need a "
            "folder each"
        )
    for name, folder, source in (("bg", config.bg, bg), ("fg", config.fg, fg)):
        if out == source or out.is_relative_to(source):
            raise ConfigError(
                f"{option('out', config.out)}: lies inside {option(name, folder)}, where the next build would "
                "take its pictures for sources. Choose a folder outside"
            )
        if source.is_relative_to(out):
            raise ConfigError(
                f"{option(name, folder)}: lies inside {option('out', config.out)}. Choose another {option('out')}"
            )
    if isinstance(config.out, str):
        remote.check_target(config.out)
        remote.check_listable(config.out)
    found: dict[Location, FoundPictures] = {}
    limit = config.cache_gb * 1e9
    kinds: tuple[tuple[Location, Kind], ...] = ((config.bg, "background"), (config.fg, "foreground"))
    for folder, kind in kinds:
        if isinstance(folder, Path):
            found[folder] = find_pictures(folder, kind)
            continue
        with activity(shown, f"copying the {kind}s", None, "pictures"):
            found[folder] = find_pictures(folder, kind, limit, shown.update)
        limit -= copied_bytes(folder)
    if isinstance(config.out, Path):
        _check_parent(config.out)
    return found


def _check_parent(out: Path) -> None:
    """Check that the folder `out` can be made, or written to.

    Raises:
        StorageError: the text says why not.
    """
    there = next(folder for folder in (out.resolve(), *out.resolve().parents) if folder.exists())
    if not there.is_dir():
        file = "is a file" if there == out.resolve() else f"{there} is a file"
        raise StorageError(f"{option('out', out)}: {file}. Choose another folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise StorageError(f"{option('out', out)}: no permission to write in {there}. Choose another folder")


def _check_keys(work: BuildWork) -> None:
    """Refuse keys that a tar cannot hold together with the suffixes of the fields.

    Ids are short enough for the fields of this package and 99,999 positions; other fields may have longer suffixes.
    """
    background, foreground = (max((s.id for s in found), key=len) for found in (work.backgrounds, work.foregrounds))
    key = str(SampleKey(background, foreground, work.config.positions - 1, mirrored=True, twin=work.config.twins - 1))
    suffixes = work.spec(0).suffixes.values()
    if len(key) > max_key_bytes(suffixes):
        raise ConfigError(
            f"{key}: too long a key with the suffix {max(suffixes, key=len)}; expected at most "
            f"{max_key_bytes(suffixes)} characters. Use fewer {option('positions')}, or a field with a shorter suffix"
        )


def _scan_sources(
    config: BuildConfig, folders: dict[Location, FoundPictures], shown: ProgressReporter
) -> tuple[list[SourceFile], list[SourceFile], list[SkippedSource]]:
    """Check all sources of both folders; raise one error that lists every bad one."""
    jobs = config.jobs or num_cores()
    with activity(shown, "checking the sources", None, "pictures"):
        counter = itertools.count(1)

        def seen() -> None:
            shown.update(next(counter))

        backgrounds, bad_bg = scan(config.bg, "background", seen, jobs, folders[config.bg])
        foregrounds, bad_fg = scan(config.fg, "foreground", seen, jobs, folders[config.fg])
    bad: list[tuple[Location, BadSource]] = [(config.bg, source) for source in bad_bg] + [
        (config.fg, source) for source in bad_fg
    ]
    if not foregrounds and (config.skip_bad or not bad_bg):
        error = no_transparency_error(config.fg, bad_fg)
        if error:
            raise error
    if bad and not config.skip_bad:
        raise bad_sources_error(bad)
    for folder, found, kind in ((config.bg, backgrounds, "background"), (config.fg, foregrounds, "foreground")):
        if not found:
            raise SourceError(
                f"{folder}: no {kind} is left after {option('skip_bad', True)}; without it every problem is listed"
            )
        check_ids(found)
    every_bad: dict[Kind, list[BadSource]] = {"background": bad_bg, "foreground": bad_fg}
    skipped = [
        SkippedSource(kind=kind, file=source.file, problem=source.problem)
        for kind, sources in every_bad.items()
        for source in sources
    ]
    for source in skipped:
        shown.message(f"skipped {source.kind} {source.file}: {source.problem}")
    return backgrounds, foregrounds, skipped
