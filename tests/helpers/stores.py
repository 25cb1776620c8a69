"""Stores for tests: fsspec's memory, and a variant of it whose requests fail at random."""

import errno
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import fsspec
from fsspec.implementations.memory import MemoryFileSystem

from fgbg_data.dataset.file_names import NOT_DATA
from fgbg_data.runtime import remote


@contextmanager
def memory_store() -> Iterator[str]:
    """Yield the URL of an empty folder in fsspec's memory."""
    fs = fsspec.filesystem("memory")
    try:
        yield "memory://bucket"
    finally:
        if fs.exists("/bucket"):
            fs.rm("/bucket", recursive=True)


class FailingFileSystem(MemoryFileSystem):
    """A store in memory that fails as a busy or restarting server does: before a request, or after it was carried out.

    The seed and the share are set by `failing_store`. Files are those of `memory://`.
    """

    protocol = "failing"
    cachable = False
    share = 0.0
    draws = random.Random(0)
    failures = 0

    @classmethod
    def _strip_protocol(cls, path: str) -> Any:
        return super()._strip_protocol(path.replace("failing://", "memory://"))

    @classmethod
    def _maybe_fail(cls) -> None:
        if cls.draws.random() < cls.share:
            cls.failures += 1
            raise OSError(errno.EBUSY, "Please reduce your request rate")

    def _asked(self, name: str, *args: Any, **kwargs: Any) -> Any:
        self._maybe_fail()
        answer = getattr(super(), name)(*args, **kwargs)
        self._maybe_fail()
        return answer

    def ls(self, *args: Any, **kwargs: Any) -> Any:
        return self._asked("ls", *args, **kwargs)

    def put_file(self, *args: Any, **kwargs: Any) -> Any:
        return self._asked("put_file", *args, **kwargs)

    def cat_file(self, *args: Any, **kwargs: Any) -> Any:
        return self._asked("cat_file", *args, **kwargs)

    def rm_file(self, *args: Any, **kwargs: Any) -> Any:
        return self._asked("rm_file", *args, **kwargs)


@contextmanager
def failing_store(share: float) -> Iterator[str]:
    """Yield the URL of an empty folder in a store whose requests fail at this rate, before and after they run."""
    fsspec.register_implementation("failing", FailingFileSystem, clobber=True)
    remote.WHOLE_PUT.add("failing")
    FailingFileSystem.share, FailingFileSystem.failures, FailingFileSystem.draws = share, 0, random.Random(1)
    try:
        with memory_store() as url:
            yield url.replace("memory", "failing")
    finally:
        FailingFileSystem.share = 0.0
        remote.WHOLE_PUT.discard("failing")


def stored(url: str) -> dict[str, bytes]:
    """Return every file of a dataset behind a URL: path relative to it -> content."""
    fs, path = fsspec.core.url_to_fs(url)
    start = len(path.rstrip("/")) + 1
    return {name[start:]: fs.cat_file(name) for name in fs.find(path) if name[start:] not in NOT_DATA}
