"""Builds that are killed: after SIGKILL or Ctrl-C at any moment a restart writes the same bytes; no process is left."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from helpers.datasets import contents

KILLS = 10


NO_DEPTH = "--positions 150 --depth none"
SCENES = "--positions 25 --depth none --recipe varied --objects 1:3 --amodal --twins 2"
COMPOSED = "--positions 20 --depth tiny --depth-mode compose --estimator-batch 2"


def command(pictures: Path, out: Path, jobs: int, plan: str = NO_DEPTH) -> list[str]:
    options = f"--size 64 {plan} --shard-size 50 --val 0.2 --test 0.2 --format tar,hdf5 -j {jobs}"
    sources = ["--bg", str(pictures / "bg"), "--fg", str(pictures / "fg"), "--out", str(out)]
    return [sys.executable, "-m", "fgbg_data.cli", "build", *sources, *options.split()]


def start(
    pictures: Path, out: Path, jobs: int, plan: str = NO_DEPTH, ctrl_c: signal.Handlers = signal.SIG_DFL
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(pictures, out, jobs, plan),
        start_new_session=True,
        # A shell starts what runs in the background with Ctrl-C ignored, and that is inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, ctrl_c),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def family(build: subprocess.Popen[str]) -> list[psutil.Process]:
    try:
        return psutil.Process(build.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def workers_of(build: subprocess.Popen[str]) -> list[psutil.Process]:
    workers = []
    for child in family(build):
        with contextlib.suppress(psutil.Error):  # it is gone already
            workers += [child] if "worker_process" in " ".join(child.cmdline()) else []
    return workers


def wait_for_shard(out: Path, build: subprocess.Popen[str], more_than: int) -> None:
    """Wait until the build has finished another shard, so that kills do not all hit its start."""
    deadline = time.monotonic() + 60
    while build.poll() is None and len(list(out.glob("*/*.json"))) <= more_than and time.monotonic() < deadline:
        time.sleep(0.01)


@pytest.fixture(scope="module")
def whole(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What one undisturbed process builds."""
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    subprocess.run(command(pictures, out, 1), check=True, capture_output=True)
    return contents(out)


@pytest.mark.parametrize("whom", ["parent", pytest.param("group", marks=pytest.mark.slow)])
def test_a_build_killed_and_restarted_at_once_writes_the_same_bytes(
    whom: str, pictures: Path, tmp_path: Path, whole: dict[str, bytes]
) -> None:
    out = tmp_path / "out"
    moment = random.Random(f"kill the {whom}")
    killed_in_the_middle = 0
    workers: list[psutil.Process] = []
    for number in range(KILLS):
        build = start(pictures, out, 2)
        if number % 3:  # else the kill may hit the start of a run
            wait_for_shard(out, build, len(list(out.glob("*/*.json"))))
        time.sleep(moment.uniform(0, 0.3))
        workers += family(build)
        if build.poll() is None:
            killed_in_the_middle += 1
        if whom == "parent":
            build.kill()
        else:
            os.killpg(build.pid, signal.SIGKILL)
        build.wait()
        assert build.stderr
        build.stderr.close()
    final = start(pictures, out, 2)
    _, errors = final.communicate(timeout=120)
    assert final.returncode == 0, errors
    assert killed_in_the_middle >= KILLS // 2
    assert contents(out) == whole
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert not alive, f"left behind: {alive}"


@pytest.mark.slow
def test_a_build_killed_while_it_checks_sources_or_later_goes_on(pictures: Path, tmp_path: Path) -> None:
    """With composed depth: what the estimator said of the sources is kept, and the bytes are the same."""
    subprocess.run(command(pictures, tmp_path / "whole", 1, COMPOSED), check=True, capture_output=True)
    out = tmp_path / "out"
    for wanted in (".source-depth/*/background/*.npy", "*/*.json"):
        build = start(pictures, out, 2, COMPOSED)
        deadline = time.monotonic() + 120
        while build.poll() is None and not list(out.glob(wanted)) and time.monotonic() < deadline:
            time.sleep(0.005)
        os.killpg(build.pid, signal.SIGKILL)
        assert build.wait() == -signal.SIGKILL, wanted
        assert build.stderr
        build.stderr.close()
        assert list(out.glob(".source-depth/*/background/*.npy"))
    subprocess.run(command(pictures, out, 2, COMPOSED), check=True, capture_output=True)
    assert contents(out) == contents(tmp_path / "whole")
    assert not (out / ".source-depth").exists()


