"""Everything that is known before the first step: `plan_fit` checks all that can be wrong, and writes nothing."""

import dataclasses
import hashlib
import os
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from fgbg_data.errors import option
from fgbg_data.exam.opening import Exam, open_exam
from fgbg_data.options import one_of
from fgbg_data.runtime.scratch import cache_folder
from fgbg_data.text import counted
from fgbg_train.config import FitConfig
from fgbg_train.data.cache import Demand, SizeCache, plan_caches, row_bytes
from fgbg_train.data.sample_reader import SampleReader, size_at, splits_of
from fgbg_train.devices import make_fabric
from fgbg_train.errors import CheckpointError, ConfigError, DataError
from fgbg_train.losses import DEPTH_TERMS, MASK_TERMS
from fgbg_train.measure.exam import check_asked
from fgbg_train.metric_names import DEPTH_METRICS, MASK_METRICS, with_per_image
from fgbg_train.models.build import build_cascade
from fgbg_train.run import checkpoint
from fgbg_train.run.folder import CACHE, Resume, choose_folder, load_last
from fgbg_train.run.trackers import check_installed
from fgbg_train.schedule import AUTO, Schedule, automatic, parse, render, scale_epochs
from fgbg_train.settings import checked_location, checked_path

TRAIN, VAL = "train", "val"
COARSEST_PX = 32
"""Pixels of the image for one pixel of the last features of an encoder."""


@dataclass(frozen=True, kw_only=True)
class FitPlan:
    """A run that can start. `str(plan)` describes it, line by line, as `fgbg-train fit --dry-run` does."""

    data: str
    """Folder or URL of the dataset."""
    config: FitConfig
    """The configuration as it will run: with its schedule, and without depth if the dataset has none."""
    schedule: Schedule = field(repr=False)
    """Size, batch and learning rate of each step."""
    folder: Path
    """The folder of the run."""
    cache_folder: Path
    """The folder of the caches of resized samples. It is in the folder of the run, or, for a run on several machines,
    in the cache folder of each machine."""
    fingerprint: str
    """The fingerprint of the dataset."""
    readers: dict[str, SampleReader] = field(repr=False)
    """Readers of train and, if the dataset has it, val."""
    test_splits: tuple[str, ...]
    """Splits that are measured at the end of the run."""
    best_metric: str
    """The metric on val by which best.ckpt is chosen."""
    checkpoint: dict[str, Any] | None = field(repr=False)
    """The checkpoint from which the run resumes, or None for a new run."""
    depth_weights: dict[str, Any] | None = field(repr=False)
    """Weights of the depth network that the saliency objective keeps, or None for other objectives."""
    exam: Exam | None = field(repr=False, default=None)
    """Real pictures that are measured after each epoch, or None."""
    notes: list[str] = field(default_factory=list)
    """What the user should know."""

    @property
    def num_val(self) -> int:
        """Number of samples of val."""
        return self.readers[VAL].num_samples if VAL in self.readers else 0

    @property
    def num_measured(self) -> int:
        """Number of samples of val and of pictures of the exam, which are measured after each epoch."""
        return self.num_val + (len(self.exam.entries) if self.exam else 0)

    @property
    def caches(self) -> list[SizeCache]:
        """All caches of resized samples."""
        return [cache for reader in self.readers.values() for cache in reader.caches.values()]

    def __str__(self) -> str:
        schedule, train = self.schedule, self.readers[TRAIN]
        lines = [*self.notes, f"folder    {self.folder}"]
        lines.append(f"dataset   {self.data} ({self.fingerprint[:8]}), {train.full[1]}x{train.full[0]} px")
        tests = f"; tested at the end: {', '.join(self.test_splits)}" if self.test_splits else ""
        lines.append(f"samples   {train.num_samples} train, {self.num_val} val{tests}")
        lines.append(f"networks  {', '.join(self.config.model.used)} ({self.config.model.combine})")
        if train.has_depth and self.config.model.networks != "mask":
            lines.append(f"depth     {train.depth_field}")
        epoch = 0
        for stage in schedule.stages:
            step = schedule.step(schedule.first_step(epoch))
            height, width = size_at(train.full, stage.size_px)
            steps = schedule.first_step(epoch + stage.epochs) - schedule.first_step(epoch)
            lines.append(f"stage     {stage.epochs} epochs of {width}x{height} px, batch {step.batch}: {steps} steps")
            epoch += stage.epochs
        lines.append(f"steps     {schedule.total_steps}")
        gigabytes = sum(c.num_samples * row_bytes(c.size, depth=c.depth) for c in self.caches) / 1e9
        lines.append(f"cache     {gigabytes:.3f} GB of resized samples in {self.cache_folder}")
        lines.append(f"best      by {self.best_metric} on val")
        if self.exam is not None:
            pictures = counted(len(self.exam.entries), "picture")
            lines.append(f"exam      {pictures} of {self.exam.path}, after each epoch; they choose nothing")
        return "\n".join(lines)


