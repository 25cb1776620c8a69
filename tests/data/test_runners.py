"""Runners: what processes of this machine and a cluster of Dask both promise, and what only one of them does."""

import os
import signal
import socket
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from helpers.build_command import message_of, run_build
from helpers.datasets import config_for, contents

from fgbg_data import build
from fgbg_data.building.build import BuildMaker
from fgbg_data.building.prepare import prepare
from fgbg_data.errors import BuildError, SourceError
from fgbg_data.registry import registered_rows
from fgbg_data.runtime.files import PARTIAL, write_whole
from fgbg_data.runtime.locks import build_lock
from fgbg_data.runtime.progress import Silence
from fgbg_data.runtime.runner import Runner, open_runner
from fgbg_data.runtime.tally import Tally


@dataclass
class Calls:
    """Work that calls a function of task and tally; it notes in which process it was opened."""

    function: Callable[[Any, Tally], Any]
    tally: Tally | None = None
    opened: int = 0

    def open(self) -> Callable[[Any, int], Any]:
        self.opened += 1
        return self._do

    def _do(self, task: Any, number: int) -> Any:
        assert self.opened == 1
        return self.function(task, self.tally or Tally())


def run(
    runner: Runner, function: Callable[..., Any], tasks: list[Any], folder: Path | None = None
) -> tuple[list[Any], Tally]:
    """Do tasks, and return the results in order and what was counted."""
    tally = Tally()
    work = Calls(function, tally)
    found = runner.run(work, tasks, folder=folder, tally=tally, shown=Silence(), name=lambda task: f"task {task}")
    return sorted(found), tally


def warn_and_square(task: int, tally: Tally) -> int:
    warnings.warn(f"task {task}", stacklevel=1)
    return task**2


def count(task: int, tally: Tally) -> int:
    tally.count(task, 10 * task)
    return task


def fail(task: int, tally: Tally) -> None:
    raise SourceError("is broken", where="picture.jpg")


def write_half(task: Path, tally: Tally) -> None:
    with write_whole(task) as temporary:
        temporary.write_text("half")
        raise SourceError("is broken")


class RunnerContract:
    """What every runner promises; subclasses give the runner."""

    def test_every_result_comes_once_with_the_warnings_of_its_worker(self, runner: Runner) -> None:
        with pytest.warns(UserWarning, match="task") as caught:
            found, _ = run(runner, warn_and_square, [1, 2, 3, 4, 5])
        assert found == [1, 4, 9, 16, 25]
        assert sorted(str(each.message) for each in caught) == [f"task {number}" for number in range(1, 6)]

    def test_what_workers_count_reaches_the_program(self, runner: Runner) -> None:
        found, tally = run(runner, count, [1, 2, 3])
        assert found == [1, 2, 3]
        assert tally.total == 60

    def test_an_error_comes_as_it_was_raised(self, runner: Runner) -> None:
        with pytest.raises(SourceError) as caught:
            run(runner, fail, [1, 2, 3])
        assert (caught.value.problem, caught.value.where) == ("is broken", "picture.jpg")

    def test_an_error_leaves_no_half_written_file(self, runner: Runner, tmp_path: Path) -> None:
        with build_lock(tmp_path), pytest.raises(SourceError):
            run(runner, write_half, [tmp_path / "a", tmp_path / "b"], tmp_path)
        assert not list(tmp_path.glob(f"*{PARTIAL}"))

    def test_functions_of_a_script_and_registered_rows_go_along(self, runner: Runner) -> None:
        found, _ = run(runner, lambda task, tally: str(registered_rows()), [1])
        assert found == [str(registered_rows())]
        assert "'fake'" in found[0]

    def test_there_is_at_least_one_worker_and_never_more_than_tasks(self, runner: Runner) -> None:
        assert runner.num_workers(1) == 1
        assert 1 <= runner.num_workers(1000) <= 1000


class TestProcesses(RunnerContract):
    @pytest.fixture
    def runner(self) -> Iterator[Runner]:
        with open_runner("processes", 2) as runner:
            yield runner

    def test_a_killed_worker_is_an_error(self, runner: Runner) -> None:
        with pytest.raises(BuildError, match="a worker was killed"):
            run(runner, lambda task, tally: os.kill(os.getpid(), signal.SIGKILL), [1, 2])


@pytest.fixture(scope="module")
def cluster() -> Iterator[Runner]:
    pytest.importorskip("distributed")
    with open_runner("dask", 2) as runner:
        yield runner


def die_once(task: Path, tally: Tally) -> str:
    try:
        task.touch(exist_ok=False)
    except FileExistsError:
        return "done"
    os.kill(os.getpid(), signal.SIGKILL)
    return "never"


def die_at_three(task: int, tally: Tally) -> int:
    if task == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return task


class TestDask(RunnerContract):
    @pytest.fixture
    def runner(self, cluster: Runner) -> Runner:
        return cluster

    def test_the_task_of_a_killed_worker_is_done_by_another(self, runner: Runner, tmp_path: Path) -> None:
        found, _ = run(runner, die_once, [tmp_path / "a", tmp_path / "b"])
        assert found == ["done", "done"]

    @pytest.mark.slow
    def test_a_task_that_kills_four_workers_is_named_and_the_others_are_done(self) -> None:
        done: list[int] = []
        with open_runner("dask", 2) as own:
            results = own.run(
                Calls(die_at_three), [1, 2, 3, 4, 5], folder=None, tally=Tally(), shown=Silence(), name="task {}".format
            )
            with pytest.raises(BuildError, match="task 3: each ended several workers"):
                done.extend(results)
        assert sorted(done) == [1, 2, 4, 5]

    def test_a_dataset_has_the_bytes_of_one_made_by_processes(
        self, runner: Runner, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Also where the program was given relative paths, and its workers run in another folder."""
        monkeypatch.chdir(tmp_path)
        options = {"depth": "fake", "depth_mode": "both", "estimator_batch": 3}
        prepared = prepare(config_for(pictures, Path("dask"), backend="dask", **options), Silence())
        assert BuildMaker(prepared, runner=runner).run(False).complete
        build(config_for(pictures, Path("processes"), backend="loky", **options), progress=False)
        assert contents(tmp_path / "dask") == contents(tmp_path / "processes")


def test_a_scheduler_that_does_not_answer_is_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dask_runner = pytest.importorskip("fgbg_data.runtime.dask_runner")
    monkeypatch.setattr(dask_runner, "ANSWER_S", 1)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens there
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        silent = message_of(run_build(folder, "--backend", "dask", "--dask-address", address, "--jobs", "0"))
    assert silent.startswith(f"--dask-address {address}: no scheduler of Dask answers there within 1 s.")
    missing = message_of(run_build(folder, "--backend", "dask", "--dask-address", "none.json", "--jobs", "0"))
    assert missing.startswith("--dask-address none.json: no such file")
    assert "it needs --backend dask" in message_of(run_build(folder, "--dask-address", "none.json", "--jobs", "0"))
    assert not (folder / "out").exists()
