"""The standard streams of a process: they may be closed, or unable to show a character."""

import contextlib
import os
import sys


def open_closed_streams() -> None:
    """Open the standard streams that are closed, as they are in services and after `>&-`, to the null device.

    Otherwise the next file that is opened gets the number of a standard stream, and libraries in C write to it. What
    Python itself prints to a closed stream is lost either way.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDONLY if number == 0 else os.O_WRONLY)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115


def show_any_name() -> None:
    """Let standard output and error replace characters that their encoding lacks, where printing them would raise."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError, OSError):  # a stream of someone else, or closed
            if stream.errors == "strict":
                stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def discard_output() -> None:
    """Let standard output go nowhere, because whoever read it has ended."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.close(null)
