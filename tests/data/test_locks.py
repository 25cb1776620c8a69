"""One build, or several parts of it, make a dataset at a time."""

import errno
import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from helpers.stores import memory_store

from fgbg_data import verify
from fgbg_data.errors import StorageError
from fgbg_data.runtime import locks
from fgbg_data.runtime.files import write_text
from fgbg_data.runtime.holders import Holder
from fgbg_data.runtime.locks import build_lock, part_lock, parts_of


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


def enter(folder: Path, wait_s: float = 0) -> None:
    with build_lock(folder, wait_s=wait_s):
        pass


SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>
static int lacks(const char *call, int fd, const char *name) {
    const char *value = getenv(call), *root = getenv("FAKE_ROOT");
    char link[64], path[4096];
    if (!value || !root) return 0;
    if (!name) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t n = readlink(link, path, sizeof path - 1);
        if (n < 0) return 0;
        path[n] = 0;
        name = path;
    }
    if (strncmp(name, root, strlen(root))) return 0;
    errno = atoi(value);
    return 1;
}
int flock(int fd, int how) {
    if (lacks("FAKE_FLOCK", fd, 0)) return -1;
    return ((int (*)(int, int))dlsym(RTLD_NEXT, "flock"))(fd, how);
}
int fsync(int fd) {
    if (lacks("FAKE_FSYNC", fd, 0)) return -1;
    return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd);
}
int rename(const char *from, const char *to) {
    if (access(to, F_OK) == 0 && lacks("FAKE_RENAME", -1, to)) return -1;
    return ((int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename"))(from, to);
}
void *mmap(void *at, size_t size, int prot, int flags, int fd, off_t offset) {
    if (fd > 2 && lacks("FAKE_MMAP", fd, 0)) return MAP_FAILED;
    void *(*real)(void *, size_t, int, int, int, off_t) = dlsym(RTLD_NEXT, "mmap");
    return real(at, size, prot, flags, fd, offset);
}
void *mmap64(void *at, size_t size, int prot, int flags, int fd, off_t offset) {
    return mmap(at, size, prot, flags, fd, offset);
}
"""


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that takes calls away from the files of one folder."""
    if sys.platform != "linux" or not (compiler := shutil.which("cc") or shutil.which("gcc")):
        pytest.skip("needs Linux and a C compiler")
    folder = tmp_path_factory.mktemp("shim")
    (folder / "shim.c").write_text(SHIM)
    command = [compiler, "-shared", "-fPIC", "-w", "-o", str(folder / "shim.so"), str(folder / "shim.c"), "-ldl"]
    subprocess.run(command, check=True)
    return folder / "shim.so"


def build_without(
    shim: Path, pictures: Path, out: Path, *others: str, **calls: int
) -> "subprocess.CompletedProcess[str]":
    """Build on a file system that answers some calls by an error."""
    command = ["build", "--bg", str(pictures / "bg"), "--fg", str(pictures / "fg"), "--out", str(out)]
    settings = ["--samples", "12", "--size", "32", "--depth", "none", "--shard-size", "6", "--val", "0", "--test", "0"]
    fakes = {f"FAKE_{name.upper()}": str(number) for name, number in calls.items()}
    return subprocess.run(
        [sys.executable, "-m", "fgbg_data.cli", *command, *settings, *others],
        env={**os.environ, "LD_PRELOAD": str(shim), "FAKE_ROOT": str(out), **fakes},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK, errno.EIO, 524])
def test_a_file_system_without_locks_builds_with_one_warning(
    number: int, shim: Path, pictures: Path, tmp_path: Path
) -> None:
    done = build_without(shim, pictures, tmp_path / "out", "-j2", flock=number)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("has no locks") == 1
    assert "Traceback" not in done.stderr
    assert "memory" not in done.stderr


@pytest.mark.parametrize(
    ("calls", "warning"),
    [
        ({"fsync": errno.EINVAL}, "cannot sync files"),
        ({"fsync": errno.ENOSYS}, "cannot sync files"),
        ({"fsync": errno.EOPNOTSUPP}, "cannot sync files"),
        ({"rename": errno.EEXIST}, "cannot replace files in one step"),
        ({"rename": errno.EPERM}, "cannot replace files in one step"),
        ({"mmap": errno.ENODEV}, ""),
    ],
)
def test_a_file_system_that_lacks_a_call_gives_a_lesser_guarantee_and_warns_once(
    calls: dict[str, int], warning: str, shim: Path, pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = build_without(shim, pictures, out, "-j1", "--format", "tar,hdf5", **calls)
    assert done.returncode == 0, done.stderr
    assert not warning or done.stderr.count(warning) == 1, done.stderr
    assert not list(out.rglob("*.partial"))
    assert verify(out).ok
    if "mmap" in calls:
        code = "import sys, fgbg_data; print(sum(s.image.ndim == 3 for s in fgbg_data.open_dataset(sys.argv[1])))"
        read = subprocess.run(
            [sys.executable, "-c", code, str(out)],
            env={**os.environ, "LD_PRELOAD": str(shim), "FAKE_ROOT": str(out), "FAKE_MMAP": str(errno.ENODEV)},
            capture_output=True,
            text=True,
        )
        assert (read.stdout, read.stderr) == ("12\n", "")


@pytest.fixture
def no_flock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the file system have no flock, and let holders write often."""

    def fail(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", fail)
    monkeypatch.setattr(locks.warnings, "warn", lambda text, **_: None)
    for name, seconds in (("BEAT_S", 0.05), ("STALE_S", 0.6), ("PART_BEAT_S", 0.05), ("PART_STALE_S", 0.6)):
        monkeypatch.setattr(locks, name, seconds)


@pytest.mark.usefixtures("no_flock")
def test_a_lock_of_a_live_build_is_seen_without_flock_and_one_of_a_dead_build_goes_stale(tmp_path: Path) -> None:
    with build_lock(tmp_path), pytest.raises(StorageError, match=f"process {os.getpid()} of "):
        enter(tmp_path, 1)
    (tmp_path / locks.LOCK).write_text(json.dumps({"host": "another-machine", "process": 1, "count": 7}))
    enter(tmp_path, 1)  # nobody counts there any more


def test_a_lock_says_who_holds_it(tmp_path: Path) -> None:
    with build_lock(tmp_path), pytest.raises(StorageError, match=rf"process {os.getpid()} of {socket.gethostname()}"):
        enter(tmp_path, 1)


def test_lock_files_that_were_left_or_belong_to_others_block_nothing(tmp_path: Path) -> None:
    for name in (locks.LOCK, locks.WORKERS_LOCK):
        (tmp_path / name).write_text("1234\nsome-host\n")
        (tmp_path / name).chmod(0o444)
    enter(tmp_path, 0)


def test_a_folder_that_cannot_be_written_is_one_error() -> None:
    with pytest.raises(StorageError, match=r"^/proc: cannot be written \("):
        enter(Path("/proc"), 0)


# --- parts --------------------------------------------------------------------------------------------------


def test_parts_run_together_and_no_whole_build_beside_them(tmp_path: Path) -> None:
    with part_lock(tmp_path, "1/3") as one, part_lock(tmp_path, "1/3"), part_lock(tmp_path, "2/3"):
        assert [holder.part for holder in parts_of(tmp_path)] == ["1/3", "1/3", "2/3"]
        with pytest.raises(StorageError, match=rf"a part of this build is running .*\(part 1/3, process {one.process}"):
            enter(tmp_path)
    enter(tmp_path)
    with (
        build_lock(tmp_path),
        pytest.raises(StorageError, match="another build is running"),
        part_lock(tmp_path, "1/3"),
    ):
        pass


@pytest.mark.usefixtures("no_flock")
@pytest.mark.parametrize("skew_s", [0, -86_400, 86_400])
def test_without_flock_a_part_that_writes_lives_and_one_that_stands_still_is_dead(tmp_path: Path, skew_s: int) -> None:
    """The clocks of the machines may differ by a day."""
    elsewhere = tmp_path / locks.PARTS / "2-of-3.0123.json"
    elsewhere.parent.mkdir()
    stop = threading.Event()

    def live() -> None:
        other = Holder(part="2/3", host="another", machine="another")
        while not stop.is_set():
            other.count += 1
            elsewhere.write_text(other.text())
            os.utime(elsewhere, (time.time() + skew_s,) * 2)
            time.sleep(0.05)

    thread = threading.Thread(target=live)
    thread.start()
    try:
        with pytest.raises(StorageError, match="part 2/3, process .* of another"):
            enter(tmp_path)
    finally:
        stop.set()
        thread.join()
    enter(tmp_path)  # it has been killed
    assert not elsewhere.exists()


@pytest.mark.usefixtures("no_flock")
def test_without_flock_a_part_of_a_process_that_has_ended_blocks_nothing(tmp_path: Path) -> None:
    dead = tmp_path / locks.PARTS / "1-of-3.0123.json"
    dead.parent.mkdir()
    dead.write_text(Holder(part="1/3", process=2**22 + 1).text())
    started = time.monotonic()
    enter(tmp_path)
    assert time.monotonic() - started < 0.5
    assert not dead.exists()


@pytest.mark.usefixtures("no_flock")
def test_in_a_bucket_a_build_keeps_parts_and_other_builds_away_and_a_dead_one_does_not(tmp_path: Path) -> None:
    with memory_store() as store:
        bucket = f"{store}/shards"
        here, there, third = (tmp_path / name for name in ("here", "there", "third"))  # machines with own folders
        for folder in (here, there, third):
            folder.mkdir()
        with part_lock(here, "1/3", bucket), part_lock(there, "2/3", bucket):
            assert [holder.part for holder in parts_of(bucket)] == ["1/3", "2/3"]
            with (
                pytest.raises(StorageError, match="a part of this build is running"),
                build_lock(third, bucket, wait_s=0),
            ):
                pass
        with (
            build_lock(here, bucket, wait_s=0),
            pytest.raises(StorageError, match="another build is running"),
            part_lock(there, "1/3", bucket),
        ):
            pass
        gone = Holder(part="2/3", host="another", machine="another")
        write_text(f"{bucket}/{locks.PARTS}/2-of-3.0123.json", gone.text())
        with build_lock(here, bucket, wait_s=0):  # its text stands still
            pass
        assert not parts_of(bucket)
