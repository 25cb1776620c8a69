"""HDF5 files as Python objects for h5py, which never fail while HDF5 writes, and which lock nothing.

HDF5 keeps data that it could not write, tries again when the program ends, and crashes if that fails too. It also
refuses a file that the same program has open with another setting of locks. With a Python object neither happens.
"""

import io
import os
import weakref
from pathlib import Path
from typing import Any, Self

import h5py

from fgbg_data.errors import ShardError
from fgbg_data.runtime.locations import Bytes, Location, open_stream


class _Stream(io.RawIOBase):
    """A stream that HDF5 reads or writes. HDF5 sets the position, at which the next read or write begins."""

    _position = 0

    def _size(self) -> int:
        raise NotImplementedError

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set the position of the next read or write."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size()}[whence]
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position


class NewFile(_Stream):
    """A file that HDF5 writes. The first error is kept, and all later data is counted and not written.

    Args:
        path: the file, which is made anew.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        self._end = 0
        self._error: OSError | None = None

    def check(self) -> None:
        """Raise the first error of writing, if there was one."""
        if self._error is not None:
            raise self._error

    def abandon(self) -> None:
        """Write nothing more, so that HDF5 can close the file even if the disk fails; empty the file."""
        self._fail(OSError("abandoned"))

    def put(self, data: Any, offset: int) -> None:
        """Write a C-contiguous array at an offset, without HDF5, which has reserved this space for it.

        Raises:
            OSError: the disk is full, or fails.
        """
        view = memoryview(data).cast("B")
        while view:
            written = os.pwrite(self._descriptor, view, offset)
            view, offset = view[written:], offset + written
        self._end = max(self._end, offset)

    # --- what HDF5 calls ----------------------------------------------------------------------------------

    def _size(self) -> int:
        return self._end

    def readinto(self, buffer: Any) -> int:
        """Read back what was written; all other bytes are zeros."""
        view = memoryview(buffer).cast("B")
        count = 0
        if self._error is None:
            try:
                count = os.preadv(self._descriptor, [view], self._position)
            except OSError as error:
                self._fail(error)
        view[count:] = bytes(len(view) - count)
        self._position += len(view)
        return len(view)

    def write(self, data: Any) -> int:
        """Write at the position."""
        view = memoryview(data).cast("B")
        if self._error is None:
            try:
                self.put(view, self._position)
            except OSError as error:
                self._fail(error)
        self._position += len(view)
        self._end = max(self._end, self._position)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Set the size of the file."""
        self._end = self._position if size is None else size
        if self._error is None:
            try:
                os.ftruncate(self._descriptor, self._end)
            except OSError as error:
                self._fail(error)
        return self._end

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            os.close(self._descriptor)
        super().close()

    def _fail(self, error: OSError) -> None:
        if self._error is None:
            self._error = error
            try:
                os.ftruncate(self._descriptor, 0)
            except OSError:
                return


class ReadFile(_Stream):
    """The bytes of a file as a stream for HDF5, which then takes no lock and no descriptor of its own.

    Args:
        data: the bytes.
    """

    def __init__(self, data: Bytes) -> None:
        self._data = data

    def _size(self) -> int:
        return len(self._data)

    def readinto(self, buffer: Any) -> int:
        """Read at the position; bytes past the end are zeros."""
        view = memoryview(buffer).cast("B")
        found = self._data[self._position : self._position + len(view)]
        view[: len(found)] = found
        view[len(found) :] = bytes(len(view) - len(found))
        self._position += len(view)
        return len(view)


class OpenHdf5:
    """An open HDF5 file, as a context manager. It is closed with this object, or when the program ends.

    Otherwise HDF5 would close it after Python has ended, and call a Python object that no longer exists.

    Args:
        location: the file, for the texts of errors.
        data: its bytes.

    Raises:
        ShardError: it is not HDF5, or damaged.
    """

    def __init__(self, location: Location, data: Bytes) -> None:
        try:
            stream: Any = ReadFile(data) if isinstance(location, Path) else open_stream(location)
            self.file: Any = h5py.File(stream, "r")
        except (OSError, RuntimeError, ValueError, KeyError) as error:
            raise ShardError(f"cannot be opened as HDF5 ({error}); copy or build it again", location) from error
        self.close = weakref.finalize(self, self.file.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
