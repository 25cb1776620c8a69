"""The one place that opens files of a dataset: atomic writes, locks, free space; reading, here or behind a URL."""

import contextlib
import errno
import hashlib
import mmap
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from filelock import FileLock, Timeout

from fgbg_data.errors import StorageError, option

PARTIAL = ".partial"
LOCK = ".lock"
WORKERS_LOCK = ".workers.lock"
SOURCE_DEPTH = ".source-depth"
NOT_DATA = {LOCK, WORKERS_LOCK, SOURCE_DEPTH, "build.log"}
"""Files beside a dataset that are no part of it."""
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextlib.contextmanager
def partial(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; what is written there takes its place, whole and synced, or not at all.

    Raises:
        StorageError: the disk is full; the partial file is removed and what is finished stays.
    """
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex[:12]}{PARTIAL}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if is_full(error):
            raise StorageError(
                "no space left to write it. Finished files are whole; free some space, and run the same command to "
                "go on",
                where=path,
            ) from error
        if isinstance(error, OSError) and not isinstance(error, StorageError):
            raise StorageError(
                f"cannot be written ({error.strerror or error}). Finished files are whole; mend that, and run the "
                "same command to go on",
                where=path,
            ) from error
        raise
    _sync_folder(path.parent)


def is_full(error: BaseException | None) -> bool:
    """Tell whether an error, or one behind it, says that the disk is full (h5py says so in words only)."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        words = re.search(r"errno = (\d+)", str(error))
        if words and int(words[1]) in _FULL:
            return True
        error = error.__cause__ or error.__context__
    return False


def write_text(path: Path, text: str) -> None:
    """Write a small UTF-8 file atomically."""
    with partial(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file, as `sha256sum` prints it."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def clear_partials(folder: Path) -> int:
    """Remove what a killed build left half written; return how many files that were."""
    dead = list(folder.rglob(f"*{PARTIAL}"))
    for path in dead:
        path.unlink(missing_ok=True)
    return len(dead)


def free_bytes(folder: Path) -> int:
    """Return the free space where `folder` is, or will be."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


@contextlib.contextmanager
def build_lock(folder: Path, wait_s: float = 30) -> Iterator[None]:
    """Hold a folder for one build: refuse while another runs, wait for workers that a killed one left.

    Raises:
        StorageError: another build holds the folder.
    """
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise StorageError(
            f"{folder}: another build is running on this folder. Wait for it, or stop it, or choose another "
            f"{option('out')}"
        ) from None
    try:
        workers = FileLock(folder / WORKERS_LOCK)
        try:  # shared by the living workers of any build; held alone only to see that there are none
            with workers.acquire(timeout=wait_s):
                pass
        except Timeout:
            raise StorageError(
                f"{folder}: workers of an earlier build are still running after {wait_s:.0f} s; stop them first"
            ) from None
        yield
    finally:
        lock.release()


def hold_as_worker(folder: Path) -> None:
    """Mark a build on `folder` as having a living worker, until this process ends."""
    try:
        import fcntl
    except ImportError:  # Windows: the lock of the build itself must do
        return
    descriptor = os.open(folder / WORKERS_LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    fcntl.flock(descriptor, fcntl.LOCK_SH)


def _sync_folder(folder: Path) -> None:
    """Make a rename last through a power cut, where the system lets a folder be synced."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


# --- reading, here or behind a URL ------------------------------------------------------------------------

Location = Path | str
"""A `Path` lies on this machine; text is a URL that fsspec opens, such as s3://bucket/shards."""


class Bytes(Protocol):
    """The bytes of a file, read only as far as they are sliced: a memory map, or ranges of a remote file."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> Any:
        """Return bytes, or a view of them."""
        ...


class RemoteBytes:
    """Slices of a remote file, each one range request."""

    def __init__(self, url: str) -> None:
        self._fs, self._path = _filesystem(url)
        self._size = int(self._fs.size(self._path))

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice, /) -> bytes:
        start, stop, _ = part.indices(self._size)
        data: bytes = self._fs.cat_file(self._path, start=start, end=stop) if stop > start else b""
        return data


def locate(path: str | Path) -> Location:
    """Return where a path or URL points to."""
    text = str(path)
    if "://" not in text:
        return Path(path)
    return Path(text.removeprefix("file://")) if text.startswith("file://") else text.rstrip("/")


def join(place: Location, name: str) -> Location:
    """Return the file `name` in a folder."""
    return place / name if isinstance(place, Path) else f"{place}/{name}"


def parent(place: Location) -> tuple[Location, str]:
    """Return the folder of a file, and its name."""
    if isinstance(place, Path):
        return place.parent, place.name
    folder, _, name = place.rpartition("/")
    return folder, name


def listing(folder: Location) -> dict[str, int | None]:
    """Return the names in a folder with their size in bytes, None for a folder, in the order of names.

    Raises:
        StorageError: the folder is missing or cannot be read.
    """
    try:
        if isinstance(folder, Path):
            with os.scandir(folder) as entries:
                found = {entry.name: None if entry.is_dir() else entry.stat().st_size for entry in entries}
        else:
            fs, path = _filesystem(folder)
            found = {
                info["name"].rstrip("/").rpartition("/")[2]: None if info["type"] == "directory" else info["size"]
                for info in fs.ls(path, detail=True)
            }
    except OSError as error:
        raise StorageError(f"{folder}: cannot be read ({error.strerror or error}); expected a folder") from error
    return dict(sorted(found.items()))


def read_text(place: Location) -> str:
    """Return the text of a small UTF-8 file."""
    if isinstance(place, Path):
        return place.read_text(encoding="utf-8")
    with open_stream(place) as stream:
        return stream.read().decode("utf-8")


def open_bytes(place: Location) -> Bytes:
    """Open a file for slices: a memory map here (safe in threads and after a fork), ranges behind a URL.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is empty.
    """
    if not isinstance(place, Path):
        return RemoteBytes(place)
    with place.open("rb") as stream:
        return memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))


def open_stream(place: Location) -> BinaryIO:
    """Open a file for reading from start to end."""
    if isinstance(place, Path):
        return place.open("rb")
    fs, path = _filesystem(place)
    stream: BinaryIO = fs.open(path, "rb")
    return stream


def _filesystem(url: str) -> tuple[Any, str]:
    """Return fsspec's filesystem and path; asked for anew each time, so that none is shared over a fork."""
    try:
        from fsspec.core import url_to_fs

        found: tuple[Any, str] = url_to_fs(url)
    except (ImportError, ValueError) as error:  # an unknown protocol, or its package is not installed
        raise StorageError(f"{url}: cannot be opened ({error})") from error
    return found
