"""Networks from their names, and the cascade from its configuration."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from fgbg_train.network_names import FAMILIES, split_name

if TYPE_CHECKING:
    from torch import nn

    from fgbg_train.config import ModelConfig
    from fgbg_train.models.cascade import Cascade


def build_network(name: str, *, in_channels: int = 3, pretrained: bool = False) -> nn.Module:
    """Build one network, which maps (B, in_channels, H, W) float to (B, 1, H, W) logits."""
    family, encoder = split_name(name)
    module, _, attribute = FAMILIES[family].target.partition(":")
    network: type[nn.Module] = getattr(importlib.import_module(module), attribute)
    if encoder is None:
        return network(in_channels=in_channels)
    return network(encoder=encoder, in_channels=in_channels, pretrained=pretrained)


def build_cascade(config: ModelConfig, *, initial: bool = True) -> Cascade:
    """Build the cascade that a configuration describes.

    Args:
        config: which networks.
        initial: start the encoders as the configuration says; not needed where weights are loaded anyway.
    """
    from fgbg_train.models.cascade import Cascade, depth_channels
    from fgbg_train.models.tiny_encoder import start_from_tiny

    timm_weights = initial and config.start == "timm"
    mask_net = depth_net = None
    if config.networks != "depth":
        mask_net = build_network(config.mask_net, pretrained=timm_weights)
    if config.networks != "mask":
        channels = depth_channels(config.combine, alone=config.networks == "depth")
        depth_net = build_network(config.depth_net, in_channels=channels, pretrained=timm_weights)
    if initial and config.start == "tiny":
        for network in (mask_net, depth_net):
            if network is not None:
                start_from_tiny(network)
    return Cascade(
        mask_net,
        depth_net,
        config.combine,
        saliency=config.objective == "saliency",
        freeze_norm=config.freeze_norm,
        freeze_encoder=config.freeze_encoder,
    )