def plan_fit(
    data: Path | str, config: FitConfig | None = None, *, out: Path | str | None = None, resume: Resume = "auto"
) -> FitPlan:
    """Check everything that `fit` checks, and return the plan of the run; nothing is written.

    >>> print(plan_fit("shards/", FitConfig(epochs=2)))  # doctest: +SKIP

    Args:
        data: folder or URL of the dataset.
        config: the configuration; None is that of the preset `small`.
        out: the folder of the run; None takes `runs/PRESET-DATASET`, with a number at its end for other settings.
        resume: `auto` resumes the run in the folder, `none` starts a new run in a new folder.

    Raises:
        FgbgError: the dataset, the configuration or the folder of the run cannot be used as asked.
    """
    one_of("resume", resume, ("auto", "none"))
    data = checked_location("data", data)
    config = config or FitConfig()
    if not isinstance(config, FitConfig):
        raise ConfigError(f"`config`: expected a FitConfig, found {type(config).__name__}")
    check_installed(config.trackers)
    splits, fingerprint = splits_of(data, TRAIN)
    if TRAIN not in splits:
        raise DataError(f"has no split 'train', only {', '.join(splits)}", where=data)
    readers = {
        s: SampleReader(data, s, config.limit, depth_field=config.depth_field, copies_gb=config.copies_gb)
        for s in (TRAIN, VAL)
        if s in splits
    }
    notes = [] if VAL in splits else [f"{data} has no split 'val': no best.ckpt; the last weights are tested"]
    if readers[TRAIN].unfinished:
        notes.append(f"{data}: its build is not finished; the finished samples are used")
    config, depth_weights = _with_depth_weights(config)
    config = _fit_to_fields(data, config, readers[TRAIN], notes)
    best_metric = _best_metric(config)
    _check_loss(config)

    parts = int(os.environ.get("WORLD_SIZE", config.devices)) * config.accumulate
    config = _with_schedule(config, readers[TRAIN], parts)
    schedule = Schedule(config.stages, readers[TRAIN].num_samples, parts)
    _check_sizes(schedule, parts)
    exam = open_exam(config.exam.photos, config.exam, progress=False) if config.exam.photos else None
    if exam is not None:
        check_asked(exam, config.model.networks)
        notes += [f"{exam.path}: {note}" for note in exam.notes]
    make_fabric(config, single=True)  # refuses a device that is missing
    folder = choose_folder(None if out is None else checked_path("out", out), config, fingerprint, resume, notes)
    last = load_last(folder, config, fingerprint, {name: reader.num_samples for name, reader in readers.items()})
    _check_networks(config, initial=last is None)
    caches = _cache_folder(folder, fingerprint)
    _plan_caches(readers, schedule, config, caches)
    if last is not None:
        notes.append(f"going on with {folder} after step {last['step']} of {schedule.total_steps}")
    return FitPlan(
        data=data,
        config=config,
        schedule=schedule,
        folder=folder,
        cache_folder=caches,
        fingerprint=fingerprint,
        readers=readers,
        test_splits=tuple(s for s in splits if s not in (TRAIN, VAL)),
        best_metric=best_metric,
        checkpoint=last,
        depth_weights=depth_weights,
        exam=exam,
        notes=notes,
    )


def _with_depth_weights(config: FitConfig) -> tuple[FitConfig, dict[str, Any] | None]:
    """Read the depth network that the saliency objective keeps, and put its name into the configuration."""
    if not config.depth_weights:
        return config, None
    path = checkpoint.find_checkpoint(config.depth_weights)
    state = checkpoint.load(path)
    trained = checkpoint.load_config(path, state).model
    if trained.networks == "mask":
        raise CheckpointError("holds no depth network", where=path)
    if trained.networks == "both" and trained.combine == "concat":
        raise CheckpointError(
            f"its depth network was trained with {option('combine', 'concat')} and needs a mask", where=path
        )
    prefix = "depth_net."
    weights = {k.removeprefix(prefix): v for k, v in (state["ema"] or state["model"]).items() if k.startswith(prefix)}
    model = dataclasses.replace(config.model, depth_net=trained.depth_net)
    return dataclasses.replace(config, model=model), weights


def _fit_to_fields(data: Path | str, config: FitConfig, train: SampleReader, notes: list[str]) -> FitConfig:
    """Leave out the depth network if there is no depth to learn; refuse a field that is asked for and missing."""
    model = config.model
    if not train.has_mask and model.networks != "depth" and model.objective == "supervised":
        raise DataError(f"holds no masks; {option('networks', 'depth')} trains the depth network alone", where=data)
    if train.has_depth or model.objective == "saliency" or model.networks == "mask":
        return config
    train.check_depth(required=config.depth_field != "depth")
    if model.networks == "depth":
        raise DataError("holds no depth to train a depth network with", where=data)
    notes.append(f"{data} holds no depth: the mask network is trained alone")
    return dataclasses.replace(config, model=dataclasses.replace(model, networks="mask"))


