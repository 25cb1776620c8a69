"""`build.log`: what happens while a dataset is made, with times and the machine. It is not part of the dataset.

Each part of a build writes a log of its own, because lines that several machines append to one file of a network file
system may be lost. The build that finishes the dataset joins them.
"""

import contextlib
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fgbg_data.dataset.file_names import BUILD_LOG
from fgbg_data.runtime.locks import PARTS

log = logging.getLogger("fgbg_data")
"""Where the makers of datasets write their lines."""


@contextlib.contextmanager
def log_to(path: Path) -> Iterator[None]:
    """Append what is logged in the context to a file.

    Warnings are logged too, and each text is shown only once, whichever process it comes from.
    """
    handler = _Lines(path, encoding="utf-8", errors="backslashreplace")
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


def part_log(out: Path, part: str) -> Path:
    """Return the path of the log of one part, such as `3/8`."""
    return out / PARTS / f"{part.replace('/', '-of-')}.log"


def join_part_logs(out: Path) -> None:
    """Append the logs of all parts to `build.log`, and remove their folder."""
    folder = out / PARTS
    for path in sorted(folder.glob("*.log")):
        with contextlib.suppress(OSError), (out / BUILD_LOG).open("ab") as stream:
            stream.write(path.read_bytes())
            path.unlink()
    with contextlib.suppress(OSError):  # it is missing
        folder.rmdir()


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
