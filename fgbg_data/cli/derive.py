"""The commands that make a dataset of datasets: convert, merge, split and relabel."""

from pathlib import Path
from typing import Any

import click

from fgbg_data.cli.common import (
    CHECK,
    DEVICE,
    JOBS,
    JOBS_ALIAS,
    LAYOUTS,
    OUT,
    SHARDS,
    complete_depth,
    complete_format_or_layout,
    print_made,
    resumable,
    user_errors,
)
from fgbg_data.command_line import Choice, Command
from fgbg_data.errors import ConfigError, option


@click.command(
    cls=Command,
    aliases=JOBS_ALIAS,
    sections={
        "Files": ("format", "image_format", "reencode", "quality", "hdf5_layout"),
        "Exports": ("values",),
        "How it runs": ("out", "jobs", "check"),
    },
    short_help="Write a dataset as tar, hdf5 or loose files, or as COCO or YOLO.",
)
@SHARDS
@click.option(
    "--format",
    required=True,
    metavar="tar|hdf5|folder|tar,hdf5|coco|yolo|index",
    shell_complete=complete_format_or_layout,
    help="Write these shard formats, or export for other tools: coco, yolo, or index (masks of class numbers).",
)
@OUT
@click.option("--image-format", type=Choice(["jpg", "png"]), help="Encode images in this format.  [as they are]")
@click.option("--reencode", is_flag=True, help="Allow lossy re-encoding of images to JPEG; their pixels change.")
@click.option("--quality", default=95, help="Set the quality of the JPEGs that --reencode makes.  [95]")
@click.option(
    "--hdf5-layout",
    default="pixels",
    type=Choice(["pixels", "encoded"]),
    help="Fill HDF5 with pixels (fast) or with the files of a tar (small).  [pixels]",
)
@click.option(
    "--values",
    default="class",
    type=Choice(["class", "binary", "instance"]),
    help="Fill the masks of index with numbers of classes, with 0 and 1, or with numbers of objects.  [class]",
)
@JOBS
@CHECK
@user_errors
def convert(shards: str, out: str, format: str, values: str, **options: Any) -> None:
    """Write a dataset in another format: tar, hdf5, or a folder of loose files, from any to any.

    Masks, depth and meta stay as they are. Image files stay as they are too, byte by byte, unless their codec
    changes. The same command resumes a run that was stopped.

    \b
      fgbg-data convert shards/ --format hdf5 --out shards-h5/
      fgbg-data convert shards/ --format folder --out files/    # KEY.jpg, ...
      fgbg-data convert shards-h5/ --format tar --image-format png --out s-png/

    It also exports a dataset for other tools. An export cannot be read back as a dataset of this program.

    \b
      fgbg-data convert shards/ --format coco --out coco/    # instances, RLE
      fgbg-data convert shards/ --format yolo --out yolo/    # polygons; depth
      fgbg-data convert shards/ --format index --out masks/  # class numbers
    """
    if format in LAYOUTS:
        _export(shards, out, format, values, options)
        return
    if values != "class":
        raise ConfigError(f"{option('values', values)}: has no effect here; it needs {option('format', 'index')}")
    from fgbg_data import convert as convert_dataset

    with resumable(out):
        manifest = convert_dataset(shards, out, format=format, progress=True, **options)
    print_made(out, manifest)


def _export(shards: str, out: str, layout: str, values: str, options: dict[str, Any]) -> None:
    """Export a dataset for another tool, and print what was written and how it is read."""
    from fgbg_data import export_dataset

    for name, default in (("image_format", None), ("reencode", False), ("quality", 95), ("hdf5_layout", "pixels")):
        if options[name] != default:
            raise ConfigError(f"{option(name, options[name])}: has no effect on {option('format', layout)}")
    if values != "class" and layout != "index":
        raise ConfigError(f"{option('values', values)}: has no effect here; it needs {option('format', 'index')}")
    if "://" in out:
        raise ConfigError(f"{option('out', out)}: {option('format', layout)} writes a folder of this machine")
    with resumable(out):
        report = export_dataset(shards, out, layout, values=values, jobs=options["jobs"], progress=True)  # type: ignore[arg-type]
    click.echo(report.text(Path(out)))


