"""A folder behind a URL, copied to the cache of this machine; what has not changed there is not copied again."""

import json
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from fgbg_data.errors import StorageError
from fgbg_data.runtime import remote
from fgbg_data.runtime.bundle import bundle_folder, is_bundle
from fgbg_data.runtime.files import fetch, write_text
from fgbg_data.runtime.locations import Location, join
from fgbg_data.runtime.remote import RemoteFile
from fgbg_data.runtime.scratch import needed_cache_folder
from fgbg_data.text import format_bytes

THREADS = 8
"""Files that are copied at once."""
_TAGS = ".fgbg-tags.json"
"""File of the copy that says which version of each file it holds."""


def local_folder_of(folder: Location) -> Path:
    """Return a folder itself; for a URL or a bundle (see `bundle`), the folder of the cache that holds a copy of it.

    >>> local_folder_of("s3://bucket/pictures").parts[-4:]
    ('mirror', 's3', 'bucket', 'pictures')

    Raises:
        StorageError: this user has no folder for a cache.
    """
    if isinstance(folder, Path):
        return bundle_folder(folder) if is_bundle(folder) else folder
    parts = [part for part in PurePosixPath(folder.replace("://", "/")).parts if part not in ("..", "/")]
    return needed_cache_folder(folder).joinpath("mirror", *parts)


def copy_folder(
    url: str, wanted: Callable[[str], bool], limit_bytes: float, report: Callable[[int], None] = lambda done: None
) -> list[str]:
    """Copy the wanted files of a folder to this machine. Files whose size and tag are as before are kept.

    Args:
        url: URL of the folder.
        wanted: says of a path relative to the folder whether it is copied.
        limit_bytes: largest size of all wanted files.
        report: called with the number of files that were copied.

    Returns:
        Paths of all files in the folder, relative to it, sorted.

    Raises:
        StorageError: the folder cannot be read or copied, or is larger than the limit.
    """
    folder = local_folder_of(url)
    try:
        every = {name: file for name, file in remote.files_below(url).items() if _is_plain(name)}
    except StorageError:
        raise
    except OSError as error:
        raise StorageError(f"cannot be listed ({remote.reason(error)})", where=url) from error
    there = {name: file for name, file in every.items() if wanted(name)}
    total = sum(file.size for file in there.values())
    if total > limit_bytes:
        raise StorageError(
            f"its {len(there):,} files are {format_bytes(total)}, and this machine may keep {format_bytes(limit_bytes)}"
            " of files behind URLs",
            where=url,
        )
    known = _read_tags(folder)
    for name in known.keys() - there.keys():
        (folder / name).unlink(missing_ok=True)
    stale = [name for name, file in there.items() if not _is_fresh(folder / name, file, known.get(name))]
    with ThreadPoolExecutor(THREADS) as threads:
        for done, _ in enumerate(threads.map(lambda name: copy_file(url, name), stale), start=1):
            report(done)
    write_text(folder / _TAGS, json.dumps(there, sort_keys=True, indent=0) + "\n")
    return sorted(every)


def copied_bytes(folder: Location) -> int:
    """Return the size of the copy of a remote folder; a folder of this machine has none."""
    return 0 if isinstance(folder, Path) else sum(file.size for file in _read_tags(local_folder_of(folder)).values())


def copy_file(folder: Location, name: str) -> Path:
    """Copy one file of a folder to this machine, and return its path there. Files of this machine stay where they are.

    Raises:
        StorageError: it cannot be copied.
    """
    path = local_folder_of(folder) / name
    if isinstance(folder, str):
        location = join(folder, name)
        assert isinstance(location, str)
        fetch(location, path)
    return path


def _is_plain(name: str) -> bool:
    """Return whether a path stays inside its folder: names in a store may be any text."""
    return all(part not in ("", ".", "..") for part in name.split("/")) and "\0" not in name


def _is_fresh(path: Path, file: RemoteFile, before: RemoteFile | None) -> bool:
    """Return whether a copy is there and is of this version of the file."""
    try:
        return before == file and os.path.getsize(path) == file.size
    except OSError:
        return False


def _read_tags(folder: Path) -> Mapping[str, RemoteFile]:
    """Return the version of each file of a copy; a damaged list is an empty one, and all is copied again."""
    try:
        found = json.loads((folder / _TAGS).read_text(encoding="utf-8"))
        return {name: RemoteFile(int(size), str(tag)) for name, (size, tag) in found.items() if _is_plain(name)}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
