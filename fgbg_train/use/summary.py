"""Layers, parameters and multiply-adds of the networks of a configuration; nothing is computed."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from fgbg_data.options import at_least
from fgbg_train.config import FitConfig
from fgbg_train.models.build import build_network
from fgbg_train.models.cascade import depth_channels
from fgbg_train.run.checkpoint import find_checkpoint, load, load_config


@dataclass(frozen=True, kw_only=True)
class LayerRow:
    """One part of a network, with everything inside it."""

    name: str
    """`mask` or `depth`, and the path of the part in that network."""
    kind: str
    """Name of its class."""
    output: str
    """Channels x height x width of what it returns."""
    parameters: int
    """Number of parameters."""
    multiply_adds: int
    """Number of multiply-adds for one image, of convolutions and linear layers only."""


def summary(
    config: FitConfig | Path | str | None = None, *, size_px: int = 64, levels: int = 1
) -> dict[str, list[LayerRow]]:
    """Describe the networks of a configuration.

    >>> summary(FitConfig.preset("eva4"))["mask"][0].parameters
    67569473

    Args:
        config: the configuration, or a run or checkpoint that holds it; None is that of the preset `small`.
        size_px: side of the square image for which multiply-adds are counted, in pixels.
        levels: how many levels of nested parts are listed.

    Returns:
        `mask` and `depth`, as far as they are trained -> the network itself, and then its parts.

    Raises:
        ConfigError: a network cannot be built.
        CheckpointError: the checkpoint cannot be used.
    """
    at_least("size_px", size_px, 1)
    at_least("levels", levels, 0)
    if config is not None and not isinstance(config, FitConfig):
        path = find_checkpoint(config)
        config = load_config(path, load(path))
    model = (config or FitConfig()).model
    roles = {
        "mask": (model.mask_net, 3),
        "depth": (model.depth_net, depth_channels(model.combine, alone=model.networks == "depth")),
    }
    tables = {}
    for role, (name, channels) in roles.items():
        if model.networks in ("both", role):
            with torch.device("meta"):
                network = build_network(name, in_channels=channels)
            tables[role] = trace(network, channels, size_px, name=role, levels=levels)
    return tables


def trace(network: nn.Module, channels: int, size_px: int, *, name: str, levels: int) -> list[LayerRow]:
    """Describe a network on the meta device by passing one square image through it; its own row comes first.

    Args:
        network: turns (1, channels, size_px, size_px) into logits.
        channels: number of channels that it reads.
        size_px: side of the image.
        name: name of the network in the rows.
        levels: how many levels of nested parts are listed.
    """
    outputs: dict[str, Tensor] = {}
    costs: dict[str, int] = {}

    def remember(path: str) -> RemovableHandle:
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
        inside = [cost for p, cost in costs.items() if p == path or not path or p.startswith(f"{path}.")]
        shape = "x".join(map(str, outputs[path].shape[1:])) if path in outputs else ""
        rows.append(
            LayerRow(
                name=f"{name}.{path}" if path else name,
                kind=type(module).__name__,
                output=shape,
                parameters=parameters,
                multiply_adds=sum(inside),
            )
        )
    return rows


def multiply_adds(module: nn.Module, out: Tensor) -> int:
    """Return the multiply-adds that a convolution or linear layer needs for `out`; 0 for other modules."""
    if isinstance(module, nn.Conv2d):
        per_value = module.kernel_size[0] * module.kernel_size[1] * module.in_channels // module.groups
        return out.numel() * per_value
    if isinstance(module, nn.Linear):
        return out.numel() * module.in_features
    return 0
