"""One worker of a build: renders the samples of a shard, labels their depth, writes the shard and its record."""

import functools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fgbg_data.building.rendering import finish_sample
from fgbg_data.building.source_depth import SourceDepth
from fgbg_data.codecs.depth_codes import quantise_depth
from fgbg_data.codecs.encode import encode_files
from fgbg_data.compositing.compose import compose
from fgbg_data.compositing.composed_depth import compose_depth
from fgbg_data.compositing.plan import Placement, Plan, Shard, drawn_stand
from fgbg_data.compositing.source_cache import SourceCache
from fgbg_data.compositing.source_file import SourceFile
from fgbg_data.config import BuildConfig
from fgbg_data.dataset.record import Record
from fgbg_data.depth import DepthEstimator, load_estimator
from fgbg_data.depth.server import Address, RemoteEstimator
from fgbg_data.errors import EstimatorError, PlacementError, option
from fgbg_data.runtime.progress import Tally
from fgbg_data.sample import Array, Sample
from fgbg_data.shards import ShardSpec, load_format
from fgbg_data.writing.shard import write_shard

MAX_ATTEMPTS = 1000


@dataclass(frozen=True, kw_only=True)
class Job:
    """All that a worker is told, once.

    Attributes:
        config: of the build.
        backgrounds: usable sources, in the order of their ids.
        foregrounds: likewise.
        fingerprint: of the build.
        device: of the estimator.
        batch_size: pictures in one call of the estimator.
        threads: torch threads of one worker process; 0 leaves the number as it is.
        server: where another process runs the estimator, or None.
        estimator: already loaded, where this process is the only worker; or None.
        source_depth: folder with the depth of the sources, for composed depth.
        tally: file where the worker counts its samples.
    """

    config: BuildConfig
    backgrounds: tuple[SourceFile, ...]
    foregrounds: tuple[SourceFile, ...]
    fingerprint: str
    device: str = "cpu"
    batch_size: int = 16
    threads: int = 0
    server: Address | None = None
    estimator: DepthEstimator | None = None
    source_depth: Path | None = None
    tally: Path | None = None

    def open(self) -> Callable[[Shard, int], Record]:
        """Make this process a worker; return the function that makes a shard."""
        return Worker(self).make_shard

    def plan(self) -> Plan:
        """Return the plan of the dataset."""
        return Plan(
            self.config,
            [source.planned for source in self.backgrounds],
            [s.planned for s in self.foregrounds],
        )

    def sources(self) -> SourceCache:
        """Return a cache of the decoded sources."""
        return SourceCache(
            self.config,
            {source.id: source.file for source in self.backgrounds},
            {source.id: source.file for source in self.foregrounds},
        )

    def spec(self, samples: int) -> ShardSpec:
        """Return what the samples of a shard have in common."""
        config = self.config
        shapes: dict[str, tuple[int, ...]] = {"image": (*config.canvas, 3), "mask": config.canvas}
        if config.depth_shape is not None:
            shapes |= dict.fromkeys(config.labels, config.depth_shape)
        return ShardSpec(
            samples=samples,
            image_format=config.image_format,
            shapes=shapes,
            depth_bits=config.depth_bits if config.labels else 0,
            encoded=config.hdf5_layout == "encoded",
        )


