"""Locks on the folder of a dataset: one build makes all of it at a time, or any number of parts make some shards each.

Each lock is two things. flock(2) on a file is fast, and the system releases it however its holder ends; but some
mounts of FUSE, SMB, NFS and Lustre have no flock, or have one that other machines do not see. So every holder also
writes a text again and again, as `holders` describes: the build of a whole dataset into `.lock`, and each part into a
file of its own in `.parts`. A new holder first writes its own text and then looks at those of the others, so that of
two that start at once at least one sees the other. For a dataset behind a URL, the files lie there, and flock is of use
among the processes of one machine only.
"""

import contextlib
import errno
import os
import time
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path

from fgbg_data.errors import StorageError, option
from fgbg_data.runtime.files import write_text
from fgbg_data.runtime.holders import Holder, beating, watch
from fgbg_data.runtime.locations import Location, join, names_in, parent, read_bytes, remove

LOCK = ".lock"
"""The process that makes a dataset holds this file; parts hold it together."""
WORKERS_LOCK = ".workers.lock"
"""The workers of that process hold this file together, as long as they live."""
PARTS = ".parts"
"""Folder in which each part has a file while it runs."""
BEAT_S = 1.0
"""Seconds between two texts of the process that makes a whole dataset."""
STALE_S = 10.0
"""Seconds without a new text after which its lock is taken over."""
PART_BEAT_S = 5.0
"""Seconds between two texts of a part. There may be thousands of parts on one file server."""
PART_STALE_S = 30.0
"""Seconds without a new text after which a part counts as dead."""
_HELD = {errno.EWOULDBLOCK, errno.EACCES}


@contextlib.contextmanager
def build_lock(folder: Path, out: Location | None = None, wait_s: float = 30) -> Iterator[Holder]:
    """Hold a folder for one build of the whole dataset.

    If files cannot be locked, it warns, and the lock is the text in the file.

    Args:
        folder: folder of the dataset; if it lies behind a URL, the folder of this machine that belongs to it.
        out: location of the dataset, if that is another one.
        wait_s: how long to wait for the workers of a killed build to end, in seconds.

    Raises:
        StorageError: another build or a part of it holds the folder, workers of a killed one do not end, or nothing
            can be written.
    """
    path, holder = folder / LOCK, Holder()
    with contextlib.ExitStack() as stack:
        descriptor = stack.enter_context(_opened(path))
        problem = _lock(descriptor, path)
        if problem is not None:
            warnings.warn(
                f"{folder}: its file system has no locks ({problem}), so only a file there keeps other builds away; "
                "start one build at a time on this folder",
                stacklevel=4,
            )
        other, _ = watch(lambda: {LOCK: _content(path)}, STALE_S, locked=problem is None)
        if other is not None:
            raise _held(path, other)
        stack.callback(_write, descriptor, "")
        stack.enter_context(beating(holder, lambda text: _write(descriptor, text), BEAT_S))
        if out is not None and not isinstance(out, Path):
            stack.enter_context(_remote_lock(out, holder))
        _refuse_parts(folder if out is None else out, locked=problem is None)
        _wait_for_workers(folder, wait_s)
        yield holder


@contextlib.contextmanager
def part_lock(folder: Path, part: str, out: Location | None = None) -> Iterator[Holder]:
    """Hold a folder for one part of a dataset, together with other parts, also with the same part started twice.

    Nothing that it reads grows with the number of parts.

    Args:
        folder: folder of the dataset; if it lies behind a URL, the folder of this machine that belongs to it.
        part: which part it is, such as `3/8`.
        out: location of the dataset, if that is another one.

    Yields:
        The holder; what its counts say is written with the next text.

    Raises:
        StorageError: a build of the whole dataset holds the folder, or nothing can be written.
    """
    path, holder = folder / LOCK, Holder(part=part)
    out = folder if out is None else out
    own = join(join(out, PARTS), f"{part.replace('/', '-of-')}.{uuid.uuid4().hex[:12]}.json")
    with contextlib.ExitStack() as stack:
        try:
            (folder / PARTS).mkdir(parents=True, exist_ok=True)
            stack.callback(_remove, own)
            stack.enter_context(beating(holder, lambda text: _write_beat(own, text), PART_BEAT_S))
        except StorageError:
            raise
        except OSError as error:
            raise _unwritable(out, error) from error
        descriptor = stack.enter_context(_opened(path))
        problem = _lock(descriptor, path, shared=True)
        other, _ = watch(lambda: {LOCK: _content(path)}, STALE_S, locked=problem is None)
        if other is None and not isinstance(out, Path):
            other, _ = watch(lambda: {LOCK: _content(join(out, LOCK))}, PART_STALE_S, locked=False)
        if other is not None:
            raise _held(join(out, LOCK), other)
        yield holder


