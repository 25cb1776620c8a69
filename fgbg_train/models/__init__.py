"""The networks by name: `FAMILY` or `FAMILY:ENCODER`, such as `hu2019:resnet50`.

A new network is one module and one row here. Nothing heavy is imported before a network is built.
"""

from __future__ import annotations

import difflib
import importlib
from typing import TYPE_CHECKING, NamedTuple

from fgbg_train.errors import ConfigError

if TYPE_CHECKING:
    from torch import nn

    from fgbg_train.config import ModelConfig
    from fgbg_train.models.cascade import Cascade


class Family(NamedTuple):
    """A family of networks: where its class is, and the encoder that it has when none is named."""

    target: str
    encoder: str | None


FAMILIES = {
    "hu2019": Family("fgbg_train.models.hu2019:Hu2019", "resnet50"),
    "light": Family("fgbg_train.models.hu2019:Light", "efficientnet_lite0"),
    "autoed": Family("fgbg_train.models.drn:AutoED", None),
}


def split_name(name: str) -> tuple[str, str | None]:
    """Split `FAMILY[:ENCODER]`; the family's own encoder where none is named.

    >>> split_name("light")
    ('light', 'efficientnet_lite0')

    Raises:
        ConfigError: there is no such family, or it takes no encoder.
    """
    family, colon, encoder = name.partition(":")
    if family not in FAMILIES:
        near = difflib.get_close_matches(family, FAMILIES, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(FAMILIES)}"
        raise ConfigError(f"network {name!r}: no family {family!r}; {hint}")
    default = FAMILIES[family].encoder
    if not colon:
        return family, default
    if default is None:
        raise ConfigError(f"network {name!r}: {family} has its own encoder; write {family!r}")
    if not encoder:
        raise ConfigError(f"network {name!r}: an encoder is missing after the colon")
    return family, encoder


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
    from fgbg_train.models.tiny import start_from_tiny

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
