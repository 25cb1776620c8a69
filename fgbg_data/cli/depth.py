"""The commands about depth estimators: estimate the depth of any pictures, and list the estimators."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fgbg_data.cli.common import DEPTH, DEVICE, DEVICES, user_errors
from fgbg_data.command_line import Command, print_table, terminal_width
from fgbg_data.errors import ConfigError, option
from fgbg_data.exam.command_options import NAMES, exam_options, take_protocol
from fgbg_data.text import counted

if TYPE_CHECKING:
    from fgbg_data.config import Device


SECTIONS = {
    "Estimates": ("out", "depth", "compare", "device", "estimator_batch", "depth_bits", "overwrite"),
    "Exam": ("exam", "panel", "as_json", *NAMES),
}
"""Sections of the help of depth: title -> options."""


@click.command(
    cls=Command,
    sections=SECTIONS,
    aliases={"--batch-size": "--estimator-batch"},
    short_help="Estimate the depth of pictures with any estimator.",
)
@click.argument("pictures", nargs=-1, metavar="PICTURE...", type=click.Path(path_type=Path))
@click.option("--out", "-o", type=click.Path(path_type=Path), help="Write the files to this folder; required.")
@DEPTH
@click.option(
    "--compare", metavar="NAME,NAME...", help="Draw sheets instead, with the depth of each of these estimators."
)
@DEVICE
@click.option(
    "--estimator-batch", type=int, help="Put this many pictures in one estimator call.  [the estimator's own]"
)
@click.option("--depth-bits", default=12, help="Store depth with this many bits; 12 are 4096 levels.  [12]")
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
@click.option(
    "--exam",
    type=click.Path(path_type=Path),
    help="Print instead how well the estimators do on the pictures of this folder, whose depth is known.",
)
@click.option(
    "--panel",
    type=click.Path(path_type=Path),
    help="Draw the worst, the middle and the best of --exam into this PNG file.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the scores of --exam as JSON.")
@exam_options
@user_errors
def depth(
    pictures: tuple[Path, ...],
    out: Path | None,
    depth: str,
    compare: str | None,
    device: "Device",
    estimator_batch: int | None,
    depth_bits: int,
    overwrite: bool,
    exam: Path | None,
    panel: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Estimate the depth of pictures, or of folders of pictures, with any estimator.

    It writes NAME.depth.png (16 bits, larger = nearer, as in a shard), NAME.depth.json (the range of the depth, and the
    estimator) and NAME.preview.png to look at.

    With --exam, it prints instead how well estimators do on pictures whose depth is known, beside baselines.

    \b
      fgbg-data depth photo.jpg -o out/
      fgbg-data depth photos/ -o out/ --depth depth-anything-v2-small
      fgbg-data depth photo.jpg -o out/ --compare tiny,depth-anything-v2-small
      fgbg-data depth --exam photos/ --compare tiny,depth-anything-v2-small
    """
    from fgbg_data import compare_estimators, label_pictures

    names = [depth] if compare is None else [name.strip() for name in compare.split(",")]
    given = {name: value for name, value in options.items() if value is not None}
    if exam is not None:
        if pictures or out is not None:
            extra = f"PICTURE {pictures[0]}" if pictures else option("out", out)
            raise ConfigError(f"{extra} has no effect beside {option('exam')}; leave it out")
        _examine(exam, names, device, panel, as_json, given)
        return
    if not pictures:
        raise click.UsageError("Missing argument 'PICTURE...'.")
    if out is None:
        raise click.UsageError("Missing option '--out' / '-o'.")
    if idle := [*given, *["panel"] * (panel is not None), *["json"] * as_json]:
        raise ConfigError(f"{option(idle[0])} has no effect without {option('exam')}; leave it out")
    if compare is not None:
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


def _examine(
    exam: Path, names: list[str], device: "Device", panel: Path | None, as_json: bool, given: dict[str, Any]
) -> None:
    """Score estimators on an exam, and print the result."""
    from fgbg_data import examine_estimators
    from fgbg_data.exam.report import comparison_table

    protocol = take_protocol(given)
    reports = examine_estimators(exam, names, protocol=protocol, device=device, panel=panel, progress=True)
    if as_json:
        click.echo(json.dumps({name: report.to_json() for name, report in reports.items()}, indent=2))
        return
    click.echo(comparison_table(reports, terminal_width()))


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
