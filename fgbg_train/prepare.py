"""Everything that is known before the first step; it checks all that can be wrong, and writes nothing."""

import dataclasses
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fgbg_data.errors import option
from fgbg_train.config import FitConfig, LossConfig
from fgbg_train.data.cache import Demand, SizeCache, plan_caches, row_bytes
from fgbg_train.data.samples import SplitReader, height_width, splits_of
from fgbg_train.errors import CheckpointError, ConfigError, DataError
from fgbg_train.measure.losses import DEPTH_TERMS, MASK_TERMS
from fgbg_train.measure.metrics import DEPTH_METRICS, MASK_METRICS
from fgbg_train.run import checkpoint
from fgbg_train.run import folder as run
from fgbg_train.run.folder import Resume, choose_folder, load_last
from fgbg_train.schedule import AUTO, Schedule, automatic, parse, render, scale_epochs

TRAIN, VAL = "train", "val"
COARSEST_PX = 32  # of image for one pixel of an encoder's last features


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A run that can start."""

    data: str
    config: FitConfig
    """As it will run: without depth where the dataset has none, for example."""
    schedule: Schedule
    folder: Path
    fingerprint: str
    readers: dict[str, SplitReader]
    """Of train and, where there is one, val."""
    test_splits: tuple[str, ...]
    best_metric: str
    checkpoint: dict[str, Any] | None
    """What the run goes on from."""
    depth_weights: dict[str, Any] | None
    """Weights of the frozen depth network of the saliency objective."""
    notes: list[str] = field(default_factory=list)
    """What the user should know."""

    @property
    def num_val(self) -> int:
        """Samples of val."""
        return self.readers[VAL].num_samples if VAL in self.readers else 0

    @property
    def caches(self) -> list[SizeCache]:
        """All caches of resized samples."""
        return [cache for reader in self.readers.values() for cache in reader.caches.values()]


def prepare(data: Path | str, config: FitConfig, *, out: Path | None = None, resume: Resume = "auto") -> Plan:
    """Check a run and plan it.

    Raises:
        FgbgError: the dataset, the configuration or the run's folder cannot be used as asked.
    """
    splits, fingerprint = splits_of(data, TRAIN)
    if TRAIN not in splits:
        raise DataError(f"{data}: no split 'train' among {', '.join(splits)}")
    readers = {
        s: SplitReader(str(data), s, config.limit, depth_field=config.depth_field) for s in (TRAIN, VAL) if s in splits
    }
    notes = [] if VAL in splits else [f"{data} has no split 'val': no best.ckpt, the last weights are tested"]
    if readers[TRAIN].unfinished:
        notes.append(f"{data}: its build is not finished; the samples that are there are used")
    config, depth_weights = _with_depth_weights(config)
    config = _fit_to_fields(data, config, readers[TRAIN], notes)
    best_metric = _best_metric(config)
    _check_loss(config)

    parts = int(os.environ.get("WORLD_SIZE", config.devices)) * config.accumulate
    config = _with_schedule(config, readers[TRAIN], parts)
    schedule = Schedule(config.stages, readers[TRAIN].num_samples, parts)
    _check_sizes(schedule, parts)
    folder = choose_folder(out, config, fingerprint, resume)
    last = load_last(folder, config, fingerprint, {name: reader.num_samples for name, reader in readers.items()})
    _plan_caches(readers, schedule, config, folder)
    if last is not None:
        notes.append(f"going on with {folder} after step {last['step']} of {schedule.total_steps}")
    return Plan(
        data=str(data),
        config=config,
        schedule=schedule,
        folder=folder,
        fingerprint=fingerprint,
        readers=readers,
        test_splits=tuple(s for s in splits if s not in (TRAIN, VAL)),
        best_metric=best_metric,
        checkpoint=last,
        depth_weights=depth_weights,
        notes=notes,
    )


def _with_depth_weights(config: FitConfig) -> tuple[FitConfig, dict[str, Any] | None]:
    """Read the depth network that the saliency objective keeps; its name goes into the configuration."""
    if not config.depth_weights:
        return config, None
    path = Path(config.depth_weights)
    state = checkpoint.load(path)
    trained = checkpoint.load_config(path, state).model
    if trained.networks == "mask":
        raise CheckpointError(f"{path}: holds no depth network")
    if trained.networks == "both" and trained.combine == "concat":
        raise CheckpointError(
            f"{path}: its depth network was trained with {option('combine', 'concat')} and needs a mask"
        )
    prefix = "depth_net."
    weights = {k.removeprefix(prefix): v for k, v in (state["ema"] or state["model"]).items() if k.startswith(prefix)}
    model = dataclasses.replace(config.model, depth_net=trained.depth_net)
    return dataclasses.replace(config, model=model), weights


def _fit_to_fields(data: Path | str, config: FitConfig, train: SplitReader, notes: list[str]) -> FitConfig:
    """Leave out the depth network where there is no depth to learn; refuse a field that is asked for and not there."""
    model = config.model
    if not train.has_mask and model.networks != "depth" and model.objective == "supervised":
        raise DataError(f'{data}: holds no masks; `networks = "depth"` trains the depth network alone')
    if train.has_depth or model.objective == "saliency" or model.networks == "mask":
        return config
    train.check_depth(asked=config.depth_field != "depth")
    if model.networks == "depth":
        raise DataError(f"{data}: holds no depth to train a depth network with")
    notes.append(f"{data} holds no depth: the mask network is trained alone")
    return dataclasses.replace(config, model=dataclasses.replace(model, networks="mask"))


def _with_schedule(config: FitConfig, train: SplitReader, parts: int) -> FitConfig:
    """Say which epochs there are, where the configuration leaves it to the dataset or scales them."""
    text = config.schedule
    if text == AUTO:
        text = automatic(train.num_samples, min(train.full), parts)
    if config.epochs:
        text = render(scale_epochs(parse(text), config.epochs))
    return dataclasses.replace(config, schedule=text, epochs=0)


def _best_metric(config: FitConfig) -> str:
    """Return the val metric that best.ckpt is chosen by."""
    names: tuple[str, ...] = ()
    if config.model.networks != "depth":
        names += MASK_METRICS
    if config.model.networks != "mask":
        names += DEPTH_METRICS
    if config.best == "auto":
        return "mask_iou" if config.model.networks != "depth" else "rmse"
    if config.best.removesuffix("_img") not in names:
        raise ConfigError(f"best = {config.best!r}: one of {', '.join(names)}, or with _img, is needed")
    return config.best


def _check_loss(config: FitConfig) -> None:
    """Refuse a network that nothing would teach."""

    def has(terms: dict[str, Any], weights: LossConfig) -> bool:
        return any(getattr(weights, name) for name in terms)

    networks, supervised = config.model.networks, config.model.objective == "supervised"
    if supervised and networks != "depth" and not has(MASK_TERMS, config.loss):
        raise ConfigError(f"the mask network has no loss: one of loss.{', loss.'.join(MASK_TERMS)} must not be 0")
    if networks != "mask" and not has(DEPTH_TERMS, config.loss):
        raise ConfigError(f"depth has no loss: one of loss.{', loss.'.join(DEPTH_TERMS)} must not be 0")


def _check_sizes(schedule: Schedule, parts: int) -> None:
    """Refuse batches of one image so small that batch norm would see a single value."""
    for epoch in range(schedule.epochs):
        step = schedule.step(schedule.first_step(epoch))
        if step.batch == parts and step.size_px <= COARSEST_PX:
            raise ConfigError(
                f"stage {step.size_px} px: a device gets one image at a time, of which the coarsest features are one "
                f"pixel, too little for batch norm; use larger batches or images over {COARSEST_PX} px"
            )


def _plan_caches(readers: dict[str, SplitReader], schedule: Schedule, config: FitConfig, folder: Path) -> None:
    """Give readers the caches that fit."""
    reads: dict[tuple[str, int], int] = {}
    for stage in schedule.stages:
        reads[TRAIN, stage.size_px] = reads.get((TRAIN, stage.size_px), 0) + stage.epochs
        for size_px in {stage.size_px, schedule.largest_px} if VAL in readers else ():
            reads[VAL, size_px] = reads.get((VAL, size_px), 0) + stage.epochs
    demands = []
    for (split, size_px), count in reads.items():
        reader = readers[split]
        row = row_bytes(height_width(reader.full, size_px), depth=reader.has_depth)
        demands.append(Demand(split=split, size_px=size_px, reads=count, bytes=row * reader.num_samples))
    for demand in plan_caches(demands, budget_bytes=config.cache_gb * 1e9, folder=folder):
        reader = readers[demand.split]
        size = height_width(reader.full, demand.size_px)
        label = "" if config.depth_field == "depth" else f"-{config.depth_field}"
        path = folder / run.CACHE / f"{demand.split}-{demand.size_px}px{label}.rows"
        reader.caches[demand.size_px] = SizeCache(path, reader.num_samples, size, reader.has_depth)


def describe(plan: Plan) -> str:
    """Tell what a run will do, line by line."""
    schedule, train = plan.schedule, plan.readers[TRAIN]
    lines = [*plan.notes, f"folder    {plan.folder}"]
    lines.append(f"dataset   {plan.data} ({plan.fingerprint[:8]}), {train.full[1]}x{train.full[0]} px")
    tests = f"; tested at the end: {', '.join(plan.test_splits)}" if plan.test_splits else ""
    lines.append(f"samples   {train.num_samples} train, {plan.num_val} val{tests}")
    lines.append(f"networks  {', '.join(plan.config.model.used)} ({plan.config.model.combine})")
    if train.has_depth and plan.config.model.networks != "mask":
        lines.append(f"depth     {train.depth_field}")
    epoch = 0
    for stage in schedule.stages:
        step = schedule.step(schedule.first_step(epoch))
        height, width = height_width(train.full, stage.size_px)
        steps = schedule.first_step(epoch + stage.epochs) - schedule.first_step(epoch)
        lines.append(f"stage     {stage.epochs} epochs of {width}x{height} px, batch {step.batch}: {steps} steps")
        epoch += stage.epochs
    lines.append(f"steps     {schedule.total_steps}")
    gigabytes = sum(c.num_samples * row_bytes(c.size, depth=c.depth) for c in plan.caches) / 1e9
    lines.append(f"cache     {gigabytes:.3f} GB of resized samples in {plan.folder / run.CACHE}")
    lines.append(f"best      by {plan.best_metric} on val")
    return "\n".join(lines)
