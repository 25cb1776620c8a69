"""How many threads numerical libraries may use in this process: torch, loaded or not, and onnxruntime."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from fgbg_data.runtime.parallel import num_cores

VARIABLE = "OMP_NUM_THREADS"
"""The environment variable that torch reads when it is loaded."""


def num_threads() -> int:
    """Return the number of threads that torch uses, or would use if it were loaded. It is not loaded for that."""
    if torch := sys.modules.get("torch"):
        return int(torch.get_num_threads())
    value = os.environ.get(VARIABLE, "")
    return int(value) if value.isdigit() and int(value) else num_cores()


def set_num_threads(count: int) -> None:
    """Let torch use this many threads, also if it is loaded later. `num_threads` returns it from then on."""
    os.environ[VARIABLE] = str(count)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(count)


@contextmanager
def kept_threads() -> Iterator[None]:
    """Give this process its number of threads back at the end of the context."""
    count, value = num_threads(), os.environ.get(VARIABLE)
    try:
        yield
    finally:
        set_num_threads(count)
        if value is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = value
