"""Shards made of the samples of other shards: what convert, merge and split have in common."""

import contextlib
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from fgbg_data.codecs.encode import codec, decode_pixels, encode_depth, encode_image, encode_mask
from fgbg_data.dataset.manifest import Manifest
from fgbg_data.dataset.record import Record
from fgbg_data.dataset.split_reader import SplitReader
from fgbg_data.deriving.input import Origin
from fgbg_data.errors import ConfigError, ShardError, StorageError, option
from fgbg_data.key import KINDS, Kind, rename_key
from fgbg_data.runtime import storage
from fgbg_data.runtime.progress import Tally
from fgbg_data.sample import DEPTH_FIELDS, Array, Meta, Sample, canonical_json, sample_digest
from fgbg_data.shards import ShardReader, ShardSpec, load_format
from fgbg_data.shards.folder import write_index
from fgbg_data.text import format_bytes
from fgbg_data.writing.preview import PREVIEW_ROWS, draw_shard
from fgbg_data.writing.run import Production
from fgbg_data.writing.shard import write_shard


@dataclass(frozen=True, kw_only=True)
class Part:
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
class ShardTask:
    """One shard to make: of each sample, the number of its part, and its number in there."""

    split: str
    index: int
    parts: Array
    numbers: Array

    @property
    def samples(self) -> int:
        """How many they are."""
        return len(self.numbers)


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """All that a worker is told, once.

    Attributes:
        out: folder that becomes the dataset.
        manifest: of it, incomplete.
        formats: in which it is written.
        parts: where samples come from.
        spec: what the samples have in common, but for their number.
        reencode: quality of the JPEGs that are made of pixels or of another codec; None refuses to.
        tally: file where workers count their samples.
    """

    out: Path
    manifest: Manifest
    formats: tuple[str, ...]
    parts: tuple[Part, ...]
    spec: ShardSpec
    reencode: int | None = None
    tally: Path | None = None

    def open(self) -> Callable[[ShardTask, int], Record]:
        """Make this process a worker; return the function that makes a shard."""
        return Copier(self).make_shard


class Copier:
    """Reads samples, checks them against their records, and writes them anew."""

    def __init__(self, transfer: Transfer) -> None:
        self.transfer = transfer
        self._needs_files = any(load_format(name).needs_files(transfer.spec) for name in transfer.formats)
        self._tally = Tally(transfer.tally) if transfer.tally else None
        self._record = functools.lru_cache(maxsize=64)(SplitReader.record)

    def make_shard(self, task: ShardTask, slot: int = 0) -> Record:
        """Write one shard in every format, then its record; return the record."""
        transfer = self.transfer
        return write_shard(
            transfer.out,
            transfer.formats,
            replace(transfer.spec, samples=task.samples),
            Record(fingerprint=transfer.manifest.fingerprint, split=task.split, index=task.index),
            (
                self.sample(transfer.parts[part], number)
                for part, number in zip(task.parts.tolist(), task.numbers.tolist(), strict=True)
            ),
            functools.partial(self._count, slot),
        )

    def sample(self, part: Part, number: int) -> tuple[Sample, dict[str, bytes]]:
        """Read one sample; return it as it is to be written, with the files of its fields where they are needed.

        Raises:
            ShardError: it is damaged, or not what its dataset declares.
        """
        shard, place = part.store.locate(number)
        reader = part.store.reader(shard)
        key = part.store.key_in_shard(shard, place)
        where = f"{part.store.location(shard)}: {key}"
        values = {name: reader.read(place, name) for name in self.transfer.spec.suffixes}
        sample = Sample(key=key, image_file=b"", **values)
        self._check(sample, where, reader, place)
        record = self._record(part.store, shard)
        if record is not None and sample_digest(sample) != record.digests[place]:
            raise ShardError(f"{where}: is not the sample that its record tells; run fgbg-data verify")
        new_key = part.key(key)
        sample = replace(sample, key=new_key, meta=part.meta(sample.meta, new_key))
        return self._with_files(sample, reader, place, where)

    def _check(self, sample: Sample, where: str, reader: ShardReader, place: int) -> None:
        spec = self.transfer.spec
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
        files["mask"] = reader.read_file(place, "mask") or encode_mask(sample.mask)
        for name in DEPTH_FIELDS:
            codes = sample.array(name)
            if codes is not None:
                files[name] = reader.read_file(place, name) or encode_depth(codes)
        wanted, data = self.transfer.spec.suffixes["image"], reader.read_file(place, "image")
        if data is None or codec(data) != wanted:
            if wanted == "jpg" and self.transfer.reencode is None:
                raise ShardError(f"{where}: its image is {codec(data) if data else 'pixels'}, others are jpg files")
            data = encode_image(sample.image, wanted, self.transfer.reencode or 0)
            if wanted == "jpg":
                sample = replace(sample, image=decode_pixels("image", data, where))
        return replace(sample, image_file=data), files | {"image": data}

    def _count(self, slot: int, samples: int) -> None:
        if self._tally:
            self._tally.count(slot, samples)


