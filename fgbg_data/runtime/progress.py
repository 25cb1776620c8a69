"""Progress of long calls: one small protocol, and what shows it on a terminal, in a notebook, and in a log.

Every long function takes `progress`: None shows progress where a person watches (a terminal or a notebook), True shows
it everywhere (as plain lines where the output goes to a file), False shows nothing, and an object of your own that
follows `ProgressReporter` gets every step:

    class Printer:
        def begin(self, activity, total, unit, done=0): print(activity, "of", total, unit)
        def update(self, done, note=""): print(done, note)
        def end(self): print("finished")
        def message(self, text): print(text)

    build(config, progress=Printer())
"""

import contextlib
import html
import sys
import time
from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

from fgbg_data.text import format_seconds

LINE_EVERY_S = 10.0
"""Seconds between two lines where there is no terminal."""
LONGEST_NOTE = 12
"""Characters of a note that fits beside a bar."""


@runtime_checkable
class ProgressReporter(Protocol):
    """Receives how far a long call is. All methods are called from one thread at a time."""

    def begin(self, activity: str, total: int | None, unit: str, done: int = 0) -> None:
        """Start an activity.

        Args:
            activity: what is done, such as `build`.
            total: how many units there are; None if that is not known.
            unit: what is counted, in the plural, such as `samples`.
            done: how many of them an earlier run finished.
        """
        ...

    def update(self, done: int, note: str = "") -> None:
        """Report that `done` units are finished, with something to show beside it, such as `9.8 GB`."""
        ...

    def end(self) -> None:
        """End the activity, finished or not."""
        ...

    def message(self, text: str) -> None:
        """Show a line of text, also while an activity runs."""
        ...


@runtime_checkable
class TimeLeftReporter(Protocol):
    """A reporter that can also be given the time left, by callers whose steps take longer and longer."""

    def expect(self, seconds: float) -> None:
        """Show that this many seconds are left, until it is called again or another activity begins."""
        ...


Progress = ProgressReporter | bool | None
"""What long functions take as `progress`."""


def reporter(progress: Progress) -> ProgressReporter:
    """Return what shows the progress: see the description of this module."""
    if isinstance(progress, ProgressReporter):
        return progress
    if progress is False:
        return Silence()
    if _in_notebook():
        return NotebookProgress()
    if sys.stderr is not None and sys.stderr.isatty():
        return TerminalProgress()
    return LineProgress() if progress else Silence()


@contextlib.contextmanager
def activity(shown: ProgressReporter, name: str, total: int | None, unit: str, done: int = 0) -> Iterator[None]:
    """Begin an activity and end it, whatever happens."""
    shown.begin(name, total, unit, done)
    try:
        yield
    finally:
        shown.end()


class Silence:
    """Shows nothing."""

    def begin(self, activity: str, total: int | None, unit: str, done: int = 0) -> None:
        """Do nothing."""

    def update(self, done: int, note: str = "") -> None:
        """Do nothing."""

    def end(self) -> None:
        """Do nothing."""

    def message(self, text: str) -> None:
        """Do nothing."""


class Rate:
    """Units a second and the time left, counted from the start of an activity."""

    def __init__(self, total: int | None, unit: str, done: int) -> None:
        self.total, self.unit, self._first = total, unit, done
        self._started = time.monotonic()
        self.expected_s: float | None = None
        """Seconds that are left, if the caller gave them; with None they are computed from the units so far."""

    def left_s(self, done: int) -> float | None:
        """Return the seconds that are left; None if that is not known, as after a single unit, which may be slow."""
        if self.expected_s is not None:
            return self.expected_s
        if self.total is None or done - self._first < 2:
            return None
        return (self.total - done) / self._per_s(done)

    def text(self, done: int, note: str) -> str:
        """Return `40/100 samples, 12.3 samples/s, 9.8 MB, 2 min 03 s left`."""
        parts = [f"{done}/{self.total} {self.unit}" if self.total is not None else f"{done} {self.unit}"]
        if (per_s := self._per_s(done)) > 0:
            parts.append(f"{per_s:.1f} {self.unit}/s")
        if note:
            parts.append(note)
        if (left_s := self.left_s(done)) is not None:
            parts.append(f"{format_seconds(left_s)} left")
        return ", ".join(parts)

    def _per_s(self, done: int) -> float:
        return (done - self._first) / max(time.monotonic() - self._started, 1e-9)


