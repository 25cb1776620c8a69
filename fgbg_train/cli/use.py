"""The commands that use what was trained: eval, predict, export, push, plot and summary."""

import json
from pathlib import Path
from typing import Any

import click

from fgbg_data.command_line import Choice, Command, print_table, terminal_width
from fgbg_data.errors import option as marked
from fgbg_data.exam.command_options import NAMES, exam_options, take_protocol
from fgbg_data.options import load_toml
from fgbg_data.text import counted
from fgbg_train import config as configuration
from fgbg_train.cli.common import (
    DEVICE,
    LIMIT,
    ON_ERROR,
    SIZE,
    WORKERS,
    choices,
    option,
    user_errors,
)
from fgbg_train.config import PRESETS, FitConfig
from fgbg_train.errors import ConfigError

IMAGE_SIZE, BATCH_SIZE = {"--img-size": "--size"}, {"--batch-size": "--batch"}
"""Names that timm has for the same options."""
EVAL_SECTIONS = {
    "Dataset": ("splits", "batch", "depth_field", "limit", "on_error", "workers"),
    "Real pictures": ("photos", "dataset", "panel", *NAMES),
    "Both": ("size_px", "precision", "device", "as_json"),
}
"""Sections of the help of eval: title -> options."""
ONLY_PHOTOS = ("dataset", "panel", *NAMES)
"""Options of eval that have no effect without `--photos`."""
ONLY_DATASET = ("batch", "depth_field", "on_error", "workers")
"""Options of eval that have no effect with `--photos`."""


