"""`fgbg-data push`: the whole dataset and nothing else goes to the Hub, the manifest last."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.datasets import config_for, contents
from helpers.hub_server import TOKEN, Hub, running_hub

from fgbg_data.building.build import build

pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed (extra hub)")

URL = "hf://datasets/me/mine"


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running_hub() as found:
        yield found


@pytest.fixture(scope="module")
def shards(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of sources whose licences are known."""
    folder = tmp_path_factory.mktemp("publishing")
    for kind in ("bg", "fg"):
        shutil.copytree(pictures / kind, folder / kind)
        names = [path.relative_to(folder / kind) for path in sorted((folder / kind).rglob("*.*"))]
        rows = [f"{name},CC0-1.0" for name in names if name.name != "sources.csv"]
        (folder / kind / "sources.csv").write_text("\n".join(["file,licence", *rows]) + "\n")
    build(config_for(folder, folder / "shards", positions=1))
    return folder / "shards"


def push(hub: Hub, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command against the stand-in."""
    variables = {"HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN, "HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0"}
    return subprocess.run(
        [sys.executable, "-m", "fgbg_data", "push", *words],
        env=os.environ | variables | environment,
        capture_output=True,
        text=True,
    )


def test_push_sends_the_dataset_and_the_manifest_last(hub: Hub, shards: Path) -> None:
    done = push(hub, str(shards), URL, "--private")
    assert done.returncode == 0, done.stderr
    assert f"is at {hub.url}/datasets/me/mine" in done.stdout
    assert hub.files == contents(shards)
    assert hub.private is True
    assert "dataset.json" in hub.commits[-1]
    assert not any("dataset.json" in commit for commit in hub.commits[:-1])


def test_a_stopped_push_goes_on_and_sends_no_shard_twice(hub: Hub, shards: Path) -> None:
    hub.refuse_after = 1
    stopped = push(hub, str(shards), URL)
    assert stopped.returncode == 2
    assert "Run the same command again to go on" in stopped.stderr
    assert "dataset.json" not in hub.files
    hub.refuse_after = None
    assert push(hub, str(shards), URL).returncode == 0
    assert hub.files == contents(shards)
    assert hub.uploads == len(hub.objects)


def test_what_must_not_be_published_is_refused_in_one_line(hub: Hub, dataset: Path, tmp_path: Path) -> None:
    shutil.copytree(dataset, tmp_path / "shards")
    unknown = push(hub, str(tmp_path / "shards"), URL)
    assert unknown.returncode == 2
    assert "the licence of" in unknown.stderr
    assert "--allow-unknown-licences" in unknown.stderr
    next((tmp_path / "shards" / "train").glob("*.tar")).unlink()
    for words, problem in (
        ([str(tmp_path / "shards"), URL, "--yes"], "is missing; run fgbg-data verify"),
        ([str(tmp_path), URL], "dataset.json"),
        ([str(dataset), "hf://me/mine"], "expected hf://datasets/USER/NAME"),
    ):
        refused = push(hub, *words)
        assert refused.returncode == 2
        assert problem in refused.stderr
        assert len(refused.stderr.strip().splitlines()) == 1
    assert not hub.files


def test_a_hub_that_refuses_says_what_to_do(hub: Hub, shards: Path) -> None:
    nobody = push(hub, str(shards), URL, HF_TOKEN="hf_of_nobody")
    assert nobody.returncode == 2
    assert "Run: hf auth login" in nobody.stderr
    hub.may_write = False
    reader = push(hub, str(shards), URL)
    assert reader.returncode == 2
    assert "Use a token with write access" in reader.stderr
    away = push(hub, str(shards), URL, HF_ENDPOINT="http://127.0.0.1:9")
    assert away.returncode == 2
    assert "Run the same command again" in away.stderr
