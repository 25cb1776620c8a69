"""The command `fgbg-train`: parse, call one function, print. Heavy imports happen inside the commands."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args, get_type_hints

import click

from fgbg_data import command_line
from fgbg_data.runtime.malloc import keep_freed_memory
from fgbg_data.text import counted
from fgbg_train import __version__
from fgbg_train import config as configuration
from fgbg_train.config import PRESETS, FitConfig, ModelConfig
from fgbg_train.errors import ConfigError, TrainError

IN_MODEL = ("objective", "mask_net", "depth_net", "networks", "combine", "start", "freeze_norm", "freeze_encoder")
"""Options of `fit` that belong to the table [model]."""


user_errors = command_line.user_errors("fgbg-train")


def _option(*names: str, kind: Any = None, **kwargs: Any) -> Callable[..., Any]:
    """Make an option whose default is the configuration's own, so that TOML and defaults stay in one place."""
    return click.option(*names, type=kind, default=None, **kwargs)


def _choice(name: str) -> click.Choice[str]:
    """Return the choices that the configuration has for a field."""
    hints = {**get_type_hints(FitConfig), **get_type_hints(ModelConfig)}
    return click.Choice(list(get_args(hints[name])))


HELP = """Train a mask network and a depth network on datasets that fgbg-data built.

\b
Try it on demo data:
  fgbg-data demo demo/
  fgbg-data build --bg demo/bg --fg demo/fg --out demo/shards --samples 500
  fgbg-train fit demo/shards
"""
EXPORT_HELP = """Write the model of CHECKPOINT for other programs; the ending of OUT says how.

\b
.safetensors   weights and configuration; eval and predict read it too
.pt2           a program of torch.export, for any batch and size
.onnx          likewise, for ONNX Runtime and others; needs the extra `onnx`

Programs are checked against the model before they are kept.
"""


@click.group("fgbg-train", cls=command_line.Group, help=HELP, context_settings=command_line.CONTEXT)
@click.version_option(__version__, prog_name="fgbg-train")
def main() -> None:
    """Run one of the commands below."""
    keep_freed_memory()


