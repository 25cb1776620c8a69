"""The life of a worker process: it leaves Ctrl-C to its parent, and it ends when its parent ends."""

import gc
import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from pathlib import Path
from types import FrameType
from typing import Any, Self

from fgbg_data.registry import Rows, register_rows
from fgbg_data.runtime.locks import hold_as_worker
from fgbg_data.runtime.malloc import keep_freed_memory

# --- in the parent ----------------------------------------------------------------------------------------


class InterruptGuard:
    """Answers Ctrl-C by killing the workers that were started in its context. A second Ctrl-C stops at once.

    A KeyboardInterrupt in the middle of joblib would leave its threads waiting for each other, but joblib can deal with
    a worker that dies. The guard does nothing where Ctrl-C is ignored, as in the background of a shell, or outside of
    the main thread, where it cannot be caught.
    """

    def __init__(self) -> None:
        self.received = False
        """Whether Ctrl-C was pressed."""
        self._starting = False
        self._others = multiprocessing.active_children()
        in_main = threading.current_thread() is threading.main_thread()
        self._catches = in_main and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN

    def __enter__(self) -> Self:
        if self._catches:
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        if self._catches:
            signal.signal(signal.SIGINT, self._before)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Block SIGINT while workers start. They inherit that, so that Ctrl-C in a terminal reaches only the parent."""
        resource_tracker.ensure_running()  # the first worker would start it, and unblock SIGINT again
        self._starting = True
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            yield
        finally:
            self._starting = False
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            if self.received:
                self._kill_workers()

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        if self.received:
            raise KeyboardInterrupt
        self.received = True
        if not self._starting:
            self._kill_workers()

    def _kill_workers(self) -> None:
        for child in multiprocessing.active_children():
            if child not in self._others:
                child.terminate()


# --- in the worker ----------------------------------------------------------------------------------------

_do: Callable[[Any, int], Any] | None = None


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


def become_worker(work: Any, folder: Path | None, parent: int, rows: Rows) -> None:
    """Make this process a worker.

    Args:
        work: a `Work`.
        folder: folder that the worker writes to, and holds while it lives; None if it writes nothing.
        parent: id of the process that started this one.
        rows: what the parent registered of formats and estimators.
    """
    import cv2

    global _do
    _die_with_parent(parent)
    register_rows(rows)
    keep_freed_memory()
    cv2.setNumThreads(1)  # workers are the parallelism
    if folder is not None:
        hold_as_worker(folder)
    _do = work.open()
    gc.freeze()  # what is imported and open now stays for life, so garbage collection can skip it


def do_task(task: Any, number: int) -> tuple[Any, list[str]]:
    """Do one task in this worker; return the result, and the texts of warnings for the parent to show."""
    if _do is None:  # joblib starts every worker by `become_worker`
        raise RuntimeError("the worker was not started")
    with warnings.catch_warnings(record=True) as caught:
        result = _do(task, number)
    return result, [str(each.message) for each in caught]


def _die_with_parent(parent: int) -> None:
    """Let the kernel kill this process when its parent ends, however that happens.

    Without this, loky's workers outlive a parent that is killed, and go on with queued tasks. macOS has no
    PR_SET_PDEATHSIG, so a thread looks for the parent once a second there.
    """
    if sys.platform == "linux":
        import ctypes

        set_pdeathsig = 1
        ctypes.CDLL(None, use_errno=True).prctl(set_pdeathsig, signal.SIGKILL)
    else:
        import time

        def watch() -> None:
            while os.getppid() == parent:
                time.sleep(1)
            os._exit(1)

        threading.Thread(target=watch, daemon=True).start()
    if os.getppid() != parent:  # the parent ended before the kernel was asked
        os._exit(1)
