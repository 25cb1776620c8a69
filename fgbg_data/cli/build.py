"""The commands that start from pictures: demo and build."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fgbg_data.cli.common import (
    DEVICES,
    JOBS_ALIAS,
    complete_depth,
    complete_format,
    complete_recipe,
    format_channels,
    format_shape,
    print_made,
    resumable,
    user_errors,
)
from fgbg_data.command_line import Choice, Command, print_table

if TYPE_CHECKING:
    from fgbg_data.config import BuildConfig
    from fgbg_data.dataset.manifest import Manifest


@click.command(short_help="Draw demo pictures, to try everything with no data of your own.")
@click.argument("folder", type=click.Path(path_type=Path))
@user_errors
def demo(folder: Path) -> None:
    """Draw demo backgrounds in FOLDER/bg and demo cut-outs in FOLDER/fg.

    \b
      fgbg-data demo demo/
    """
    from fgbg_data import write_demo

    paths = write_demo(folder)
    click.echo(f"wrote {paths.backgrounds} and {paths.foregrounds}; next:")
    click.echo(f"  fgbg-data build --bg {paths.backgrounds} --fg {paths.foregrounds} --out {folder / 'shards'}")


def _option(*names: str, **kwargs: Any) -> Callable[..., Any]:
    """Return an option without a default, because the defaults are those of the configuration."""
    return click.option(*names, default=None, **kwargs)


def _text(shown: str) -> dict[str, Any]:
    """Return the settings of an option of text, which the configuration checks; the help shows `shown`."""
    return {"metavar": shown}


ALIASES = JOBS_ALIAS | {
    "--num-samples": "--samples",
    "--batch-size": "--estimator-batch",
    "--max-cropped": "--truncate",
    "--background-fit": "--fit",
    "--color": "--colour",
}
"""Other spellings of options of `build`. The help lists the names that a TOML file and `BuildConfig` have too."""

SECTIONS = {
    "Sources and result": ("bg", "fg", "out", "toml", "skip_bad", "overwrite"),
    "Composites": ("positions", "mirror", "samples", "size", "scale", "truncate", "fit", "seed"),
    "Scenes": ("recipe", "objects", "visible", "amodal", "empty", "decoys", "twins"),
    "Placing on the ground": ("place", "camera_height", "require_ground", "occlude", "shadow"),
    "Look of objects": ("blend", "rotate", "colour", "match", "camera"),
    "Depth": ("depth", "device", "depth_mode", "stand", "relief", "depth_bits", "depth_size", "estimator_batch"),
    "Splits": ("val", "test", "holdout", "group_similar"),
    "Files": ("format", "extra_fields", "shard_size", "image_format", "quality", "hdf5_layout"),
    "How it runs": ("jobs", "check", "cache_gb", "dry_run"),
    "Many machines": ("part", "plan_only", "status", "backend", "dask_address"),
}
"""Sections of the help of `build`: title -> options."""


@click.command(
    cls=Command, sections=SECTIONS, aliases=ALIASES, short_help="Composite foregrounds over backgrounds into a dataset."
)
@_option("--bg", type=click.Path(), help="Take backgrounds from this folder or URL.  [required]")
@_option("--fg", type=click.Path(), help="Take cut-outs with transparency from this folder or URL.  [required]")
@_option("--out", "-o", type=click.Path(), help="Write the dataset to this folder or URL.  [required]")
@click.option(
    "--config",
    "toml",
    type=click.Path(path_type=Path),
    help="Read options from this TOML file; options on the command line win.",
)
@_option("--skip-bad/--no-skip-bad", help="Leave unusable pictures out, and record them.")
@_option("--overwrite/--no-overwrite", help="Replace another dataset in --out; delete only the files that it names.")
@_option("--positions", type=int, help="Place each cut-out this many times on each background.  [20]")
@_option("--mirror/--no-mirror", help="Also make each placement with the cut-out flipped.  [mirror]")
@_option(
    "--samples", "-n", type=int, help="Make only this many samples in all, drawn evenly from the whole plan.  [all]"
)
@_option("--size", **_text("SIDE|WxH"), help="Set the size of the images in pixels: 224, or 320x240.  [224]")
@_option(
    "--scale",
    **_text("LOW:HIGH|native"),
    help="Set the larger side of a cut-out's box as a share of the image; native keeps its own pixels.  [0.4:0.7]",
)
@_option("--truncate", type=float, help="Let at most this share of the box lie outside the image.  [0]")
@_option(
    "--fit",
    type=Choice(["cover", "stretch"]),
    help="Crop backgrounds to the image (cover) or distort them (stretch).  [cover]",
)
@_option(
    "--recipe",
    **_text("NAME|FILE.toml"),
    shell_complete=complete_recipe,
    help="Start from the options of this recipe: classic, or varied; options that are given win.  [classic]",
)
@_option(
    "--objects",
    **_text("N|LOW:HIGH"),
    help="Paste so many cut-outs into each picture; further ones come from the same split.  [1]",
)
@_option("--visible", type=float, help="Let other objects leave at least this share of every object seen.  [0.3]")
@_option("--amodal/--no-amodal", help="Store the whole area of each object too, with what others hide.")
@_option("--empty", type=float, help="Show no object in this share of the samples.  [0]")
@_option(
    "--decoys",
    **_text("N|LOW:HIGH"),
    help="Paste so many silhouettes that are filled with another background; they are not in the mask.  [0]",
)
@_option("--twins", type=int, help="Make every sample this many times, with other blends.  [1]")
@_option(
    "--blend",
    **_text("NAME,..."),
    help="Draw one of these blends for each object: over, feather, box, erode, motion.  [over]",
)
@_option("--rotate", type=float, help="Turn objects by up to this many degrees to either side.  [0]")
@_option(
    "--colour", type=float, help="Change brightness, contrast and white balance of objects this much, 0 to 1.  [0]"
)
@_option(
    "--match",
    **_text("N|LOW:HIGH"),
    help="Move the colours of objects to those of the background by this share of the way.  [0]",
)
@_option("--camera", type=float, help="Add blur, noise, vignette and marks of JPEG to this share of pictures.  [0]")
@_option(
    "--place",
    type=Choice(["free", "ground"]),
    help="Place objects anywhere (free), or on the ground of the background, at the size that they have there.  [free]",
)
@_option(
    "--camera-height",
    **_text("LOW:HIGH"),
    help="Draw the height of the camera above the ground, in metres, for each background.  [1.2:1.8]",
)
@_option(
    "--require-ground/--no-require-ground",
    help="Leave out backgrounds without ground instead of placing objects freely on them.",
)
@_option("--occlude/--no-occlude", help="Let what is nearer in the background hide objects on its ground.  [occlude]")
@_option(
    "--shadow",
    type=Choice(["none", "contact", "cast"]),
    help="Draw a shadow under each object on the ground (contact), or also the one that its light casts (cast).  "
    "[none]",
)
@_option("--seed", type=int, help="Set the seed of all random choices.  [0]")
@_option(
    "--depth",
    **_text("NAME"),
    shell_complete=complete_depth,
    help="Choose the depth estimator: none, tiny, auto, depth-anything-v2-small, hf:REPO_OR_FOLDER, onnx:FILE, "
    "densedepth:FILE.h5; `fgbg-data estimators` lists all.  [tiny]",
)
@_option("--device", type=DEVICES, help="Run the estimator on this device.  [auto]")
@_option(
    "--depth-mode",
    type=Choice(["infer", "compose", "both"]),
    help="Estimate the depth of every composite (infer), or of every source once, and compose it (compose).  [infer]",
)
@_option(
    "--stand",
    type=Choice(["floor", "drawn"]),
    help="In composed depth, stand each cut-out on the floor under it, or at a random depth in front of that.  [floor]",
)
@_option(
    "--relief",
    type=float,
    help="In composed depth, let a cut-out's own relief take this share of the way to it from the farthest "
    "background.  [0.2]",
)
@_option("--depth-bits", type=int, help="Store depth with this many bits; 12 are 4096 levels.  [12]")
@_option("--depth-size", **_text("full|half|WxH"), help="Store depth at this size.  [full]")
@_option(
    "--estimator-batch",
    type=int,
    help="Put this many pictures in one estimator call; it changes the last bits of depth.  [the estimator's own]",
)
@_option("--val", type=float, help="Hold this share of the sources (see --holdout) out for val.  [0.1]")
@_option("--test", type=float, help="Hold this share of the sources out for test.  [0.1]")
@_option(
    "--holdout",
    type=Choice(["background", "foreground", "both", "sample"]),
    help="Keep these sources of val and test out of train; with sample, all splits share them (leaks).  [background]",
)
@_option(
    "--group-similar/--no-group-similar",
    help="Keep pictures that look alike (resized, compressed again, flipped) in one split, as copies always are.",
)
@_option(
    "--format",
    **_text("tar|hdf5|tar,hdf5"),
    shell_complete=complete_format,
    help="Write these shard formats, all in one pass.  [tar]",
)
@_option("--extra-fields", **_text("NAME,..."), help="Make these fields of other packages too.  [none]")
@_option("--shard-size", type=int, help="Put this many samples in a shard.  [1000]")
@_option("--image-format", type=Choice(["jpg", "png"]), help="Encode images in this format.  [jpg]")
@_option("--quality", type=int, help="Set the JPEG quality.  [95]")
@_option(
    "--hdf5-layout",
    type=Choice(["pixels", "encoded"]),
    help="Fill HDF5 with pixels (fast) or with the files of a tar (small).  [pixels]",
)
@_option("--jobs", "-j", type=int, help="Use this many worker processes; 0 is one for each core.  [0]")
@_option("--check/--no-check", help="On resume, compare the sha256 of finished shards, not only sizes.")
@_option("--cache-gb", type=float, help="Keep at most this many GB of what is behind URLs on this machine.  [20]")
@click.option("--dry-run", is_flag=True, help="Print what would be made (counts, splits, bytes, time) and stop.")
@_option(
    "--part",
    **_text("K/N"),
    help="Make only the K-th of N parts of the shards; slurm, slurm/N, k8s and k8s/N take K from the environment. "
    "The command without --part then finishes the dataset.  [all]",
)
@_option(
    "--backend",
    type=Choice(["processes", "dask", "loky"]),
    help="Make shards in worker processes of this machine (processes, also spelled loky) or on a cluster of Dask.  "
    "[processes]",
)
@_option(
    "--dask-address",
    **_text("tcp://HOST:PORT|FILE.json"),
    help="Use the scheduler of Dask at this address, or in this file.  [a cluster on this machine]",
)
@click.option(
    "--plan-only", is_flag=True, help="Write only dataset.json, with which every part compares itself, and stop."
)
@click.option(
    "--status", is_flag=True, help="Print which shards of --out exist, which are missing and how fast they come."
)
@user_errors
def build(toml: Path | None, dry_run: bool, plan_only: bool, status: bool, **options: Any) -> None:
    """Composite every foreground on every background; write image + mask + depth shards.

    Run the same command again to resume a stopped build. The dataset depends only on the options and the pictures, not
    on --jobs and not on interruptions. Defaults stand in brackets.

    \b
      fgbg-data build --bg bg/ --fg fg/ --out shards/ --dry-run
      fgbg-data build --bg bg/ --fg fg/ --out shards/ --format tar,hdf5

    Many machines make one dataset together, each with --part, in a folder that all of them see.

    \b
      fgbg-data build --bg bg/ --fg fg/ --out shards/ --part 3/8
      fgbg-data build --out shards/ --status
    """
    given = {name: value for name, value in options.items() if value is not None}
    _refuse_together(dry_run=dry_run, plan_only=plan_only, status=status)
    if status:
        _print_status(toml, given)
        return
    config = _config(toml, given)
    if plan_only:
        _write_plan(config)
        return
    if dry_run:
        from fgbg_data import plan_build

        click.echo(f"{plan_build(config, progress=True)}\nnothing was written (--dry-run)")
        return
    from fgbg_data import build as build_dataset
    from fgbg_data.runtime.locations import join
    from fgbg_data.writing.part import Part

    with resumable(config.out):
        manifest = build_dataset(config, progress=True)
    if config.part:
        click.echo(
            f"{config.out}: part {Part.parse(config.part)} is finished; when all parts are, the same command without "
            "--part finishes the dataset"
        )
        return
    _print_fields(manifest)
    print_made(config.out, manifest)
    picture, card = (join(config.out, name) for name in ("preview.png", "README.md"))
    click.echo(f"look at {picture}; {card} says what the dataset is")


def _refuse_together(**switches: bool) -> None:
    """Refuse two switches together if each of them stops before the build."""
    from fgbg_data.errors import ConfigError, option

    given = [option(name, True) for name, value in switches.items() if value]
    if len(given) > 1:
        raise ConfigError(f"{' and '.join(given)}: choose one of them")


def _print_status(toml: Path | None, options: dict[str, Any]) -> None:
    """Print how far the build in `out` is; it needs no other option."""
    from fgbg_data import build_status
    from fgbg_data.config import read_toml
    from fgbg_data.errors import ConfigError, option

    out = options.get("out") or (read_toml(toml) if toml else {}).get("out")
    if out is None:
        raise ConfigError(f"{option('out')} missing: name the folder of the dataset")
    click.echo(build_status(out))


def _write_plan(config: "BuildConfig") -> None:
    """Write the plan that all parts compare themselves with, and print what to do next."""
    from fgbg_data import write_plan

    manifest = write_plan(config, progress=True)
    shards = sum(split.shards for split in manifest.splits.values())
    click.echo(f"{config.out}: {manifest.samples:,} samples in {shards:,} shards are planned; run it with --part K/N")


def _config(toml: Path | None, options: dict[str, Any]) -> "BuildConfig":
    """Return the configuration in a TOML file and in options, which win."""
    from fgbg_data import BuildConfig
    from fgbg_data.config import read_toml
    from fgbg_data.errors import ConfigError, option

    values = (read_toml(toml) if toml else {}) | options
    missing = [option(name) for name in ("bg", "fg", "out") if name not in values]
    if missing:
        raise ConfigError(f"{' and '.join(missing)} missing: name the folder; see fgbg-data build --help")
    return BuildConfig(**values)


def _print_fields(manifest: "Manifest") -> None:
    """Print the table of the fields of a new dataset."""
    rows = [
        [
            name,
            manifest.fields[name].dtype,
            f"{found.count:,}",
            format_shape(manifest.fields[name].shape),
            format_channels(found.mean),
            format_channels(found.std),
        ]
        for name, found in manifest.statistics.items()
    ]
    print_table(["field", "type", "count", "size", "mean", "std"], rows)


COMMANDS = (demo, build)
