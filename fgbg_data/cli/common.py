"""What the commands of `fgbg-data` share: options, tables, and the text about a dataset that was made."""

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fgbg_data import command_line
from fgbg_data.command_line import Choice
from fgbg_data.text import format_bytes

if TYPE_CHECKING:
    from fgbg_data.dataset.manifest import Manifest

user_errors = command_line.user_errors("fgbg-data")

SHARDS = click.argument("shards", type=click.Path())
OUT = click.option("--out", "-o", required=True, type=click.Path(), help="Write the dataset to this folder or URL.")
JOBS = click.option("--jobs", "-j", default=0, help="Use this many worker processes; 0 is one for each core.  [0]")
CHECK = click.option("--check", is_flag=True, help="On resume, compare the sha256 of finished shards, not only sizes.")
DEVICES = Choice(["auto", "cpu", "cuda"])
DEVICE = click.option("--device", default="auto", type=DEVICES, help="Run the estimator on this device.  [auto]")
LAYOUTS = ("coco", "yolo", "index")
"""Names of the exports for other tools, which `convert --format` takes beside formats of shards."""
JOBS_ALIAS = {"--workers": "--jobs"}
"""Another spelling of `--jobs`, which the help does not list."""


def complete_depth(context: click.Context, parameter: click.Parameter, typed: str) -> list[str]:
    """Return the names of depth estimators that begin with what was typed, for the shell."""
    from fgbg_data.depth.hf_presets import PRESETS
    from fgbg_data.depth.registry import ESTIMATORS, FAMILIES

    names = [*ESTIMATORS, *PRESETS, *(f"{family}:" for family in FAMILIES), "none", "auto"]
    return [name for name in names if name.startswith(typed)]


DEPTH = click.option(
    "--depth",
    default="tiny",
    metavar="NAME",
    shell_complete=complete_depth,
    help="Choose the depth estimator, as for `build`.  [tiny]",
)


def complete_format(context: click.Context, parameter: click.Parameter, typed: str) -> list[str]:
    """Return lists of formats, with one more name after what was typed, for the shell."""
    from fgbg_data.shards import FORMATS

    before, comma, last = typed.rpartition(",")
    return [before + comma + name for name in FORMATS if name.startswith(last) and name not in before.split(",")]


def complete_format_or_layout(context: click.Context, parameter: click.Parameter, typed: str) -> list[str]:
    """Return what `complete_format` returns, and the names of layouts of other tools."""
    return complete_format(context, parameter, typed) + [name for name in LAYOUTS if name.startswith(typed)]


def complete_recipe(context: click.Context, parameter: click.Parameter, typed: str) -> list[str]:
    """Return the names of recipes that begin with what was typed, for the shell."""
    from fgbg_data.config_files import recipe_names

    return [name for name in recipe_names() if name.startswith(typed)]


@contextlib.contextmanager
def resumable(out: Path | str) -> Iterator[None]:
    """Answer Ctrl-C, while a dataset is made in `out`, by the text that says how to resume, and by status 130."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo(f"\nstopped. Finished shards in {out} are whole; run the same command to go on", err=True)
        sys.exit(130)


def print_made(out: Path | str, manifest: "Manifest") -> None:
    """Print in one line what a new dataset holds."""
    splits = ", ".join(f"{name} {about.samples:,}" for name, about in manifest.splits.items())
    size = "" if manifest.bytes is None else f", {format_bytes(manifest.bytes)}"
    click.echo(f"{out}: {manifest.samples:,} samples ({splits}){size}")


def format_shape(shape: Sequence[int]) -> str:
    """Return the shape of an array: `224 x 224 x 3`, or `-` for no array."""
    return " x ".join(map(str, shape)) or "-"


def format_channels(values: Sequence[float]) -> str:
    """Return one number for each channel, or `-` for none."""
    return " ".join(f"{value:.4f}" for value in values) or "-"
