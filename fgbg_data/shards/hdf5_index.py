"""What an HDF5 shard holds and where it lies: taken from its record, or read from the file and checked."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from fgbg_data.errors import ShardError
from fgbg_data.fields import FIELDS, fields_in_order
from fgbg_data.options import MAX_SIDE_PX
from fgbg_data.runtime.locations import Bytes, Location, open_bytes
from fgbg_data.sample import Array
from fgbg_data.shards.hdf5_file import OpenHdf5
from fgbg_data.shards.hdf5_heaps import check_heaps
from fgbg_data.shards.spec import Index

_MAX_RATIO = 1100
"""Upper bound of the bytes that one byte can become when zlib decompresses it."""


@dataclass(frozen=True)
class Hdf5Index:
    """What an HDF5 shard holds, and where it lies."""

    keys: Array
    """(N,) keys as UTF-8 bytes."""
    fields: tuple[str, ...]
    """The fields that every sample has."""
    shapes: dict[str, tuple[int, ...]]
    """Field of pixels -> (N, H, W, ...); fields of encoded files are not listed."""
    offset: dict[str, int]
    """Field of contiguous pixels, or `key` or `meta` of fixed length -> offset of the first byte. Everything else is
    read through h5py."""
    depth_bits: int | None
    """The number of bits of the depth codes of the whole shard, or None."""
    text_bytes: dict[str, int] = field(default_factory=dict)
    """`key` and `meta` of fixed length -> bytes of each text, filled up with zeros."""
    from_record: bool = False
    """Whether it comes from a record. Then the key in the file is compared before a sample is used, because the record
    may belong to another file."""

    def stored_bytes(self) -> dict[str, int]:
        """Return field -> bytes of its pixels; the size of encoded fields is not known without reading them."""
        sizes = {name: math.prod(shape) * np.dtype(FIELDS[name].dtype).itemsize for name, shape in self.shapes.items()}
        return sizes | {name: len(self.keys) * size for name, size in self.text_bytes.items() if name != "key"}

    def of_record(self) -> Index:
        """Return what the record keeps: all that a reader without h5py needs, or only the offsets of pixels."""
        if not {"key", *self.fields} <= self.offset.keys():
            return {"offset": {name: start for name, start in self.offset.items() if name in self.shapes}}
        return {
            "offset": dict(self.offset),
            "shape": {name: list(shape[1:]) for name, shape in self.shapes.items()},
            "text_bytes": dict(self.text_bytes),
            "depth_bits": self.depth_bits,
        }


def index_of_record(keys: Sequence[str], index: Index) -> Hdf5Index | None:
    """Return the index that a record holds, or None if it holds too little and the file must be read.

    Raises:
        ValueError: the record does not hold the index of an HDF5 file.
    """
    if "shape" not in index:
        return None
    try:
        text_bytes = {name: _size(index["text_bytes"][name]) for name in ("key", "meta")}
        shapes = {name: _shape(name, len(keys), index["shape"][name]) for name in fields_in_order(index["shape"])}
        offset = {name: _size(index["offset"][name]) for name in ("key", *shapes, "meta")}
        bits = index["depth_bits"]
        encoded = [key.encode() for key in keys]
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"it is not the index of an HDF5 file ({error!r})") from error
    if max(map(len, encoded), default=0) > text_bytes["key"] or not (bits is None or _size(bits) <= 16):
        raise ValueError("it is not the index of an HDF5 file (its numbers do not fit)")
    return Hdf5Index(np.array(encoded), (*shapes, "meta"), shapes, offset, bits, text_bytes, from_record=True)


def _size(value: Any) -> int:
    if type(value) is not int or not 1 <= value < 2**63:
        raise ValueError(f"expected a whole number of at least 1, found {value!r:.60}")
    return value


def _shape(name: str, samples: int, sides: Iterable[Any]) -> tuple[int, ...]:
    shape = (samples, *map(_size, sides))
    problem = _problem_of_shape(name, np.dtype(FIELDS[name].dtype), shape)
    if problem:
        raise ValueError(problem)
    return shape


def index_of_file(location: Location) -> Hdf5Index:
    """Check a file and find its pixels.

    Raises:
        ShardError: it is not HDF5, or not laid out as a shard.
        ShortageError: too many files are open.
    """
    try:
        data = open_bytes(location, mapped=True)
    except (OSError, ValueError) as error:
        raise ShardError(f"cannot be opened as HDF5 ({error}); copy or build it again", location) from error
    with OpenHdf5(location, data) as opened:
        try:
            return _index_of(opened.file, data, location)
        except (OSError, RuntimeError, LookupError, TypeError, ValueError, ArithmeticError, MemoryError) as error:
            if isinstance(error, ShardError):
                raise
            raise ShardError(f"cannot be read as HDF5 ({error}); damaged?", location) from error


def _index_of(file: Any, data: Bytes, location: Location) -> Hdf5Index:
    fields = _check_datasets(file, location)
    offsets = {name: int(start) for name in ("key", *fields) if (start := file[name].id.get_offset()) is not None}
    shapes: dict[str, tuple[int, ...]] = {}
    text_bytes: dict[str, int] = {}
    variable = file.attrs.get_id("fields").dtype.kind == "O" if "fields" in file.attrs else False
    for name in ("key", *fields):
        dataset = file[name]
        if name in ("key", "meta"):
            length = h5py.check_string_dtype(dataset.dtype).length
            if length is not None:
                text_bytes[name] = int(length)
        elif h5py.check_vlen_dtype(dataset.dtype) != np.dtype(np.uint8):
            problem = _problem_of_shape(name, dataset.dtype, dataset.shape)
            if problem:
                raise ShardError(problem, location)
            shapes[name] = tuple(int(side) for side in dataset.shape)
        variable |= name not in shapes and name not in text_bytes
    if variable and isinstance(location, Path):
        pixels = [(offsets[name], offsets[name] + file[name].nbytes) for name in shapes if name in offsets]
        check_heaps(data, location, pixels)
    _check_named(file, location)
    if file.userblock_size:
        offsets = {}
    offset = {name: start for name, start in offsets.items() if name in shapes or name in text_bytes}
    bits = file.attrs.get("depth_bits")
    if bits is not None and not 1 <= int(bits) <= 16:
        raise ShardError(f"its attribute depth_bits is {bits}, expected 1 to 16", location)
    keys = _keys(file, location)
    return Hdf5Index(np.array(keys), fields, shapes, offset, None if bits is None else int(bits), text_bytes)


def _check_datasets(file: Any, location: Location) -> tuple[str, ...]:
    """Return the fields of a file, after checking that they are plain datasets of equal length."""
    for name in file:
        if not isinstance(file.get(name, getlink=True), h5py.HardLink):
            raise ShardError(f"{name!r} is a link to elsewhere; refused", location)
    for name in ("key", "image"):
        if name not in file:
            raise ShardError(f"has no dataset {name!r}, so it is not a shard of a dataset", location)
    fields = fields_in_order(name for name in file if name != "key")
    for name in ("key", *fields):
        dataset = file[name]
        if not isinstance(dataset, h5py.Dataset) or dataset.ndim < 1 or dataset.is_virtual or dataset.external:
            raise ShardError(f"{name!r} is no plain dataset; refused", location)
        if len(dataset) != len(file["key"]):
            raise ShardError(f"holds {len(file['key'])} keys but {len(dataset)} of {name!r}", location)
        if name in ("key", "meta") and (dataset.ndim != 1 or h5py.check_string_dtype(dataset.dtype) is None):
            raise ShardError(f"{name!r} holds {dataset.dtype}, expected text", location)
    return fields


def _check_named(file: Any, location: Location) -> None:
    """Check that the file has every dataset that its attribute `fields` names."""
    for name in file.attrs.get("fields", []):
        text = str(name, "utf-8") if isinstance(name, bytes) else str(name)
        if text not in file:
            raise ShardError(f"has no dataset {text!r}, which its attribute `fields` names", location)


def _keys(file: Any, location: Location) -> list[bytes]:
    """Return the keys of a file, after checking that there are some, that they are UTF-8, and unique."""
    dataset = file["key"]
    if dataset.nbytes > _MAX_RATIO * dataset.id.get_storage_size():
        raise ShardError(f"says that it holds {len(dataset)} keys, which are not in it; refused", location)
    keys = [bytes(key) for key in dataset[:]]
    if not keys:
        raise ShardError("holds no samples", location)
    for number, key in enumerate(keys):
        try:
            key.decode()
        except UnicodeDecodeError:
            raise ShardError(f"the key of sample {number} is no UTF-8 text; damaged?", location) from None
    if len(set(keys)) < len(keys):
        twice = next(key for key, count in Counter(keys).items() if count > 1)
        raise ShardError("occurs twice; keys must be unique", location, twice.decode())
    return keys


def _problem_of_shape(name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> str | None:
    """Return what is wrong with pixels of another type, or of a shape that the field cannot have."""
    field = FIELDS[name]
    if dtype != np.dtype(field.dtype) or len(shape) != (4 if field.channels else 3):
        return f"{name!r} is {dtype} of shape {shape}, expected {field.dtype}"
    if field.channels and shape[3] != field.channels:
        return f"{name!r} has shape {shape}, expected {field.channels} channels"
    if max(shape[1:3]) > MAX_SIDE_PX or min(shape[1:]) < 1:
        return f"{name!r} has shape {shape}, expected sides of 1 to {MAX_SIDE_PX} px; refused"
    return None
