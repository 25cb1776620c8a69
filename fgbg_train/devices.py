"""Where a run computes: one code path for CPU, one GPU, several, and several machines under torchrun.

lightning-fabric was chosen over accelerate: it is thin, leaves the loop, the loader and the files to us,
and prepares nothing behind our back (accelerate reads iterable data on one process by default).
"""

import os
import platform
from typing import Any

import torch
from lightning_fabric import Fabric

from fgbg_data.errors import option
from fgbg_train.config import FitConfig
from fgbg_train.errors import ConfigError

PRECISIONS = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}


def make_fabric(config: FitConfig) -> Fabric:
    """Return the fabric of a configuration, not yet launched.

    Under torchrun the processes are there already, and their number wins over `devices`.

    Raises:
        ConfigError: the device asked for is not there.
    """
    device = resolve_device(config.device)
    per_machine = int(os.environ.get("LOCAL_WORLD_SIZE", config.devices))
    machines = int(os.environ.get("GROUP_WORLD_SIZE", 1))
    if device == "cuda" and per_machine > torch.cuda.device_count():
        raise ConfigError(f"{option('devices', per_machine)}: this machine has {torch.cuda.device_count()} GPUs")
    several = per_machine * machines > 1
    if device == "mps" and several:
        raise ConfigError("several devices work with cpu and cuda, not with mps")
    return Fabric(
        accelerator=device,
        devices=per_machine,
        num_nodes=machines,
        strategy="ddp" if several else "auto",
        precision=PRECISIONS[config.precision],  # type: ignore[arg-type]
    )


def resolve_device(name: str) -> str:
    """Return cpu, cuda or mps; `auto` takes a GPU where there is one.

    Raises:
        ConfigError: there is no such device here.
    """
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return next(device for device in ("cuda", "mps", "cpu") if there[device])
    if name not in there:
        raise ConfigError(f"{option('device', name)}: one of auto, {', '.join(there)} is needed")
    if not there[name]:
        raise ConfigError(
            f"{option('device', name)}: there is none on this machine that torch {torch.__version__} can use"
        )
    return name


def gather(fabric: Fabric, value: Any) -> list[Any]:
    """Return the values of all processes, in the order of their ranks."""
    if fabric.world_size == 1:
        return [value]
    values: list[Any] = [None] * fabric.world_size
    torch.distributed.all_gather_object(values, value)
    return values


def sum_over_processes(fabric: Fabric, values: torch.Tensor) -> torch.Tensor:
    """Return the sums of a tensor's values over all processes."""
    summed = fabric.all_reduce(values, reduce_op="sum")
    assert isinstance(summed, torch.Tensor)  # as `values` is one
    return summed


def describe_machine(fabric: Fabric) -> dict[str, Any]:
    """Return what a run was computed on, for its summary."""
    cuda = fabric.device.type == "cuda"
    return {
        "device": fabric.device.type,
        "gpu": torch.cuda.get_device_name(fabric.device) if cuda else "",
        "processes": fabric.world_size,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "platform": platform.platform(),
    }
