"""What docs/reuse.md shows runs as it stands: the Python blocks as one script, the shell blocks as another."""

import sys
from pathlib import Path

import pytest
from helpers.docs import DOCS, blocks, run, run_shell

PAGE = (DOCS / "reuse.md").read_text(encoding="utf-8")


@pytest.fixture
def home(dataset: Path, tmp_path: Path) -> Path:
    """A folder in which the dataset is called shards/."""
    (tmp_path / "shards").symlink_to(dataset)
    return tmp_path


def test_the_python_blocks_run(home: Path) -> None:
    pytest.importorskip("datasets", reason="Hugging Face datasets is not installed (extra test)")
    scripts = blocks(PAGE, "python")
    assert len(scripts) == 9
    (home / "snippets.py").write_text("\n\n".join(scripts))
    run([sys.executable, "-W", "ignore", "snippets.py"], home)


def test_the_shell_block_runs_and_unpacks_the_files_that_it_names(home: Path) -> None:
    (script,) = blocks(PAGE, "sh")
    run_shell(script, home)
    assert (next((home / "loose").glob("*.jpg"))).is_file()
    assert len(list((home / "loose").glob("*.mask.png"))) > len(list((home / "loose").glob("*.jpg")))
