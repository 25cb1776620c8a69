"""The readers of shards that a process keeps open, over all splits and datasets."""

import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable
from itertools import count
from typing import TypeVar

from fgbg_data.errors import ShortageError
from fgbg_data.shards import ShardReader

MAX_OPEN = 64
"""Readers that a process keeps open; the least recently used one is closed first."""

T = TypeVar("T")
_numbers = count()


class OpenReaders:
    """Keeps readers open, and closes them when they are too many or the system has no descriptors left.

    A reader that is dropped here lives on while a thread still reads from it. Forked processes begin with none.
    """

    def __init__(self) -> None:
        self._reset()

    def owner(self, owner: object) -> int:
        """Return a number for an object that opens shards; its readers are dropped with it."""
        number = next(_numbers)
        weakref.finalize(owner, self.forget, number).atexit = False
        return number

    def get(self, owner: int, shard: int) -> ShardReader | None:
        """Return the open reader of a shard, or None."""
        self._after_fork()
        with self._lock:
            found = self._readers.get((owner, shard))
            if found is not None:
                self._readers.move_to_end((owner, shard))
            return found

    def add(self, owner: int, shard: int, reader: ShardReader) -> None:
        """Keep a reader open."""
        self._after_fork()
        with self._lock:
            self._readers[owner, shard] = reader
            while len(self._readers) > MAX_OPEN:
                self._readers.popitem(last=False)

    def forget(self, owner: int) -> None:
        """Drop the readers of one owner."""
        if self._pid == os.getpid():
            for key in [key for key in list(self._readers) if key[0] == owner]:
                self._readers.pop(key, None)

    def with_descriptors(self, work: Callable[[], T]) -> T:
        """Run a function that opens files; when descriptors run out, drop half of the readers and try again.

        Raises:
            ShortageError: all readers are dropped, and there is still no descriptor.
        """
        while True:
            try:
                return work()
            except ShortageError:
                if not self._drop_half():
                    raise

    def _drop_half(self) -> bool:
        """Drop half of the readers, the least recently used ones; return whether there were any."""
        self._after_fork()
        with self._lock:
            number = (len(self._readers) + 1) // 2
            for _ in range(number):
                self._readers.popitem(last=False)
        return number > 0

    def _reset(self) -> None:
        self._readers: OrderedDict[tuple[int, int], ShardReader] = OrderedDict()
        self._lock = threading.Lock()
        self._pid = os.getpid()

    def _after_fork(self) -> None:
        """In a forked child, drop open files, and the lock, which a thread of the parent may have held."""
        if self._pid != os.getpid():
            self._reset()


OPEN_READERS = OpenReaders()
"""The readers of this process."""
