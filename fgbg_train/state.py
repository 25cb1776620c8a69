"""What changes while a run goes on: built, saved and brought back whole."""

import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn

from fgbg_train.config import FitConfig, to_table
from fgbg_train.devices import gather
from fgbg_train.measure.tally import Tally
from fgbg_train.models.build import build_cascade
from fgbg_train.models.cascade import Cascade
from fgbg_train.prepare import Plan
from fgbg_train.run import checkpoint
from fgbg_train.run.folder import LAST


@dataclass(kw_only=True)
class State:
    """All that changes while a run goes on, and nothing else: what a checkpoint holds."""

    model: Cascade
    ema: Cascade | None
    """The averaged model, if one is kept."""
    optimizer: torch.optim.Optimizer
    step: int = 0
    """Steps that are finished."""
    tally: Tally = field(default_factory=Tally)
    """Of this process's training batches so far in this epoch."""
    best: dict[str, Any] = field(default_factory=dict)
    """Metric, value, epoch and image size of best.ckpt."""
    skipped: int = 0
    """Samples that could not be read and were replaced."""

    @property
    def measured(self) -> Cascade:
        """The model that is validated and kept."""
        return self.ema or self.model


def build_state(plan: Plan, fabric: Fabric) -> tuple[State, Any, Any]:
    """Build model and optimizer at the start of a run, or as the checkpoint has them.

    Returns:
        The state, and the network to call and the optimizer to step as `fabric` wraps them.
    """
    config, last = plan.config, plan.checkpoint
    torch.manual_seed(config.seed)
    model: Any = build_cascade(config.model, initial=last is None)
    if plan.depth_weights is not None:
        checkpoint.load_weights(model.depth_net, plan.depth_weights, Path(config.depth_weights))
    if last is not None:
        checkpoint.load_weights(model, last["model"], plan.folder / LAST)
    model = model.to(memory_format=torch.channels_last)
    if fabric.world_size > 1 and fabric.device.type == "cuda":
        model = nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
    ema = copy.deepcopy(model).requires_grad_(False).eval() if config.ema else None
    if ema is not None:
        ema.to(fabric.device)
    optimizer = make_optimizer(model, config)
    compiled: Any = torch.compile(model, dynamic=False) if config.compile else model
    network, stepper = fabric.setup(compiled, optimizer)
    state = State(model=model, ema=ema, optimizer=optimizer)
    if last is not None:
        optimizer.load_state_dict(last["optimizer"])
        if ema is not None:
            checkpoint.load_weights(ema, last["ema"], plan.folder / LAST)
        if last["scaler"] is not None:
            fabric.strategy.precision.load_state_dict(last["scaler"])
        state.step, state.best, state.skipped = last["step"], last["best"], last["skipped"]
        if fabric.is_global_zero:  # the sums of all processes were saved together
            state.tally = Tally.from_state(last["tally"])
    return state, network, stepper


def make_optimizer(model: nn.Module, config: FitConfig) -> torch.optim.Optimizer:
    """Make the optimizer; biases and batch norm do not decay."""
    learned = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in learned if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in learned if p.ndim <= 1], "weight_decay": 0.0},
    ]
    fused = config.precision != "16"  # the gradient scaler cannot clip for fused ones
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=config.lr, momentum=0.9, nesterov=True, fused=fused)
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    return kind(groups, lr=config.lr, fused=fused)


def save(path: Path, state: State, plan: Plan, fabric: Fabric, *, weights_only: bool = False) -> None:
    """Write a checkpoint from the first process; every process must call it.

    With `weights_only`, what only resuming needs is left out.
    """
    tally = merged(state.tally, fabric)
    if not fabric.is_global_zero:
        return
    resuming = {
        "optimizer": state.optimizer.state_dict(),
        "scaler": fabric.strategy.precision.state_dict() or None,
        "tally": tally.state(),
    }
    epoch = plan.schedule.step(state.step - 1).epoch
    checkpoint.save(
        path,
        {
            "config": to_table(plan.config),
            "fingerprint": plan.fingerprint,
            "samples": {name: reader.num_samples for name, reader in plan.readers.items()},
            "size_px": plan.schedule.stage(epoch).size_px,
            "epoch": epoch,
            "step": state.step,
            "model": state.model.state_dict(),
            "ema": None if state.ema is None else state.ema.state_dict(),
            "best": state.best,
            "skipped": state.skipped,
            **(dict.fromkeys(resuming) if weights_only else resuming),
        },
    )


def merged(tally: Tally, fabric: Fabric) -> Tally:
    """Return the sums of all processes."""
    total = Tally()
    for part in gather(fabric, tally.state()):
        total = total.merge(Tally.from_state(part))
    return total


@torch.no_grad()
def average(ema: Cascade, model: Cascade, decay: float, step: int) -> None:
    """Move the averaged weights towards the model's; in the first steps faster, so that they forget the start.

    Source: Polyak & Juditsky 1992; warm-up as in TensorFlow's ExponentialMovingAverage.
    """
    share = 1 - min(decay, (1 + step) / (10 + step))
    for old, new in zip(ema.state_dict().values(), model.state_dict().values(), strict=True):
        if old.is_floating_point():
            old.lerp_(new, share)
        else:
            old.copy_(new)
