"""SIGTERM and SIGHUP are answered like Ctrl-C: by `docker stop`, a batch system, or a closed terminal."""

import contextlib
import signal
from types import FrameType


def signals_as_ctrl_c() -> None:
    """Let SIGTERM and SIGHUP raise KeyboardInterrupt in this process.

    A signal that is ignored stays ignored, as in the background of a shell or after `nohup`. The kernel would drop the
    signals for process 1 of a container, if nothing answered them.
    """
    for name in ("SIGTERM", "SIGHUP"):
        with contextlib.suppress(ValueError, AttributeError, OSError):  # not the main thread, or not this system
            number = getattr(signal, name)
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, _interrupt)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
