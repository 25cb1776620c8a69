"""The command `fit`."""

import dataclasses
import sys
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fgbg_data.command_line import Choice, Command
from fgbg_data.errors import option as marked
from fgbg_data.options import load_toml
from fgbg_data.text import format_seconds
from fgbg_train import config as configuration
from fgbg_train.cli.common import DEVICE, LIMIT, ON_ERROR, WORKERS, choices, option, user_errors
from fgbg_train.config import NOT_BY_EXAM, PRESETS, FitConfig, ModelConfig
from fgbg_train.errors import ConfigError, FgbgError, Stopped, TrainError
from fgbg_train.metric_names import METRICS
from fgbg_train.settings import parse_setting

if TYPE_CHECKING:
    from fgbg_data.runtime.progress import ProgressReporter

SECTIONS = {
    "Configuration": ("preset", "toml", "settings", "print_config", "dry_run"),
    "Networks": (
        *("objective", "depth_weights", "mask_net", "depth_net", "networks", "combine", "start", "pretrained"),
        *("freeze_norm", "freeze_encoder"),
    ),
    "Schedule and optimiser": (
        *("schedule", "epochs", "optimizer", "lr", "warmup", "weight_decay", "clip", "ema", "accumulate"),
    ),
    "Data": ("depth_field", "limit", "on_error", "seed", "exam"),
    "Where it runs": ("device", "devices", "precision", "compile", "workers", "cache_gb", "copies_gb"),
    "Folder of the run": ("out", "resume", "best", "save_minutes", "log"),
}
"""Sections of the help: title -> options."""

ALIASES = {
    "--opt": "--optimizer",
    "--clip-grad": "--clip",
    "--model-ema-decay": "--ema",
    "--grad-accum-steps": "--accumulate",
    "--eval-metric": "--best",
}
"""Names that timm has for the same options."""


