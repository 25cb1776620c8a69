"""Where a run computes: one code path for a CPU, one GPU, several GPUs, and several machines under torchrun.

lightning-fabric was chosen over accelerate because it leaves the loop, the loader and the files to us, and prepares
nothing by itself (accelerate reads iterable data on one process by default).
"""

import os
import platform
from typing import Any

import torch
from lightning_fabric import Fabric

from fgbg_data.errors import option
from fgbg_data.options import one_of
from fgbg_train.config import FitConfig
from fgbg_train.errors import ConfigError

PRECISIONS = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}
"""Precision of `FitConfig` -> its name in lightning-fabric."""


def make_fabric(config: FitConfig, *, single: bool = False) -> Fabric:
    """Return the fabric of a configuration, not yet launched.

    Under torchrun the processes exist already, and their number replaces `devices`.

    Args:
        config: says which device, how many, and with which precision.
        single: check the whole configuration, but use one device and no other process.

    Raises:
        ConfigError: this machine has no such device, or too few of them.
    """
    device = resolve_device(config.device)
    per_machine = int(os.environ.get("LOCAL_WORLD_SIZE", config.devices))
    machines = int(os.environ.get("GROUP_WORLD_SIZE", 1))
    if device == "cuda" and per_machine > torch.cuda.device_count():
        raise ConfigError(f"{option('devices', per_machine)}: this machine has {torch.cuda.device_count()} GPUs")
    several = per_machine * machines > 1
    if device == "mps" and several:
        raise ConfigError(f"{option('devices', per_machine)}: several devices work with cpu and cuda, not with mps")
    if single:
        per_machine, machines, several = 1, 1, False
    return Fabric(
        accelerator=device,
        devices=per_machine,
        num_nodes=machines,
        strategy="ddp" if several else "auto",
        precision=PRECISIONS[config.precision],  # type: ignore[arg-type]
    )


def resolve_device(name: str) -> str:
    """Return cpu, cuda or mps; `auto` takes a GPU if there is one.

    Raises:
        ConfigError: this machine has no such device.
    """
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return next(device for device in ("cuda", "mps", "cpu") if available[device])
    one_of("device", name, ("auto", *available))
    if not available[name]:
        raise ConfigError(
            f"{option('device', name)}: this machine has none that torch {torch.__version__} can use; use "
            f"{option('device', 'cpu')}"
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
    """Return the sum of a tensor over all processes, element by element."""
    summed = fabric.all_reduce(values, reduce_op="sum")
    assert isinstance(summed, torch.Tensor)  # because `values` is a tensor
    return summed


def describe_machine(fabric: Fabric) -> dict[str, Any]:
    """Return the hardware and platform of a run, for its summary."""
    cuda = fabric.device.type == "cuda"
    return {
        "device": fabric.device.type,
        "gpu": torch.cuda.get_device_name(fabric.device) if cuda else "",
        "processes": fabric.world_size,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "platform": platform.platform(),
    }
