"""Every kind of estimator through a whole build: workers, resume, manifest, card, and the server."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from helpers.datasets import config_for, contents
from helpers.depth_models import PLAIN, save_model, write_onnx

from fgbg_data import open_dataset
from fgbg_data.building.build import build
from fgbg_data.cli import main
from fgbg_data.dataset.differences import differences
from fgbg_data.dataset.identity import EstimatorIdentity
from fgbg_data.dataset.json_values import from_json
from fgbg_data.depth.registry import load_estimator
from fgbg_data.depth.server import EstimatorServer, RemoteEstimator
from fgbg_data.errors import EstimatorError, FingerprintError

SMALL: dict[str, Any] = {"samples": 12, "shard_size": 4, "val": 0, "test": 0}


@pytest.fixture
def green(tmp_path: Path) -> str:
    """An ONNX file that takes green for near."""
    path = write_onnx(tmp_path / "models" / "green.onnx", PLAIN + 'licence = "CC-BY-NC-4.0"\n')
    return f"onnx:{path}"


def test_an_only_worker_takes_the_estimator_that_is_loaded(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []

    def load(name: str, *more: Any) -> Any:
        loaded.append(name)
        return load_estimator(name, *more)

    monkeypatch.setattr("fgbg_data.building.estimating.load_estimator", load)
    threads = torch.get_num_threads()
    build(config_for(pictures, tmp_path / "out", depth="tiny", jobs=1, **SMALL))
    assert loaded == ["tiny"]
    assert torch.get_num_threads() == threads


@pytest.mark.filterwarnings("ignore:onnx.green.onnx. its licence")
def test_workers_and_resume_change_nothing(green: str, pictures: Path, tmp_path: Path) -> None:
    build(config_for(pictures, tmp_path / "one", depth=green, **SMALL))
    build(config_for(pictures, tmp_path / "two", depth=green, jobs=2, **SMALL))
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    (tmp_path / "two" / "train" / "fgbg-train-000001.json").unlink()
    (tmp_path / "two" / "dataset.json").unlink()
    build(config_for(pictures, tmp_path / "two", depth=green, **SMALL))
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    sample = open_dataset(tmp_path / "one", fields=("image", "depth"))[0]
    assert sample.depth is not None
    assert np.corrcoef(sample.image[..., 1].ravel(), sample.depth.ravel())[0, 1] > 0.999


def test_manifest_and_card_name_the_model_and_its_licence(green: str, pictures: Path, tmp_path: Path) -> None:
    with pytest.warns(
        UserWarning, match="onnx:green.onnx: its licence, CC-BY-NC-4.0, is for non-commercial use"
    ) as seen:
        build(config_for(pictures, tmp_path / "out", depth=green, **SMALL))
    assert len(seen) == 1
    text = (tmp_path / "out" / "dataset.json").read_text()
    identity = json.loads(text)["identity"]
    assert identity["config"]["depth"] == identity["estimator"]["name"] == "onnx:green.onnx"
    assert identity["estimator"]["licence"] == "CC-BY-NC-4.0"
    assert str(tmp_path) not in text
    card = (tmp_path / "out" / "README.md").read_text()
    assert "Licence of the model: CC-BY-NC-4.0. It is for non-commercial use." in card
    text = CliRunner().invoke(main, ["info", str(tmp_path / "out")]).stdout
    assert " inferred by onnx:green.onnx, licence CC-BY-NC-4.0\n" in text
    assert ["train", "12", "3", "4", "3"] in [line.split() for line in text.splitlines()]


@pytest.mark.filterwarnings("ignore:onnx.green.onnx. its licence")
def test_other_weights_are_another_dataset(green: str, pictures: Path, tmp_path: Path) -> None:
    """Whatever the file is called: its digest counts, and so does how pictures are prepared."""
    build(config_for(pictures, tmp_path / "out", depth=green, **SMALL))
    moved = tmp_path / "elsewhere"
    shutil.copytree(tmp_path / "models", moved)
    build(config_for(pictures, tmp_path / "out", depth=f"onnx:{moved / 'green.onnx'}", **SMALL))
    write_onnx(moved / "green.onnx", PLAIN.replace("[1, 1, 1]", "[1, 1, 2]"), weights=(0, 2, 0))
    with pytest.raises(FingerprintError) as caught:
        build(config_for(pictures, tmp_path / "out", depth=f"onnx:{moved / 'green.onnx'}", **SMALL))
    for part in (
        "the estimator's weights_sha256 was ",
        "the estimator's preprocessing was recipe-",
        "the estimator's licence was ",
    ):
        assert part in str(caught.value)


def test_a_model_that_gives_no_number_stops_the_build(pictures: Path, tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "nan.onnx", weights=(0, float("nan"), 0))
    with pytest.raises(EstimatorError, match=r"room\d_thing\d_\d+m?: depth='onnx:.*' gave a depth that is not finite"):
        build(config_for(pictures, tmp_path / "out", depth=f"onnx:{path}", **SMALL))


def test_a_server_lends_a_model_of_transformers(pictures: Path, tmp_path: Path) -> None:
    """As on a GPU, where workers have none of their own."""
    name = f"hf:{save_model('dpt', tmp_path / 'dpt')}"
    build(config_for(pictures, tmp_path / "out", depth=name, estimator_batch=2, **SMALL))
    dataset = open_dataset(tmp_path / "out", fields=("image", "depth"))
    images = np.stack([dataset[number].image for number in (0, 1)])
    estimator = load_estimator(name, "cpu", 2)
    with EstimatorServer(estimator) as server:
        depth = RemoteEstimator(server.address, name, 2).estimate(images)
    np.testing.assert_array_equal(depth, estimator.estimate(images))
    for guess, number in zip(depth, (0, 1), strict=True):
        stored = dataset[number].depth
        assert stored is not None
        np.testing.assert_allclose(stored, (guess - guess.min()) / np.ptp(guess), atol=2e-3)
    identity = json.loads((tmp_path / "out" / "dataset.json").read_text())["identity"]
    assert identity["estimator"]["name"] == "hf:dpt"


def test_workers_load_a_model_of_transformers_themselves(pictures: Path, tmp_path: Path) -> None:
    """And they compute with as many threads as a process that is the only worker."""
    name = f"hf:{save_model('dpt', tmp_path / 'dpt')}"
    threads = torch.get_num_threads()
    for jobs in (1, 2):
        build(config_for(pictures, tmp_path / str(jobs), depth=name, jobs=jobs, **SMALL))
    assert contents(tmp_path / "1") == contents(tmp_path / "2")
    assert torch.get_num_threads() == threads


@pytest.mark.slow
def test_a_resumed_build_of_depth_from_transformers_is_the_same(pictures: Path, tmp_path: Path) -> None:
    """One shard is left, so there is one worker, in this process."""
    name = f"hf:{save_model('dpt', tmp_path / 'dpt')}"
    config = config_for(pictures, tmp_path / "out", depth=name, jobs=2, **SMALL)
    build(config)
    whole = contents(tmp_path / "out")
    (tmp_path / "out" / "train" / "fgbg-train-000001.json").unlink()
    build(config)
    assert contents(tmp_path / "out") == whole


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub, and no way to the hub."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("infer", "it is the one that is fast enough for every composite on a CPU"),
        ("compose", "depth-anything/Depth-Anything-V2-Small-hf is not in the cache of this machine"),
    ],
)
def test_auto_is_tiny_on_a_cpu_and_without_weights(
    hub: Path, pictures: Path, tmp_path: Path, mode: str, reason: str
) -> None:
    options = ["--device", "cpu", "--depth-mode", mode, "--size", "32", "--samples", "4", "--val", "0", "--test", "0"]
    folders = ["--bg", str(pictures / "bg"), "--fg", str(pictures / "fg"), "--jobs", "1"]
    result = CliRunner().invoke(main, ["build", *folders, *options, "--out", str(tmp_path / "auto"), "--depth", "auto"])
    assert result.exit_code == 0, result.output
    assert f"depth estimator: tiny, because {reason}" in result.output
    assert CliRunner().invoke(main, ["build", *folders, *options, "--out", str(tmp_path / "tiny")]).exit_code == 0
    assert contents(tmp_path / "auto") == contents(tmp_path / "tiny")


def test_auto_takes_published_weights_to_compose_depth_and_a_resumed_build_keeps_them(
    hub: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = save_model("depth_anything", hub / "models--depth-anything--Depth-Anything-V2-Small-hf/snapshots/c0ffee")
    (folder.parents[1] / "refs").mkdir()
    (folder.parents[1] / "refs" / "main").write_text("c0ffee")
    small = SMALL | {"size": 32, "depth": "auto", "device": "cpu"}
    config = config_for(pictures, tmp_path / "out", depth_mode="compose", **small)
    begun = build(config, progress=True)
    assert begun.identity.config.values["depth"] == "depth-anything-v2-small"
    shown = capsys.readouterr()
    assert "depth estimator: depth-anything-v2-small, because it runs only once on each source" in shown.out + shown.err
    (tmp_path / "out" / "train" / "fgbg-train-000001.json").unlink()
    assert build(config).fingerprint == begun.fingerprint
    shutil.rmtree(hub)
    (tmp_path / "out" / "train" / "fgbg-train-000001.json").unlink()
    with pytest.raises(EstimatorError, match="is not in the cache of this machine"):  # and not another estimator
        build(config)


def test_a_folder_that_torch_began_is_refused_with_both_engines_named(pictures: Path, tmp_path: Path) -> None:
    """Before there were two engines, the identity of `tiny` named none; on a GPU it still names none."""
    identity = build(config_for(pictures, tmp_path / "out", depth="tiny", jobs=1, **SMALL | {"size": 32})).identity
    assert identity.estimator is not None
    values = {name: value for name, value in identity.estimator.values.items() if name != "engine"}
    before = replace(identity, estimator=from_json(EstimatorIdentity, values))
    assert differences(before, identity) == ["the estimator's engine was torch and is onnxruntime now"]
    assert before.fingerprint() != identity.fingerprint()
