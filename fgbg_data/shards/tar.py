"""Tar shards, as webdataset, Hugging Face datasets and plain `tar` read them."""

import re
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from fgbg_data.errors import ShardError
from fgbg_data.fields import FIELDS
from fgbg_data.runtime.locations import Location, open_bytes
from fgbg_data.sample import Array, Sample
from fgbg_data.shards.format import Format, Options, ShardReader, ShardWriter
from fgbg_data.shards.meta import parse_meta
from fgbg_data.shards.spec import Index, Shapes, ShardSpec
from fgbg_data.shards.tar_index import (
    BLOCK,
    TarIndex,
    field_of_name,
    index_of_record,
    key_of_name,
    name_in_header,
    scan_tar,
)

_BUFFER_BYTES = 2**20
"""Size of the buffer of the writer. With Python's own buffer, every file of a sample would be a system call."""
_UNSAFE_IN_KEY = re.compile(r"[.\\\x00-\x1f]")
"""What no key in a tar has: a dot ends it for readers of webdataset tars, and `..` leads out of a folder."""
_NAME_BYTES = 100
_SIZE = slice(124, 136)
_CHECKSUM = slice(148, 156)
"""Where a header holds name (at its start), size and checksum."""


class TarFormat(Format):
    """`KEY.jpg KEY.mask.png KEY.depth.png KEY.json` in ustar, with nothing in it that changes from run to run."""

    suffix = ".tar"

    def open_writer(self, path: Path, spec: ShardSpec) -> "TarWriter":
        """Open a new tar."""
        return TarWriter(path, spec)

    def sample_bytes(self, spec: ShardSpec, sample: Sample, files: Mapping[str, bytes]) -> int:
        """Return the size of the members of one sample: each is a header and whole blocks of 512 bytes."""
        return sum(BLOCK + -(-len(data) // BLOCK) * BLOCK for data in files.values())

    def read_index(self, location: Location, keys: Sequence[str] | None = None, index: Index | None = None) -> TarIndex:
        """Take the offsets of the members from the record, or find them by a scan."""
        if keys is None or index is None:
            return scan_tar(location)
        return index_of_record(keys, index)

    def read_damaged_index(self, location: Location, keys: Sequence[str], index: Index) -> TarIndex:
        """Scan the file, which only Python reads."""
        return scan_tar(location)

    def open_reader(self, location: Location, found: TarIndex, shapes: Shapes | None = None) -> "TarReader":
        """Open a tar."""
        return TarReader(location, found, shapes)

    def same_index(self, found: TarIndex, index: Index) -> bool:
        """Compare offsets and sizes of all members."""
        parts = {"offset": found.offset, "bytes": found.bytes}
        return index == {name: {field: a.tolist() for field, a in part.items()} for name, part in parts.items()}

    def reading_cost(self, options: Options) -> int:
        """The image must be decoded."""
        return 20

    def index_to_arrays(self, found: TarIndex) -> dict[str, Array]:
        """Return one array for each column; a scan reads the header of every member, so its result is worth keeping."""
        arrays = {"keys": found.keys}
        arrays |= {f"offset_{field}": column for field, column in found.offset.items()}
        return arrays | {f"bytes_{field}": column for field, column in found.bytes.items()}

    def index_from_arrays(self, arrays: Mapping[str, Array]) -> TarIndex:
        """Put the columns together again."""
        parts: dict[str, dict[str, Array]] = {"offset": {}, "bytes": {}}
        for name, column in arrays.items():
            if name != "keys":
                part, _, field = name.partition("_")
                parts[part][field] = column
        lengths = {len(arrays["keys"]), *(len(column) for part in parts.values() for column in part.values())}
        if len(lengths) != 1 or parts["offset"].keys() != parts["bytes"].keys() or not parts["offset"]:
            raise ValueError("its columns differ")
        return TarIndex(arrays["keys"], parts["offset"], parts["bytes"], from_cache=True)

    def snippet(self, suffixes: Mapping[str, str]) -> list[str]:
        """Show how webdataset reads a tar."""
        usual = ("image", "mask", "depth", "meta")
        more = "".join(f', "{suffix}"' for field, suffix in suffixes.items() if field not in usual)
        return [
            "import webdataset",
            'dataset = webdataset.WebDataset("train/fgbg-train-000000.tar", shardshuffle=False).decode("pil")',
            f'sample = next(iter(dataset))  # "__key__", "jpg" or "png", "mask.png", "depth.png"{more}, "json"',
        ]


class TarWriter(ShardWriter):
    """Writes one tar shard."""

    def __init__(self, path: Path, spec: ShardSpec) -> None:
        self._suffixes = spec.suffixes
        self._file = path.open("wb", buffering=_BUFFER_BYTES)
        self._end = 0
        self._offsets: dict[str, list[int]] = {field: [] for field in spec.suffixes}
        self._bytes: dict[str, list[int]] = {field: [] for field in spec.suffixes}

    def write(self, sample: Sample, files: Mapping[str, bytes]) -> None:
        """Append the files of one sample.

        Raises:
            ShardError: its key would lead out of the folder into which the tar is unpacked, or has a dot.
        """
        if not sample.key or sample.key.startswith("/") or _UNSAFE_IN_KEY.search(sample.key):
            raise ShardError(
                "cannot be the name of a file in a tar; expected letters, digits, - and _", repr(sample.key)
            )
        for field, suffix in self._suffixes.items():
            data = files[field]
            self._offsets[field].append(self._end + BLOCK)
            self._bytes[field].append(len(data))
            self._append(ustar_header(f"{sample.key}.{suffix}", len(data)), data, bytes(-len(data) % BLOCK))

    def finish(self) -> Index:
        """Close the tar. The index holds offset and size of every member's bytes."""
        end = self._end + 2 * BLOCK  # the end mark is two empty blocks, and the whole is filled up to a record
        self._append(bytes(2 * BLOCK + -end % tarfile.RECORDSIZE))
        self._file.close()
        return {"offset": self._offsets, "bytes": self._bytes}

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file; after an error it has no end mark, so that it is not taken for a whole tar."""
        self._file.close()

    def _append(self, *parts: bytes) -> None:
        self._file.writelines(parts)
        self._end += sum(map(len, parts))


def _template() -> bytes:
    """Return the header of a member without its name and size, and with spaces for its checksum."""
    header = bytearray(tarfile.TarInfo("").tobuf(tarfile.USTAR_FORMAT))
    header[_SIZE] = bytes(12)
    header[_CHECKSUM] = b" " * 8  # the checksum is the sum of all bytes, with spaces in its own place
    return bytes(header)


def ustar_header(name: str, size: int) -> bytes:
    """Return the ustar header of one member: mode 644, owner 0, time 0.

    The bytes are those of `tarfile.TarInfo.tobuf`, which would take a tenth of the time of a build without depth. Here
    everything but name, size and checksum is filled in once.

    Raises:
        ValueError: the name is too long, or the size too large.
    """
    encoded = name.encode()
    if len(encoded) > _NAME_BYTES or size >= 8**11:
        member = tarfile.TarInfo(name)
        member.size = size
        return member.tobuf(tarfile.USTAR_FORMAT)  # splits the name, or raises
    digits = b"%011o\0" % size
    header = bytearray(_TEMPLATE)
    header[: len(encoded)] = encoded
    header[_SIZE] = digits
    header[_CHECKSUM] = b"%06o\0 " % (_TEMPLATE_SUM + sum(encoded) + sum(digits))
    return bytes(header)


_TEMPLATE = _template()
_TEMPLATE_SUM = sum(_TEMPLATE)


class TarReader(ShardReader):
    """Reads one tar shard by slices of it."""

    def __init__(self, location: Location, found: TarIndex, shapes: Shapes | None = None) -> None:
        super().__init__(location, found, shapes)
        self._index = found
        try:
            self._bytes = open_bytes(location)
        except (OSError, ValueError) as error:
            raise ShardError(f"cannot be opened ({error})", location) from error

    def read(self, index: int, field: str, size: tuple[int, int] | None = None) -> Any:
        """Return one decoded field."""
        data = self._member(index, field)
        where = self.where(index)
        if field == "meta":
            return parse_meta(data, where, self.key(index))
        return FIELDS[field].decode(data, where, self.shapes.get(field), size)

    def read_file(self, index: int, field: str) -> bytes:
        """Return the bytes of one member."""
        return bytes(self._member(index, field))

    def picture_size(self, index: int, field: str) -> tuple[int, int]:
        """Return (height, width) from the header of the picture."""
        return FIELDS[field].picture_size(self._member(index, field), self.where(index))

    def _member(self, index: int, field: str) -> Any:
        """Return the bytes of a member, after checking its header, because the index may be that of another tar."""
        start, size = int(self._index.offset[field][index]), int(self._index.bytes[field][index])
        try:
            data = self._bytes[max(0, start - BLOCK) : start + size]
        except OSError as error:
            raise ShardError(f"its {field} cannot be read ({error})", self.where(index)) from error
        if start < BLOCK or size < 0 or len(data) < BLOCK + size:
            raise ShardError(f"the file ends before its {field}; truncated?", self.where(index))
        if self._index.from_record:
            stem, _, suffix = bytes(data[:_NAME_BYTES]).rstrip(b"\0").decode("utf-8", "replace").partition(".")
            if stem != self.key(index) or suffix not in FIELDS[field].file_suffixes:
                raise ShardError(f"its {field} is not where its record says; was the file replaced?", self.where(index))
        elif self._index.from_cache:
            name = name_in_header(bytes(data[:BLOCK]))
            if name is not None and (key_of_name(name) != self.key(index) or field_of_name(name) != field):
                raise ShardError(f"its {field} is no longer where it was; was the file replaced?", self.where(index))
        return data[BLOCK:]
