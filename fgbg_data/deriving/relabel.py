"""Make the depth of a dataset anew by another estimator, from the images in its shards; all else is carried over."""

import contextlib
import functools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from fgbg_data.building.estimating import (
    EstimatorAccess,
    estimate,
    load_for_workers,
    recorded_identity,
    start_estimator,
)
from fgbg_data.building.rendering import store_depth
from fgbg_data.config import Device
from fgbg_data.dataset.manifest import Manifest
from fgbg_data.dataset.record import ShardRecord
from fgbg_data.depth.estimator import DepthEstimator
from fgbg_data.depth.registry import check_estimator, shown_name
from fgbg_data.deriving.copying import CopyMaker, derived_identity, tasks_as_cut
from fgbg_data.deriving.input import InputDataset, open_input
from fgbg_data.deriving.shard_copier import CopyTask, CopyWork, InputSplit, ShardCopier
from fgbg_data.errors import ConfigError, option
from fgbg_data.fields import FIELDS, depth_fields
from fgbg_data.options import at_least, one_of
from fgbg_data.runtime.locations import Location, to_location
from fgbg_data.runtime.progress import Progress, ProgressReporter
from fgbg_data.runtime.tally import Tally
from fgbg_data.sample import Array, Sample, canonical_json
from fgbg_data.shards import ShardSpec
from fgbg_data.writing.shard import write_shard

DEPTH = "depth"
"""The field that is made anew."""
DEPTH_BITS = 12
"""Bits of depth in a dataset that had none."""


def relabel(
    path: str | Path,
    out: str | Path,
    *,
    depth: str = "tiny",
    device: Device = "auto",
    estimator_batch: int | None = None,
    jobs: int = 0,
    check: bool = False,
    progress: Progress = None,
) -> Manifest:
    """Write a dataset with depth of another estimator. The same call resumes a stopped one.

        manifest = relabel("shards/", "relabelled/", depth="depth-anything-v2-small")

    Only the images in the shards are needed, not the pictures that they were made of. Keys, splits, masks and meta
    stay; image files are carried over byte by byte. Depth keeps its size and its bits; if the dataset has no depth,
    it gets the size of the image and 12 bits.

    Args:
        path: folder or URL of the dataset, with or without `dataset.json`.
        out: folder or URL that becomes the new dataset.
        depth: name of the estimator, as for `build`.
        device: where it runs: `auto`, `cpu` or `cuda`.
        estimator_batch: number of pictures in one call; None takes the estimator's own number.
        jobs: number of worker processes; 0 starts one for each core.
        check: on resume, compare the sha256 of finished shards, not only their size.
        progress: see `build`.

    Returns:
        The manifest of the complete dataset.

    Raises:
        ConfigError: the depth of the dataset is composed of that of its sources, which are not in the shards.
        FgbgError: there is no such dataset or estimator, or a sample is damaged.
    """
    if depth == "none":
        raise ConfigError(f"{option('depth', 'none')}: expected the name of an estimator")
    one_of("device", device, get_args(Device))
    if estimator_batch is not None:
        at_least("estimator_batch", estimator_batch, 1)
    check_estimator(depth)
    out = to_location("out", out)
    dataset = _open(path, out)
    estimator, access = load_for_workers(depth, device, estimator_batch)
    spec = _new_spec(dataset)
    height, width = spec.shapes[DEPTH]
    recorded = {
        "depth": shown_name(depth),
        "depth_bits": spec.depth_bits,
        "depth_size": f"{width}x{height}",
        "estimator_batch": estimator_batch,
    }
    inputs = [InputSplit(reader=reader) for reader in dataset.splits.values()]
    return RelabelMaker(
        estimator,
        access,
        dataset.spec(),
        out=out,
        identity=derived_identity(
            [dataset],
            "relabel",
            recorded,
            config=dataset.config.changed(**recorded),
            estimator=recorded_identity(estimator),
        ),
        splits={split: dataset.manifest.splits[split] for split in dataset.splits},
        provenance=dataset.manifest.provenance,
        spec=spec,
        inputs=inputs,
        tasks=tasks_as_cut(inputs, list(dataset.splits)),
        jobs=jobs,
        check=check,
    ).run(progress)


class RelabelMaker(CopyMaker):
    """Makes a dataset whose depth is estimated anew.

    Args:
        estimator: the estimator, loaded.
        access: how workers reach it.
        old_spec: what the samples that are read have in common.
        others: what `CopyMaker` takes.
    """

    def __init__(self, estimator: DepthEstimator, access: EstimatorAccess, old_spec: ShardSpec, **others: Any) -> None:
        super().__init__(**others)
        self._estimator, self._access, self._old_spec = estimator, access, old_spec

    @contextlib.contextmanager
    def start_work(self, tally: Tally, jobs: int, shown: ProgressReporter) -> Iterator["RelabelWork"]:  # type: ignore[override]
        """Start the estimator, and yield what the workers need to know."""
        with start_estimator(self._access, self._estimator, jobs, tally, shown) as access:
            yield RelabelWork(copy=replace(self.copy_work, tally=tally), old_spec=self._old_spec, estimator=access)


