"""Reports how a run goes: loss, IoU and RMSE at each step, and a line for each epoch and each tested split."""

from collections.abc import Mapping
from types import TracebackType
from typing import Self

from fgbg_data.exam.report import ExamReport
from fgbg_data.exam.scores import PREFIX, SCORES
from fgbg_data.runtime.progress import ProgressReporter, TimeLeftReporter
from fgbg_train.measure.baseline import worse_than_baseline
from fgbg_train.measure.tally import Tally
from fgbg_train.schedule import Stage

SHOWN = ("loss", "mask_iou", "rmse")
"""The numbers that are shown, as far as a run has them."""
EXAMINED = ("exam_mask_iou_img", "exam_delta1")
"""The numbers of an exam that are shown, as far as a run has them."""
BASELINES = {"mask_iou": "everything foreground", "rmse": "mean depth map of train"}
"""Metric -> the baseline that it is compared with."""


class RunProgress:
    """Reports the epochs of a run while its context is open.

    Args:
        shown: where to report.
    """

    def __init__(self, shown: ProgressReporter) -> None:
        self._shown = shown
        self._epoch = ""
        self._done = 0
        self._open = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def note(self, text: str) -> None:
        """Show a line of text."""
        self._shown.message(text)

    def begin_epoch(self, epoch: int, epochs: int, stage: Stage, *, done: int, total: int) -> None:
        """Begin an epoch.

        Args:
            epoch: its number, from 0.
            epochs: number of epochs.
            stage: the stage to which it belongs.
            done: number of steps of the whole run that are finished already.
            total: number of steps of the whole run.
        """
        self._epoch, self._done, self._open = f"epoch {epoch + 1}/{epochs} {stage.size_px} px", done, True
        self._shown.begin(self._epoch, total, "steps", done)

    def expect(self, left_s: float | None) -> None:
        """Let reporters that can do so show the seconds that are left of the whole run.

        With None, they show their own estimate.
        """
        if left_s is not None and isinstance(self._shown, TimeLeftReporter):
            self._shown.expect(left_s)

    def step(self, tally: Tally, left_s: float | None, samples_per_s: float, waiting_frac: float) -> None:
        """Report a finished step.

        Args:
            tally: losses and metrics of the epoch so far.
            left_s: seconds that are left of the whole run; None if that is not known.
            samples_per_s: speed of the epoch so far.
            waiting_frac: share of the time that was spent waiting for data.
        """
        self._done += 1
        self.expect(left_s)
        self._shown.update(self._done, f"{_numbers(tally.compute())}  {_speed(samples_per_s, waiting_frac)}")

    def end_epoch(
        self,
        trained: Mapping[str, float],
        measured: Mapping[str, float],
        examined: Mapping[str, float],
        speed: Mapping[str, float],
    ) -> None:
        """Show the line of a finished epoch.

        Args:
            trained: losses and metrics of training.
            measured: losses and metrics on val; empty without val.
            examined: columns of the log for all pictures of an exam; empty without one.
            speed: `samples_per_s` and `waiting_frac`.
        """
        self._end()
        parts = [self._epoch, f"train {_numbers(trained)}"]
        if measured:
            parts.append(f"val {_numbers(measured)}")
        parts += [f"{name} {examined[name]:.4f}" for name in EXAMINED if name in examined]
        parts.append(_speed(speed["samples_per_s"], speed["waiting_frac"]))
        self.note("  ".join(parts))

    def end_split(self, split: str, images: int, measured: Mapping[str, float]) -> None:
        """Show the lines of a split that was tested: its metrics, and the baselines."""
        self.note(f"{split} ({images} samples)  {_numbers(measured)}")
        baselines = [
            f"{name} {measured[PREFIX + name]:.4f} ({baseline})"
            for name, baseline in BASELINES.items()
            if name in measured and PREFIX + name in measured
        ]
        if baselines:
            self.note(f"  baselines: {', '.join(baselines)}")
        for name in worse_than_baseline(measured):
            self.note(f"  {name} is WORSE than its baseline: the model has learned nothing that helps here")

    def end_exam(self, report: ExamReport) -> None:
        """Show the line of an exam that the best weights took: its scores beside those of baselines."""
        found = report.to_json()["pooled"]
        numbers = [
            f"{name} {found[name]:.4f} (baseline {found[PREFIX + name]:.4f})"
            for name in SCORES
            if name in found and PREFIX + name in found
        ]
        self.note(f"exam ({found['pictures']:.0f} pictures)  {'  '.join(numbers)}")

    def _end(self) -> None:
        if self._open:
            self._shown.end()
            self._open = False


def _numbers(values: Mapping[str, float]) -> str:
    return " ".join(f"{name} {values[name]:.4f}" for name in SHOWN if name in values)


def _speed(samples_per_s: float, waiting_frac: float) -> str:
    return f"{samples_per_s:.0f} samples/s, {waiting_frac:.0%} waiting for data"
