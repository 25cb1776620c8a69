"""Files that are written whole or not at all, their digests, and the free space of a disk."""

import contextlib
import errno
import hashlib
import os
import re
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from fgbg_data.errors import StorageError
from fgbg_data.runtime import remote
from fgbg_data.runtime.locations import LACKING, Location, open_stream, parent, size
from fgbg_data.text import short_name

PARTIAL = ".partial"
"""The end of the name of a file that is still being written."""
owner = uuid.uuid4().hex[:8]
"""Stands in the names of the half-written files of this process; workers take it over from the process that started
them, so that each build knows its own."""
MAX_NAME_BYTES = 255
"""Longest name of a file in bytes, as nearly all file systems have it."""
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextlib.contextmanager
def write_whole(location: Location, scratch: Path | None = None) -> Iterator[Path]:
    """Yield the path of a temporary file; at the end, what was written there replaces the file at `location`.

    The temporary file lies beside the file, and is synced first. So the file is whole at any time, even after a kill or
    a power cut: it is the old one or the new one. For a URL the temporary file lies on this machine and is put at the
    end, in one piece. An exception in the context removes the temporary file.

    Args:
        location: path or URL of the file.
        scratch: folder for the temporary file of a URL; by default a new one, which is removed at the end.

    Raises:
        StorageError: the disk is full, or the file cannot be written.
    """
    if scratch is None and not isinstance(location, Path):
        with tempfile.TemporaryDirectory(prefix="fgbg-") as made, write_whole(location, Path(made)) as temporary:
            yield temporary
        return
    folder, name = parent(location)
    beside = folder if isinstance(folder, Path) else scratch or Path()
    temporary = beside / _partial(name)
    try:
        with writing_errors(location):
            beside.mkdir(parents=True, exist_ok=True)
            yield temporary
            if isinstance(location, Path):
                _sync(temporary)
                _replace(temporary, location)
            else:
                remote.put(temporary, location)
                temporary.unlink()
    except BaseException:
        with contextlib.suppress(OSError):  # it does not exist, or its parent is not a folder
            temporary.unlink()
        raise
    if isinstance(location, Path):
        _sync_folder(location.parent)


@contextlib.contextmanager
def writing_errors(location: Location) -> Iterator[None]:
    """Raise errors of the file system or store as one StorageError that says what to do.

    Args:
        location: the file or folder that is written.
    """
    try:
        yield
    except Exception as error:
        if is_full(error):
            raise StorageError(
                "no space left to write it. Finished files are whole; free some space, and run the same command to "
                "go on",
                where=location,
            ) from error
        if isinstance(error, OSError) and not isinstance(error, StorageError):
            raise StorageError(
                f"cannot be written ({remote.reason(error)}). Finished files are whole; fix that, and run the "
                "same command to go on",
                where=location,
            ) from error
        raise


def take_owner(name: str) -> None:
    """Let the half-written files of this process belong to another one, which started it."""
    global owner
    owner = name


def _partial(name: str) -> str:
    """Return a new name for a file that is still being written."""
    ending = f".{owner}-{uuid.uuid4().hex[:12]}{PARTIAL}"
    return short_name(name, MAX_NAME_BYTES - len(ending)) + ending


def write_text(location: Location, text: str) -> None:
    """Write a small UTF-8 file, whole or not at all; see `write_whole`."""
    with write_whole(location) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_new_text(location: Location, text: str) -> bool:
    """Write a small UTF-8 file if there is none; return whether it was written.

    Of several processes that do this at once in one folder, one succeeds. On a file system without hard links, and
    behind a URL, several of them may succeed; the text of the last one stays.

    Raises:
        StorageError: it cannot be written.
    """
    if size(location) is not None:
        return False
    if isinstance(location, Path):
        temporary = location.with_name(_partial(location.name))
        try:
            write_text(temporary, text)
            os.link(temporary, location)
            return True
        except FileExistsError:
            return False
        except StorageError:
            raise
        except OSError:
            pass  # the file system has no hard links
        finally:
            temporary.unlink(missing_ok=True)
    write_text(location, text)
    return True


