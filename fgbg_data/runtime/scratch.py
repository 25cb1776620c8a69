"""Folders of this machine: the cache of the user, and what a dataset behind a URL needs here while it is made."""

import contextlib
import hashlib
import os
import shutil
import socket
from pathlib import Path

from fgbg_data.errors import StorageError
from fgbg_data.runtime.locations import Location


def cache_folder() -> Path:
    """Return the folder for what can be made again: `fgbg-data` in XDG_CACHE_HOME, which is ~/.cache by default.

    Raises:
        RuntimeError: XDG_CACHE_HOME is not set, and the user has no home.
    """
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fgbg-data"


def needed_cache_folder(location: Location) -> Path:
    """Return the same as `cache_folder`, for a file or dataset that cannot be used without it.

    Raises:
        StorageError: the user has no folder for a cache; the text names `location`.
    """
    try:
        return cache_folder()
    except RuntimeError as error:
        raise StorageError(
            "needs a folder of this machine, and the user has no home. Set XDG_CACHE_HOME to a folder on a local disk",
            where=location,
        ) from error


def local_folder(out: Location) -> Path:
    """Return the folder of this machine that belongs to the dataset `out` while it is made.

    A dataset in a folder keeps its locks, its log and its partial files there. For a dataset behind a URL it is a
    folder of the cache whose name follows from the URL and this machine, so that a build that was killed finds it
    again.

    Raises:
        StorageError: this user has no folder for a cache.
    """
    if isinstance(out, Path):
        return out
    name = hashlib.blake2b(f"{socket.gethostname()}|{out}".encode(), digest_size=10).hexdigest()
    return needed_cache_folder(out) / "builds" / name


def clear_local(out: Location) -> None:
    """Remove the local folder of a dataset behind a URL; a dataset in a folder is left alone."""
    if isinstance(out, Path):
        return
    folder = local_folder(out)
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):  # it holds the folder of another build
        folder.parent.rmdir()
