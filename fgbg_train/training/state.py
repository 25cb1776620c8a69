"""What changes while a run goes on: it is built at the start, saved in checkpoints, and restored from them."""

import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn

from fgbg_train.config import FitConfig
from fgbg_train.errors import CheckpointError
from fgbg_train.measure.tally import Tally
from fgbg_train.models.build import build_cascade
from fgbg_train.models.cascade import Cascade
from fgbg_train.run import checkpoint
from fgbg_train.run.checkpoint import LAST
from fgbg_train.training.plan import FitPlan


@dataclass(kw_only=True)
class State:
    """Everything that changes while a run goes on, and so everything that a checkpoint holds."""

    model: Cascade
    """The networks that are trained."""
    ema: Cascade | None
    """The networks with averaged weights, or None if the run does not average."""
    optimizer: torch.optim.Optimizer
    """The optimizer, with its moments."""
    network: Any
    """The model to call in training: compiled, and wrapped by fabric."""
    stepper: Any
    """The optimizer to step, wrapped by fabric."""
    step: int = 0
    """Number of finished steps."""
    tally: Tally = field(default_factory=Tally)
    """Sums over the training batches of this process in the current epoch."""
    best: dict[str, Any] = field(default_factory=dict)
    """Metric, value, epoch and image size of best.ckpt; empty before there is one."""
    skipped: int = 0
    """Number of samples that could not be read and were replaced."""

    @property
    def measured(self) -> Cascade:
        """The model that is validated and kept."""
        return self.ema or self.model


def build_state(plan: FitPlan, fabric: Fabric) -> State:
    """Build the state at the start of a run, or restore it from the checkpoint of the plan."""
    config, last = plan.config, plan.checkpoint
    torch.manual_seed(config.seed)
    model: Any = build_cascade(config.model, initial=last is None)
    if plan.depth_weights is not None:
        checkpoint.load_weights(model.depth_net, plan.depth_weights, checkpoint.find_checkpoint(config.depth_weights))
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
    state = State(model=model, ema=ema, optimizer=optimizer, network=network, stepper=stepper)
    if last is not None:
        try:
            optimizer.load_state_dict(last["optimizer"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CheckpointError(
                f"is damaged: its optimizer cannot be used ({error})", where=plan.folder / LAST
            ) from error
        if ema is not None:
            checkpoint.load_weights(ema, last["ema"], plan.folder / LAST)
        if last["scaler"] is not None:
            fabric.strategy.precision.load_state_dict(last["scaler"])
        state.step, state.best, state.skipped = last["step"], last["best"], last["skipped"]
        if fabric.is_global_zero:  # the checkpoint holds the sums of all processes together
            state.tally = Tally.from_state(last["tally"])
    return state


def make_optimizer(model: nn.Module, config: FitConfig) -> torch.optim.Optimizer:
    """Make the optimizer; biases and batch norm get no weight decay."""
    learned = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in learned if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in learned if p.ndim <= 1], "weight_decay": 0.0},
    ]
    fused = config.precision != "16"  # the gradient scaler cannot clip for fused optimizers
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=config.lr, momentum=0.9, nesterov=True, fused=fused)
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    return kind(groups, lr=config.lr, fused=fused)


def save(path: Path, state: State, plan: FitPlan, fabric: Fabric, *, weights_only: bool = False) -> None:
    """Write a checkpoint from the first process; every process must call this.

    Args:
        path: the file.
        state: what is saved.
        plan: the plan of the run.
        fabric: the launched fabric.
        weights_only: leave out what only resuming needs.

    Raises:
        StorageError: the file cannot be written.
    """
    tally = state.tally.over_processes(fabric)
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
            "config": plan.config.to_table(),
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


@torch.no_grad()
def average(ema: nn.Module, model: nn.Module, decay: float, step: int) -> None:
    """Move the averaged weights towards those of the model; faster in the first steps, so that the start is forgotten.

    Source: Polyak & Juditsky 1992; warm-up as in ExponentialMovingAverage of TensorFlow.

    Args:
        ema: has the averaged weights.
        model: has the current weights.
        decay: share of the average that stays, after the first steps.
        step: number of the step, from 0.
    """
    share = 1 - min(decay, (1 + step) / (10 + step))
    for old, new in zip(ema.state_dict().values(), model.state_dict().values(), strict=True):
        if old.is_floating_point():
            old.lerp_(new, share)
        else:
            old.copy_(new)
