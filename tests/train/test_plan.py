"""`plan_fit`: what a run would do, what it refuses, and that it writes nothing."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.training import quick_config

from fgbg_train import FitConfig, fit, plan_fit
from fgbg_train.errors import CheckpointError, ConfigError, DataError, FgbgError, ResumeError, ScheduleError
from fgbg_train.run import checkpoint

ONE_EPOCH = {"schedule": "1@16x6"}


def test_a_plan_describes_the_run_and_writes_nothing(shards: Path, tmp_path: Path) -> None:
    described = str(plan_fit(shards, quick_config(cache_gb=1.0), out=tmp_path / "run"))
    assert "samples   24 train, 12 val; tested at the end: test" in described
    assert "stage     2 epochs of 24x24 px, batch 6: 8 steps" in described
    assert list(tmp_path.iterdir()) == []


def test_a_plan_without_configuration_is_that_of_the_preset_small(shards: Path) -> None:
    plan = plan_fit(shards)
    assert plan.config.model == FitConfig.preset("small").model
    assert str(plan.folder).startswith("runs/small-")


def test_a_folder_with_another_run_is_refused(shards: Path, shards_without_depth: Path, finished_run: Path) -> None:
    with pytest.raises(ResumeError, match=r"settings \(there / here\): lr \(0.001 / 0.1\)\. Choose another `out`"):
        plan_fit(shards, quick_config(lr=0.1), out=finished_run)
    with pytest.raises(ResumeError, match="holds a run on another dataset"):
        plan_fit(shards_without_depth, quick_config(), out=finished_run)
    with pytest.raises(ResumeError, match="is not empty, and holds no run"):
        plan_fit(shards, quick_config(), out=shards)


def test_a_dataset_that_has_grown_is_refused(shards: Path, finished_run: Path, tmp_path: Path) -> None:
    state = checkpoint.load(finished_run / "last.ckpt")
    checkpoint.save(tmp_path / "last.ckpt", {**state, "samples": {"train": 16, "val": 12}})
    with pytest.raises(ResumeError, match=r"which now has {'train': 24, 'val': 12}, because its build"):
        plan_fit(shards, quick_config(), out=tmp_path)


def test_an_unfinished_dataset_is_used_and_the_plan_says_so(shards: Path, tmp_path: Path) -> None:
    shutil.copytree(shards, tmp_path / "shards")
    manifest = tmp_path / "shards" / "dataset.json"
    manifest.write_text(manifest.read_text().replace('"complete": true', '"complete": false'))
    plan = plan_fit(tmp_path / "shards", quick_config(), out=tmp_path / "run")
    assert plan.notes == [f"{tmp_path / 'shards'}: its build is not finished; the finished samples are used"]
    shutil.rmtree(tmp_path / "shards" / "val")
    with pytest.raises(DataError, match="the split 'val' has no samples yet: its build has not finished, so run the"):
        plan_fit(tmp_path / "shards", quick_config(), out=tmp_path / "run")


def test_starting_afresh_takes_a_new_folder(shards: Path, finished_run: Path) -> None:
    plan = plan_fit(shards, quick_config(), out=finished_run, resume="none")
    assert plan.folder == finished_run.with_name("finished-2")


def test_another_experiment_gets_its_own_folder_and_the_same_settings_resume_the_right_one(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first = fit(str(shards), quick_config(**ONE_EPOCH))
    assert first.parent == Path("runs")
    second = fit(str(shards), quick_config(**ONE_EPOCH, lr=0.01))
    assert second == first.with_name(f"{first.name}-2")
    for lr, folder in ((1e-3, first), (0.01, second), (0.1, first.with_name(f"{first.name}-3"))):
        assert plan_fit(shards, quick_config(**ONE_EPOCH, lr=lr)).folder == folder
    assert plan_fit(shards, quick_config(**ONE_EPOCH, lr=0.1)).notes == [
        f"{first} has other settings (lr (0.001 / 0.1)): this run has the folder {first}-3"
    ]
    first.rename("mine")
    first.mkdir()
    (first / "notes.txt").touch()  # a folder of somebody else is left alone
    assert plan_fit(shards, quick_config(**ONE_EPOCH)).folder == first.with_name(f"{first.name}-3")


def test_without_depth_only_the_mask_network_is_planned(shards_without_depth: Path, tmp_path: Path) -> None:
    plan = plan_fit(shards_without_depth, quick_config(**ONE_EPOCH), out=tmp_path / "run")
    assert plan.notes == [f"{shards_without_depth} holds no depth: the mask network is trained alone"]
    assert plan.config.model.networks == "mask"
    with pytest.raises(DataError, match="holds no depth to train a depth network with"):
        plan_fit(shards_without_depth, quick_config(model={"networks": "depth"}), out=tmp_path / "run")


@pytest.mark.parametrize(
    ("settings", "kind", "message"),
    [
        ({"best": "rmse", "model": {"networks": "mask"}}, ConfigError, "best='rmse': expected one of mask_iou, "),
        ({"accumulate": 6, "schedule": "1@16x6"}, ConfigError, "a device gets one image at a time"),
        ({"limit": 1, "accumulate": 2}, ScheduleError, "1 training samples cannot be cut into 2 parts"),
        ({"loss": {"mask_bce": 0, "mask_dice": 0}}, ConfigError, "the mask network has no loss"),
        ({"model": {"mask_net": "light:nothing"}}, ConfigError, "'nothing' is no encoder of timm"),
        ({"model": {"depth_net": "light:vit_tiny_patch16_224"}}, ConfigError, "features at strides"),
        ({"model": {"mask_net": "light:resnet5"}}, ConfigError, "'resnet5' is no encoder of timm; did you mean "),
    ],
)
def test_mistakes_are_named_before_anything_is_written(
    settings: dict[str, Any], kind: type[FgbgError], message: str, shards: Path, tmp_path: Path
) -> None:
    for refused in (plan_fit, fit):  # --dry-run refuses what the run refuses
        with pytest.raises(kind, match=message):
            refused(shards, quick_config(**settings), out=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_weights_that_a_hub_cannot_give_are_refused_by_the_plan(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "empty"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ConfigError, match=r"the pretrained weights of \w+ cannot be loaded"):
        plan_fit(shards, quick_config(model={"mask_net": "light:resnet18", "start": "timm"}), out=tmp_path / "run")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_missing_gpu_is_named_before_anything_is_written(shards: Path, tmp_path: Path) -> None:
    for refused in (plan_fit, fit):
        with pytest.raises(ConfigError, match="device='cuda': this machine has none that torch .* can use"):
            refused(shards, quick_config(device="cuda"), out=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_saliency_refuses_a_depth_network_that_needs_a_mask(shards: Path, finished_run: Path, tmp_path: Path) -> None:
    model = {"objective": "saliency", "combine": "product"}
    config = quick_config(model=model, depth_weights=str(finished_run / "last.ckpt"))
    with pytest.raises(CheckpointError, match="its depth network was trained with combine='concat' and needs a mask"):
        plan_fit(shards, config, out=tmp_path / "run")
