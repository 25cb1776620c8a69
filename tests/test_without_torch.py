"""The data package in an environment without torch: nothing of the extras can be imported, here and in workers."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[[str], "subprocess.CompletedProcess[str]"]

EXTRAS = (
    *("torch", "torchvision", "timm", "lightning_fabric", "tensorboard", "matplotlib", "transformers"),
    *("huggingface_hub", "onnx", "onnxscript", "pycocotools"),
)
"""Packages that only extras bring."""

BLOCK = f"""
import sys
from importlib.machinery import PathFinder

class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in {EXTRAS} else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Without
"""
"""What Python runs first in every process, as `sitecustomize`."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run code in a process for which the extras are not installed; return its end."""
    home = tmp_path_factory.mktemp("blocked")
    (home / "sitecustomize.py").write_text(BLOCK)
    paths = [str(home), str(Path(__file__).parents[1])]

    def run(code: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)

    return run


COMMANDS = """
import importlib.util
from fgbg_data.cli import main

assert importlib.util.find_spec("torch") is None
for words in {commands}:
    try:
        main(words, standalone_mode=False)
    except SystemExit as end:
        assert not end.code, words
"""


def test_everything_about_data_works(run: Run, pictures: Path, tmp_path: Path) -> None:
    """Two workers, so that what is blocked is blocked in them, too."""
    shards, converted = tmp_path / "shards", tmp_path / "converted"
    build = ["build", "--bg", pictures / "bg", "--fg", pictures / "fg", "--out", shards, "--samples", 8]
    commands = [
        [*build, "--size", 32, "--shard-size", 4, "--jobs", 2, "--val", 0, "--test", 0],
        ["verify", shards],
        ["stats", shards],
        ["info", shards],
        ["convert", shards, "--out", converted, "--format", "hdf5"],
        ["preview", shards, "--out", tmp_path / "sheet.png"],
        ["view", shards, "--export", tmp_path / "page.html"],
        ["estimators"],
    ]
    done = run(COMMANDS.format(commands=[[str(word) for word in command] for command in commands]))
    assert done.returncode == 0, done.stderr
    assert '"engine": "onnxruntime"' in (shards / "dataset.json").read_text()
    assert (converted / "train" / "fgbg-train-000000.h5").is_file()


@pytest.mark.parametrize(
    ("program", "words", "line"),
    [
        (
            "fgbg_train",
            ["fit", "shards"],
            "fgbg-train: torch, lightning-fabric, matplotlib, tensorboard, timm must be installed for training: "
            "pip install 'fgbg[train]'",
        ),
        (
            "fgbg_data",
            ["build", "--bg", "bg", "--fg", "fg", "--out", "out", "--depth", "depth-anything-v2-small"],
            "fgbg-data: --depth depth-anything-v2-small: needs transformers, which is not installed: "
            "pip install 'fgbg[hf]'",
        ),
        (
            "fgbg_data",
            ["build", "--bg", "bg", "--fg", "fg", "--out", "out", "--device", "cuda"],
            "fgbg-data: --device cuda: needs torch: pip install 'fgbg[torch]'",
        ),
    ],
)
def test_a_missing_extra_is_named_in_one_line(
    run: Run, pictures: Path, tmp_path: Path, program: str, words: list[str], line: str
) -> None:
    folders = {"bg": str(pictures / "bg"), "fg": str(pictures / "fg"), "out": str(tmp_path / "out")}
    words = [folders.get(word, word) for word in words]
    done = run(f"from {program}.cli import main; main({words}, prog_name={program.replace('_', '-')!r})")
    assert done.stderr.splitlines()[-1] == line
    assert done.returncode == 2
