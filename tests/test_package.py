"""The wheel: what is in it, and that it works in an empty environment."""

import subprocess
import sys
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
    assert "fgbg_data/demo/__init__.py" in sizes
    assert "fgbg_data/py.typed" in sizes
    assert "fgbg_train/py.typed" in sizes
    assert any(name.endswith("LICENSE") for name in sizes)


@pytest.mark.slow
def test_wheel_works_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    """Installs everything from the package index: gigabytes, minutes."""
    venv.create(tmp_path / "env", with_pip=True)
    programs = tmp_path / "env" / "bin"

    def run(*command: str) -> str:
        done = subprocess.run(
            [programs / command[0], *command[1:]], cwd=tmp_path, check=True, capture_output=True, text=True
        )
        return done.stdout

    run("pip", "install", "--quiet", str(wheel))
    run("fgbg-data", "demo", "demo")
    out = run("fgbg-data", "build", "--bg", "demo/bg", "--fg", "demo/fg", "--out", "shards", "--samples", "64")
    assert "64 samples" in out
    assert "fit" in run("fgbg-train", "--help")
