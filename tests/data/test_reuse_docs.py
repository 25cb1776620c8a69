"""What docs/reuse.md shows runs as it stands: the Python blocks as one script, the shell blocks as another."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs" / "reuse.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCS.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture
def home(dataset: Path, tmp_path: Path) -> Path:
    """A folder in which the dataset is called shards/."""
    (tmp_path / "shards").symlink_to(dataset)
    return tmp_path


def run(command: list[str], home: Path) -> None:
    paths = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    caches = {"HF_HOME": str(home / "hf"), "XDG_CACHE_HOME": str(home / "cache"), "PATH": paths}
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    done = subprocess.run(command, cwd=home, env=os.environ | caches | offline, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_python(home: Path) -> None:
    pytest.importorskip("datasets", reason="Hugging Face datasets is not installed (extra test)")
    assert len(blocks("python")) == 5
    (home / "snippets.py").write_text("\n\n".join(blocks("python")))
    run([sys.executable, "-W", "ignore", "snippets.py"], home)


def test_shell(home: Path) -> None:
    assert len(blocks("sh")) == 1
    run(["bash", "-eu", "-c", "\n".join(blocks("sh"))], home)
    assert (next((home / "loose").glob("*.jpg"))).is_file()
    assert len(list((home / "loose").glob("*.mask.png"))) > len(list((home / "loose").glob("*.jpg")))
