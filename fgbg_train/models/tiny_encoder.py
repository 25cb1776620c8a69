"""Start an encoder from the weights that the embedded depth estimator of `fgbg_data` carries."""

import torch
from torch import nn


def start_from_tiny(network: nn.Module) -> None:
    """Give the encoder of a network, an EfficientNet-Lite0, the estimator's weights.

    They are for RGB; the weights of a further channel, the mask's, start at zero.
    """
    from fgbg_data.depth.tiny import encoder_weights

    encoder = network.get_submodule("encoder")
    weights = encoder_weights()
    own = encoder.state_dict()["conv_stem.weight"]  # (32, 3 or 4, 3, 3)
    stem = torch.zeros_like(own)
    stem[:, :3] = weights["conv_stem.weight"]
    encoder.load_state_dict({**weights, "conv_stem.weight": stem})
