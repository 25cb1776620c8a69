"""Files behind URLs, by fsspec: each is read in ranges, put whole, listed or removed, and short failures are retried.

What an object store has to promise for a dataset to be written into it: a file that is put appears whole or not at all,
and a listing shows it from then on. `WHOLE_PUT` names the kinds of store that promise this.
"""

import contextlib
import errno
import os
import random
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeVar

from fgbg_data.errors import StorageError

T = TypeVar("T")

WHOLE_PUT = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oss", "memory"}
"""Schemes of the stores into which a dataset may be written, because a file appears there whole or not at all."""
PATIENCE_S = 60.0
"""Seconds for which a request is tried again while its store fails or does not answer."""
CONTACT_S = 10.0
"""The same before a store has answered this process once, so that a wrong address is reported soon."""
_EXTRAS = {"s3fs": "s3"}
"""Package that fsspec asks for -> the extra of this package that brings it."""
_FINAL = (FileNotFoundError, PermissionError, FileExistsError, IsADirectoryError, NotADirectoryError)
"""Errors after which a second try cannot succeed."""
_FINAL_NUMBERS = {errno.EINVAL, errno.EPERM, errno.ENAMETOOLONG, errno.ENOSYS, errno.EMSGSIZE}
"""Numbers of other errors of the kind OSError after which a second try cannot succeed."""
_FINAL_NAMES = ("Credential", "Profile", "Auth", "Token", "Validation", "Region", "InvalidS3")
"""Parts of the names of errors that are no OSError, and after which a second try cannot succeed."""
_answered: set[str] = set()
"""Schemes and hosts of the stores that have answered this process."""


class RemoteFile(NamedTuple):
    """A file as a listing describes it."""

    size: int
    """Size in bytes."""
    tag: str
    """What changes with its content: the ETag, checksum or time of change that the store gives."""


class RemoteBytes:
    """The bytes of a remote file; each slice is one range request.

    Args:
        url: URL of the file.

    Raises:
        OSError: it cannot be reached.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        found = size(url)
        if found is None:
            raise FileNotFoundError(errno.ENOENT, "there is no such file")
        self._size = found

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice, /) -> bytes:
        start, stop, _ = part.indices(self._size)
        return read(self._url, start, stop) if stop > start else b""


def scheme(url: str) -> str:
    """Return the scheme of a URL.

    >>> scheme("s3://bucket/shards")
    's3'
    """
    return url.partition("://")[0]


def is_in_memory(location: Path | str) -> bool:
    """Return whether a location is in the memory of this process, which no other process sees."""
    return isinstance(location, str) and scheme(location) == "memory"


def check_target(url: str) -> None:
    """Check that a dataset may be written below a URL; nothing is written and nobody is asked.

    Raises:
        StorageError: its scheme is unknown, needs a package that is missing, or cannot take whole files.
    """
    if scheme(url) == "hf":
        raise StorageError("cannot be written to. Build into a folder, and upload it by `fgbg-data push`", where=url)
    _filesystem(url)
    if scheme(url) not in WHOLE_PUT:
        raise StorageError(
            f"cannot be written to, because {scheme(url)}:// does not promise that a file appears whole. Use a local "
            "folder, or a store such as s3://, gs:// or az://",
            where=url,
        )


def check_writable(url: str) -> None:
    """Put a small file below a URL and remove it, so that a missing permission is reported before there is any work.

    Raises:
        StorageError: the store does not answer, or does not let this user write there.
    """
    check_target(url)
    probe = f"{url}/.write-test-{os.urandom(6).hex()}"

    def put_and_remove(fs: Any, path: str) -> None:
        fs.pipe_file(path, b"written to find out whether this is permitted")
        fs.rm_file(path)

    try:
        _try(probe, put_and_remove)
    except OSError as error:
        raise StorageError(f"cannot be written ({reason(error)})", where=url) from error


def check_listable(url: str) -> None:
    """List a folder behind a URL once; one that does not exist is empty.

    Raises:
        StorageError: the store does not answer, or does not let this user list it.
    """
    try:
        names(url)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StorageError(f"cannot be listed ({reason(error)})", where=url) from error


def be_patient_with(location: "Path | str") -> None:
    """Take a store as one that has answered, because another process has reached it; a path is no store."""
    if isinstance(location, str):
        _answered.add(_host(location))


def names(url: str) -> dict[str, int | None]:
    """Return the names in a folder, with their sizes in bytes; a folder has the size None.

    Raises:
        OSError: there is no such folder, or it cannot be listed. An empty folder of an object store does not exist.
    """

    def found(fs: Any, path: str) -> dict[str, int | None]:
        inside = {
            info["name"].rstrip("/"): None if info["type"] == "directory" else info["size"]
            for info in fs.ls(path, detail=True)
        }
        own = path.strip("/")  # some tools put an empty object under the name of the folder
        return {name.rpartition("/")[2]: size for name, size in inside.items() if name.strip("/") != own}

    return _try(url, found)


def files_below(url: str) -> dict[str, RemoteFile]:
    """Return all files in a folder and its subfolders: path relative to the folder -> what the listing says of it.

    Raises:
        OSError: it cannot be listed. A folder that does not exist is empty.
    """

    def found(fs: Any, path: str) -> dict[str, RemoteFile]:
        start = len(path.rstrip("/")) + 1
        return {
            name[start:]: RemoteFile(int(info["size"]), _tag(info))
            for name, info in fs.find(path, detail=True).items()
            if len(name) > start and not name.endswith("/")
        }

    return _try(url, found)


def size(url: str) -> int | None:
    """Return the size of a file in bytes, or None if there is no such file.

    Raises:
        OSError: the store fails.
    """
    try:
        info = _try(url, lambda fs, path: fs.info(path))
    except FileNotFoundError:
        return None
    return None if info["type"] == "directory" else int(info["size"])


def read(url: str, start: int | None = None, stop: int | None = None) -> bytes:
    """Return the bytes of a file from `start` up to `stop`, or all of them.

    Raises:
        OSError: it cannot be read.
    """
    data: bytes = _try(url, lambda fs, path: fs.cat_file(path, start=start, end=stop))
    return data


def open_stream(url: str) -> BinaryIO:
    """Open a file to read it from start to end.

    Raises:
        OSError: it cannot be opened.
    """
    stream: BinaryIO = _try(url, lambda fs, path: fs.open(path, "rb"))
    return stream


def fetch(url: str, path: Path) -> None:
    """Copy a file to this machine.

    Raises:
        OSError: it cannot be read, or cannot be written here.
    """
    _try(url, lambda fs, remote: fs.get_file(remote, str(path)))


def put(path: Path, url: str) -> None:
    """Copy a file of this machine to a URL, where it appears whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    _try(url, lambda fs, remote: fs.put_file(str(path), remote))


