"""Runs under torchrun: killed and resumed with another number of processes, they take the same batches."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from helpers.training import TINY_NET, differing_weights, quick_config, trained_weights

from fgbg_train.data.stream import Part, Stream
from fgbg_train.errors import ConfigError
from fgbg_train.run.checkpoint import load
from fgbg_train.run.log import read_rows
from fgbg_train.schedule import Schedule, parse
from fgbg_train.training.plan import plan_fit

OPTIONS = [
    *("--mask-net", TINY_NET, "--depth-net", TINY_NET, "--set", "model.start=random", "--freeze-norm"),
    *("--schedule", "2@16x8,2@24x8", "--optimizer", "sgd", "--workers", "0", "--device", "cpu", "--save-minutes", "0"),
]


def start(shards: Path, out: Path, count: int) -> "subprocess.Popen[bytes]":
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
    command = [*torchrun, "-m", "fgbg_train.cli", "fit", str(shards), "--out", str(out), *OPTIONS]
    with out.with_suffix(".txt").open("ab") as log:
        return subprocess.Popen(
            command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=log, stderr=log, start_new_session=True
        )


def finish(shards: Path, out: Path, count: int) -> Path:
    assert start(shards, out, count).wait(280) == 0, out.with_suffix(".txt").read_text()
    return out


def kill_after(shards: Path, out: Path, count: int, step: int) -> None:
    """Start a run, and kill all of its processes when its checkpoint has reached a step."""
    run = start(shards, out, count)
    deadline = time.monotonic() + 280
    while time.monotonic() < deadline and run.poll() is None:
        if (out / "last.ckpt").exists() and load(out / "last.ckpt")["step"] >= step:
            break
        time.sleep(0.02)
    assert run.poll() is None, out.with_suffix(".txt").read_text()
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()


@pytest.mark.slow  # it starts torch fourteen times
def test_a_run_resumed_with_1_2_and_4_processes_learns_what_an_unbroken_one_does(shards: Path, tmp_path: Path) -> None:
    whole = finish(shards, tmp_path / "whole", 1)
    changed = tmp_path / "changed"
    for count, step in ((1, 2), (2, 4), (4, 7)):
        kill_after(shards, changed, count, step)
    finish(shards, changed, 2)
    rows = [
        [row for row in read_rows(run / "log.csv") if row["split"] in ("train", "val", "test")]
        for run in (whole, changed)
    ]
    seen = [[(row["epoch"], row["step"], row["split"]) for row in some] for some in rows]
    assert seen[0] == seen[1]
    for a, b in zip(*rows, strict=True):
        for name in ("loss", "mask_iou_img", "rmse"):
            assert float(a[name]) == pytest.approx(float(b[name]), rel=1e-4, abs=1e-4), name
    a, b = trained_weights(whole / "last.ckpt"), trained_weights(changed / "last.ckpt")
    assert all(torch.allclose(a[name], b[name], atol=1e-5) for name in a)


@pytest.mark.slow  # it starts torch six times
def test_two_processes_that_are_killed_and_resumed_give_the_same_bits(shards: Path, tmp_path: Path) -> None:
    whole = finish(shards, tmp_path / "whole", 2)
    kill_after(shards, tmp_path / "killed", 2, 5)
    finish(shards, tmp_path / "killed", 2)
    assert differing_weights(whole / "last.ckpt", tmp_path / "killed" / "last.ckpt") == []


@pytest.mark.parametrize("start_step", [0, 1, 5])
def test_every_number_of_processes_takes_the_same_batches(start_step: int) -> None:
    def batches(world: int) -> list[tuple[str, list[int]]]:
        streams = [
            Stream(
                schedule=Schedule(parse("2@16x8,1@24x4"), 30, world),
                seed=3,
                num_val=10,
                start_step=start_step,
                part=Part(rank=rank, world=world),
            )
            for rank in range(world)
        ]
        return [
            (segments[0].split, sorted(item.sample for part in parts for item in part))
            for segments in zip(*streams, strict=True)
            for parts in zip(*(segment.batches for segment in segments), strict=True)
        ]

    assert batches(1) == batches(2) == batches(4)


def test_a_batch_that_the_processes_of_torchrun_cannot_share_is_refused(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    with pytest.raises(ConfigError, match="a batch of 6 cannot be cut into 4 equal parts"):
        plan_fit(shards, quick_config(), out=tmp_path / "run")


def test_several_machines_keep_resized_samples_each_for_itself(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert plan_fit(shards, quick_config(), out=tmp_path / "run").cache_folder == tmp_path / "run" / "cache"
    monkeypatch.setenv("GROUP_WORLD_SIZE", "2")
    plan = plan_fit(shards, quick_config(), out=tmp_path / "run")
    assert plan.cache_folder.parent == tmp_path / "cache" / "fgbg-data" / "runs"
    assert plan.caches
    assert all(cache.path.is_relative_to(plan.cache_folder) for cache in plan.caches)
