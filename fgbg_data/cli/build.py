"""The commands that start from pictures: demo and build."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fgbg_data.cli.common import make_dataset, print_made, print_table, user_errors

if TYPE_CHECKING:
    from rich.console import Console

    from fgbg_data.config import BuildConfig
    from fgbg_data.dataset.manifest import Manifest


class Choices(click.ParamType[str]):
    """Text that the configuration checks, shown in the help as what it may be."""

    def __init__(self, shown: str) -> None:
        self.name = shown


@click.command(short_help="Draw demo pictures, to try everything with no data of your own.")
@click.argument("folder", type=click.Path(path_type=Path))
@user_errors
def demo(folder: Path) -> None:
    """Write a dozen demo backgrounds and a dozen cut-outs to FOLDER/bg and FOLDER/fg."""
    from fgbg_data.demo import write_demo

    paths = write_demo(folder)
    click.echo(f"wrote {paths.backgrounds} and {paths.foregrounds}; next:")
    click.echo(f"  fgbg-data build --bg {paths.backgrounds} --fg {paths.foregrounds} --out {folder / 'shards'}")


def _option(*names: str, kind: Any = None, **kwargs: Any) -> Callable[..., Any]:
    """Make an option whose default is the configuration's own, so that TOML and defaults stay in one place."""
    if isinstance(kind, Choices):
        kwargs["metavar"] = kind.name  # click would shout it in capitals
    return click.option(*names, type=kind, default=None, **kwargs)


@click.command(short_help="Composite foregrounds over backgrounds into a dataset of shards.")
@_option("--bg", kind=click.Path(path_type=Path), help="Folder of background pictures.  [required]")
@_option("--fg", kind=click.Path(path_type=Path), help="Folder of cut-outs with transparency.  [required]")
@_option("--out", kind=click.Path(path_type=Path), help="Folder that becomes the dataset.  [required]")
@click.option("--config", "toml", type=click.Path(path_type=Path), help="TOML file of these options; options win.")
@_option("--positions", kind=int, help="Placements of every foreground on every background.  [20]")
@_option("--mirror/--no-mirror", help="Also make each placement with the cut-out flipped.  [mirror]")
@_option("--samples", kind=int, help="Total over all splits: a fair subset of the plan.  [all]")
@_option("--size", kind=Choices("SIDE|WxH"), help="Canvas in pixels: 224, or 320x240.  [224]")
@_option(
    "--scale",
    kind=Choices("LOW:HIGH|native"),
    help="Larger side of the cut-out's box as a share of the canvas; native keeps its own pixels.  [0.4:0.7]",
)
@_option("--truncate", kind=float, help="Share of the box's area that may be cut off by the canvas.  [0]")
@_option(
    "--fit",
    kind=Choices("cover|stretch"),
    help="How a background fills the canvas: cropped or distorted.  [cover]",
)
@_option("--seed", kind=int, help="Every draw of the plan comes from it.  [0]")
@_option(
    "--depth",
    kind=Choices("NAME"),
    help="Depth estimator: none, tiny, depth-anything-v2-small, hf:REPO_OR_FOLDER, onnx:FILE, densedepth:FILE.h5; "
    "`fgbg-data estimators` lists all.  [tiny]",
)
@_option("--device", kind=Choices("auto|cpu|cuda"), help="Where the estimator runs.  [auto]")
@_option(
    "--depth-mode",
    kind=Choices("infer|compose|both"),
    help="Ask the estimator about every composite; or once about every source, and compose.  [infer]",
)
@_option(
    "--stand",
    kind=Choices("floor|drawn"),
    help="In composed depth a cut-out stands on the floor under it, or at a drawn depth in front of that.  [floor]",
)
@_option(
    "--relief",
    kind=float,
    help="In composed depth, a cut-out's own relief: a share of the way from the farthest background to it.  [0.2]",
)
@_option("--depth-bits", kind=int, help="Levels of stored depth: 2 to this power.  [12]")
@_option("--depth-size", kind=Choices("full|half|WxH"), help="Size of stored depth.  [full]")
@_option(
    "--estimator-batch",
    kind=int,
    help="Pictures in one estimator call; depth depends on it in its last bits.  [the estimator's own]",
)
@_option("--format", kind=Choices("tar|hdf5|tar,hdf5"), help="Shard formats, all in one pass.  [tar]")
@_option("--shard-size", kind=int, help="Samples in a shard.  [1000]")
@_option("--image-format", kind=Choices("jpg|png"), help="How images are encoded.  [jpg]")
@_option("--quality", kind=int, help="JPEG quality.  [95]")
@_option(
    "--hdf5-layout",
    kind=Choices("pixels|encoded"),
    help="HDF5 of pixels (fast) or of the tar's files (small).  [pixels]",
)
@_option("--val", kind=float, help="Share of the sources (see --holdout) whose samples are val.  [0.1]")
@_option("--test", kind=float, help="Share of the sources whose samples are test.  [0.1]")
@_option(
    "--holdout",
    kind=Choices("background|foreground|both|sample"),
    help="Sources that val and test never share with train; sample: they share all.  [background]",
)
@_option("--jobs", "-j", kind=int, help="Worker processes; 0 is one a core.  [0]")
@_option("--check/--no-check", help="On resume, compare sha256 of finished shards, not only sizes.")
@_option("--skip-bad/--no-skip-bad", help="Leave unusable pictures out, and record them.")
@_option("--overwrite/--no-overwrite", help="Replace another dataset in --out; deletes only files it names.")
@click.option("--dry-run", is_flag=True, help="Print the plan (counts, splits, shards, bytes, time) and stop.")
@user_errors
def build(toml: Path | None, dry_run: bool, **options: Any) -> None:
    """Composite every foreground on every background; write image + mask + depth shards.

    The same command goes on where a stopped build was. The dataset depends on the options and pictures alone:
    not on --jobs, and not on interruptions. Defaults stand in brackets.

    \b
      fgbg-data build --bg bg/ --fg fg/ --out shards/ --dry-run
      fgbg-data build --bg bg/ --fg fg/ --out shards/ --format tar,hdf5
    """
    from rich.console import Console

    from fgbg_data.building.build import build as build_dataset

    config = _config(toml, {name: value for name, value in options.items() if value is not None})
    if dry_run:
        _print_plan(config, Console(stderr=True))
        return
    manifest = make_dataset(config.out, lambda console: build_dataset(config, console))
    _print_fields(manifest)
    print_made(config.out, manifest)
    click.echo(f"look at {config.out / 'preview.png'}; what it is stands in {config.out / 'README.md'}")


