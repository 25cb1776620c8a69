"""The wheel: what is in it, and that it works in an empty environment."""

import json
import os
import subprocess
import sys
import urllib.request
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_wheel_holds_packages_weights_and_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    assert {name.split("/")[0] for name in sizes} == {"fgbg_data", "fgbg_train", "fgbg-0.1.0.dist-info"}
    assert 1_000_000 < sizes["fgbg_data/depth/tiny.safetensors"] <= 8_000_000
    assert sizes["fgbg_data/depth/tiny.onnx"] < 100_000  # the graph, without the weights again
    assert "fgbg_data/demo/__init__.py" in sizes
    assert "fgbg_data/py.typed" in sizes
    assert "fgbg_train/py.typed" in sizes
    assert any(name.endswith("LICENSE") for name in sizes)


@pytest.mark.slow
def test_wheel_works_in_an_empty_environment_without_torch(wheel: Path, tmp_path: Path) -> None:
    """Installs from the package index what the wheel needs, and no extra."""
    venv.create(tmp_path / "env", with_pip=True)
    programs = tmp_path / "env" / "bin"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def start(*command: str) -> "subprocess.Popen[str]":
        words = [str(programs / command[0]), *command[1:]]
        pipe = subprocess.PIPE
        return subprocess.Popen(words, cwd=tmp_path, env=environment, stdout=pipe, stderr=pipe, text=True)

    def run(*command: str, status: int = 0) -> str:
        done = start(*command)
        out, error = done.communicate()
        assert done.returncode == status, error
        return out if status == 0 else error

    run("pip", "install", "--quiet", str(wheel))
    size = sum(path.lstat().st_size for path in (tmp_path / "env").rglob("*") if path.is_file())
    assert size < 500e6
    names = {entry["name"] for entry in json.loads(run("pip", "list", "--format", "json"))}
    assert not {"torch", "timm", "tensorboard", "matplotlib", "lightning-fabric", "transformers"} & names
    run("fgbg-data", "demo", "demo")
    out = run("fgbg-data", "build", "--bg", "demo/bg", "--fg", "demo/fg", "--out", "shards", "--samples", "64")
    assert "64 samples" in out
    run("fgbg-data", "verify", "shards")
    run("fgbg-data", "stats", "shards")
    run("fgbg-data", "convert", "shards", "--out", "converted", "--format", "hdf5")
    page = start("fgbg-data", "view", "shards", "--port", "0")
    try:
        assert page.stdout is not None
        address = next(word for word in page.stdout.readline().split() if word.startswith("http"))
        with urllib.request.urlopen(address) as answer:
            assert b"<html" in answer.read()
    finally:
        page.terminate()
        page.communicate()
    assert "fit" in run("fgbg-train", "--help")
    assert "must be installed for training: pip install 'fgbg[train]'" in run("fgbg-train", "fit", "shards", status=2)