def move_up(folder: Path, names: Iterable[str], url: str) -> None:
    """Move files of this machine to a URL.

    Args:
        folder: the folder that holds them.
        names: their paths relative to it, with `/`.
        url: URL of the folder that they go to.

    Raises:
        OSError: one of them cannot be put there.
    """
    for name in names:
        remote.put(folder / name, f"{url}/{name}")
        (folder / name).unlink()


def is_full(error: BaseException | None) -> bool:
    """Return whether an error, or one that caused it, reports that the disk is full."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        number = re.search(r"errno = (\d+)", str(error))  # h5py gives the number only in the text
        if number and int(number[1]) in _FULL:
            return True
        error = error.__cause__ or error.__context__
    return False


def clear_partials(folder: Path, of: str | None = None) -> int:
    """Remove half-written files in a folder; return their number.

    Args:
        folder: it is searched with its subfolders.
        of: the `owner` whose files are removed; None removes those of all, which are dead if nobody else writes there.
    """
    dead = list(folder.rglob(f"*{PARTIAL}" if of is None else f"*.{of}-*{PARTIAL}"))
    for path in dead:
        with contextlib.suppress(OSError):  # it is gone, or it stays and does no harm
            path.unlink()
    return len(dead)


def fetch(url: str, path: Path) -> None:
    """Copy a remote file to this machine, whole or not at all.

    Raises:
        StorageError: it cannot be copied.
    """
    with write_whole(path) as temporary:
        try:
            remote.fetch(url, temporary)
        except OSError as error:
            raise StorageError(f"cannot be copied to this machine ({remote.reason(error)})", where=url) from error


@contextlib.contextmanager
def local_copy(url: str) -> Iterator[Path]:
    """Yield a copy of a remote file on this machine, under its own name; it is removed at the end.

    Raises:
        StorageError: it cannot be copied.
    """
    with tempfile.TemporaryDirectory(prefix="fgbg-") as folder:
        path = Path(folder) / parent(url)[1]
        fetch(url, path)
        yield path


def file_sha256(location: Location) -> str:
    """Return the sha256 of a file, as `sha256sum` prints it."""
    with open_stream(location) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]  # it has `readinto`


def joined_sha256(digests: Sequence[str]) -> str:
    """Return one sha256 for several files: that of their digests, one a line; of a single file its own digest."""
    if len(digests) == 1:
        return digests[0]
    return hashlib.sha256("".join(f"{digest}\n" for digest in digests).encode()).hexdigest()


def free_bytes(folder: Path) -> int:
    """Return the free space of the disk that holds `folder`, or will hold it."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _sync(path: Path) -> None:
    """Bring a file onto the disk before it gets its name, if the file system can do that."""
    with path.open("rb+") as stream:
        try:
            os.fsync(stream.fileno())
        except OSError as error:
            if error.errno not in LACKING:
                raise
            _warn(f"cannot sync files ({error.strerror}), so a power cut may leave a damaged one")


def _replace(temporary: Path, path: Path) -> None:
    """Give a file its name, in one step if the file system can do that, else in two."""
    try:
        os.replace(temporary, path)
        return
    except OSError as error:
        if error.errno not in LACKING | {errno.EEXIST, errno.EPERM, errno.ETXTBSY, errno.EXDEV}:
            raise
        problem = error
    if path.is_dir():
        raise problem
    try:
        path.unlink(missing_ok=True)
        os.rename(temporary, path)
    except OSError as error:
        if error.errno not in LACKING | {errno.EPERM, errno.EXDEV}:
            raise
        shutil.copyfile(temporary, path)
        _sync(path)
        temporary.unlink()
    _warn(f"cannot replace files in one step ({problem.strerror}), so a kill may leave a file missing or cut off")


def _warn(problem: str) -> None:
    """Warn that a guarantee is lost. The text names no file, because the same text is shown only once."""
    warnings.warn(f"the file system of the output {problem}", stacklevel=5)


def _sync_folder(folder: Path) -> None:
    """Make a rename last through a power cut, if the system lets a folder be synced."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
