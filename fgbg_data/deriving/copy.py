"""Shards made of the samples of other shards: what convert, merge and split have in common."""

import contextlib
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from fgbg_data.codecs.pictures import decode_pixels, encode_image, image_format_of
from fgbg_data.dataset.identity import HistoryStep
from fgbg_data.dataset.manifest import Manifest
from fgbg_data.dataset.record import ShardRecord
from fgbg_data.dataset.split_reader import SplitReader
from fgbg_data.deriving.input import Origin
from fgbg_data.errors import ConfigError, ShardError, StorageError, option
from fgbg_data.fields import FIELDS, depth_fields
from fgbg_data.fields.samples import sample_digest
from fgbg_data.key import KINDS, Kind, rename_key
from fgbg_data.runtime import locations
from fgbg_data.runtime.files import free_bytes
from fgbg_data.runtime.progress import ProgressReporter
from fgbg_data.runtime.tally import Tally
from fgbg_data.sample import Array, Meta, Sample, canonical_json
from fgbg_data.shards import ShardReader, ShardSpec, load_format
from fgbg_data.text import format_bytes
from fgbg_data.writing.maker import DatasetMaker
from fgbg_data.writing.preview import PREVIEW_ROWS, draw_shard
from fgbg_data.writing.shard import write_shard


@dataclass(frozen=True, kw_only=True)
class InputSplit:
    """One split of a dataset that samples come from.

    Attributes:
        store: its shards.
        prefix: set before its keys, with `_`; empty leaves them.
        renamed: background or foreground -> id there -> id here, where another picture has that id.
    """

    store: SplitReader
    prefix: str = ""
    renamed: Mapping[Kind, Mapping[str, str]] = field(default_factory=lambda: {kind: {} for kind in KINDS})

    def key(self, key: str) -> str:
        """Return the key that a sample gets."""
        return rename_key(key, prefix=self.prefix, ids=self.renamed)

    def meta(self, meta: Meta, key: str) -> Meta:
        """Return the meta that a sample gets."""
        names = {kind: self.renamed[kind].get(meta.get(kind, ""), meta.get(kind)) for kind in self.renamed}
        return meta | {"key": key} | {kind: name for kind, name in names.items() if kind in meta}


@dataclass(frozen=True)
class CopyTask:
    """One shard to make of samples that other shards hold."""

    split: str
    """Name of the split that the shard belongs to."""
    index: int
    """Its number in the split."""
    inputs: Array
    """(N,) int, for each sample the number of the input split that holds it."""
    numbers: Array
    """(N,) int, the number of each sample in its input split."""

    @property
    def samples(self) -> int:
        """Number of samples in the shard."""
        return len(self.numbers)


@dataclass(frozen=True, kw_only=True)
class CopyWork:
    """What every worker that copies samples needs to know."""

    out: Path
    """Folder that becomes the dataset."""
    manifest: Manifest
    """Its manifest, incomplete."""
    formats: tuple[str, ...]
    """Names of the shard formats that are written."""
    inputs: tuple[InputSplit, ...]
    """Where the samples come from."""
    spec: ShardSpec
    """What the samples have in common, except for their number."""
    reencode: int | None = None
    """Quality of the JPEGs that are made of pixels or of another codec; None refuses to make any."""
    tally: Path | None = None
    """File in which workers count their samples."""

    def open(self) -> Callable[[CopyTask, int], ShardRecord]:
        """Make this process a worker; return the function that makes a shard."""
        return ShardCopier(self).make_shard


