"""Where the members of a tar shard are: taken from its record, or found by a scan of the file."""

import io
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fgbg_data.errors import ShardError
from fgbg_data.fields import field_of_suffix, fields_in_order
from fgbg_data.runtime.locations import Location, open_stream
from fgbg_data.sample import Array
from fgbg_data.shards.spec import Index

_EXTENDED = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
_MAX_EXTENDED = 2**15
"""Types of extended headers, and the bytes that one may have."""
BLOCK = 512
"""Size of a header, and of the blocks of which the bytes of a member are made."""


@dataclass(frozen=True)
class TarIndex:
    """The offset and size of every member of a tar."""

    keys: Array
    """(N,) keys as UTF-8 bytes."""
    offset: dict[str, Array]
    """Field -> (N,) offset of each sample's file in the tar."""
    bytes: dict[str, Array]
    """Field -> (N,) size of each sample's file."""
    from_record: bool = False
    """Whether it comes from a record. Then the header of a member is checked before its bytes are used, because the
    record may belong to another tar."""
    from_cache: bool = False
    """Whether it was kept from an earlier scan. Then headers are checked too, if they hold a whole name."""

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that every sample has."""
        return tuple(self.offset)

    def stored_bytes(self) -> dict[str, int]:
        """Return field -> bytes of all files."""
        return {field: int(sizes.sum()) for field, sizes in self.bytes.items()}


def index_of_record(keys: Sequence[str], index: Index) -> TarIndex:
    """Return the index that a record holds.

    Raises:
        ValueError: the record does not hold the index of a tar.
    """
    try:
        found = TarIndex(
            np.array([key.encode() for key in keys]),
            {field: _column(index["offset"][field]) for field in fields_in_order(index["offset"])},
            {field: _column(index["bytes"][field]) for field in fields_in_order(index["bytes"])},
            from_record=True,
        )
    except (TypeError, KeyError, AttributeError, OverflowError) as error:
        raise ValueError(f"it is not the index of a tar ({error!r})") from error
    lengths = {array.shape for part in (found.offset, found.bytes) for array in part.values()}
    if lengths != {(len(keys),)} or set(found.bytes) != set(found.offset):
        raise ValueError("it is not the index of a tar (its columns differ)")
    return found


def scan_tar(location: Location) -> TarIndex:
    """Find the keys and members of a tar by reading all headers.

    Raises:
        ShardError: the file is not a whole tar, or its members are not those of samples.
    """
    keys: dict[str, dict[str, tuple[int, int]]] = {}
    last = ""
    try:
        with open_stream(location) as stream, tarfile.open(fileobj=stream, mode="r:", tarinfo=_Member) as tar:
            before = -1
            for member in tar:
                if member.offset <= before or member.size < 0:
                    raise tarfile.ReadError("its headers lead in a circle")
                before = member.offset
                if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
                    continue
                field = _field(member.name, location)
                if field is None:
                    continue
                key = key_of_name(member.name)
                if key != last and key in keys:
                    raise ShardError("occurs twice; keys must be unique", location, key)
                members, last = keys.setdefault(key, {}), key
                if field in members:
                    raise ShardError(f"has two files of {field}; keys must be unique", location, key)
                members[field] = member.offset_data, member.size
            end = stream.seek(0, io.SEEK_END)
            stream.seek(tar.offset)
            if stream.read(BLOCK) not in (b"", bytes(BLOCK)):  # tarfile takes a broken header for the end
                raise ShardError(f"has a broken header at byte {tar.offset}; copy or build it again", location)
    except ShardError:
        raise
    except (tarfile.TarError, EOFError, OSError, ValueError, OverflowError, RecursionError) as error:
        raise ShardError(f"is not a whole tar file ({error}); copy or build it again", location) from error
    if not keys:
        raise ShardError("holds no samples (files KEY.jpg, KEY.mask.png, ...)", location)
    fields = fields_in_order({field for members in keys.values() for field in members})
    for key, members in keys.items():
        for field in fields:
            if field not in members:
                raise ShardError(f"has no {field}, which other samples have; truncated?", location, key)
            if sum(members[field]) > end:
                raise ShardError(f"the file ends before its {field}; truncated?", location, key)
    return TarIndex(
        np.array([key.encode() for key in keys]),
        {field: _column([members[field][0] for members in keys.values()]) for field in fields},
        {field: _column([members[field][1] for members in keys.values()]) for field in fields},
    )


class _Member(tarfile.TarInfo):
    """A member of a tar whose extended headers have bounds: Python takes minutes for long ones."""

    def _proc_member(self, tar: tarfile.TarFile) -> Any:
        if self.size < 0 or (self.type in _EXTENDED and self.size > _MAX_EXTENDED):
            raise tarfile.ReadError(f"a header says {self.size} bytes; refused")
        return super()._proc_member(tar)  # type: ignore[misc]  # the stubs do not have it


def name_in_header(header: bytes) -> str | None:
    """Return the name of a member by its ustar header; None if the header may hold only a part of it."""
    name, magic, prefix = header[:100].rstrip(b"\0"), header[257:263], header[345:500].rstrip(b"\0")
    if len(name) == 100 or not name.isascii() or b"?" in name:
        return None  # an extended header before it holds the name; Python writes ? here for other alphabets
    whole = prefix + b"/" + name if prefix and magic == b"ustar\0" else name
    return whole.decode("ascii", "replace")


def key_of_name(name: str) -> str:
    """Return the key of a member, cut where webdataset cuts: at the first dot after the folders."""
    folder, slash, base = name.removeprefix("./").rpartition("/")
    return folder + slash + base.partition(".")[0]


def field_of_name(name: str) -> str | None:
    """Return the field that a member holds, by the suffix of its name, or None."""
    return field_of_suffix(name.rpartition("/")[2].partition(".")[2])


def _field(name: str, location: Location) -> str | None:
    """Return the field that a member holds, or None if it does not belong to a sample.

    Raises:
        ShardError: its name leads out of the folder, or its key has a dot.
    """
    if name.startswith("/") or "\\" in name or ".." in name.split("/"):
        raise ShardError(f"the member {name!r} leads out of the folder; refused", location)
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ShardError(f"the name of its member {ascii(name)} is no UTF-8; rename the file", location) from None
    base = name.rpartition("/")[2]
    if base.startswith("."):
        return None
    suffix = base.partition(".")[2]
    field, rest = field_of_suffix(suffix), suffix
    while field is None and "." in rest:
        rest = rest.partition(".")[2]
        if field_of_suffix(rest):
            raise ShardError(
                "the key has a dot, at which readers of webdataset tars cut it, so that samples mix; rename the files",
                location,
                base.removesuffix(f".{rest}"),
            )
    return field


def _column(values: Sequence[int]) -> Array:
    """Return numbers as uint32 if they fit, else as int64: a process keeps those of every shard that it has read."""
    column = np.array(values, np.int64)
    small = column.size and column.min() >= 0 and column.max() < 2**32
    return column.astype(np.uint32) if small else column