@click.command(
    "eval",
    cls=Command,
    sections=EVAL_SECTIONS,
    aliases=IMAGE_SIZE | BATCH_SIZE,
    short_help="Measure a checkpoint on a dataset, or on real pictures.",
)
@click.argument("checkpoint")
@click.argument("data", required=False)
@click.option("--split", "splits", multiple=True, help="Measure on this split; may be repeated.  [all but train]")
@SIZE
@option("--batch", "-b", type=click.IntRange(min=1), help="Put this many images into a batch.  [64]")
@option("--precision", type=choices(configuration.Precision), help="Compute in this precision.  [as in training]")
@option(
    "--depth-field",
    type=choices(configuration.DepthField),
    help="Compare depth with this field.  [as in training]",
)
@LIMIT
@ON_ERROR
@DEVICE
@WORKERS
@click.option(
    "--photos",
    type=click.Path(path_type=Path),
    help="Measure on the real pictures of this folder or COCO file, each at its own size.",
)
@option("--dataset", help="Also show how much worse the pictures of --photos are predicted than this dataset.")
@click.option(
    "--panel",
    type=click.Path(path_type=Path),
    help="Draw the worst, the middle and the best of --photos into this PNG file.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@exam_options
@user_errors
def evaluate(
    checkpoint: str, data: str | None, photos: Path | None, splits: tuple[str, ...], as_json: bool, **options: Any
) -> None:
    """Measure CHECKPOINT on the dataset DATA, or on real pictures.

    The folder of a run stands for its best checkpoint.

    On a dataset, it prints a table with a column for each split. Predictions are enlarged to the size of the dataset.
    Metrics are pooled over all pixels; with the suffix _img they are means over images. The last rows are baselines,
    which need no model: a mask that is all foreground, and the mean depth map of the first 2,000 samples of train.

    With --photos, it prints a column for each subfolder of real pictures, whose masks or depth are known: overlap and
    outline of masks, false area where there is no object, and the errors of aligned depth.

    \b
      fgbg-train eval runs/NAME shards/
      fgbg-train eval runs/NAME other/ --split train --json
      fgbg-train eval runs/NAME --photos photos/ --dataset shards/
    """
    given = {name: value for name, value in options.items() if value is not None}
    if photos is not None:
        _examine(checkpoint, photos, data, splits, as_json, given)
        return
    if data is None:
        raise ConfigError("expected a dataset DATA, or --photos with a folder of real pictures")
    idle = [name for name in given if name in ONLY_PHOTOS]
    if idle:
        raise ConfigError(f"{marked(idle[0])} has no effect without {marked('photos')}; leave it out")
    from fgbg_train import evaluate as measure

    found = measure(checkpoint, data, splits=splits, **given)
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    rows = []
    for name in next(iter(found.values())):
        values = (row.get(name) for row in found.values())
        rows.append([name, *("" if v is None else f"{v:.0f}" if name == "samples" else f"{v:.4f}" for v in values)])
    print_table(["metric", *found], rows)


def _examine(
    checkpoint: str, photos: Path, data: str | None, splits: tuple[str, ...], as_json: bool, given: dict[str, Any]
) -> None:
    """Measure a checkpoint on real pictures, and print the result."""
    from fgbg_train import examine

    if data is not None:
        if "dataset" in given:
            raise ConfigError(f"DATA {data} and {marked('dataset', given['dataset'])}: give one dataset")
        given["dataset"] = data
    idle = [name for name in given if name in ONLY_DATASET] + ["split"] * bool(splits)
    if idle:
        raise ConfigError(f"{marked(idle[0])} has no effect beside {marked('photos')}; leave it out")
    if "limit" in given and "dataset" not in given:
        raise ConfigError(f"{marked('limit')} has no effect without {marked('dataset')}; leave it out")
    protocol = take_protocol(given)
    report = examine(checkpoint, photos, protocol=protocol, progress=None, **given)
    click.echo(json.dumps(report.to_json(), indent=2) if as_json else report.table(terminal_width()))


@click.command(cls=Command, aliases=IMAGE_SIZE, short_help="Predict mask and depth of pictures or of a video.")
@click.argument("checkpoint")
@click.argument("pictures", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PICTURE|FOLDER|VIDEO...")
@click.option("--out", "-o", required=True, type=click.Path(path_type=Path), help="Write the results to this folder.")
@SIZE
@click.option(
    "--smooth",
    type=float,
    help="Mix this share of the earlier predictions into each one, against flicker of a video.  [0]",
)
@click.option("--frames", type=int, help="Stop after this many frames of a video.  [all]")
@DEVICE
@user_errors
def predict(checkpoint: str, pictures: tuple[Path, ...], out: Path, **options: Any) -> None:
    """Predict mask and depth of pictures with CHECKPOINT, at the size of each picture.

    The folder of a run stands for its best checkpoint. For each picture, NAME.mask.png (0 or 255), NAME.depth.png
    (16 bit; 65535 is nearest) and NAME.preview.png are written. For a video or a camera (0, 1, ...),
    NAME.preview.mp4 is written, which shows image, mask and depth side by side.

    \b
      fgbg-train predict runs/NAME photos/ --out predicted/
      fgbg-train predict runs/NAME clip.mp4 --out predicted/ --smooth 0.6
      fgbg-train predict runs/NAME 0 --out predicted/  # camera 0, until Ctrl-C
    """
    from fgbg_train import predict as predict_pictures
    from fgbg_train import predict_video
    from fgbg_train.use.predict_video import is_video

    given = {name: value for name, value in options.items() if value is not None}
    videos = [path for path in pictures if is_video(path) and not path.is_dir()]
    if videos and len(videos) == len(pictures):
        for video in videos:
            click.echo(f"look at {predict_video(checkpoint, video, out=out, **given)}")
        return
    if videos:
        raise ConfigError(f"{videos[0]} is a video, and other arguments are pictures; give them in two commands")
    for name in ("smooth", "frames"):
        if name in given:
            raise ConfigError(f"{marked(name, given[name])} has no effect on pictures; leave it out")
    done = predict_pictures(checkpoint, pictures, out=out, **given)
    click.echo(f"{counted(len(done), 'picture')} done, see {out}")


@click.command(short_help="Write a model as safetensors, torch.export program or ONNX.")
@click.argument("checkpoint")
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--overwrite", is_flag=True, help="Replace OUT if it exists.")
@user_errors
def export(checkpoint: str, out: Path, overwrite: bool) -> None:
    """Write the model of CHECKPOINT for other programs, in the format that the suffix of OUT names.

    The folder of a run stands for its best checkpoint.

    \b
    .safetensors   weights and configuration; eval and predict read it too
    .pt2           a program of torch.export, for any batch and size
    .onnx          a program for ONNX Runtime and others; needs the extra `onnx`

    A program is kept only if it gives the same numbers as the model.

    \b
      fgbg-train export runs/NAME model.onnx
    """
    from fgbg_train import export as write

    worst = write(checkpoint, out, overwrite=overwrite)
    checked = "" if worst is None else f"; largest difference from the model: {worst:.1e}"
    click.echo(f"wrote {out}{checked}")


@click.command(short_help="Upload the model of a run to the Hugging Face Hub.")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("url", metavar="hf://USER/NAME")
@click.option("--private", is_flag=True, help="Make a new repository private.")
@click.option("--message", default="Upload a model made by fgbg", help="Give the commit this first line.")
@user_errors
def push(run: Path, url: str, private: bool, message: str) -> None:
    """Upload the best weights of a finished run to the Hugging Face Hub, with a model card.

    The card shows what summary.json holds: metrics beside their baselines, the exam, curves, samples and the
    configuration. Checkpoints stay here. Log in first by `hf auth login`.

    \b
      fgbg-train push runs/NAME hf://USER/NAME --private
    """
    from fgbg_train import push as push_model

    click.echo(f"{run} is at {push_model(run, url, private=private, message=message)}")


@click.command(short_help="Draw the curves of runs into one picture.")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN...")
@click.option(
    "--out",
    "-o",
    type=click.Path(path_type=Path),
    default=Path("curves.png"),
    help="Write this picture: .png, .svg or .pdf.  [curves.png]",
)
@user_errors
def plot(runs: tuple[Path, ...], out: Path) -> None:
    """Draw the curves of one run or of several into one picture, from their log.csv.

    \b
      fgbg-train plot runs/A runs/B --out curves.svg
    """
    from fgbg_train import plot as draw

    click.echo(f"wrote {draw(runs, out)}")


@click.command(short_help="List layers, parameters and multiply-adds of the networks.")
@click.argument("checkpoint", required=False)
@option("--preset", type=Choice(list(PRESETS)), help="Describe the networks of this preset.  [small]")
@click.option(
    "--config",
    "toml",
    type=click.Path(path_type=Path),
    help="Replace settings of the preset by those in this TOML file.",
)
@click.option(
    "--size",
    "size_px",
    type=click.IntRange(min=1),
    default=64,
    help="Count multiply-adds for images of this many px.  [64]",
)
@click.option("--levels", type=click.IntRange(min=0), default=1, help="List this many levels of nested parts.  [1]")
@user_errors
def summary(checkpoint: str | None, preset: str | None, toml: Path | None, size_px: int, levels: int) -> None:
    """List the layers, parameters and multiply-adds of the networks of a run, a checkpoint, or a configuration.

    Multiply-adds are those of convolutions and linear layers, for one image.

    \b
      fgbg-train summary --preset eva4
      fgbg-train summary runs/NAME
    """
    from fgbg_train import summary as describe

    if checkpoint and (preset or toml):
        raise ConfigError(f"{'--preset' if preset else '--config'}: has no effect beside CHECKPOINT; leave one out")
    table = load_toml(toml) if toml else {}
    config = checkpoint or FitConfig.from_tables(preset or table.get("preset", "small"), table)
    for number, rows in enumerate(describe(config, size_px=size_px, levels=levels).values()):
        if number:
            click.echo()
        print_table(
            ["layer", "kind", "output", "parameters", "multiply-adds"],
            [[row.name, row.kind, row.output, f"{row.parameters:,}", f"{row.multiply_adds:,}"] for row in rows],
        )


COMMANDS = (evaluate, predict, export, push, plot, summary)
