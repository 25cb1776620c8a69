"""The page about many machines shows the files of examples/cluster, and their commands run."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.docs import DOCS

from fgbg_data import build_status, verify

EXAMPLES = Path(__file__).parents[1] / "examples" / "cluster"


@pytest.mark.parametrize("name", ["slurm.sh", "dask_jobqueue_slurm.py"])
def test_the_page_shows_the_file(name: str) -> None:
    assert (EXAMPLES / name).read_text() in (DOCS / "cluster.md").read_text()


def test_the_array_of_slurm_has_twelve_lines_and_the_python_file_compiles() -> None:
    assert len((EXAMPLES / "slurm.sh").read_text().splitlines()) == 12
    compile((EXAMPLES / "dask_jobqueue_slurm.py").read_text(), "dask_jobqueue_slurm.py", "exec")


@pytest.fixture
def node(pictures: Path, tmp_path: Path) -> Path:
    """A folder as a job of Slurm finds it, with an `srun` that runs its arguments."""
    sources = f'bg = "{pictures}/bg"\nfg = "{pictures}/fg"\n'
    options = 'out = "shards"\nsize = "64"\ndepth = "none"\nshard_size = 10\nval = 0.0\ntest = 0.0\npositions = 200\n'
    (tmp_path / "build.toml").write_text(sources + options)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "srun").write_text('#!/bin/bash\nexec "$@"\n')
    (programs / "fgbg-data").write_text(f'#!/bin/bash\nexec {sys.executable} -m fgbg_data.cli "$@"\n')
    for program in programs.iterdir():
        program.chmod(0o755)
    return tmp_path


def task(node: Path, number: int, *arguments: str) -> "subprocess.Popen[bytes]":
    slurm = {"SLURM_CPUS_PER_TASK": "1", "SLURM_ARRAY_TASK_ID": str(number)}
    path = f"{node / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return subprocess.Popen(
        ["bash", str(EXAMPLES / "slurm.sh"), *arguments],
        cwd=node,
        env=os.environ | slurm | {"PATH": path},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.mark.slow
def test_a_task_that_slurm_ends_goes_on_when_it_is_requeued(node: Path) -> None:
    first = task(node, 0)
    deadline = time.monotonic() + 120
    while not list(node.glob("shards/train/*.json")) and time.monotonic() < deadline:
        time.sleep(0.01)
    first.send_signal(signal.SIGTERM)  # reaches the build, because the script replaces itself by it
    assert first.wait(60) == 130
    assert not list(node.rglob("*.partial"))
    assert 0 < build_status(node / "shards").finished < 15
    assert task(node, 0).wait(120) == 0
    assert build_status(node / "shards").finished == 15  # of 480 shards, every 32nd
    assert task(node, 0, "finish").wait(300) == 0
    assert verify(node / "shards").ok
