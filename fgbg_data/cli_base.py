"""What the commands share: errors and warnings in one line, tables."""

import functools
import sys
import warnings
from collections.abc import Callable
from typing import Any

import click

from fgbg_data.errors import FgbgError


def user_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """Turn a user's mistake into one message and exit status 2, and a warning into one line."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            try:
                return command(*args, **kwargs)
            except FgbgError as error:
                click.echo(f"fgbg-data: {error}", err=True)
                sys.exit(2)

    return run


def print_table(table: Any) -> None:
    """Print a rich table to standard output, unwrapped where that is no terminal."""
    from rich.console import Console

    console = Console()
    console.print(table) if console.is_terminal else Console(width=110).print(table)


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    click.echo(f"fgbg-data: {message}", err=True)
