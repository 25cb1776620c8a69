"""Tar shards, as webdataset, Hugging Face datasets and plain `tar` read them."""

import io
import tarfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from fgbg_data.codecs.fields import decode_field, header_size
from fgbg_data.errors import ShardError
from fgbg_data.runtime.locations import Location, open_bytes, open_stream
from fgbg_data.sample import FIELDS, Array, Sample
from fgbg_data.shards.base import Index, Shapes, ShardSpec, meta_depth_bits, parse_meta

_BLOCK = 512
_BUFFER_BYTES = 2**20
"""Written at once; Python's own buffer would make every file of a sample a call of the system."""
FIELD_OF = {"jpg": "image", "jpeg": "image", "png": "image"}
FIELD_OF |= {field.suffix: name for name, field in FIELDS.items() if name != "image"}
"""Suffix of a member -> field."""


class TarFormat:
    """`KEY.jpg KEY.mask.png KEY.depth.png KEY.json`, ustar, with nothing in it that changes from run to run."""

    suffix = ".tar"

    @staticmethod
    def needs_files(spec: ShardSpec) -> bool:
        """A tar holds encoded files, always."""
        return True

    @staticmethod
    def open_writer(path: Path, spec: ShardSpec) -> "TarWriter":
        """Open a new tar."""
        return TarWriter(path, spec)

    @staticmethod
    def read_index(place: Location, keys: list[str] | None = None, index: Index | None = None) -> "TarIndex":
        """Take the members' places from the record, or find them by a scan."""
        if keys is None or index is None:
            return _scan(place)
        return _from_record(keys, index)

    @staticmethod
    def same_index(found: "TarIndex", index: Index) -> bool:
        """Compare offsets and sizes of all members."""
        parts = {"offset": found.offset, "bytes": found.bytes}
        return index == {name: {field: a.tolist() for field, a in part.items()} for name, part in parts.items()}

    @staticmethod
    def open_reader(place: Location, index: "TarIndex", shapes: Shapes | None = None) -> "TarReader":
        """Open a tar."""
        return TarReader(place, index, shapes)


class TarWriter:
    """Writes one tar shard."""

    def __init__(self, path: Path, spec: ShardSpec) -> None:
        self._suffixes = spec.suffixes
        self._file = path.open("wb", buffering=_BUFFER_BYTES)
        self._place = 0
        self._offsets: dict[str, list[int]] = {field: [] for field in spec.suffixes}
        self._bytes: dict[str, list[int]] = {field: [] for field in spec.suffixes}

    def write(self, sample: Sample, files: dict[str, bytes]) -> None:
        """Append the files of one sample."""
        for field, suffix in self._suffixes.items():
            data = files[field]
            self._offsets[field].append(self._place + _BLOCK)
            self._bytes[field].append(len(data))
            self._append(ustar_header(f"{sample.key}.{suffix}", len(data)), data, bytes(-len(data) % _BLOCK))

    def finish(self) -> Index:
        """Close the tar; the index holds offset and size of every member's bytes."""
        end = self._place + 2 * _BLOCK  # the end mark is two empty blocks, and the whole is filled up to a record
        self._append(bytes(2 * _BLOCK + -end % tarfile.RECORDSIZE))
        self._file.close()
        return {"offset": self._offsets, "bytes": self._bytes}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()  # after an error: without the end mark of a whole tar

    def _append(self, *parts: bytes) -> None:
        self._file.writelines(parts)
        self._place += sum(map(len, parts))


def _template() -> bytes:
    """Return the header of a member without name and size, its checksum left blank."""
    header = bytearray(tarfile.TarInfo("").tobuf(tarfile.USTAR_FORMAT))
    header[_SIZE] = bytes(12)
    header[_CHECKSUM] = b" " * 8  # as which the sum of the header's bytes counts it
    return bytes(header)


