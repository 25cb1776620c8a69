"""`fgbg-data build` as tests type it, and what it says when it refuses."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from fgbg_data import cli

QUICK = ["--depth", "none", "--size", "32", "--positions", "1", "--jobs", "1", "--val", "0", "--test", "0"]


def build(folder: Path, *options: str, **places: Path) -> Result:
    places = {"bg": folder / "bg", "fg": folder / "fg", "out": folder / "out"} | places
    arguments = [text for name, place in places.items() for text in (f"--{name}", str(place))]
    return CliRunner().invoke(cli.main, ["build", *arguments, *QUICK, *options])


def snapshot(folder: Path) -> dict[str, Any]:
    """Everything below a folder, to see that nothing was written."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.is_dir() or path.read_bytes())
        for path in folder.rglob("*")
    }


def said(result: Result, *, lines: int = 1) -> str:
    """The message of a refusal, after checking that it is one."""
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    assert result.stdout == ""
    assert result.stderr.startswith("fgbg-data: ")
    assert len(result.stderr.splitlines()) == lines, result.stderr
    return result.stderr.strip().removeprefix("fgbg-data: ")


def refused(folder: Path, *options: str, lines: int = 1, **places: Path) -> str:
    """The message of a refusal that writes nothing."""
    before = snapshot(folder)
    message = said(build(folder, *options, **places), lines=lines)
    assert snapshot(folder) == before
    return message


def as_a_process(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fgbg_data.cli", "build", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)
