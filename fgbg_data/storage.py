"""The one place that opens files of a dataset: atomic writes, locks, free space."""

import contextlib
import errno
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from fgbg_data.errors import StorageError

PARTIAL = ".partial"
LOCK = ".lock"
WORKERS_LOCK = ".workers.lock"
NOT_DATA = {LOCK, WORKERS_LOCK, "build.log"}
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
                f"{path}: no space left to write it. Finished shards are whole; free some space and run the same "
                "command to go on"
            ) from error
        raise
    _sync_folder(path.parent)


def is_full(error: BaseException | None) -> bool:
    """Tell whether an error, or its cause (h5py wraps the system's), says that the disk is full."""
    if isinstance(error, OSError) and (error.errno in _FULL or "No space left" in str(error)):
        return True
    return error is not None and (is_full(error.__cause__) or "errno = 28" in str(error))


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
            f"{folder}: another build is running on this folder. Wait for it, or stop it, or choose another --out"
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