def _config(toml: Path | None, options: dict[str, Any]) -> "BuildConfig":
    from fgbg_data.config import BuildConfig, read_toml
    from fgbg_data.errors import ConfigError

    values = (read_toml(toml) if toml else {}) | options
    missing = [f"--{name}" for name in ("bg", "fg", "out") if name not in values]
    if missing:
        raise ConfigError(f"{' and '.join(missing)} missing: say where the folder is; see fgbg-data build --help")
    return BuildConfig(**values)


def _print_plan(config: "BuildConfig", console: "Console") -> None:
    from rich.table import Table

    from fgbg_data.building.build import production
    from fgbg_data.building.forecast import estimator_calls, forecast
    from fgbg_data.building.prepare import prepare
    from fgbg_data.runtime.parallel import num_jobs
    from fgbg_data.runtime.storage import free_bytes
    from fgbg_data.text import counted, format_bytes, format_seconds

    project = prepare(config, console)
    making = production(project)
    making.check_folder()
    records, todo = making.find_finished()
    job, plan = project.job, project.plan
    table = Table("split", "samples", "shards", "backgrounds", "foregrounds")
    for name, split in project.manifest.splits.items():
        counts = split["samples"], split["shards"], len(split["backgrounds"]), len(split["foregrounds"])
        table.add_row(name, *(f"{count:,}" for count in counts))
    pairs = f"{counted(len(job.backgrounds), 'background')} x {counted(len(job.foregrounds), 'foreground')}"
    twins = " x 2 (mirrored)" if config.mirror else ""
    every = len(job.backgrounds) * len(job.foregrounds) * plan.per_pair
    made = "" if every == len(plan) else f"; this build makes {len(plan):,} of them"
    click.echo(f"{pairs} x {counted(config.positions, 'position')}{twins} = {counted(every, 'sample')}{made}")
    print_table(table)
    with console.status("measuring the first samples"):
        expected = forecast(project)
    jobs = num_jobs(config.jobs, len(making.tasks))
    click.echo(
        f"expected: {format_bytes(expected.bytes)} ({format_bytes(free_bytes(config.out))} free), about "
        f"{format_seconds(expected.seconds)} with {counted(jobs, 'worker')}"
    )
    if config.labels:
        calls = counted(estimator_calls(project), "call")
        click.echo(
            f"depth {' and '.join(config.labels.values())}: {calls} of {config.depth}, {job.batch_size} pictures each"
        )
    if "hdf5" in config.format and config.hdf5_layout == "pixels":
        click.echo("HDF5 holds decoded pixels, fast to read; --hdf5-layout encoded would be smaller")
    if records:
        click.echo(f"{len(records)} of {len(records) + len(todo)} shards are finished already")
    click.echo("nothing was written (--dry-run)")


def _print_fields(manifest: "Manifest") -> None:
    from rich.table import Table

    table = Table("field", "type", "count", "size", "mean", "std")
    for name, field in manifest.statistics.items():
        about = manifest.fields[name]
        shape = " x ".join(str(side) for side in about["shape"])
        mean, std = (" ".join(f"{value:.4f}" for value in field[kind]) for kind in ("mean", "std"))
        table.add_row(name, about["dtype"], f"{field['count']:,}", shape, mean, std)
    print_table(table)


COMMANDS = (demo, build)
