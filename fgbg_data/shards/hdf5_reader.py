"""Read HDF5 shards."""

import math
import os
import threading
from typing import Any

import numpy as np

from fgbg_data.errors import ShardError
from fgbg_data.fields import FIELDS
from fgbg_data.runtime.locations import Location, open_bytes
from fgbg_data.sample import Array
from fgbg_data.shards.format import ShardReader
from fgbg_data.shards.hdf5_file import OpenHdf5
from fgbg_data.shards.hdf5_index import Hdf5Index
from fgbg_data.shards.meta import parse_meta
from fgbg_data.shards.spec import Shapes

_opening = threading.Lock()


def _renew_lock() -> None:
    """Make a new lock in a forked child, because a thread of the parent may have held the old one."""
    global _opening
    _opening = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


class Hdf5Reader(ShardReader):
    """Reads one HDF5 shard: pixels and text by slices of the file; chunks, encoded files and long text through h5py."""

    def __init__(self, location: Location, found: Hdf5Index, shapes: Shapes | None = None) -> None:
        super().__init__(location, found, shapes)
        self._index = found
        for field, shape in found.shapes.items():
            declared = self.shapes.get(field)
            if declared is not None and tuple(shape[1:]) != tuple(declared):
                raise ShardError(f"its {field} is {shape[1:]}, but the dataset declares {tuple(declared)}", location)
        try:
            self._bytes = open_bytes(location, mapped=True)
        except (OSError, ValueError) as error:
            raise ShardError(f"cannot be opened ({error})", location) from error
        self._opened: OpenHdf5 | None = None
        self._pid = 0

    def read(self, index: int, field: str, size: tuple[int, int] | None = None) -> Any:
        """Return one decoded field."""
        where = self.where(index)
        if field == "meta":
            return parse_meta(self._text(index, field), where, self.key(index))
        if field not in self._index.shapes:
            return FIELDS[field].decode(self._file(index, field), where, self.shapes.get(field), size)
        pixels = self._pixels(index, field)
        resize = FIELDS[field].resize
        if size is not None and resize is not None and pixels.shape[:2] != size:
            return resize(pixels, size)
        return pixels.copy()

    def read_file(self, index: int, field: str) -> bytes | None:
        """Return the encoded bytes of a field, or None if pixels are stored."""
        if field in self._index.shapes:
            return None
        if field == "meta":
            return self._text(index, field)
        return self._file(index, field)

    def picture_size(self, index: int, field: str) -> tuple[int, int]:
        """Return (height, width) by the shape of the dataset, or by the header of the file."""
        if field in self._index.shapes:
            return self._index.shapes[field][1], self._index.shapes[field][2]
        return FIELDS[field].picture_size(self._file(index, field), self.where(index))

    def depth_bits(self, index: int) -> int | None:
        """Return the number of bits by the attribute of the shard, or by the meta of the sample."""
        return super().depth_bits(index) if self._index.depth_bits is None else self._index.depth_bits

    def _file(self, index: int, field: str) -> bytes:
        """Return the encoded file of a field."""
        return np.asarray(self._stored(index, field)).tobytes()

    def _pixels(self, index: int, field: str) -> Array:
        """Return pixels; contiguous ones are a view of the memory map."""
        if field not in self._index.offset:
            stored: Array = np.asarray(self._stored(index, field))
            return stored
        if self._index.from_record:
            self._check_key(index, field)
        shape, dtype = self._index.shapes[field][1:], np.dtype(FIELDS[field].dtype)
        size = math.prod(shape) * dtype.itemsize
        data = self._part(index, field, self._index.offset[field] + index * size, size)
        return np.frombuffer(data, dtype).reshape(shape)

    def _text(self, index: int, name: str) -> bytes:
        """Return the text of a sample: its meta, or the key as the file holds it."""
        if name not in self._index.offset:
            return bytes(self._stored(index, name))
        if name != "key" and self._index.from_record:
            self._check_key(index, name)
        size = self._index.text_bytes[name]
        return bytes(self._part(index, name, self._index.offset[name] + index * size, size)).rstrip(b"\0")

    def _part(self, index: int, name: str, start: int, size: int) -> Any:
        """Return bytes of the file that belong to a sample."""
        try:
            data = self._bytes[start : start + size]
        except OSError as error:
            raise ShardError(f"its {name} cannot be read ({error})", self.where(index)) from error
        if len(data) < size:
            raise ShardError(f"the file ends before its {name}; truncated?", self.where(index))
        return data

    def _check_key(self, index: int, field: str) -> None:
        """Check that the record belongs to this file, as far as the key of the sample shows."""
        if self._text(index, "key") != self._index.keys[index]:
            raise ShardError(f"its {field} is not where its record says; was the file replaced?", self.where(index))

    def _stored(self, index: int, field: str) -> Any:
        """Return an element through h5py. Its own lock makes that safe in threads; after a fork it is opened again."""
        opened = self._opened
        if opened is None or self._pid != os.getpid():
            with _opening:  # two threads would open the file twice, and close it for one of them
                if self._opened is None or self._pid != os.getpid():
                    self._opened, self._pid = OpenHdf5(self.location, self._bytes), os.getpid()
                opened = self._opened
        try:
            return opened.file[field][index]
        except (OSError, KeyError, ValueError, RuntimeError) as error:
            raise ShardError(f"its {field} cannot be read ({error}); damaged?", self.where(index)) from error
