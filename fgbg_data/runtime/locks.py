"""Locks on the folder of a dataset: one process makes it at a time, and a new one waits for workers of a killed one.

A lock is flock(2) on a file, which the system releases however its holder ends. Some mounts of FUSE, SMB, NFS and
Lustre have no flock. There, the holder writes its name and a count into the file every `BEAT_S`; if the count stands
still for `STALE_S`, the lock is free.
"""

import contextlib
import errno
import json
import os
import socket
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

from fgbg_data.errors import StorageError, option

LOCK = ".lock"
"""The process that makes a dataset holds this file."""
WORKERS_LOCK = ".workers.lock"
"""The workers of that process hold this file together, as long as they live."""
BEAT_S = 1.0
"""Seconds between two counts where the file system has no locks."""
STALE_S = 10.0
"""Seconds without a new count after which a lock is taken over."""
HOLDER_BYTES = 200
"""Length of the text that a holder writes. It is fixed, so that each text overwrites the last one in one call."""
_HELD = {errno.EWOULDBLOCK, errno.EACCES}


@contextlib.contextmanager
def build_lock(folder: Path, wait_s: float = 30) -> Iterator[None]:
    """Hold a folder for one build.

    If files cannot be locked, it warns, and the lock is a count in the file.

    Args:
        folder: folder of the dataset.
        wait_s: how long to wait for the workers of a killed build to end, in seconds.

    Raises:
        StorageError: another build holds the folder, workers of a killed one do not end, or nothing can be written.
    """
    path = folder / LOCK
    with contextlib.ExitStack() as stack:
        descriptor = stack.enter_context(_opened(path))
        problem = _lock(descriptor, path)
        if problem is None:
            _write(descriptor, _holder(0))
        else:
            warnings.warn(
                f"{folder}: its file system has no locks ({problem}), so only a file there keeps other builds away; "
                "start one build at a time on this folder",
                stacklevel=4,
            )
            stack.enter_context(_beating(path, descriptor))
        _wait_for_workers(folder, wait_s)
        yield


def check_not_held(folder: Path) -> None:
    """Check that no build holds a folder, without writing anything.

    Raises:
        StorageError: another build holds it.
    """
    path = folder / LOCK
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return  # there is no lock, or it cannot be read; the build itself will report that
    try:
        _lock(descriptor, path)
    finally:
        os.close(descriptor)


def hold_as_worker(folder: Path) -> None:
    """Mark a folder as having a living worker, until this process ends; where files cannot be locked, do nothing."""
    with contextlib.suppress(OSError, ImportError):
        import fcntl

        fcntl.flock(_open(folder / WORKERS_LOCK), fcntl.LOCK_SH | fcntl.LOCK_NB)


def _wait_for_workers(folder: Path, wait_s: float) -> None:
    """Wait until no worker holds the folder. A lock file that an earlier build left there does not count by itself.

    Raises:
        StorageError: workers hold it after `wait_s`.
    """
    path, deadline = folder / WORKERS_LOCK, time.monotonic() + wait_s
    with _opened(path) as descriptor:
        while True:
            try:
                _lock(descriptor, path)
            except StorageError:
                if time.monotonic() < deadline:
                    time.sleep(0.05)
                    continue
                raise StorageError(
                    f"workers of an earlier build are still running after {wait_s:.0f} s; stop them first",
                    where=folder,
                ) from None
            return


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    """Open a lock file, and close it at the end.

    Raises:
        StorageError: it cannot be made, or opened.
    """
    try:
        descriptor = _open(path)
    except OSError as error:
        raise StorageError(
            f"cannot be written ({error.strerror or error}); choose another {option('out')}", where=path.parent
        ) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    """Open a lock file. The file of another user is opened for reading, which is enough for flock."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError:
        return os.open(path, os.O_RDONLY)


def _lock(descriptor: int, path: Path) -> str | None:
    """Lock a file for this process alone; return None, or the reason why the file system cannot do that.

    Raises:
        StorageError: another process holds it.
    """
    try:
        import fcntl
    except ImportError:
        return "this system has no flock"
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _HELD:
            return error.strerror or str(error)
        raise _held(path) from None
    return None


def _held(path: Path) -> StorageError:
    with contextlib.suppress(OSError, ValueError, AttributeError, TypeError):
        holder = json.loads(path.read_text())
        return StorageError(
            f"another build is running on this folder (process {holder['process']} of {holder['host']}). Wait for it, "
            f"or stop it, or choose another {option('out')}",
            where=path.parent,
        )
    return StorageError(
        f"another build is running on this folder. Wait for it, or stop it, or choose another {option('out')}",
        where=path.parent,
    )


@contextlib.contextmanager
def _beating(path: Path, descriptor: int) -> Iterator[None]:
    """Hold a lock by counting in its file, once nobody else counts there.

    Raises:
        StorageError: another process counts there.
    """
    before = _content(path)
    waiting_until = time.monotonic() + (STALE_S if before and not _is_dead(before) else 0)
    while time.monotonic() < waiting_until:
        time.sleep(BEAT_S / 4)
        if _content(path) not in (before, ""):
            raise _held(path)
    stop = threading.Event()

    def beat() -> None:
        count = 0
        while not stop.wait(BEAT_S):
            count += 1
            with contextlib.suppress(OSError):
                _write(descriptor, _holder(count))

    _write(descriptor, _holder(0))
    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        _write(descriptor, "")


def _holder(count: int) -> str:
    text = json.dumps({"host": socket.gethostname(), "process": os.getpid(), "count": count})
    return f"{text:<{HOLDER_BYTES - 1}}\n"


def _write(descriptor: int, text: str) -> None:
    """Write the text of a lock file, if it can be written, so that a reader never finds the file empty meanwhile."""
    with contextlib.suppress(OSError):
        os.pwrite(descriptor, text.encode(), 0)
        os.ftruncate(descriptor, len(text.encode()))


def _content(path: Path) -> str:
    """Return the text of a lock file. It is opened anew, so that a network file system asks its server."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _is_dead(text: str) -> bool:
    """Return whether a lock file names a process of this machine that has ended."""
    try:
        holder = json.loads(text)
        if holder["host"] != socket.gethostname():
            return False
        os.kill(int(holder["process"]), 0)
    except ProcessLookupError:
        return True
    except (OSError, ValueError, TypeError, KeyError):
        return False
    return False