def _with_schedule(config: FitConfig, train: SampleReader, parts: int) -> FitConfig:
    """Put the schedule that will run into the configuration: chosen for the dataset, and scaled."""
    text = config.schedule
    if text == AUTO:
        text = automatic(train.num_samples, min(train.full), parts)
    if config.epochs:
        text = render(scale_epochs(parse(text), config.epochs))
    return dataclasses.replace(config, schedule=text, epochs=0)


def _best_metric(config: FitConfig) -> str:
    """Return the metric on val by which best.ckpt is chosen; refuse one that no trained network has."""
    networks = config.model.networks
    if config.best == "auto":
        return "rmse" if networks == "depth" else "mask_iou"
    names = (() if networks == "depth" else MASK_METRICS) + (() if networks == "mask" else DEPTH_METRICS)
    one_of("best", config.best, with_per_image(names))
    return config.best


def _check_networks(config: FitConfig, *, initial: bool) -> None:
    """Build the networks once, without memory for their weights, except for those that a hub must give."""
    fetched = initial and config.model.start == "timm"
    with torch.device("cpu" if fetched else "meta"):
        build_cascade(config.model, initial=fetched)


def _check_loss(config: FitConfig) -> None:
    """Refuse a network that no loss term would teach."""

    def require_one(what: str, terms: Collection[str]) -> None:
        if not any(getattr(config.loss, name) for name in terms):
            raise ConfigError(f"{what} has no loss: one of loss.{', loss.'.join(terms)} must not be 0")

    networks, supervised = config.model.networks, config.model.objective == "supervised"
    if supervised and networks != "depth":
        require_one("the mask network", MASK_TERMS)
    if networks != "mask":
        require_one("depth", DEPTH_TERMS)


def _check_sizes(schedule: Schedule, parts: int) -> None:
    """Refuse batches that cannot be cut evenly, and parts of one image in which batch norm would see a single value."""
    for stage in schedule.stages:
        if stage.batch % parts:
            raise ConfigError(
                f"a batch of {stage.batch} cannot be cut into {parts} equal parts (the processes of torchrun x "
                f"{option('accumulate')}). Use a {option('schedule')} whose batches can be cut evenly with every "
                "number of processes that the run will ever have"
            )
    for epoch in range(schedule.epochs):
        step = schedule.step(schedule.first_step(epoch))
        if step.batch == parts and step.size_px <= COARSEST_PX:
            raise ConfigError(
                f"stage {step.size_px} px: a device gets one image at a time, whose coarsest features are one pixel, "
                f"which is too little for batch norm; use larger batches, or images over {COARSEST_PX} px"
            )


def _cache_folder(folder: Path, fingerprint: str) -> Path:
    """Return where the resized samples of a run are kept.

    Processes of one machine share memory maps of them; machines that share only a network folder would not see what the
    others have written.
    """
    if int(os.environ.get("GROUP_WORLD_SIZE", 1)) == 1:
        return folder / CACHE
    name = hashlib.blake2b(f"{folder.resolve()}|{fingerprint}".encode(), digest_size=10).hexdigest()
    return cache_folder() / "runs" / name


def _plan_caches(readers: dict[str, SampleReader], schedule: Schedule, config: FitConfig, folder: Path) -> None:
    """Give readers the caches that fit, as files in a folder."""
    reads: dict[tuple[str, int], int] = {}
    for stage in schedule.stages:
        reads[TRAIN, stage.size_px] = reads.get((TRAIN, stage.size_px), 0) + stage.epochs
        for size_px in {stage.size_px, schedule.largest_px} if VAL in readers else ():
            reads[VAL, size_px] = reads.get((VAL, size_px), 0) + stage.epochs
    demands = []
    for (split, size_px), count in reads.items():
        reader = readers[split]
        row = row_bytes(size_at(reader.full, size_px), depth=reader.has_depth)
        demands.append(Demand(split=split, size_px=size_px, reads=count, bytes=row * reader.num_samples))
    for demand in plan_caches(demands, budget_bytes=config.cache_gb * 1e9, folder=folder):
        reader = readers[demand.split]
        size = size_at(reader.full, demand.size_px)
        label = "" if config.depth_field == "depth" else f"-{config.depth_field}"
        path = folder / f"{demand.split}-{demand.size_px}px{label}.rows"
        reader.caches[demand.size_px] = SizeCache(path, reader.num_samples, size, reader.has_depth)
