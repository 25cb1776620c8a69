"""The command `fgbg-train`: parse, call one function, print. Heavy imports happen inside the commands."""

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from fgbg_train import __version__, config
from fgbg_train.errors import FgbgError

PRESETS = click.Choice(list(config.PRESETS))


def user_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """Turn a user's mistake into one message and exit status 2."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except FgbgError as error:
            click.echo(f"fgbg-train: {error}", err=True)
            sys.exit(2)

    return run


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="fgbg-train")
def main() -> None:
    """Train a mask network and a depth network on datasets that fgbg-data built."""


@main.command()
@click.option("--preset", type=PRESETS, default="small", show_default=True, help="Networks to describe.")
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="TOML laid over the preset.")
@click.option("--size", default=64, show_default=True, help="Image size in px that costs are for.")
@click.option("--levels", default=1, show_default=True, help="Levels of parts to list.")
@user_errors
def summary(preset: str, config_file: Path | None, size: int, levels: int) -> None:
    """List the networks' layers, parameters and multiply-adds.

    Multiply-adds are for one image, convolutions and linear layers only.
    """
    from rich.console import Console
    from rich.table import Table

    from fgbg_train.summary import describe

    settings = config.build(preset, config.read_toml(config_file) if config_file else {})
    for rows in describe(settings.model, size, levels):
        table = Table("layer", "kind", "output")
        table.add_column("parameters", justify="right")
        table.add_column("multiply-adds", justify="right")
        for row in rows:
            table.add_row(row.name, row.kind, row.output, f"{row.parameters:,}", f"{row.multiply_adds:,}")
        Console().print(table)


if __name__ == "__main__":
    main()
