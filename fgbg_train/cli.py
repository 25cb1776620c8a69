"""The command line: parse, call one public function, print. Heavy imports happen inside the commands."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from fgbg_train import __version__, config
from fgbg_train.errors import FgbgError

PRESETS = click.Choice(list(config.PRESETS))


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="fgbg-train")
def cli() -> None:
    """Train a mask network and a depth network on datasets that fgbg-data built."""


@cli.command()
@click.option("--preset", type=PRESETS, default="small", show_default=True, help="Networks to describe.")
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="TOML laid over the preset.")
@click.option("--size", default=64, show_default=True, help="Image size in px that costs are for.")
@click.option("--levels", default=1, show_default=True, help="Levels of parts to list.")
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


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; a user's mistake is one line on standard error and exit status 2."""
    try:
        status: Any = cli.main(arguments, prog_name="fgbg-train", standalone_mode=False)
    except FgbgError as error:
        click.echo(f"fgbg-train: {error}", err=True)
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        click.echo("fgbg-train: stopped", err=True)
        sys.exit(130)
    sys.exit(status if isinstance(status, int) else 0)


if __name__ == "__main__":
    main()