@main.command(short_help="Train on a dataset, or go on with a run that was stopped.")
@click.argument("data")
@_option("--out", kind=click.Path(path_type=Path), help="Folder of the run.  [runs/PRESET-DATASET]")
@_option("--preset", kind=click.Choice(list(PRESETS)), help="What to start from.  [small]")
@click.option("--config", "toml", type=click.Path(path_type=Path), help="TOML laid over the preset; options win.")
@_option("--objective", kind=_choice("objective"), help="What to learn.  [supervised]")
@_option("--depth-weights", kind=click.Path(), help="Checkpoint whose depth the saliency objective keeps.")
@_option(
    "--mask-net",
    metavar="FAMILY[:ENCODER]",
    help="light, hu2019 or autoed; encoders are timm's.  [light:efficientnet_lite0]",
)
@_option("--depth-net", metavar="FAMILY[:ENCODER]", help="Likewise.  [light:efficientnet_lite0]")
@_option("--networks", kind=_choice("networks"), help="Which to train.  [both]")
@_option("--combine", kind=_choice("combine"), help="How the depth network gets image and mask.  [concat]")
@_option("--start", kind=_choice("start"), help="Encoder weights: random, of the embedded estimator, of timm.  [tiny]")
@click.option("--pretrained", is_flag=True, help="Short for --start timm; needs a hub that can be reached.")
@_option("--freeze-norm/--no-freeze-norm", help="Leave batch norm as it starts.  [off]")
@_option(
    "--freeze-encoder",
    kind=_choice("freeze_encoder"),
    help="Of which networks the encoder stays as it starts; depth suits labels by `tiny`.  [none]",
)
@_option("--schedule", metavar="E@SxB,...", help="Epochs @ size in px x batch, in order.  [by the number of samples]")
@_option("--epochs", kind=click.IntRange(min=1), help="Scale the schedule to so many epochs.")
@_option("--optimizer", kind=_choice("optimizer"), help="What takes the steps.  [adamw]")
@_option("--lr", kind=float, help="Highest learning rate.  [0.001]")
@_option("--warmup", kind=float, help="Share of all steps that warms up, before a cosine down.  [0.05]")
@_option("--weight-decay", kind=float, help="Not for biases and batch norm.  [0.05]")
@_option("--clip", kind=float, help="Largest norm of the gradient; 0 does not clip.  [1]")
@_option("--ema", kind=float, help="Decay of averaged weights, which are then kept; 0: none.  [0.99]")
@_option("--accumulate", kind=int, help="Parts that a batch is cut into, to save memory.  [1]")
@_option("--precision", kind=_choice("precision"), help="Bits of floats in the networks.  [32]")
@_option("--compile/--no-compile", help="Compile the networks, once for every size.  [off]")
@_option("--device", help="auto, cpu, cuda or mps.  [auto]")
@_option("--devices", kind=int, help="Processes on this machine, one a device.  [1]")
@_option("--workers", kind=int, help="Decoding processes for each device.  [2]")
@_option("--cache-gb", kind=float, help="Largest cache of resized samples; 0: none.  [8]")
@_option("--depth-field", kind=_choice("depth_field"), help="What to learn as depth, where there are two.  [depth]")
@_option("--limit", kind=int, help="Use only so many samples of every split.  [all]")
@_option("--on-error", kind=_choice("on_error"), help="What to do with a sample that cannot be read.  [fail]")
@_option("--best", metavar="METRIC", help="Val metric that best.ckpt is chosen by.  [mask_iou]")
@_option("--seed", kind=int, help="Order, augmentation and random weights come from it.  [0]")
@_option("--save-minutes", kind=float, help="Minutes between checkpoints inside an epoch.  [5]")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Any setting, as in augment.cutout=0.")
@click.option(
    "--resume",
    type=click.Choice(["auto", "none"]),
    default="auto",
    show_default=True,
    help="Go on with the run in the folder, or start afresh in a new one.",
)
@click.option("--dry-run", is_flag=True, help="Check everything, print the plan, train nothing.")
@click.option("--print-config", is_flag=True, help="Print the configuration as TOML and stop.")
@user_errors
def fit(data: str, out: Path | None, resume: str, dry_run: bool, print_config: bool, **options: Any) -> None:
    """Train on the dataset DATA, or go on with a run that was stopped.

    The same command goes on where the run was stopped or killed, and ends with the same weights. The run's folder
    gets log.csv, curves.png, samples/, last.ckpt, best.ckpt, config.toml, summary.json and TensorBoard events.
    Defaults of the preset `small` stand in brackets.

    \b
      fgbg-train fit shards/ --dry-run
      fgbg-train fit shards/ --epochs 20 --out runs/long
      fgbg-train fit shards/ --schedule 4@48x64,8@96x32 --set augment.cutout=0
    """
    settings = fit_config(**options)
    if print_config:
        click.echo(configuration.to_toml(settings), nl=False)
        return
    from rich.console import Console

    from fgbg_train import prepare, train
    from fgbg_train.run.progress import Progress
    from fgbg_train.run.stopping import Stopped

    if dry_run:
        click.echo(prepare.describe(prepare.prepare(data, settings, out=out, resume=resume)))  # type: ignore[arg-type]
        return
    try:
        folder = train.fit(data, settings, out=out, resume=resume, progress=Progress(Console()))  # type: ignore[arg-type]
    except Stopped as stopped:
        click.echo(f"fgbg-train: {stopped}", err=True)
        sys.exit(130)
    except OSError as error:  # a full disk, a folder that is gone
        raise TrainError(
            f"{error}. What was saved before is whole; when that is mended, the same command goes on"
        ) from error
    click.echo(f"see {folder}")


def fit_config(
    *,
    preset: str | None = None,
    toml: Path | None = None,
    schedule: str | None = None,
    epochs: int | None = None,
    pretrained: bool = False,
    settings: tuple[str, ...] = (),
    **options: Any,
) -> FitConfig:
    """Make the configuration of `fit` from its options; those that are None were not given."""
    if schedule is not None and epochs is not None:
        raise ConfigError("--epochs scales a preset's schedule and cannot go with --schedule")
    table = configuration.read_toml(toml) if toml else {}
    given = {name: value for name, value in options.items() if value is not None}
    if pretrained:
        given["start"] = "timm"
    model = {name: given.pop(name) for name in IN_MODEL if name in given}
    stages = {name: value for name, value in (("schedule", schedule), ("epochs", epochs)) if value is not None}
    top = {**given, **stages, **({"model": model} if model else {})}
    chosen = preset or table.get("preset", "small")
    tables = [table, top, *(configuration.parse_setting(text) for text in settings)]
    if preset:
        tables.append({"preset": preset})
    return configuration.build(chosen, *tables)


