"""What every shard format provides: a writer, a reader, and how a record finds samples in the file."""

import importlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from fgbg_data.errors import ShardError
from fgbg_data.runtime.locations import Location
from fgbg_data.sample import FIELDS, Array, Meta, Sample, suffixes

Index = dict[str, Any]
"""JSON that lets a reader reach any sample of a shard without a scan; goes into the record."""
Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True, kw_only=True)
class ShardSpec:
    """What all samples of a shard have in common.

    Attributes:
        samples: how many there will be.
        image_format: codec of encoded images, jpg or png.
        shapes: pixel field -> shape of its array; an optional field that is not here is not there.
        depth_bits: bits of the depth codes; 0 without depth.
        encoded: whether HDF5 holds encoded files.
    """

    samples: int
    image_format: str
    shapes: dict[str, tuple[int, ...]]
    depth_bits: int
    encoded: bool = False

    @cached_property
    def suffixes(self) -> dict[str, str]:
        """Field -> suffix of its encoded file, in the order of a tar."""
        return suffixes(self.image_format, self.shapes)

    def described(self) -> dict[str, Meta]:
        """Return the fields as the manifest lists them: suffix, dtype and shape of each."""
        return {
            name: {"suffix": suffix, "dtype": FIELDS[name].dtype, "shape": list(self.shapes.get(name, ()))}
            for name, suffix in self.suffixes.items()
        }


class ShardWriter(Protocol):
    """Writes one file, sample after sample. A context manager; whoever opened it renames or removes the file."""

    def write(self, sample: Sample, files: dict[str, bytes]) -> None:
        """Append one sample; `files` maps each field to its encoded bytes (empty if `needs_files` is False)."""
        ...

    def finish(self) -> Index:
        """Close the file and return its index."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class ShardIndex(Protocol):
    """Where the samples of one file are: compact and picklable, kept while readers come and go."""

    @property
    def keys(self) -> Array:
        """(N,) of UTF-8 bytes, in the order of writing."""
        ...

    @property
    def fields(self) -> tuple[str, ...]:
        """Fields that every sample has."""
        ...

    def stored_bytes(self) -> dict[str, int]:
        """Return field -> bytes of all samples, of the fields where that is known without reading them."""
        ...


class ShardReader(Protocol):
    """Random access to one file by memory map. Safe in threads and after a fork; freed when it is dropped."""

    def read(self, place: int, field: str, size: tuple[int, int] | None = None) -> Any:
        """Return one decoded field of the sample at `place`.

        Args:
            place: 0 to N - 1.
            field: one of the index's.
            size: (height, width) to which image and mask are decoded; depth codes and meta know none.

        Returns:
            An array as FIELDS declares it, or for meta the JSON object.

        Raises:
            ShardError: it cannot be decoded, or is another sample's; the text names shard and key.
        """
        ...

    def read_file(self, place: int, field: str) -> bytes | None:
        """Return the encoded bytes of a field, or None where the format stores pixels."""
        ...

    def picture_size(self, place: int, field: str) -> tuple[int, int]:
        """Return (height, width) of a pixel field as stored, without decoding it."""
        ...

    def depth_bits(self, place: int) -> int | None:
        """Return the bits of the depth codes, or None where the shard does not tell."""
        ...


class Format(Protocol):
    """One shard format."""

    suffix: str

    @staticmethod
    def needs_files(spec: ShardSpec) -> bool:
        """Tell whether the writer stores encoded files, so that they must be made."""
        ...

    @staticmethod
    def open_writer(path: Path, spec: ShardSpec) -> ShardWriter:
        """Open a new file for writing."""
        ...

    @staticmethod
    def read_index(place: Location, keys: list[str] | None = None, index: Index | None = None) -> Any:
        """Return the index of a file: from what its record holds, or without that from a scan.

        Raises:
            ShardError: the file is damaged or no shard.
            ValueError: the record's index cannot be one of this file.
        """
        ...

    @staticmethod
    def same_index(found: Any, index: Index) -> bool:
        """Tell whether the index that a scan found is the one that a record holds."""
        ...

    @staticmethod
    def open_reader(place: Location, index: Any, shapes: Shapes | None = None) -> ShardReader:
        """Open a file for reading.

        Args:
            place: the file.
            index: what `read_index` returned for it.
            shapes: pixel field -> shape that the dataset declares; anything else is refused.

        Raises:
            ShardError: the file is damaged or no shard.
        """
        ...


def load_format(name: str) -> Format:
    """Return the format of that name in FORMATS."""
    from fgbg_data.shards import FORMATS

    module, _, attribute = FORMATS[name].partition(":")
    found: Format = getattr(importlib.import_module(module), attribute)
    return found


def parse_meta(data: Any, where: str, key: str | None = None) -> Meta:
    """Return the meta of a sample.

    Args:
        data: the JSON, as bytes.
        where: shard and key, for the error text.
        key: of the sample, where it is known.

    Raises:
        ShardError: it is no JSON object, or that of another sample.
    """
    try:
        meta = json.loads(bytes(data))
    except (ValueError, RecursionError) as error:
        raise ShardError(f"{where}: its meta is not JSON ({error})") from error
    if not isinstance(meta, dict):
        raise ShardError(f"{where}: its meta is a JSON {type(meta).__name__}, expected an object")
    if key is not None and meta.get("key", key) != key:
        raise ShardError(f"{where}: its meta is that of {meta['key']!r}; the shard is damaged")
    return meta


def meta_depth_bits(meta: Meta, where: str) -> int | None:
    """Return the depth bits that a meta tells, checked."""
    bits = meta.get("depth_bits")
    if bits is None or (isinstance(bits, int) and 1 <= bits <= 16):
        return bits
    raise ShardError(f"{where}: its meta says depth_bits {bits!r}, expected 1 to 16")
