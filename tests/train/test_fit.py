"""`fit`: what a run leaves behind, how it stops, and what it says when training cannot continue."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
import torch
from helpers.progress import PressesCtrlC
from helpers.training import differing_weights, quick_config, trained_weights
from PIL import Image

from fgbg_data.options import load_toml
from fgbg_train import FitConfig, Stopped, evaluate, fit, losses, plan_fit
from fgbg_train.errors import LossError, MemoryLimitError
from fgbg_train.run.log import read_rows
from fgbg_train.training.state import average

ONE_EPOCH = {"schedule": "1@16x6"}


def test_a_run_leaves_checkpoints_log_curves_pictures_and_a_summary(finished_run: Path) -> None:
    names = {p.name for p in finished_run.iterdir()}
    assert names == {
        "best.ckpt",
        "config.toml",
        "curves.png",
        "last.ckpt",
        "log.csv",
        "samples",
        "summary.json",
        "tensorboard",
    }
    rows = read_rows(finished_run / "log.csv")
    baseline = rows.pop(2)  # after the first epoch
    assert (baseline["split"], baseline["epoch"]) == ("guess", "1")
    assert [(r["epoch"], r["step"], r["split"], r["size_px"]) for r in rows[:6]] == [
        (str(e), str(s), split, str(px))
        for e, s, px in ((1, 4, 16), (2, 8, 24), (3, 12, 24))
        for split in ("train", "val")
    ]
    assert rows[6]["split"] == "test"
    assert all(float(r["mask_iou"]) <= 1 and 0 <= float(r["rmse_img"]) <= 1 for r in rows)
    summary = json.loads((finished_run / "summary.json").read_text())
    best = max(float(r["mask_iou"]) for r in rows if r["split"] == "val")
    assert summary["best"]["value"] == best
    assert summary["best"]["epoch"] == int(next(r["epoch"] for r in rows if r["mask_iou"] == str(best)))
    tested = summary["test"]["test"]
    worse = [
        name
        for name, sign in (("mask_iou", -1), ("rmse", 1))
        if sign * (tested[name] - tested[f"baseline_{name}"]) >= 0
    ]
    assert summary["worse_than_baseline"]["test"] == worse
    assert summary["test"]["test"]["rmse"] == float(rows[6]["rmse"])
    assert summary["steps"] == 12
    assert load_toml(finished_run / "config.toml")["schedule"] == "1@16x6,2@24x6"


def test_the_pictures_of_an_epoch_show_eight_samples_with_six_maps_each(finished_run: Path) -> None:
    picture = Image.open(finished_run / "samples" / "epoch_003.png")
    side, gap = 144, 6  # 24 px, enlarged by 6
    assert picture.width == 6 * (side + gap) + gap
    assert picture.height // (side + gap) == 6  # as many samples as are in a batch of val
    assert np.asarray(picture).std() > 0
    scales = np.asarray(picture)[-22:-18]  # below the last row, above their texts
    shown = [bool((scales[:, gap + i * (side + gap) :][:, :side] != 255).any()) for i in range(6)]
    assert shown == [False, False, False, True, True, True]  # depth, predicted depth and error


def test_a_finished_run_is_left_alone(shards: Path, finished_run: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in finished_run.rglob("*")}
    assert fit(shards, quick_config(), out=finished_run) == finished_run
    assert {p: p.stat().st_mtime_ns for p in finished_run.rglob("*")} == before


def test_the_schedule_is_chosen_for_the_dataset_and_written_down(shards: Path, tmp_path: Path) -> None:
    asked = quick_config(schedule="auto", epochs=2, limit=16, accumulate=3)
    folder = fit(shards, asked, out=tmp_path / "run")
    assert load_toml(folder / "config.toml")["schedule"] == "2@48x9"
    assert load_toml(folder / "config.toml")["epochs"] == 0
    described = str(plan_fit(shards, asked, out=folder))  # the same call resumes it
    assert f"going on with {folder} after step 2 of 2" in described


def test_without_depth_the_mask_network_is_trained_alone(shards_without_depth: Path, tmp_path: Path) -> None:
    run = fit(shards_without_depth, quick_config(**ONE_EPOCH), out=tmp_path / "run")
    row = read_rows(run / "log.csv")[0]
    assert row["mask_iou"]
    assert row["rmse"] == row["loss_depth_log"] == ""


def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_samples(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = losses.terms, 0

    def third_is_nan(*args: Any) -> dict[str, torch.Tensor]:
        nonlocal calls
        calls += 1
        return {name: t * float("nan") if calls == 3 else t for name, t in real(*args).items()}

    monkeypatch.setattr(losses, "terms", third_is_nan)
    with pytest.raises(LossError, match=r"the loss is nan at step 3 \(epoch 1\).* of the batch: room\d_thing\d"):
        fit(shards, quick_config(**ONE_EPOCH), out=tmp_path / "run")
    assert all(w.isfinite().all() for w in trained_weights(tmp_path / "run" / "last.ckpt").values())


def test_a_batch_that_does_not_fit_into_memory_is_an_error_that_says_what_to_change(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(losses, "terms", full)
    with pytest.raises(MemoryLimitError, match=r"a batch of 6 images of 16 px: use a smaller batch .*accumulate=2"):
        fit(shards, quick_config(**ONE_EPOCH), out=tmp_path / "run")


@pytest.mark.parametrize(("after", "stops_after"), [(1, 2), (4, 5)])
def test_ctrl_c_stops_after_the_next_step_and_the_same_call_goes_on(
    after: int, stops_after: int, shards: Path, finished_run: Path, tmp_path: Path
) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # tests may run in a shell's background, which ignores it
    config = quick_config(save_minutes=1000.0)
    with pytest.raises(Stopped, match=f"stopped after step {stops_after} of 12; run the same command to go on"):
        fit(shards, config, out=tmp_path / "run", progress=PressesCtrlC(after))
    fit(shards, config, out=tmp_path / "run")
    assert differing_weights(tmp_path / "run" / "last.ckpt", finished_run / "last.ckpt") == []


def test_the_parts_of_a_batch_give_the_gradient_of_the_whole_batch(shards: Path, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"schedule": "1@16x12", "optimizer": "sgd", "model": {"freeze_norm": True}, "clip": 0.0}
    whole = fit(shards, quick_config(**settings), out=tmp_path / "whole")
    parts = fit(shards, quick_config(**settings, accumulate=3), out=tmp_path / "parts")
    a, b = trained_weights(whole / "last.ckpt"), trained_weights(parts / "last.ckpt")
    assert all(torch.allclose(a[name], b[name], atol=1e-6) for name in a)
    assert float(read_rows(whole / "log.csv")[0]["loss"]) == pytest.approx(
        float(read_rows(parts / "log.csv")[0]["loss"]), rel=1e-5
    )


def test_averaged_weights_follow_the_model() -> None:
    a, b = torch.nn.BatchNorm1d(2), torch.nn.BatchNorm1d(2)
    with torch.no_grad():
        b.weight.fill_(3.0)
        b.num_batches_tracked.fill_(7)
    average(a, b, 0.5, step=100)
    assert a.weight.tolist() == [2.0, 2.0]
    assert a.num_batches_tracked.item() == 7
    average(a, b, 0.999, step=0)
    assert a.weight[0].item() == pytest.approx(2.9)


def test_saliency_keeps_the_depth_network_and_makes_the_mask_small(shards: Path, tmp_path: Path) -> None:
    depth = fit(shards, quick_config(**ONE_EPOCH, ema=0.0, model={"networks": "depth"}), out=tmp_path / "depth")
    settings = {**ONE_EPOCH, "depth_weights": str(depth / "last.ckpt")}
    config = quick_config(**settings, model={"objective": "saliency", "combine": "product"})
    run = fit(shards, config, out=tmp_path / "saliency")
    before, after = trained_weights(depth / "last.ckpt"), trained_weights(run / "last.ckpt")
    assert before
    assert all(torch.equal(weight, after[name]) for name, weight in before.items())
    assert float(read_rows(run / "log.csv")[0]["loss_sparsity"]) > 0


@pytest.fixture
def remote(shards: Path) -> Iterator[str]:
    """The dataset behind a URL."""
    memory = fsspec.filesystem("memory")
    memory.put(str(shards), "/remote/shards", recursive=True)
    yield "memory://remote/shards"
    memory.rm("/remote", recursive=True)


def test_a_dataset_behind_a_url_gives_the_same_run(remote: str, shards: Path, tmp_path: Path) -> None:
    here = fit(shards, quick_config(**ONE_EPOCH), out=tmp_path / "here")
    there = fit(remote, quick_config(**ONE_EPOCH, cache_gb=1.0), out=tmp_path / "there")
    assert differing_weights(here / "last.ckpt", there / "last.ckpt") == []
    found = evaluate(there / "best.ckpt", remote, splits=["test"], workers=0, device="cpu")
    assert found["test"]["rmse"] == pytest.approx(float(read_rows(here / "log.csv")[-1]["rmse"]))


@pytest.mark.slow  # its checkpoints are over a gigabyte
def test_the_preset_eva4_takes_a_step(shards: Path, tmp_path: Path) -> None:
    config = FitConfig.preset("eva4", schedule="1@16x4", limit=4, workers=0, device="cpu")
    run = fit(shards, config, out=tmp_path / "run")
    assert json.loads((run / "summary.json").read_text())["parameters"] == 67_569_473 + 25_259_761
