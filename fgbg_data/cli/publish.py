"""The command that publishes a dataset: push."""

from pathlib import Path

import click

from fgbg_data.cli.common import user_errors
from fgbg_data.command_line import Command


@click.command(
    cls=Command, aliases={"--yes": "--allow-unknown-licences"}, short_help="Upload a dataset to the Hugging Face Hub."
)
@click.argument("shards", type=click.Path(path_type=Path))
@click.argument("url", metavar="hf://datasets/USER/NAME")
@click.option("--private", is_flag=True, help="Make a new repository private.")
@click.option(
    "--allow-unknown-licences", is_flag=True, help="Publish pictures whose licence is not known; --yes is the same."
)
@click.option("--message", default="Upload a dataset made by fgbg", help="Give the commit this first line.")
@user_errors
def push(shards: Path, url: str, private: bool, allow_unknown_licences: bool, message: str) -> None:
    """Upload a complete dataset to the Hugging Face Hub, without locks and logs. The same command resumes it.

    The manifest goes last, so a repository that has one is complete. Log in first by `hf auth login`. Sources whose
    licence is not in sources.csv are refused.

    \b
      fgbg-data push shards/ hf://datasets/USER/NAME --private
    """
    from fgbg_data import push as push_dataset

    address = push_dataset(shards, url, private=private, allow_unknown_licences=allow_unknown_licences, message=message)
    click.echo(f"{shards} is at {address}")


COMMANDS = (push,)
