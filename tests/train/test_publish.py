"""`fgbg-train push`: the best weights of a run go to the Hub, with a card that says what was measured."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from helpers.hub_server import TOKEN, Hub, running_hub
from helpers.training import TINY_NET, quick_config

from fgbg_train import load_model, push
from fgbg_train.errors import CheckpointError, ConfigError
from fgbg_train.use.publish import model_card

pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed (extra hub)")

EXAM = {
    "exam": "/home/me/photos",
    "sets": {"street": {"pictures": 3.0, "mask_iou_img": 0.625, "baseline_mask_iou_img": 0.25}},
    "pooled": {},
    "mean_of_sets": {},
    "protocol": {"size": "24 px"},
    "notes": [],
}


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running_hub() as found:
        yield found


def test_push_sends_the_best_weights_and_a_card_with_what_was_measured(
    hub: Hub, finished_run: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)
    summary = json.loads((run / "summary.json").read_text())
    (run / "summary.json").write_text(json.dumps({**summary, "exam": EXAM, "worse_than_baseline": {"test": ["rmse"]}}))
    done = subprocess.run(
        [sys.executable, "-m", "fgbg_train", "push", str(run), "hf://me/mine", "--private"],
        env={**os.environ, "HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN, "HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert f"{run} is at {hub.url}/me/mine" in done.stdout
    assert hub.private is True
    kept = {"config.toml", "summary.json", "curves.png"}
    assert set(hub.files) - {".gitattributes"} == {"README.md", "model.safetensors", "samples.png", *kept}
    assert hub.files["curves.png"] == (run / "curves.png").read_bytes()
    assert hub.files["config.toml"] == (run / "config.toml").read_bytes()
    assert json.loads(hub.files["summary.json"])["test"] == summary["test"]
    assert hub.files["samples.png"] == (run / "samples" / "epoch_003.png").read_bytes()

    (tmp_path / "model.safetensors").write_bytes(hub.files["model.safetensors"])
    there, here = load_model(tmp_path / "model.safetensors").state_dict(), load_model(run).state_dict()
    assert there.keys() == here.keys()
    assert all(torch.equal(there[name], here[name]) for name in here)

    card = hub.files["README.md"].decode()
    assert card.startswith("---\nlibrary_name: fgbg\npipeline_tag: image-segmentation\ntags:\n- fgbg\n")
    tested = summary["test"]["test"]
    assert f"| mask_iou | {tested['mask_iou']:.4f} | {tested['baseline_mask_iou']:.4f} |" in card
    assert "**On `test`, worse than a baseline without a model: rmse.**" in card
    assert "street" in card
    assert "0.625" in card
    for name in ("README.md", "summary.json", "config.toml"):
        assert b"/home/me" not in hub.files[name]  # folders of this machine are nobody's business
        assert str(tmp_path.parent).encode() not in hub.files[name]
    assert "![Loss and metrics of the run](curves.png)" in card
    assert 'schedule = "1@16x6,2@24x6"' in card


def test_the_card_says_which_network_predicts_what() -> None:
    summary = {"parameters": 1234, "steps": 5, "fingerprint": "abc", "test": {}, "versions": {}}
    both = model_card("me/mine", quick_config(), summary, [])
    assert f"It has the mask network `{TINY_NET}` and the depth network `{TINY_NET}`, with 1,234 parameters." in both
    assert "tags:\n- fgbg\n- image-segmentation\n- depth-estimation\n---" in both
    depth = model_card("me/mine", quick_config(model={"networks": "depth"}), summary, [])
    assert f"predicts relative inverse depth of a picture. It has the depth network `{TINY_NET}`, with" in depth
    assert "pipeline_tag: depth-estimation\ntags:\n- fgbg\n- depth-estimation\n---" in depth


def test_the_card_of_a_run_of_an_earlier_version_also_names_what_is_worse_than_a_baseline() -> None:
    summary = {"parameters": 1, "steps": 1, "fingerprint": "a", "test": {}, "versions": {}}
    card = model_card("me/mine", quick_config(), {**summary, "worse_than_guessing": {"test": ["rmse"]}}, [])
    assert "**On `test`, worse than a baseline without a model: rmse.**" in card


def test_a_wrong_address_and_an_unfinished_run_are_refused(finished_run: Path, tmp_path: Path) -> None:
    for url in ("me/mine", "hf://datasets/me/mine", "hf://mine"):
        with pytest.raises(ConfigError, match=r"is not the address of a model on the Hub; expected hf://USER/NAME"):
            push(finished_run, url)
    with pytest.raises(CheckpointError, match=r"holds no finished run, because it has no summary.json"):
        push(tmp_path, "hf://me/mine")
