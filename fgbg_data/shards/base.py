"""What every shard format provides: a writer, a reader, and how a record finds samples in the file."""

import importlib
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from fgbg_data.sample import Array, Meta, Sample

Index = dict[str, Any]
"""JSON that lets a reader reach any sample of a shard without a scan; goes into the record."""


@dataclass(frozen=True, kw_only=True)
class ShardSpec:
    """What all samples of a shard have in common.

    Attributes:
        samples: how many there will be.
        suffixes: field -> suffix of its encoded file, in the order of a tar.
        shapes: pixel field -> shape of its array.
        depth_bits: bits of the depth codes; 0 without depth.
        encoded: whether HDF5 holds encoded files.
    """

    samples: int
    suffixes: dict[str, str]
    shapes: dict[str, tuple[int, ...]]
    depth_bits: int
    encoded: bool = False


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


class ShardReader(Protocol):
    """Random access to one file. Opened and closed by whoever uses it; keys are in the order of writing."""

    keys: list[str]
    fields: tuple[str, ...]

    def read(self, place: int, field: str) -> Array | Meta:
        """Return one decoded field of the sample at `place`.

        Raises:
            ShardError: it cannot be decoded; the text names shard and key.
        """
        ...

    def read_file(self, place: int, field: str) -> bytes | None:
        """Return the encoded bytes of a field, or None where the format stores pixels."""
        ...

    def close(self) -> None:
        """Release the file."""
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
    def open_reader(path: Path, index: Index | None = None) -> ShardReader:
        """Open a file for reading; without an index it is scanned.

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