def ustar_header(name: str, size: int) -> bytes:
    """Return the ustar header of one member: mode 644, owner 0, time 0.

    The bytes are those of `tarfile.TarInfo.tobuf`, which takes a tenth of a build without depth: all but name, size
    and checksum are filled in once.
    """
    encoded = name.encode()
    if len(encoded) > _NAME_BYTES or size >= 8**11:
        member = tarfile.TarInfo(name)
        member.size = size
        return member.tobuf(tarfile.USTAR_FORMAT)  # splits the name, or says what does not fit
    digits = b"%011o\0" % size
    header = bytearray(_TEMPLATE)
    header[: len(encoded)] = encoded
    header[_SIZE] = digits
    header[_CHECKSUM] = b"%06o\0 " % (_TEMPLATE_SUM + sum(encoded) + sum(digits))
    return bytes(header)


_NAME_BYTES = 100
_SIZE = slice(124, 136)
_CHECKSUM = slice(148, 156)
_TEMPLATE = _template()
_TEMPLATE_SUM = sum(_TEMPLATE)


@dataclass(frozen=True)
class TarIndex:
    """Where every member of a tar is.

    Attributes:
        keys: (N,) of UTF-8 bytes.
        offset: field -> (N,) first byte of each sample's file.
        bytes: field -> (N,) its size.
        told: by a record, not found in the file itself.
    """

    keys: Array
    offset: dict[str, Array]
    bytes: dict[str, Array]
    told: bool = False

    @property
    def fields(self) -> tuple[str, ...]:
        """Fields that there are."""
        return tuple(self.offset)

    def stored_bytes(self) -> dict[str, int]:
        """Sizes of the files."""
        return {field: int(sizes.sum()) for field, sizes in self.bytes.items()}


class TarReader:
    """Reads one tar shard by slices of it, a memory map where the file is on this machine."""

    def __init__(self, place: Location, index: TarIndex, shapes: Shapes | None = None) -> None:
        self._place, self._index, self._shapes = place, index, shapes or {}
        self._name = str(place)  # a path makes its text slowly, and every sample's errors would begin with it
        try:
            self._bytes = open_bytes(place)
        except (OSError, ValueError) as error:
            raise ShardError(f"{place}: cannot be opened ({error})") from error

    def read(self, place: int, field: str, size: tuple[int, int] | None = None) -> Any:
        """Return one decoded field."""
        data = self._member(place, field)
        where = self._where(place)
        if field == "meta":
            return parse_meta(data, where, self._key(place))
        return decode_field(field, data, where, self._shapes.get(field), size)

    def read_file(self, place: int, field: str) -> bytes:
        """Return the bytes of one member."""
        return bytes(self._member(place, field))

    def picture_size(self, place: int, field: str) -> tuple[int, int]:
        """Return (height, width), by the file's header."""
        return header_size(field, self._member(place, field), self._where(place))

    def depth_bits(self, place: int) -> int | None:
        """Each sample's meta tells."""
        if "meta" not in self._index.fields:
            return None
        return meta_depth_bits(self.read(place, "meta"), self._where(place))

    def _member(self, place: int, field: str) -> Any:
        """Return a member's bytes, after a look at its header: a record of another file would give another sample."""
        start, size = int(self._index.offset[field][place]), int(self._index.bytes[field][place])
        data = self._bytes[max(0, start - _BLOCK) : start + size]
        if start < _BLOCK or size < 0 or len(data) < _BLOCK + size:
            raise ShardError(f"{self._where(place)}: the file ends before its {field}; truncated?")
        if self._index.told:
            stem, _, suffix = bytes(data[:100]).rstrip(b"\0").decode("utf-8", "replace").partition(".")
            if stem != self._key(place) or FIELD_OF.get(suffix) != field:
                raise ShardError(f"{self._where(place)}: its {field} is not where its record says; was it replaced?")
        return data[_BLOCK:]

    def _key(self, place: int) -> str:
        return str(self._index.keys[place], "utf-8")

    def _where(self, place: int) -> str:
        return f"{self._name}: {self._key(place)}"


