"""The command that shows the ground of backgrounds before anything is built."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fgbg_data.cli.common import DEPTH, DEVICE, user_errors
from fgbg_data.command_line import Choice, Command
from fgbg_data.text import counted

if TYPE_CHECKING:
    from fgbg_data.config import Device, Fit


@click.command(cls=Command, short_help="Show where things can stand in each background.")
@click.argument("backgrounds", metavar="BG", type=click.Path(path_type=Path))
@click.option(
    "--out", "-o", default="ground.png", type=click.Path(path_type=Path), help="Write this PNG.  [ground.png]"
)
@DEPTH
@DEVICE
@click.option("--size", default="224", metavar="SIDE|WxH", help="Set the size of the images, as for `build`.  [224]")
@click.option(
    "--fit",
    default="cover",
    type=Choice(["cover", "stretch"]),
    help="Crop backgrounds to the image (cover) or distort them (stretch).  [cover]",
)
@user_errors
def ground(backgrounds: Path, out: Path, depth: str, device: "Device", size: str, fit: "Fit") -> None:
    """Show where things can stand in each background, before anything is built.

    On the sheet, the ground is green, the horizon is red, and yellow figures of 1.7 m stand on it. Backgrounds without
    ground are dark. Correct what is wrong in BG/ground.csv, with the columns file,ground,horizon: `no` in `ground` if
    nothing can stand there, and in `horizon` its row as a share of the height from the top, such as 0.4.

    \b
      fgbg-data ground bg/ -o sheet.png
    """
    from fgbg_data import survey_ground

    reports = survey_ground(backgrounds, out, depth=depth, device=device, size=size, fit=fit, progress=True)
    without = [report for report in reports if report.reason]
    for report in without:
        click.echo(f"no ground: {report.file}: {report.reason}")
    click.echo(f"look at {out}: {len(reports) - len(without)} of {counted(len(reports), 'background')} with ground")


COMMANDS = (ground,)
