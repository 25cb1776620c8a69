"""A dataset is shared by threads, forked and spawned processes, and by the workers of a DataLoader."""

import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from fgbg_data.dataset import open_readers
from fgbg_data.dataset.reading import Dataset, open_dataset

every_format = pytest.mark.parametrize("format_name", ["tar", "hdf5"])


@every_format
def test_a_pickle_holds_no_open_files_and_is_small(dataset: Path, format_name: str) -> None:
    ds = open_dataset(dataset, format=format_name)
    first = ds[0]
    data = pickle.dumps(ds[2:9])
    assert len(data) < 20_000
    assert pickle.loads(data).keys() == ds.keys()[2:9]
    assert pickle.loads(pickle.dumps(ds))[0] == first


@every_format
def test_threads_share_a_dataset(dataset: Path, format_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_readers, "MAX_OPEN", 2)  # so that files are closed while others read
    ds = open_dataset(dataset, format=format_name)
    expected = [sample.mask.sum() for sample in ds]
    with ThreadPoolExecutor(8) as pool:
        order = [(7 * i) % 24 for i in range(240)]
        found = list(pool.map(lambda i: (ds[i].mask.sum(), ds[i].meta["key"]), order))
    keys = ds.keys()
    assert found == [(expected[i], keys[i]) for i in order]


@contextmanager
def threads_that_read(ds: Dataset, count: int) -> Iterator[None]:
    """Read samples in this number of threads of this process until the block ends."""
    stop = threading.Event()

    def read() -> None:
        number = 0
        while not stop.is_set():
            _ = ds[number % len(ds)].mask
            number += 9  # of another shard each time

    threads = [threading.Thread(target=read) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@contextmanager
def forks_while_threads_run() -> Iterator[None]:
    """Switch threads as often as can be, so that a fork meets them anywhere, and allow forks beside threads."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 and later warn of threads and fork
            yield
    finally:
        sys.setswitchinterval(interval)


def exit_code_of(pid: int, wait_s: float = 20) -> int | None:
    """Wait for a child; kill it and return None if it hangs."""
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.001)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return None


@pytest.mark.parametrize("format_name", ["hdf5", pytest.param("tar", marks=pytest.mark.slow)])
def test_a_child_reads_on_though_threads_of_its_parent_were_reading(
    dataset: Path, format_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread of the parent may hold a lock at the moment of the fork, which nobody gives back in the child."""
    monkeypatch.setattr(open_readers, "MAX_OPEN", 1)
    ds = open_dataset(dataset, fields="mask", format=format_name)
    expected = [int(sample.mask.sum()) for sample in ds]
    with forks_while_threads_run(), threads_that_read(ds, 3):
        for _ in range(40):
            pid = os.fork()
            if pid == 0:
                os._exit(0 if [int(ds[i].mask.sum()) for i in range(0, 24, 8)] == expected[::8] else 1)
            assert exit_code_of(pid) == 0
    assert int(ds[0].mask.sum()) == expected[0]


@every_format
def test_processes_of_a_pool_read_what_the_parent_reads(dataset: Path, format_name: str) -> None:
    ds = open_dataset(dataset, format=format_name)
    expected = [int(sample.image.sum()) for sample in ds]
    with forks_while_threads_run(), multiprocessing.get_context("fork").Pool(2) as pool:
        sums = pool.map_async(_image_sum, [(ds, i) for i in range(24)]).get(timeout=60)
    assert sums == expected
    assert int(ds[0].image.sum()) == expected[0]


def _image_sum(task: tuple[Dataset, int]) -> int:
    ds, number = task
    return int(ds[number].image.sum())


def test_files_that_were_open_before_a_fork_are_read_after_it(dataset: Path) -> None:
    """The dataset itself crosses the fork, not a pickle of it."""
    ds = open_dataset(dataset, format="hdf5")
    metas = [sample.meta for sample in ds]
    with forks_while_threads_run():
        pid = os.fork()
    if pid == 0:
        os._exit(0 if [ds[i].meta for i in range(24)] == metas else 1)
    assert exit_code_of(pid) == 0


def test_opening_and_reading_loads_few_modules(dataset: Path) -> None:
    code = (
        "import sys, fgbg_data; ds = fgbg_data.open_dataset(sys.argv[1], fields=('image',), format='tar'); ds[0]; "
        "print(len(ds), *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(dataset)], check=True, capture_output=True, text=True)
    assert done.stdout.startswith("24 ")
    assert not {"torch", "joblib", "rich", "fsspec", "PIL"} & set(done.stdout.split())


def test_arrays_can_be_written_to(dataset: Path) -> None:
    """PyTorch warns of arrays that cannot, and changes to one sample must not reach another read of it."""
    for format_name in ("tar", "hdf5"):
        ds = open_dataset(dataset, format=format_name)
        before = ds[0]
        changed = ds[0]
        for name in ("image", "mask", "depth"):
            changed[name][:] = 0
        assert ds[0] == before
        assert np.any(before.image)
