"""Make a dataset of samples of other datasets: what convert, merge, split and relabel have in common."""

import contextlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import numpy as np

from fgbg_data.dataset.identity import HistoryStep, Identity, RecordedConfig
from fgbg_data.dataset.manifest import Manifest, SourceName, SplitInfo, declared_fields
from fgbg_data.dataset.record import ShardRecord
from fgbg_data.deriving.input import InputDataset
from fgbg_data.deriving.shard_copier import CopyTask, CopyWork, InputSplit
from fgbg_data.errors import StorageError, option
from fgbg_data.fields import depth_fields
from fgbg_data.runtime.files import free_bytes
from fgbg_data.runtime.locations import Location
from fgbg_data.runtime.progress import ProgressReporter
from fgbg_data.runtime.tally import Tally
from fgbg_data.shards import ShardSpec, load_format
from fgbg_data.text import format_bytes
from fgbg_data.writing.maker import DatasetMaker
from fgbg_data.writing.preview import PREVIEW_ROWS, draw_shard


def derived_identity(
    inputs: Sequence[InputDataset],
    command: str,
    options: Mapping[str, Any],
    *,
    config: RecordedConfig,
    **changes: Any,
) -> Identity:
    """Return the identity of a dataset that a command makes of others.

    Args:
        inputs: the datasets that are read.
        command: `convert`, `merge`, `split` or `relabel`; it becomes the last step of the history.
        options: the options of the command, as the history keeps them.
        config: the options of the new dataset.
        changes: other fields of the first dataset's identity that change.
    """
    manifests = [dataset.manifest for dataset in inputs]
    before = [step for manifest in manifests for step in manifest.identity.history]
    step = HistoryStep.of(command, [manifest.fingerprint for manifest in manifests], options)
    version = min(manifest.identity.format_version for manifest in manifests)  # no sample promises more than the oldest
    return replace(
        manifests[0].identity,
        config=config,
        ground=None,  # the table of grounds stays with the dataset of the build
        history=(*before, step),
        format_version=version,
        **changes,
    )


def tasks_as_cut(inputs: Sequence[InputSplit], names: Sequence[str]) -> list[CopyTask]:
    """Return one task for each shard of the inputs, so that shards stay as they are cut.

    Args:
        inputs: the splits that samples come from.
        names: for each of them, the split that its samples go to.
    """
    tasks: list[CopyTask] = []
    made = dict.fromkeys(names, 0)
    for number, (split, name) in enumerate(zip(inputs, names, strict=True)):
        start = 0
        for count in split.reader.counts:
            tasks.append(CopyTask(name, made[name], np.full(count, number), np.arange(start, start + count)))
            made[name] += 1
            start += count
    return tasks


class CopyMaker(DatasetMaker[CopyTask]):
    """Makes a dataset of samples of other datasets.

    Args:
        out: folder or URL that becomes the dataset.
        identity: what the dataset will be; the last step of its history is the command that runs now.
        splits: split -> what it will hold.
        provenance: source -> its licence, author and url.
        spec: what the samples have in common.
        inputs: where the samples come from.
        tasks: the shards to make, in order.
        reencode_quality: quality of the JPEGs that are made of pixels or PNGs; None refuses to make any.
        jobs: number of worker processes; 0 starts one for each core.
        check: compare the sha256 of finished shards, not only their size.
    """

    def __init__(
        self,
        *,
        out: Location,
        identity: Identity,
        splits: Mapping[str, SplitInfo],
        provenance: Mapping[SourceName, Mapping[str, str]],
        spec: ShardSpec,
        inputs: Sequence[InputSplit],
        tasks: Sequence[CopyTask],
        reencode_quality: int | None = None,
        jobs: int,
        check: bool,
    ) -> None:
        super().__init__(
            out=out,
            manifest=Manifest.begin(identity, fields=declared_fields(spec), splits=splits, provenance=provenance),
            formats=identity.config.format,
            tasks=tasks,
            jobs=jobs,
            check=check,
        )
        self.verb = identity.history[-1].command
        self.copy_work = CopyWork(
            out=out,
            fingerprint=self.manifest.fingerprint,
            formats=self.formats,
            inputs=tuple(inputs),
            spec=spec,
            reencode_quality=reencode_quality,
        )

    def start_work(self, tally: Tally, jobs: int, shown: ProgressReporter) -> AbstractContextManager[CopyWork]:
        """Give the workers what they need to know."""
        return contextlib.nullcontext(replace(self.copy_work, tally=tally))

    def write_preview(self, record: ShardRecord) -> None:
        """Draw the first samples of the dataset."""
        draw_shard(self.out, record, self.formats[0], range(min(PREVIEW_ROWS, record.samples)))

    def check_space(self, samples: int) -> None:
        """Refuse a dataset that the disk cannot hold. Files are counted as one byte a pixel; most of them take less.

        Of a dataset behind a URL, this machine holds one shard for each worker.

        Raises:
            StorageError: too little space is free.
        """
        spec = self.copy_work.spec
        values = sum(int(np.prod(shape)) for shape in spec.shapes.values())
        depth_values = sum(int(np.prod(spec.shapes[name])) for name in depth_fields(spec.shapes))
        holds_files = [load_format(name).holds_files(spec.options) for name in self.formats]
        each = sum(values // 3 if files else values + depth_values for files in holds_files)
        if isinstance(self.out, str):
            largest = max((task.samples for task in self.tasks), default=0)
            samples = min(samples, largest * self.runner.num_workers(len(self.tasks)))
        needed, free = each * samples, free_bytes(self.local)
        if needed > free:
            raise StorageError(
                f"about {format_bytes(needed)} are needed, {format_bytes(free)} are free. Free some space, or choose "
                f"another {option('out')}",
                where=self.out,
            )
