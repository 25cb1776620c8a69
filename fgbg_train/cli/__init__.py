"""The command `fgbg-train`: parse, call one public function, print. Heavy imports happen inside the commands.

In: words of a command line. Out: a call of `fgbg_train`, text on the terminal, an exit status.
"""

import click

from fgbg_data import command_line
from fgbg_data.runtime.malloc import keep_freed_memory
from fgbg_train import __version__
from fgbg_train.cli import fit, use


@click.group("fgbg-train", cls=command_line.Group, context_settings=command_line.CONTEXT)
@click.version_option(__version__, prog_name="fgbg-train")
def main() -> None:
    """Train a mask network and a depth network on datasets that fgbg-data built.

    \b
    Try it on demo data:
      fgbg-data demo demo/
      fgbg-data build --bg demo/bg --fg demo/fg --out demo/shards --samples 500
      fgbg-train fit demo/shards
    """
    keep_freed_memory()


for _module in (fit, use):
    for _command in _module.COMMANDS:
        main.add_command(_command)
