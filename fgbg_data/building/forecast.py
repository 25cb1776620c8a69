"""What a build will take, measured on its first samples."""

import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from fgbg_data.building.prepare import Project
from fgbg_data.building.source_depth import estimate_sources, num_calls
from fgbg_data.building.worker import Worker
from fgbg_data.codecs.encode import encode_files
from fgbg_data.compositing.plan import Shard
from fgbg_data.errors import StorageError, option
from fgbg_data.runtime import storage
from fgbg_data.runtime.parallel import num_jobs
from fgbg_data.sample import PIXEL_FIELDS
from fgbg_data.text import format_bytes


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What a build will take, measured on its first samples."""

    bytes: int
    seconds: float


def forecast(project: Project, samples: int = 32) -> Forecast:
    """Measure the first samples of a plan in memory and extend that to the whole of it."""
    first = project.plan.shards()[0]
    probe = replace(first, stop=min(first.stop, first.start + samples))
    with tempfile.TemporaryDirectory(prefix="fgbg-") as folder:
        asked = _ask_about_sources(project, probe, Path(folder))
        measured = _measure(replace(project, job=replace(project.job, source_depth=Path(folder))), probe)
    return replace(measured, seconds=measured.seconds + asked)


def estimator_calls(project: Project) -> int:
    """Return how often a build asks the estimator, about composites and about sources."""
    labels, job = project.job.config.labels.values(), project.job
    calls = 0
    if "inferred" in labels:
        calls += sum(-(-(shard.stop - shard.start) // job.batch_size) for shard in project.plan.shards())
    if "composed" in labels:
        calls += num_calls(job.batch_size, len(job.backgrounds), len(job.foregrounds))
    return calls


def _ask_about_sources(project: Project, probe: Shard, folder: Path) -> float:
    """For composed depth, ask the estimator about the sources of `probe`; return the seconds that all will take."""
    job = project.job
    if project.estimator is None or "composed" not in job.config.labels.values():
        return 0.0
    placements = [project.plan.placement(probe.split, place) for place in range(probe.start, probe.stop)]
    backgrounds = sorted({placement.background for placement in placements})
    foregrounds = sorted({placement.foreground for placement in placements})
    cache = job.sources()
    estimate_sources(folder / "first", cache, project.estimator, backgrounds[:1], [])  # pays for the start
    started = time.perf_counter()
    estimate_sources(folder, cache, project.estimator, backgrounds, foregrounds)
    each = (time.perf_counter() - started) / num_calls(job.batch_size, len(backgrounds), len(foregrounds))
    return each * num_calls(job.batch_size, len(job.backgrounds), len(job.foregrounds))


def _measure(project: Project, probe: Shard) -> Forecast:
    """Make the samples of `probe`, and extend what they take to the whole plan."""
    worker = Worker(project.job)
    spec = project.job.spec(1)
    size, count = 0, 0
    for _ in worker.samples(replace(probe, stop=probe.start + 1)):
        pass  # the first sample pays for loading the estimator and the sources
    started = time.perf_counter()
    for sample in worker.samples(probe):
        files = encode_files(sample)
        # a tar member is a header and whole blocks of 512 bytes
        if "tar" in project.job.config.format:
            size += sum(512 + -(-len(data) // 512) * 512 for data in files.values())
        if "hdf5" in project.job.config.format:
            arrays = (sample.array(name) for name in PIXEL_FIELDS)
            pixels = sum(array.nbytes for array in arrays if array is not None)
            size += sum(len(data) for data in files.values()) if spec.encoded else pixels + len(files["meta"])
        count += 1
    seconds = (time.perf_counter() - started) / count
    total, jobs = len(project.plan), num_jobs(project.job.config.jobs, len(project.plan.shards()))
    return Forecast(bytes=size * total // count, seconds=seconds * total / jobs)


def check_space(project: Project, samples: int) -> None:
    """Refuse to make `samples` more where the disk cannot hold them, by the size of the first ones.

    Raises:
        StorageError: too little space is free; the text says how much is needed.
    """
    if not samples:
        return
    config = project.job.config
    # Without the estimator, which is slow to start: depth is taken for one byte a pixel in a PNG (measured
    # on `tiny`: less), two in HDF5.
    pixels = replace(project, job=replace(project.job, config=replace(config, depth="none", depth_mode="infer")))
    needed = forecast(pixels, samples=8).bytes * samples // len(project.plan)
    if config.depth_shape is not None:
        each = ("tar" in config.format) + 2 * ("hdf5" in config.format)
        needed += each * len(config.labels) * config.depth_shape[0] * config.depth_shape[1] * samples
    if "composed" in config.labels.values():  # float32 depth of the sources, until all shards are made
        sources = len(project.job.backgrounds) + len(project.job.foregrounds)
        needed += 4 * sources * config.canvas[0] * config.canvas[1]
    free = storage.free_bytes(config.out)
    if needed > free:
        raise StorageError(
            f"{config.out}: about {format_bytes(needed)} are needed, {format_bytes(free)} are free. Free some "
            f"space, choose another {option('out')}, or make fewer {option('samples')}"
        )
