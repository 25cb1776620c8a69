"""The global heaps of an HDF5 file, where text and files of variable length lie, checked before HDF5 reads them.

A heap is a row of objects, and the size of each stands before it. HDF5 does not check these sizes: if a crash or a bad
sector left zeros there, it loops for ever.

Source: HDF5 File Format Specification Version 3.0, III.E "Disk Format: Level 1E - Global Heap".
"""

import struct
from collections.abc import Iterable

from fgbg_data.errors import ShardError
from fgbg_data.runtime.locations import Bytes, Location

_SIGNATURE = b"GCOL\x01"
"""Signature and version of a heap."""
_HEADER = struct.Struct("<8xQ")
"""Size of a heap, its header included."""
_OBJECT = struct.Struct("<HHxxxxQ")
"""Number of an object, how often it is used, and its size. Number 0 is the free space at the end of the heap."""
_WINDOW = 2**16
"""Bytes that are searched at once."""


def check_heaps(data: Bytes, location: Location, besides: Iterable[tuple[int, int]] = ()) -> None:
    """Refuse a file with a damaged heap.

    Args:
        data: the bytes of the file.
        location: the file, for the text of an error.
        besides: (start, end) of parts that hold something else, such as pixels; they are not checked.

    Raises:
        ShardError: a heap is damaged.
    """
    start = 0
    for begin, end in (*sorted(besides), (len(data), len(data))):
        _check_part(data, location, start, begin)
        start = max(start, end)


def _check_part(data: Bytes, location: Location, start: int, stop: int) -> None:
    """Check the heaps that begin in a part of the file."""
    while start < stop:
        if bytes(data[start : start + len(_SIGNATURE)]) != _SIGNATURE:  # heaps often follow each other
            window = bytes(data[start : min(stop, start + _WINDOW)])
            found = window.find(_SIGNATURE)
            start += found if found >= 0 else max(1, len(window) - len(_SIGNATURE) + 1)
            if found < 0:
                continue
        start += _heap_size(data, location, start)


def _heap_size(data: Bytes, location: Location, start: int) -> int:
    """Return the size of a heap, after checking the sizes of all its objects."""
    size = _HEADER.unpack(_part(data, location, start, _HEADER.size))[0]
    if not _HEADER.size <= size <= len(data) - start:
        raise _damage(location, start)
    position, end = start + _HEADER.size, start + size
    while end - position >= _OBJECT.size:
        number, _, length = _OBJECT.unpack(_part(data, location, position, _OBJECT.size))
        step = length if number == 0 else _OBJECT.size + -(-length // 8) * 8
        if step < _OBJECT.size or step > end - position or (number == 0 and position + step != end):
            raise _damage(location, start)
        position += step
    return int(size)


def _part(data: Bytes, location: Location, start: int, size: int) -> bytes:
    part = bytes(data[start : start + size])
    if len(part) < size:
        raise _damage(location, start)
    return part


def _damage(location: Location, start: int) -> ShardError:
    return ShardError(f"its text is damaged at byte {start} (a heap of HDF5); copy or build it again", location)
