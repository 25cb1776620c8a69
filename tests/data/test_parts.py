"""Parts of a build: any of them, in any order, at once or repeated, and then one plain build, give the same bytes."""

import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.build_command import message_of, run_build, snapshot
from helpers.datasets import config_for, contents
from hypothesis import given
from hypothesis import strategies as st

from fgbg_data import build, build_status, verify, write_plan
from fgbg_data.config import BuildConfig
from fgbg_data.errors import ConfigError, FingerprintError
from fgbg_data.runtime import locks
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
