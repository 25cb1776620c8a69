"""Indexes of shards without a record: found by a scan of the file, kept in the user's cache folder."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from fgbg_data.runtime import storage
from fgbg_data.runtime.storage import Location
from fgbg_data.sample import Array
from fgbg_data.shards import load_format
from fgbg_data.shards.base import ShardIndex

_VERSION = 1


def scanned(form: str, place: Location) -> ShardIndex:
    """Return the index of a shard file by a scan; that of a tar on this machine is kept for the next time.

    Raises:
        ShardError: the file is damaged or no shard.
    """
    path = _cache_path(place) if form == "tar" else None
    if path is not None and path.is_file():
        with suppress(OSError, ValueError, KeyError):
            return _load(path)
    index: ShardIndex = load_format(form).read_index(place)
    if path is not None:
        with suppress(OSError):  # a cache that cannot be written is none
            _save(path, index)
    return index


def cache_folder() -> Path:
    """Return where scans are kept: `fgbg-data` in XDG_CACHE_HOME, by default ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fgbg-data"


def _cache_path(place: Location) -> Path | None:
    """Return the file that keeps the scan of this file, of this size and age."""
    if not isinstance(place, Path):
        return None
    about = place.stat()
    name = f"{_VERSION}|{place.resolve()}|{about.st_size}|{about.st_mtime_ns}"
    return cache_folder() / f"{hashlib.blake2b(name.encode(), digest_size=16).hexdigest()}.npz"


def _save(path: Path, index: ShardIndex) -> None:
    from fgbg_data.shards.tar import TarIndex

    if isinstance(index, TarIndex):
        columns: dict[str, Any] = {f"offset_{field}": array for field, array in index.offset.items()}
        columns |= {f"bytes_{field}": array for field, array in index.bytes.items()}
        with storage.partial(path) as temporary, temporary.open("wb") as stream:
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
