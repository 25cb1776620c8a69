"""Build a dataset: the one place that joins sources, plan, workers, records and manifest."""

import contextlib
import logging
import os
import platform
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from fgbg_data import storage
from fgbg_data.card import card
from fgbg_data.config import BuildConfig
from fgbg_data.errors import BuildError, FgbgError, FingerprintError, StorageError
from fgbg_data.forecast import check_space
from fgbg_data.manifest import MANIFEST, Manifest, Record, record_path
from fgbg_data.plan import Shard
from fgbg_data.progress import BuildProgress, Tally
from fgbg_data.project import Project, differences, num_cores, num_jobs, prepare
from fgbg_data.worker import Job, Worker

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
    with storage.build_lock(config.out), _build_log(config.out):
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
    config = project.job.config
    if not config.out.exists():
        return
    if not config.out.is_dir():
        raise StorageError(f"{config.out}: is a file; --out expects a folder")
    if not (config.out / MANIFEST).is_file():
        if _lost_its_manifest(project):
            return
        foreign = sorted(path.name for path in config.out.iterdir() if path.name not in storage.NOT_DATA)
        foreign = [name for name in foreign if not name.endswith(storage.PARTIAL)]
        if foreign:
            raise StorageError(
                f"{config.out}: is not empty and holds no {MANIFEST} (found {', '.join(foreign[:3])}). "
                "Choose a new folder for --out"
            )
        return
    found = Manifest.read(config.out)
    wanted = project.manifest
    if found.fingerprint != wanted.fingerprint and not config.overwrite:
        changed = differences(found.identity, wanted.identity)
        raise FingerprintError(
            f"{config.out}: holds another dataset (fingerprint {found.fingerprint[:8]}, this build gives "
            f"{wanted.fingerprint[:8]}; differs in: {', '.join(changed)}). Use a new folder, or --overwrite to "
            "replace it"
        )


