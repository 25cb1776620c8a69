"""Parts of a build: any of them, in any order, at once or repeated, and then one plain build, give the same bytes."""

import os
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.build_command import message_of, run_build, snapshot
from helpers.datasets import config_for, contents
from helpers.stores import memory_store
from hypothesis import given
from hypothesis import strategies as st

from fgbg_data import build, build_status, verify, write_plan
from fgbg_data.config import BuildConfig
from fgbg_data.errors import ConfigError, FingerprintError, StorageError
from fgbg_data.runtime import files, locks
from fgbg_data.runtime.files import clear_partials, write_new_text, write_text, write_whole
from fgbg_data.runtime.holders import Holder
from fgbg_data.runtime.locks import build_lock, part_lock, parts_of
from fgbg_data.writing.part import Part


def small(pictures: Path, out: Path, **options: object) -> BuildConfig:
    """A build of 96 samples in 12 shards, with composed depth."""
    composed = {"depth": "fake", "depth_mode": "compose", "positions": 4, "estimator_batch": 2}
    return config_for(pictures, out, **(composed | options))


@pytest.fixture(scope="module")
def whole(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one build makes. Read only."""
    out = tmp_path_factory.mktemp("whole") / "out"
    build(small(pictures, out), progress=False)
    return out


# --- which part -----------------------------------------------------------------------------------------------


@given(st.integers(1, 40), st.integers(0, 200))
def test_parts_share_out_every_shard_once(count: int, shards: int) -> None:
    parts = [Part(number, count).of(range(shards)) for number in range(1, count + 1)]
    assert sorted(shard for part in parts for shard in part) == list(range(shards))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize(
    ("text", "environment", "part"),
    [
        ("3/8", {}, Part(3, 8)),
        ("slurm", {"ID": "0", "MIN": "0", "MAX": "7", "COUNT": "8"}, Part(1, 8)),
        ("slurm", {"ID": "8", "MIN": "1", "MAX": "8", "COUNT": "8", "STEP": "1"}, Part(8, 8)),
        ("slurm", {"ID": "30", "MIN": "10", "MAX": "40", "COUNT": "4", "STEP": "10"}, Part(3, 4)),
        ("slurm/9", {"ID": "3", "MIN": "3", "MAX": "7", "COUNT": "2"}, Part(4, 9)),
        ("k8s/5", {"JOB_COMPLETION_INDEX": "4"}, Part(5, 5)),
        ("k8s", {"JOB_COMPLETION_INDEX": "0", "FGBG_PARTS": "2"}, Part(1, 2)),
    ],
)
def test_the_environment_of_a_scheduler_names_the_part(text: str, environment: dict[str, str], part: Part) -> None:
    named = {name if "_" in name else f"SLURM_ARRAY_TASK_{name}": value for name, value in environment.items()}
    assert Part.parse(text, named) == part


@pytest.mark.parametrize(
    ("text", "environment", "problem"),
    [
        ("9/8", {}, "there is no part 9 of 8; expected a part from 1 to 8"),
        ("0/8", {}, "there is no part 0 of 8"),
        ("third", {}, "expected K/N, such as 3/8, or slurm"),
        ("-1/8", {}, "expected K/N"),
        ("slurm", {}, "the environment variable SLURM_ARRAY_TASK_ID is not set"),
        ("slurm", {"ID": "7", "MIN": "3", "MAX": "7", "COUNT": "2"}, "the array has gaps"),
        ("slurm/x", {"ID": "7"}, "expected a number of parts after /, such as slurm/8"),
        ("k8s", {"JOB_COMPLETION_INDEX": "1"}, "FGBG_PARTS is not set; expected a whole number, or part='k8s/N'"),
        ("k8s/1", {"JOB_COMPLETION_INDEX": "1"}, "there is no part 2 of 1"),
    ],
)
def test_a_part_that_does_not_exist_is_refused(text: str, environment: dict[str, str], problem: str) -> None:
    named = {name if "_" in name else f"SLURM_ARRAY_TASK_{name}": value for name, value in environment.items()}
    with pytest.raises(ConfigError) as caught:
        Part.parse(text, named)
    assert problem in str(caught.value)


# --- making them ----------------------------------------------------------------------------------------------


def test_parts_and_then_a_plain_build_write_the_bytes_of_one_build(pictures: Path, tmp_path: Path, whole: Path) -> None:
    out = tmp_path / "out"
    config = small(pictures, out)
    write_plan(config, progress=False)
    assert [path.name for path in out.iterdir()] == ["dataset.json"]
    assert not build(replace(config, part="2/3"), progress=False).complete
    estimated = {path: path.stat().st_mtime_ns for path in out.glob(".source-depth/*/*/*.npy")}
    assert len(estimated) == 7
    status = build_status(out)
    assert (status.finished, status.shards, status.complete) == (4, 12, False)
    assert status.splits["train"].missing[0] == range(0, 1)
    build(replace(config, part="3/3"), progress=False)
    build(replace(config, part="2/3"), progress=False)  # repeated
    build(replace(config, part="1/2"), progress=False)  # other parts overlap these
    assert {path: path.stat().st_mtime_ns for path in estimated} == estimated  # made once, shared by all
    assert build(config, progress=False).complete
    assert contents(out) == contents(whole)
    assert verify(out).ok
    assert build_status(out).complete
    assert not (out / locks.PARTS).exists()
    log = (out / "build.log").read_text()
    assert "build: 4 of 4 shards to make" in log  # the log of a part
    assert log.count("complete: 96 samples") == 1


def test_parts_at_once_share_the_depth_of_the_sources(pictures: Path, tmp_path: Path, whole: Path) -> None:
    out = tmp_path / "out"
    config = small(pictures, out)
    threads = [
        threading.Thread(target=build, args=(replace(config, part=f"{k}/3"),), kwargs={"progress": False})
        for k in (1, 2, 3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    claims = list(out.glob(".source-depth/*/*.claim"))
    assert len(claims) == 4  # batches of two of 4 backgrounds and 3 foregrounds
    build(config, progress=False)
    assert contents(out) == contents(whole)


@pytest.mark.parametrize(
    ("changed", "differs"),
    [
        ({"seed": 1}, "`seed` was 0 and is 1 now"),
        ({"depth": "none", "depth_mode": "infer", "estimator_batch": None}, "`depth` was fake and is none now"),
    ],
)
def test_a_part_with_other_options_is_refused(
    changed: dict[str, object], differs: str, pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    write_plan(small(pictures, out), progress=False)
    before = snapshot(out)
    with pytest.raises(FingerprintError) as caught:
        build(small(pictures, out, part="1/2", **changed), progress=False)
    assert differs in str(caught.value)
    assert "Start every part with the same options and sources" in str(caught.value)
    assert snapshot(out) == before


def test_a_part_with_other_sources_is_refused(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_plan(small(folder, out), progress=False)
    first, second = sorted((folder / "bg").iterdir())[:2]
    shutil.copy(second, first)
    with pytest.raises(FingerprintError, match="backgrounds: 1 gone or changed, 1 new"):
        build(small(folder, out, part="1/2"), progress=False)


def test_the_command_makes_a_part_and_says_what_comes_next(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "24 samples in 3 shards are planned" in run_build(folder, "--plan-only", "--shard-size", "8").output
    made = run_build(folder, "--part", "1/2", "--shard-size", "8")
    assert "part 1/2 is finished" in made.output, made.output
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "0")
    assert "part 1/2 is finished" in run_build(folder, "--part", "k8s/2", "--shard-size", "8").output
    status = run_build(folder, "--status").output
    assert "2 of 3 shards (not finished)" in status
    assert message_of(run_build(folder, "--status", "--plan-only")) == "--plan-only and --status: choose one of them"
    assert "a part would delete what others have made" in message_of(run_build(folder, "--part", "1/2", "--overwrite"))
    assert "there is no part 3 of 2" in message_of(run_build(folder, "--part", "3/2"))


# --- locks ----------------------------------------------------------------------------------------------------


def enter(folder: Path) -> None:
    with build_lock(folder, wait_s=0):
        pass


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


@pytest.fixture
def no_flock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without flock, where holders write often."""
    monkeypatch.setattr(locks, "_lock", lambda descriptor, path, shared=False: "not implemented")
    monkeypatch.setattr(locks.warnings, "warn", lambda text, **_: None)
    for name, seconds in (("BEAT_S", 0.05), ("STALE_S", 0.6), ("PART_BEAT_S", 0.05), ("PART_STALE_S", 0.6)):
        monkeypatch.setattr(locks, name, seconds)


@pytest.mark.usefixtures("no_flock")
@pytest.mark.parametrize("skew_s", [0, -86_400, 86_400])
def test_without_flock_a_part_that_writes_lives_and_one_that_stands_still_is_dead(tmp_path: Path, skew_s: int) -> None:
    """Whatever the clocks of the machines say."""
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


# --- files ----------------------------------------------------------------------------------------------------


def test_half_written_files_are_cleared_by_their_own_build_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with write_whole(tmp_path / "a.tar") as ours:
        ours.write_text("half")
        monkeypatch.setattr(files, "owner", "another1")
        with write_whole(tmp_path / "a.tar") as other:
            other.write_text("whole")
            monkeypatch.undo()
            assert clear_partials(tmp_path, files.owner) == 1
            assert not ours.exists()
            ours.write_text("again")
        assert (tmp_path / "a.tar").read_text() == "whole"
    assert (tmp_path / "a.tar").read_text() == "again"


def test_of_many_that_write_a_new_file_one_succeeds(tmp_path: Path) -> None:
    path, start = tmp_path / "dataset.json", threading.Barrier(8)
    written: list[str] = []

    def write(text: str) -> None:
        start.wait()
        if write_new_text(path, text):
            written.append(text)

    threads = [threading.Thread(target=write, args=(str(number) * 1000,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert written == [path.read_text()]
    assert list(tmp_path.iterdir()) == [path]


# --- buckets --------------------------------------------------------------------------------------------------


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
