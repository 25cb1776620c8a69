"""Tasks in parallel, in worker processes; a worker that is killed becomes one error."""

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from fgbg_data.errors import BuildError, option
from fgbg_data.registry import registered_rows
from fgbg_data.runtime.files import clear_partials
from fgbg_data.runtime.progress import Progress, activity, reporter
from fgbg_data.runtime.worker_process import InterruptGuard, become_worker, do_task

Task = TypeVar("Task")
Result = TypeVar("Result")
TaskIn = TypeVar("TaskIn", contravariant=True)
ResultOut = TypeVar("ResultOut", covariant=True)


class Work(Protocol[TaskIn, ResultOut]):
    """What workers do. It is pickled, and sent to every worker once."""

    def open(self) -> Callable[[TaskIn, int], ResultOut]:
        """Get ready, once in each process; return the function that does a task.

        The function takes the task and its number, which is also its slot in the `Tally`.
        """
        ...


def num_cores() -> int:
    """Return how many cores this process may use."""
    import joblib

    return int(joblib.cpu_count())


def num_jobs(jobs: int, tasks: int) -> int:
    """Return how many workers to run: `jobs`, or one for each core if that is 0, but never more than tasks."""
    return max(1, min(jobs or num_cores(), tasks))


def in_parallel(
    work: Work[Task, Result],
    tasks: Sequence[Task],
    *,
    jobs: int,
    folder: Path | None = None,
    ordered: bool = False,
) -> Iterator[Result]:
    """Yield the result of every task. Whatever happens, no worker is left behind.

    Args:
        work: what is done with a task.
        tasks: picklable tasks.
        jobs: number of processes; 1 does the work in this one.
        folder: folder that the workers write to, and hold while they live; None if they write nothing.
        ordered: yield results in the order of the tasks, not as they are finished.

    Raises:
        FgbgError: as a worker raised it.
        BuildError: a worker was killed.
    """
    if jobs == 1:
        do = work.open()
        for number, task in enumerate(tasks):
            yield do(task, number)
        return
    from joblib import Parallel, delayed
    from joblib.externals.loky import get_reusable_executor
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    parallel = Parallel(
        n_jobs=jobs,
        backend="loky",
        batch_size=1,
        return_as="generator" if ordered else "generator_unordered",
        initializer=become_worker,
        initargs=(work, folder, os.getpid(), registered_rows()),
    )
    with InterruptGuard() as interrupt:
        try:
            with interrupt.held():
                results = parallel(delayed(do_task)(task, number) for number, task in enumerate(tasks))
            for result, caught in results:
                for text in caught:
                    warnings.warn(text, stacklevel=2)
                yield result
            if interrupt.received:  # it came after the last task
                raise KeyboardInterrupt
        except TerminatedWorkerError as error:
            if interrupt.received:
                raise KeyboardInterrupt from None
            whole = "" if folder is None else "Finished shards are whole. "
            raise BuildError(
                f"a worker was killed, most likely because memory ran out. {whole}Run the same command again, with "
                f"fewer {option('jobs')} if it happens again",
                where=folder,
            ) from error
        finally:
            get_reusable_executor(reuse=True).shutdown(wait=True, kill_workers=True)
            if folder is not None:
                clear_partials(folder)  # of workers that were stopped in the middle of a file


@dataclass(frozen=True)
class _Call(Generic[Task, Result]):
    """The work of calling one function."""

    function: Callable[[Task], Result]

    def open(self) -> Callable[[Task, int], Result]:
        return lambda task, number: self.function(task)


def map_with_progress(
    function: Callable[[Task], Result], tasks: Sequence[Task], *, jobs: int, progress: Progress, verb: str
) -> Iterator[Result]:
    """Yield `function(task)` for every task, in order, and show how many are finished.

    Args:
        function: a function of a module, so that it can be pickled.
        tasks: picklable tasks, one for each shard.
        jobs: number of processes; 1 does the work in this one, 0 is one for each core.
        progress: see `fgbg_data.runtime.progress`.
        verb: what is done to a shard, as the progress shows it.

    Raises:
        BuildError: a worker was killed.
    """
    shown = reporter(progress)
    results = in_parallel(_Call(function), tasks, jobs=num_jobs(jobs, len(tasks)), ordered=True)
    with activity(shown, verb, len(tasks), "shards"):
        for done, result in enumerate(results, start=1):
            shown.update(done)
            yield result
