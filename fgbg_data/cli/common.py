"""What the commands of `fgbg-data` share: options, and the text about a dataset that was made."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fgbg_data import command_line
from fgbg_data.command_line import Choice

if TYPE_CHECKING:
    from fgbg_data.dataset.manifest import Manifest

user_errors = command_line.user_errors("fgbg-data")

SHARDS = click.argument("shards")
OUT = click.option(
    "--out", "-o", required=True, type=click.Path(path_type=Path), help="Write the dataset to this folder."
)
JOBS = click.option("--jobs", "-j", default=0, help="Use this many worker processes; 0 is one for each core.  [0]")
CHECK = click.option("--check", is_flag=True, help="On resume, compare the sha256 of finished shards, not only sizes.")
DEVICES = Choice(["auto", "cpu", "cuda"])


def make_dataset(out: Path, make: "Callable[[], Manifest]") -> "Manifest":
    """Make a dataset in `out`. Ctrl-C says how to resume, and exits with status 130."""
    try:
        return make()
    except KeyboardInterrupt:
        click.echo(f"\nstopped. Finished shards in {out} are whole; run the same command to go on", err=True)
        sys.exit(130)


def print_made(out: Path, manifest: "Manifest") -> None:
    """Print in one line what a dataset that was made holds."""
    from fgbg_data.text import format_bytes

    splits = ", ".join(f"{name} {about.samples:,}" for name, about in manifest.splits.items())
    size = "" if manifest.bytes is None else f", {format_bytes(manifest.bytes)}"
    click.echo(f"{out}: {manifest.samples:,} samples ({splits}){size}")


def print_table(table: Any) -> None:
    """Print a rich table to standard output, unwrapped where that is no terminal."""
    from rich.console import Console

    console = Console()
    console.print(table) if console.is_terminal else Console(width=110).print(table)
