"""Indexes of shards that have no record: found by a scan of the file, and kept in the user's cache folder."""

import hashlib
from contextlib import suppress
from pathlib import Path

import numpy as np

from fgbg_data.runtime.files import write_whole
from fgbg_data.runtime.locations import Location
from fgbg_data.runtime.scratch import cache_folder
from fgbg_data.shards.format import ShardIndex
from fgbg_data.shards.registry import load_format

_VERSION = 2


def scanned_index(format_name: str, location: Location) -> ShardIndex:
    """Return the index of a shard file by a scan. The index of a slow scan is kept (see `Format`).

    Raises:
        ShardError: the file is damaged or not a shard.
    """
    fmt, path = load_format(format_name), _cache_path(location)
    if path is not None and path.is_file():
        # A damaged file of the cache can raise anything; the shard is then scanned again.
        with suppress(Exception), np.load(path, allow_pickle=False) as arrays:
            kept: ShardIndex = fmt.index_from_arrays(arrays)
            return kept
    found: ShardIndex = fmt.read_index(location)
    arrays = fmt.index_to_arrays(found)
    if path is not None and arrays is not None:
        with (
            suppress(OSError),  # without a writable cache folder the file is scanned again next time
            write_whole(path) as temporary,
            temporary.open("wb") as stream,
        ):
            np.savez(stream, **arrays)  # type: ignore[arg-type]  # one of its options is a bool
    return found


def _cache_path(location: Location) -> Path | None:
    """Return the file that keeps the index of this file as it is now; None if it cannot be kept.

    Its name follows from path, size, number of the file on its disk, and times. Any program can set the
    time at which the content was changed (mtime), and many do; none can set the time of the last change (ctime).
    """
    if not isinstance(location, Path) or not location.is_file():
        return None
    about = location.stat()
    parts = (_VERSION, location.resolve(), about.st_size, about.st_ino, about.st_mtime_ns, about.st_ctime_ns)
    name = "|".join(map(str, parts)).encode("utf-8", "surrogateescape")
    try:
        return cache_folder() / f"{hashlib.blake2b(name, digest_size=16).hexdigest()}.npz"
    except RuntimeError:  # the user has no home
        return None
