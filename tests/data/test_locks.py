"""One build at a time makes a dataset."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from fgbg_data.errors import StorageError
from fgbg_data.runtime.locks import build_lock


def test_a_build_waits_for_workers_of_a_killed_one(tmp_path: Path) -> None:
    code = """
import sys, time
from pathlib import Path
from fgbg_data.runtime.locks import hold_as_worker
hold_as_worker(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(float(sys.argv[2]))
"""

    def worker(seconds: float) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path), str(seconds)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        return process

    with worker(60) as stuck:
        with pytest.raises(StorageError, match="workers of an earlier build are still running after 0 s"):
            enter(tmp_path, 0.2)
        stuck.kill()
    with worker(1) as dying:
        started = time.monotonic()
        enter(tmp_path, 30)
        assert dying.wait(10) == 0
        assert time.monotonic() - started > 0.5


def enter(folder: Path, wait_s: float) -> None:
    with build_lock(folder, wait_s=wait_s):
        pass
