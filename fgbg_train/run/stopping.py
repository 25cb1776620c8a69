"""Notices that the user or the machine asks a run to stop, so that it can stop between two steps."""

import signal
from types import FrameType, TracebackType
from typing import Any, Self

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopSignal:
    """Notices Ctrl-C, SIGTERM and SIGHUP while its context is open, unless they are ignored. The second stops at once.

    Outside the main thread, where signals cannot be caught, it notices nothing.
    """

    def __init__(self) -> None:
        self.received = False
        """Whether a signal has come."""
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        for number in SIGNALS:
            if signal.getsignal(number) is signal.SIG_IGN:  # a shell starts background programs like this
                continue
            try:
                self._before[number] = signal.signal(number, self._note)
            except ValueError:  # not the main thread
                break
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        if self.received:
            raise KeyboardInterrupt
        self.received = True