class ShardCopier:
    """Reads samples, checks them against their records, and writes them anew."""

    def __init__(self, work: CopyWork) -> None:
        self.work = work
        self._needs_files = any(load_format(name).holds_files(work.spec.options) for name in work.formats)
        self._tally = Tally(work.tally) if work.tally else None
        self._record = functools.lru_cache(maxsize=64)(SplitReader.record)

    def make_shard(self, task: CopyTask, slot: int = 0) -> ShardRecord:
        """Write one shard in every format, then its record; return the record."""
        work = self.work
        return write_shard(
            work.out,
            work.formats,
            replace(work.spec, samples=task.samples),
            ShardRecord(fingerprint=work.manifest.fingerprint, split=task.split, index=task.index),
            (
                self.sample(work.inputs[number], sample)
                for number, sample in zip(task.inputs.tolist(), task.numbers.tolist(), strict=True)
            ),
            functools.partial(self._count, slot),
        )

    def sample(self, part: InputSplit, number: int) -> tuple[Sample, dict[str, bytes]]:
        """Read one sample; return it as it is to be written, with the files of its fields where they are needed.

        Raises:
            ShardError: it is damaged, or not what its dataset declares.
        """
        shard, place = part.store.locate(number)
        reader = part.store.reader(shard)
        key = part.store.key_in_shard(shard, place)
        where = f"{part.store.location(shard)}: {key}"
        values = {name: reader.read(place, name) for name in self.work.spec.suffixes}
        sample = Sample(key=key, meta=values.pop("meta"), arrays=values)
        self._check(sample, where, reader, place)
        record = self._record(part.store, shard)
        if record is not None and sample_digest(sample) != record.digests[place]:
            raise ShardError(f"{where}: is not the sample that its record tells; run fgbg-data verify")
        new_key = part.key(key)
        sample = replace(sample, key=new_key, meta=part.meta(sample.meta, new_key))
        return self._with_files(sample, reader, place, where)

    def _check(self, sample: Sample, where: str, reader: ShardReader, place: int) -> None:
        spec = self.work.spec
        for name, shape in spec.shapes.items():
            array = sample.array(name)
            if array is None or array.shape != shape:
                found = None if array is None else array.shape
                raise ShardError(f"{where}: its {name} has the shape {found}, the dataset's is {shape}")
        if np.count_nonzero(sample.mask) != np.count_nonzero(sample.mask == 255):
            raise ShardError(f"{where}: its mask is not binary; run fgbg-data verify")
        if spec.depth_bits and (bits := reader.depth_bits(place) or 16) != spec.depth_bits:
            raise ShardError(f"{where}: its depth has {bits} bits, the dataset's {spec.depth_bits}")

    def _with_files(
        self, sample: Sample, reader: ShardReader, place: int, where: str
    ) -> tuple[Sample, dict[str, bytes]]:
        """Carry files unchanged where there are any; make the rest."""
        if not self._needs_files:
            return sample, {}
        try:
            files = {"meta": canonical_json(sample.meta).encode()}
        except ValueError as error:
            raise ShardError(f"{where}: its meta holds a number that JSON has not ({error})") from error
        for name, array in sample.arrays.items():
            if name != "image":
                files[name] = reader.read_file(place, name) or FIELDS[name].encode(array)
        wanted, data = self.work.spec.suffixes["image"], reader.read_file(place, "image")
        if data is None or image_format_of(data) != wanted:
            if wanted == "jpg" and self.work.reencode is None:
                found = image_format_of(data) if data else "pixels"
                raise ShardError(f"{where}: its image is {found}, others are jpg files")
            data = encode_image(sample.image, wanted, self.work.reencode or 0)
            if wanted == "jpg":
                sample = sample.with_field("image", decode_pixels(data, FIELDS["image"].file_type, where))
        return sample, files | {"image": data}

    def _count(self, slot: int, samples: int) -> None:
        if self._tally:
            self._tally.count(slot, samples)


class CopyMaker(DatasetMaker[CopyTask]):
    """Makes a dataset of the samples of other datasets.

    Args:
        work: what the workers need to know.
        tasks: one for each shard.
        jobs: worker processes; 0 is one for each core.
        check: compare the sha256 of finished shards, not only their size.
        verb: what is done, as progress and log show it.
    """

    def __init__(self, work: CopyWork, tasks: Sequence[CopyTask], *, jobs: int, check: bool, verb: str) -> None:
        super().__init__(
            out=work.out, manifest=work.manifest, formats=work.formats, tasks=tasks, jobs=jobs, check=check
        )
        self.work = work
        self.verb = verb

    def start_work(self, tally: Path, jobs: int, shown: ProgressReporter) -> AbstractContextManager[CopyWork]:
        """Give the workers what they need to know."""
        return contextlib.nullcontext(replace(self.work, tally=tally))

    def write_preview(self, records: list[ShardRecord]) -> None:
        """Draw the first samples of the dataset, and write what its formats need once."""
        first = records[0]
        draw_shard(self.out, first, self.formats[0], range(min(PREVIEW_ROWS, first.samples)))
        for name in self.formats:
            shards = ((record.split, record.files[name].name) for record in records)
            load_format(name).finish_dataset(self.out, shards)

    def check_space(self, samples: int) -> None:
        """Refuse what the disk cannot hold. A file is taken for one byte a pixel, which is more than most take.

        Raises:
            StorageError: too little space is free.
        """
        spec = self.work.spec
        values, depths = sum(int(np.prod(shape)) for shape in spec.shapes.values()), depth_fields(spec.shapes)
        wide = sum(int(np.prod(shape)) for field, shape in spec.shapes.items() if field in depths)
        holds_files = [load_format(name).holds_files(spec.options) for name in self.formats]
        each = sum(values // 3 if files else values + wide for files in holds_files)
        needed, free = each * samples, free_bytes(self.out)
        if needed > free:
            raise StorageError(
                f"about {format_bytes(needed)} are needed, {format_bytes(free)} are free. Free some space, or choose "
                f"another {option('out')}",
                self.out,
            )


def check_apart(out: Path, origins: Iterable[Origin]) -> None:
    """Refuse to write into a dataset that is read, or around it.

    Raises:
        ConfigError: the folders overlap.
    """
    for origin in origins:
        place = locations.locate(origin.path)
        if isinstance(place, Path):
            here, there = out.resolve(), place.resolve()
            if here == there or here.is_relative_to(there) or there.is_relative_to(here):
                raise ConfigError(
                    f"{option('out', out)}: overlaps with {origin.path}, which is read. Choose another folder"
                )


def history(origins: Iterable[Origin], command: str, options: dict[str, Any]) -> tuple[HistoryStep, ...]:
    """Return the commands that a dataset went through after its build, with the one that makes it now."""
    manifests = [origin.manifest for origin in origins]
    before = [step for manifest in manifests for step in manifest.identity.history]
    return (*before, HistoryStep.of(command, [manifest.fingerprint for manifest in manifests], options))
