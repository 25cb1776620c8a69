"""Locks on the folder of a dataset: one process makes it at a time, and a new one waits for workers of a killed one."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from fgbg_data.errors import StorageError, option

LOCK = ".lock"
"""The file that the process which makes a dataset holds."""
WORKERS_LOCK = ".workers.lock"
"""The file that its workers hold together, as long as they live."""


@contextlib.contextmanager
def build_lock(folder: Path, wait_s: float = 30) -> Iterator[None]:
    """Hold a folder for one build.

    Args:
        folder: folder of the dataset.
        wait_s: how long to wait for the workers of a killed build to end, in seconds.

    Raises:
        StorageError: another build holds the folder, or workers of a killed one do not end.
    """
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise StorageError(
            f"another build is running on this folder. Wait for it, or stop it, or choose another {option('out')}",
            where=folder,
        ) from None
    try:
        workers = FileLock(folder / WORKERS_LOCK)
        try:  # workers share this lock; it can be held alone only when none of them lives
            with workers.acquire(timeout=wait_s):
                pass
        except Timeout:
            raise StorageError(
                f"workers of an earlier build are still running after {wait_s:.0f} s; stop them first", where=folder
            ) from None
        yield
    finally:
        lock.release()


def hold_as_worker(folder: Path) -> None:
    """Mark a folder as having a living worker, until this process ends."""
    try:
        import fcntl
    except ImportError:  # Windows has only the lock of the build itself
        return
    descriptor = os.open(folder / WORKERS_LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
