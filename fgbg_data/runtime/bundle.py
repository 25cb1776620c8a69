"""Files in one file: a zip or tar, or a text file that lists paths, laid out as a folder in the cache."""

import functools
import hashlib
import os
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from fgbg_data.errors import StorageError
from fgbg_data.runtime.files import writing_errors
from fgbg_data.runtime.scratch import needed_cache_folder
from fgbg_data.text import counted, format_bytes

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
"""Ends of the names of archives."""
LIST = ".txt"
"""End of the name of a list: one path a line, relative to the folder of the list; lines with # are left out."""
_NAMES = ".fgbg-names"
"""File of the layout that lists everything the bundle holds; it is written last."""


def is_bundle(path: Path) -> bool:
    """Return whether a path is a file that holds or lists other files, by its name."""
    return path.name.lower().endswith((*ARCHIVES, LIST)) and path.is_file()


def bundle_folder(path: Path) -> Path:
    """Return the folder of the cache in which a bundle is laid out, as it is now; it need not exist yet.

    Raises:
        StorageError: this user has no folder for a cache, or the file is gone.
    """
    try:
        about = path.stat()
    except OSError as error:
        raise StorageError(f"cannot be read ({error.strerror})", where=path) from error
    mark = f"{path.resolve()} {about.st_size} {about.st_mtime_ns}"
    digest = hashlib.blake2b(os.fsencode(mark), digest_size=8).hexdigest()
    return needed_cache_folder(path) / "bundles" / f"{path.name.partition('.')[0]}-{digest}"


def lay_out(path: Path, wanted: Callable[[str], bool], limit_bytes: float) -> list[str]:
    """Lay the wanted files of a bundle out in its folder of the cache. If that was done before, nothing is done.

    Files of an archive are unpacked, those of a list are linked.

    Args:
        path: the bundle.
        wanted: says of a path in it whether the file is laid out.
        limit_bytes: largest size of all wanted files after unpacking.

    Returns:
        Paths of all files that it holds or lists, sorted.

    Raises:
        StorageError: it is damaged, lists a file that is missing, or is larger than the limit.
    """
    folder = bundle_folder(path)
    names = folder / _NAMES
    if not names.is_file():
        with writing_errors(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            partial = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
            try:
                if path.name.lower().endswith(LIST):
                    every = _link(path, partial, wanted)
                else:
                    every = _unpack(path, partial, wanted, limit_bytes)
                (partial / _NAMES).write_text("\n".join(sorted(every)), encoding="utf-8", errors="surrogateescape")
                if not names.is_file():  # another process may have been faster
                    shutil.rmtree(folder, ignore_errors=True)
                    partial.rename(folder)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
    return names.read_text(encoding="utf-8", errors="surrogateescape").splitlines()


def _link(path: Path, folder: Path, wanted: Callable[[str], bool]) -> list[str]:
    """Link the files that a list names."""
    root = path.resolve().parent
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except UnicodeDecodeError as error:
        raise StorageError("is not a text file in UTF-8; expected one path a line", where=path) from error
    every: dict[str, Path] = {}
    missing = []
    for line in lines:
        if line and not line.startswith("#"):
            file = Path(os.path.abspath(root / line))  # noqa: PTH100  # links stay links
            name = file.relative_to(root) if file.is_relative_to(root) else file.relative_to(file.anchor)
            if not file.is_file():
                missing.append(line)
            every[name.as_posix()] = file
    if missing:
        shown = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
        raise StorageError(f"lists {counted(len(missing), 'file')} that cannot be found: {shown}", where=path)
    for relative, file in every.items():
        if wanted(relative):
            (folder / relative).parent.mkdir(parents=True, exist_ok=True)
            (folder / relative).symlink_to(file)
    return list(every)


def _unpack(path: Path, folder: Path, wanted: Callable[[str], bool], limit_bytes: float) -> list[str]:
    """Unpack the wanted files of an archive; names that lead out of it are left out."""
    every, left = [], limit_bytes
    try:
        for name, opened in _members(path):
            if not _is_plain(name):
                continue
            every.append(name)
            if not wanted(name):
                continue
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            with opened() as stream, (folder / name).open("wb") as target:
                while block := stream.read(1 << 20):
                    left -= len(block)
                    if left < 0:
                        raise StorageError(
                            f"holds more than {format_bytes(limit_bytes)} of pictures, which is all that this machine "
                            "may unpack; unpack it yourself",
                            where=path,
                        )
                    target.write(block)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, RuntimeError, NotImplementedError, ValueError) as error:
        raise StorageError(f"is damaged, or no archive that can be read ({error})", where=path) from error
    return every


def _members(path: Path) -> Iterator[tuple[str, Callable[[], IO[bytes]]]]:
    """Yield the name of each file of an archive, and a function that opens it before the next one is asked for."""
    if path.name.lower().endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if not member.is_dir():
                    yield member.filename, functools.partial(archive.open, member)
        return
    with tarfile.open(path) as tar:
        for entry in tar:
            if entry.isfile():
                yield entry.name.removeprefix("./"), functools.partial(_open_entry, tar, entry)


def _open_entry(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> IO[bytes]:
    """Open a file of a tar."""
    stream = tar.extractfile(entry)
    assert stream is not None  # only entries that are not files have none
    return stream


def _is_plain(name: str) -> bool:
    """Return whether a name of an archive stays inside its folder."""
    return "\0" not in name and "\\" not in name and not name.startswith("/") and ".." not in PurePosixPath(name).parts
