"""Files that are written whole or not at all, their digests, and the free space of a disk."""

import contextlib
import errno
import hashlib
import os
import re
import shutil
import uuid
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from fgbg_data.errors import StorageError

PARTIAL = ".partial"
"""The end of the name of a file that is still being written."""
LACKING = {errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL, errno.ENOTTY, 524}
"""Error numbers by which a file system says that it does not have a call; 524 is ENOTSUPP, which Linux lets through."""
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextlib.contextmanager
def write_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; at the end, the file that was written there replaces `path`.

    The file is synced first. So `path` is whole at any time, even after a kill or a power cut: it is the old file or
    the new one. An exception in the context removes the temporary file.

    Raises:
        StorageError: the disk is full, or the file cannot be written.
    """
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex[:12]}{PARTIAL}")
    try:
        with writing_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            _sync(temporary)
            _replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):  # it does not exist, or its parent is not a folder
            temporary.unlink()
        raise
    _sync_folder(path.parent)


@contextlib.contextmanager
def writing_errors(path: Path) -> Iterator[None]:
    """Raise errors of the file system as one StorageError that says what to do.

    Args:
        path: the file or folder that is written.
    """
    try:
        yield
    except Exception as error:
        if is_full(error):
            raise StorageError(
                "no space left to write it. Finished files are whole; free some space, and run the same command to "
                "go on",
                where=path,
            ) from error
        if isinstance(error, OSError) and not isinstance(error, StorageError):
            raise StorageError(
                f"cannot be written ({error.strerror or error}). Finished files are whole; fix that, and run the "
                "same command to go on",
                where=path,
            ) from error
        raise


def write_text(path: Path, text: str) -> None:
    """Write a small UTF-8 file, whole or not at all."""
    with write_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


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


def clear_partials(folder: Path) -> int:
    """Remove the half-written files that a killed process left in a folder; return their number."""
    dead = list(folder.rglob(f"*{PARTIAL}"))
    for path in dead:
        with contextlib.suppress(OSError):  # it is gone, or it stays and does no harm
            path.unlink()
    return len(dead)


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file, as `sha256sum` prints it."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


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
