"""Progress: counts across processes, a bar on a terminal, lines elsewhere."""

import io
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from fgbg_data.runtime import progress
from fgbg_data.runtime.progress import BuildProgress, Tally
from fgbg_data.text import format_bytes, format_seconds


def test_tally_counts_across_processes(tmp_path: Path) -> None:
    tally = Tally(tmp_path / "tally", slots=3)
    tally.count(0, 5, 1.5)
    code = """
import sys; from fgbg_data.runtime.progress import Tally; from pathlib import Path
Tally(Path(sys.argv[1])).count(2, 7, 0.25)
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "tally")], check=True)
    assert tally.total == 12
    assert tally.estimating_s == 1.75


def test_plain_lines_where_there_is_no_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.05)
    shown = io.StringIO()
    tally = Tally(tmp_path / "tally", slots=1)
    with BuildProgress(Console(file=shown), 100, 40, tally) as bar:
        tally.count(0, 10)
        bar.add_bytes(2_000_000)
        bar._stop.wait(0.3)
    assert "50/100 samples, " in shown.getvalue()
    assert "2.0 MB, eta " in shown.getvalue()


def test_bar_on_a_terminal_moves_within_a_shard(tmp_path: Path) -> None:
    shown = io.StringIO()
    tally = Tally(tmp_path / "tally", slots=1)
    console = Console(file=shown, force_terminal=True, width=120)
    with BuildProgress(console, 100, 40, tally) as bar:
        tally.count(0, 10)
        bar._stop.wait(0.5)
        tally.count(0, 60)
    assert " 50/100" in shown.getvalue()
    assert "100/100" in shown.getvalue()
    assert "samples/s" in shown.getvalue()


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2e15, "2000.0 TB")])
def test_bytes(count: float, text: str) -> None:
    assert format_bytes(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0 s"), (61, "1 min 01 s"), (7200, "2 h 00 min"), (float("nan"), "unknown")]
)
def test_seconds(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text
