"""`build.log`: what happens while a dataset is made, with times and the machine. It is not part of the dataset."""

import contextlib
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

log = logging.getLogger("fgbg_data")
"""Where the makers of datasets write their lines."""


@contextlib.contextmanager
def log_to(folder: Path) -> Iterator[None]:
    """Append what is logged in the context to `build.log` in a folder.

    Warnings are logged too, and each text is shown only once, whichever process it comes from.
    """
    handler = _Lines(folder / "build.log", encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(message)s"))
    log.addHandler(handler)
    level = log.level
    log.setLevel(logging.INFO)
    try:
        with _warnings_logged():
            yield
    except BaseException as error:
        log.info("stopped: %s", error or type(error).__name__)
        raise
    finally:
        log.setLevel(level)
        log.removeHandler(handler)
        with contextlib.suppress(OSError):  # lines that cannot be written are lost; the dataset is not affected
            handler.close()


class _Lines(logging.FileHandler):
    """Writes lines, and drops those that cannot be written because the disk is full."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Do nothing."""


@contextlib.contextmanager
def _warnings_logged() -> Iterator[None]:
    """Log every warning in the context, and show each text once."""
    show, seen = warnings.showwarning, set[str]()

    def log_and_show(message: Warning | str, *rest: Any, **named: Any) -> None:
        if str(message) not in seen:
            seen.add(str(message))
            log.info("warning: %s", message)
            show(message, *rest, **named)

    warnings.showwarning = log_and_show
    try:
        yield
    finally:
        warnings.showwarning = show
