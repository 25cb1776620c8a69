"""Indexes of shards that have no record: found by a scan of the file, and kept in the user's cache folder."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from fgbg_data.runtime.files import write_whole
from fgbg_data.runtime.locations import Location
from fgbg_data.sample import Array
from fgbg_data.shards import load_format
from fgbg_data.shards.base import ShardIndex

_VERSION = 1


def scanned_index(format_name: str, location: Location) -> ShardIndex:
    """Return the index of a shard file by a scan. That of a tar on this machine is kept for the next time.

    Raises:
        ShardError: the file is damaged or not a shard.
    """
    path = _cache_path(location) if format_name == "tar" else None
    if path is not None and path.is_file():
        with suppress(OSError, ValueError, KeyError):
            return _load(path)
    index: ShardIndex = load_format(format_name).read_index(location)
    if path is not None:
        with suppress(OSError):  # without a writable cache folder the file is scanned again next time
            _save(path, index)
    return index


def cache_folder() -> Path:
    """Return the folder that keeps the indexes: `fgbg-data` in XDG_CACHE_HOME, which is ~/.cache by default."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fgbg-data"


def _cache_path(location: Location) -> Path | None:
    """Return the file that keeps the index of this file as it is now, by its path, size and time of change."""
    if not isinstance(location, Path):
        return None
    about = location.stat()
    name = f"{_VERSION}|{location.resolve()}|{about.st_size}|{about.st_mtime_ns}"
    return cache_folder() / f"{hashlib.blake2b(name.encode(), digest_size=16).hexdigest()}.npz"


def _save(path: Path, index: ShardIndex) -> None:
    from fgbg_data.shards.tar import TarIndex

    if isinstance(index, TarIndex):
        columns: dict[str, Any] = {f"offset_{field}": array for field, array in index.offset.items()}
        columns |= {f"bytes_{field}": array for field, array in index.bytes.items()}
        with write_whole(path) as temporary, temporary.open("wb") as stream:
            np.savez(stream, keys=index.keys, **columns)


def _load(path: Path) -> ShardIndex:
    from fgbg_data.shards.tar import TarIndex

    with np.load(path, allow_pickle=False) as columns:
        parts: dict[str, dict[str, Array]] = {"offset": {}, "bytes": {}}
        for name in columns.files:
            if name != "keys":
                part, _, field = name.partition("_")
                parts[part][field] = columns[name]
        return TarIndex(columns["keys"], parts["offset"], parts["bytes"])
