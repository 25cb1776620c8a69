"""The examples run, as their docstrings say."""

import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(name: str, argument: Path) -> str:
    command = [sys.executable, str(EXAMPLES / name), str(argument)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_every_example_is_run_here() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == {"build_from_python.py", "train_your_own.py"}


def test_build_from_python(tmp_path: Path) -> None:
    shown = run("build_from_python.py", tmp_path / "demo")
    assert "test_both: " in shown
    assert (tmp_path / "demo/shards/preview.png").is_file()


def test_train_your_own(dataset: Path) -> None:
    shown = run("train_your_own.py", dataset)
    losses = [float(line.split()[-1]) for line in shown.splitlines()]
    assert losses[1] < losses[0] < 0.8
