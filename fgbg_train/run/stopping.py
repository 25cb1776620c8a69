"""Stop between two steps, with everything saved, when the user or the machine asks."""

import signal
from types import FrameType, TracebackType
from typing import Any, Self

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(Exception):
    """A run was interrupted and saved; the same command goes on with it."""

    def __init__(self, step: int, of: int) -> None:
        super().__init__(f"stopped after step {step} of {of}; run the same command to go on")


class StopSignal:
    """Notes Ctrl-C and SIGTERM while the context is open, unless they are ignored; a second Ctrl-C stops at once.

    Outside the main thread, where signals cannot be caught, it never notes any.
    """

    def __init__(self) -> None:
        self.received = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        for number in SIGNALS:
            if signal.getsignal(number) is signal.SIG_IGN:  # as a shell starts what runs in the background
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
