"""Batches of a stream: from workers, and from this process once everything is cached."""

import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from fgbg_train.data.batches import Batch, BatchReader
from fgbg_train.data.cache import SizeCache
from fgbg_train.data.loader import Loader
from fgbg_train.data.sample_reader import SampleReader
from fgbg_train.data.stream import Item, Segment
from fgbg_train.errors import DataError, TrainError

BATCHES = [[Item("train", i, 16, 16) for i in range(first, first + 6)] for first in range(0, 24, 6)]


def read_all(loader: Loader) -> list[Batch]:
    return list(loader.read([Segment("train", frozenset({16}), BATCHES)]))


def test_cached_samples_are_read_without_workers(shards: Path, tmp_path: Path) -> None:
    reader = SampleReader(str(shards), "train")
    reader.caches[16] = SizeCache(tmp_path / "train-16px.rows", reader.num_samples, (16, 16), depth=True)
    reader.caches[16].create()
    loader = Loader(BatchReader({"train": reader}, skip_errors=False), workers=1)
    assert not reader.is_cached({16})
    cold = read_all(loader)
    assert len(multiprocessing.active_children()) == 1
    assert reader.is_cached({16})
    assert not reader.is_cached({16, None})
    loader.close()
    assert multiprocessing.active_children() == []
    for one, other in zip(cold, read_all(loader), strict=True):
        assert one.keys == other.keys
        assert all(torch.equal(a, b) for a, b in zip(one[1:4], other[1:4], strict=True))
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("workers", [0, 1])
def test_a_damaged_sample_is_the_same_error_with_and_without_workers(
    workers: int, shards: Path, tmp_path: Path
) -> None:
    damaged = tmp_path / "train"
    damaged.mkdir()
    tar = (shards / "train" / "fgbg-train-000000.tar").read_bytes()
    start_of_jpeg = b"\xff\xd8\xff"
    at = tar.index(start_of_jpeg, tar.index(start_of_jpeg) + 1)  # in the second sample
    (damaged / "x.tar").write_bytes(tar[:at] + bytes(200) + tar[at + 200 :])
    reader = BatchReader({"train": SampleReader(str(damaged / "x.tar"), "train")}, skip_errors=False)
    loader = Loader(reader, workers=workers)
    with pytest.raises(DataError, match=r"x.tar: .*on_error='skip' goes on without such samples") as caught:
        list(loader.read([Segment("train", frozenset({16}), [[Item("train", 1, 16, 16)]])]))
    assert "Traceback" not in str(caught.value)
    loader.close()


FULL_SHM = """
import sys
from pathlib import Path
from fgbg_train.data.batches import BatchReader
from fgbg_train.data.loader import Loader
from fgbg_train.data.sample_reader import SampleReader
from fgbg_train.data.stream import Item, Segment
from fgbg_train.errors import TrainError
if __name__ == "__main__":
    reader = BatchReader({"train": SampleReader(sys.argv[1], "train")}, skip_errors=False)
    batches = [[Item("train", i % 4, 64, 64) for i in range(32)]] * 20
    try:
        list(Loader(reader, workers=1).read([Segment("train", frozenset({64}), batches)]))
    except TrainError as error:
        print(error)
"""


def test_a_full_shared_memory_is_one_error(shards: Path, tmp_path: Path) -> None:
    unshare = ["unshare", "--mount"]
    if not shutil.which("unshare") or subprocess.run([*unshare, "true"], capture_output=True).returncode:
        pytest.skip("this system lets nobody mount another /dev/shm")
    program = tmp_path / "program.py"
    program.write_text(FULL_SHM)
    small = 'mount -t tmpfs -o size=200k tmpfs /dev/shm && exec "$@"'
    done = subprocess.run(
        [*unshare, "bash", "-c", small, "bash", sys.executable, str(program), str(shards)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert re.match(r"workers hand over batches in shared memory \(/dev/shm, [\d.]+ k?B free\), and that", done.stdout)
    assert "workers=0" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_script_without_a_guard_gets_a_line_that_shows_the_guard(shards: Path, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import sys\n"
        "from fgbg_train.data.batches import BatchReader\n"
        "from fgbg_train.data.loader import Loader\n"
        "from fgbg_train.data.sample_reader import SampleReader\n"
        "from fgbg_train.data.stream import Item, Segment\n"
        'reader = BatchReader({"train": SampleReader(sys.argv[1], "train")}, skip_errors=False)\n'
        'segment = Segment("train", frozenset({16}), [[Item("train", 0, 16, 16)]])\n'
        "list(Loader(reader, workers=1).read([segment]))\n"
    )
    done = subprocess.run([sys.executable, str(program), str(shards)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if line.startswith("fgbg_train.errors.TrainError: ")]
    assert len(errors) == 2  # of the worker, then of the script
    assert all('below `if __name__ == "__main__":`, because' in line and "workers=0" in line for line in errors)


def test_a_killed_worker_is_one_error(shards: Path) -> None:
    reader = BatchReader({"train": SampleReader(str(shards), "train")}, skip_errors=False)
    loader = Loader(reader, workers=1)
    batches = loader.read([Segment("train", frozenset({16}), BATCHES * 50)])
    next(batches)
    os.kill(multiprocessing.active_children()[0].pid or 0, signal.SIGKILL)
    with pytest.raises(TrainError, match=r"^a worker that reads samples has ended \(.*What was saved is whole"):
        list(batches)
    loader.close()
