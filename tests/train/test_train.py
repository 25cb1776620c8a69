import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.training import differing, quick, weights
from PIL import Image

from fgbg_train import train
from fgbg_train.config import read_toml
from fgbg_train.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    FgbgError,
    LossError,
    MemoryLimitError,
    ResumeError,
    ScheduleError,
)
from fgbg_train.measure import losses
from fgbg_train.prepare import describe, prepare
from fgbg_train.run import checkpoint
from fgbg_train.run.log import read_rows
from fgbg_train.run.stopping import Stopped
from fgbg_train.train import average, fit, is_out_of_memory

ONE = {"schedule": "1@16x6"}


def test_what_a_run_leaves(finished: Path) -> None:
    names = {p.name for p in finished.iterdir()}
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
    rows = read_rows(finished / "log.csv")
    assert [(r["epoch"], r["step"], r["split"], r["size_px"]) for r in rows[:6]] == [
        (str(e), str(s), split, str(px))
        for e, s, px in ((0, 4, 16), (1, 8, 24), (2, 12, 24))
        for split in ("train", "val")
    ]
    assert rows[6]["split"] == "test"
    assert all(float(r["mask_iou"]) <= 1 and 0 <= float(r["rmse_img"]) <= 1 for r in rows)
    summary = json.loads((finished / "summary.json").read_text())
    best = max(float(r["mask_iou"]) for r in rows if r["split"] == "val")
    assert summary["best"]["value"] == best
    assert summary["test"]["test"]["rmse"] == float(rows[6]["rmse"])
    assert summary["steps"] == 12
    assert read_toml(finished / "config.toml")["schedule"] == "1@16x6,2@24x6"
    assert Image.open(finished / "samples" / "epoch_003.png").size == (6 * 150 + 6, 26 + 6 * 150)


def test_a_finished_run_is_left_alone(shards: Path, finished: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in finished.rglob("*")}
    assert fit(shards, quick(), out=finished) == finished
    assert {p: p.stat().st_mtime_ns for p in finished.rglob("*")} == before


def test_a_folder_with_another_run_is_refused(shards: Path, shards_without_depth: Path, finished: Path) -> None:
    with pytest.raises(ResumeError, match=r"other settings \(there / here\): lr \(0.001 / 0.1\)\. Give"):
        prepare(shards, quick(lr=0.1), out=finished)
    with pytest.raises(ResumeError, match="holds a run on another dataset"):
        prepare(shards_without_depth, quick(), out=finished)
    with pytest.raises(ResumeError, match="not empty and not a run"):
        prepare(shards, quick(), out=shards)


def test_a_dataset_that_has_grown_is_refused(shards: Path, finished: Path, tmp_path: Path) -> None:
    state = checkpoint.load(finished / "last.ckpt")
    checkpoint.save(tmp_path / "last.ckpt", {**state, "samples": {"train": 16, "val": 12}})
    with pytest.raises(ResumeError, match=r"which now has {'train': 24, 'val': 12}: its build"):
        prepare(shards, quick(), out=tmp_path)


def test_an_unfinished_dataset_is_used_and_said_so(shards: Path, tmp_path: Path) -> None:
    shutil.copytree(shards, tmp_path / "shards")
    manifest = tmp_path / "shards" / "dataset.json"
    manifest.write_text(manifest.read_text().replace('"complete": true', '"complete": false'))
    plan = prepare(tmp_path / "shards", quick(), out=tmp_path / "run")
    assert plan.notes == [f"{tmp_path / 'shards'}: its build is not finished; the samples that are there are used"]


def test_starting_afresh_takes_a_new_folder(shards: Path, finished: Path) -> None:
    assert prepare(shards, quick(), out=finished, resume="none").folder == finished.with_name("finished-2")


def test_a_plan_writes_nothing_and_can_be_told(shards: Path, tmp_path: Path) -> None:
    told = describe(prepare(shards, quick(cache_gb=1.0), out=tmp_path / "run"))
    assert "samples   24 train, 12 val; tested at the end: test" in told
    assert "stage     2 epochs of 24x24 px, batch 6: 8 steps" in told
    assert list(tmp_path.iterdir()) == []


def test_the_schedule_is_made_for_the_dataset_and_written_down(shards: Path, tmp_path: Path) -> None:
    asked = quick(schedule="auto", epochs=2, limit=16, accumulate=3)
    folder = fit(shards, asked, out=tmp_path / "run")
    assert read_toml(folder / "config.toml")["schedule"] == "2@48x9"
    assert read_toml(folder / "config.toml")["epochs"] == 0
    told = describe(prepare(shards, asked, out=folder))  # the same command goes on
    assert f"going on with {folder} after step 2 of 2" in told