@pytest.mark.slow
def test_a_build_of_scenes_that_is_killed_goes_on_to_the_same_bytes(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    subprocess.run(command(pictures, tmp_path / "whole", 1, SCENES), check=True, capture_output=True)
    for _ in range(3):
        build = start(pictures, out, 2, SCENES)
        wait_for_shard(out, build, len(list(out.glob("*/*.json"))))
        os.killpg(build.pid, signal.SIGKILL)
        build.wait()
        assert build.stderr
        build.stderr.close()
    subprocess.run(command(pictures, out, 2, SCENES), check=True, capture_output=True)
    assert contents(out) == contents(tmp_path / "whole")


def test_workers_die_with_a_killed_parent(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    build = start(pictures, out, 2)
    wait_for_shard(out, build, 0)
    workers = workers_of(build)
    assert len(workers) == 2
    build.kill()
    build.wait()
    assert build.stderr
    build.stderr.close()
    _, alive = psutil.wait_procs(workers, timeout=2)
    assert not alive
    records = len(list(out.glob("*/*.json")))
    time.sleep(0.5)
    assert len(list(out.glob("*/*.json"))) == records


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_prints_how_to_go_on(jobs: int, pictures: Path, tmp_path: Path, whole: dict[str, bytes]) -> None:
    out = tmp_path / "out"
    build = start(pictures, out, jobs)
    wait_for_shard(out, build, 0)
    workers = family(build)
    os.killpg(build.pid, signal.SIGINT)  # as a terminal does
    _, errors = build.communicate(timeout=30)
    assert build.returncode == 130
    assert "run the same command to go on" in errors
    assert "Traceback" not in errors
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert not alive
    assert not list(out.rglob("*.partial"))
    assert 0 < len(list(out.glob("*/*.json"))) < len([name for name in whole if name.count("/") and "json" in name])
    subprocess.run(command(pictures, out, 2), check=True, capture_output=True)
    assert contents(out) == whole


@pytest.mark.parametrize("delay_s", [0, 0.05, 0.1, 0.2, 0.4])
def test_ctrl_c_while_workers_start_prints_only_that(delay_s: float, pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    build = start(pictures, out, 2)
    while build.poll() is None and not workers_of(build):
        time.sleep(0.005)
    time.sleep(delay_s)
    workers = workers_of(build)
    os.killpg(build.pid, signal.SIGINT)
    _, errors = build.communicate(timeout=30)
    assert build.returncode == 130
    assert (
        errors.strip().splitlines()[-1] == f"stopped. Finished shards in {out} are whole; run the same command to go on"
    )
    assert not psutil.wait_procs(workers, timeout=10)[1]


def test_ctrl_c_for_the_parent_alone_stops_its_workers(pictures: Path, tmp_path: Path) -> None:
    build = start(pictures, tmp_path / "out", 2)
    wait_for_shard(tmp_path / "out", build, 0)
    workers = workers_of(build)
    build.send_signal(signal.SIGINT)
    _, errors = build.communicate(timeout=30)
    assert build.returncode == 130
    assert "run the same command to go on" in errors
    assert len(workers) == 2
    assert not psutil.wait_procs(workers, timeout=10)[1]


def test_ctrl_c_does_not_stop_a_build_in_the_background(
    pictures: Path, tmp_path: Path, whole: dict[str, bytes]
) -> None:
    build = start(pictures, tmp_path / "out", 2, ctrl_c=signal.SIG_IGN)
    wait_for_shard(tmp_path / "out", build, 0)
    os.killpg(build.pid, signal.SIGINT)
    _, errors = build.communicate(timeout=60)
    assert build.returncode == 0
    assert "Traceback" not in errors
    assert "stopped" not in errors
    assert contents(tmp_path / "out") == whole


def test_a_killed_worker_is_one_error_and_the_same_command_goes_on(
    pictures: Path, tmp_path: Path, whole: dict[str, bytes]
) -> None:
    out = tmp_path / "out"
    build = start(pictures, out, 2)
    wait_for_shard(out, build, 0)
    workers_of(build)[0].kill()
    _, errors = build.communicate(timeout=60)
    assert build.returncode == 2
    assert f"fgbg-data: {out}: a worker was killed " in errors
    assert "Traceback" not in errors
    subprocess.run(command(pictures, out, 2), check=True, capture_output=True)
    assert contents(out) == whole