def _key(name: str) -> str:
    """Return the key of a member, cut as webdataset cuts: at the first dot after the folders."""
    folder, slash, base = name.removeprefix("./").rpartition("/")
    return folder + slash + base.partition(".")[0]


def _scan(place: Location) -> TarIndex:
    """Find keys and members of a tar that has no record.

    Raises:
        ShardError: it is no whole tar, or its members are not those of samples.
    """
    keys: dict[str, dict[str, tuple[int, int]]] = {}
    last = ""
    try:
        with open_stream(place) as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
            for member in tar:
                if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
                    continue
                field = _field(member.name, place)
                if field is None:
                    continue
                key = _key(member.name)
                if key != last and key in keys:
                    raise ShardError(f"{place}: {key}: occurs twice; keys must be unique")
                members, last = keys.setdefault(key, {}), key
                if field in members:
                    raise ShardError(f"{place}: {key}: has two files of {field}; keys must be unique")
                members[field] = member.offset_data, member.size
            end = stream.seek(0, io.SEEK_END)
            stream.seek(tar.offset)
            if stream.read(_BLOCK) not in (b"", bytes(_BLOCK)):  # tarfile takes a broken header for the end
                raise ShardError(f"{place}: has a broken header at byte {tar.offset}; copy or build it again")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ShardError(f"{place}: is no whole tar file ({error}); copy or build it again") from error
    if not keys:
        raise ShardError(f"{place}: holds no samples (files KEY.jpg, KEY.mask.png, ...)")
    fields = [field for field in FIELDS if any(field in members for members in keys.values())]
    for key, members in keys.items():
        for field in fields:
            if field not in members:
                raise ShardError(f"{place}: {key}: has no {field}, which other samples have; truncated?")
            if sum(members[field]) > end:
                raise ShardError(f"{place}: {key}: the file ends before its {field}; truncated?")
    return TarIndex(
        np.array([key.encode() for key in keys]),
        {field: _column([members[field][0] for members in keys.values()]) for field in fields},
        {field: _column([members[field][1] for members in keys.values()]) for field in fields},
    )


def _field(name: str, place: Location) -> str | None:
    """Return which field a member is, None for none of ours.

    Raises:
        ShardError: its name leads out of the folder, or its key has a dot.
    """
    if name.startswith("/") or "\\" in name or ".." in name.split("/"):
        raise ShardError(f"{place}: the member {name!r} leads out of the folder; refused")
    base = name.rpartition("/")[2]
    if base.startswith("."):
        return None
    suffix = base.partition(".")[2]
    if suffix in FIELD_OF:
        return FIELD_OF[suffix]
    for known in FIELD_OF:
        if suffix.endswith("." + known):
            raise ShardError(
                f"{place}: {base[: -len(known) - 1]}: the key has a dot, at which readers of webdataset tars cut it, "
                "so that samples mix; rename the files"
            )
    return None


def _column(values: list[int]) -> Array:
    """Return numbers in as few bytes as hold them: a process keeps those of every shard that it has read."""
    column = np.array(values, np.int64)
    small = column.size and column.min() >= 0 and column.max() < 2**32
    return column.astype(np.uint32) if small else column


def _from_record(keys: list[str], index: Index) -> TarIndex:
    """Return the index that a record holds; ValueError where it cannot be one."""
    try:
        found = TarIndex(
            np.array([key.encode() for key in keys]),
            {field: _column(index["offset"][field]) for field in FIELDS if field in index["offset"]},
            {field: _column(values) for field, values in index["bytes"].items()},
            told=True,
        )
    except (TypeError, KeyError, AttributeError, OverflowError) as error:
        raise ValueError(f"no index of a tar ({error!r})") from error
    lengths = {array.shape for part in (found.offset, found.bytes) for array in part.values()}
    if lengths != {(len(keys),)} or set(found.bytes) != set(found.offset):
        raise ValueError("no index of a tar (its columns differ)")
    return found
