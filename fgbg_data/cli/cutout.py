"""The command that makes foregrounds of photos: cutout."""

import sys
from pathlib import Path
from typing import Any

import click

from fgbg_data.cli.common import DEVICES, user_errors
from fgbg_data.command_line import Command
from fgbg_data.text import counted


@click.command(
    cls=Command,
    sections={
        "What is cut out": ("model", "masks", "split", "non_commercial", "device"),
        "What is kept": ("colours", "least_area", "most_area", "most_soft"),
        "Files": ("out", "overwrite"),
    },
    short_help="Cut objects out of photos, for --fg of build.",
)
@click.argument("photos", nargs=-1, required=True, metavar="PHOTO...", type=click.Path(path_type=Path))
@click.option("--out", "-o", required=True, type=click.Path(path_type=Path), help="Write the cut-outs to this folder.")
@click.option(
    "--model",
    default="isnet",
    metavar="NAME",
    help="Use this network: isnet, u2net, birefnet, birefnet-lite, ben2, rmbg-1.4, or onnx:FILE.  [isnet]",
)
@click.option("--masks", type=click.Path(path_type=Path), help="Cut by these masks instead: a folder, or a COCO JSON.")
@click.option("--split", is_flag=True, help="Make a cut-out of each object that is apart from the others.")
@click.option(
    "--colours/--no-colours", default=True, help="Estimate the colours of soft edges, so that no halo is left.  [on]"
)
@click.option("--least-area", default=0.005, help="Reject what covers a smaller share of the photo.  [0.005]")
@click.option("--most-area", default=0.95, help="Reject what covers a larger share of the photo.  [0.95]")
@click.option("--most-soft", default=0.4, help="Reject what has a larger share of half transparent pixels.  [0.4]")
@click.option("--device", default="cpu", type=DEVICES, help="Run the network on this device.  [cpu]")
@click.option("--non-commercial", is_flag=True, help="Allow networks whose licence forbids commercial use.")
@click.option("--overwrite", is_flag=True, help="Replace cut-outs that exist.")
@user_errors
def cutout(
    photos: tuple[Path, ...], out: Path, least_area: float, most_area: float, most_soft: float, **options: Any
) -> None:
    """Cut the objects out of photos, as transparent PNGs that `build --fg` can paste.

    A network finds the object of each photo; its file is fetched once. With --masks, labelled objects are cut out and
    no network is needed. What is not worth pasting goes to OUT-rejected/ with the reason. Look at OUT-sheet.png:
    halos show on magenta.

    \b
      fgbg-data cutout photos/ -o fg/
      fgbg-data cutout photos/ -o fg/ --model onnx:u2net.onnx --split
      fgbg-data cutout photos/ -o fg/ --masks instances.json
    """
    from fgbg_data import cut_pictures
    from fgbg_data.cutting.alpha import Limits

    report = cut_pictures(photos, out, limits=Limits(least_area, most_area, most_soft), progress=True, **options)
    for path, reason in report.rejected.items():
        click.echo(f"rejected: {path}: {reason}")
    for photo in report.without:
        click.echo(f"nothing found: {photo}")
    for error in report.unusable:
        click.echo(f"cannot be used: {error.for_command_line()}", err=True)
    look = f"; look at {report.sheet}" if report.sheet else ""
    click.echo(f"{out}: {counted(len(report.written), 'cut-out')}, {len(report.rejected):,} rejected{look}")
    sys.exit(2 if report.unusable else 0)


COMMANDS = (cutout,)