@dataclass(frozen=True, kw_only=True)
class RelabelWork:
    """What every worker that makes depth anew needs to know."""

    copy: CopyWork
    """What is written, and where samples come from."""
    old_spec: ShardSpec
    """What the samples that are read have in common."""
    estimator: EstimatorAccess
    """How to reach the estimator."""

    def open(self) -> Callable[[CopyTask, int], ShardRecord]:
        """Make this process a worker; return the function that makes a shard."""
        return Relabeller(self).make_shard


class Relabeller:
    """Makes shards of samples that other shards hold, with depth that an estimator gives."""

    def __init__(self, work: RelabelWork) -> None:
        self.work = work
        self._copier = ShardCopier(replace(work.copy, spec=work.old_spec, tally=None))
        self._tally = work.copy.tally
        self._estimator: DepthEstimator | None = None
        self._estimating_s = 0.0  # in the current shard

    def make_shard(self, task: CopyTask, slot: int = 0) -> ShardRecord:
        """Write one shard in every format, then its record; return the record.

        Args:
            task: the shard.
            slot: where the tally counts its samples.
        """
        copy = self.work.copy
        self._estimating_s = 0.0
        return write_shard(
            copy.out,
            copy.formats,
            replace(copy.spec, samples=task.samples),
            ShardRecord(fingerprint=copy.fingerprint, split=task.split, index=task.index),
            self._samples(task),
            functools.partial(self._count, slot),
        )

    def _samples(self, task: CopyTask) -> Iterator[tuple[Sample, dict[str, bytes]]]:
        """Yield the samples of a shard with new depth. Batches are cut where a build cuts them, so floats agree."""
        inputs, access = self.work.copy.inputs, self.work.estimator
        pairs = list(zip(task.inputs.tolist(), task.numbers.tolist(), strict=True))
        for start in range(0, len(pairs), access.batch_size):
            batch = [self._copier.copy(inputs[one], number) for one, number in pairs[start : start + access.batch_size]]
            if self._estimator is None:
                self._estimator = access.load()
            started = time.perf_counter()
            depths = estimate(self._estimator, [sample.image for sample, _ in batch], access.batch_size)
            self._estimating_s += time.perf_counter() - started
            for (sample, files), depth in zip(batch, depths, strict=True):
                yield self._with_depth(sample, files, depth)

    def _with_depth(self, sample: Sample, files: dict[str, bytes], depth: Array) -> tuple[Sample, dict[str, bytes]]:
        """Return a sample with new depth instead of what it had."""
        spec = self.work.copy.spec
        bare = replace(
            sample,
            arrays={name: array for name, array in sample.arrays.items() if name != DEPTH},
            meta={name: value for name, value in sample.meta.items() if name not in FIELDS[DEPTH].meta_types},
        )
        shape = spec.shapes[DEPTH][0], spec.shapes[DEPTH][1]
        labelled = store_depth(bare, DEPTH, depth, bits=spec.depth_bits, shape=shape, by=self.work.estimator.name)
        if files:
            files = files | {
                DEPTH: FIELDS[DEPTH].encode(labelled.arrays[DEPTH]),
                "meta": canonical_json(labelled.meta).encode(),
            }
        return labelled, files

    def _count(self, slot: int, samples: int) -> None:
        if self._tally:
            self._tally.count(slot, samples, self._estimating_s)


def _open(path: str | Path, out: Location) -> InputDataset:
    """Open the dataset, in a format that holds files if there is one, because image files are carried over.

    Raises:
        ConfigError: its depth is composed.
    """
    dataset = open_input(path, out=out)
    config = dataset.config
    if config.depth_mode != "infer" or depth_fields(dataset.manifest.shapes) not in ((), (DEPTH,)):
        raise ConfigError(
            f"its depth is composed of the depth of its sources ({option('depth_mode', config.depth_mode)}), and "
            f"shards do not hold the sources. Build the dataset anew from the pictures, with another {option('depth')}",
            where=path,
        )
    return dataset


def _new_spec(dataset: InputDataset) -> ShardSpec:
    """Return what the new samples have in common."""
    spec = dataset.spec()
    height, width, *_ = spec.shapes["image"]
    shapes = {**spec.shapes, DEPTH: spec.shapes.get(DEPTH, (height, width))}
    return replace(spec, shapes=shapes, depth_bits=spec.depth_bits or DEPTH_BITS)
