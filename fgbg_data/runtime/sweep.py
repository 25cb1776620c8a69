"""One function over all shards of a dataset, in parallel and with progress."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from fgbg_data.registry import register_rows, registered_rows
from fgbg_data.runtime.progress import Progress, activity, reporter

Task = TypeVar("Task")
Result = TypeVar("Result")


def sweep(
    function: Callable[[Task], Result], tasks: Sequence[Task], jobs: int, progress: Progress, verb: str
) -> Iterator[Result]:
    """Yield `function` of every task, in order.

    Args:
        function: a function of a module, so that other processes find it.
        tasks: picklable tasks, one for each shard.
        jobs: processes; 1 is this one, 0 is one for each core.
        progress: see `fgbg_data.runtime.progress`.
        verb: what is done to a shard, as the progress shows it.
    """
    shown = reporter(progress)
    with activity(shown, verb, len(tasks), "shards"):
        for done, result in enumerate(_results(function, tasks, jobs), start=1):
            shown.update(done)
            yield result


def _results(function: Callable[[Task], Result], tasks: Sequence[Task], jobs: int) -> Iterator[Result]:
    from joblib import Parallel, cpu_count, delayed

    jobs = min(jobs or cpu_count(), len(tasks))
    if jobs <= 1:
        yield from map(function, tasks)
        return
    from joblib.externals.loky import get_reusable_executor

    parallel = Parallel(n_jobs=jobs, return_as="generator", initializer=register_rows, initargs=(registered_rows(),))
    try:
        yield from parallel(delayed(function)(task) for task in tasks)
    finally:
        get_reusable_executor().shutdown(wait=True, kill_workers=True)
