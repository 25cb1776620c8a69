"""Go over all shards of a dataset, a shard a task, with progress: what `stats` and `verify` have in common."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from fgbg_data.runtime.progress import LINE_EVERY_S

Task = TypeVar("Task")
Result = TypeVar("Result")


def sweep(
    function: Callable[[Task], Result], tasks: Sequence[Task], jobs: int, console: Console | None, verb: str
) -> Iterator[Result]:
    """Yield `function` of every task, in order.

    Args:
        function: of a module, so that other processes find it.
        tasks: picklable.
        jobs: processes; 1 is this one, 0 one a core.
        console: where progress is shown, or None.
        verb: what is done to a shard, for the progress.
    """
    results = _results(function, tasks, jobs)
    if console is None:
        yield from results
    elif console.is_terminal:
        columns = (TextColumn(verb), BarColumn(), MofNCompleteColumn(), TextColumn("shards"), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True) as progress:
            yield from progress.track(results, total=len(tasks))
    else:
        shown = time.monotonic()
        for done, result in enumerate(results, start=1):
            if time.monotonic() - shown > LINE_EVERY_S:
                shown = time.monotonic()
                console.print(f"{verb}: {done}/{len(tasks)} shards", highlight=False, soft_wrap=True)
            yield result


def _results(function: Callable[[Task], Result], tasks: Sequence[Task], jobs: int) -> Iterator[Result]:
    from joblib import Parallel, cpu_count, delayed

    jobs = min(jobs or cpu_count(), len(tasks))
    if jobs <= 1:
        yield from map(function, tasks)
        return
    from joblib.externals.loky import get_reusable_executor

    try:
        yield from Parallel(n_jobs=jobs, return_as="generator")(delayed(function)(task) for task in tasks)
    finally:
        get_reusable_executor().shutdown(wait=True, kill_workers=True)
