"""Tasks on a cluster of Dask: shards as futures of dask.distributed, on workers that may come, go and be killed.

joblib's Dask backend is not used: it ignores the number of jobs and drops the set-up of workers without a word.
"""

import contextlib
import logging
import os
import pickle
import sys
import time
import uuid
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any, TypeVar

import cloudpickle
from distributed import Client, KilledWorker, LocalCluster, as_completed

from fgbg_data.errors import BuildError, option
from fgbg_data.registry import registered_rows
from fgbg_data.runtime import files
from fgbg_data.runtime.dask_worker import RunSetup, do_task
from fgbg_data.runtime.files import clear_partials
from fgbg_data.runtime.parallel import Work, num_cores
from fgbg_data.runtime.progress import ProgressReporter
from fgbg_data.runtime.tally import Tally
from fgbg_data.runtime.versions import differing, versions
from fgbg_data.runtime.worker_process import Failure

Task = TypeVar("Task")
Result = TypeVar("Result")

ANSWER_S = 10
"""Seconds in which a scheduler must answer."""
RETRIES = 2
"""How often a task is tried again after an error of the network or of a file system."""
AHEAD = 2
"""Tasks given to the cluster for each thread of it, so that workers do not wait for the next one."""


@contextlib.contextmanager
def connect(address: str, jobs: int) -> Iterator["DaskRunner"]:
    """Connect to a cluster, or start one on this machine, while the context is open.

    Args:
        address: address of a scheduler, such as `tcp://10.0.0.1:8786`, or path of its file, which ends in `.json`;
            empty starts a cluster on this machine.
        jobs: worker processes of a cluster on this machine; 0 is one for each core.

    Raises:
        BuildError: the scheduler does not answer, or has other versions.
    """
    cluster: LocalCluster | None = None
    with contextlib.ExitStack() as stack:
        stack.enter_context(_quiet())
        if address:
            client = stack.enter_context(_client(address))
            _check_scheduler(client, address)
        else:
            cluster = LocalCluster(
                n_workers=jobs or num_cores(),
                threads_per_worker=1,
                processes=True,
                dashboard_address=":0",
                silence_logs=logging.CRITICAL,
            )
            stack.callback(cluster.close)
            client = stack.enter_context(Client(cluster, set_as_default=False))
        runner = DaskRunner(client, address)
        try:
            yield runner
        finally:
            if cluster is not None and runner.unclean:
                cluster.close()
                for folder in runner.unclean:
                    clear_partials(folder, files.owner)