def run(
    transfer: Transfer, tasks: Sequence[ShardTask], *, jobs: int, check: bool, verb: str, console: Console | None
) -> Manifest:
    """Make all shards that are not finished, and what is written last; the same call goes on where it was stopped.

    Args:
        transfer: what is made.
        tasks: one a shard.
        jobs: worker processes; 0 is one a core.
        check: compare the sha256 of finished shards, not only their size.
        verb: what is done, for the progress.
        console: where progress is shown; None shows nothing.

    Raises:
        FgbgError: a user can mend it; nothing finished is lost.
    """
    return Production(
        out=transfer.out,
        manifest=transfer.manifest,
        formats=transfer.formats,
        tasks=tasks,
        open_work=lambda tally, jobs: contextlib.nullcontext(replace(transfer, tally=tally)),
        draw_preview=lambda records: _write_last(transfer, records),
        check_space=lambda samples: _check_space(transfer, samples),
        jobs=jobs,
        check=check,
        verb=verb,
    ).run(console)


def check_apart(out: Path, origins: Iterable[Origin]) -> None:
    """Refuse to write into a dataset that is read, or around it.

    Raises:
        ConfigError: the folders overlap.
    """
    for origin in origins:
        place = storage.locate(origin.path)
        if isinstance(place, Path):
            here, there = out.resolve(), place.resolve()
            if here == there or here.is_relative_to(there) or there.is_relative_to(here):
                raise ConfigError(
                    f"{option('out', out)}: overlaps with {origin.path}, which is read. Choose another folder"
                )


def history(origins: Iterable[Origin], command: str, options: dict[str, Any]) -> list[Any]:
    """Return what the manifest tells of how a dataset was made after its build: one entry a command."""
    origins = list(origins)
    before = [entry for origin in origins for entry in origin.manifest.identity.get("history", [])]
    step = {"command": command, "from": [origin.manifest.fingerprint for origin in origins], "options": options}
    return [*before, step]


# --- parts of it ------------------------------------------------------------------------------------------


def _check_space(transfer: Transfer, samples: int) -> None:
    """Refuse what the disk cannot hold; a file is taken for a byte a pixel, which is more than most take.

    Raises:
        StorageError: too little space is free.
    """
    values = sum(int(np.prod(shape)) for shape in transfer.spec.shapes.values())
    each = 0
    for name in transfer.formats:
        pixels = not load_format(name).needs_files(transfer.spec)
        wide = sum(int(np.prod(shape)) for field, shape in transfer.spec.shapes.items() if field in DEPTH_FIELDS)
        each += values + wide if pixels else values // 3
    needed, free = each * samples, storage.free_bytes(transfer.out)
    if needed > free:
        raise StorageError(
            f"{transfer.out}: about {format_bytes(needed)} are needed, {format_bytes(free)} are free. Free some "
            f"space, or choose another {option('out')}"
        )


def _write_last(transfer: Transfer, records: list[Record]) -> None:
    """Draw the first samples of the dataset; list its loose files."""
    first = records[0]
    draw_shard(transfer.out, first, transfer.formats[0], range(min(PREVIEW_ROWS, first.samples)))
    if "folder" in transfer.formats:
        write_index(transfer.out, [(record.split, record.files["folder"].name) for record in records])
