"""Shows how a run goes: a bar on a terminal, plain lines elsewhere."""

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

from fgbg_train.measure.tally import Tally
from fgbg_train.schedule import Stage

LINE_EVERY_S = 30.0
SHOWN = ("loss", "mask_iou", "rmse")


class Progress:
    """Progress of a run, while the context is open.

    Args:
        console: where to show it; None shows nothing.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(quiet=True)
        self._bar: RichProgress | None = None
        self._task = TaskID(0)
        self._prefix = ""
        self._total = 0
        self._done = 0
        self._last_line = time.monotonic()

    def __enter__(self) -> Self:
        if self._console.is_terminal and not self._console.quiet:
            self._bar = RichProgress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=20),
                MofNCompleteColumn(),
                TextColumn("{task.fields[numbers]}"),
                TimeRemainingColumn(),
                console=self._console,
            )
            self._task = self._bar.add_task("", total=1, numbers="")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def note(self, text: str) -> None:
        """Say something once."""
        self._console.print(text, highlight=False, soft_wrap=True, markup=False)

    def start_epoch(self, epoch: int, epochs: int, stage: Stage, *, done: int, total: int) -> None:
        """Begin an epoch that has `done` of its `total` steps behind it."""
        self._prefix = f"epoch {epoch + 1}/{epochs} {stage.size_px} px"
        self._done, self._total = done, total
        if self._bar is not None:
            self._bar.reset(self._task, total=total, completed=done, description=self._prefix)

    def step(self, tally: Tally, samples_per_s: float, waiting_frac: float) -> None:
        """Take one finished step; `tally` is of the epoch so far."""
        self._done += 1
        now = time.monotonic()
        due = self._bar is not None or now - self._last_line > LINE_EVERY_S
        if not due or self._console.quiet:
            return
        text = f"{_numbers(tally.compute())}  {samples_per_s:.0f} samples/s, {waiting_frac:.0%} waiting"
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done, numbers=text)
        else:
            self.note(f"{self._prefix}  {self._done}/{self._total}  {text}")
            self._last_line = now

    def end_epoch(
        self, trained: Mapping[str, float], measured: Mapping[str, float], speed: Mapping[str, float]
    ) -> None:
        """Print the line of a finished epoch."""
        parts = [self._prefix, f"train {_numbers(trained)}"]
        if measured:
            parts.append(f"val {_numbers(measured)}")
        parts.append(f"{speed['samples_per_s']:.0f} samples/s, {speed['waiting_frac']:.0%} waiting")
        self.note("  ".join(parts))
        self._last_line = time.monotonic()

    def end_split(self, split: str, images: int, measured: Mapping[str, float]) -> None:
        """Print the line of a split that was tested, beside what guessing gives."""
        self.note(f"{split} ({images} samples)  {_numbers(measured)}")
        guesses = {"mask_iou": "all foreground", "rmse": "the mean depth map of train"}
        told = [
            f"{name} {measured[f'baseline_{name}']:.4f} by {guess}"
            for name, guess in guesses.items()
            if name in measured and f"baseline_{name}" in measured
        ]
        if told:
            self.note(f"  guessing would give {', '.join(told)}")


def _numbers(values: Mapping[str, float]) -> str:
    return " ".join(f"{name} {values[name]:.4f}" for name in SHOWN if name in values)
