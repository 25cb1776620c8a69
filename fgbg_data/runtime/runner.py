"""Runners: where the tasks of a long command are done, by worker processes of this machine or by a cluster of Dask."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from fgbg_data.errors import ConfigError, option
from fgbg_data.runtime.parallel import Work, in_parallel, num_jobs
from fgbg_data.runtime.progress import ProgressReporter
from fgbg_data.runtime.tally import Tally

Task = TypeVar("Task")
Result = TypeVar("Result")


class Runner(Protocol):
    """Does tasks in parallel.

    Every result comes once, in any order. An error that a task raises comes as it was raised, and ends the run. What
    the workers count reaches the tally. When `run` ends, however that happens, no half-written file of this run is
    left, as far as its workers have ended.
    """

    on_this_machine: bool
    """Whether its workers are processes of this machine, so that they share its files, sockets and cores."""

    def num_workers(self, tasks: int) -> int:
        """Return how many workers would do this many tasks, as far as that is known now."""
        ...

    def run(
        self,
        work: Work[Task, Result],
        tasks: Sequence[Task],
        *,
        folder: Path | None,
        tally: Tally,
        shown: ProgressReporter,
        name: Callable[[Task], str] = str,
    ) -> Iterator[Result]:
        """Yield the result of every task.

        Args:
            work: what is done with a task; it is sent to every worker once.
            tasks: picklable tasks.
            folder: folder that the workers write to; None if they write nothing there.
            tally: gets what workers count.
            shown: gets messages.
            name: what errors call a task.

        Raises:
            FgbgError: as a worker raised it.
            BuildError: workers ended before their time, or cannot be reached.
        """
        ...


class ProcessRunner:
    """Does tasks in worker processes of this machine.

    Args:
        jobs: number of processes; 1 does the work in this one, 0 is one for each core.
    """

    on_this_machine = True

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs

    def num_workers(self, tasks: int) -> int:
        """Return how many workers would do this many tasks."""
        return num_jobs(self._jobs, tasks)

    def run(
        self,
        work: Work[Task, Result],
        tasks: Sequence[Task],
        *,
        folder: Path | None,
        tally: Tally,
        shown: ProgressReporter,
        name: Callable[[Task], str] = str,
    ) -> Iterator[Result]:
        """Yield the result of every task; a worker that ends before its time is an error."""
        yield from in_parallel(work, tasks, jobs=self.num_workers(len(tasks)), folder=folder, tally=tally)


@contextlib.contextmanager
def open_runner(backend: str, jobs: int, address: str = "") -> Iterator[Runner]:
    """Yield a runner; at the end, what it has started is stopped.

    Args:
        backend: `processes` or `dask`.
        jobs: number of worker processes on this machine; 0 is one for each core.
        address: address of a scheduler of Dask, or path of its file; empty starts a cluster on this machine.

    Raises:
        ConfigError: dask.distributed is not installed.
        BuildError: the scheduler does not answer, or has other versions than this program.
    """
    if backend == "processes":
        yield ProcessRunner(jobs)
        return
    try:
        from fgbg_data.runtime import dask_runner
    except ImportError as error:
        raise ConfigError(
            f"{option('backend', 'dask')}: needs dask.distributed, which is not installed: pip install 'fgbg[dask]'"
        ) from error
    with dask_runner.connect(address, jobs) as runner:
        yield runner
