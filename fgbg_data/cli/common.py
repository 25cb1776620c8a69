"""What the commands share: errors and warnings in one line, the making of a dataset, tables."""

import functools
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fgbg_data.errors import FgbgError

if TYPE_CHECKING:
    from rich.console import Console

    from fgbg_data.dataset.manifest import Manifest


def user_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """Turn a user's mistake into one message and exit status 2, and a warning into one line."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            try:
                return command(*args, **kwargs)
            except FgbgError as error:
                click.echo(f"fgbg-data: {error.for_command_line()}", err=True)
                sys.exit(2)

    return run


def make_dataset(out: Path, make: "Callable[[Console], Manifest]") -> "Manifest":
    """Make a dataset in `out`, with progress; Ctrl-C says that the same command goes on, and exits with status 130."""
    from rich.console import Console

    try:
        return make(Console(stderr=True))
    except KeyboardInterrupt:
        click.echo(f"\nstopped. Finished shards in {out} are whole; run the same command to go on", err=True)
        sys.exit(130)


def print_made(out: Path, manifest: "Manifest") -> None:
    """Say in a line what a dataset that was made holds."""
    from fgbg_data.text import format_bytes

    splits = ", ".join(f"{name} {about['samples']:,}" for name, about in manifest.splits.items())
    size = "" if manifest.bytes is None else f", {format_bytes(manifest.bytes)}"
    click.echo(f"{out}: {manifest.samples:,} samples ({splits}){size}")


def print_table(table: Any) -> None:
    """Print a rich table to standard output, unwrapped where that is no terminal."""
    from rich.console import Console

    console = Console()
    console.print(table) if console.is_terminal else Console(width=110).print(table)


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    click.echo(f"fgbg-data: {message}", err=True)