def test_without_depth_the_mask_is_trained_alone(shards_without_depth: Path, tmp_path: Path) -> None:
    plan = prepare(shards_without_depth, quick(**ONE), out=tmp_path / "run")
    assert plan.notes == [f"{shards_without_depth} holds no depth: the mask network is trained alone"]
    run = fit(shards_without_depth, quick(**ONE), out=tmp_path / "run")
    row = read_rows(run / "log.csv")[0]
    assert row["mask_iou"]
    assert row["rmse"] == row["loss_depth_log"] == ""
    with pytest.raises(DataError, match="holds no depth to train a depth network with"):
        prepare(shards_without_depth, quick(model={"networks": "depth"}), out=tmp_path / "x")


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"best": "mask_iuo"}, ConfigError, "best = 'mask_iuo': one of mask_iou, "),
        ({"device": "tpu"}, ConfigError, "device='tpu': one of auto, cpu, cuda, mps is needed"),
        ({"accumulate": 6, "schedule": "1@16x6"}, ConfigError, "a device gets one image at a time"),
        ({"limit": 1, "accumulate": 2}, ScheduleError, "1 training samples cannot be cut into 2 parts"),
        ({"loss": {"mask_bce": 0, "mask_dice": 0}}, ConfigError, "the mask network has no loss"),
        ({"model": {"mask_net": "light:nothing"}}, ConfigError, "'nothing' is no timm encoder"),
    ],
)
def test_mistakes_are_told_before_anything_is_written(
    options: dict[str, Any], kind: type[FgbgError], message: str, shards: Path, tmp_path: Path
) -> None:
    with pytest.raises(kind, match=message):
        fit(shards, quick(**options), out=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there(shards: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="device='cuda': there is none on this machine"):
        fit(shards, quick(device="cuda"), out=tmp_path / "run")


def test_a_loss_that_is_not_finite_stops_and_names_the_samples(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = losses.terms, 0

    def third_is_nan(*args: Any) -> dict[str, torch.Tensor]:
        nonlocal calls
        calls += 1
        return {name: t * float("nan") if calls == 3 else t for name, t in real(*args).items()}

    monkeypatch.setattr(losses, "terms", third_is_nan)
    with pytest.raises(LossError, match=r"the loss is nan at step 2 \(epoch 1\).* of the batch: room\d_thing\d"):
        fit(shards, quick(**ONE), out=tmp_path / "run")
    assert all(w.isfinite().all() for w in weights(tmp_path / "run" / "last.ckpt").values())


def test_out_of_memory_says_what_to_change(shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(losses, "terms", full)
    with pytest.raises(MemoryLimitError, match=r"a batch of 6 images of 16 px: use a smaller batch .*accumulate=2"):
        fit(shards, quick(**ONE), out=tmp_path / "run")
    assert not is_out_of_memory(RuntimeError("something else"))


def test_an_interrupted_run_goes_on(
    shards: Path, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = train.train_step

    def interrupt_second(*args: Any) -> train.Flags:
        flags = real(*args)
        return train.Flags(stop=args[4].index == 1, save=flags.save)

    with monkeypatch.context() as patch:
        patch.setattr(train, "train_step", interrupt_second)
        with pytest.raises(Stopped, match="stopped after step 2 of 12; run the same command to go on"):
            fit(shards, quick(save_minutes=1000.0), out=tmp_path / "run")
    fit(shards, quick(save_minutes=1000.0), out=tmp_path / "run")
    assert differing(weights(tmp_path / "run" / "last.ckpt"), weights(finished / "last.ckpt")) == []


def test_parts_of_a_batch_give_the_gradient_of_the_whole(shards: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"schedule": "1@16x12", "optimizer": "sgd", "model": {"freeze_norm": True}, "clip": 0.0}
    whole = fit(shards, quick(**options), out=tmp_path / "whole")
    parts = fit(shards, quick(**options, accumulate=3), out=tmp_path / "parts")
    a, b = weights(whole / "last.ckpt"), weights(parts / "last.ckpt")
    assert all(torch.allclose(a[name], b[name], atol=1e-6) for name in a)
    assert float(read_rows(whole / "log.csv")[0]["loss"]) == pytest.approx(
        float(read_rows(parts / "log.csv")[0]["loss"]), rel=1e-5
    )


def test_averaged_weights_follow_the_model() -> None:
    a, b = torch.nn.BatchNorm1d(2), torch.nn.BatchNorm1d(2)
    with torch.no_grad():
        b.weight.fill_(3.0)
        b.num_batches_tracked.fill_(7)
    average(a, b, 0.5, step=100)  # type: ignore[arg-type]
    assert a.weight.tolist() == [2.0, 2.0]
    assert a.num_batches_tracked.item() == 7
    average(a, b, 0.999, step=0)  # type: ignore[arg-type]
    assert a.weight[0].item() == pytest.approx(2.9)


def test_saliency_keeps_the_depth_network(shards: Path, tmp_path: Path) -> None:
    depth = fit(shards, quick(**ONE, ema=0.0, model={"networks": "depth"}), out=tmp_path / "depth")
    options = {**ONE, "depth_weights": str(depth / "last.ckpt")}
    config = quick(**options, model={"objective": "saliency", "combine": "product"})
    run = fit(shards, config, out=tmp_path / "saliency")
    before, after = weights(depth / "last.ckpt"), weights(run / "last.ckpt")
    kept = {name: w for name, w in after.items() if name.startswith("depth_net.")}
    assert differing(before, kept) == []
    assert float(read_rows(run / "log.csv")[0]["loss_sparsity"]) > 0


def test_saliency_refuses_a_network_that_needs_a_mask(shards: Path, finished: Path, tmp_path: Path) -> None:
    model = {"objective": "saliency", "combine": "product"}
    with pytest.raises(CheckpointError, match="its depth network was trained with combine='concat' and needs a mask"):
        prepare(shards, quick(model=model, depth_weights=str(finished / "last.ckpt")), out=tmp_path / "x")


@pytest.mark.slow  # its checkpoints are over a gigabyte
def test_eva4_takes_a_step(shards: Path, tmp_path: Path) -> None:
    from fgbg_train.config import build

    config = build("eva4", {"schedule": "1@16x4", "limit": 4, "workers": 0, "device": "cpu"})
    run = fit(shards, config, out=tmp_path / "run")
    assert json.loads((run / "summary.json").read_text())["parameters"] == 67_569_473 + 25_259_761


def test_pictures_have_a_column_for_everything(finished: Path) -> None:
    picture = np.asarray(Image.open(finished / "samples" / "epoch_001.png"))
    assert picture.dtype == np.uint8
    assert picture.std() > 0
