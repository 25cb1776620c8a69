"""Files on this machine or behind a URL: names, sizes and bytes. `files` writes them."""

import contextlib
import errno
import mmap
import os
import weakref
from collections.abc import Iterator
from pathlib import Path, PurePath, PurePosixPath
from typing import Any, BinaryIO, Protocol

from fgbg_data.errors import ConfigError, ShortageError, StorageError, option
from fgbg_data.options import to_path
from fgbg_data.runtime import remote

Location = Path | str
"""A `Path` on this machine, or the text of a URL that fsspec opens, such as `s3://bucket/shards`."""
LACKING = {errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL, errno.ENOTTY, 524}
"""Error numbers by which a file system says that it does not have a call; 524 is ENOTSUPP, which Linux lets through."""
_GONE = -1
_SHORTAGES = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}


class Bytes(Protocol):
    """The bytes of a file, read only in the slices asked for: by calls, from a memory map, or by ranges of a URL."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> Any:
        """Return bytes, or a view of them, fewer where the file ends.

        Raises:
            OSError: they cannot be read.
        """
        ...


class ReadBytes:
    """The bytes of a file on this machine; each slice is one system call (safe in threads and after a fork).

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._descriptor)
        self._size = os.fstat(self._descriptor).st_size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice, /) -> memoryview:
        start, stop, _ = part.indices(self._size)
        return memoryview(os.pread(self._descriptor, max(0, stop - start), start))


def locate(path: str | Path) -> Location:
    """Return the location that a path or a URL points to.

    >>> locate("s3://bucket/shards/"), locate("file:///data").as_posix()
    ('s3://bucket/shards', '/data')
    """
    return to_location("path", path)


def to_location(name: str, value: "str | os.PathLike[str]") -> Location:
    """Return the location that an option gives, as text or as a path; `~` at its start stands for the home folder.

    >>> to_location("out", "s3://bucket/shards/"), to_location("bg", "pictures").name
    ('s3://bucket/shards', 'pictures')

    Args:
        name: name of the option, for error texts.
        value: its value.

    Raises:
        ConfigError: it is neither text nor a path, or the home folder is not known.
    """
    if not isinstance(value, str | os.PathLike):
        raise ConfigError(f"{option(name, value)}: expected a path or URL, as text or as a Path")
    text = os.fspath(value)
    if "://" not in text:
        return to_path(name, value)
    return Path(text.removeprefix("file://")) if text.startswith("file://") else text.rstrip("/")


def join(folder: Location, name: str) -> Location:
    """Return the location of the file `name` in a folder."""
    return folder / name if isinstance(folder, Path) else f"{folder}/{name}"


def parent(location: Location) -> tuple[Location, str]:
    """Return the folder of a file, and the file's name."""
    if isinstance(location, Path):
        return location.parent, location.name
    folder, _, name = location.rpartition("/")
    return folder, name


def resolved(location: Location) -> PurePath:
    """Return a path that can be compared with others, to find out whether one location lies inside another.

    >>> resolved("s3://bucket/shards/train").is_relative_to(resolved("s3://bucket/shards"))
    True
    """
    return location.resolve() if isinstance(location, Path) else PurePosixPath(location)


def listing(folder: Location) -> dict[str, int | None]:
    """Return the names in a folder, sorted, with their sizes in bytes; a folder has the size None.

    A file that another process removes meanwhile is left out, and so is a link that leads nowhere.

    Raises:
        StorageError: the folder is missing or cannot be read.
    """
    try:
        if isinstance(folder, Path):
            with os.scandir(folder) as entries:
                sizes = {entry.name: _size_of(entry) for entry in entries}
            found = {name: size for name, size in sizes.items() if size != _GONE}
        else:
            found = remote.names(folder)
    except StorageError:
        raise
    except FileNotFoundError as error:
        raise StorageError("there is no such folder; expected one that holds a dataset", where=folder) from error
    except OSError as error:
        raise StorageError(f"cannot be read ({remote.reason(error)}); expected a folder", where=folder) from error
    return dict(sorted(found.items()))


def _size_of(entry: "os.DirEntry[str]") -> int | None:
    """Return the size of a file in bytes, None for a folder, and `_GONE` for what is not there."""
    try:
        return None if entry.is_dir() else entry.stat().st_size
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENOTDIR):
            return _GONE
        raise


def names_in(folder: Location) -> dict[str, int | None]:
    """Return the same as `listing`, and nothing for a folder that does not exist.

    Raises:
        StorageError: the folder cannot be read.
    """
    try:
        return listing(folder)
    except StorageError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return {}
        raise


def size(location: Location) -> int | None:
    """Return the size of a file in bytes, or None if there is no such file.

    Raises:
        OSError: that cannot be found out.
    """
    if not isinstance(location, Path):
        return remote.size(location)
    return location.stat().st_size if location.is_file() else None


def remove(location: Location) -> None:
    """Remove a file; a missing one is no error.

    Raises:
        OSError: it cannot be removed.
    """
    if isinstance(location, Path):
        location.unlink(missing_ok=True)
    else:
        remote.remove(location)


def read_text(location: Location) -> str:
    """Return the text of a small UTF-8 file.

    Raises:
        OSError: it cannot be read.
        UnicodeDecodeError: it is not UTF-8.
        ShortageError: too many files are open.
    """
    return read_bytes(location).decode("utf-8")


def read_bytes(location: Location) -> bytes:
    """Return the whole content of a file.

    Raises:
        OSError: it cannot be read.
        ShortageError: too many files are open.
    """
    with shortages(location):
        return location.read_bytes() if isinstance(location, Path) else remote.read(location)


def open_bytes(location: Location, *, mapped: bool = False) -> Bytes:
    """Open a file for slices.

    A file that is cut off while it is read, or lies on a bad sector, gives an error where slices are read by calls.
    With a memory map, the system ends the process instead. Reading a random sample takes the same time within 5 %
    either way from a tar, but half as long again by calls from HDF5, where pixels are stored as they are.

    Args:
        location: path or URL of the file.
        mapped: read a file on this machine through a memory map, if its file system can map files.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is empty.
        ShortageError: too many files are open.
    """
    with shortages(location):
        if not isinstance(location, Path):
            return remote.RemoteBytes(location)
        if not mapped:
            return ReadBytes(location)
        with location.open("rb") as stream:
            try:
                return memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
            except OSError as error:
                if error.errno not in LACKING | {errno.ENODEV}:
                    raise
                return ReadBytes(location)


def open_stream(location: Location) -> BinaryIO:
    """Open a file to read it from start to end.

    Raises:
        OSError: it cannot be opened.
        ShortageError: too many files are open.
    """
    with shortages(location):
        if isinstance(location, Path):
            return location.open("rb")
        return remote.open_stream(location)


@contextlib.contextmanager
def shortages(location: Location) -> Iterator[None]:
    """Raise a lack of file descriptors or memory as an error of its own, because it passes and the file is not damaged.

    Raises:
        ShortageError: too many files are open, or memory is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _SHORTAGES:
            raise
        raise ShortageError(
            f"cannot be opened now ({error.strerror}). It is not damaged: close other files or programs, or raise the "
            "limit (`ulimit -n`)",
            location,
        ) from error
