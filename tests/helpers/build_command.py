"""Runs `fgbg-data build` as a user types it, and reads the message of a build that refuses."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from fgbg_data import cli

QUICK = ["--depth", "none", "--size", "32", "--positions", "1", "--jobs", "1", "--val", "0", "--test", "0"]


def run_build(folder: Path, *options: str, **folders: Path) -> Result:
    """Build the pictures below a folder into its `out`; `bg`, `fg` and `out` replace these folders."""
    folders = {"bg": folder / "bg", "fg": folder / "fg", "out": folder / "out"} | folders
    arguments = [text for name, path in folders.items() for text in (f"--{name}", str(path))]
    return CliRunner().invoke(cli.main, ["build", *arguments, *QUICK, *options])


def run_build_process(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    command = [sys.executable, "-m", "fgbg_data.cli", "build", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def snapshot(folder: Path) -> dict[str, Any]:
    """Everything below a folder with its times, to see that nothing was written."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.is_dir() or path.read_bytes())
        for path in folder.rglob("*")
    }


def message_of(result: Result, *, lines: int = 1) -> str:
    """Check that a command refused in this number of lines on standard error, and return its message."""
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    assert result.stdout == ""
    assert result.stderr.startswith("fgbg-data")
    assert len(result.stderr.splitlines()) == lines, result.stderr
    return result.stderr.strip().removeprefix("fgbg-data: ")


def refused_build(folder: Path, *options: str, lines: int = 1, **folders: Path) -> str:
    """Run a build, check that it refuses and writes nothing, and return its message."""
    before = snapshot(folder)
    message = message_of(run_build(folder, *options, **folders), lines=lines)
    assert snapshot(folder) == before
    return message
