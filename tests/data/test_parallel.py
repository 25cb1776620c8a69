"""Tasks in worker processes: results in order, and no worker is left behind, whoever is killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from fgbg_data.errors import FgbgError, SourceError
from fgbg_data.runtime.parallel import map_with_progress


def sleep_and_double(seconds: float) -> float:
    time.sleep(seconds)
    return 2 * seconds


def fail(text: str) -> None:
    raise SourceError(text, where="picture.jpg")


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_come_in_the_order_of_the_tasks(jobs: int) -> None:
    seconds = [0.3, 0.0, 0.1, 0.0]
    found = map_with_progress(sleep_and_double, seconds, jobs=jobs, progress=False, verb="sleep")
    assert list(found) == [0.6, 0.0, 0.2, 0.0]


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_of_a_worker_arrives_as_it_was_raised(jobs: int) -> None:
    with pytest.raises(FgbgError) as caught:
        list(map_with_progress(fail, ["is broken"] * 2, jobs=jobs, progress=False, verb="fail"))
    assert (type(caught.value), caught.value.problem, caught.value.where) == (SourceError, "is broken", "picture.jpg")


SLEEP = """
import time
from fgbg_data.runtime.parallel import map_with_progress
try:
    list(map_with_progress(time.sleep, [60, 60], jobs=2, progress=False, verb="sleep"))
except BaseException as error:
    print(repr(error))
"""


def start_sleepers() -> tuple["subprocess.Popen[str]", list[psutil.Process]]:
    """A program with two workers that sleep."""
    program = subprocess.Popen(
        [sys.executable, "-c", SLEEP],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 60
    workers: list[psutil.Process] = []
    while len(workers) < 2 and time.monotonic() < deadline:
        children = psutil.Process(program.pid).children(recursive=True)
        workers = [child for child in children if "worker_process" in " ".join(child.cmdline())]
        time.sleep(0.05)
    time.sleep(1)  # until they sleep
    return program, workers


def test_a_killed_worker_is_one_error_and_the_others_end() -> None:
    program, workers = start_sleepers()
    workers[0].kill()
    output, errors = program.communicate(timeout=30)
    assert output.startswith("BuildError('a worker was killed ")
    assert "because memory ran out: the kernel killed" not in output
    assert not errors
    assert not psutil.wait_procs(workers, timeout=10)[1]


def test_workers_die_with_a_killed_parent() -> None:
    program, workers = start_sleepers()
    program.kill()
    program.communicate()
    assert len(workers) == 2
    assert not psutil.wait_procs(workers, timeout=10)[1]


def test_ctrl_c_ends_all_workers() -> None:
    program, workers = start_sleepers()
    os.killpg(program.pid, signal.SIGINT)
    output, errors = program.communicate(timeout=30)
    assert (output, errors) == ("KeyboardInterrupt()\n", "")
    assert not psutil.wait_procs(workers, timeout=10)[1]


def test_a_killed_worker_of_verify_is_one_line(dataset: Path) -> None:
    command = [sys.executable, "-m", "fgbg_data.cli", "verify", str(dataset), "-j", "2"]
    verify = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while verify.poll() is None:
        children = psutil.Process(verify.pid).children(recursive=True)
        workers = [child for child in children if "worker_process" in " ".join(child.cmdline())]
        if workers:
            workers[0].kill()
            break
        time.sleep(0.005)
    _, errors = verify.communicate(timeout=60)
    assert verify.returncode == 2
    assert errors.startswith("fgbg-data: a worker was killed")
    assert errors.count("\n") == 1
