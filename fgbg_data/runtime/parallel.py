"""Shards in parallel: worker processes that die with their parent, and one error where one is killed."""

import gc
import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import resource_tracker
from pathlib import Path
from types import FrameType
from typing import Any, Protocol, Self, TypeVar

from fgbg_data.errors import BuildError, option
from fgbg_data.registry import Rows, register_rows, registered_rows
from fgbg_data.runtime.files import clear_partials
from fgbg_data.runtime.locks import hold_as_worker
from fgbg_data.runtime.malloc import keep_freed_memory

Task = TypeVar("Task")
Result = TypeVar("Result")
TaskIn = TypeVar("TaskIn", contravariant=True)
ResultOut = TypeVar("ResultOut", covariant=True)


class Work(Protocol[TaskIn, ResultOut]):
    """What workers do; picklable."""

    def open(self) -> Callable[[TaskIn, int], ResultOut]:
        """Get ready, once a process; return the function of a task and of the slot where it counts samples."""
        ...


def num_cores() -> int:
    """Return how many cores this process may use."""
    import joblib

    return int(joblib.cpu_count())


def num_jobs(jobs: int, tasks: int) -> int:
    """Return how many workers to run: `jobs`, one a core where that is 0, and never more than tasks."""
    return max(1, min(jobs or num_cores(), tasks))


def in_parallel(work: Work[Task, Result], todo: Sequence[Task], jobs: int, out: Path) -> Iterator[Result]:
    """Yield the results of tasks as they are finished; whatever happens, no worker is left behind.

    Args:
        work: what is done.
        todo: tasks.
        jobs: processes; 1 is this one.
        out: folder that the workers write to, and hold while they live.

    Raises:
        FgbgError: as a worker raised it.
        BuildError: a worker was killed.
    """
    if jobs == 1:
        import cv2

        cv2.setNumThreads(1)
        do = work.open()
        for slot, task in enumerate(todo):
            yield do(task, slot)
        return
    from joblib import Parallel, delayed
    from joblib.externals.loky import get_reusable_executor
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    parallel = Parallel(
        n_jobs=jobs,
        backend="loky",
        batch_size=1,
        return_as="generator_unordered",
        initializer=_start,
        initargs=(work, out, os.getpid(), registered_rows()),
    )
    with _CtrlC() as ctrl_c:
        try:
            with ctrl_c.held():
                results = parallel(delayed(_run)(task, slot) for slot, task in enumerate(todo))
            for result, said in results:
                for warning in said:
                    warnings.warn(warning, stacklevel=2)
                yield result
        except TerminatedWorkerError as error:
            if ctrl_c.received:
                raise KeyboardInterrupt from None
            raise BuildError(
                f"{out}: a worker was killed, most likely for want of memory. Finished shards are whole; run "
                f"the same command to go on, with fewer {option('jobs')} if it happens again"
            ) from error
        finally:
            get_reusable_executor(reuse=True).shutdown(wait=True, kill_workers=True)
            clear_partials(out)  # of workers that were stopped in the middle


class _CtrlC:
    """Answers Ctrl-C by killing the workers started in its context, which ends their work; a second one stops at once.

    A KeyboardInterrupt that comes in the middle of joblib leaves its threads waiting for each other; a worker that dies
    is what it is made for. Where Ctrl-C is ignored, as in a shell's background, and outside the main thread, where it
    cannot be caught, it does nothing.
    """

    def __init__(self) -> None:
        self.received = False
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
        """Hold Ctrl-C back while workers start, who inherit that for life: a terminal sends it to them too."""
        resource_tracker.ensure_running()  # started later, by the first worker, it would let Ctrl-C through again
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


# --- life of a worker process -----------------------------------------------------------------------------

_do: Callable[[Any, int], Any] | None = None


def _start(work: Work[Any, Any], out: Path, parent: int, rows: Rows) -> None:
    """Make this process a worker: it dies with its parent."""
    import cv2

    global _do
    _die_with_parent(parent)
    register_rows(rows)
    keep_freed_memory()
    cv2.setNumThreads(1)  # workers are the parallelism
    hold_as_worker(out)
    _do = work.open()
    gc.freeze()  # what is imported and open stays for life: it need not be looked through for garbage


def _run(task: Any, slot: int) -> tuple[Any, list[str]]:
    """Do one task in the worker that `_start` made of this process; return its warnings too, for the parent to show."""
    if _do is None:  # joblib starts every worker by `_start`
        raise RuntimeError("the worker was not started")
    with warnings.catch_warnings(record=True) as caught:
        result = _do(task, slot)
    return result, [str(each.message) for each in caught]


def _die_with_parent(parent: int) -> None:
    """Let the kernel kill this process when its parent ends, however that happens.

    loky's workers outlive a parent that is killed, and go on with queued tasks. Where there is no
    PR_SET_PDEATHSIG (macOS), a thread looks for the parent once a second.
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
    if os.getppid() != parent:  # it ended before the kernel was asked
        os._exit(1)
