"""Estimate the size and the time of a build from its first samples."""

import math
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fgbg_data.building.prepare import PreparedBuild
from fgbg_data.building.source_depth import estimate_sources, num_calls
from fgbg_data.building.worker import BuildWork, Worker
from fgbg_data.compositing.arrange import arrange
from fgbg_data.compositing.plan import ShardRange
from fgbg_data.errors import StorageError, option
from fgbg_data.fields import FIELDS
from fgbg_data.fields.samples import encode_files
from fgbg_data.runtime.files import free_bytes
from fgbg_data.runtime.mirror import copied_bytes
from fgbg_data.runtime.parallel import num_jobs
from fgbg_data.runtime.scratch import local_folder
from fgbg_data.shards.registry import format_options, load_format
from fgbg_data.text import counted, format_bytes


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """The size and the time of a whole build, estimated from its first samples."""

    bytes: int
    """Size of all shards."""
    seconds: float
    """Time of the whole build with all its workers."""
    core_s: float
    """Time of all cores together, in seconds."""
    gpu_s: float
    """Time of the GPU, in seconds; 0 if the estimator runs on a CPU."""


def forecast(prepared: PreparedBuild, samples: int = 32) -> Forecast:
    """Make the first samples of a plan in memory, and estimate the size and the time of the whole build from them."""
    first = prepared.plan.shards()[0]
    probe = replace(first, stop=min(first.stop, first.start + samples))
    with tempfile.TemporaryDirectory(prefix="fgbg-") as folder:
        source_seconds = _measure_source_depth(prepared, probe, Path(folder))
        measured = _measure_samples(replace(prepared.work, source_depth=Path(folder)), probe)
    gpu_s = source_seconds if _on_gpu(prepared.work) else 0.0
    return replace(
        measured,
        seconds=measured.seconds + source_seconds,
        core_s=measured.core_s + source_seconds - gpu_s,
        gpu_s=measured.gpu_s + gpu_s,
    )


def _on_gpu(work: BuildWork) -> bool:
    return work.estimator is not None and work.estimator.device == "cuda"


