"""Copy samples of shards into a new shard: read, check against the record, rename, encode if needed, write."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from fgbg_data.codecs.pictures import decode_pixels, encode_image, image_format_of
from fgbg_data.dataset.record import ShardRecord
from fgbg_data.dataset.split_reader import SplitReader
from fgbg_data.deriving.renaming import Renaming
from fgbg_data.errors import ShardError
from fgbg_data.fields import FIELDS
from fgbg_data.fields.samples import sample_digest
from fgbg_data.runtime.locations import Location
from fgbg_data.runtime.tally import Tally
from fgbg_data.sample import Array, Sample, canonical_json
from fgbg_data.shards import ShardReader, ShardSpec, load_format
from fgbg_data.writing.shard import write_shard


@dataclass(frozen=True, kw_only=True)
class InputSplit:
    """One split that samples are copied from."""

    reader: SplitReader
    """Its samples."""
    renaming: Renaming = Renaming()
    """The names that samples and sources get."""


@dataclass(frozen=True)
class CopyTask:
    """One shard to make of samples that other shards hold."""

    split: str
    """Name of the split that the shard belongs to."""
    index: int
    """Number of the shard in the split."""
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

    out: Location
    """Folder that becomes the dataset."""
    fingerprint: str
    """Fingerprint of the dataset."""
    formats: tuple[str, ...]
    """Names of the shard formats that are written."""
    inputs: tuple[InputSplit, ...]
    """Where the samples come from."""
    spec: ShardSpec
    """What the samples have in common, except for their number."""
    reencode_quality: int | None = None
    """Quality of the JPEGs that are made of pixels or PNGs; None refuses to make any."""
    tally: Tally | None = None
    """Where workers count their samples."""

    def open(self) -> Callable[[CopyTask, int], ShardRecord]:
        """Make this process a worker; return the function that makes a shard."""
        return ShardCopier(self).make_shard


class ShardCopier:
    """Makes shards of samples that other shards hold.

    Args:
        work: what to make, and of what.
    """

    def __init__(self, work: CopyWork) -> None:
        self.work = work
        self._needs_files = any(load_format(name).holds_files(work.spec.options) for name in work.formats)
        self._tally = work.tally
        self._record = functools.lru_cache(maxsize=64)(SplitReader.record)

    def make_shard(self, task: CopyTask, slot: int = 0) -> ShardRecord:
        """Write one shard in every format, then its record; return the record.

        Args:
            task: the shard.
            slot: where the tally counts its samples.
        """
        work = self.work
        samples = (
            self.copy(work.inputs[number], sample)
            for number, sample in zip(task.inputs.tolist(), task.numbers.tolist(), strict=True)
        )
        return write_shard(
            work.out,
            work.formats,
            replace(work.spec, samples=task.samples),
            ShardRecord(fingerprint=work.fingerprint, split=task.split, index=task.index),
            samples,
            functools.partial(self._count, slot),
        )

    def copy(self, split: InputSplit, number: int) -> tuple[Sample, dict[str, bytes]]:
        """Read one sample; return it under its new name, with the files of its fields if a format holds files.

        Args:
            split: the split that holds the sample.
            number: number of the sample in that split.

        Raises:
            ShardError: the sample is damaged, or is not what its dataset declares.
        """
        shard, index = split.reader.locate(number)
        reader = split.reader.reader(shard)
        key = split.reader.key_in_shard(shard, index)
        values = {name: reader.read(index, name) for name in self.work.spec.suffixes}
        sample = Sample(key=key, meta=values.pop("meta"), arrays=values)
        self._check(sample, reader, index)
        record = self._record(split.reader, shard)
        if record is None and split.reader.shards[shard].has_record:
            # A copy gets digests of its own, so damage that is copied could never be found again.
            raise ShardError(
                "has a damaged record, so that its samples cannot be checked; run fgbg-data verify",
                reader.where(index),
            )
        if record is not None and sample_digest(sample, record.version) != record.digests[index]:
            raise ShardError("is not the sample that its record describes; run fgbg-data verify", reader.where(index))
        new_key = split.renaming.key(key)
        sample = replace(sample, key=new_key, meta=split.renaming.meta(sample.meta, new_key))
        return self._with_files(sample, reader, index) if self._needs_files else (sample, {})

    def _check(self, sample: Sample, reader: ShardReader, index: int) -> None:
        """Refuse a sample that is not what the dataset declares."""
        spec, where = self.work.spec, reader.where(index)
        for name, shape in spec.shapes.items():
            array = sample.array(name)
            if array is None or array.shape != shape:
                found = None if array is None else array.shape
                raise ShardError(f"its {name} has the shape {found}, the dataset's is {shape}", where)
        if np.count_nonzero(sample.mask) != np.count_nonzero(sample.mask == 255):
            raise ShardError("its mask is not binary; run fgbg-data verify", where)
        if spec.depth_bits and (bits := reader.depth_bits(index) or 16) != spec.depth_bits:
            raise ShardError(f"its depth has {bits} bits, the dataset's {spec.depth_bits}", where)

    def _with_files(self, sample: Sample, reader: ShardReader, index: int) -> tuple[Sample, dict[str, bytes]]:
        """Carry the files of a sample over unchanged, and encode those that are missing."""
        where = reader.where(index)
        try:
            files = {"meta": canonical_json(sample.meta).encode()}
        except ValueError as error:
            raise ShardError(f"its meta contains NaN or infinity, which JSON cannot hold ({error})", where) from error
        for name, array in sample.arrays.items():
            if name != "image":
                files[name] = reader.read_file(index, name) or FIELDS[name].encode(array)
        wanted, image = self.work.spec.suffixes["image"], reader.read_file(index, "image")
        if image is None or image_format_of(image) != wanted:
            quality = self.work.reencode_quality
            if wanted == "jpg" and quality is None:
                found = f"a {image_format_of(image)} file" if image else "pixels"
                raise ShardError(f"its image is {found}, those of other samples are jpg files", where)
            image = encode_image(sample.image, wanted, quality or 0)
            if wanted == "jpg":
                sample = sample.with_field("image", decode_pixels(image, FIELDS["image"].file_type, where))
        return sample, files | {"image": image}

    def _count(self, slot: int, samples: int) -> None:
        if self._tally:
            self._tally.count(slot, samples)
