"""The life of a worker process: it leaves signals to its parent, and it ends when its parent ends."""

import gc
import os
import pickle
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from fgbg_data.errors import FgbgWarning
from fgbg_data.registry import Rows, register_rows
from fgbg_data.runtime.files import take_owner
from fgbg_data.runtime.locks import hold_as_worker
from fgbg_data.runtime.malloc import keep_freed_memory
from fgbg_data.runtime.tally import Tally

SAY_EVERY_S = 0.1
"""Seconds between two reports of counts."""


@dataclass(frozen=True, kw_only=True)
class Setup:
    """The first message that a worker gets."""

    path: list[str]
    """Folders in which its parent finds modules. It searches them after those of Python itself."""
    parent: int
    """Id of the process that started it."""
    folder: Path | None
    """Folder that it writes to, and holds while it lives; None if it writes nothing."""
    owner: str
    """Whose its half-written files are; see `fgbg_data.runtime.files`."""
    work: bytes
    """A pickled pair: the rows that the parent registered (formats, estimators and fields), and a `Work`."""


@contextmanager
def one_opencv_thread() -> Iterator[None]:
    """Let OpenCV use one thread in the context, as it does in every worker."""
    import cv2

    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def serve(descriptor: int) -> None:
    """Make this process a worker: do one task after another, until the parent closes the socket.

    Args:
        descriptor: number of the socket to the parent.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # the parent answers them, and ends its workers
        signal.signal(number, signal.SIG_IGN)
    for stream in (sys.stdout, sys.stderr):  # both are a pipe to the parent
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    connection: Connection[Any, Any] = Connection(descriptor)

    def say(kind: str, value: Any = None) -> None:
        connection.send_bytes(_pickled((kind, value)))

    try:
        say("hello")
        counts = Counts(say)
        do = _begin(pickle.loads(connection.recv_bytes()), counts)
        say("ready")
        while True:
            number, task = pickle.loads(connection.recv_bytes())
            with warnings.catch_warnings(record=True) as caught:
                result = do(task, number)
            counts.flush()
            say("result", (number, result, [warning_for_parent(each.message) for each in caught]))
    except (EOFError, BrokenPipeError):  # the parent closed the socket
        os._exit(0)
    except BaseException as error:
        say("error", Failure.of(error))
        os._exit(0)


class Counts:
    """Counts of this worker that its parent does not know yet.

    Args:
        say: sends a message to the parent.
    """

    def __init__(self, say: Callable[[str, Any], None]) -> None:
        self._say = say
        self._new: dict[int, tuple[int, float]] = {}
        self._said = 0.0

    def add(self, slot: int, samples: int, estimating_s: float) -> None:
        """Take a count, and report all of them if the last report is old enough."""
        self._new[slot] = samples, estimating_s
        if time.monotonic() - self._said > SAY_EVERY_S:
            self.flush()

    def flush(self) -> None:
        """Report the counts that are not reported yet."""
        if self._new:
            self._say("counts", self._new)
        self._new, self._said = {}, time.monotonic()


@dataclass(frozen=True)
class Failure:
    """An error of a worker, on its way to the parent."""

    pickled: bytes | None
    """The error, or None if it cannot be pickled."""
    text: str
    """Its traceback."""

    @classmethod
    def of(cls, error: BaseException) -> "Failure":
        """Return an error as a failure, with its traceback."""
        text = "".join(traceback.format_exception(error))
        try:
            pickled = _pickled(error)
            pickle.loads(pickled)
        except Exception:
            return cls(None, text)
        return cls(pickled, text)

    def error(self) -> BaseException:
        """Return the error, with the traceback of the worker as its cause."""
        error: BaseException
        try:
            error = RuntimeError(self.text) if self.pickled is None else pickle.loads(self.pickled)
        except Exception:
            error = RuntimeError(self.text)
        error.__cause__ = _InWorker(self.text)
        return error


class _InWorker(Exception):
    """Shows the traceback of a worker above that of its parent."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def _begin(setup: Setup, counts: Counts) -> Callable[[Any, int], Any]:
    """Get ready for tasks; return the function that does one."""
    _die_with_parent(setup.parent)
    take_owner(setup.owner)
    if setup.folder is not None:
        hold_as_worker(setup.folder)
    Tally.elsewhere = counts.add
    do = open_work(setup.path, setup.work)
    gc.freeze()  # what is imported and open now stays for life, so garbage collection can skip it
    return do


def open_work(path: list[str], pickled: bytes) -> Callable[[Any, int], Any]:
    """Open the work that another process sent; return the function that does one task.

    Args:
        path: folders in which that process finds modules. They are searched after those of Python itself.
        pickled: a pickled pair: the rows that it registered (formats, estimators and fields), and a `Work`.
    """
    import cv2

    sys.path += [folder for folder in path if folder not in sys.path]
    rows: Rows
    rows, work = pickle.loads(pickled)
    register_rows(rows)
    keep_freed_memory()
    cv2.setNumThreads(1)  # workers are the parallelism
    do: Callable[[Any, int], Any] = work.open()
    return do


def warning_for_parent(message: Warning | str) -> Warning | str:
    """Return a warning for the parent; for classes of others the text, because they need not be picklable."""
    return message if isinstance(message, FgbgWarning) else str(message)


def _pickled(value: Any) -> bytes:
    """Return a value as bytes; functions and classes of a script or notebook go with it."""
    try:
        return pickle.dumps(value, protocol=5)
    except Exception:
        import cloudpickle

        data: bytes = cloudpickle.dumps(value)
        return data


def _die_with_parent(parent: int) -> None:
    """Let the kernel kill this process when its parent ends, however that happens.

    Otherwise a worker whose parent is killed would first finish its task. macOS has no PR_SET_PDEATHSIG, so a thread
    looks for the parent once a second there.
    """
    if sys.platform == "linux":
        import ctypes

        set_pdeathsig = 1
        ctypes.CDLL(None, use_errno=True).prctl(set_pdeathsig, signal.SIGKILL)
    else:

        def watch() -> None:
            while os.getppid() == parent:
                time.sleep(1)
            os._exit(1)

        threading.Thread(target=watch, daemon=True).start()
    if os.getppid() != parent:  # the parent ended before the kernel was asked
        os._exit(1)
