"""One worker of a build: it renders the samples of a shard, labels their depth, writes the shard and its record."""

import functools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fgbg_data.building.estimating import EstimatorAccess, estimate
from fgbg_data.building.rendering import finish_sample, store_depth
from fgbg_data.building.source_depth import SourceDepth
from fgbg_data.compositing.arrange import arrange, arrange_decoys
from fgbg_data.compositing.camera import draw_camera
from fgbg_data.compositing.compose_scene import compose_scene
from fgbg_data.compositing.composed_depth import compose_depth
from fgbg_data.compositing.figures import Figure
from fgbg_data.compositing.plan import Plan, ShardRange
from fgbg_data.compositing.scene import drawn_stand
from fgbg_data.compositing.source_cache import SourceCache
from fgbg_data.compositing.source_file import SourceFile
from fgbg_data.compositing.stage import Grounds, Stages
from fgbg_data.config import BuildConfig
from fgbg_data.dataset.record import ShardRecord
from fgbg_data.depth.estimator import DepthEstimator
from fgbg_data.errors import ConfigError, EstimatorError, option
from fgbg_data.fields import FIELDS
from fgbg_data.fields.samples import encode_files
from fgbg_data.ground.plane import LEVELS
from fgbg_data.key import KINDS, SampleKey
from fgbg_data.runtime.tally import Tally
from fgbg_data.sample import Array, Sample
from fgbg_data.shards import ShardSpec, load_format
from fgbg_data.shards.registry import format_options
from fgbg_data.writing.shard import write_shard


@dataclass(frozen=True, kw_only=True)
class BuildWork:
    """What every worker of a build needs to know."""

    config: BuildConfig
    """The configuration of the build."""
    backgrounds: tuple[SourceFile, ...]
    """The usable backgrounds, in the order of their ids."""
    foregrounds: tuple[SourceFile, ...]
    """The usable foregrounds, in the order of their ids."""
    fingerprint: str
    """The fingerprint of the dataset."""
    estimator: EstimatorAccess | None = None
    """How to reach the depth estimator; None without depth."""
    source_depth: Path | None = None
    """Folder with the depth of the sources; None unless depth is composed."""
    grounds: Grounds | None = None
    """The grounds of the backgrounds; None if objects are placed freely."""
    tally: Tally | None = None
    """Where the worker counts its samples."""

    def open(self) -> Callable[[ShardRange, int], ShardRecord]:
        """Make this process a worker; return the function that makes a shard."""
        return Worker(self).make_shard

    @functools.cached_property
    def plan(self) -> Plan:
        """The plan of the dataset."""
        return Plan(
            self.config,
            [source.planned for source in self.backgrounds],
            [source.planned for source in self.foregrounds],
        )

    def absolute(self) -> "BuildWork":
        """Return the same work with absolute paths, for a worker that runs in another folder."""
        config = self.config
        locations: dict[str, Any] = {name: getattr(config, name) for name in ("bg", "fg", "out")}
        here: dict[str, Any] = {name: path.absolute() for name, path in locations.items() if isinstance(path, Path)}
        folder = None if self.source_depth is None else self.source_depth.absolute()
        return replace(self, config=replace(config, **here), source_depth=folder)

    @property
    def batch_size(self) -> int:
        """Samples that are rendered before the estimator sees them."""
        return self.estimator.batch_size if self.estimator else 16

    def source_cache(self) -> SourceCache:
        """Return an empty cache of decoded sources."""
        return SourceCache(
            self.config,
            {source.id: source.file for source in self.backgrounds},
            {source.id: source.file for source in self.foregrounds},
            digests={
                (kind, source.id): source.sha256
                for kind, found in zip(KINDS, (self.backgrounds, self.foregrounds), strict=True)
                for source in found
            },
        )

    def spec(self, samples: int) -> ShardSpec:
        """Return what the samples of a shard have in common."""
        config = self.config
        shapes: dict[str, tuple[int, ...]] = {"image": (*config.canvas, 3), "mask": config.canvas}
        shapes |= dict.fromkeys(config.object_fields, config.canvas)
        if config.depth_shape is not None:
            shapes |= dict.fromkeys(config.depth_fields, config.depth_shape)
        for name in config.extra_fields:
            field = FIELDS[name]
            channels = (field.channels,) if field.channels else ()
            shapes[name] = field.shape(config.canvas) if field.shape else (*config.canvas, *channels)
        return ShardSpec(
            samples=samples,
            image_format=config.image_format,
            shapes=shapes,
            depth_bits=config.depth_bits if config.depth_fields else 0,
            options=format_options(vars(config), config.format),
        )


