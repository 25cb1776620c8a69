"""The pages of the docs as programs: their code blocks, and how a test runs them."""

import os
import re
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def section(page: str, heading: str) -> str:
    """Return what stands between a heading and the next one."""
    return re.split(r"^#+ ", page.partition(f"# {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def blocks(text: str, language: str) -> list[str]:
    """Return the code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def run(command: list[str], folder: Path) -> str:
    """Run a program in a folder, with no network, and return what it prints; it must succeed."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    caches = {"HF_HOME": str(folder / "hf"), "XDG_CACHE_HOME": str(folder / "cache"), "PATH": programs}
    caches["OMP_WAIT_POLICY"] = "passive"  # threads that wait leave the cores to others, on a busy machine
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    done = subprocess.run(command, cwd=folder, env=os.environ | caches | offline, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_shell(script: str, folder: Path) -> str:
    """Run shell commands in a folder, and return what they print; each must succeed."""
    return run(["bash", "-eu", "-c", script], folder)
