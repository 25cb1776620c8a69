"""Limits of this process that tests lower for a while."""

import contextlib
import resource
from collections.abc import Iterator


@contextlib.contextmanager
def limit(kind: int, value: int) -> Iterator[None]:
    """Lower a limit of this process for a while."""
    soft, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (value, hard))
    try:
        yield
    finally:
        resource.setrlimit(kind, (soft, hard))