class Metric(Choice):
    """The type of an option that takes a metric; the error for a score of an exam says why it is refused."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """Return the text of the error."""
        if str(value).startswith("exam"):
            return f"{value!r}: {NOT_BY_EXAM}"
        return super().get_invalid_choice_message(value, ctx)


@click.command(
    cls=Command, sections=SECTIONS, aliases=ALIASES, short_help="Train on a dataset, or resume a run that was stopped."
)
@click.argument("data")
@option("--preset", type=Choice(list(PRESETS)), help="Start from this preset.  [small]")
@click.option(
    "--config",
    "toml",
    type=click.Path(path_type=Path),
    help="Replace settings of the preset by those in this TOML file; options win.",
)
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change any setting, such as augment.cutout=0."
)
@click.option("--print-config", is_flag=True, help="Print the configuration as TOML and stop.")
@click.option("--dry-run", is_flag=True, help="Check everything, print the plan and how long it will take, and stop.")
@option(
    "--objective",
    type=choices(configuration.Objective),
    help="Learn masks and depth of the dataset, or (saliency) the smallest mask with which a trained depth network "
    "still predicts the same.  [supervised]",
)
@option("--depth-weights", type=click.Path(), help="Take the trained depth network of saliency from this checkpoint.")
@option(
    "--mask-net",
    metavar="FAMILY[:ENCODER]",
    help="Choose the mask network: light, hu2019 or autoed, with an encoder of timm.  [light:efficientnet_lite0]",
)
@option("--depth-net", metavar="FAMILY[:ENCODER]", help="Choose the depth network.  [light:efficientnet_lite0]")
@option("--networks", type=choices(configuration.Networks), help="Train these networks.  [both]")
@option(
    "--combine",
    type=choices(configuration.Combine),
    help="Give the depth network image and mask as four channels, or multiplied.  [concat]",
)
@option(
    "--start",
    type=choices(configuration.Start),
    help="Start encoders at random, or with weights of the embedded estimator (tiny) or of timm.  [tiny]",
)
@click.option(
    "--pretrained", is_flag=True, help="Start encoders with weights of timm from a hub, as --start timm does."
)
@option("--freeze-norm/--no-freeze-norm", help="Keep batch norm at the statistics with which it starts.  [off]")
@option(
    "--freeze-encoder",
    type=choices(configuration.Freeze),
    help="Train everything but the encoders of these networks; choose depth if `tiny` made the depth of the dataset.  "
    "[none]",
)
@option(
    "--schedule",
    metavar="E@SxB,...",
    help="Train E epochs at S px in batches of B, then the next stage.  [by the number of samples]",
)
@option("--epochs", type=click.IntRange(min=1), help="Scale the schedule to this many epochs.  [as scheduled]")
@option("--optimizer", type=choices(configuration.Optimizer), help="Step with this optimizer.  [adamw]")
@option("--lr", type=float, help="Set the highest learning rate.  [0.001]")
@option("--warmup", type=float, help="Raise the learning rate over this share of all steps, then lower it.  [0.05]")
@option("--weight-decay", type=float, help="Decay weights, but not biases and batch norm.  [0.05]")
@option("--clip", type=float, help="Clip the gradient to this norm; 0 does not clip.  [1]")
@option("--ema", type=float, help="Average weights with this decay, and keep the average; 0 does not average.  [0.99]")
@option("--accumulate", type=int, help="Cut each batch into this many parts, to save memory.  [1]")
@option(
    "--depth-field",
    type=choices(configuration.DepthField),
    help="Learn this field as depth, if the dataset has both.  [depth]",
)
@LIMIT
@ON_ERROR
@option("--seed", type=int, help="Draw order, augmentation and random weights from this seed.  [0]")
@option(
    "--exam",
    metavar="DIR",
    help="After each epoch, also measure the real pictures of this folder or COCO file; they choose nothing.  [none]",
)
@DEVICE
@option("--devices", type=int, help="Start this many processes on this machine, one for each device.  [1]")
@option("--precision", type=choices(configuration.Precision), help="Compute in this precision.  [32]")
@option("--compile/--no-compile", help="Compile the networks, once for each image size.  [off]")
@WORKERS
@option("--cache-gb", type=float, help="Keep resized samples in a cache of at most this many GB.  [8]")
@option("--copies-gb", type=float, help="Keep copies of shards behind a URL, of at most this many GB.  [20]")
@option("--out", "-o", type=click.Path(path_type=Path), help="Write the run to this folder.  [runs/PRESET-DATASET]")
@click.option(
    "--resume",
    type=Choice(["auto", "none"]),
    default="auto",
    help="Resume the run in the folder, or start afresh in a new folder.  [auto]",
)
@option(
    "--best",
    type=Metric(["auto", *METRICS]),
    metavar="METRIC",
    help="Choose best.ckpt by this metric on val; auto is mask_iou, or rmse for depth alone.  [auto]",
)
@option(
    "--save-minutes", type=float, help="Inside an epoch, save a checkpoint whenever this many minutes have passed.  [5]"
)
@option(
    "--log",
    metavar="NAME,...",
    help="Log to tensorboard, wandb, mlflow or trackio, or to several of them; log.csv is always written.  "
    "[csv,tensorboard]",
)
@user_errors
def fit(data: str, out: Path | None, resume: str, dry_run: bool, print_config: bool, **options: Any) -> None:
    """Train on the dataset DATA, or resume a run that was stopped.

    The same command resumes a run that was stopped or killed, and ends with the same weights. The folder of the run
    gets log.csv, curves.png, samples/, last.ckpt, best.ckpt, config.toml, summary.json and TensorBoard events.
    Defaults of the preset `small` stand in brackets.

    \b
      fgbg-train fit shards/ --dry-run
      fgbg-train fit shards/ --epochs 20 --out runs/long
      fgbg-train fit shards/ --schedule 4@48x64,8@96x32 --set augment.cutout=0
    """
    config = configured(**options)
    if print_config:
        click.echo(config.to_toml(), nl=False)
        return
    if dry_run:
        from fgbg_train import estimate_seconds, plan_fit

        plan = plan_fit(data, config, out=out, resume=resume)  # type: ignore[arg-type]
        click.echo(plan)
        seconds = format_seconds(estimate_seconds(plan))
        click.echo(f"time      {seconds}, estimated from a few steps that this machine took just now")
        return
    from fgbg_train import fit as train

    try:
        folder = train(data, config, out=out, resume=resume, progress=to_standard_output())  # type: ignore[arg-type]
    except Stopped as stopped:
        click.echo(f"fgbg-train: {stopped}", err=True)
        sys.exit(130)
    except FgbgError:
        raise
    except OSError as error:  # such as a full disk, or a folder that is gone
        raise TrainError(
            f"{error}. Everything that was saved before is whole; fix that, and run the same command to go on"
        ) from error
    click.echo(f"see {folder}")


def configured(
    *,
    preset: str | None = None,
    toml: Path | None = None,
    schedule: str | None = None,
    epochs: int | None = None,
    pretrained: bool = False,
    settings: tuple[str, ...] = (),
    exam: str | None = None,
    **options: Any,
) -> FitConfig:
    """Make the configuration from the options of `fit`; an option that is None was not given."""
    if schedule is not None and epochs is not None:
        raise ConfigError("--epochs scales the schedule of a preset, and cannot go with --schedule")
    if pretrained and options.get("start") not in (None, "timm"):
        raise ConfigError(
            f"--pretrained is short for --start timm, and cannot go with {marked('start', options['start'])}"
        )
    table = load_toml(toml) if toml else {}
    given = {"schedule": schedule, "epochs": epochs, **options} | ({"start": "timm"} if pretrained else {})
    given = {name: value for name, value in given.items() if value is not None}
    in_model = {field.name for field in dataclasses.fields(ModelConfig)}
    model = {name: given.pop(name) for name in in_model & given.keys()}
    photos = {} if exam is None else {"exam": {"photos": exam}}
    tables = [table, given, {"model": model} if model else {}, photos, *(parse_setting(text) for text in settings)]
    chosen = preset or table.get("preset", "small")
    config = FitConfig.from_tables(chosen, *tables, {"preset": preset} if preset else {})
    _refuse_without_effect(config, model.keys() | given.keys())
    return config


def _refuse_without_effect(config: FitConfig, typed: Collection[str]) -> None:
    """Refuse options that were typed and change nothing beside the others."""
    model, idle = config.model, {}
    if model.networks == "mask":
        idle = dict.fromkeys(("depth_net", "combine", "depth_field"), "no depth network is trained")
    elif model.networks == "depth":
        idle = dict.fromkeys(("mask_net", "combine"), "no mask network is trained")
    elif model.objective == "saliency":
        idle = {"depth_net": f"the depth network is that of {marked('depth_weights')}"}
    if model.freeze_encoder not in ("none", "both", model.networks) and model.networks != "both":
        idle["freeze_encoder"] = f"no {model.freeze_encoder} network is trained"
    for name, reason in idle.items():
        if name in typed:
            raise ConfigError(f"{marked(name)} has no effect, because {reason}; leave it out")


def to_standard_output() -> "ProgressReporter":
    """Return what shows progress on standard output: a bar on a terminal, lines elsewhere.

    The losses of an epoch are results, so `fgbg-train fit ... | tee log` should get them.
    """
    from fgbg_data.runtime.progress import LineProgress, TerminalProgress

    if not sys.stdout.isatty():
        return LineProgress(sys.stdout, times=True)
    from rich.console import Console

    return TerminalProgress(Console())


COMMANDS = (fit,)
