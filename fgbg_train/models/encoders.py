"""Encoders: those of timm, and the weights with which the depth estimator embedded in `fgbg_data` can start one."""

from typing import Any

import torch
from torch import nn

from fgbg_train.errors import ConfigError
from fgbg_train.network_names import check_encoder


def timm_encoder(name: str, in_channels: int, pretrained: bool, levels: int) -> Any:
    """Build an encoder of timm as a network that returns a list of features, finest first.

    Args:
        name: its name in timm.
        in_channels: number of channels that it reads.
        pretrained: load the weights of timm, from a hub.
        levels: 4 for features at strides 4, 8, 16 and 32 at the end of the list; 5 for stride 2 as well.

    Raises:
        ConfigError: timm does not know the name, its weights cannot be loaded, or the encoder has other strides.
    """
    import timm

    check_encoder(name)
    try:
        encoder: Any = timm.create_model(name, features_only=True, in_chans=in_channels, pretrained=pretrained)
        reductions = encoder.feature_info.reduction()
    except (RuntimeError, AttributeError) as error:
        raise ConfigError(f"{name} cannot be used as an encoder: {error}") from error
    except OSError as error:  # the hub cannot be reached
        raise ConfigError(f"the pretrained weights of {name} cannot be loaded: {error}") from error
    wanted = [4, 8, 16, 32] if levels == 4 else [2, 4, 8, 16, 32]
    if reductions[-levels:] != wanted:
        raise ConfigError(f"{name} has features at strides {reductions}; expected {wanted} at the end of the list")
    return encoder


def start_from_tiny(network: nn.Module) -> None:
    """Give the encoder of a network, an EfficientNet-Lite0, the weights of the embedded depth estimator.

    These weights are for RGB. The weights of a fourth channel, the mask, start at zero.
    """
    from fgbg_data.depth.tiny import encoder_weights

    encoder = network.get_submodule("encoder")
    weights = encoder_weights()
    own = encoder.state_dict()["conv_stem.weight"]  # (32, 3 or 4, 3, 3)
    stem = torch.zeros_like(own)
    stem[:, :3] = weights["conv_stem.weight"]
    encoder.load_state_dict({**weights, "conv_stem.weight": stem})
