"""Tasks in parallel, in worker processes; a worker that ends before its time becomes one error that says why."""

import os
import pickle
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from fgbg_data.errors import BuildError, option
from fgbg_data.registry import registered_rows
from fgbg_data.runtime import files
from fgbg_data.runtime.files import clear_partials
from fgbg_data.runtime.progress import Progress, activity, reporter
from fgbg_data.runtime.tally import Tally
from fgbg_data.runtime.worker_pool import Worker, listen, memory_kills, start_workers
from fgbg_data.runtime.worker_process import Setup

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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a full /dev/shm concerns parts of joblib that are not used
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
    tally: Tally | None = None,
) -> Iterator[Result]:
    """Yield the result of every task. Whatever happens, no worker is left behind.

    It works in any thread and in any process, also in workers of other pools.

    Args:
        work: what is done with a task.
        tasks: picklable tasks.
        jobs: number of processes; 1 does the work in this one.
        folder: folder that the workers write to, and hold while they live; None if they write nothing.
        ordered: yield results in the order of the tasks, not as they are finished.
        tally: gets what workers count.

    Raises:
        FgbgError: as a worker raised it.
        BuildError: a worker ended before its time; the text says why, as far as that is known.
    """
    if jobs == 1:
        do = work.open()
        for number, task in enumerate(tasks):
            yield do(task, number)
        return
    whole = "" if folder is None else "Finished shards are whole. "
    fewer = f"{whole}Run the same command again, with fewer {option('jobs')} if it happens again"
    kills = memory_kills()
    try:
        workers = start_workers(jobs, num_cores())
    except OSError as error:
        raise BuildError(
            f"a worker cannot be started ({error.strerror or error}). {whole}Use fewer {option('jobs')}", where=folder
        ) from error
    whole_files = False
    try:
        results = _results(workers, work, tasks, folder=folder, tally=tally)
        yield from _in_order(results) if ordered else (result for _, result in results)
        whole_files = True
    except MemoryError as error:
        raise BuildError(f"memory ran out in a worker. {whole}Use fewer {option('jobs')}", where=folder) from error
    except _Dead as dead:
        raise BuildError(f"a worker {dead.worker.cause_of_death(kills)}. {fewer}", where=folder) from None
    finally:
        for worker in workers:
            worker.end()
        if folder is not None and not whole_files:  # workers were stopped in the middle of a file
            clear_partials(folder, files.owner)


class _Dead(Exception):
    """A worker has ended."""

    def __init__(self, worker: Worker) -> None:
        super().__init__()
        self.worker = worker


def _results(
    workers: list[Worker],
    work: Work[Task, Result],
    tasks: Sequence[Task],
    *,
    folder: Path | None,
    tally: Tally | None,
) -> Iterator[tuple[int, Result]]:
    """Give tasks to workers; yield the number of each task and its result, as they are finished."""
    import cloudpickle

    setup = Setup(
        path=[each or os.getcwd() for each in sys.path],
        parent=os.getpid(),
        folder=folder,
        owner=files.owner,
        work=cloudpickle.dumps((registered_rows(), work)),
    )
    hello, waiting, left = pickle.dumps(setup), iter(enumerate(tasks)), len(tasks)
    while left:
        for worker, kind, value in listen(workers):
            if kind == "ended":
                raise _Dead(worker)
            if kind == "error":
                raise value.error()
            if kind == "counts" and tally is not None:
                tally.update(value)
            if kind == "hello":
                worker.send(hello)
            if kind == "ready":
                worker.ready = True
            if kind == "result":
                number, result, caught = value
                for message in caught:
                    warnings.warn(message, stacklevel=4)
            if kind in ("ready", "result") and (following := next(waiting, None)):
                worker.send(cloudpickle.dumps(following))
            if kind == "result":
                left -= 1
                yield number, result


def _in_order(results: Iterator[tuple[int, Result]]) -> Iterator[Result]:
    """Yield results in the order of their numbers."""
    early: dict[int, Result] = {}
    following = 0
    for number, result in results:
        early[number] = result
        while following in early:
            yield early.pop(following)
            following += 1


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
        BuildError: a worker ended before its time.
    """
    shown = reporter(progress)
    results = in_parallel(_Call(function), tasks, jobs=num_jobs(jobs, len(tasks)), ordered=True)
    with activity(shown, verb, len(tasks), "shards"):
        for done, result in enumerate(results, start=1):
            shown.update(done)
            yield result