@click.command(cls=Command, aliases=JOBS_ALIAS, short_help="Join datasets of equal fields and shapes into one.")
@click.argument("shards", nargs=-1, required=True)
@OUT
@click.option(
    "--prefix",
    "prefixes",
    multiple=True,
    metavar="TEXT",
    help="Put this text before the keys of a dataset; give it once for each dataset, in order.",
)
@click.option("--pool", is_flag=True, help="Put all samples into train; `fgbg-data split` can divide them again.")
@JOBS
@CHECK
@user_errors
def merge(shards: tuple[str, ...], out: str, **options: Any) -> None:
    """Join datasets of equal fields and shapes into one. Splits with the same name are joined.

    Keys that collide are refused, and so is a source that one dataset holds out and another trains on. The same
    command resumes a run that was stopped.

    \b
      fgbg-data merge indoor/ outdoor/ --out both/
      fgbg-data merge a/ b/ --prefix a --prefix b --out both/
    """
    from fgbg_data import merge as merge_datasets

    with resumable(out):
        manifest = merge_datasets(shards, out, progress=True, **options)
    print_made(out, manifest)


@click.command(
    cls=Command,
    aliases=JOBS_ALIAS,
    sections={
        "Splits": ("val", "test", "holdout", "seed", "keep_splits"),
        "Samples": ("only_keys", "without_keys"),
        "How it runs": ("out", "shard_size", "jobs", "check"),
    },
    short_help="Split a dataset again into train, val and test, by source.",
)
@SHARDS
@OUT
@click.option("--val", default=0.1, help="Hold this share of the sources (see --holdout) out for val.  [0.1]")
@click.option("--test", default=0.1, help="Hold this share of the sources out for test.  [0.1]")
@click.option(
    "--holdout",
    default="background",
    type=Choice(["background", "foreground", "both", "sample"]),
    help="Keep these sources of val and test out of train; with sample, all splits share them (leaks).  [background]",
)
@click.option("--seed", default=0, help="Set the seed of the choice of held-out sources.  [0]")
@click.option("--keep-splits", is_flag=True, help="Leave every sample in its split.")
@click.option(
    "--only-keys", type=click.Path(path_type=Path), help="Take only samples whose keys are in this file, one a line."
)
@click.option(
    "--without-keys", type=click.Path(path_type=Path), help="Take all samples but those whose keys are in this file."
)
@click.option("--shard-size", default=1000, help="Put this many samples in a shard.  [1000]")
@JOBS
@CHECK
@user_errors
def split(shards: str, out: str, only_keys: Path | None, without_keys: Path | None, **options: Any) -> None:
    """Split a dataset again into train, val and test, by source. Files and pixels stay as they are.

    It also makes a dataset of chosen samples: the page of `fgbg-data view` saves the keys of marked ones.

    Samples that join a held-out source with a source of another split are in no split, and their number is shown. The
    same command resumes a run that was stopped.

    \b
      fgbg-data split shards/ --val 0.2 --holdout foreground --out resplit/
      fgbg-data split shards/ --only-keys keys.txt --keep-splits --out marked/
    """
    from fgbg_data import resplit
    from fgbg_data.deriving.key_choice import read_keys

    chosen: dict[str, Any] = {
        name: read_keys(path)
        for name, path in (("only_keys", only_keys), ("without_keys", without_keys))
        if path is not None
    }

    with resumable(out):
        manifest = resplit(shards, out, progress=True, **chosen, **options)
    print_made(out, manifest)


@click.command(
    cls=Command,
    aliases=JOBS_ALIAS | {"--batch-size": "--estimator-batch"},
    sections={
        "Depth": ("depth", "device", "estimator_batch"),
        "How it runs": ("out", "jobs", "check"),
    },
    short_help="Estimate the depth of a dataset anew, by another estimator.",
)
@SHARDS
@OUT
@click.option(
    "--depth",
    required=True,
    metavar="NAME",
    shell_complete=complete_depth,
    help="Choose the depth estimator, as for `build`.",
)
@DEVICE
@click.option(
    "--estimator-batch",
    type=int,
    help="Put this many pictures in one estimator call; it changes the last bits of depth.  [the estimator's own]",
)
@JOBS
@CHECK
@user_errors
def relabel(shards: str, out: str, **options: Any) -> None:
    """Estimate the depth of a dataset anew, from the images in its shards. No source pictures are needed.

    Images, masks, keys and splits stay as they are. The same command resumes a run that was stopped.

    \b
      fgbg-data relabel shards/ --depth depth-anything-v2-small --out new/
    """
    from fgbg_data import relabel as relabel_dataset

    with resumable(out):
        manifest = relabel_dataset(shards, out, progress=True, **options)
    print_made(out, manifest)


COMMANDS = (convert, merge, split, relabel)