class Worker:
    """Holds the estimator and the cache of sources; makes one shard at a time."""

    def __init__(self, work: BuildWork) -> None:
        self.work = work
        self._cache = work.source_cache()
        self._source_depth = SourceDepth(work.source_depth) if work.source_depth else None
        self._stages = Stages(work.grounds)
        self._tally = work.tally
        self._estimator: DepthEstimator | None = None
        self.estimating_s = 0.0
        """Seconds that the estimator took in the current shard."""

    def make_shard(self, shard: ShardRange, slot: int = 0) -> ShardRecord:
        """Write one shard in every format, then its record; return the record.

        Args:
            shard: the samples to make.
            slot: where the tally counts them.
        """
        work, config = self.work, self.work.config
        self.estimating_s = 0.0
        spec = work.spec(shard.samples)
        encode = any(load_format(name).holds_files(spec.options) for name in config.format)
        made = map(self._with_extra_fields, self.samples(shard)) if config.extra_fields else self.samples(shard)
        samples = ((sample, encode_files(sample) if encode else {}) for sample in made)
        record = ShardRecord(fingerprint=work.fingerprint, split=shard.split, index=shard.index)
        return write_shard(config.out, config.format, spec, record, samples, functools.partial(self._count, slot))

    def samples(self, shard: ShardRange) -> Iterator[Sample]:
        """Render the samples of a shard, in order. Batches are cut at fixed positions."""
        size, field = self.work.batch_size, self.work.config.inferred_field
        for start in range(shard.start, shard.stop, size):
            batch = [self.render(shard.split, i) for i in range(start, min(start + size, shard.stop))]
            if field is None:
                yield from batch
            else:
                for sample, depth in zip(batch, self._infer(batch), strict=True):
                    yield self._with_depth(sample, field, depth)

    def render(self, split: str, position: int) -> Sample:
        """Compose one sample, without inferred depth."""
        work, cache = self.work, self._cache
        config, key = work.config, work.plan.key(split, position)
        sources = work.plan.split_sources(split)
        figures = arrange(config, key, sources, cache, self._stages.of(key.background))
        decoys = arrange_decoys(config, key, sources, cache)
        camera = draw_camera(config.seed, str(key), config.camera)
        composite = compose_scene(cache.background(key.background), figures, decoys, camera)
        return self._with_composed(finish_sample(config, key, figures, decoys, composite), key, figures)

    def _with_extra_fields(self, sample: Sample) -> Sample:
        """Add the fields of other packages in order, so that each can use the fields before it.

        Raises:
            ConfigError: a field gives another array than it declares.
        """
        shapes = self.work.spec(0).shapes
        for name in self.work.config.extra_fields:
            field = FIELDS[name]
            if field.make is None:
                raise ConfigError(f"{option('extra_fields', name)}: cannot be made by a build")
            array = field.make(sample, self.work.config)
            if array.dtype != np.dtype(field.dtype) or array.shape != tuple(shapes[name]):
                raise ConfigError(
                    f"{option('extra_fields', name)}: gave {array.dtype} of shape {array.shape}, expected "
                    f"{field.dtype} of shape {tuple(shapes[name])}",
                    sample.key,
                )
            sample = sample.with_field(name, array)
        return sample

    def _count(self, slot: int, samples: int) -> None:
        if self._tally:
            self._tally.count(slot, samples, self.estimating_s)

    def _infer(self, samples: list[Sample]) -> Array:
        """Return what the estimator says about the images of some samples, (N, H, W) float32."""
        access = self.work.estimator
        if access is None:
            raise EstimatorError("depth is inferred, and no estimator was given")
        if self._estimator is None:
            self._estimator = access.load()
        started = time.perf_counter()
        depth = estimate(self._estimator, [sample.image for sample in samples], access.batch_size)
        self.estimating_s += time.perf_counter() - started
        return depth

    def _with_composed(self, sample: Sample, key: SampleKey, figures: Sequence[Figure]) -> Sample:
        """Add composed depth, if the dataset has it. Every object stands in front of what it hides."""
        config, depths = self.work.config, self._source_depth
        if config.composed_field is None or depths is None:
            return sample
        composed = depths.background(key.background)
        low, high = float(composed.min()), float(composed.max())
        grounded = self._stages.of(key.background) is not None
        for figure in figures:
            composed = compose_depth(
                composed,
                depths.relief(figure.placed.foreground),
                figure.placed,
                figure.unhidden,
                share=config.relief,
                drawn=drawn_stand(config, key, figure.placed.number),
                rotation=figure.placed.look.rotation,
                at=low + (high - low) * figure.placed.z / LEVELS if grounded else None,
            )
        return self._with_depth(sample, config.composed_field, composed)

    def _with_depth(self, sample: Sample, field: str, depth: Array) -> Sample:
        """Add the codes of a field of depth, and their range."""
        config = self.work.config
        return store_depth(
            sample,
            field,
            depth,
            bits=config.depth_bits,
            shape=config.depth_shape or config.canvas,
            composed=field == config.composed_field,
            by=config.depth,
        )
