"""The commands about depth estimators: estimate the depth of any pictures, and list the estimators."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fgbg_data.cli.common import DEVICES, complete_depth, user_errors
from fgbg_data.command_line import Command, print_table
from fgbg_data.text import counted

if TYPE_CHECKING:
    from fgbg_data.config import Device


@click.command(
    cls=Command,
    aliases={"--batch-size": "--estimator-batch"},
    short_help="Estimate the depth of pictures with any estimator.",
)
@click.argument("pictures", nargs=-1, required=True, metavar="PICTURE...", type=click.Path(path_type=Path))
@click.option("--out", "-o", required=True, type=click.Path(path_type=Path), help="Write the files to this folder.")
@click.option(
    "--depth",
    default="tiny",
    metavar="NAME",
    shell_complete=complete_depth,
    help="Choose the depth estimator, as for `build`.  [tiny]",
)
@click.option(
    "--compare", metavar="NAME,NAME...", help="Draw sheets instead, with the depth of each of these estimators."
)
@click.option("--device", default="auto", type=DEVICES, help="Run the estimator on this device.  [auto]")
@click.option(
    "--estimator-batch", type=int, help="Put this many pictures in one estimator call.  [the estimator's own]"
)
@click.option("--depth-bits", default=12, help="Store depth with this many bits; 12 are 4096 levels.  [12]")
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
@user_errors
def depth(
    pictures: tuple[Path, ...],
    out: Path,
    depth: str,
    compare: str | None,
    device: "Device",
    estimator_batch: int | None,
    depth_bits: int,
    overwrite: bool,
) -> None:
    """Estimate the depth of pictures, or of folders of pictures, with any estimator.

    It writes NAME.depth.png (16 bits, larger = nearer, as in a shard), NAME.depth.json (the range of the depth, and the
    estimator) and NAME.preview.png to look at.

    \b
      fgbg-data depth photo.jpg -o out/
      fgbg-data depth photos/ -o out/ --depth depth-anything-v2-small
      fgbg-data depth photo.jpg -o out/ --compare tiny,depth-anything-v2-small
    """
    from fgbg_data import compare_estimators, label_pictures

    if compare is not None:
        names = [name.strip() for name in compare.split(",")]
        written = compare_estimators(pictures, out, names, device=device, overwrite=overwrite, progress=True)
    else:
        written = label_pictures(
            pictures,
            out,
            depth=depth,
            device=device,
            estimator_batch=estimator_batch,
            depth_bits=depth_bits,
            overwrite=overwrite,
            progress=True,
        )
    click.echo(f"{out}: depth of {counted(len(written), 'picture')}")


@click.command(short_help="List the depth estimators: licence, size, output.")
@click.option(
    "--speed", multiple=True, metavar="NAME", help="Measure this estimator instead of listing; may be given again."
)
@click.option("--device", default="auto", type=DEVICES, help="Measure it on this device.  [auto]")
@click.option("--seconds", default=5.0, type=click.FloatRange(min=0), help="Measure each estimator for this long.  [5]")
@user_errors
def estimators(speed: tuple[str, ...], device: str, seconds: float) -> None:
    """List the depth estimators: licence, size, output, and whether they are on this machine.

    \b
      fgbg-data estimators
      fgbg-data estimators --speed tiny --speed depth-anything-v2-small
    """
    from fgbg_data import list_estimators, measure_estimator
    from fgbg_data.depth.catalogue import SPEED_SIDE_PX

    if speed:
        for name in speed:
            measured = measure_estimator(name, device=device, seconds=seconds)
            click.echo(
                f"{name}: {measured.pictures_per_s:.1f} pictures/s of {SPEED_SIDE_PX} x {SPEED_SIDE_PX} px, batches of "
                f"{measured.batch_size}, {measured.device}"
            )
        return
    print_table(["--depth", "licence", "parameters", "gives", "on this machine"], list_estimators())
    click.echo("* not for commercial use. A model is fetched when it is first used; offline, the error says how")


COMMANDS = (depth, estimators)
