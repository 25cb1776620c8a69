"""Progress: counts across processes, a bar on a terminal or in a notebook, plain lines elsewhere."""

import io
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.datasets import config_for
from helpers.progress import Recorder
from rich.console import Console

from fgbg_data import build, verify
from fgbg_data.runtime import progress, tally
from fgbg_data.runtime.parallel import in_parallel
from fgbg_data.runtime.progress import LineProgress, NotebookProgress, Silence, TerminalProgress, activity, reporter
from fgbg_data.runtime.tally import Tally, TallyWatch


class CountingWork:
    """Counts as many samples as a task says, and half a second of the estimator."""

    tally: Tally

    def open(self) -> Callable[[int, int], int]:
        return self.count

    def count(self, samples: int, slot: int) -> int:
        self.tally.count(slot, samples, 0.5)
        return samples


@pytest.mark.parametrize("jobs", [1, 2])
def test_tally_counts_across_processes(jobs: int) -> None:
    work = CountingWork()
    work.tally = counts = Tally()
    assert sorted(in_parallel(work, [5, 7, 1], jobs=jobs, tally=counts)) == [1, 5, 7]
    assert counts.total == 13
    assert counts.estimating_s == 1.5


def test_a_watched_tally_ends_with_all_that_was_counted() -> None:
    shown, counts = Recorder(), Tally()
    with TallyWatch(shown, counts, done=40):
        counts.count(0, 60)
    assert shown.updates[-1][0] == 100


def test_plain_lines_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.0)
    shown = LineProgress(stream := io.StringIO())
    with activity(shown, "build", 100, "samples", done=40):
        shown.update(50, "2.0 MB")
    assert stream.getvalue().startswith("build: 50/100 samples, ")
    assert "samples/s, 2.0 MB, " in stream.getvalue()
    assert stream.getvalue().endswith(" left\n")


def test_one_unit_is_too_little_to_tell_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.0)
    shown = LineProgress(stream := io.StringIO())
    with activity(shown, "epoch 1/2", 1000, "steps", done=40):
        shown.update(41)
        shown.update(42)
    first, second = stream.getvalue().splitlines()
    assert "left" not in first
    assert second.endswith(" left")


def test_lines_do_not_come_faster_than_a_person_reads() -> None:
    shown = LineProgress(stream := io.StringIO())
    with activity(shown, "build", 100, "samples"):
        for done in range(100):
            shown.update(done)
    assert stream.getvalue() == ""


def test_a_closed_stream_stops_no_work() -> None:
    stream = io.StringIO()
    shown = LineProgress(stream)
    stream.close()
    shown.message("nobody reads this")


def test_the_bar_fits_into_80_columns() -> None:
    console = Console(file=(stream := io.StringIO()), force_terminal=True, width=80)
    shown = TerminalProgress(console)
    with activity(shown, "build", 424_320, "samples", done=40):
        shown.update(123_456, "12.3 GB")
        shown.message("a message above the bar")
    assert "123456/424320 samples" in stream.getvalue()
    assert "12.3 GB" in stream.getvalue()
    assert "a message above the bar" in stream.getvalue()
    assert "\u2026" not in stream.getvalue()  # rich cuts what does not fit with an ellipsis


def test_a_long_note_has_a_line_of_its_own_so_that_the_time_left_stays_in_80_columns() -> None:
    console = Console(file=(stream := io.StringIO()), force_terminal=True, width=80)
    shown = TerminalProgress(console)
    note = "loss 0.3298 mask_iou 0.0395 rmse 0.2918  123 samples/s, 1% waiting"
    with activity(shown, "epoch 12/14 224 px", 424_320, "steps"):
        shown.update(123_456, note)
    lines = stream.getvalue().splitlines()
    assert any(line.rstrip().endswith(note) for line in lines)
    assert any("123456/424320 steps" in line and line.rstrip().endswith(" left") for line in lines)
    assert "\u2026" not in stream.getvalue()


def test_a_notebook_shows_a_bar_that_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    handle = types.SimpleNamespace(update=shown.append)
    display = types.SimpleNamespace(HTML=str, display=lambda page, display_id: shown.append(page) or handle)
    ipython = types.SimpleNamespace(display=display, get_ipython=lambda: types.SimpleNamespace(kernel=object()))
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    bar = reporter(None)
    assert isinstance(bar, NotebookProgress)
    with activity(bar, "build", 10, "samples"):
        bar.update(10, "<1 MB>")
    assert 'value="0" max="10"' in shown[0]
    assert 'value="10" max="10"' in shown[-1]
    assert "&lt;1 MB&gt;" in shown[-1]


def test_who_sees_what() -> None:
    mine = Recorder()
    assert reporter(mine) is mine
    assert isinstance(reporter(False), Silence)
    assert isinstance(reporter(True), LineProgress)  # the output of tests is no terminal
    assert isinstance(reporter(None), Silence)


def test_build_and_verify_report_every_step(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "POLL_EVERY_S", 0.01)
    shown = Recorder()
    build(config_for(pictures, tmp_path / "out", positions=1), progress=shown)
    assert shown.begun == [
        ("checking the sources", None, "pictures", 0),
        ("looking for near copies", None, "pictures", 0),
        ("build", 24, "samples", 0),
    ]
    assert shown.updates[-1][0] == 24
    assert shown.ended == 3
    shown = Recorder()
    verify(tmp_path / "out", progress=shown, jobs=1)
    assert [begun[0] for begun in shown.begun] == ["verify"]
    assert shown.updates[-1][0] == shown.begun[0][1]
