"""Build a dataset: the one place that joins sources, plan, workers, records and manifest."""

import contextlib
import logging
import platform
import tempfile
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from fgbg_data import output, storage
from fgbg_data.config import BuildConfig
from fgbg_data.forecast import check_space
from fgbg_data.manifest import MANIFEST, Manifest, Record, record_path
from fgbg_data.parallel import in_parallel
from fgbg_data.plan import Shard
from fgbg_data.progress import BuildProgress, Tally
from fgbg_data.project import Project, num_cores, num_jobs, prepare
from fgbg_data.sample import PIXEL_FIELDS
from fgbg_data.shards import FORMATS, load_format
from fgbg_data.shards.folder import INDEX, FolderFormat, loose_files

PREVIEW_ROWS = 6

log = logging.getLogger("fgbg_data")


def build(config: BuildConfig, console: Console | None = None) -> Manifest:
    """Build the dataset of `config`, or go on with it where an earlier run stopped.

    Args:
        config: what to build, and where.
        console: where progress is shown; None shows nothing.

    Returns:
        The manifest of the complete dataset.

    Raises:
        FgbgError: a user can mend it; nothing finished is lost, and the same call goes on.
    """
    console = console or Console(quiet=True)
    project = prepare(config, console)
    check_folder(project)
    config.out.mkdir(parents=True, exist_ok=True)
    with storage.build_lock(config.out), output.log_to(config.out):
        if config.overwrite:
            _clear_other(config.out, project.manifest.fingerprint)
        storage.clear_partials(config.out)
        records, todo = find_finished(project)
        check_space(project, sum(shard.stop - shard.start for shard in todo))
        if todo or not (config.out / MANIFEST).is_file():
            project.manifest.write(config.out)
        log.info("%d of %d shards to make; %s", len(todo), len(records) + len(todo), platform.platform())
        if records and todo:
            console.print(f"{len(records)} shards are finished, {len(todo)} to go", highlight=False)
        records += make_shards(project, todo, done=sum(record.samples for record in records), console=console)
        return finish(project, records)


def check_folder(project: Project) -> None:
    """Refuse an output folder that holds anything but this dataset.

    Raises:
        FingerprintError: it holds another dataset; the text names what differs.
        StorageError: it holds something that is no dataset.
    """
    output.check_folder(project.job.config.out, project.manifest, overwrite=project.job.config.overwrite)


def find_finished(project: Project) -> tuple[list[Record], list[Shard]]:
    """Return the records of finished shards, and the shards that are still to be made."""
    config = project.job.config
    records, todo = [], []
    for shard in project.plan.shards():
        record = output.find_record(
            config.out,
            project.manifest.fingerprint,
            shard.split,
            shard.index,
            samples=shard.stop - shard.start,
            formats=config.format,
            check=config.check,
        )
        if record is None:
            todo.append(shard)
        else:
            records.append(record)
    return records, todo


def make_shards(project: Project, todo: list[Shard], *, done: int, console: Console) -> list[Record]:
    """Make shards in parallel and return their records.

    Raises:
        FgbgError: as a worker raised it.
        BuildError: a worker was killed.
    """
    if not todo:
        return []
    jobs = num_jobs(project.job.config, len(todo))
    with tempfile.TemporaryDirectory(prefix="fgbg-") as folder, contextlib.ExitStack() as stack:
        tally_path = Path(folder) / "tally"
        tally = Tally(tally_path, slots=len(todo))
        job = replace(project.job, tally=tally_path, threads=max(1, num_cores() // jobs) if jobs > 1 else 0)
        if project.estimator is not None and job.device == "cuda" and jobs > 1:
            from fgbg_data.depth.server import EstimatorServer

            server = stack.enter_context(EstimatorServer(project.estimator))
            job = replace(job, server=server.address)
        progress = stack.enter_context(BuildProgress(console, len(project.plan), done, tally))
        records = []
        for record in in_parallel(job, todo, jobs, job.config.out):
            records.append(record)
            progress.add_bytes(record.bytes)
            log.info("%s %d: %d samples, %d bytes", record.split, record.index, record.samples, record.bytes)
        return records


def finish(project: Project, records: list[Record]) -> Manifest:
    """Write what is written last: preview, card, and the manifest that says that the dataset is complete."""
    return output.finish(
        project.job.config.out, project.manifest, records, lambda records: _write_preview(project, records)
    )


# --- parts of it ------------------------------------------------------------------------------------------


def _clear_other(out: Path, wanted: str) -> None:
    """For --overwrite: delete the files that the manifest and the records of another dataset name, no others."""
    if not (out / MANIFEST).is_file() or Manifest.read(out).fingerprint == wanted:
        return
    manifest = Manifest.read(out)
    suffixes = [load_format(name).suffix for name in manifest.identity["config"]["format"] if name in FORMATS]
    loose = FolderFormat.suffix in suffixes
    doomed = [out / "README.md", out / "preview.png", *([out / INDEX] if loose else [])]
    for split, entry in manifest.splits.items():
        for index in range(entry["shards"]):
            path = record_path(out, Path(split).name, index)
            doomed += loose_files(path.with_suffix(FolderFormat.suffix)) if loose else []
            doomed += [path, *(path.with_suffix(suffix) for suffix in suffixes)]
    for path in [*doomed, out / MANIFEST]:  # the manifest last: until then the same command starts over
        path.unlink(missing_ok=True)
    for split in manifest.splits:
        folder = out / Path(split).name
        for place in (*(folder / field for field in PIXEL_FIELDS if loose), folder):
            with contextlib.suppress(OSError):  # missing, or holds files that are not ours
                place.rmdir()


def _write_preview(project: Project, records: list[Record]) -> None:
    """Draw the first samples of the dataset, read back from its shards."""
    from fgbg_data.preview import contact_sheet, on_checkerboard, sample_pictures, save_sheet
    from fgbg_data.sources import SourceCache

    config = project.job.config
    cache = SourceCache(
        config,
        {source.id: source.file for source in project.job.backgrounds},
        {source.id: source.file for source in project.job.foregrounds},
    )
    record = records[0]
    form, file = load_format(config.format[0]), record.files[config.format[0]]
    place = config.out / record.split / file.name
    reader = form.open_reader(place, form.read_index(place, record.keys, file.index))
    rows = []
    titles: list[str] = []
    for number in _varied(record.keys, PREVIEW_ROWS):
        meta = reader.read(number, "meta")
        codes = reader.read(number, "depth") if config.depth_shape else None
        pictures = {
            "background": cache.background(meta["background"]),
            "foreground": on_checkerboard(cache.foreground(meta["foreground"]), *config.canvas),
        } | sample_pictures(reader.read(number, "image"), reader.read(number, "mask"), codes)
        titles = list(pictures)
        rows.append(list(pictures.values()))
    save_sheet(contact_sheet(rows, titles), config.out / "preview.png")


def _varied(keys: list[str], count: int) -> list[int]:
    """Return places: first of samples that repeat neither background nor foreground, then of others."""
    seen: set[str] = set()
    new: list[int] = []
    for place, key in enumerate(keys):
        background, foreground, _ = key.split("_")
        sources = {f"background {background}", f"foreground {foreground}"}
        if not seen & sources:
            new.append(place)
            seen |= sources
    others = [place for place in range(len(keys)) if place not in set(new)]
    return (new + others)[:count]
