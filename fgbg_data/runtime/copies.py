"""Whole copies of remote files in the cache of this machine, for programs that read most of each file.

All processes of a machine share the copies. They take no more than a limit: the ones that were not used for the longest
time go first. A program that still reads such a file keeps it until it closes it.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fgbg_data.runtime import remote
from fgbg_data.runtime.files import fetch
from fgbg_data.runtime.locations import Location, parent, size
from fgbg_data.runtime.scratch import cache_folder


@dataclass(frozen=True)
class FileCopies:
    """Copies remote files that do not change under their name, such as finished shards."""

    limit_bytes: float
    """Largest size of all copies; 0 copies nothing."""

    def local(self, location: Location, version: str) -> Location:
        """Return where to read a file: itself if it is on this machine, else a copy of it, or its URL if it is large.

        Args:
            location: path or URL of the file.
            version: text that differs if the content differs, such as the fingerprint of its dataset.

        Raises:
            StorageError: the file cannot be copied.
        """
        if isinstance(location, Path) or not self.limit_bytes or remote.is_in_memory(location):
            return location
        name = hashlib.blake2b(f"{location}|{version}".encode(), digest_size=12).hexdigest()
        try:
            folder = cache_folder() / "copies"
        except RuntimeError:  # the user has no home
            return location
        path = folder / f"{name}-{parent(location)[1]}"
        if not _touch(path):
            num_bytes = size(location)
            if num_bytes is None or num_bytes > self.limit_bytes:
                return location
            with _one_at_a_time(path):
                if not _touch(path):
                    self._make_room(folder, num_bytes)
                    fetch(location, path)
        return path

    def _make_room(self, folder: Path, num_bytes: int) -> None:
        """Remove the copies that were not used for the longest time, until the new one fits."""
        found = []
        for path in folder.glob("*"):
            with contextlib.suppress(OSError):  # another process has removed it
                about = path.stat()
                found.append((about.st_mtime_ns, about.st_size, path))
        total = sum(one for _, one, _ in found) + num_bytes
        for _, freed, path in sorted(found):
            if total <= self.limit_bytes:
                return
            with contextlib.suppress(OSError):
                path.unlink()
            total -= freed


def _touch(path: Path) -> bool:
    """Note that a copy is used now; return whether it is there."""
    try:
        os.utime(path)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    """Let one process of this machine copy a file, while others wait; where files cannot be locked, all copy it."""
    lock = path.with_name(f"{path.name}.lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as stream:
        with contextlib.suppress(ImportError, OSError):
            import fcntl

            fcntl.flock(stream, fcntl.LOCK_EX)
        yield
    with contextlib.suppress(OSError):
        lock.unlink()