class Worker:
    """Holds one estimator and the cache of sources; makes one shard at a time."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._plan = job.plan()
        self._cache = job.sources()
        fields = {label: field for field, label in job.config.labels.items()}
        self._inferred, self._composed = fields.get("inferred"), fields.get("composed")
        self._source_depth = SourceDepth(job.source_depth) if job.source_depth else None
        self._tally = Tally(job.tally) if job.tally else None
        self._estimator = job.estimator
        self._estimating_s = 0.0  # in the shard at hand

    def make_shard(self, shard: Shard, slot: int = 0) -> Record:
        """Write one shard in every format, then its record; return the record.

        Args:
            shard: which samples.
            slot: where the tally counts them.
        """
        job = self.job
        self._estimating_s = 0.0
        spec = job.spec(shard.stop - shard.start)
        encode = any(load_format(name).needs_files(spec) for name in job.config.format)
        samples = ((sample, encode_files(sample) if encode else {}) for sample in self.samples(shard))
        record = Record(fingerprint=job.fingerprint, split=shard.split, index=shard.index)
        return write_shard(
            job.config.out, job.config.format, spec, record, samples, functools.partial(self._count, slot)
        )

    def samples(self, shard: Shard) -> Iterator[Sample]:
        """Render the samples of a shard, in order, batches cut at fixed places."""
        for places in batched_places(shard, self.job.batch_size):
            rendered = [self.render(shard.split, place) for place in places]
            if self._inferred is None:
                yield from rendered
            else:
                for sample, depth in zip(rendered, self._estimate(rendered), strict=False):
                    yield self._with_depth(sample, self._inferred, depth)

    def render(self, split: str, place: int) -> Sample:
        """Compose one sample, without inferred depth; a placement that shows no mask pixel is drawn again."""
        config = self.job.config
        for attempt in range(MAX_ATTEMPTS):
            placement = self._plan.placement(split, place, attempt)
            composite = compose(
                self._cache.background(placement.background),
                self._cache.foreground(placement.foreground),
                placement,
            )
            sample = finish_sample(config, placement, composite)
            if sample.meta["mask_area_px"]:
                return self._with_composed(sample, placement)
        raise PlacementError(
            f"{placement.key}: {MAX_ATTEMPTS} placements of {placement.foreground} showed no pixel with half coverage. "
            f"It may be too faint or too thin for this {option('size')} and {option('scale')}; remove it, or use a "
            f"larger {option('scale')}"
        )

    def _count(self, slot: int, samples: int) -> None:
        if self._tally:
            self._tally.count(slot, samples, self._estimating_s)

    def _estimate(self, samples: list[Sample]) -> Array:
        """Return (batch, H, W) float32; a short batch is padded with its last picture, for floats depend on it."""
        job = self.job
        if self._estimator is None:
            self._estimator = _load_estimator(job)
        images = [sample.image for sample in samples]
        images += [images[-1]] * (job.batch_size - len(images))
        started = time.perf_counter()
        depth = self._estimator.estimate(np.stack(images))
        self._estimating_s += time.perf_counter() - started
        return depth

    def _with_composed(self, sample: Sample, placement: Placement) -> Sample:
        """Add composed depth, where it is asked for."""
        if self._composed is None or self._source_depth is None:
            return sample
        config = self.job.config
        composed = compose_depth(
            self._source_depth.background(placement.background),
            self._source_depth.relief(placement.foreground),
            placement,
            sample.mask,
            share=config.relief,
            drawn=drawn_stand(config, placement),
        )
        return self._with_depth(sample, self._composed, composed)

    def _with_depth(self, sample: Sample, field: str, depth: Array) -> Sample:
        """Add the codes of a field of depth, and their range."""
        config = self.job.config
        if not np.isfinite(depth).all():
            raise EstimatorError(f"{sample.key}: {option('depth', config.depth)} gave a depth that is not finite")
        if config.depth_shape != depth.shape and config.depth_shape is not None:
            import cv2

            # An average over an edge would be a depth at which there is nothing, so composed depth takes samples.
            how = cv2.INTER_NEAREST_EXACT if field == self._composed else cv2.INTER_AREA
            depth = cv2.resize(depth, config.depth_shape[::-1], interpolation=how)
        codes, low, high = quantise_depth(depth, config.depth_bits)
        meta = sample.meta | {f"{field}_min": low, f"{field}_max": high, "depth_bits": config.depth_bits}
        changed: dict[str, Any] = {field: codes, "meta": meta}
        return replace(sample, **changed)


def batched_places(shard: Shard, size: int) -> Iterator[range]:
    """Cut a shard into batches at fixed places."""
    for start in range(shard.start, shard.stop, size):
        yield range(start, min(start + size, shard.stop))


def _load_estimator(job: Job) -> DepthEstimator:
    if job.server is not None:
        return RemoteEstimator(job.server, job.config.depth, job.batch_size)
    if job.threads:
        import torch

        torch.set_num_threads(job.threads)
    return load_estimator(job.config.depth, job.device, job.batch_size)