def estimator_calls(prepared: PreparedBuild) -> int:
    """Return how many calls of the estimator a build makes, for composites and for sources."""
    work, calls = prepared.work, 0
    if work.config.inferred_field:
        size = work.plan.shards().size
        for split in work.plan.splits.values():
            whole, rest = divmod(split.samples, size)
            calls += whole * -(-size // work.batch_size) + -(-rest // work.batch_size)
    if work.config.composed_field:
        calls += num_calls(work.batch_size, len(work.backgrounds), len(work.foregrounds))
    return calls


def check_space(prepared: PreparedBuild, samples: int) -> None:
    """Refuse to make `samples` more samples if the disk cannot hold them, judged by the size of the first ones.

    Raises:
        StorageError: too little space is free; the text says how much is needed.
    """
    if not samples:
        return
    work = prepared.work
    config = work.config
    # This is measured without the estimator, which is slow to start. Depth is counted as one byte a pixel in a PNG
    # (that of `tiny` takes less), and as two bytes if pixels are stored.
    pixels = replace(work, config=config.without_depth(), estimator=None)
    without_depth = replace(prepared, work=pixels, estimator=None)
    needed = forecast(without_depth, samples=8).bytes * samples // len(work.plan)
    if config.depth_shape is not None:
        options = format_options(vars(config), config.format)
        each = sum(1 if load_format(name).holds_files(options) else 2 for name in config.format)
        needed += each * len(config.depth_fields) * config.depth_shape[0] * config.depth_shape[1] * samples
    shapes = work.spec(0).shapes
    for name in config.extra_fields:
        needed += samples * len(config.format) * math.prod(shapes[name]) * np.dtype(FIELDS[name].dtype).itemsize
    of_sources = 0
    if config.composed_field:  # float32 depth of the sources, until all shards are made
        of_sources = 4 * (len(work.backgrounds) + len(work.foregrounds)) * config.canvas[0] * config.canvas[1]
    if isinstance(config.out, str):
        _check_scratch(prepared, samples, needed * config.shard_size // samples, of_sources)
        return
    needed += of_sources
    free = free_bytes(config.out)
    if needed > free:
        raise StorageError(
            f"about {format_bytes(needed)} are needed, {format_bytes(free)} are free. Free some space, choose another "
            f"{option('out')}, or make fewer {option('samples')}",
            config.out,
        )


def _check_scratch(prepared: PreparedBuild, samples: int, shard_bytes: int, of_sources: int) -> None:
    """Refuse a build into a URL whose unfinished shards this machine cannot hold: each worker writes one at a time.

    Args:
        prepared: the build.
        samples: number of samples that are to be made.
        shard_bytes: size of one shard in all its formats.
        of_sources: size of the depth of all sources, which lies on the disk of this machine beside the shards.

    Raises:
        StorageError: the text says how much is needed.
    """
    config = prepared.config
    jobs = num_jobs(config.jobs, -(-samples // config.shard_size))
    needed = jobs * shard_bytes
    allowed = config.cache_gb * 1e9 - copied_bytes(config.bg) - copied_bytes(config.fg)
    free = min(allowed, free_bytes(local_folder(config.out)) - of_sources)
    if needed > free:
        raise StorageError(
            f"the unfinished shards of {counted(jobs, 'worker')} take about {format_bytes(needed)} on this machine, "
            f"and {format_bytes(max(0, free))} are left there. Use fewer {option('jobs')}, a smaller "
            f"{option('shard_size')} or a larger {option('cache_gb')}, or set XDG_CACHE_HOME to a folder on another "
            "disk",
            config.out,
        )


def _measure_source_depth(prepared: PreparedBuild, probe: ShardRange, folder: Path) -> float:
    """Estimate the depth of the sources of `probe`, if depth is composed; return the seconds that all sources take."""
    work, estimator = prepared.work, prepared.estimator
    if estimator is None or not work.config.composed_field:
        return 0.0
    cache = work.source_cache()
    keys = [work.plan.key(probe.split, position) for position in range(probe.start, probe.stop)]
    sources = work.plan.split_sources(probe.split)
    figures = [figure for key in keys for figure in arrange(work.config, key, sources, cache)]
    backgrounds = sorted({key.background for key in keys})
    foregrounds = sorted({figure.placed.foreground for figure in figures})
    estimate_sources(folder / "first", cache, estimator, backgrounds[:1], [])  # the first call is slow
    started = time.perf_counter()
    estimate_sources(folder, cache, estimator, backgrounds, foregrounds)
    each = (time.perf_counter() - started) / num_calls(work.batch_size, len(backgrounds), len(foregrounds))
    return each * num_calls(work.batch_size, len(work.backgrounds), len(work.foregrounds))


def _measure_samples(work: BuildWork, probe: ShardRange) -> Forecast:
    """Make the samples of `probe`, and estimate the size and the time of the whole plan from them."""
    worker = Worker(work)
    spec = work.spec(1)
    size, count = 0, 0
    for _ in worker.samples(replace(probe, stop=probe.start + 1)):
        pass  # the first sample loads the estimator and the sources
    started, before = time.perf_counter(), worker.estimating_s
    for sample in worker.samples(probe):
        files = encode_files(sample)
        size += sum(load_format(name).sample_bytes(spec, sample, files) for name in work.config.format)
        count += 1
    seconds = (time.perf_counter() - started) / count
    total, jobs = len(work.plan), num_jobs(work.config.jobs, len(work.plan.shards()))
    gpu_s = (worker.estimating_s - before) / count * total if _on_gpu(work) else 0.0
    return Forecast(
        bytes=size * total // count,
        seconds=seconds * total / jobs,
        core_s=seconds * total - gpu_s,
        gpu_s=gpu_s,
    )