@contextlib.contextmanager
def _remote_lock(out: str, holder: Holder) -> Iterator[None]:
    """Hold a dataset behind a URL by a small file there.

    Raises:
        StorageError: another machine holds it.
    """
    own = join(out, LOCK)
    other, _ = watch(lambda: {LOCK: _content(own)}, PART_STALE_S, locked=False)
    if other is not None:
        raise _held(own, other)
    is_ours = False
    try:
        with beating(holder, lambda text: _write_beat(own, text), PART_BEAT_S):
            now = Holder.of(_content(own))
            if now is not None and (now.host, now.process) != (holder.host, holder.process):
                raise _held(own, now)  # another build, which started at the same moment, wrote the file last
            is_ours = True
            yield
    finally:
        if is_ours:
            _remove(own)


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


def parts_of(folder: Location) -> list[Holder]:
    """Return the parts that have a file in a folder; those that were killed may be among them."""
    found = (Holder.of(text) for text in _part_texts(folder).values())
    return sorted(filter(None, found), key=lambda holder: (len(holder.part), holder.part, holder.process))


def claim(path: Path) -> bool:
    """Claim a piece of work by making a file; return whether it was made, or its maker has certainly ended.

    A claim that two processes get at once costs time only: both write the same bytes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x") as stream:
            stream.write(Holder().text())
        return True
    except FileExistsError:
        if not claimant_is_dead(path):
            return False
        path.write_text(Holder().text())
        return True


def claimant_is_dead(path: Path) -> bool:
    """Return whether the process that made a claim ran on this machine and has ended."""
    holder = Holder.of(_content(path))
    return holder is not None and holder.is_dead(locked=False)


def hold_as_worker(folder: Path) -> int | None:
    """Mark a folder as having a living worker, until this process ends; where files cannot be locked, do nothing.

    Returns:
        The descriptor of the lock; to close it ends the mark earlier.
    """
    with contextlib.suppress(OSError, ImportError):
        import fcntl

        descriptor = _open(folder / WORKERS_LOCK)
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return descriptor
    return None


@contextlib.contextmanager
def held_as_worker(folder: Path | None) -> Iterator[None]:
    """Mark a folder as having a living worker while the context is open; with None, do nothing."""
    descriptor = None if folder is None or not folder.is_dir() else hold_as_worker(folder)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _refuse_parts(folder: Location, *, locked: bool) -> None:
    """Refuse a folder in which a part runs; remove the files of parts that were killed.

    Raises:
        StorageError: a part runs.
    """
    other, dead = watch(lambda: _part_texts(folder), PART_STALE_S, locked=locked)
    if other is not None:
        raise _held(join(folder, LOCK), other)
    for name in dead:
        _remove(join(join(folder, PARTS), name))


def _part_texts(folder: Location) -> dict[str, str]:
    """Return the name and the text of the file of each part."""
    inside = join(folder, PARTS)
    return {name: _content(join(inside, name)) for name in names_in(inside) if name.endswith(".json")}


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
        raise _unwritable(path.parent, error) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _unwritable(folder: Location, error: OSError) -> StorageError:
    return StorageError(f"cannot be written ({error.strerror or error}); choose another {option('out')}", where=folder)


def _open(path: Path) -> int:
    """Open a lock file. The file of another user is opened for reading, which is enough for flock."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError:
        return os.open(path, os.O_RDONLY)


def _lock(descriptor: int, path: Path, *, shared: bool = False) -> str | None:
    """Lock a file for this process alone, or shared; return None, or the reason why the file system cannot do that.

    Raises:
        StorageError: another process holds it.
    """
    try:
        import fcntl
    except ImportError:
        return "this system has no flock"
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _HELD:
            return error.strerror or str(error)
        raise _held(path) from None
    return None


def _held(path: Location, holder: Holder | None = None) -> StorageError:
    """Return the error that names the holder of a folder: the given one, the one in its lock file, or a part."""
    folder = parent(path)[0]
    holder = holder or Holder.of(_content(path)) or next(iter(parts_of(folder)), None)
    what = "a part of this build" if holder is not None and holder.part else "another build"
    who = f" ({holder})" if holder is not None else ""
    return StorageError(
        f"{what} is running on this folder{who}. Wait for it, or stop it, or choose another {option('out')}",
        where=folder,
    )


def _write(descriptor: int, text: str) -> None:
    """Write the text of a lock file, if it can be written, so that a reader never finds the file empty meanwhile."""
    with contextlib.suppress(OSError):
        os.pwrite(descriptor, text.encode(), 0)
        os.ftruncate(descriptor, len(text.encode()))


def _write_beat(location: Location, text: str) -> None:
    """Write the text of a part. The file is made again if somebody removed it while the part stood still.

    Raises:
        OSError: it cannot be written.
    """
    if isinstance(location, Path):
        location.write_text(text)
    else:
        write_text(location, text)


def _remove(location: Location) -> None:
    """Remove the file of a holder, if it can be removed; otherwise it goes stale."""
    with contextlib.suppress(OSError):
        remove(location)


def _content(location: Location) -> str:
    """Return the text of a lock file. It is opened anew, so that a network file system asks its server."""
    try:
        return read_bytes(location).decode(errors="replace")
    except OSError:
        return ""
