"""Layers, parameters and multiply-adds of the networks of a configuration; nothing is computed."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fgbg_train.config import ModelConfig
from fgbg_train.models.build import build_network
from fgbg_train.models.cascade import depth_channels


@dataclass(frozen=True, kw_only=True)
class Row:
    """One part of a network, its own parts included."""

    name: str
    kind: str
    output: str
    """Channels x height x width of what it gives."""
    parameters: int
    multiply_adds: int
    """For one image; convolutions and linear layers only."""


def multiply_adds(module: nn.Module, out: Tensor) -> int:
    """Return the multiply-adds that a convolution or linear layer needs for `out`; 0 for other modules."""
    if isinstance(module, nn.Conv2d):
        per_value = module.kernel_size[0] * module.kernel_size[1] * module.in_channels // module.groups
        return out.numel() * per_value
    if isinstance(module, nn.Linear):
        return out.numel() * module.in_features
    return 0


def trace(network: nn.Module, channels: int, size_px: int, *, name: str, levels: int) -> list[Row]:
    """Describe a network, of the meta device, on one square image; its own row comes first.

    Args:
        network: maps (1, channels, size_px, size_px) to logits.
        channels: what it reads.
        size_px: side of the image.
        name: what the network is called in the rows.
        levels: how many levels of its parts are listed.
    """
    outputs: dict[str, Tensor] = {}
    costs: dict[str, int] = {}

    def remember(path: str) -> "torch.utils.hooks.RemovableHandle":
        def hook(module: nn.Module, _inputs: object, out: object) -> None:
            if isinstance(out, Tensor):
                outputs[path] = out
                costs[path] = costs.get(path, 0) + multiply_adds(module, out)

        return network.get_submodule(path).register_forward_hook(hook)

    paths = [path for path, _ in network.named_modules()]
    handles = [remember(path) for path in paths]
    with torch.no_grad():
        network.eval()(torch.empty(1, channels, size_px, size_px, device="meta"))
    for handle in handles:
        handle.remove()

    rows = []
    for path in paths:
        module = network.get_submodule(path)
        parameters = sum(p.numel() for p in module.parameters())
        if path and (path.count(".") >= levels or not parameters):
            continue
        inside = [c for p, c in costs.items() if p == path or not path or p.startswith(f"{path}.")]
        shape = "x".join(map(str, outputs[path].shape[1:])) if path in outputs else ""
        rows.append(
            Row(
                name=f"{name}.{path}" if path else name,
                kind=type(module).__name__,
                output=shape,
                parameters=parameters,
                multiply_adds=sum(inside),
            )
        )
    return rows


def describe(model: ModelConfig, size_px: int, levels: int = 1) -> list[list[Row]]:
    """Describe every network of a configuration at an image size."""
    tables = []
    alone = model.networks == "depth"
    roles = {
        "mask": (model.mask_net, 3),
        "depth": (model.depth_net, depth_channels(model.combine, alone=alone)),
    }
    for role, (name, channels) in roles.items():
        if model.networks in ("both", role):
            with torch.device("meta"):
                network = build_network(name, in_channels=channels)
            tables.append(trace(network, channels, size_px, name=role, levels=levels))
    return tables