class DaskRunner:
    """Does tasks on a cluster.

    A task whose worker is killed is done again by another one. One that kills four workers is given up; the others are
    done first, and then it is named in the error.

    Args:
        client: client of the cluster.
        address: address of the cluster, for errors; empty if it runs on this machine.
    """

    on_this_machine = False

    def __init__(self, client: Client, address: str = "") -> None:
        self._client = client
        self.unclean: set[Path] = set()
        """Folders of runs that ended by an error. Their workers may still be at work on half-written files."""
        self._address = address

    def num_workers(self, tasks: int) -> int:
        """Return how many workers the cluster has now, but at least 1."""
        return max(1, min(len(self._client.nthreads()), tasks))

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
        """Yield the result of every task."""
        run = f"fgbg-{uuid.uuid4().hex[:12]}"
        given_up: list[str] = []
        with self._ended(folder), self._set_up(run, work, folder, tally):
            self._report_workers(shown)
            for number, value in self._results(run, tasks):
                if isinstance(value, KilledWorker):
                    given_up.append(name(tasks[number]))
                    shown.message(f"{given_up[-1]} has ended {value.allowed_failures + 1} workers, and is left out")
                elif isinstance(value, BaseException):
                    raise value
                else:
                    result, caught = value
                    for message in caught:
                        warnings.warn(message, stacklevel=4)
                    yield result
        if given_up:
            raise BuildError(
                f"{', '.join(given_up)}: each ended several workers, most likely because memory ran out there. All "
                "others are finished. Give the workers more memory, and run the same command to go on",
                where=self._address or None,
            )

    @contextlib.contextmanager
    def _ended(self, folder: Path | None) -> Iterator[None]:
        """At the end, remove what workers that were killed in the middle of a file have left.

        After an error, workers may still be at work on their shards. Those of this machine are ended first; what those
        of other machines leave stays until the next build of the whole dataset.
        """
        if folder is not None:
            self.unclean.add(folder)
        yield
        if folder is not None:
            clear_partials(folder, files.owner)
            self.unclean.discard(folder)

    @contextlib.contextmanager
    def _set_up(self, run: str, work: Work[Task, Result], folder: Path | None, tally: Tally) -> Iterator[None]:
        """Send every worker what it needs to know, and receive what workers count, while the context is open."""
        setup = RunSetup(
            name=run,
            work=cloudpickle.dumps((registered_rows(), work)),
            path=[each or os.getcwd() for each in sys.path],
            folder=None if folder is None else folder.absolute(),
            owner=files.owner,
            wanted=versions(),
        )
        try:
            self._client.register_plugin(setup, name=run)
        except (ImportError, AttributeError, pickle.UnpicklingError) as error:
            raise BuildError(
                f"its workers cannot load this program ({error}). Install fgbg in the environment of the workers",
                where=self._address or None,
            ) from error
        self._client.subscribe_topic(run, lambda event: tally.update({slot: (n, s) for slot, n, s in event[1]}))
        try:
            yield
        finally:
            with contextlib.suppress(Exception):  # the scheduler may be gone
                self._client.unsubscribe_topic(run)
                self._client.unregister_worker_plugin(run)

    def _report_workers(self, shown: ProgressReporter) -> None:
        """Show a message if there is no worker yet, or if workers have more threads than they use."""
        threads = self._client.nthreads()
        if not threads:
            shown.message(f"waiting for workers of {self._address}")
        elif max(threads.values()) > 1:
            shown.message(
                "workers of this cluster have several threads, and each makes one shard at a time; start them with one "
                "thread each (dask worker --nthreads 1 --nworkers N)"
            )

    def _results(self, run: str, tasks: Sequence[Task]) -> Iterator[tuple[int, Any]]:
        """Yield the number of each task and its result, or the error that ended it.

        Only so many tasks are given to the scheduler as its workers can soon begin, so that a million shards cost it
        no memory.

        Raises:
            BuildError: the connection to the scheduler is lost.
        """
        numbers: dict[Any, int] = {}
        completed = as_completed(loop=self._client.loop)
        following, room, asked = 0, 0, 0.0
        try:
            while following < len(tasks) or numbers:
                if time.monotonic() - asked > 1:
                    room, asked = AHEAD * max(1, sum(self._client.nthreads().values())) + 2, time.monotonic()
                while following < len(tasks) and len(numbers) < room:
                    future = self._client.submit(
                        do_task, run, following, tasks[following], key=f"shard-{run}-{following}", retries=RETRIES
                    )
                    numbers[future] = following
                    completed.add(future)
                    following += 1
                future = next(completed)
                yield numbers.pop(future), self._outcome(future)
        finally:
            with contextlib.suppress(Exception):
                self._client.cancel(list(numbers), force=True)

    def _outcome(self, future: Any) -> Any:
        """Return the result of a future, or the error that ended it.

        Raises:
            BuildError: the connection to the scheduler is lost.
        """
        try:
            value = future.result()
        except KilledWorker as error:
            return error
        except (CancelledError, TimeoutError) as error:
            raise BuildError(
                "the scheduler is gone. Finished shards are whole; start it, and run the same command to go on",
                where=self._address or None,
            ) from error
        except (ImportError, pickle.UnpicklingError) as error:
            return BuildError(f"a worker cannot load what it needs ({error})", where=self._address or None)
        except Exception as error:
            return error
        return value.error() if isinstance(value, Failure) else value


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the log of Dask off standard error; what matters becomes an error or a message of this program."""
    logger = logging.getLogger("distributed")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)


def _client(address: str) -> Client:
    """Return a client of a scheduler.

    Raises:
        BuildError: nothing answers there.
    """
    given = option("dask_address", address)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # other versions become an error, after this
            if address.endswith(".json"):
                if not Path(address).is_file():
                    raise BuildError(f"{given}: no such file; dask scheduler --scheduler-file writes it")
                return Client(scheduler_file=address, timeout=ANSWER_S, set_as_default=False)
            return Client(address, timeout=ANSWER_S, set_as_default=False)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BuildError(
            f"{given}: no scheduler of Dask answers there within {ANSWER_S} s. Expected an address such as "
            "tcp://10.0.0.1:8786, or the file that dask scheduler --scheduler-file wrote"
        ) from error


def _check_scheduler(client: Client, address: str) -> None:
    """Check that the scheduler has the versions of this program.

    Raises:
        BuildError: it has others; the text names them.
    """
    found = client.get_versions()
    differ = differing(found=_deciding(found["scheduler"]), wanted=_deciding(found["client"]))
    if differ:
        raise BuildError(
            f"{option('dask_address', address)}: the scheduler has other versions than this program "
            f"({', '.join(differ)}). Install the same versions everywhere"
        )


def _deciding(found: Any) -> dict[str, str]:
    """Return those versions of one side that must agree, so that both understand each other."""
    names = ("dask", "distributed", "msgpack", "cloudpickle")
    python = ".".join(str(found["host"]["python"]).split(".")[:2])
    return {"python": python} | {name: str(found["packages"].get(name)) for name in names}
