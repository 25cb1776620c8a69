"""The command `fgbg-data`: parse, call one public function, print. Heavy imports happen inside the commands.

In: words of a command line. Out: a call of `fgbg_data`, text on the terminal, an exit status.
"""

import click

from fgbg_data import __version__
from fgbg_data.cli import build, cutout, depth, derive, ground, publish, read, view
from fgbg_data.command_line import CONTEXT, Group
from fgbg_data.runtime.malloc import keep_freed_memory


@click.group("fgbg-data", cls=Group, context_settings=CONTEXT)
@click.version_option(__version__, prog_name="fgbg-data")
def main() -> None:
    """Make image + mask + depth datasets from folders of backgrounds and transparent foregrounds.

    \b
    Try it with no pictures of your own:
      fgbg-data demo demo/
      fgbg-data build --bg demo/bg --fg demo/fg --out demo/shards --samples 500
    """
    keep_freed_memory()


for _module in (build, cutout, ground, read, derive, publish, view, depth):
    for _command in _module.COMMANDS:
        main.add_command(_command)