def find_finished(project: Project) -> tuple[list[Record], list[Shard]]:
    """Return the records of finished shards, and the shards that are still to be made."""
    config = project.job.config
    records, todo = [], []
    for shard in project.plan.shards():
        path = record_path(config.out, shard.split, shard.index)
        record = _finished(path, project.job, shard) if path.is_file() else None
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
        job = replace(project.job, parent=os.getpid(), tally=tally_path, threads=max(1, num_cores() // jobs))
        if project.estimator is not None and job.device == "cuda" and jobs > 1:
            from fgbg_data.depth.server import EstimatorServer

            server = stack.enter_context(EstimatorServer(project.estimator))
            job = replace(job, server=server.address)
        progress = stack.enter_context(BuildProgress(console, len(project.plan), done, tally))
        records = []
        for record in _in_parallel(job, todo, jobs):
            records.append(record)
            progress.add_bytes(record.bytes)
            log.info("%s %d: %d samples, %d bytes", record.split, record.index, record.samples, record.bytes)
        return records


def finish(project: Project, records: list[Record]) -> Manifest:
    """Write what is written last: preview, card, and the manifest that says that the dataset is complete."""
    out = project.job.config.out
    order = {name: place for place, name in enumerate(project.manifest.splits)}
    records = sorted(records, key=lambda record: (order[record.split], record.index))
    manifest = replace(project.manifest)
    manifest.add_shards(records)
    manifest.complete = True
    text = card(manifest)
    if (out / MANIFEST).is_file() and (out / "preview.png").is_file() and Manifest.read(out) == manifest:
        return manifest
    _write_preview(project, records)
    storage.write_text(out / "README.md", text)
    manifest.write(out)
    log.info("complete: %d samples, %d bytes", manifest.samples, manifest.bytes)
    return manifest


# --- parts of it ------------------------------------------------------------------------------------------


def _clear_other(out: Path, wanted: str) -> None:
    """For --overwrite: delete the files that the manifest and the records of another dataset name, no others."""
    if not (out / MANIFEST).is_file() or Manifest.read(out).fingerprint == wanted:
        return
    manifest = Manifest.read(out)
    doomed = [out / "README.md", out / "preview.png"]
    for split, entry in manifest.splits.items():
        for index in range(entry["shards"]):
            path = record_path(out, Path(split).name, index)
            doomed.append(path)
            suffix_free = path.with_suffix("")
            doomed += [suffix_free.with_suffix(suffix) for suffix in (".tar", ".h5")]
    for path in [*doomed, out / MANIFEST]:  # the manifest last: until then the same command starts over
        path.unlink(missing_ok=True)
    for split in manifest.splits:
        with contextlib.suppress(OSError):  # missing, or holds files that are not ours
            (out / Path(split).name).rmdir()


def _lost_its_manifest(project: Project) -> bool:
    """Tell whether the records in the output folder are all of this build; then only the manifest is missing."""
    paths = (record_path(project.job.config.out, shard.split, shard.index) for shard in project.plan.shards())
    found = [path for path in paths if path.is_file()]
    try:
        return bool(found) and {Record.read(path).fingerprint for path in found} == {project.job.fingerprint}
    except FgbgError:
        return False


def _finished(path: Path, job: Job, shard: Shard) -> Record | None:
    """Return the record of a finished shard of this build, or None if it must be made (again)."""
    try:
        record = Record.read(path)
    except FgbgError:
        return None
    if record.fingerprint != job.fingerprint or record.samples != shard.stop - shard.start:
        return None
    if set(record.files) != set(job.config.format):
        return None
    for file in record.files.values():
        place = path.with_name(file.name)
        if not place.is_file() or place.stat().st_size != file.bytes:
            return None
        if job.config.check and storage.file_sha256(place) != file.sha256:
            return None
    return record


def _in_parallel(job: Job, todo: list[Shard], jobs: int) -> Iterator[Record]:
    """Yield records as shards are finished; whatever happens, no worker is left behind."""
    if jobs == 1:
        import cv2

        cv2.setNumThreads(1)
        worker = Worker(job)
        for slot, shard in enumerate(todo):
            yield worker.make_shard(shard, slot)
        return
    from joblib import Parallel, delayed
    from joblib.externals.loky import get_reusable_executor
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    from fgbg_data import worker as module

    parallel = Parallel(
        n_jobs=jobs,
        backend="loky",
        batch_size=1,
        return_as="generator_unordered",
        initializer=module.start,
        initargs=(job,),
    )
    try:
        yield from parallel(delayed(module.run)(shard, slot) for slot, shard in enumerate(todo))
    except TerminatedWorkerError as error:
        raise BuildError(
            f"{job.config.out}: a worker was killed, most likely for want of memory. Finished shards are whole; run "
            "the same command to go on, with fewer --jobs if it happens again"
        ) from error
    finally:
        get_reusable_executor().shutdown(wait=True, kill_workers=True)
        storage.clear_partials(job.config.out)  # of workers that were stopped in the middle


def _write_preview(project: Project, records: list[Record]) -> None:
    """Draw the first samples of the dataset, read back from its shards."""
    from fgbg_data.preview import contact_sheet, on_checkerboard, sample_pictures, save_sheet
    from fgbg_data.shards import load_format
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
    for number in range(min(PREVIEW_ROWS, record.samples)):
        meta = reader.read(number, "meta")
        codes = reader.read(number, "depth") if config.depth_shape else None
        pictures = {
            "background": cache.background(meta["background"]),
            "foreground": on_checkerboard(cache.foreground(meta["foreground"]), *config.canvas),
        } | sample_pictures(reader.read(number, "image"), reader.read(number, "mask"), codes)
        titles = list(pictures)
        rows.append(list(pictures.values()))
    save_sheet(contact_sheet(rows, titles), config.out / "preview.png")


@contextlib.contextmanager
def _build_log(out: Path) -> Iterator[None]:
    """Append what happens, with times and machine, to `build.log`, which is no part of the dataset."""
    handler = logging.FileHandler(out / "build.log", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(message)s"))
    log.addHandler(handler)
    level = log.level
    log.setLevel(logging.INFO)
    try:
        yield
    except BaseException as error:
        log.info("stopped: %s", error or type(error).__name__)
        raise
    finally:
        log.setLevel(level)
        log.removeHandler(handler)
        handler.close()
