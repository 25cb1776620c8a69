"""Build a dataset: the one place that joins sources, plan, workers, records and manifest."""

import contextlib
import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from fgbg_data.building import source_depth
from fgbg_data.building.forecast import check_space
from fgbg_data.building.prepare import Project, prepare
from fgbg_data.building.worker import Job
from fgbg_data.compositing.plan import Shard
from fgbg_data.config import BuildConfig
from fgbg_data.dataset.manifest import MANIFEST, Manifest
from fgbg_data.dataset.record import Record, record_path
from fgbg_data.depth import DepthEstimator
from fgbg_data.depth.server import EstimatorServer
from fgbg_data.drawing.colours import on_checkerboard
from fgbg_data.key import KINDS, key_sources
from fgbg_data.runtime.parallel import num_cores
from fgbg_data.runtime.progress import Tally
from fgbg_data.sample import PIXEL_FIELDS, Array, Meta
from fgbg_data.shards import FORMATS, load_format
from fgbg_data.shards.folder import INDEX, FolderFormat, loose_files
from fgbg_data.writing.preview import PREVIEW_ROWS, draw_shard
from fgbg_data.writing.run import Production

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
    return production(prepare(config, console), console).run(console)


def production(project: Project, console: Console | None = None) -> Production[Shard]:
    """Return what there is to make of a project; its start is shown on the console."""
    config = project.job.config
    return Production(
        out=config.out,
        manifest=project.manifest,
        formats=config.format,
        tasks=project.plan.shards(),
        open_work=lambda tally, jobs: _open_work(project, tally, jobs, console or Console(quiet=True)),
        draw_preview=lambda records: _draw_preview(project, records[0]),
        check_space=lambda samples: check_space(project, samples),
        clear=lambda: _clear_other(config.out, project.manifest.fingerprint) if config.overwrite else None,
        overwrite=config.overwrite,
        jobs=config.jobs,
        check=config.check,
    )


# --- parts of it ------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _open_work(project: Project, tally: Path, jobs: int, console: Console) -> Iterator[Job]:
    """Yield what workers are told; beside them, where they share one GPU, a server runs the estimator.

    At the end it is said for how much of the time the estimator was at work.
    """
    # Floats of most networks on a CPU depend on the number of threads, and a dataset must depend neither on `jobs` nor
    # on how many shards were left to resume. Those of `tiny` do not, which a test holds.
    steady = project.job.config.depth == "tiny" or project.job.device != "cpu"
    threads = max(1, num_cores() // jobs) if jobs > 1 else 0
    job = replace(project.job, tally=tally, threads=threads if steady else 1)
    labels = job.config.labels.values()
    server: EstimatorServer | None = None
    with contextlib.ExitStack() as stack:
        if project.estimator is not None and "composed" in labels:
            job = replace(job, source_depth=_estimate_sources(project.job, project.estimator, console))
        if project.estimator is not None and "inferred" in labels and jobs == 1:
            if steady:
                job = replace(job, estimator=project.estimator)
            else:  # loaded again, for onnxruntime takes the number of threads when it opens a file
                stack.enter_context(_kept_threads())
        if project.estimator is not None and "inferred" in labels and job.device == "cuda" and jobs > 1:
            server = stack.enter_context(EstimatorServer(project.estimator))
            job = replace(job, server=server.address)
        started = time.monotonic()
        yield job
        if "inferred" in labels:
            estimating_s = server.estimating_s if server else Tally(tally).estimating_s / jobs
            share = estimating_s / (time.monotonic() - started)
            text = f"depth: {job.config.depth} on {job.device} was at work {share:.0%} of the time"
            log.info(text)
            console.print(text, markup=False, highlight=False, soft_wrap=True)
    source_depth.clear(job.config.out)  # all shards are made; after a stop it stays for the next run


@contextlib.contextmanager
def _kept_threads() -> Iterator[None]:
    """Give this process its torch threads back, after it was a worker."""
    import torch

    threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _estimate_sources(job: Job, estimator: DepthEstimator, console: Console) -> Path:
    """Ask the estimator about every source, for composed depth; return the folder of what it said."""
    folder = source_depth.folder_of(job.config.out, job.fingerprint)
    backgrounds, foregrounds = ([source.id for source in found] for found in (job.backgrounds, job.foregrounds))
    with console.status("depth of the sources") as status:
        source_depth.estimate_sources(
            folder,
            job.sources(),
            estimator,
            backgrounds,
            foregrounds,
            lambda done: status.update(f"depth of the sources: {done}/{len(backgrounds) + len(foregrounds)}"),
        )
    return folder


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


def _draw_preview(project: Project, record: Record) -> None:
    """Draw the first samples of the dataset, beside what they were made of."""
    config = project.job.config
    cache = project.job.sources()

    def sources(meta: Meta) -> dict[str, Array]:
        return {
            "background": cache.background(meta["background"]),
            "foreground": on_checkerboard(cache.foreground(meta["foreground"])[0], *config.canvas),
        }

    draw_shard(config.out, record, config.format[0], _varied(record.keys, PREVIEW_ROWS), sources)


def _varied(keys: list[str], count: int) -> list[int]:
    """Return indices of samples: first those that repeat neither background nor foreground, then others."""
    seen: set[tuple[str, str]] = set()
    new: list[int] = []
    for index, key in enumerate(keys):
        sources = set(zip(KINDS, key_sources(key) or (), strict=False))
        if not seen & sources:
            new.append(index)
            seen |= sources
    others = [index for index in range(len(keys)) if index not in set(new)]
    return (new + others)[:count]
