"""What an HDF5 shard holds and where its pixels lie, read from the file and checked."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from fgbg_data.codecs.pictures import MAX_SIDE_PX
from fgbg_data.errors import ShardError
from fgbg_data.fields import FIELDS, fields_in_order
from fgbg_data.runtime.locations import Location, open_stream
from fgbg_data.sample import Array


@dataclass(frozen=True)
class Hdf5Index:
    """What an HDF5 shard holds, and where its pixels lie."""

    keys: Array
    """(N,) keys as UTF-8 bytes."""
    fields: tuple[str, ...]
    """The fields that every sample has."""
    shapes: dict[str, tuple[int, ...]]
    """Field of pixels -> (N, H, W, ...); fields of encoded files are not listed."""
    offset: dict[str, int]
    """Field of contiguous pixels -> offset of the first byte; chunked or encoded fields are read through h5py."""
    depth_bits: int | None
    """The number of bits of the depth codes of the whole shard, or None."""

    def stored_bytes(self) -> dict[str, int]:
        """Return field -> bytes of its pixels; HDF5 does not say the size of encoded fields and of meta at once."""
        return {
            field: math.prod(shape) * np.dtype(FIELDS[field].dtype).itemsize for field, shape in self.shapes.items()
        }


def open_hdf5(location: Location) -> Any:
    """Open a file with h5py.

    Raises:
        ShardError: it is not HDF5, or damaged.
    """
    try:
        if isinstance(location, Path):
            return h5py.File(location, "r", locking=False)
        return h5py.File(open_stream(location), "r")
    except (OSError, RuntimeError) as error:
        raise ShardError(f"cannot be opened as HDF5 ({error}); copy or build it again", location) from error


def index_of_file(location: Location) -> Hdf5Index:
    """Check a file and find its pixels.

    Raises:
        ShardError: it is not HDF5, or not laid out as a shard.
    """
    with open_hdf5(location) as file:
        try:
            return _index_of(file, location)
        except (OSError, RuntimeError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, ShardError):
                raise
            raise ShardError(f"cannot be read as HDF5 ({error}); damaged?", location) from error


def _index_of(file: Any, location: Location) -> Hdf5Index:
    fields = _check_datasets(file, location)
    keys = _keys(file, location)
    shapes: dict[str, tuple[int, ...]] = {}
    offset: dict[str, int] = {}
    for name in fields:
        dataset = file[name]
        if name == "meta" or h5py.check_vlen_dtype(dataset.dtype) == np.dtype(np.uint8):
            continue
        _check_pixels(name, dataset, location)
        shapes[name] = tuple(int(side) for side in dataset.shape)
        start = dataset.id.get_offset()
        if start is not None and not file.userblock_size:
            offset[name] = int(start)
    bits = file.attrs.get("depth_bits")
    if bits is not None and not 1 <= int(bits) <= 16:
        raise ShardError(f"its attribute depth_bits is {bits}, expected 1 to 16", location)
    return Hdf5Index(np.array(keys), fields, shapes, offset, None if bits is None else int(bits))


def _check_datasets(file: Any, location: Location) -> tuple[str, ...]:
    """Return the fields of a file, after checking that they are plain datasets of equal length."""
    for name in file:
        if not isinstance(file.get(name, getlink=True), h5py.HardLink):
            raise ShardError(f"{name!r} is a link to elsewhere; refused", location)
    named = [str(name) for name in file.attrs.get("fields", [])]
    for name in dict.fromkeys(["key", "image", *named]):
        if name not in file:
            reason = "which its attribute `fields` names" if name in named else "so it is not a shard of a dataset"
            raise ShardError(f"has no dataset {name!r}, {reason}", location)
    fields = fields_in_order(name for name in file if name != "key")
    for name in ("key", *fields):
        dataset = file[name]
        if not isinstance(dataset, h5py.Dataset) or dataset.ndim < 1 or dataset.is_virtual or dataset.external:
            raise ShardError(f"{name!r} is no plain dataset; refused", location)
        if len(dataset) != len(file["key"]):
            raise ShardError(f"holds {len(file['key'])} keys but {len(dataset)} of {name!r}", location)
        if name in ("key", "meta") and h5py.check_string_dtype(dataset.dtype) is None:
            raise ShardError(f"{name!r} holds {dataset.dtype}, expected text", location)
    return fields


def _keys(file: Any, location: Location) -> list[bytes]:
    """Return the keys of a file, after checking that there are some and that they are unique."""
    keys = [bytes(key) for key in file["key"][:]]
    if not keys:
        raise ShardError("holds no samples", location)
    if len(set(keys)) < len(keys):
        twice = next(key for number, key in enumerate(keys) if key in keys[:number]).decode("utf-8", "replace")
        raise ShardError("occurs twice; keys must be unique", location, twice)
    return keys


def _check_pixels(name: str, dataset: Any, location: Location) -> None:
    """Refuse pixels of another type, or of a shape that the field cannot have."""
    field = FIELDS[name]
    if dataset.dtype != np.dtype(field.dtype) or dataset.ndim != (4 if field.channels else 3):
        raise ShardError(f"{name!r} is {dataset.dtype} of shape {dataset.shape}, expected {field.dtype}", location)
    if field.channels and dataset.shape[3] != field.channels:
        raise ShardError(f"{name!r} has shape {dataset.shape}, expected {field.channels} channels", location)
    if max(dataset.shape[1:3]) > MAX_SIDE_PX:
        raise ShardError(f"{name!r} has shape {dataset.shape}, more than {MAX_SIDE_PX} px a side; refused", location)
