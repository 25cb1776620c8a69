"""Build a dataset: `build`, and the steps that only a build has, besides those of every `DatasetMaker`."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from fgbg_data.building import source_depth
from fgbg_data.building.estimating import start_estimator
from fgbg_data.building.forecast import check_space
from fgbg_data.building.prepare import PreparedBuild, prepare
from fgbg_data.building.worker import BuildWork
from fgbg_data.compositing.plan import ShardRange
from fgbg_data.config import BuildConfig
from fgbg_data.dataset.file_names import DESCRIPTIONS, GROUNDS, shard_numbers
from fgbg_data.dataset.manifest import MANIFEST, Manifest
from fgbg_data.dataset.record import ShardRecord, record_path, shard_stem
from fgbg_data.dataset.shard_table import TABLE
from fgbg_data.depth.estimator import DepthEstimator
from fgbg_data.drawing.colours import on_checkerboard
from fgbg_data.key import KINDS, key_sources
from fgbg_data.runtime import locations, remote
from fgbg_data.runtime.files import write_text
from fgbg_data.runtime.locations import Location, join
from fgbg_data.runtime.locks import build_lock
from fgbg_data.runtime.progress import Progress, ProgressReporter, activity, reporter
from fgbg_data.runtime.runner import Runner, open_runner
from fgbg_data.runtime.tally import Tally
from fgbg_data.sample import Array, Meta
from fgbg_data.shards.registry import installed_formats
from fgbg_data.writing.maker import DatasetMaker
from fgbg_data.writing.part import Part
from fgbg_data.writing.preview import PREVIEW_ROWS, draw_shard


def build(config: BuildConfig, *, progress: Progress = None) -> Manifest:
    """Build the dataset that `config` describes, or resume it where an earlier run stopped.

        manifest = build(BuildConfig(bg="bg/", fg="fg/", out="shards/"))

    Args:
        config: what to build, and where.
        progress: None shows progress on a terminal or in a notebook, True everywhere, False nowhere; or an object of
            your own that follows `ProgressReporter`.

    Returns:
        The manifest of the complete dataset; with `part`, the manifest without shards.

    Raises:
        FgbgError: the user can fix it; nothing finished is lost, and the same call resumes.
    """
    shown = reporter(progress)
    part = Part.parse(config.part) if config.part else None
    if isinstance(config.out, str):
        remote.check_writable(config.out)
    jobs = 1 if remote.is_in_memory(config.out) else config.jobs
    with open_runner(config.backend, jobs, config.dask_address) as runner:
        maker = BuildMaker(prepare(config, shown), part, runner)
        if part is None:
            return maker.run(shown)
        maker.run_part(part, shown)
        return maker.manifest


def write_plan(config: BuildConfig, *, progress: Progress = None) -> Manifest:
    """Write only `dataset.json`, incomplete, with everything that the parts of a build must agree on.

    A part that was started with other sources, another estimator, another kind of device or other options is refused
    then. Without this call, the part that starts first writes the file.

    Args:
        config: what to build, and where; with `overwrite`, another dataset in the folder is deleted first.
        progress: see `build`.

    Returns:
        The manifest, incomplete.

    Raises:
        FgbgError: the build itself would be refused too, with the same error.
    """
    maker = BuildMaker(prepare(config, reporter(progress)))
    maker.check_folder()
    maker.local.mkdir(parents=True, exist_ok=True)
    if config.overwrite:
        with build_lock(maker.local, maker.out):
            maker.make_room()
    maker.write_plan()
    return maker.manifest


class BuildMaker(DatasetMaker[ShardRange]):
    """Makes the dataset of a prepared build."""

    verb = "build"

    def __init__(self, prepared: PreparedBuild, part: Part | None = None, runner: Runner | None = None) -> None:
        config = prepared.config
        super().__init__(
            out=config.out,
            manifest=prepared.manifest,
            formats=config.format,
            tasks=prepared.plan.shards(),
            jobs=config.jobs,
            runner=runner,
            check=config.check,
            overwrite=config.overwrite,
        )
        self.prepared = prepared
        self.part = part

    @contextlib.contextmanager
    def start_work(self, tally: Tally, jobs: int, shown: ProgressReporter) -> Iterator[BuildWork]:
        """Yield what workers need to know. Depth of the sources is estimated first, if depth is composed."""
        prepared, config = self.prepared, self.prepared.config
        self.write_grounds()
        for note in prepared.notes:
            shown.message(note)
        work = replace(prepared.work, tally=tally)
        with contextlib.ExitStack() as stack:
            estimator, access = prepared.estimator, prepared.work.estimator
            if estimator is not None and access is not None:
                if config.composed_field:
                    work = replace(work, source_depth=self._estimate_sources(estimator, shown))
                if config.inferred_field and self.runner.on_this_machine:
                    started = start_estimator(access, estimator, jobs, tally, shown)
                    work = replace(work, estimator=stack.enter_context(started))
                elif config.inferred_field:
                    work = replace(work, estimator=replace(access, threads=1))  # every worker loads one of its own
            yield work if self.runner.on_this_machine else work.absolute()

    def write_plan(self) -> None:
        """Write `dataset.json`, incomplete, and the grounds, if they are missing."""
        super().write_plan()
        self.write_grounds()

    def write_grounds(self) -> None:
        """Write the table of grounds, which workers of later runs and `verify` read."""
        grounds, location = self.prepared.work.grounds, join(self.out, GROUNDS)
        if grounds is not None and (locations.size(location) is None or locations.read_text(location) != grounds.text):
            write_text(location, grounds.text)

    def clear_up(self) -> None:
        """Remove the depth of the sources, which is kept as long as shards are missing."""
        source_depth.clear(self.local)

    def write_preview(self, record: ShardRecord) -> None:
        """Draw the first samples of the dataset, beside the sources that they were made of."""
        config, cache = self.prepared.config, self.prepared.work.source_cache()

        def sources(meta: Meta) -> dict[str, Array]:
            return {
                "background": cache.background(meta["background"]),
                "foreground": on_checkerboard(cache.foreground(meta["foreground"])[0], *config.canvas),
            }

        draw_shard(config.out, record, config.format[0], _varied(record.keys, PREVIEW_ROWS), sources)

    def check_space(self, samples: int) -> None:
        """Refuse to make more samples than the disk can hold."""
        check_space(self.prepared, samples)

    def make_room(self) -> None:
        """With `overwrite`, delete the files that manifest and records of another dataset name, and no others."""
        if self.overwrite and locations.size(locations.join(self.out, MANIFEST)) is not None:
            found = Manifest.read(self.out)
            if found.fingerprint != self.manifest.fingerprint:
                _delete_dataset(self.out, found)

    def _estimate_sources(self, estimator: DepthEstimator, shown: ProgressReporter) -> Path:
        """Ask the estimator about every source, for composed depth; return the folder of its answers."""
        work = self.prepared.work
        folder = source_depth.folder_of(self.local, work.fingerprint)
        backgrounds, foregrounds = ([source.id for source in found] for found in (work.backgrounds, work.foregrounds))
        first = None if self.part is None else (self.part.number - 1) / self.part.count
        with activity(shown, "depth of the sources", len(backgrounds) + len(foregrounds), "pictures"):
            cache = work.source_cache()
            source_depth.estimate_sources(
                folder, cache, estimator, backgrounds, foregrounds, shown.update, shared_from=first
            )
        return folder


def _delete_dataset(out: Location, manifest: Manifest) -> None:
    """Delete the files of a dataset, and then those of its folders that are empty."""
    formats = installed_formats(manifest.identity.config.format)
    doomed = [join(out, name) for name in (*DESCRIPTIONS, GROUNDS, *(n for fmt in formats for n in fmt.root_files))]
    for split, about in manifest.splits.items():
        folder = join(out, split)
        for index in shard_numbers(locations.names_in(folder), split, about.shards):
            shards = [(fmt, join(folder, shard_stem(split, index) + fmt.suffix)) for fmt in formats]
            doomed += [join(folder, name) for fmt, shard in shards for name in fmt.files_of(shard)]
            doomed += [record_path(out, split, index), *(shard for _, shard in shards)]
        doomed += [join(folder, name) for fmt in formats for name in fmt.split_files]
        doomed += [join(folder, TABLE)] if manifest.tables else []
    for location in [*doomed, join(out, MANIFEST)]:  # the manifest last: until then the same command starts over
        locations.remove(location)
    if not isinstance(out, Path):
        return
    for split in manifest.splits:
        folder = out / split
        inner = [folder / name for fmt in formats for name in fmt.folders(manifest.fields)]
        for emptied in (*inner, folder):
            with contextlib.suppress(OSError):  # missing, or holds files that are not ours
                emptied.rmdir()


def _varied(keys: list[str], count: int) -> list[int]:
    """Return indices of samples: first those that repeat neither background nor foreground, then others."""
    seen: set[tuple[str, str]] = set()
    new: list[int] = []
    for index, key in enumerate(keys):
        sources = set(zip(KINDS, key_sources(key) or (), strict=False))
        if not seen & sources:
            new.append(index)
            seen |= sources
    others = sorted(set(range(len(keys))) - set(new))
    return (new + others)[:count]