@main.command(name="eval", short_help="Measure a checkpoint on the splits of a dataset.")
@click.argument("checkpoint")
@click.argument("data")
@click.option("--split", "splits", multiple=True, help="Which to measure on; may be repeated.  [all but train]")
@click.option("--size", "size_px", default=0, help="Shorter side in px of what the networks see.  [as in training]")
@click.option("--batch", default=64, show_default=True, help="Images at once.")
@_option("--device", help="auto, cpu, cuda or mps.  [auto]")
@_option("--workers", kind=int, help="Decoding processes.  [2]")
@_option("--precision", kind=_choice("precision"), help="Bits of floats in the networks.  [as in training]")
@_option("--depth-field", kind=_choice("depth_field"), help="What to measure depth by.  [as in training]")
@_option("--limit", kind=int, help="Use only so many samples of every split.  [all]")
@_option("--on-error", kind=_choice("on_error"), help="What to do with a sample that cannot be read.  [fail]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@user_errors
def evaluate(
    checkpoint: str, data: str, splits: tuple[str, ...], size_px: int, batch: int, as_json: bool, **options: Any
) -> None:
    """Measure CHECKPOINT on the dataset DATA: a table with a column for every split.

    Predictions are enlarged to the dataset's size. Every metric is pooled over all pixels; with the suffix _img it is
    the mean over images. The last rows are what guessing gives: a mask that is all foreground, and the mean depth map
    of the first 2,000 samples of train.

    \b
      fgbg-train eval runs/NAME/best.ckpt shards/
      fgbg-train eval runs/NAME/best.ckpt other/ --split train --json
    """
    from fgbg_train.use.evaluate import evaluate as measure

    given = {name: value for name, value in options.items() if value is not None}
    found = measure(checkpoint, data, splits=splits, size_px=size_px, batch=batch, options=given)
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("metric")
    for split in found:
        table.add_column(split, justify="right")
    for name in next(iter(found.values())):
        values = (row.get(name) for row in found.values())
        table.add_row(name, *("" if v is None else f"{v:.0f}" if name == "samples" else f"{v:.4f}" for v in values))
    Console().print(table)


@main.command(short_help="Predict mask and depth of pictures.")
@click.argument("checkpoint")
@click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PICTURE|FOLDER...")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the results.")
@click.option("--size", "size_px", default=0, help="Shorter side in px of what the networks see.  [as in training]")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
@user_errors
def predict(checkpoint: str, inputs: tuple[Path, ...], out: Path, size_px: int, device: str) -> None:
    """Predict mask and depth of pictures with CHECKPOINT, at the pictures' own size.

    Writes NAME.mask.png (0 or 255), NAME.depth.png (16 bit; 65535 is nearest) and NAME.preview.png for each.

    \b
      fgbg-train predict runs/NAME/best.ckpt photos/ --out predicted/
    """
    from fgbg_train.use.predict import predict as run

    done = sum(1 for _ in run(checkpoint, inputs, out, size_px=size_px, device=device))
    click.echo(f"{counted(done, 'picture')} done, see {out}")


@main.command(help=EXPORT_HELP, short_help="Write a model as safetensors, torch.export program or ONNX.")
@click.argument("checkpoint")
@click.argument("out", type=click.Path(path_type=Path))
@user_errors
def export(checkpoint: str, out: Path) -> None:
    """Export a checkpoint; see EXPORT_HELP."""
    from fgbg_train.use.export import export as write

    worst = write(checkpoint, out)
    checked = "" if worst is None else f"; largest difference from the model: {worst:.1e}"
    click.echo(f"wrote {out}{checked}")


@main.command(short_help="Draw the curves of runs into one picture.")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN...")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("curves.png"), show_default=True, help="Picture to write."
)
@user_errors
def plot(runs: tuple[Path, ...], out: Path) -> None:
    """Draw the curves of one run or of several into one picture, from their log.csv."""
    from fgbg_train.run.plot import plot_runs

    plot_runs(runs, out)
    click.echo(f"wrote {out}")


@main.command(short_help="List layers, parameters and multiply-adds of the networks.")
@click.option("--preset", type=click.Choice(list(PRESETS)), default="small", show_default=True, help="Whose networks.")
@click.option("--config", "toml", type=click.Path(path_type=Path), help="TOML laid over the preset.")
@click.option("--size", default=64, show_default=True, help="Image size in px that costs are for.")
@click.option("--levels", default=1, show_default=True, help="Levels of parts to list.")
@user_errors
def summary(preset: str, toml: Path | None, size: int, levels: int) -> None:
    """List the networks' layers, parameters and multiply-adds.

    Multiply-adds are for one image, convolutions and linear layers only.
    """
    from rich.console import Console
    from rich.table import Table

    from fgbg_train.use.summary import describe

    settings = configuration.build(preset, configuration.read_toml(toml) if toml else {})
    for rows in describe(settings.model, size, levels):
        table = Table("layer", "kind", "output")
        table.add_column("parameters", justify="right")
        table.add_column("multiply-adds", justify="right")
        for row in rows:
            table.add_row(row.name, row.kind, row.output, f"{row.parameters:,}", f"{row.multiply_adds:,}")
        Console().print(table)


if __name__ == "__main__":
    main()