def remove(url: str) -> None:
    """Remove a file; a missing one is no error.

    Raises:
        OSError: it cannot be removed.
    """
    with contextlib.suppress(FileNotFoundError):
        _try(url, lambda fs, path: fs.rm_file(path))


def reason(error: BaseException) -> str:
    """Return what went wrong in a few words and on one line, for the text of an error."""
    text = str(getattr(error, "strerror", None) or error)
    answer = getattr(error.__cause__, "response", None)  # of S3, where many servers send a code without a message
    code = str(answer.get("Error", {}).get("Code", "")) if isinstance(answer, dict) else ""
    text = " ".join(text.split()).rstrip(".")
    parts = [part for part in (code, "" if text == "None" else text) if part]
    return ": ".join(dict.fromkeys(parts)) or type(error).__name__


def _try(url: str, do: Callable[[Any, str], T]) -> T:
    """Return what `do` gives for the filesystem and path of a URL; try again, ever later, while the store fails.

    Raises:
        OSError: the failure is final, or lasts.
        StorageError: the scheme cannot be used.
    """
    started, waits, host = time.monotonic(), 0.25, _host(url)
    while True:
        fs, path = _filesystem(url)
        try:
            answer = do(fs, path)
            _answered.add(host)
            return answer
        except Exception as error:
            if _is_final(error):
                _answered.add(host)
                if isinstance(error, OSError):
                    raise
                raise OSError(errno.EIO, reason(error)) from error
            failing_s = time.monotonic() - started
            if failing_s + waits > (PATIENCE_S if host in _answered else CONTACT_S):
                raise OSError(errno.EIO, f"{reason(error)}; tried again for {failing_s:.0f} s") from error
            warnings.warn(
                f"{host} fails or does not answer ({reason(error)}); requests are tried again",
                stacklevel=4,
            )
        time.sleep(waits * random.uniform(0.7, 1.3))  # so that many workers do not come back all at once
        waits = min(2 * waits, 10.0)


def _is_final(error: Exception) -> bool:
    """Return whether a second try cannot help."""
    if isinstance(error, OSError):
        return isinstance(error, _FINAL) or error.errno in _FINAL_NUMBERS
    if isinstance(error, ImportError | ValueError | TypeError | AttributeError | NotImplementedError):
        return True
    return any(part in kind.__name__ for kind in type(error).__mro__ for part in _FINAL_NAMES)


def _host(url: str) -> str:
    """Return scheme and bucket, or host, of a URL."""
    return "/".join(url.split("/", 3)[:3])


def _tag(info: dict[str, Any]) -> str:
    """Return what a listing says of the content of a file; the names differ between stores."""
    for name in ("ETag", "etag", "md5Hash", "content_md5", "LastModified", "last_modified", "mtime", "updated"):
        if info.get(name):
            return str(info[name]).strip('"')
    return str(info.get("created", ""))


def _filesystem(url: str) -> tuple[Any, str]:
    """Return fsspec's filesystem and path of a URL.

    fsspec keeps one filesystem for each process. Listings are not kept, because other machines write too.

    Raises:
        StorageError: the scheme is unknown, or its package is missing or not set up.
    """
    try:
        from fsspec.core import url_to_fs

        found: tuple[Any, str] = url_to_fs(url, use_listings_cache=False)
    except ImportError as error:
        raise StorageError(f"cannot be opened: {_to_install(url, error)}", where=url) from error
    except ValueError as error:
        raise StorageError(f"cannot be opened ({reason(error)})", where=url) from error
    return found


def _to_install(url: str, error: ImportError) -> str:
    """Return which package a scheme needs, and the command that installs it."""
    from fsspec.registry import known_implementations

    about: Any = known_implementations.get(scheme(url), {})
    package = str(about.get("class", error.name or "")).partition(".")[0]
    extra = _EXTRAS.get(package)
    command = f'pip install "fgbg[{extra}]"' if extra else f"pip install {package}"
    return f"{scheme(url)}:// needs the package {package}. Install it with `{command}`"
