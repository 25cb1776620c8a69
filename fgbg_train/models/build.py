"""Builds networks from their names, and the cascade from its configuration."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from fgbg_train.network_names import FAMILIES, split_name

if TYPE_CHECKING:
    from torch import nn

    from fgbg_train.config import ModelConfig
    from fgbg_train.models.cascade import Cascade


def build_network(name: str, *, in_channels: int = 3, pretrained: bool = False) -> nn.Module:
    """Build one network, which turns (B, in_channels, H, W) floats into (B, 1, H, W) logits.

    Args:
        name: `FAMILY` or `FAMILY:ENCODER`.
        in_channels: number of channels of the images.
        pretrained: load the weights of timm into the encoder.

    Raises:
        ConfigError: there is no such network, or its weights cannot be loaded.
    """
    family, encoder = split_name(name)
    module, _, attribute = FAMILIES[family].target.partition(":")
    network: type[nn.Module] = getattr(importlib.import_module(module), attribute)
    if encoder is None:
        return network(in_channels=in_channels)
    return network(encoder=encoder, in_channels=in_channels, pretrained=pretrained)


def build_cascade(config: ModelConfig, *, initial: bool = True) -> Cascade:
    """Build the cascade that a configuration describes.

    Args:
        config: names of the networks, and how they are joined.
        initial: give encoders the weights at the start of a run; not needed if weights are loaded afterwards.

    Raises:
        ConfigError: there is no such network, or its weights cannot be loaded.
    """
    from fgbg_train.models.cascade import Cascade, depth_channels
    from fgbg_train.models.encoders import start_from_tiny

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