class LineProgress:
    """Writes plain lines, at most one every `LINE_EVERY_S` seconds.

    Args:
        stream: where to; standard error by default.
        times: begin each line with the time of day.
    """

    def __init__(self, stream: Any = None, *, times: bool = False) -> None:
        self._stream, self._times = sys.stderr if stream is None else stream, times
        self._activity = ""
        self._rate = Rate(None, "", 0)
        self._shown = 0.0

    def begin(self, activity: str, total: int | None, unit: str, done: int = 0) -> None:
        """Start an activity; its first line comes after some seconds."""
        self._activity, self._rate, self._shown = activity, Rate(total, unit, done), time.monotonic()

    def update(self, done: int, note: str = "") -> None:
        """Write a line if the last one is old enough."""
        if time.monotonic() - self._shown >= LINE_EVERY_S:
            self._shown = time.monotonic()
            self.message(f"{self._activity}: {self._rate.text(done, note)}")

    def end(self) -> None:
        """Write nothing."""

    def message(self, text: str) -> None:
        """Write a line, if there is still someone to write to."""
        before = time.strftime("%H:%M:%S ") if self._times else ""
        with contextlib.suppress(OSError, ValueError, AttributeError):
            print(before + text, file=self._stream, flush=True)

    def expect(self, seconds: float) -> None:
        """Take the time left from the caller."""
        self._rate.expected_s = seconds


class TerminalProgress:
    """Shows a bar on a terminal; it fits into 80 columns. A long note has a line of its own below the bar.

    Args:
        console: a rich console; standard error by default.
    """

    def __init__(self, console: Any = None) -> None:
        from rich.console import Console

        self._console = Console(stderr=True) if console is None else console
        self._bar: Any = None
        self._task: Any = None
        self._rate = Rate(None, "", 0)

    def begin(self, activity: str, total: int | None, unit: str, done: int = 0) -> None:
        """Show the bar, or a spinner where the total is not known."""
        from rich.progress import BarColumn, SpinnerColumn, TaskProgressColumn, TextColumn
        from rich.progress import Progress as RichProgress
        from rich.text import Text

        class WithNote(RichProgress):
            """A bar, and its note if that is long."""

            def get_renderables(self) -> Iterator[Any]:
                yield from super().get_renderables()
                for task in self.tasks:
                    if len(note := task.fields["note"]) > LONGEST_NOTE:
                        yield Text(f"  {note}", no_wrap=True, overflow="ellipsis")

        self.end()
        columns: tuple[Any, ...]
        if total is None:
            columns = (SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.fields[note]}"))
        else:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(bar_width=None),  # takes the width that the figures leave
                TaskProgressColumn(),
                TextColumn("{task.fields[counts]}"),
                TextColumn("{task.fields[left]}"),
            )
        self._bar = WithNote(*columns, console=self._console, expand=total is not None, transient=True)
        self._rate = Rate(total, unit, done)
        fields = {"note": "", "counts": self._counts(done, ""), "left": ""}
        self._task = self._bar.add_task(activity, total=total, completed=done, **fields)
        self._bar.start()

    def update(self, done: int, note: str = "") -> None:
        """Move the bar."""
        if self._bar is not None:
            left_s = self._rate.left_s(done)
            left = "" if left_s is None else f"{format_seconds(left_s)} left"
            self._bar.update(self._task, completed=done, note=note, counts=self._counts(done, note), left=left)

    def expect(self, seconds: float) -> None:
        """Take the time left from the caller."""
        self._rate.expected_s = seconds

    def end(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def message(self, text: str) -> None:
        """Print a line above the bar."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _counts(self, done: int, note: str) -> str:
        speed = self._bar.tasks[0].speed if self._bar.tasks else None
        parts = [f"{done}/{self._rate.total} {self._rate.unit}", f"{speed:.1f}/s" if speed else ""]
        if len(note) <= LONGEST_NOTE:
            parts.append(note)
        return "  ".join(part for part in parts if part)


class NotebookProgress:
    """Shows a bar below the cell of a notebook."""

    def __init__(self) -> None:
        from IPython import display

        self._html: Any = display.HTML
        self._display: Any = display.display
        self._handle: Any = None
        self._activity = ""
        self._rate = Rate(None, "", 0)
        self._shown = 0.0

    def begin(self, activity: str, total: int | None, unit: str, done: int = 0) -> None:
        """Show the bar."""
        self._activity, self._rate, self._shown = activity, Rate(total, unit, done), 0.0
        self._handle = self._display(self._html(self._bar(done, "")), display_id=True)

    def update(self, done: int, note: str = "") -> None:
        """Move the bar, a few times a second at most."""
        if self._handle is not None and (time.monotonic() - self._shown > 0.3 or done == self._rate.total):
            self._shown = time.monotonic()
            self._handle.update(self._html(self._bar(done, note)))

    def expect(self, seconds: float) -> None:
        """Take the time left from the caller."""
        self._rate.expected_s = seconds

    def end(self) -> None:
        """Leave the bar as it is."""
        self._handle = None

    def message(self, text: str) -> None:
        """Print a line below the cell."""
        print(text)

    def _bar(self, done: int, note: str) -> str:
        value = "" if self._rate.total is None else f' value="{done}" max="{max(1, self._rate.total)}"'
        text = html.escape(f"{self._activity}: {self._rate.text(done, note)}")
        return f'<progress{value} style="width: 16em"></progress> <code>{text}</code>'


def _in_notebook() -> bool:
    """Return whether the code runs in a Jupyter kernel, which shows HTML."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")
