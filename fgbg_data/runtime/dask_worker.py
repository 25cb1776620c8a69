"""What a worker of a Dask cluster does: it gets ready once for each run, and does one task at a time."""

import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from distributed import WorkerPlugin, get_worker

from fgbg_data.errors import BuildError, FgbgError
from fgbg_data.runtime.files import take_owner
from fgbg_data.runtime.locks import LOCK, held_as_worker
from fgbg_data.runtime.tally import Tally
from fgbg_data.runtime.versions import differing, versions
from fgbg_data.runtime.worker_process import Counts, Failure, open_work, warning_for_parent

_ONE_AT_A_TIME = threading.Lock()
"""A task uses settings of the whole process, and holds an estimator and a cache of pictures."""


class RunSetup(WorkerPlugin):  # type: ignore[misc]
    """Everything that a worker needs to know of one run. Workers that join later get it too.

    Args:
        name: name of the run; what workers count is sent under it.
        work: a pickled pair: registered rows, and a `Work`.
        path: folders in which the program finds modules.
        folder: folder that the workers write to, if this is a folder that they share with the program.
        owner: whose half-written files they are.
        wanted: versions of the program.
    """

    def __init__(
        self, *, name: str, work: bytes, path: list[str], folder: Path | None, owner: str, wanted: dict[str, str]
    ) -> None:
        self.name = name
        self._work = work
        self._path = path
        self._folder = folder
        self._owner = owner
        self._wanted = wanted
        self._do: Callable[[Any, int], Any] | None = None

    def do(self, task: Any, number: int) -> "tuple[Any, list[Warning | str]]":
        """Do one task; return its result and the warnings that it gave.

        Raises:
            FgbgError: as the work raises it.
            BuildError: this worker cannot do the work.
        """

        def say(kind: str, value: dict[int, tuple[int, float]]) -> None:
            get_worker().log_event(self.name, [[slot, *count] for slot, count in value.items()])

        counts = Counts(say)
        with _ONE_AT_A_TIME, held_as_worker(self._folder), warnings.catch_warnings(record=True) as caught:
            take_owner(self._owner)
            Tally.elsewhere = counts.add
            try:
                if self._do is None:
                    self._do = self._begin()
                result = self._do(task, number)
            finally:
                Tally.elsewhere = None
        counts.flush()
        return result, [warning_for_parent(each.message) for each in caught]

    def _begin(self) -> Callable[[Any, int], Any]:
        """Get ready for tasks; return the function that does one.

        Raises:
            BuildError: this worker has other versions than the program, or does not see its folder.
        """
        address = get_worker().address
        differ = differing(versions(), self._wanted)
        if differ:
            raise BuildError(
                f"has other versions than this program ({', '.join(differ)}), so it would write other bytes. Install "
                "the same versions everywhere",
                where=f"worker {address}",
            )
        if self._folder is not None and not (self._folder / LOCK).exists():
            raise BuildError(
                f"does not see the folder {self._folder}. All workers and this program need to see one folder under "
                "the same path",
                where=f"worker {address}",
            )
        return open_work(self._path, self._work)


def do_task(name: str, number: int, task: Any) -> Any:
    """Do one task of a run in this worker.

    Returns:
        The result and the warnings; or a `Failure`, which the program raises. Errors of the network and of file systems
        are raised here, so that Dask tries the task again.
    """
    try:
        return get_worker().plugins[name].do(task, number)
    except FgbgError as error:
        return Failure.of(error)
    except OSError:
        raise
    except Exception as error:
        return Failure.of(error)
