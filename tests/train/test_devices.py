"""Where a run computes: missing devices are named, and two processes give what one gives for the same batch."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers.training import TINY_NET, trained_weights

from fgbg_train.config import FitConfig
from fgbg_train.devices import make_fabric, resolve_device
from fgbg_train.errors import ConfigError
from fgbg_train.run.log import read_rows

OPTIONS = [
    *("--mask-net", TINY_NET, "--depth-net", TINY_NET, "--start", "random", "--freeze-norm"),
    *("--schedule", "1@16x6,1@24x6", "--optimizer", "sgd", "--workers", "0", "--device", "cpu"),
]


def fit_in_processes(shards: Path, out: Path, count: int) -> Path:
    command = [sys.executable, "-m", "fgbg_train.cli", "fit", str(shards), "--out", str(out), *OPTIONS]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([*command, "--devices", str(count)], check=True, capture_output=True, timeout=280, env=environment)
    return out


@pytest.mark.slow  # three more processes import torch
def test_two_processes_give_the_loss_curve_of_one(shards: Path, tmp_path: Path) -> None:
    one, two = (fit_in_processes(shards, tmp_path / str(count), count) for count in (1, 2))
    rows = [[row for row in read_rows(run / "log.csv") if row["split"] != "guess"] for run in (one, two)]
    assert [r["split"] for r in rows[0]] == [r["split"] for r in rows[1]] == ["train", "val"] * 2 + ["test"]
    for a, b in zip(*rows, strict=True):
        for name in ("loss", "loss_mask_dice", "mask_iou_img", "rmse", "rmse_img", "delta1"):
            assert float(a[name]) == pytest.approx(float(b[name]), rel=1e-4, abs=1e-4), name
    a, b = trained_weights(one / "last.ckpt"), trained_weights(two / "last.ckpt")
    assert all(torch.allclose(a[name], b[name], atol=1e-5) for name in a)


def test_an_unknown_device_is_named() -> None:
    assert resolve_device("cpu") == "cpu"
    with pytest.raises(ConfigError, match="device='gpu': expected one of auto, cpu, cuda, mps; did you mean 'cpu'?"):
        resolve_device("gpu")


def test_under_torchrun_the_number_of_its_processes_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "3")
    monkeypatch.setenv("GROUP_WORLD_SIZE", "2")
    fabric = make_fabric(FitConfig(device="cpu"))
    assert fabric._connector._num_nodes_flag == 2
    assert fabric.strategy.num_processes == 3
